"""What the checks count of usage, summed up by the day from which a row counts: once per part, for every date.

A day on which no rule is broken then reads no row. Of a rule it is enough to know since when a row may break it: from
that day on the rows themselves are judged.
"""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
from ibis import selectors as s

from keepwell.expectations.compared import COMPARED
from keepwell.expectations.derived import ACCOUNT_IDS, with_derived
from keepwell.expectations.measures import size_counts
from keepwell.expectations.sieve import may_break, repeated_values
from keepwell.expectations.suites import Expectation, Suite, parameter_name
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import BEGIN, block_of, days_from_begin

USAGE = TABLES["usage"]
OF_DATA = frozenset(("low", "high"))
"""Bounds `$name` that follow from the sizes of a column."""
NAMES = ("account_id", "feature")
"""Columns whose values are compared with those of other rows or tables."""
RULE, ODD = "rule ", "not_finite_"
"""What begins a rule's name in `about`; and the name under which it has the values of a column that have no size."""
SUMS = {
    "about": "string", "value": "int64", "text": "string", "block": "int64", "seen_on": "date", "known_on": "date",
    "rows": "int64",
}  # fmt: skip
"""The columns of `sums`."""


def seen_at(rows: ir.Table, table: CanonicalTable) -> ir.Value:
    """From when checks see a row: when it is known, or loaded before its own date; NULL: always, nothing dates it."""
    ahead = (rows[table.event].cast("timestamp") > rows.loaded_at).fill_null(False)
    first = ahead.ifelse(ibis.least(rows.loaded_at, rows.known_at), rows.known_at)
    return rows.known_at.isnull().ifelse(ibis.null(), first)


def sums(usage: ir.Table, suite: Suite) -> ir.Table:
    """What the checks count, `about` and `value` by `block` of days: SUMS.

    Of `day` rows by its number, of a column with outlier bounds rows by size of its value, by seen_on and known_on: the
    midnights from which rows are seen and known; NULL: always, and never. Of NAMES each `text` with the first seen_on.
    Of RULE and a rule's name the first seen_on at which a row may break it, NULL where none does; rules whose bounds
    follow from data, and those that look into other parts or tables, are not among them.
    """
    # Rows are grouped by what they hold, and dated afterwards: there are far fewer instants than rows.
    seen = usage.mutate(seen_at=seen_at(usage, USAGE))
    by_day = seen.group_by("day", "seen_at", "known_at").agg(rows=seen.count())
    counted = {"day": by_day.mutate(value=days_from_begin(by_day.day))}
    for column in _with_bounds(suite):
        counted[column] = size_counts(seen, column, "day", "seen_at", "known_at").rename(value="size")
    found = [_together(rows).mutate(about=ibis.literal(about)) for about, rows in counted.items()]
    blocks = seen.mutate(block=block_of(seen.day))
    for name in NAMES:
        named = blocks.group_by("block", text=name).agg(seen_at=_first(blocks))
        found.append(named.mutate(about=ibis.literal(name), seen_on=_midnight(named.seen_at)))
    return ibis.union(*map(_as_sums, (*found, _first_breaks(blocks, suite))))


def _together(rows: ir.Table) -> ir.Table:
    """Row counts by instants as those by block and midnights."""
    dated = rows.mutate(block=block_of(rows.day), seen_on=_midnight(rows.seen_at), known_on=_midnight(rows.known_at))
    return dated.group_by("block", "value", "seen_on", "known_on").agg(rows=dated.rows.sum())


def _first_breaks(blocks: ir.Table, suite: Suite) -> ir.Table:
    """Per block and rule since when a row may break it."""
    whole = with_derived(blocks, USAGE.name, blocks.columns)
    rules = [e for e in suite.expectations if e.scope == "row" and _of_rows_alone(e)]
    broken = {name_of(e): may_break(e, whole, e.arguments, repeated_values(e, whole, USAGE)) for e in rules}
    for column in _with_bounds(suite):
        value = whole[column].cast("float64")
        broken[f"{ODD}{column}"] = value.isinf() | value.isnan()
    firsts = {f"{RULE}{name}": _first(whole, where) for name, where in broken.items()}
    found = whole.group_by("block").agg(**firsts)
    long = found.pivot_longer(s.startswith(RULE), names_to="about", values_to="seen_at")
    return long.mutate(seen_on=_midnight(long.seen_at))


def _first(rows: ir.Table, where: ir.BooleanValue | None = None) -> ir.Value:
    """When the first of the rows is seen; one that always is, is seen since BEGIN."""
    return rows.seen_at.fill_null(ibis.literal(BEGIN).cast("timestamp")).min(where=where)


def _as_sums(rows: ir.Table) -> ir.Table:
    """The rows with every column of SUMS."""
    return rows.select(
        **{name: (rows[name] if name in rows.columns else ibis.null()).cast(kind) for name, kind in SUMS.items()}
    )


def name_of(expectation: Expectation) -> str:
    """The name of a rule about a column."""
    return f"{expectation.rule}.{expectation.about or ''}"


def _with_bounds(suite: Suite) -> Iterator[str]:
    """The columns with outlier bounds."""
    return (e.given[0] for e in suite.expectations if OF_DATA & set(map(parameter_name, e.arguments.values())))


def _of_rows_alone(expectation: Expectation) -> bool:
    """Whether a rule depends on nothing but the rows of a day."""
    elsewhere = {*(f"{column}_exists" for column in ACCOUNT_IDS[USAGE.name]), *COMPARED[USAGE.name]}
    return not elsewhere & set(expectation.given) and not any(map(parameter_name, expectation.arguments.values()))


def _midnight(at: ir.Value) -> ir.Value:
    """The first midnight that is not before an instant."""
    return (at + ibis.interval(microseconds=86_399_999_999)).date()
