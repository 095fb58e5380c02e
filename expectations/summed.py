"""What the checks count of usage, summed up by the day from which a row counts: once per file, for every date.

A day on which no rule is broken then reads no row. Of a rule it is enough to know since when a row may break it: from
that day on the rows themselves are judged.
"""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
from ibis import selectors as s

from keepwell.expectations.compared import with_spellings
from keepwell.expectations.derived import ACCOUNT_IDS, with_derived
from keepwell.expectations.measures import size_counts
from keepwell.expectations.sieve import may_break, repeated_values
from keepwell.expectations.suites import Expectation, Suite, parameter_name
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import days_from_begin

USAGE = TABLES["usage"]
OF_DATA = frozenset(("low", "high"))
"""Bounds `$name` that follow from the sizes of a column."""
ODD = "not_finite_"
"""Begins the name under which `first_breaks` has the values of a column that have no size."""


def seen_at(rows: ir.Table, table: CanonicalTable) -> ir.Value:
    """From when checks see a row: when it is known, or loaded before its own date; NULL: always, nothing dates it."""
    ahead = (rows[table.event].cast("timestamp") > rows.loaded_at).fill_null(False)
    first = ahead.ifelse(ibis.least(rows.loaded_at, rows.known_at), rows.known_at)
    return rows.known_at.isnull().ifelse(ibis.null(), first)


def counts(usage: ir.Table, suite: Suite) -> ir.Table:
    """Row counts by `about` and `value`: of `day` its number, of a column with outlier bounds the size of its value.

    By seen_on and known_on too, the midnights from which a row is seen and known; NULL: always, and never.
    """
    dated = _dated(usage)
    by_day = dated.group_by("seen_on", "known_on", value=days_from_begin(dated.day)).agg(rows=dated.count())
    sizes = [size_counts(dated, c, "seen_on", "known_on").rename(value="size").mutate(about=ibis.literal(c))
             for c in _with_bounds(suite)]  # fmt: skip
    found = [by_day.mutate(about=ibis.literal("day")), *sizes]
    return ibis.union(*(part.select("about", "value", "seen_on", "known_on", "rows") for part in found))


def first_breaks(usage: ir.Table, suite: Suite) -> ir.Table:
    """Per rule (`name_of`) the first midnight at which a row may break it: `since`, NULL where no row ever does.

    A row that is always seen breaks it since the first day of all. Rules whose bounds follow from data, and those that
    look into another table, are not among them.
    """
    whole = with_spellings(with_derived(_dated(usage), USAGE.name, usage.columns))
    rules = [e for e in suite.expectations if e.scope == "row" and _of_rows_alone(e)]
    broken = {name_of(e): may_break(e, whole, e.arguments, repeated_values(e, whole, USAGE)) for e in rules}
    for column in _with_bounds(suite):
        value = whole[column].cast("float64")
        broken[f"{ODD}{column}"] = value.isinf() | value.isnan()
    always = ibis.date("1900-01-01")
    firsts = {name: whole.seen_on.fill_null(always).min(where=where) for name, where in broken.items()}
    return whole.agg(**firsts).pivot_longer(s.all(), names_to="rule", values_to="since")


def accounts(usage: ir.Table) -> ir.Table:
    """Every account that usage names."""
    return usage.select("account_id").drop_null().distinct()


def name_of(expectation: Expectation) -> str:
    """The name of a rule about a column among `first_breaks`."""
    return f"{expectation.rule}.{expectation.about or ''}"


def _with_bounds(suite: Suite) -> Iterator[str]:
    """The columns with outlier bounds."""
    return (e.given[0] for e in suite.expectations if OF_DATA & set(map(parameter_name, e.arguments.values())))


def _of_rows_alone(expectation: Expectation) -> bool:
    """Whether a rule depends on nothing but the table's rows."""
    elsewhere = {f"{column}_exists" for column in ACCOUNT_IDS[USAGE.name]}
    return not elsewhere & set(expectation.given) and not any(map(parameter_name, expectation.arguments.values()))


def _dated(usage: ir.Table) -> ir.Table:
    """The rows with the midnights from which they are seen and known."""
    return usage.mutate(seen_on=_midnight(seen_at(usage, USAGE)), known_on=_midnight(usage.known_at))


def _midnight(at: ir.Value) -> ir.Value:
    """The first midnight that is not before an instant."""
    return (at + ibis.interval(microseconds=86_399_999_999)).date()
