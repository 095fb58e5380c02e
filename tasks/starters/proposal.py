"""The mappings that are proposed for a source: which system gives which table, and whose account ids count (SRC-11)."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.starters.adapted import Adapted, adapted, columns_read, gives, lacking, needed
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.catalogue import Place
from keepwell.tasks.starters.decisions import TODO
from keepwell.tasks.starters.links import Linked, link_of
from keepwell.tasks.starters.recognition import Found, System, of_system
from keepwell.tasks.starters.starter import ANY, Mapped
from keepwell.tasks.starters.words import open_words

OWN = "tables"
"""The starter of a company's own tables, whose names are anybody's guess."""
FIRST = {
    "accounts": ("salesforce", "hubspot", "stripe"), "contacts": ("salesforce", "hubspot"), "contracts": ("stripe",),
    "invoices": ("stripe",),
}  # fmt: skip
"""Whose rows of a table come before those of any other system."""
EVERYBODYS = frozenset(("accounts", "contacts"))
"""Tables that look the same in many systems."""
TOGETHER = frozenset(("tickets", "touchpoints", "surveys"))
"""Tables of which each system has its own part; of others a second system has the same once more."""
QUARANTINE = "quarantine_reason"
DATED = re.compile(r"(?<!\d)(19|20)\d\d[-_. ]?[01]\d(?!\d*[A-Za-z])")
"""A month or a day in the name of a file."""
OF_ENDS = re.compile(r"(?<![a-z])(notice|cancell?\w*|churn\w*|terminat\w*|offboard\w*)(?![a-z])", re.IGNORECASE)
"""Columns of a company's own that say when a customer leaves."""
SQL_TYPES = {
    "string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE PRECISION", "boolean": "BOOLEAN", "date": "DATE",
    "timestamp": "TIMESTAMP",
}  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """One proposed mapping: its table, the starters that give it, its file's text and columns, and what it reads."""

    table: str
    by: Sequence[Mapped]
    text: str
    columns: Sequence[str] = ()
    reads: Sequence[Place] = ()


@dataclass(frozen=True)
class Part:
    """What one system gives of a canonical table."""

    system: System
    select: Adapted
    link: str | None
    open: Sequence[str]


def proposed(systems: Sequence[System], answers: Answers) -> dict[str, Proposal]:
    """A mapping per canonical table that some system gives, and an empty one of each other that is required.

    `answers`: the rows of the source, for what its catalogue does not tell.
    """
    home = next(iter(_giving(systems, "accounts")), None)
    links = {id(one): link_of(one, home, systems, answers) for one in systems if home is not None and one is not home}
    found = {}
    for name, table in TABLES.items():
        having = _giving(systems, name)
        giving = having if name in TOGETHER else having[:1]
        if giving:
            parts = [_part(system, name, links.get(id(system)), answers) for system in giving]
            by = [system.starter.maps[name] for system in giving]
            columns = [column for part in parts for column in part.select.columns]
            reads = [one.place for part in parts for one in part.select.reads if one.place]
            found[name] = Proposal(name, by, _text(table, parts, home, having[len(giving) :]), columns, reads)
        elif not table.optional:
            found[name] = Proposal(name, (), _empty(table))
    return found


def why_unread(systems: Sequence[System], place: Place) -> str | None:
    """Why no mapping reads a table that was recognized: what its canonical table needs besides; None of others."""
    for system in systems:
        for name in (name for name, found in system.tables.items() if found.place == place):
            wanting = [table for table in system.starter.maps if not gives(system, table)]
            short = [f"{t} also need {missing}" for t in wanting if (missing := _lacking(system, t, name))]
            return "; ".join([f"is {name} of {system.starter.title}, and no mapping reads it", *short])
    return None


def _lacking(system: System, table: str, name: str) -> str | None:
    """The fewest tables that are missing for a canonical table, where a SELECT of it reads the table of this name."""
    if name not in {of for of, _ in columns_read(system.starter.sql(table), system.starter)}:
        return None
    missing = min((lacking(system, one) for one in needed(system.starter, table)), key=len)
    return " and ".join(missing)


def certain(system: System) -> bool:
    """Whether tables are this system's beyond doubt: their schema or name says so, or they hold its own kind of work.

    A table of customers with an id is everybody's.
    """
    named = any(found.place and of_system(system.starter, found.place) for found in system.tables.values())
    return named or any(gives(system, table) for table in system.starter.maps if table not in EVERYBODYS)


def _giving(systems: Sequence[System], table: str) -> list[System]:
    """The systems that can give a table, the best first; tables of any name only where no system gives it."""
    having = [system for system in systems if gives(system, table)]
    having = [s for s in having if s.starter.name != ANY] or having
    first = FIRST.get(table, ())
    return sorted(having, key=lambda s: first.index(s.starter.name) if s.starter.name in first else len(first))


def _part(system: System, name: str, link: Linked | None, answers: Answers) -> Part:
    required = [c.name for c in TABLES[name].columns if c.required]
    select = adapted(system.starter.sql(name), system, answers.dialect, keep=required)
    undecided = list(open_words(system, name, answers))
    if link is None:
        return Part(system, select, None, undecided)
    return Part(system, select, link.sql, [*undecided, *([link.doubt] if link.doubt else ())])


# Texts ----------------------------------------------------------------------------------------------------------------


def _text(table: CanonicalTable, parts: Sequence[Part], home: System | None, others: Sequence[System]) -> str:
    """The file of a mapping: what is known of it, what is left to decide, and the SELECT."""
    said = [line for part in parts for line in _said(table, part, home)]
    said += [
        f"-- Decision: {other.starter.title} has {table.name} too, which are not read: most would count twice."
        for other in others
    ]
    selects = [_own(part) for part in parts]
    columns = list(dict.fromkeys(column for part in parts for column in part.select.columns))
    body = selects[0] if len(parts) == 1 else _united(parts, selects, columns)
    return "\n".join([*(" ".join(line.splitlines()) for line in said), body.strip(), ""])


def _said(table: CanonicalTable, part: Part, home: System | None) -> list[str]:
    """Comments above the SELECT: where it comes from, what the source lacks, what has to be decided."""
    starter, select = part.system.starter, part.select
    places = ", ".join(str(found.place or found.shape.name) for found in select.reads)
    lines = _comment(f"{starter.title}: {table.name}, from {places}.")
    doubts = [
        f"{found.place}: {', '.join(map(str, found.others))} look the same. Read the one that is kept up to date."
        for found in select.reads
        if found.others
    ]
    doubts += [
        f"{found.place} has a date in its name: the next one would not be read. Give it a name that stays."
        for found in select.reads
        if found.place and DATED.search(found.place.table)
    ]
    lines += [f"-- {TODO}: {doubt}" for doubt in doubts]
    lines += [f"-- {note}" for note in _decided(select.reads)]
    lost = [name for name in select.dropped if name != QUARANTINE]
    if lost:
        lines += _comment(f"Left out, since the source has nothing for it: {', '.join(lost)}.")
    if select.read_as_null:
        lines += _comment(f"Read as NULL, since the source lacks it: {', '.join(select.read_as_null)}.")
    lines += _not_read(table, part)
    if select.emptied:
        key = set(select.emptied) & set(table.key)
        how = (
            " Join account and time, and number what is equal in them: ROW_NUMBER() OVER (PARTITION BY account and "
            "time ORDER BY the other columns)."
            if key
            else ""
        )
        lines.append(
            f"-- {TODO}: nothing was found for {', '.join(select.emptied)}, which {table.name} requires: NULL below."
            + how
        )
    lines += [f"-- {TODO}: {what}" for what in part.open]
    if home is not None and part.system is not home and part.link is None and starter.account:
        lines.append(
            f"-- {TODO}: account_id is the {starter.account} of {starter.title} here; accounts are those of "
            f"{home.starter.title}. Join the column that names one in the other, or remove this line where they are "
            "the same."
        )
    return lines


def _decided(reads: Sequence[Found]) -> list[str]:
    """What was decided by the values: of the columns that expressions give, and of rows that are there twice."""
    once = [
        f"Decision: {found.twice:,} rows of {found.place} are there again, alike in every column: they count once."
        for found in reads
        if found.twice
    ]
    return [*dict.fromkeys(one.note for found in reads for one in found.instead.values() if one.note), *once]


def _not_read(table: CanonicalTable, part: Part) -> list[str]:
    """The columns of the tables that no SELECT of the starter reads: some may be what was left out.

    Of a company's own tables nobody knows which: there it is to be decided, or an end under another name is no end.
    """
    starter, lines = part.system.starter, list[str]()
    read = set[tuple[str, str]]().union(*(columns_read(starter.sql(table), starter) for table in starter.maps))
    for found in part.select.reads:
        known = {found.column(column) for table, column in read if table == found.shape.name}
        known |= {name for one in found.instead.values() for name in one.reads}
        rest = [name for name in (found.there or {}).values() if name not in known]
        unread = f"Not read of {found.place}: {', '.join(rest)}."
        if rest and starter.name == OWN:
            lines.append(f"-- {TODO}: {unread} Select those that mean a column of docs/reference/tables.md.")
        elif rest:
            lines += _comment(unread)
        if table.name == "accounts" and starter.name != OWN:
            lines += [
                f"-- {TODO}: {found.place}.{name} may say who gave notice, and no mapping reads it. Give it as "
                "notice_on or ended_on of contracts, or remove this line."
                for name in rest
                if OF_ENDS.search(name)
            ]
    return lines


def _comment(text: str) -> list[str]:
    """A comment of several lines; what is to be decided stays on one, which doctor quotes."""
    return textwrap.wrap(text, 120, initial_indent="-- ", subsequent_indent="-- ", break_long_words=False)


def _own(part: Part) -> str:
    """The SELECT of one system, with the account ids of the home where a link gives them."""
    select = part.select
    if part.link is None:
        return select.text
    rest = [c for c in select.columns if c != "account_id"]
    columns = ",\n    ".join(
        ["COALESCE(linked.account_id, CAST(own.account_id AS VARCHAR)) AS account_id", *(f"own.{c}" for c in rest)]
    )
    starter = part.system.starter
    return f"""-- Which accounts the ids of {starter.title} ({starter.account}) mean; of several the first.
WITH linked_ids AS (
{textwrap.indent(part.link, "    ")}
),
linked AS (
    SELECT CAST(i.own_id AS VARCHAR) AS own_id, MIN(CAST(i.account_id AS VARCHAR)) AS account_id
    FROM linked_ids AS i
    WHERE CAST(i.own_id AS VARCHAR) <> '' AND CAST(i.account_id AS VARCHAR) <> ''
    GROUP BY CAST(i.own_id AS VARCHAR)
),
own AS (
{textwrap.indent(select.text.strip(), "    ")}
)
SELECT
    {columns}
FROM own
LEFT JOIN linked ON linked.own_id = CAST(own.account_id AS VARCHAR)"""


def _united(parts: Sequence[Part], selects: Sequence[str], columns: Sequence[str]) -> str:
    """The SELECTs of several systems as one, as text, which the canonical types read; NULL where one lacks a column."""
    pieces = []
    for part, select in zip(parts, selects, strict=True):
        alias = part.system.starter.name
        listed = [f"CAST({f'{alias}.{c}' if c in part.select.columns else 'NULL'} AS VARCHAR) AS {c}" for c in columns]
        inner = textwrap.indent(select.strip(), "    ")
        pieces.append("SELECT\n    " + ",\n    ".join(listed) + f"\nFROM (\n{inner}\n) AS {alias}")
    return "\nUNION ALL\n".join(pieces)


def _empty(table: CanonicalTable) -> str:
    """A mapping of a required table that nothing gives: no rows, until somebody writes it."""
    columns = ",\n    ".join(f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {c.name}" for c in table.columns if c.required)
    return (
        f"-- {TODO}: nothing in the source was recognized as {table.name}, which every company needs.\n-- {table.doc}\n"
        f"-- Write one SELECT of these columns (docs/reference/tables.md has the others).\n"
        f"SELECT\n    {columns}\nWHERE 1 = 0\n"
    )
