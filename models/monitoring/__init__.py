"""Drift of inputs and outcomes, and estimates before outcomes are known."""
