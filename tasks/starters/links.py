"""Which accounts a system's own ids mean: by a column of one side that names the other, or through a third system."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent

from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.starters.adapted import adapted, gives
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.recognition import System
from keepwell.tasks.starters.starter import Link

ACCOUNTS = "accounts"


@dataclass(frozen=True)
class Linked:
    """The SELECT of own ids and accounts, None where no column has them; `doubt`: what to decide about it."""

    sql: str | None
    doubt: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many ids a link has, and how many of them both systems have."""

    linked: int
    found: int


def link_of(system: System, home: System, systems: Sequence[System], answers: Answers) -> Linked:
    """The link with the most ids that both sides have; where nobody can look at them, the first with the columns."""
    best, every = (0, 0, ""), list(_links(system, home, systems, answers.dialect))
    for sql in every:
        counts = _counts(sql, system, home, answers)
        if counts is None:
            return Linked(every[0])
        if counts.found > best[0]:
            best = counts.found, counts.linked, sql
    found, linked, sql = best
    own, theirs = system.starter.title, home.starter.title
    if not found:
        return Linked(None, f"the ids of other systems in {own} are none of {theirs}." if every else None)
    if found * 2 >= linked:
        return Linked(sql)
    return Linked(sql, f"of the ids that link {own} and {theirs}, {found:,} of {linked:,} are there on both sides.")


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
    if gives(system, ACCOUNTS):
        both += f" AND i.own_id IN ({_ids(system, answers.dialect)})"
    rows = answers.rows(
        f"""WITH ids AS (
SELECT DISTINCT CAST(l.own_id AS VARCHAR) AS own_id, CAST(l.account_id AS VARCHAR) AS account_id
FROM ({sql}
) AS l
WHERE CAST(l.own_id AS VARCHAR) <> '' AND CAST(l.account_id AS VARCHAR) <> ''
)
SELECT COUNT(*) AS linked, SUM(CASE WHEN {both} THEN 1 ELSE 0 END) AS found FROM ids AS i"""
    )
    return Counts(int(rows[0]["linked"]), int(rows[0]["found"] or 0)) if rows else None


def _ids(system: System, dialect: str) -> str:
    """A SELECT of the ids of a system's accounts."""
    required = [column.name for column in TABLES[ACCOUNTS].columns if column.required]
    accounts = adapted(system.starter.sql(ACCOUNTS), system, dialect, keep=required).text
    return f"SELECT CAST(a.account_id AS VARCHAR) FROM ({accounts}\n) AS a WHERE a.account_id IS NOT NULL"
