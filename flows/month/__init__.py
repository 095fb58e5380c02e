"""The weeks of a month, from outreach to results."""
