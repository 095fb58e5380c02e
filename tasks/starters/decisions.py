"""Decisions that a file of the configuration leaves open, as comments: `-- TODO: ...` or `# TODO: ...` (SRC-11)."""

import re
from collections.abc import Mapping
from pathlib import Path

TODO = "TODO"
OPEN = re.compile(rf"(?:--|#|/\*).*?\b{TODO}:\s*(.+?)\s*(?:\*/)?$")


def open_decisions(text: str) -> list[tuple[int, str]]:
    """Line numbers, and what is to decide there."""
    lines = enumerate(text.splitlines(), start=1)
    return [(number, found[1]) for number, line in lines if (found := OPEN.search(line))]


def undecided(mappings: Mapping[str, Path]) -> dict[str, str]:
    """A sentence per table whose mapping leaves something to decide."""
    found = {table: open_decisions(path.read_text(encoding="utf-8")) for table, path in mappings.items()}
    return {
        table: f"Decide first what {mappings[table].name} leaves open (TODO in line {lines[0][0]})."
        for table, lines in found.items()
        if lines
    }
