"""Scripts that grade rather than test: each writes a page docs/reference/results/*.md."""
