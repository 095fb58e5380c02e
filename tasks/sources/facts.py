"""The only door to raw data: a staged snapshot and what the ledger adds to it, cut at as_of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pandas as pd

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import Facts, known, known_rows
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.sources.casts import canonical
from keepwell.tasks.sources.snapshot import Snapshot

NOTHING: Mapping[str, pd.DataFrame] = {}


def facts_at(
    snapshot: Snapshot,
    as_of: datetime,
    fixed: frozenset[str] = frozenset(),
    recorded: Mapping[str, pd.DataFrame] = NOTHING,
) -> Facts:
    """Everything in the snapshot that was known at `as_of`, on an engine of its own.

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
    newest = Newest({name: tables[name] for name in (*snapshot.tables, *since)}, as_of)
    given = {name: frozenset(staged.given) for name, staged in snapshot.tables.items()}
    given |= {name: frozenset(recorded[name].columns) for name in since}
    rollups = {name: tables[name] for name in ROLLUPS if name in tables}
    return replace(known(tables, as_of, newest, given, fixed, rollups), since=since)


class Newest(Mapping[str, date]):
    """The newest event day known of each table, looked up when it is asked for: a run asks for few of them."""

    def __init__(self, tables: Mapping[str, ir.Table], as_of: datetime) -> None:
        self._tables, self._as_of = tables, as_of
        self._found: dict[str, date | None] = {}

    def __getitem__(self, name: str) -> date:
        if name not in self._found:
            visible = known_rows(self._tables[name], TABLES[name], self._as_of)
            self._found[name] = visible[TABLES[name].event].cast("date").max().to_pyarrow().as_py()
        if (day := self._found[name]) is None:
            raise KeyError(name)
        return day

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._tables if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _together(staged: ir.Table, ours: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Rows of the ledger, and of the company those of other keys.

    A staged file says how fine its timestamps are, rows in memory do not, and a union takes one type alone.
    """
    return staged.anti_join(ours, list(key)).union(ours.select(staged.columns).cast(staged.schema()))
