"""Models in MLflow."""
