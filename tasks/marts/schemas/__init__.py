"""Columns, types and keys of the published marts."""
