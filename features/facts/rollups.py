"""Rollups of usage: what features read of millions of rows, a few per account, day, user and product feature.

`usage_days` has a row per account and day with its sums; `usage_users` and `usage_features` a row per account, user or
feature and block of days, whose bits say on which of them there was use. Each is made once of rows that never change,
and cut at any as_of afterwards: `late` says how many days after its own day a row became known (1: the next midnight).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.exact import decimals

BEGIN = date(1900, 1, 1)
"""Day 0: staging reads no earlier date."""
BLOCK_DAYS = 56
"""Days of a block: as many bits as a whole number without a sign surely has, and whole weeks."""
BITS = "days"
VALUES = "values_"
"""Begins the name of a count: of the rows that have a value in the column named after it."""


@dataclass(frozen=True)
class Rollup:
    """One rollup of a canonical table: `build` makes it of rows and their `late`."""

    source: str
    build: Callable[[ir.Table, ir.Value], ir.Table]

    def of(self, rows: ir.Table) -> ir.Table:
        """The rollup of rows that are cut already."""
        return self.build(rows, ibis.literal(1, "int64")).drop("late")

    def to_store(self, rows: ir.Table) -> ir.Table:
        """The rollup of all rows that are ever known, to be cut by `as_known`, with their `block` of days."""
        dated = rows.filter(rows.known_at.notnull(), rows.day.notnull())
        # A row that is known at noon is known to the run of the next midnight.
        known_on = (dated.known_at + ibis.interval(microseconds=86_399_999_999)).date()
        found = self.build(dated, known_on.delta(dated.day, unit="day").cast("int64"))
        return found if "block" in found.columns else found.mutate(block=block_of(found.day))


def days_from_begin(day: ir.Value) -> ir.Value:
    """The number of a day."""
    return day.delta(ibis.literal(BEGIN), unit="day").cast("int64")


def block_of(day: ir.Value) -> ir.Value:
    """The number of the block of a day."""
    return (days_from_begin(day) // BLOCK_DAYS).cast("int64")


def number(day: date) -> int:
    """The number of a day."""
    return (day - BEGIN).days


def _usage_days(usage: ir.Table, late: ir.Value) -> ir.Table:
    grouped = usage.group_by("account_id", "day", late=late)
    values = {f"{VALUES}{name}": usage[name].count() for name in ("user_id", "feature", "events", "minutes")}
    return grouped.agg(
        events=usage.events.cast("decimal(38, 0)").sum(),
        minutes=decimals(usage.minutes).sum(),
        rows=usage.count(),
        **values,
    )


def _days_of(usage: ir.Table, late: ir.Value, by: str) -> ir.Table:
    """The days of use of each account and value of a column, as bits of blocks: a sum beside them could not be cut."""
    day = days_from_begin(usage.day)
    bit = ibis.literal(1, "int64") << (day % BLOCK_DAYS)
    grouped = usage.group_by("account_id", by, block=block_of(usage.day), late=late)
    return grouped.agg(days=bit.bit_or().cast("int64"))


def _usage_users(usage: ir.Table, late: ir.Value) -> ir.Table:
    return _days_of(usage, late, "user_id")


def _usage_features(usage: ir.Table, late: ir.Value) -> ir.Table:
    return _days_of(usage, late, "feature")


ROLLUPS: Mapping[str, Rollup] = {
    "usage_days": Rollup("usage", _usage_days),
    "usage_users": Rollup("usage", _usage_users),
    "usage_features": Rollup("usage", _usage_features),
}


def as_known(rollup: ir.Table, today: date) -> ir.Table:
    """What was known of a rollup at the beginning of a day."""
    if BITS not in rollup.columns:
        known = rollup.filter(days_from_begin(rollup.day) + rollup.late <= number(today))
        return known.drop("late")
    past = ibis.literal(number(today) + 1, "int64") - rollup.late  # the first day that was not yet known
    seen = rollup.days & bits_between(rollup.block, ibis.literal(0, "int64"), past)
    return rollup.mutate(days=seen).filter(lambda t: t.days != 0).drop("late")


def bits_between(block: ir.Value, first: ir.Value, end: ir.Value) -> ir.Value:
    """The bits of a block's days from `first` to before `end`, both by number."""
    start = block * BLOCK_DAYS
    low, high = (ibis.greatest(ibis.least(day - start, BLOCK_DAYS), 0) for day in (first, end))
    one = ibis.literal(1, "int64")
    return (one << ibis.greatest(low, high)) - (one << low)


def total(sums: ir.Value, where: ir.Value | None = None) -> ir.Value:
    """The sum of a rollup's whole numbers."""
    return sums.sum(where=where).cast("float64")
