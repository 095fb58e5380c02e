"""Settings that had another name in an earlier version: refused, with the name of today."""

from collections.abc import Mapping

RENAMED: Mapping[str, str] = {}
"""The whole key of then, and the key of today in the same section."""
