"""Measures of a whole table: row count, age, volume against its past, and outlier bounds.

All come from two small counts, rows per day and rows per size of a value, so that no table is held in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from keepwell.features.facts.known import timestamp

UNWATCHED = "no book is published before"


@dataclass(frozen=True)
class Measure:
    """A number about a whole table: what it is, and why there may be none."""

    words: str
    none: str = ""


MEASURES: Mapping[str, Measure] = {
    "rows_staged": Measure("rows that the mapping gave, without those set aside"),
    "rows_known": Measure("rows known at as_of"),
    "age_days": Measure("days from the newest row to as_of", "no row has a date"),
    "volume": Measure(
        "rows of the last days as a share of the usual", "the past is too short, or too few new rows are usual"
    ),
    "vanished": Measure("accounts of the book published before that nothing known explains the absence of", UNWATCHED),
    "vanished_share": Measure("the same as a share of that book", UNWATCHED),
    "accounts_move": Measure("change of the accounts under contract as a share of that book", UNWATCHED),
    "arr_move": Measure("change of their ARR as a share of that book's", UNWATCHED),
    "ends_moved": Measure("share of stored agreed ends that were moved before they passed", UNWATCHED),
    "ends_never_reached": Measure("share of old accounts that never reached an agreed end", UNWATCHED),
}
"""Measures of a table that a rule may judge, beside those per column: COUNTED and UNDATED."""

COUNTED: Mapping[str, str] = {
    "unreadable_": "values of the column that do not cast",
    "open_end_": "dates so far ahead that they stand for no end, and read as missing",
    "utc_day_": "days taken from an instant in UTC that is no midnight",
}
"""What casts count of a column, by the beginning of the measure's name; the column's name ends it."""
UNDATED = "undated_"
"""Counts the values of an account's attribute that no `valid_from` dates."""
SIZES_PER_E = 100  # a size is a hundredth of the natural logarithm: bounds are good to one percent
MAD_TO_DEVIATION = 1.4826  # a normal distribution's standard deviation is 1.4826 x its median absolute deviation


def daily_counts(rows: ir.Table, event: str) -> ir.Table:
    """Per event day: row count and the instant of the newest news; rows without a known_at are left out.

    News is the event itself, or an earlier `known_at`: a contract is news when it is signed, not when it will start. A
    row without an event (today's values of an account) is none.
    """
    known = rows.drop_null("known_at")
    occurred = known[event].cast("timestamp")
    news = occurred.notnull().ifelse(ibis.least(occurred, known.known_at), ibis.null())
    return known.group_by(day=known[event].cast("date")).agg(rows=known.count(), newest=news.max())


def age_days(days: pd.DataFrame, as_of: datetime) -> float | None:
    """Days from the newest news to as_of; None without any."""
    newest = pd.to_datetime(days["newest"]).max()
    return None if pd.isna(newest) else float((as_of - newest).total_seconds()) / 86_400


def volume(days: pd.DataFrame, last: date, window: int, windows: int, min_rows: int) -> float | None:
    """Rows in the `window` days up to and including `last`, as a share of the mean of the `windows` windows before.

    None where the past is shorter than that, or so low (`min_rows` per window) that random variation alone moves it.
    """
    dated = days.dropna(subset=["day"])
    day = pd.to_datetime(dated["day"])
    ends = pd.Timestamp(last) - np.arange(windows + 2) * pd.Timedelta(days=window)
    counts = [int(dated["rows"][(day > start) & (day <= end)].sum()) for end, start in pairwise(ends)]
    usual = float(np.mean(counts[1:]))
    if day.empty or day.min() > ends[-1] + timedelta(days=1) or usual < max(min_rows, 1):
        return None
    return counts[0] / usual


def last_full_day(days: pd.DataFrame, as_of: datetime, updated: bool) -> date:
    """The last day of the newest window: the day before as_of, or the newest day of a table with a known frequency.

    Such a table answers for its lateness in `fresh`; a monthly one would else look thin on every day but one.
    """
    yesterday = (as_of - timedelta(microseconds=1)).date()
    newest = pd.to_datetime(days["day"]).max()
    return yesterday if not updated or pd.isna(newest) else min(yesterday, newest.date())


def size_counts(rows: ir.Table, column: str, *by: str) -> ir.Table:
    """Row count by size of the value: the signed logarithm of 1 + |value|, in hundredths; and by further columns."""
    value = rows[column].cast("float64")
    finite = rows.filter(~value.isinf(), ~value.isnan())
    size = (value.sign() * (value.abs() + 1).ln() * SIZES_PER_E).round().cast("int64")
    return finite.group_by(*by, size=size).agg(rows=finite.count())


def outlier_bounds(sizes: pd.DataFrame, deviations: float) -> tuple[float, float] | None:
    """Lowest and highest value within that many robust deviations of the median, on the logarithmic scale.

    Where more than half of the rows are equal, the plain standard deviation; None where all are, or there are none.
    """
    if sizes.empty:
        return None
    middle = _median(sizes["size"].to_numpy(), sizes["rows"].to_numpy())
    away = np.abs(sizes["size"].to_numpy() - middle)
    spread = MAD_TO_DEVIATION * _median(away, sizes["rows"].to_numpy())
    spread = spread or float(np.sqrt(np.average(away**2, weights=sizes["rows"])))
    if spread == 0:
        return None
    return _readable(middle - deviations * spread), _readable(middle + deviations * spread)


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order][half])


def value_of(size: float) -> float:
    """The value of a size."""
    return float(np.sign(size) * np.expm1(min(abs(size) / SIZES_PER_E, 700.0)))


def _readable(size: float) -> float:
    """The value of a size as a readable number."""
    return float(f"{value_of(size):.6g}")


def noted_at(noted: ir.Table, as_of: datetime, keys: int) -> ir.Table:
    """Values that casts noted, in rows known at as_of or never: table_name, column_name, why, rows, key, place.

    One row for each of the first `keys` keys of a column, in their order; `rows` counts all values.
    """
    at = timestamp(as_of)
    if "why" not in noted.columns:  # staged before other reasons were noted: drop after 2027
        noted = noted.mutate(why=ibis.literal("unreadable"))
    known = noted.filter(noted.known_at.fill_null(at) <= at)
    by = ["table_name", "column_name", "why"]
    of_column = ibis.window(group_by=by, order_by=["key", "known_at"])
    numbered = known.mutate(rows=known.count().over(ibis.window(group_by=by)), place=ibis.row_number().over(of_column))
    return numbered.filter(numbered.place < keys).order_by(*by, "place")
