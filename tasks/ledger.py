"""The append-only work ledger in a relational database: SQLite embedded, PostgreSQL in production (ALR-5).

A run's events and its marker are written in one transaction: a kill at any moment leaves all of a day or nothing.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from playbook.alert_events import LedgerEvent
from playbook.alert_runs import Runs
from playbook.crm import CrmEvent
from playbook.messages import Message
from playbook.review import ReviewEvent
from playbook.work import WorkEvent
from tasks.database import Database
from tasks.errors import ConfigError
from tasks.migrate import TooNew, migrate
from tasks.settings import STANDARD_RETRIES, RetrySettings

SCHEMA_LOCK, REVIEW_LOCK = 5_313_397, 5_313_398  # any numbers that no other program on the server uses

METADATA = sa.MetaData()

EVENTS = sa.Table(
    "ledger_events",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("alert_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)

RUNS = sa.Table(
    "ledger_runs",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("as_of", sa.DateTime, primary_key=True),
)


MESSAGES = sa.Table(
    "ledger_messages",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)

DELIVERIES = sa.Table(
    "ledger_deliveries",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("tried_at", sa.DateTime, primary_key=True),
    sa.Column("delivered", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text),
)

REVIEWS = sa.Table(
    "ledger_reviews",
    METADATA,
    sa.Column("review_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)

WORK = sa.Table(
    "ledger_work",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
)

CRM = sa.Table(
    "ledger_crm",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("crm_id", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Index("ledger_crm_newest", "place", "key", "kind", "number"),
)


@dataclass(frozen=True)
class Waiting:
    """A message that nobody has got yet, how often it was tried, and when last."""

    message: Message
    tries: int
    tried_at: datetime | None


class Ledger:
    """Who did what when. Lines are added, never changed; an event or a run that is there already is left as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str, retries: RetrySettings = STANDARD_RETRIES) -> "Ledger":
        """The ledger at an SQLAlchemy URL, its tables brought up to date.

        ConfigError where it cannot be used, Unreachable where it does not answer.
        """
        database = Database("the ledger", "ledger.url", url, retries)
        try:
            database.write(_brought_up_to_date)
        except TooNew as error:
            raise ConfigError(f"ledger.url: {error}. Use a newer Keepwell, or another ledger.") from error
        except sa.exc.SQLAlchemyError as error:
            raise database.refused(error) from error
        return cls(database)

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    def history(self, up_to: datetime | None = None) -> list[LedgerEvent]:
        """The events written as of `up_to` or before (all of them for None), in order of as_of."""
        query = sa.select(EVENTS).order_by(EVENTS.c.as_of, EVENTS.c.event_id)
        if up_to is not None:
            query = query.where(EVENTS.c.as_of <= _utc(up_to))
        rows = self._rows(query)
        return [LedgerEvent(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def runs(self, flow: str) -> Runs:
        """The first and the newest run of a flow."""
        query = sa.select(sa.func.min(RUNS.c.as_of), sa.func.max(RUNS.c.as_of)).where(RUNS.c.flow == flow)
        first, last = self._database.read(lambda connection: connection.execute(query).one())
        return Runs(first, last)

    def last_run(self, flow: str) -> datetime | None:
        """The newest run of a flow; None before the first."""
        return self.runs(flow).last

    def record(
        self, flow: str, as_of: datetime, events: Sequence[LedgerEvent], outbox: Sequence[Message] = ()
    ) -> list[LedgerEvent]:
        """Write a run's events, its messages and its marker, all or nothing; the events that were not there before."""
        # One order of keys for every writer: two runs of the same day at once wait for each other, never in a circle.
        rows = [_row(event) for event in sorted(events, key=lambda e: e.event_id)]

        def add(connection: sa.Connection) -> set[str]:
            added: set[str] = set()
            if rows:
                added = set(connection.execute(self._add(EVENTS).returning(EVENTS.c.event_id), rows).scalars())
            if outbox:
                connection.execute(self._add(MESSAGES), [vars(message) for message in outbox])
            connection.execute(self._add(RUNS), {"flow": flow, "as_of": _utc(as_of)})
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
            .where(MESSAGES.c.key.not_in(got))
            .group_by(*MESSAGES.c)
            .order_by(MESSAGES.c.at, MESSAGES.c.key)
        )
        rows = self._rows(query)
        kept = [Message(**{column.name: row[column.name] for column in MESSAGES.c}) for row in rows]
        return [Waiting(m, row["tries"], row["tried_at"]) for m, row in zip(kept, rows, strict=True)]

    def tried(self, key: str, at: datetime, error: str | None) -> None:
        """Write that a message was tried: delivered, or why not."""
        told = {"key": key, "tried_at": _utc(at), "delivered": error is None, "error": error}
        self._database.write(lambda connection: connection.execute(self._add(DELIVERIES), told))

    def reviews(self) -> list[ReviewEvent]:
        """The events of every expert review, each review's in their order."""
        return self._database.read(_reviews)

    def review(self, decide: Callable[[Sequence[ReviewEvent]], Sequence[ReviewEvent]]) -> list[ReviewEvent]:
        """Add what a person's step comes to, given all events before it; nobody else writes between the two."""

        def add(connection: sa.Connection) -> list[ReviewEvent]:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(REVIEW_LOCK)))
            events = list(decide(_reviews(connection)))
            if events:
                connection.execute(sa.insert(REVIEWS), [_row(event) for event in events])
            return events

        return self._database.write(add)

    def work(self, up_to: datetime | None = None) -> list[WorkEvent]:
        """What people recorded as of `up_to` or before (all of it for None), in the order in which it was written."""
        query = sa.select(WORK).order_by(WORK.c.as_of, WORK.c.event_id)
        if up_to is not None:
            query = query.where(WORK.c.as_of <= _utc(up_to))
        rows = self._rows(query)
        return [WorkEvent(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def record_work(self, events: Sequence[WorkEvent]) -> list[WorkEvent]:
        """Write what people did, all or nothing; the events that were not there before."""
        rows = [_row(event) for event in sorted(events, key=lambda e: e.event_id)]  # one order, as in `record`
        if not rows:
            return []
        query = self._add(WORK).returning(WORK.c.event_id)
        added = self._database.write(lambda connection: set(connection.execute(query, rows).scalars()))
        return [event for event in events if event.event_id in added]

    def crm(self, place: str) -> list[CrmEvent]:
        """The newest line of each kind for each object of a CRM's outbox, in the order in which they were written."""
        newest = sa.select(sa.func.max(CRM.c.number)).where(CRM.c.place == place).group_by(CRM.c.key, CRM.c.kind)
        query = sa.select(CRM).where(CRM.c.number.in_(newest)).order_by(CRM.c.number)
        given = [{name: value for name, value in row.items() if name != "number"} for row in self._rows(query)]
        return [CrmEvent(**{**row, "payload": json.loads(row["payload"])}) for row in given]

    def record_crm(self, events: Sequence[CrmEvent]) -> None:
        """Add to a CRM's outbox, all or nothing."""
        if events:
            self._database.write(
                lambda connection: connection.execute(sa.insert(CRM), [_row(event) for event in events])
            )

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


def _reviews(connection: sa.Connection) -> list[ReviewEvent]:
    rows = connection.execute(sa.select(REVIEWS).order_by(REVIEWS.c.review_id, REVIEWS.c.number)).mappings().all()
    return [ReviewEvent(**{**row, "payload": json.loads(row["payload"])}) for row in rows]


def _row(event: LedgerEvent | ReviewEvent | WorkEvent | CrmEvent) -> dict[str, Any]:
    return {**vars(event), "payload": json.dumps(dict(event.payload), sort_keys=True)}


def _utc(instant: datetime) -> datetime:
    """The instant in UTC, without a zone, as the ledger keeps it."""
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)
