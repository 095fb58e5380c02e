"""Rollups of usage: what features read of millions of rows, a few per account, day, user and product feature.

`usage_days` has a row per account and day with its sums; `usage_accounts`, `usage_users` and `usage_features` a row per
account, user or feature and block of days, whose bits say on which of them there was use. Each is made once of rows
that never change, and cut at any as_of afterwards: `late` says how many days after its own day a row became known
(1: the next midnight).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.exact import decimals

BEGIN = date(1900, 1, 1)
"""Day 0: staging reads no earlier date."""
BLOCK_DAYS = 56
"""Days of a block: as many bits as a whole number without a sign surely has, and whole weeks."""
BITS = "days"
BLOCK = "block"
HALF = 28
"""Bits of which the logarithm of a number is exact enough to tell its highest."""
VALUES = "values_"
"""Begins the name of a count: of the rows that have a value in the column named after it."""


@dataclass(frozen=True)
class Rollup:
    """One rollup of a canonical table. `build` makes it of rows, their `late` and `by`: columns beside the account."""

    source: str
    build: Callable[..., ir.Table]
    by: tuple[str, ...] = ()

    def of(self, rows: ir.Table) -> ir.Table:
        """The rollup of rows that are cut already."""
        return self.build(rows, ibis.literal(1, "int64"), *self.by).drop("late")

    def to_store(self, rows: ir.Table) -> ir.Table:
        """The rollup of all rows that are ever known, to be cut by `as_known`, with their `block` of days."""
        dated = rows.filter(rows.known_at.notnull(), rows.day.notnull())
        # A row that is known at noon is known to the run of the next midnight.
        known_on = (dated.known_at + ibis.interval(microseconds=86_399_999_999)).date()
        return self.build(dated, known_on.delta(dated.day, unit="day").cast("int64"), *self.by)


def days_from_begin(day: ir.Value) -> ir.Value:
    """The number of a day."""
    return day.delta(ibis.literal(BEGIN), unit="day").cast("int64")


def block_of(day: ir.Value) -> ir.Value:
    """The number of the block of a day."""
    return (days_from_begin(day) // BLOCK_DAYS).cast("int64")


def day_of(number: ir.Value) -> ir.Value:
    """The day of a number."""
    return (ibis.literal(BEGIN) + number.cast("int64").as_interval("D")).cast("date")


def lowest(bits: ir.Value) -> ir.Value:
    """The number of the lowest bit that is set, from 0 on."""
    return (bits & -bits).log2().round().cast("int64")


def highest(bits: ir.Value) -> ir.Value:
    """The number of the highest bit that is set, from 0 on."""
    upper = bits >> HALF
    floor = ibis.greatest(upper, bits & ((1 << HALF) - 1)).log2().floor()
    return (upper > 0).ifelse(HALF + upper.nullif(0).log2().floor(), floor).cast("int64")


def number(day: date) -> int:
    """The number of a day."""
    return (day - BEGIN).days


def _usage_days(usage: ir.Table, late: ir.Value, day: str) -> ir.Table:
    grouped = usage.group_by(*_key(usage), day, block=block_of(usage.day), late=late)
    values = {f"{VALUES}{name}": usage[name].count() for name in ("user_id", "feature", "events", "minutes")}
    return grouped.agg(
        events=usage.events.cast("decimal(38, 0)").sum(),
        minutes=decimals(usage.minutes).sum(),
        rows=usage.count(),
        **values,
    )


def _key(usage: ir.Table) -> list[str]:
    """The account, and the instant where the rows are cut already."""
    return [name for name in KEY if name in usage.columns]


def _days_of(usage: ir.Table, late: ir.Value, *by: str) -> ir.Table:
    """The days of use of each account and value of a column, as bits of blocks: a sum beside them could not be cut."""
    day = days_from_begin(usage.day)
    bit = ibis.literal(1, "int64") << (day % BLOCK_DAYS)
    grouped = usage.group_by(*_key(usage), *by, block=block_of(usage.day), late=late)
    return grouped.agg(days=bit.bit_or().cast("int64"))


ROLLUPS: Mapping[str, Rollup] = {
    "usage_days": Rollup("usage", _usage_days, by=("day",)),
    "usage_accounts": Rollup("usage", _days_of),
    "usage_users": Rollup("usage", _days_of, by=("user_id",)),
    "usage_features": Rollup("usage", _days_of, by=("feature",)),
}


def as_known(
    rollup: ir.Table,
    instants: Sequence[datetime],
    lookback_days: int | None,
    unread: tuple[int, int] | None = None,
) -> ir.Table:
    """What was known of a stored rollup at each of these midnights, which stands as `as_of` beside it.

    Of the days before each midnight, whole blocks: all, or those with one of the last `lookback_days`, without those
    that lie between the two numbers of days back of `unread`.
    """
    reach = ibis.memtable(_blocks(instants, lookback_days, unread or (0, 0)))
    joined = rollup.rename(of=BLOCK).join(reach, [("of", BLOCK)]).drop("of")
    there = joined.mutate(as_of=joined.as_of.cast("timestamp"))
    today = days_from_begin(there.as_of.date())
    if BITS not in rollup.columns:
        return there.filter(days_from_begin(there.day) + there.late <= today).drop("late")
    past = today + 1 - there.late  # the first day that was not yet known
    seen = there.days & bits_between(there.block, ibis.literal(0, "int64"), past)
    return there.mutate(days=seen).filter(lambda t: t.days != 0).drop("late")


def _blocks(instants: Sequence[datetime], lookback_days: int | None, unread: tuple[int, int]) -> pa.Table:
    """The blocks in reach of each instant: by equality of blocks every engine joins fast."""
    today = [number(at.date()) for at in instants]
    first = [0 if lookback_days is None else max(day - lookback_days, 0) // BLOCK_DAYS for day in today]
    listed = []
    for begin, day in zip(first, today, strict=True):
        blocks = np.arange(begin, day // BLOCK_DAYS + 1)
        oldest = day - blocks * BLOCK_DAYS
        listed.append(blocks[(oldest - BLOCK_DAYS + 1 <= unread[0]) | (oldest > unread[1])])
    each = np.repeat(np.array(instants, "datetime64[us]"), [len(blocks) for blocks in listed])
    return pa.table({AS_OF: pa.array(each, pa.timestamp("us")), BLOCK: np.concatenate(listed)})


def bits_between(block: ir.Value, first: ir.Value, end: ir.Value) -> ir.Value:
    """The bits of a block's days from `first` to before `end`, both by number."""
    start = block * BLOCK_DAYS
    low, high = (ibis.greatest(ibis.least(day - start, BLOCK_DAYS), 0) for day in (first, end))
    one = ibis.literal(1, "int64")
    return (one << ibis.greatest(low, high)) - (one << low)


def total(sums: ir.Value, where: ir.Value | None = None) -> ir.Value:
    """The sum of a rollup's whole numbers."""
    return sums.sum(where=where).cast("float64")
