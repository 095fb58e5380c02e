"""What the values of a column leave to decide: words that a mapping does not know, or takes for something (SRC-11)."""

import re
from collections.abc import Iterator

from keepwell.tasks.starters.adapted import adapted
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.recognition import System
from keepwell.tasks.starters.starter import Words

MANY = 6
"""Values that a message names."""
LONGEST = 40


def open_words(system: System, table: str, answers: Answers) -> Iterator[str]:
    """What is to decide about the values that a canonical table is made of, with these values."""
    for words in system.starter.words:
        found = system.tables.get(words.source)
        if words.of != table or found is None or (name := found.column(words.column)) is None:
            continue
        asked = f"SELECT t.{words.column} AS value, COUNT(*) AS many FROM {words.source} AS t GROUP BY t.{words.column}"
        rows = answers.rows(adapted(asked, system, answers.dialect).text) or ()
        named = sorted((-int(row["many"]), str(row["value"])) for row in rows if _to_name(words, row["value"]))
        if named:
            yield words.message.format(values=_list([value for _, value in named]), column=f"{found.place}.{name}")


def _to_name(words: Words, value: object) -> bool:
    said = str(value or "").strip()
    return bool(said) and (re.fullmatch(words.pattern, said, re.IGNORECASE) is not None) == words.matching


def _list(values: list[str]) -> str:
    """The first values, each on one short line: they stand in a comment."""
    short = ["".join(c if c.isprintable() else "?" for c in " ".join(value.split()))[:LONGEST] for value in values]
    more = f" and {len(short) - MANY} more" if len(short) > MANY else ""
    return ", ".join(short[:MANY]) + more
