"""Edits of a SELECT's text, by the places of its characters."""

from collections.abc import Sequence
from dataclasses import dataclass

DIALECT = "postgres"
"""Starters are written in what PostgreSQL and DuckDB share."""


@dataclass(frozen=True)
class Edit:
    """Text in place of the characters [start, end)."""

    start: int
    end: int
    text: str


def edited(sql: str, edits: Sequence[Edit]) -> str:
    """The text with these edits; one inside a larger one goes with it."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= at:
            pieces += [sql[at : edit.start], edit.text]
            at = edit.end
    return "".join([*pieces, sql[at:]])
