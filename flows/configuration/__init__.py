"""`pipeline.toml`: read, checked, and its secrets known."""
