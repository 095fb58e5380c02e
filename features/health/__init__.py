"""The health score, its change and its words."""
