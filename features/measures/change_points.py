"""How far the level of a series has shifted within the last half-year, in standard errors (FEA-8).

The 26 weeks before as_of are cut into n = 13 blocks of two weeks, each with every weekday twice. Of the blocks b

    y(i) = ln(b(i) + SMOOTHING x mean of b)
    d(k) = mean of the k newest y - mean of the n - k before them,    k = 2, 4, 6
    r(k) = mean of the 2 newest y - mean of the same n - k
    s^2  = FLOOR^2 + (sqrt(pi) / 2 x mean of |y(i + 1) - y(i)|)^2
    z    = the d(k) x sqrt(k (n - k) / n) / s that is furthest from 0, d(k) held between 0 and r(k)

z is the likelihood ratio of one shift of a mean at an unknown time (Page 1954; Hinkley 1970). The noise s comes from
successive differences, which a shift hardly moves (von Neumann 1941); FLOOR keeps a very even series from shouting.
r(k) is what is left of the shift: a dip that was made good is none.

Seasons: where the same four weeks of last year are known, d(k) is also held between 0 and the log change of use
against them. What last year saw too is no shift, and a season that ends is none either.
"""

import math
from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import PerAccount, aggregate, derived
from keepwell.features.measures.scans import BLOCK_DAYS, BLOCKS, LOOKBACK_DAYS, days_of_use, features_in_use, log_of

NEWEST = (2, 4, 6)
"""Blocks after the split points that are tried: 4, 8 and 12 weeks ago. What shifted earlier is no news."""
FLOOR = 0.15
"""Least noise of a block, on the log scale: about 15%."""
FREE = 99.0
"""Bound of a log change where last year is no guide."""
SILENT = 0.001
"""The share of last year's use that stands for no use at all, so that its logarithm is finite."""

_change_point = partial(
    derived, "usage", unit="standard errors", direction=1, error="one_standard_error", tenure_from=LOOKBACK_DAYS,
    null="Not enough history yet: no such use in the last 26 weeks, or a customer for less than that",
)  # fmt: skip


def _logs(name: str, column: str, of_what: str, rollup: str, per_account: PerAccount) -> None:
    """Register the logarithms of one series: an aggregate per block, newest first."""
    for number in range(BLOCKS):

        def log(blocks: Rows, number: int = number) -> ir.Value:
            return blocks.table[log_of(number)].max()

        log.__name__ = _log(name, number)
        log.__doc__ = f"Logarithm of {of_what}, days {number * BLOCK_DAYS + 1} to {(number + 1) * BLOCK_DAYS} back."
        aggregate(
            "usage", unit=f"log {name}", component=None, direction=0, lookback_days=LOOKBACK_DAYS, needs=(column,),
            null="No such use in 26 weeks", words="{value:.2f}", published=False, rollup=rollup,
            per_account=per_account,
        )(log)  # fmt: skip


def _log(name: str, number: int) -> str:
    return f"{name}_log_{number}"


_logs("events", "events", "actions", "usage_days", days_of_use)
_logs("features", "feature", "distinct features", "usage_features", features_in_use)


@_change_point(
    component="usage",
    words="Usage has {step} in the last 26 weeks",
    zero="Usage is steady over the last 26 weeks",
    bound="a shift of usage by {value:+z.1f} standard errors in the last 26 weeks",
)
def usage_change_point(row: ir.Table) -> ir.Value:
    """Largest shift of the level of actions in the last 26 weeks, in standard errors of the account's own noise."""
    return shift(row, "events")


@_change_point(
    component="adoption",
    words="The number of features in use has {step} in the last 26 weeks",
    zero="The number of features in use is steady over the last 26 weeks",
    bound="a shift of the features in use by {value:+z.1f} standard errors in the last 26 weeks",
)
def breadth_change_point(row: ir.Table) -> ir.Value:
    """Largest shift of distinct features per fortnight in the last 26 weeks, in standard errors of the own noise."""
    return shift(row, "features")


@derived(
    "usage",
    unit="standard errors",
    component=None,
    direction=0,
    published=False,
    null="No usage data",
    words="{value:.2f}",
)
def one_standard_error(_row: ir.Table) -> ir.Value:
    """Standard error of a shift that is in standard errors itself: 1."""
    return ibis.literal(1.0)


@derived(
    "usage",
    unit="share",
    component=None,
    direction=0,
    published=False,
    null="No counts of actions",
    words="{value:.0%}",
)
def usage_error(row: ir.Table) -> ir.Value:
    """Standard error of a relative change of 28 days' actions against 28 others, of a level that stays."""
    logs = [row[_log("events", number)] for number in range(BLOCKS)]
    # Two blocks against two: as much as one of them. Before the contract there are none.
    since = [(row.tenure_days >= (number + 2) * BLOCK_DAYS).ifelse(1.0, 0.0) for number in range(BLOCKS - 1)]
    return _spread(logs, since).fill_null(0.0)


def shift(row: ir.Table, name: str) -> ir.Value:
    """The statistic of the series, negative where it fell."""
    logs = [row[_log(name, number)] for number in range(BLOCKS)]
    last_year = row.usage_against_last_year
    lowest = last_year.isnull().ifelse(-FREE, ibis.greatest(1 + ibis.least(last_year, 0.0), SILENT).ln())
    highest = last_year.isnull().ifelse(FREE, (1 + ibis.greatest(last_year, 0.0)).ln())
    sums = list(accumulate(logs))
    split = [_difference(sums, newest) for newest in NEWEST]
    fall = ibis.least(0.0, *(ibis.greatest(d, left, lowest) * weight for d, left, weight in split))
    rise = ibis.greatest(0.0, *(ibis.least(d, left, highest) * weight for d, left, weight in split))
    return (-fall > rise).ifelse(fall, rise) / _noise(logs)


def _difference(sums: list[ir.Value], newest: int) -> tuple[ir.Value, ir.Value, float]:
    """The newest blocks less those before them, what is left of that now, and the root of the weight of evidence.

    `sums` are running sums from the newest block on.
    """
    others = len(sums) - newest
    before = (sums[-1] - sums[newest - 1]) / others
    now, after = sums[NEWEST[0] - 1] / NEWEST[0], sums[newest - 1] / newest
    return after - before, now - before, math.sqrt(newest * others / len(sums))


def _noise(logs: list[ir.Value]) -> ir.Value:
    """Standard deviation of a block around its level, at least FLOOR."""
    spread = _spread(logs, [1.0] * (len(logs) - 1))
    return (FLOOR**2 + spread * spread).sqrt()


def _spread(logs: list[ir.Value], weights: Sequence[ir.Value | float]) -> ir.Value:
    """Standard deviation of a block around its level, from the weighted differences of neighbours."""
    steps = [(new - old).abs() * weight for (new, old), weight in zip(pairwise(logs), weights, strict=True)]
    return math.sqrt(math.pi) / 2 * list(accumulate(steps))[-1] / list(accumulate(weights))[-1]
