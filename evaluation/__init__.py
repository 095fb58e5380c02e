"""What is graded, not tested: each script writes a page docs/reference/results/*.md."""
