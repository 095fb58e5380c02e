"""A tiny company, written out by hand: rows of canonical tables become Facts, without a source and without staging.

    facts = company("2024-03-04", contracts=[contract("acme")], usage=[{"account_id": "acme", "day": "2024-03-01"}])
    assert value(facts, "active_days_28d") == 1

Dates and instants are ISO texts. A row names only the columns that matter: the others are NULL, its own id is made up.
`known_at` follows from the table's rule, or is later where the row says so, as in staging.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa

from keepwell.features.book import book
from keepwell.features.facts.canonical import QUARANTINE, TABLES
from keepwell.features.facts.columns import AS_OF, Column
from keepwell.features.facts.known import Facts
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import feature_table
from keepwell.features.settings import BookSettings
from keepwell.tasks.sources.connect import engine
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import StagedTable
from keepwell.tasks.sources.staging import ARROW

Row = Mapping[str, object]
Snapshot = Mapping[str, ibis.Table]
REQUIRED = ("accounts", "contracts", "usage")
MONDAY = "2024-03-04"


def ago(days: int, time: str = "") -> str:
    """The date so many days before MONDAY, or an instant of it: `ago(5, "09:00")`."""
    day = str(date.fromisoformat(MONDAY) - timedelta(days=days))
    return f"{day}T{time}" if time else day


def contract(account: str = "acme", start_on: str = "2023-01-01", end_on: str | None = None, **more: object) -> Row:
    """A contract of 1200 USD a year, open-ended and not sold by seat; `more` are further columns."""
    about = {"account_id": account, "start_on": start_on, "end_on": end_on, "arr": 1200.0, "currency": "USD"}
    return {**about, **more}


@dataclass(frozen=True)
class InMemory:
    """What staging would have left of these tables, for the product's own cut; `given`: columns, where not all."""

    opened: Snapshot
    given: Mapping[str, Iterable[str]]

    @property
    def tables(self) -> Mapping[str, StagedTable]:
        """About each canonical table that is there."""
        columns = {n: tuple(self.given.get(n, TABLES[n].accepted)) for n in self.opened if n in TABLES}
        return {name: StagedTable(0, 0, of, {}) for name, of in columns.items()}

    def open(self) -> dict[str, ibis.Table]:
        """The tables, not cut, and the rollups that staging keeps of them."""
        rollups = {n: r.to_store(self.opened[r.source]) for n, r in ROLLUPS.items() if r.source in self.opened}
        return {**self.opened, **rollups}


def company(
    as_of: str, given: Mapping[str, Iterable[str]] | None = None, fixed: Iterable[str] = (), **rows: Sequence[Row]
) -> Facts:
    """What is known at `as_of` of a company with these rows by table; `quarantine` holds rows set aside.

    accounts, contracts and usage are always there, an optional table only where it is named (an empty list: it is there
    and empty). `given` names the columns that the mapping of a table gives, where it is not all of them.
    """
    return facts_of(snapshot(rows), as_of, given, fixed)


def snapshot(rows: Mapping[str, Sequence[Row]]) -> Snapshot:
    """The tables with every canonical column and `known_at`, not yet cut, on an in-memory DuckDB of their own."""
    connection = engine()
    tables = {}
    for name in dict.fromkeys((*REQUIRED, *(n for n in rows if n != "quarantine"))):
        typed = connection.create_table(name, _typed(TABLES[name].staged, _keyed(name, rows.get(name, ()))))
        rule = TABLES[name].known.of(typed).cast("timestamp")
        tables[name] = typed.mutate(known_at=ibis.greatest(rule, ibis.coalesce(typed.known_at, rule)))
    tables["quarantine"] = connection.create_table("quarantine", _typed(QUARANTINE, rows.get("quarantine", ())))
    return tables


def facts_of(
    tables: Snapshot, as_of: str, given: Mapping[str, Iterable[str]] | None = None, fixed: Iterable[str] = ()
) -> Facts:
    """What is known of a snapshot at `as_of`."""
    return facts_at(InMemory(tables, given or {}), datetime.fromisoformat(as_of), frozenset(fixed))


def wide(facts: Facts, *features: str, money: BookSettings | None = None, also: Collection[str] = ()) -> pd.DataFrame:
    """The book with the named features (none named: all of them), one row per account (index).

    `also`: unpublished features that are to be columns too.
    """
    wanted = _with_ingredients(features) if features else FEATURES
    settings = money or BookSettings()
    chosen = {name: FEATURES[name] for name in wanted}
    table = feature_table(facts, book(facts, settings), chosen, settings.rates(), also)
    return table.drop(AS_OF).to_pandas().set_index("account_id").sort_index()


def value(facts: Facts, feature: str, account: str = "acme") -> float | None:
    """One feature of one account; None for NULL."""
    found = wide(facts, feature).loc[account, feature]
    return None if pd.isna(found) else float(found)


def _with_ingredients(features: Iterable[str]) -> list[str]:
    """The features and, for derived ones, all aggregates of their source and of what was set aside."""
    sources = {s for name in features if FEATURES[name].kind == "derived" for s in FEATURES[name].sources}
    aside = {"quarantine"} if "usage" in sources else set()
    ingredients = {n for n, f in FEATURES.items() if f.kind == "aggregate" and (sources | aside) & {*f.sources}}
    return [name for name in FEATURES if name in ingredients or name in features]


def _keyed(name: str, rows: Sequence[Row]) -> list[Row]:
    """Rows with a made-up id where they have none: `tickets-1`."""
    key = TABLES[name].key[0]
    return [{key: f"{name}-{number}", **row} for number, row in enumerate(rows, 1)]


def _typed(columns: Iterable[Column], rows: Sequence[Row]) -> pa.Table:
    kinds = {c.name: c.type for c in columns}
    unknown = {name for row in rows for name in row} - set(kinds)
    assert not unknown, f"no such column: {unknown}"
    return pa.table({n: pa.array([_parsed(row.get(n), k) for row in rows], ARROW[k]) for n, k in kinds.items()})


def _parsed(given: Any, kind: str) -> Any:
    if isinstance(given, str) and kind == "date":
        return date.fromisoformat(given)
    if isinstance(given, str) and kind == "timestamp":
        return datetime.fromisoformat(given)
    return given
