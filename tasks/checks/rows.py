"""The rows that Great Expectations is handed: of those known at as_of, those that may break a rule."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from keepwell.expectations.derived import with_derived, with_existence
from keepwell.expectations.sieve import may_break, repeated_values, thinned
from keepwell.expectations.suites import Expectation
from keepwell.expectations.summed import seen_at
from keepwell.features.facts.columns import AS_OF, CanonicalTable
from keepwell.features.facts.known import known_rows, timestamp
from keepwell.tasks.sources.casts import joined_key
from keepwell.tasks.sources.snapshot import StagedTable

ROW_KEY = "row_key"


@dataclass(frozen=True)
class Asked:
    """One expectation with its arguments filled in, and what the sieve counted of rows.

    `failed`: rows that break it. `all_there`: whether the frame holds them all, so that the count of Great Expectations
    is that of the table. `filled`: rows that have a value at all.
    """

    expectation: Expectation
    arguments: Mapping[str, Any]
    failed: int = 0
    filled: int = 0
    all_there: bool = True


@dataclass(frozen=True)
class NotJudged:
    """One expectation that cannot be judged here, and why."""

    expectation: Expectation
    why: str


@dataclass(frozen=True)
class Sieved:
    """One expectation and the rows that may break it."""

    asked: Asked
    broken: ir.BooleanValue


@dataclass(frozen=True)
class Rows:
    """The rows of one table that may break a rule, as a frame ordered by key, out of `total`."""

    frame: pd.DataFrame
    total: int
    asked: tuple[Asked, ...]


def visible(rows: ir.Table, table: CanonicalTable, given: Collection[str], as_of: datetime) -> ir.Table:
    """Rows known at as_of, with their derived columns; and, without a known_at, those that a wrong date would hide.

    Hidden would be a row without a date, and one that was loaded by as_of but is dated after its own load. A late
    column reads NULL until it is known, so that a run for an old date judges what that date knew.
    """
    at = timestamp(as_of)
    hidden = rows.known_at.isnull() | ((seen_at(rows, table) <= at) & (rows.known_at > at))
    at_all = with_derived(rows, table.name, given).mutate(hidden=hidden, known_at=hidden.ifelse(at, rows.known_at))
    seen = known_rows(at_all, table, [as_of]).drop(AS_OF)
    return seen.mutate(known_at=seen.hidden.ifelse(ibis.null(), seen.known_at)).drop("hidden")


def with_row_key(rows: ir.Table, table: CanonicalTable, given: Collection[str]) -> ir.Table:
    """The rows with `row_key`, as far as it is given; where all of it is missing account and event, to be found by."""
    there = replace(table, key=tuple(name for name in table.key if name in given) or table.key)
    no_key = ibis.and_(*(rows[name].isnull() for name in there.key))
    instead = ibis.literal("|").join([rows[name].cast("string").fill_null("") for name in ("account_id", table.event)])
    return rows.mutate(**{ROW_KEY: no_key.ifelse(instead, joined_key(rows, there))})


def rows_to_judge(
    rows: ir.Table, accounts: ir.Table, table: CanonicalTable, about: StagedTable, asked: Sequence[Asked], limit: int
) -> Rows:
    """The rows of a table that may break a rule, about `limit` of them, and how many there are."""
    whole = with_existence(rows, table.name, about.given, accounts)
    needed = {c for a in asked for c in (*a.expectation.given, a.expectation.column or "") if c in whole.columns}
    columns = (ROW_KEY, *sorted(needed))
    repeated = [repeated_values(a.expectation, rows, table) for a in asked]
    sieved = [
        Sieved(a, may_break(a.expectation, whole, a.arguments, marks)) for a, marks in zip(asked, repeated, strict=True)
    ]
    total, counted = _counted(whole, sieved)
    failing = [(a, s.broken) for a, s in zip(counted, sieved, strict=True) if a.failed]
    if not failing:
        return no_rows(total, counted)
    quota = max(limit // len(failing), 1)
    wanted = [thinned(broken, whole, table.key, -(-a.failed // quota)) for a, broken in failing]
    found = whole.filter(ibis.or_(*wanted))
    frame = _frame(with_row_key(found, table, about.given), columns)
    return Rows(frame, total, tuple(replace(a, all_there=a.failed <= quota) for a in counted))


def no_rows(total: int, asked: Sequence[Asked]) -> Rows:
    """Out of `total` rows none that may break a rule."""
    return Rows(pd.DataFrame(columns=[ROW_KEY]), total, tuple(asked))


def _counted(whole: ir.Table, sieved: Sequence["Sieved"]) -> tuple[int, tuple[Asked, ...]]:
    """All rows, and per expectation those that may break it and those that have a value: one scan."""
    failed = {f"failed_{n}": s.broken.sum() for n, s in enumerate(sieved)}
    filled = {f"filled_{n}": whole[s.asked.expectation.given[0]].count() for n, s in enumerate(sieved)}
    counts: dict[str, int | None] = whole.agg(total=whole.count(), **failed, **filled).to_pyarrow().to_pylist()[0]
    return counts["total"] or 0, tuple(
        replace(s.asked, failed=counts[f"failed_{n}"] or 0, filled=counts[f"filled_{n}"] or 0)
        for n, s in enumerate(sieved)
    )


def _frame(rows: ir.Table, columns: Sequence[str]) -> pd.DataFrame:
    ordered = rows.select(*columns).order_by(*columns)
    return ordered.to_pyarrow().to_pandas(date_as_object=False)
