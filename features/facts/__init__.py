"""Canonical tables, and what of them was known at an instant."""
