"""Rules, lifecycle, deadlines and messages of alerts."""
