"""Metrics, their intervals, rates and ratios."""
