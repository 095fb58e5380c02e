"""Decisions that a file of the configuration leaves open, as comments: `-- TODO: ...` or `# TODO: ...` (SRC-11)."""

import re

TODO = "TODO"
OPEN = re.compile(rf"(?:--|#|/\*).*?\b{TODO}:\s*(.+?)\s*(?:\*/)?$")


def open_decisions(text: str) -> list[tuple[int, str]]:
    """Line numbers, and what is to decide there."""
    lines = enumerate(text.splitlines(), start=1)
    return [(number, found[1]) for number, line in lines if (found := OPEN.search(line))]
