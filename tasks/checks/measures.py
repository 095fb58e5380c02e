"""Numbers about one whole table, for rules about tables and for the bounds that rules take from the data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from keepwell.expectations.derived import derived_names
from keepwell.expectations.measures import (
    UNCAST,
    age_days,
    daily_counts,
    last_full_day,
    outlier_bounds,
    size_counts,
    uncast_at,
    volume,
)
from keepwell.expectations.suites import TO_EXIST, Expectation, Suite, parameter_name
from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.checks.rows import Asked
from keepwell.tasks.settings import CheckSettings
from keepwell.tasks.sources.snapshot import StagedTable


@dataclass(frozen=True)
class Measured:
    """`values` by the names of expectations.measures; `uncast_keys` per column the keys of values that did not cast."""

    values: Mapping[str, Any]
    uncast_keys: Mapping[str, tuple[str, ...]]


def measured(
    rows: ir.Table,
    uncast: ir.Table,
    table: CanonicalTable,
    about: StagedTable,
    suite: Suite,
    as_of: datetime,
    checks: CheckSettings,
    every: float | None,
) -> Measured:
    """The measures of one table in one scan; None where a measure cannot be taken."""
    days = daily_counts(rows, table.event).to_pyarrow().to_pandas()
    min_rows = max(e.min_rows for e in suite.expectations)
    last = last_full_day(days, as_of, updated=every is not None)
    failed, keys = _uncast(uncast, about, table, as_of, checks.sample_keys)
    values = {
        "rows_staged": about.rows,
        "rows_known": int(days["rows"].sum()),
        "age_days": age_days(days, as_of),
        "volume": volume(days, last, checks.volume_window_days, checks.volume_windows, min_rows),
        **{f"{UNCAST}{column}": failed.get(column, 0) for column in about.given},
    }
    return Measured(values, keys)


def asked(
    suite: Suite,
    rows: ir.Table,
    table: CanonicalTable,
    about: StagedTable,
    measures: Measured,
    checks: CheckSettings,
    every: float | None,
    currencies: Collection[str],
) -> tuple[Asked, ...]:
    """The expectations that can be judged here, with their arguments filled in from settings and data."""
    filled = []
    for expectation in suite.expectations:
        if not _can_be_judged(expectation, table, about, measures):
            continue
        names = [p for v in expectation.arguments.values() if (p := parameter_name(v))]
        values = _settings(checks, every, currencies)
        if {"low", "high"} & set(names):
            values |= _bounds(rows, expectation.given[0], checks)
        if all(values[name] is not None for name in names):
            arguments = {k: values[p] if (p := parameter_name(v)) else v for k, v in expectation.arguments.items()}
            filled.append(Asked(expectation, arguments))
    return tuple(filled)


def _can_be_judged(expectation: Expectation, table: CanonicalTable, about: StagedTable, measures: Measured) -> bool:
    """Whether the mapping gives what the rule is about."""
    if expectation.expect == TO_EXIST:
        return True
    if expectation.scope == "table":
        return all(measures.values.get(name) is not None for name in expectation.given)
    return set(expectation.given) <= derived_names(table.name, about.given) | set(about.given)


def _settings(checks: CheckSettings, every: float | None, currencies: Collection[str]) -> dict[str, Any]:
    """Values of `$names` that come from the settings; None where this company has none."""
    return {
        "currencies": sorted(currencies),
        "fresh_days": None if every is None else every * checks.fresh_factor,
        "stale_days": None if every is None else every * checks.stale_factor,
        "volume_low": checks.volume_low,
        "volume_high": checks.volume_high,
        "mostly_inside": 1 - checks.outlier_share,
    }


def _bounds(rows: ir.Table, column: str, checks: CheckSettings) -> dict[str, float | None]:
    sizes = size_counts(rows, column).to_pyarrow().to_pandas().sort_values("size", ignore_index=True)
    low, high = outlier_bounds(sizes, checks.outlier_deviations) or (None, None)
    return {"low": low, "high": high}


def _uncast(
    uncast: ir.Table, about: StagedTable, table: CanonicalTable, as_of: datetime, sample: int
) -> tuple[dict[str, int], dict[str, tuple[str, ...]]]:
    """Per column, how many values known at as_of did not cast, and the first keys."""
    if not about.casts:
        return {}, {}
    found = uncast_at(uncast, table.name, as_of)
    first: Sequence[Mapping[str, Any]] = (
        found.filter(found.place < sample).order_by("column_name", "place").to_pyarrow().to_pylist()
    )
    counts = {row["column_name"]: int(row["rows"]) for row in first}
    return counts, {name: tuple(r["key"] for r in first if r["column_name"] == name) for name in counts}
