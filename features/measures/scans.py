"""What many measures read of one scan of usage: a few columns per account, of the rows of half a year."""

from itertools import accumulate

import ibis.expr.types as ir

from keepwell.features.facts.columns import KEY
from keepwell.features.facts.exact import exact_sum
from keepwell.features.facts.known import Rows
from keepwell.features.facts.rollups import VALUES, total

BLOCK_DAYS = 14
BLOCKS = 13
LOOKBACK_DAYS = BLOCK_DAYS * BLOCKS
SMOOTHING = 0.25
"""What is added to each block, in mean blocks: a block without use is a deep fall, not an endless one."""
MONTH = 28


def days_of_use(days: Rows) -> ir.Table:
    """By account, of the last 28 days: whether there was use, days, actions and minutes; actions of the 28 before.

    `days_of_use`: those of half a year. `counted`: rows of the last 28 days that have a count of actions. And the
    logarithm of the actions of each block of two weeks, newest first (change_points.py).
    """
    recent = days.last(MONTH)
    summed = days.table.group_by(*KEY).agg(
        used=recent.any(),
        active_days=days.day.nunique(where=recent),
        days_of_use=days.day.nunique(),
        events=total(days.events, recent),
        counted=total(days.table[f"{VALUES}events"], recent),
        events_before=total(days.events, days.last(MONTH, before=MONTH)),
        minutes=exact_sum(days.minutes, recent),
        **{_block(n): total(days.events, days.last(BLOCK_DAYS, n * BLOCK_DAYS)) for n in range(BLOCKS)},
    )
    return _with_logs(summed)


def features_in_use(features: Rows) -> ir.Table:
    """By account: whether there was use in the last 28 days, and distinct product features then and in quarters.

    `changed`: those in use in one quarter alone. And the logarithm of those of each block of two weeks, newest first
    (change_points.py).
    """
    windows = {_block(n): (BLOCK_DAYS, n * BLOCK_DAYS) for n in range(BLOCKS)}
    windows |= {"recent": (MONTH, 0), "quarter": (90, 0), "quarter_before": (90, 90)}
    used = {name: features.last(days, before).any() for name, (days, before) in windows.items()}
    # By feature first: counting distinct values in one step costs twice as much.
    each = features.table.group_by(*KEY, "feature").agg(**used)
    named = each.feature.notnull()
    counted = each.group_by(*KEY).agg(
        used=each.recent.any(),
        changed=((each.quarter != each.quarter_before) & named).sum().cast("float64"),
        **{name: (each[name] & named).sum().cast("float64") for name in windows},
    )
    return _with_logs(counted)


def _with_logs(summed: ir.Table) -> ir.Table:
    """The logarithm of each block of a series."""
    blocks = [summed[_block(n)].fill_null(0.0) for n in range(BLOCKS)]
    with_sum = summed.mutate(least=SMOOTHING * list(accumulate(blocks))[-1].nullif(0) / BLOCKS)
    logs = {log_of(n): (with_sum[_block(n)].fill_null(0.0) + with_sum.least).ln() for n in range(BLOCKS)}
    return with_sum.mutate(**logs).drop("least", *(_block(n) for n in range(BLOCKS)))


def in_recent_days(used: ir.Value, value: ir.Value) -> ir.Value:
    """The value of the last 28 days, which is 0 where there was no use in them."""
    return used.ifelse(value, 0.0)


def _block(number: int) -> str:
    return f"block_{number}"


def log_of(number: int) -> str:
    """The column of a block's logarithm."""
    return f"log_{number}"
