"""The only door to raw data: a staged snapshot and what the ledger adds to it, cut at as_of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.canonical import TABLES
from features.known import Facts, cut, known
from tasks.staging import Snapshot, canonical

NOTHING: Mapping[str, pd.DataFrame] = {}


def facts_at(
    snapshot: Snapshot,
    as_of: datetime,
    fixed: frozenset[str] = frozenset(),
    recorded: Mapping[str, pd.DataFrame] = NOTHING,
) -> Facts:
    """Everything in the snapshot that was known at `as_of`, on an engine of its own.

    `recorded`: rows that Keepwell's ledger has of canonical tables (tasks/recorded.py). They are no part of the
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
    newest: dict[str, date] = {}
    for name in (*snapshot.tables, *since):
        table = TABLES[name]
        visible = cut(tables[name], table, as_of)
        last = visible[table.event].cast("date").max().to_pyarrow().as_py()
        if last is not None:
            newest[name] = last
    given = {name: frozenset(staged.given) for name, staged in snapshot.tables.items()}
    given |= {name: frozenset(recorded[name].columns) for name in since}
    return replace(known(tables, as_of, newest, given, fixed), since=since)


def _together(staged: ir.Table, ours: ir.Table, key: tuple[str, ...]) -> ir.Table:
    """Rows of the ledger, and of the company those of other keys."""
    return staged.anti_join(ours, list(key)).union(ours.select(staged.columns))
