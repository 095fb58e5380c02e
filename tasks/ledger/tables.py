"""The tables of the work ledger. Each row has its time of writing, which no result depends on (ALR-5)."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY


class utc_now(FunctionElement[Any]):  # noqa: N801 named as SQL functions are
    """The database's clock, in UTC without a zone."""

    type = sa.DateTime()
    inherit_cache = True


@compiles(utc_now, "sqlite")
def _utc_now_in_sqlite(*_: object, **__: object) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f', 'now')"


@compiles(utc_now, "postgresql")
def _utc_now_in_postgresql(*_: object, **__: object) -> str:
    return "timezone('utc', clock_timestamp())"


def _written_at() -> "sa.Column[Any]":
    """Time of writing; empty in rows older than this column."""
    return sa.Column("written_at", sa.DateTime, default=utc_now())


def _company(*, primary_key: bool = False) -> "sa.Column[Any]":
    """Whose row it is: several companies may share a database."""
    return sa.Column("company", sa.Text, nullable=False, server_default=DEFAULT_COMPANY, primary_key=primary_key)


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
    _written_at(),
    _company(),
)

RUNS = sa.Table(
    "ledger_runs",
    METADATA,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("as_of", sa.DateTime, primary_key=True),
    _written_at(),
    _company(primary_key=True),
)

MESSAGES = sa.Table(
    "ledger_messages",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    _written_at(),
    sa.Column("about", sa.Text, nullable=False, server_default=""),
    _company(),
)

DELIVERIES = sa.Table(
    "ledger_deliveries",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("tried_at", sa.DateTime, primary_key=True),
    sa.Column("delivered", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text),
    _written_at(),
    _company(),
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
    _written_at(),
    _company(),
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
    _written_at(),
    _company(),
)

ACTIONS = sa.Table(
    "ledger_actions",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("action_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("as_of", sa.DateTime, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    _written_at(),
    _company(),
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
    _written_at(),
    sa.Index("ledger_crm_newest", "place", "key", "kind", "number"),
    _company(),
)

DECISIONS = sa.Table(
    "ledger_decisions",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("until", sa.DateTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    _written_at(),
    _company(),
)
"""Decisions of people about runs: an instant `forced`, a book `accepted`, all as of an instant or a day `withdrawn`."""

WITHDRAWN = sa.Table(
    "ledger_withdrawn",
    METADATA,
    sa.Column("ledger", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("as_of", sa.DateTime, primary_key=True),
    sa.Column("decision", sa.Integer, sa.ForeignKey(DECISIONS.c.number), nullable=False),
    _written_at(),
    _company(primary_key=True),
)
"""Rows of the other tables that a decision withdrew: readers skip them."""
