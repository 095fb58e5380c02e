"""The blind expert review of a model."""
