"""Texts from customers and people as they may be shown and stored: they are data, never commands (TRU-4)."""

import re

COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and line feed, DEL, C1: a terminal obeys them
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: they show text in another order
    "\ud800-\udfff]"  # halves of a character, which no encoding can write
)
"""Characters that a terminal obeys instead of showing, or cannot show."""
BREAKS = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def visible(text: str) -> str:
    r"""The text with every character that a terminal would obey written out, as JSON writes it: `\u001b`.

    Tabs and line feeds stay: see `one_line`.
    """
    return COMMANDS.sub(lambda match: BREAKS.get(match[0]) or f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    r"""The same on one line, so that no name can begin a line of its own; tabs and line feeds are `\t` and `\n`."""
    return visible(text).replace("\n", BREAKS["\n"]).replace("\t", BREAKS["\t"])


def storable(text: str) -> bool:
    """Whether every database can store the text: PostgreSQL takes no NUL, and none takes half a character."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
