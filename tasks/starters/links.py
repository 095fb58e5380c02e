"""Which accounts a system's own ids mean: by a column of one side that names the other, or through a third system."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from textwrap import indent

from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.starters.adapted import adapted, gives
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.recognition import System
from keepwell.tasks.starters.starter import Link

ACCOUNTS = "accounts"
ENOUGH = 0.95
"""Share of a system's own accounts that a link has to have: `check` refuses the ids of all others."""
OPEN_COLUMNS = ("metadata", "custom_fields", "custom_attributes", "organization_fields", "properties", "traits")
"""Columns of JSON into which a company writes what it likes, also ids of other systems."""
SAMPLE, MANY = 1000, 6
"""Rows whose keys of JSON are looked at, and keys that a message names."""
KEY = re.compile(r"[\w .:-]{1,40}")
"""What a message names of them: it stands in a comment of one line."""


@dataclass(frozen=True)
class Linked:
    """The SELECT of own ids and accounts, None where no column has them; `doubt`: what to decide about it."""

    sql: str | None
    doubt: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many ids a link has, and how many of them both systems have.

    `own`: the system's own accounts, none where it does not give them; `covered`: those of them that the link has.
    """

    linked: int
    found: int
    own: int
    covered: int


def link_of(system: System, home: System, systems: Sequence[System], answers: Answers) -> Linked:
    """The link with the most ids that both sides have; where nobody can look at them, the first with the columns."""
    best, every = Linked(None), list(_links(system, home, systems, answers.dialect))
    most = Counts(0, 0, 0, 0)
    for sql in every:
        counts = _counts(sql, system, home, answers)
        if counts is None:
            return Linked(every[0])
        if counts.found > most.found:
            most, best = counts, Linked(sql)
    own, theirs = system.starter.title, home.starter.title
    if not most.found:
        return Linked(None, f"the ids of other systems in {own} are none of {theirs}." if every else None)
    doubts = []
    if most.found * 2 < most.linked:
        both = f"{most.found:,} of {most.linked:,} are there on both sides."
        doubts.append(f"of the ids that link {own} and {theirs}, {both}")
    if most.covered < most.own * ENOUGH:
        doubts.append(_uncovered(most, system, home, answers))
    return Linked(best.sql, " ".join(doubts) or None)


def _uncovered(counts: Counts, system: System, home: System, answers: Answers) -> str:
    """That a link has a part of a system's accounts, and what to do with the others."""
    noun = system.starter.account.partition(" (")[0]
    nouns = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return (
        f"{counts.covered:,} of the {counts.own:,} {nouns} of {system.starter.title} are linked to "
        f"{home.starter.title}; the others keep their own ids, which `check` refuses: link them by another column "
        f"({', '.join([*_of_json(system, answers), 'domain or name'])}), or set them aside by a quarantine_reason."
    )


def _of_json(system: System, answers: Answers) -> list[str]:
    """The columns of JSON of a system's accounts, with the keys in them, as `metadata with workspace_id`."""
    said = []
    for found in adapted(system.starter.sql(ACCOUNTS), system, answers.dialect).reads:
        for name in (name for name in OPEN_COLUMNS if found.column(name)):
            asked = f"SELECT t.{name} AS value FROM {found.shape.name} AS t WHERE t.{name} IS NOT NULL LIMIT {SAMPLE}"
            keys = set[str]()
            for row in answers.rows(adapted(asked, system, answers.dialect).text) or ():
                with suppress(ValueError):
                    value = json.loads(row["value"]) if isinstance(row["value"], str) else row["value"]
                    keys |= {key for key in value if KEY.fullmatch(key)} if isinstance(value, dict) else set()
            named = " and ".join(sorted(keys)[:MANY])
            said.append(f"{found.column(name)} with {named}" if keys else str(found.column(name)))
    return said


def _links(system: System, home: System, systems: Sequence[System], dialect: str) -> Iterator[str]:
    yield from _direct(system, home, dialect)
    for third in systems:
        if third not in (system, home):
            for first in _direct(system, third, dialect):
                for second in _direct(third, home, dialect):
                    yield _joined(first, second)


def _direct(system: System, other: System, dialect: str) -> Iterator[str]:
    """The links between two systems for which the source has the columns."""
    sides: list[tuple[System, Link]] = [
        *((system, link) for link in system.starter.links if other.starter.name in link.to),
        *((other, link) for link in other.starter.links if link.of == system.starter.name),
    ]
    for side, link in sides:
        select = adapted(link.sql, side, dialect)
        if select.reads and not select.dropped:
            yield select.text.strip()


def _joined(first: str, second: str) -> str:
    """The accounts of `second` for the ids of `first`."""
    return f"""SELECT own.own_id AS own_id, linked.account_id AS account_id
FROM (
{indent(first, "    ")}
) AS own
JOIN (
{indent(second, "    ")}
) AS linked ON CAST(linked.own_id AS VARCHAR) = CAST(own.account_id AS VARCHAR)"""


def _counts(sql: str, system: System, home: System, answers: Answers) -> Counts | None:
    """The ids of a link; None where they cannot be read."""
    both = f"i.account_id IN ({_ids(home, answers.dialect)})"
    own = "0"
    if gives(system, ACCOUNTS):
        own = f"(SELECT COUNT(DISTINCT o.id) FROM ({_ids(system, answers.dialect)}) AS o)"
        both += f" AND i.own_id IN ({_ids(system, answers.dialect)})"
    rows = answers.rows(
        f"""WITH ids AS (
SELECT DISTINCT CAST(l.own_id AS VARCHAR) AS own_id, CAST(l.account_id AS VARCHAR) AS account_id
FROM ({sql}
) AS l
WHERE CAST(l.own_id AS VARCHAR) <> '' AND CAST(l.account_id AS VARCHAR) <> ''
)
SELECT
    COUNT(*) AS linked, SUM(CASE WHEN {both} THEN 1 ELSE 0 END) AS found,
    COUNT(DISTINCT CASE WHEN {both} THEN i.own_id END) AS covered, {own} AS own
FROM ids AS i"""
    )
    names = ("linked", "found", "own", "covered")
    return Counts(*(int(rows[0][name] or 0) for name in names)) if rows else None


def _ids(system: System, dialect: str) -> str:
    """A SELECT of the ids of a system's accounts."""
    required = [column.name for column in TABLES[ACCOUNTS].columns if column.required]
    accounts = adapted(system.starter.sql(ACCOUNTS), system, dialect, keep=required).text
    return f"SELECT CAST(a.account_id AS VARCHAR) AS id FROM ({accounts}\n) AS a WHERE a.account_id IS NOT NULL"
