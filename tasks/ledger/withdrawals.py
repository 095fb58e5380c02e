"""Withdrawn rows stay in the ledger, marked by a decision, and readers skip them.

A row that is written again after its withdrawal gets its key with a number: `key~1`. Such keys exist only here; readers
of the ledger see the key alone.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from keepwell.playbook.alerts.ledger_events import PIPELINE
from keepwell.tasks.ledger.tables import ACTIONS, DECISIONS, DELIVERIES, EVENTS, MESSAGES, RUNS, WITHDRAWN, WORK

Row = Mapping[str, Any]
NUMBERED = re.compile(r"~\d+$")


@dataclass(frozen=True)
class Place:
    """How a withdrawal names rows of a table: by key, and by their as-of instant."""

    key: str
    instant: str
    keyed_by_both: bool = False


PLACES: Mapping[str, Place] = {
    EVENTS.name: Place("event_id", "as_of"),
    RUNS.name: Place("flow", "as_of", keyed_by_both=True),
    MESSAGES.name: Place("key", "at"),
    WORK.name: Place("event_id", "as_of"),
    ACTIONS.name: Place("event_id", "as_of"),
}

TABLES = (EVENTS, RUNS, MESSAGES, WORK, ACTIONS)


@dataclass(frozen=True)
class Answered:
    """Numbers of withdrawn rows."""

    events: int
    runs: int
    messages: int
    work: int
    actions: int


def not_withdrawn(table: sa.Table) -> sa.ColumnElement[bool]:
    """Condition: the row is not withdrawn."""
    place, answer = PLACES[table.name], WITHDRAWN.c
    its_own = (
        answer.company == table.c.company, answer.key == table.c[place.key], answer.as_of == table.c[place.instant],
    )  # fmt: skip
    return ~sa.exists().where(answer.ledger == table.name, *its_own)


def of_flow(flow: str) -> sa.ColumnElement[bool]:
    """Condition: the marker of a flow, including those written again."""
    return sa.or_(RUNS.c.flow == flow, RUNS.c.flow.startswith(f"{flow}~", autoescape=True))


def given(key: str) -> str:
    """The original key of a row."""
    return NUMBERED.sub("", key)


def as_stored(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows of one company under keys that do not collide with its withdrawn rows of the same key."""
    place = PLACES[table.name]
    companies = {row["company"] for row in rows}
    query = sa.select(WITHDRAWN.c.key, WITHDRAWN.c.as_of).where(
        WITHDRAWN.c.ledger == table.name, WITHDRAWN.c.company.in_(companies)
    )
    times = Counter(_identity(place, given(key), at) for key, at in connection.execute(query))
    counts = [times[_identity(place, row[place.key], row[place.instant])] for row in rows]
    return [
        {**row, place.key: f"{row[place.key]}~{number}" if number else row[place.key]}
        for row, number in zip(rows, counts, strict=True)
    ]


def alerts_not_opened(connection: sa.Connection, company: str) -> set[str]:
    """A company's alerts of which an opening was withdrawn."""
    whose = (WITHDRAWN.c.company == company, EVENTS.c.company == company)
    answered = (WITHDRAWN.c.ledger == EVENTS.name, WITHDRAWN.c.key == EVENTS.c.event_id, *whose)
    query = sa.select(EVENTS.c.alert_id).join(WITHDRAWN, sa.and_(*answered)).where(EVENTS.c.kind == "opened")
    return set(connection.execute(query).scalars())


def decide(
    connection: sa.Connection, company: str, kind: str, since: datetime, until: datetime, by: str, reason: str
) -> int:
    """Put a company's decision on record; its number."""
    about = {"company": company, "kind": kind, "since": since, "until": until, "by": by, "reason": reason}
    return int(connection.execute(sa.insert(DECISIONS).returning(DECISIONS.c.number), about).scalar_one())


def withdraw(
    connection: sa.Connection, company: str, since: datetime, until: datetime, by: str, reason: str, *, people: bool,
    files: bool,
) -> Answered:  # fmt: skip
    """Withdraw what was written as of these instants, both included; what people wrote only if `people`.

    Delivered messages stay. Without a row to withdraw, the decision is recorded once if there are `files` to remove.
    """
    found = {table.name: _rows(connection, company, table, since, until, people=people) for table in TABLES}
    rows = [
        {"company": company, "ledger": name, "key": key, "as_of": at}
        for name, keys in found.items()
        for key, at in keys
    ]
    if rows or (files and not _said(connection, company, since, until, by, reason)):
        number = decide(connection, company, "withdrawn", since, until, by, reason)
        if rows:
            connection.execute(sa.insert(WITHDRAWN), [{**row, "decision": number} for row in rows])
    return Answered(*(len(found[table.name]) for table in TABLES))


def lines(connection: sa.Connection, company: str, since: datetime, until: datetime) -> int:
    """Number of a company's events, markers and entries of these instants that are not withdrawn."""
    tables = (EVENTS, RUNS, WORK, ACTIONS)
    return sum(len(_rows(connection, company, table, since, until, people=True)) for table in tables)


def _identity(place: Place, key: str, at: datetime) -> tuple[str, datetime | None]:
    return key, at if place.keyed_by_both else None


def _rows(
    connection: sa.Connection, company: str, table: sa.Table, since: datetime, until: datetime, *, people: bool
) -> Sequence[sa.Row[Any]]:
    """Key and instant of the rows of a table that are not withdrawn."""
    place = PLACES[table.name]
    key, instant = table.c[place.key], table.c[place.instant]
    mine = (table.c.company == company, instant.between(since, until), not_withdrawn(table))
    query = sa.select(key, instant).where(*mine).order_by(key)
    if table is MESSAGES:
        query = query.where(key.not_in(sa.select(DELIVERIES.c.key).where(DELIVERIES.c.delivered)))
    if "by" in table.c and not people:
        query = query.where(table.c.by == PIPELINE)
    return connection.execute(query).all()


def _said(connection: sa.Connection, company: str, since: datetime, until: datetime, by: str, reason: str) -> bool:
    """Whether this withdrawal is already recorded."""
    c = DECISIONS.c
    same = (
        c.company == company,
        c.kind == "withdrawn",
        c.since == since,
        c.until == until,
        c.by == by,
        c.reason == reason,
    )
    return connection.execute(sa.select(c.number).where(*same).limit(1)).first() is not None
