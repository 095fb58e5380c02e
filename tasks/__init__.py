"""DOING: input and output, retries, logging; thin."""
