"""The append-only work ledger in a relational database: SQLite embedded, PostgreSQL in production (ALR-5).

A run's events and its marker are written in one transaction: a kill at any moment leaves a whole day or nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from keepwell.playbook.alerts.channels import Message
from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY, LedgerEvent
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.crm.diff import CrmEvent
from keepwell.playbook.interventions.records import WorkEvent
from keepwell.playbook.next_actions.life import ActionEvent
from keepwell.playbook.review.sprint import ReviewEvent
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.database import Database
from keepwell.tasks.ledger.migrate import TooNew, migrate
from keepwell.tasks.ledger.tables import ACTIONS, CRM, DECISIONS, DELIVERIES, EVENTS, MESSAGES, REVIEWS, RUNS, WORK
from keepwell.tasks.ledger.withdrawals import (
    Answered,
    alerts_not_opened,
    as_stored,
    decide,
    given,
    lines,
    not_withdrawn,
    of_flow,
    withdraw,
)
from keepwell.tasks.masking import masked
from keepwell.tasks.settings import STANDARD_RETRIES, RetrySettings
from keepwell.values.texts import storable

SCHEMA_LOCK, REVIEW_LOCK = 5_313_397, 5_313_398  # any numbers that no other program on the server uses


@dataclass(frozen=True)
class Waiting:
    """An undelivered message, how often it was tried, and when last."""

    message: Message
    tries: int
    tried_at: datetime | None


@dataclass(frozen=True)
class Accepted:
    """Who accepted the book of a day, and why."""

    by: str
    reason: str


class Ledger:
    """Who did what when. Lines are added, never changed; an existing event or run stays as it is.

    Withdrawn lines are skipped on reading, and can be written again. Those of other companies are never seen.
    """

    def __init__(self, database: Database, company: str = DEFAULT_COMPANY) -> None:
        self._database, self.company = database, company

    @classmethod
    def open(cls, url: str, retries: RetrySettings = STANDARD_RETRIES, company: str = DEFAULT_COMPANY) -> "Ledger":
        """A company's ledger at an SQLAlchemy URL, its tables brought up to date.

        ConfigError if it cannot be used, Unreachable if it does not answer.
        """
        database = Database("the ledger", "ledger.url", url, retries)
        try:
            database.write(_brought_up_to_date)
        except TooNew as error:
            raise ConfigError(f"ledger.url: {error}. Use a newer Keepwell, or another ledger.") from error
        except sa.exc.SQLAlchemyError as error:
            raise database.refused(error) from error
        return cls(database, company)

    def close(self) -> None:
        """Close the connections."""
        self._database.engine.dispose()

    def history(self, up_to: datetime | None = None) -> list[LedgerEvent]:
        """The events written as of `up_to` or before (all of them for None), in order of as_of."""
        query = self._live(EVENTS).order_by(EVENTS.c.as_of, EVENTS.c.event_id)
        if up_to is not None:
            query = query.where(EVENTS.c.as_of <= _utc(up_to))

        def read(connection: sa.Connection) -> tuple[Sequence[sa.RowMapping], set[str]]:
            return connection.execute(query).mappings().all(), alerts_not_opened(connection, self.company)

        rows, withdrawn = self._database.read(read)
        # What a person did about an alert whose opening was withdrawn waits until it is opened again.
        orphans = withdrawn - {row["alert_id"] for row in rows if row["kind"] == "opened"}
        return [LedgerEvent(**_event(row)) for row in rows if row["alert_id"] not in orphans]

    def runs(self, flow: str) -> Runs:
        """The first and the newest run of a flow."""
        first_and_last = sa.select(sa.func.min(RUNS.c.as_of), sa.func.max(RUNS.c.as_of))
        query = first_and_last.where(of_flow(flow), self._own(RUNS), not_withdrawn(RUNS))
        first, last = self._database.read(lambda connection: connection.execute(query).one())
        return Runs(first, last)

    def last_run(self, flow: str) -> datetime | None:
        """The newest run of a flow; None before the first."""
        return self.runs(flow).last

    def record(
        self, flow: str, as_of: datetime, events: Sequence[LedgerEvent], outbox: Sequence[Message] = (),
        actions: Sequence[ActionEvent] = (),
    ) -> list[LedgerEvent]:  # fmt: skip
        """Write a run's events, messages and marker, all or nothing; returns the new events of alerts."""
        # One order of keys for every writer: two runs of the same day at once wait for each other, never in a circle.
        rows = [_row(event) for event in sorted(events, key=lambda e: e.event_id)]

        def add(connection: sa.Connection) -> set[str]:
            added = self._added(connection, EVENTS, rows)
            self._added(connection, ACTIONS, [_row(event) for event in sorted(actions, key=lambda e: e.event_id)])
            if outbox:
                sent = self._stored(connection, MESSAGES, [vars(message) for message in outbox])
                connection.execute(self._add(MESSAGES), sent)
            marker = self._stored(connection, RUNS, [{"flow": flow, "as_of": _utc(as_of)}])
            connection.execute(self._add(RUNS), marker)
            return added

        added = self._database.write(add)
        return [event for event in events if event.event_id in added]

    def waiting(self) -> list[Waiting]:
        """The messages without a delivery, oldest first."""
        tried = DELIVERIES.c.key == MESSAGES.c.key
        count, last = sa.func.count(DELIVERIES.c.key), sa.func.max(DELIVERIES.c.tried_at)
        got = sa.select(DELIVERIES.c.key).where(DELIVERIES.c.delivered)
        query = (
            sa.select(MESSAGES, count.label("tries"), last.label("tried_at"))
            .outerjoin(DELIVERIES, tried)
            .where(MESSAGES.c.key.not_in(got), self._own(MESSAGES), not_withdrawn(MESSAGES))
            .group_by(*MESSAGES.c)
            .order_by(MESSAGES.c.at, MESSAGES.c.key)
        )
        rows = self._rows(query)
        messages = [Message(**{**_fields(row, Message), "key": given(row["key"])}) for row in rows]
        return [Waiting(m, row["tries"], row["tried_at"]) for m, row in zip(messages, rows, strict=True)]

    def sent(self, since: datetime) -> dict[str, datetime]:
        """When the first message about an alert or action was delivered, by its id.

        Of messages that were written as of `since` or later.
        """
        query = (
            sa.select(MESSAGES.c.about, sa.func.min(DELIVERIES.c.tried_at).label("sent_at"))
            .join(DELIVERIES, DELIVERIES.c.key == MESSAGES.c.key)
            .where(DELIVERIES.c.delivered, self._own(MESSAGES), MESSAGES.c.about != "", MESSAGES.c.at >= _utc(since))
            .group_by(MESSAGES.c.about)
        )
        found: dict[str, datetime] = {}
        for row in self._rows(query):
            for alert in row["about"].split():
                found[alert] = min(row["sent_at"], found.get(alert, row["sent_at"]))
        return found

    def tried(self, key: str, at: datetime, error: str | None) -> None:
        """Record a delivery attempt: delivered, or the error."""

        def add(connection: sa.Connection) -> None:
            stored = self._stored(connection, MESSAGES, [{"key": key, "at": _utc(at)}])[0]["key"]
            attempt = {
                "company": self.company,
                "key": stored,
                "tried_at": _utc(at),
                "delivered": error is None,
                "error": error and masked(error),
            }
            connection.execute(self._add(DELIVERIES), attempt)

        self._database.write(add)

    def reviews(self) -> list[ReviewEvent]:
        """The events of every expert review, each review's in their order."""
        return self._database.read(self._reviews)

    def review(self, decide: Callable[[Sequence[ReviewEvent]], Sequence[ReviewEvent]]) -> list[ReviewEvent]:
        """Add the events of a person's step, computed from all events before it; nobody else writes in between."""

        def add(connection: sa.Connection) -> list[ReviewEvent]:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(REVIEW_LOCK)))
            events = list(decide(self._reviews(connection)))
            if events:
                connection.execute(sa.insert(REVIEWS), [_row(event) | {"company": self.company} for event in events])
            return events

        return self._database.write(add)

    def work(self, up_to: datetime | None = None) -> list[WorkEvent]:
        """Work recorded as of `up_to` or before (all for None), in the order in which it was written."""
        query = self._live(WORK).order_by(WORK.c.as_of, WORK.c.event_id)
        if up_to is not None:
            query = query.where(WORK.c.as_of <= _utc(up_to))
        return [WorkEvent(**_event(row)) for row in self._rows(query)]

    def actions(self, up_to: datetime | None = None) -> list[ActionEvent]:
        """The lives of next actions as of `up_to` or before (all for None)."""
        query = self._live(ACTIONS).order_by(ACTIONS.c.as_of, ACTIONS.c.event_id)
        if up_to is not None:
            query = query.where(ACTIONS.c.as_of <= _utc(up_to))
        return [ActionEvent(**_event(row)) for row in self._rows(query)]

    def record_actions(self, events: Sequence[ActionEvent]) -> bool:
        """Write what people did to actions, all or nothing; whether any of it is new."""
        rows = [_row(event) for event in sorted(events, key=lambda e: e.event_id)]
        return bool(self._database.write(lambda connection: self._added(connection, ACTIONS, rows)))

    def record_work(self, events: Sequence[WorkEvent]) -> list[WorkEvent]:
        """Write recorded work, all or nothing; returns the new events."""
        rows = [_row(event) for event in sorted(events, key=lambda e: e.event_id)]  # one order, as in `record`
        if not rows:
            return []
        added = self._database.write(lambda connection: self._added(connection, WORK, rows))
        return [event for event in events if event.event_id in added]

    def crm(self, place: str) -> list[CrmEvent]:
        """The newest line of each kind for each object of a CRM's outbox, in the order in which they were written."""
        newest = (
            sa.select(sa.func.max(CRM.c.number))
            .where(self._own(CRM), CRM.c.place == place)
            .group_by(CRM.c.key, CRM.c.kind)
        )
        query = sa.select(CRM).where(CRM.c.number.in_(newest)).order_by(CRM.c.number)
        rows = [_fields(row, CrmEvent) for row in self._rows(query)]
        return [CrmEvent(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def record_crm(self, events: Sequence[CrmEvent]) -> None:
        """Add to a CRM's outbox, all or nothing."""
        if events:
            self._database.write(
                lambda connection: connection.execute(
                    sa.insert(CRM), [_row(event) | {"company": self.company} for event in events]
                )
            )

    def force(self, at: datetime, by: str, reason: str) -> None:
        """Record that an instant ahead of the clock was forced."""
        self._database.write(lambda c: decide(c, self.company, "forced", _utc(at), _utc(at), by, reason))

    def accept(self, as_of: datetime, by: str, reason: str) -> None:
        """Record that what the book watch found as of an instant is true."""
        self._database.write(lambda c: decide(c, self.company, "accepted", _utc(as_of), _utc(as_of), by, reason))

    def accepted(self) -> dict[date, Accepted]:
        """The days whose book a person accepted, the first decision of each; a withdrawn day is accepted no more."""
        found: dict[date, Accepted] = {}
        for one in self.decisions():
            if one["kind"] == "accepted":
                found.setdefault(one["since"].date(), Accepted(one["by"], one["reason"]))
            elif one["kind"] == "withdrawn":
                found = {day: a for day, a in found.items() if not one["since"].date() <= day <= one["until"].date()}
        return found

    def withdraw(
        self, since: datetime, until: datetime, by: str, reason: str, *, people: bool = False, files: bool = False
    ) -> Answered:
        """Withdraw what runs wrote as of these instants, and what people wrote if `people`; counts by kind."""
        return self._database.write(
            lambda c: withdraw(c, self.company, since, until, by, reason, people=people, files=files)
        )

    def lines(self, since: datetime, until: datetime) -> int:
        """Number of events, markers and entries of these instants that are not withdrawn."""
        return self._database.read(lambda connection: lines(connection, self.company, since, until))

    def decisions(self) -> list[dict[str, Any]]:
        """Decisions of people about runs, in order: kind, since, until, by and reason."""
        query = sa.select(*(DECISIONS.c[name] for name in ("kind", "since", "until", "by", "reason")))
        return [dict(row) for row in self._rows(query.where(self._own(DECISIONS)).order_by(DECISIONS.c.number))]

    def _added(self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> set[str]:
        """Add events; returns the ids of the new ones."""
        if not rows:
            return set()
        query = self._add(table).returning(table.c.event_id)
        return {given(key) for key in connection.execute(query, self._stored(connection, table, rows)).scalars()}

    def _stored(self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> Any:
        """The rows as this company's, under keys that are free."""
        return as_stored(connection, table, [{**row, "company": self.company} for row in rows])

    def _own(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Condition: the row is this company's."""
        return table.c.company == self.company

    def _live(self, table: sa.Table) -> "sa.Select[Any]":
        """The company's rows that are not withdrawn."""
        return _columns(table).where(self._own(table), not_withdrawn(table))

    def _reviews(self, connection: sa.Connection) -> list[ReviewEvent]:
        query = _columns(REVIEWS).where(self._own(REVIEWS)).order_by(REVIEWS.c.review_id, REVIEWS.c.number)
        rows = connection.execute(query).mappings().all()
        return [ReviewEvent(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        return self._database.read(lambda connection: connection.execute(query).mappings().all())

    def _add(self, table: sa.Table) -> Any:
        """INSERT ... ON CONFLICT DO NOTHING in this database's dialect."""
        dialect = postgresql if self._database.engine.dialect.name == "postgresql" else sqlite
        return dialect.insert(table).on_conflict_do_nothing()


def _brought_up_to_date(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Two first runs at once: the second waits, and finds the steps taken.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
    migrate(connection)


def _row(event: LedgerEvent | ReviewEvent | WorkEvent | CrmEvent | ActionEvent) -> dict[str, Any]:
    row = {**vars(event), "payload": json.dumps(dict(event.payload), sort_keys=True)}
    if wrong := [name for name, value in row.items() if isinstance(value, str) and not storable(value)]:
        raise ConfigError(f"the ledger cannot store {wrong[0]!r}: it contains a character that is not text. Remove it.")
    return row


def _columns(table: sa.Table) -> "sa.Select[Any]":
    """What a row says of its event: all columns but the company and the time of writing."""
    return sa.select(*(column for column in table.c if column.name not in ("company", "written_at")))


def _event(row: sa.RowMapping) -> dict[str, Any]:
    """The fields of an event under the id that it was given."""
    return {**row, "event_id": given(row["event_id"]), "payload": json.loads(row["payload"])}


def _fields(row: sa.RowMapping, kind: type[Message | CrmEvent]) -> dict[str, Any]:
    """What a row says of a dataclass's fields."""
    return {field.name: row[field.name] for field in fields(kind)}


def _utc(instant: datetime) -> datetime:
    """The instant in UTC, without a zone, as the ledger keeps it."""
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)
