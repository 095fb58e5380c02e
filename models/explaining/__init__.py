"""Contributions of inputs to a probability, and importance."""
