"""Sums and means of fractions that come out the same in any order of the rows.

Floats do not: engines add them in the order in which rows arrive, and a join may change it from run to run.
"""

import ibis.expr.types as ir
from ibis.expr.builders import WindowBuilder

PLACES = 6
"""Decimals that count: those of money at an exchange rate, and more than a tone or an answer has."""
LARGEST = 1e24
"""A hundred million of the largest still fit into 38 digits."""


def exact_sum(values: ir.Value, where: ir.Value | None = None) -> ir.Value:
    """The sum; NULL of no value."""
    return decimals(values).sum(where=where).cast("float64")


def exact_mean(values: ir.Value, where: ir.Value | None = None) -> ir.Value:
    """The mean of those that are known; NULL of none."""
    return exact_sum(values, where) / values.count(where=where)


def exact_sum_over(values: ir.Value, window: WindowBuilder) -> ir.Value:
    """The sum of the rows of a window; NULL of no value."""
    return decimals(values).sum().over(window).cast("float64")


def decimals(values: ir.Value) -> ir.Value:
    """The values as decimals, whose sums are exact; they stay as they are where they are decimals already."""
    if values.type().is_decimal():
        return values
    return values.cast("float64").clip(-LARGEST, LARGEST).cast(f"decimal(38, {PLACES})")
