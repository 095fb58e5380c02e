"""Numbers about one whole table, for rules about tables and for the bounds that rules take from the data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from keepwell.expectations.measures import (
    MEASURES,
    age_days,
    last_full_day,
    outlier_bounds,
    volume,
)
from keepwell.expectations.suites import TO_EXIST, Expectation, Suite, missing_columns, on_given, parameter_name
from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.checks.book_watch import Watched
from keepwell.tasks.checks.counted import Noted, counted
from keepwell.tasks.checks.rows import Asked, NotJudged
from keepwell.tasks.checks.summed import Counts
from keepwell.tasks.settings import CheckSettings
from keepwell.tasks.sources.snapshot import StagedTable


@dataclass(frozen=True)
class Measured:
    """`values` by the names of expectations.measures, and what results say of each.

    `counts`: of those that count rows or accounts, how many; `keys` of the first of them; `words` instead of the bare
    value; `none`: why there is no value; `bounds`: what `$names` stand for.
    """

    values: Mapping[str, Any]
    counts: Mapping[str, int]
    keys: Mapping[str, tuple[str, ...]]
    words: Mapping[str, str]
    none: Mapping[str, str]
    bounds: Mapping[str, float]


def measured(
    rows: ir.Table,
    noted: Noted,
    table: CanonicalTable,
    about: StagedTable,
    counts: Counts,
    suite: Suite,
    as_of: datetime,
    checks: CheckSettings,
    every: float | None,
    fixed: Collection[str],
    watched: Watched,
) -> Measured:
    """The measures of one table in one scan, and what was watched of it; None where a measure cannot be taken."""
    days = counts.days()
    min_rows = max(e.min_rows for e in suite.expectations)
    last = last_full_day(days, as_of, updated=every is not None)
    found = counted(rows, noted, table, about, fixed)
    values = {
        "rows_staged": about.rows,
        "rows_known": int(days["rows"].sum()),
        "age_days": age_days(days, as_of),
        "volume": volume(days, last, checks.volume_window_days, checks.volume_windows, min_rows),
        **found.values,
        **watched.values,
    }
    keys = {**found.keys, **{name: first[: checks.sample_keys] for name, first in watched.keys.items()}}
    return Measured(values, {**found.values, **watched.counts}, keys, watched.words, watched.none, watched.bounds)


def asked(
    suite: Suite,
    counts: Counts,
    table: CanonicalTable,
    about: StagedTable,
    measures: Measured,
    checks: CheckSettings,
    every: float | None,
    currencies: Collection[str],
) -> tuple[tuple[Asked, ...], tuple[NotJudged, ...]]:
    """Every expectation of the suite: with its arguments filled in from settings and data, or why it is not judged."""
    filled, left_out = [], []
    for expectation in suite.expectations:
        judged = on_given(expectation, table, about.given)
        if judged is None:
            left_out.append(NotJudged(expectation, _not_given(missing_columns(expectation, table, about.given))))
            continue
        names = [p for v in judged.arguments.values() if (p := parameter_name(v))]
        values = _settings(checks, every, currencies) | dict(measures.bounds)
        if {"low", "high"} & set(names):
            values |= _bounds(counts, judged.given[0], checks)
        if (why := _nothing_to_judge(judged, names, values, measures)) is not None:
            left_out.append(NotJudged(expectation, why))
        else:
            arguments = {k: values[p] if (p := parameter_name(v)) else v for k, v in judged.arguments.items()}
            filled.append(Asked(judged, arguments))
    return tuple(filled), tuple(left_out)


def _not_given(columns: Sequence[str]) -> str:
    return f"{' and '.join(columns)} {'is' if len(columns) == 1 else 'are'} not given by the mapping"


NO_VALUE: Mapping[str, str] = {
    "fresh_days": "expected_every_days is not set for the table",
    "stale_days": "expected_every_days is not set for the table",
    "low": "all values are equal, or there are none",
    "high": "all values are equal, or there are none",
}
"""Why an argument `$name` may have no value."""


def _nothing_to_judge(
    expectation: Expectation, names: Sequence[str], values: Mapping[str, Any], measures: Measured
) -> str | None:
    """Why there is no number to judge, or no bound to judge it by; None where there are both."""
    without = [NO_VALUE[name] for name in names if name in NO_VALUE and values[name] is None]
    if expectation.scope == "table" and expectation.expect != TO_EXIST:
        missing = [name for name in expectation.given if measures.values.get(name) is None]
        without += [measures.none.get(name, MEASURES[name].none) for name in missing]
    return without[0] if without else None


def _settings(checks: CheckSettings, every: float | None, currencies: Collection[str]) -> dict[str, Any]:
    """Values of `$names` that come from the settings; None where this company has none."""
    return {
        "currencies": sorted(currencies),
        "entry_days": checks.entry_days,
        "fresh_days": None if every is None else every * checks.fresh_factor,
        "stale_days": None if every is None else every * checks.stale_factor,
        "volume_low": checks.volume_low,
        "volume_high": checks.volume_high,
        "mostly_inside": 1 - checks.outlier_share,
        "unit_low": 1 / checks.unit_factor,
        "unit_high": checks.unit_factor,
    }


def _bounds(counts: Counts, column: str, checks: CheckSettings) -> dict[str, float | None]:
    sizes = counts.sizes(column).sort_values("size", ignore_index=True)
    low, high = outlier_bounds(sizes, checks.outlier_deviations) or (None, None)
    return {"low": low, "high": high}
