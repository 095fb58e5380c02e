"""Data checks with Great Expectations."""
