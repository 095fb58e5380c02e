"""The only door to raw data: a staged snapshot and what the ledger adds to it, cut at as_of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pandas as pd

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import AS_OF
from keepwell.features.facts.known import DayBits, Facts, known, rows_of
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.sources.casts import canonical
from keepwell.tasks.sources.snapshot import Snapshot

NOTHING: Mapping[str, pd.DataFrame] = {}
CONTRACTS_AT_ONCE = 240_000
"""Contracts times instants of one query: what bounds its memory."""
MOST_AT_ONCE = 24
"""Instants of one query of a small company: more do not make it cheaper."""


def facts_at(
    snapshot: Snapshot,
    as_of: datetime,
    fixed: frozenset[str] = frozenset(),
    recorded: Mapping[str, pd.DataFrame] = NOTHING,
) -> Facts:
    """Everything in the snapshot that was known at `as_of`; see `facts_at_each`."""
    return facts_at_each(snapshot, (as_of,), fixed, recorded)


def facts_at_each(
    snapshot: Snapshot,
    instants: Sequence[datetime],
    fixed: frozenset[str] = frozenset(),
    recorded: Mapping[str, pd.DataFrame] = NOTHING,
) -> Facts:
    """Everything in the snapshot that was known at each of these instants, on an engine of its own.

    `recorded`: rows that Keepwell's ledger has of canonical tables (tasks/ledger/recorded.py). They are no part of the
    snapshot, whose id must not change when somebody writes down a call; of a key that both have, the ledger's counts.
    """
    tables = snapshot.open()
    since = {}
    for name, rows in recorded.items():
        ours = canonical(ibis.memtable(rows), TABLES[name]).drop("quarantine_reason")
        if name in tables:
            tables[name] = _together(tables[name], ours, TABLES[name].key)
        else:
            tables[name], since[name] = ours, rows[TABLES[name].event].min().to_pydatetime()
    given = {name: frozenset(staged.given) for name, staged in snapshot.tables.items()}
    given |= {name: frozenset(recorded[name].columns) for name in since}
    rollups = {name: tables[name] for name in ROLLUPS if name in tables}
    facts = known(tables, instants, {}, given, fixed, rollups)
    return replace(facts, newest=Newest(facts), since=since)


def at_once(snapshot: Snapshot, instants: Sequence[datetime]) -> Iterator[Sequence[datetime]]:
    """The instants in groups of as many as one query can compute in little memory."""
    contracts = max(snapshot.tables["contracts"].rows, 1)
    size = min(max(CONTRACTS_AT_ONCE // contracts, 1), MOST_AT_ONCE)
    for first in range(0, len(instants), size):
        yield instants[first : first + size]


class Newest(Mapping[str, Mapping[datetime, date]]):
    """The newest event day known of each table by instant, looked up when it is asked for: a run asks for few."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._found: dict[str, dict[datetime, date]] = {}

    def __getitem__(self, name: str) -> Mapping[datetime, date]:
        if name not in self._found:
            self._found[name] = self._newest(name) if name in self._facts else {}
        if not self._found[name]:
            raise KeyError(name)
        return self._found[name]

    def _newest(self, name: str) -> dict[datetime, date]:
        days = next((n for n, r in ROLLUPS.items() if r.source == name and not r.by), "")
        rows = rows_of(self._facts, name, None, rollup=days)
        day = rows.last_day if isinstance(rows, DayBits) else rows.table[rows.event].cast("date")
        newest = rows.table.group_by(AS_OF).agg(day=day.max()).drop_null("day")
        return {row[AS_OF]: row["day"] for row in newest.to_pyarrow().to_pylist()}

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._facts.given if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _together(staged: ir.Table, ours: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Rows of the ledger, and of the company those of other keys.

    A staged file says how fine its timestamps are, rows in memory do not, and a union takes one type alone.
    """
    return staged.anti_join(ours, list(key)).union(ours.select(staged.columns).cast(staged.schema()))
