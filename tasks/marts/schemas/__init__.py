"""Columns, types and keys of what is published."""
