"""The settings of models."""
