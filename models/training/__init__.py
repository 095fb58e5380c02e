"""Splits, inputs, candidates, selection, and the model as it is stored."""
