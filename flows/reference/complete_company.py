"""A company of one account of which everything is known, and the same with a table or a column missing.

Every scenario is one account of one company, so that the features of all are computed in one step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa

from keepwell.features.facts.canonical import EVENTS, QUARANTINE, TABLES
from keepwell.features.facts.columns import Column
from keepwell.features.facts.known import Facts, known

TODAY = date(2026, 1, 5)
Row = Mapping[str, Any]
Places = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Scenario:
    """What a company lacks: whole tables, or columns (table, column)."""

    tables: frozenset[str] = frozenset()
    columns: Places = field(default_factory=frozenset)

    @property
    def account(self) -> str:
        """The account that stands for it."""
        return "|".join([*sorted(self.tables), *(".".join(place) for place in sorted(self.columns))]) or "complete"


def _day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def _at(ago: int) -> datetime:
    return datetime.combine(_day(ago), datetime.min.time()) + timedelta(hours=9)


def _rows() -> dict[str, list[Row]]:
    """The account's rows by table: a customer for more than two years who uses, asks, pays, answers and meets."""
    started = 800
    return {
        "accounts": [{
            "valid_from": _day(started), "name": "Acme", "parent_id": "holding", "industry": "retail", "country": "DE",
            "segment": "large", "csm": "kim", "email_opt_out": False,
        }],
        "contracts": [
            _contract("main", started, -200, plan="pro", seats=10, notice_on=_day(3)),
            _contract("renewal", -200, -565, plan="pro", signed_on=_day(10), notice_on=_day(3)),
            _contract("trial", 100, None, trial=True),
            _contract("ended", 500, None, ended_on=_day(100)),
            _contract("replaced", 450, -700, plan="add-on"),
            _contract("replacement", 300, -710, plan="add-on", replaces="replaced", notice_on=_day(3)),
        ],
        "usage": [
            {"day": _day(ago), "user_id": "ann", "feature": "edit", "events": 5, "minutes": 10.0}
            for ago in (1, 10, 40, 120, 370, started)
        ],
        "tickets": [{
            "ticket_id": f"t{ago}", "opened_at": _at(ago), "priority": "urgent", "sentiment": 0.2,
            "first_response_at": _at(ago), "closed_at": _at(ago - 2), "closed": True, "escalated": True,
            "escalated_at": _at(ago - 1), "csat": 4.0, "csat_at": _at(ago - 2),
        } for ago in (20, 120)],
        "invoices": [{
            "invoice_id": "i", "issued_on": _day(60), "due_on": _day(30), "amount": 100.0, "currency": "USD",
            "first_failed_at": _at(30), "failed_at": _at(29), "disputed_at": _at(28), "paid_at": _at(20),
        }],
        "surveys": [
            {"survey_id": f"s{ago}", "answered_at": _at(ago), "score": 9, "role": "admin", "sentiment": 0.3}
            for ago in (30, 200)
        ],
        "touchpoints": [{
            "touchpoint_id": kind, "happened_at": _at(30), "kind": kind, "role": "executive", "attended": True,
            "answered_at": _at(29), "sentiment": 0.1, "engagement": 0.5, "scored_at": _at(30),
        } for kind in ("meeting", "email", "onboarding", "community")],
        "contacts": [
            {"contact_id": "kit", "since": _day(400), "role": "champion", "left_on": _day(20)},
            {"contact_id": "lou", "since": _day(400), "role": "user"},
        ],
        "opportunities": [{
            "opportunity_id": "o", "changed_at": _at(20), "kind": "expansion", "stage": "proposal", "value": 100.0,
            "currency": "USD", "owner": "kim",
        }],
    }  # fmt: skip


def _contract(name: str, started: int, ends: int | None, **more: Any) -> Row:
    """A contract of 1200 USD a year that began so many days ago."""
    end = None if ends is None else _day(ends)
    return {"contract_id": name, "start_on": _day(started), "end_on": end, "arr": 1200.0, "currency": "USD", **more}


def filled_tables() -> tuple[str, ...]:
    """The tables in which the account has rows: all that features and alerts read."""
    return tuple(_rows())


def facts_of(scenarios: Sequence[Scenario]) -> Facts:
    """What is known on TODAY of a company with one account per scenario."""
    rows: dict[str, list[Row]] = {name: [] for name in _rows()}
    for scenario in scenarios:
        for name, mine in _rows().items():
            if name not in scenario.tables:
                rows[name] += [_of_account(name, row, scenario) for row in mine]
    tables = {name: _staged(name, of) for name, of in rows.items()}
    tables["quarantine"] = ibis.memtable(_typed(QUARANTINE, ()))
    as_of = datetime.combine(TODAY, datetime.min.time())
    newest = {name: {as_of: _newest(name, of)} for name, of in rows.items()}
    return known(tables, [as_of], newest, {name: TABLES[name].accepted for name in rows})


def given_without(scenario: Scenario) -> Mapping[str, frozenset[str]]:
    """The tables of the scenario's company, and the columns that their mappings give."""
    return {
        name: TABLES[name].accepted - {column for table, column in scenario.columns if table == name}
        for name in _rows()
        if name not in scenario.tables
    }


def _of_account(name: str, row: Row, scenario: Scenario) -> Row:
    """The row as the scenario's account has it, with ids of its own."""
    key = TABLES[name].key[0]
    own = {"account_id": scenario.account} | ({key: f"{scenario.account}/{row[key]}"} if key in row else {})
    named = {"replaces": f"{scenario.account}/{row['replaces']}"} if "replaces" in row else {}
    missing = {column: None for table, column in scenario.columns if table == name}
    return {**row, **own, **named, **missing}


def _newest(name: str, rows: Sequence[Row]) -> date:
    newest = max(row[EVENTS[name]] for row in rows if row[EVENTS[name]] is not None)
    return newest.date() if isinstance(newest, datetime) else newest


def _staged(name: str, rows: Sequence[Row]) -> ibis.Table:
    """The rows as staging leaves them, with `known_at` by the table's rule."""
    table = ibis.memtable(_typed(TABLES[name].staged, rows))
    return table.mutate(known_at=TABLES[name].known.of(table).cast("timestamp"))


def _typed(columns: Sequence[Column], rows: Sequence[Row]) -> pa.Table:
    schema = ibis.schema({column.name: column.type for column in columns}).to_pyarrow()
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
