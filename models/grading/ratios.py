"""Ratios over accounts, each with an interval, and differences of two of them over the same draws of accounts.

Rows of one account are not independent, so whole accounts are drawn (Field and Welsh 2007: cluster bootstrap).
All ratios share the draws, so that a difference is paired.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, account_draws, interval
from keepwell.models.grading.metrics import Floats

SEED = 1


@dataclass(frozen=True)
class Ratio:
    """`part` over `whole`, both summed over rows; `accounts` is the account of each row.

    `counted`: both are counts of rows, so that a ratio of 0 or 1 has an exact binomial interval over its accounts,
    where a bootstrap interval would have no width.
    """

    accounts: pd.Series
    part: pd.Series
    whole: pd.Series
    counted: bool = True

    @property
    def sums(self) -> tuple[float, float]:
        """Numerator and denominator."""
        return float(self.part.sum()), float(self.whole.sum())


@dataclass(frozen=True)
class Less:
    """The difference of two ratios over the same rows of the same accounts."""

    one: Ratio
    other: Ratio


RatioMetric = Ratio | Less
Key = TypeVar("Key", bound=Hashable)


def estimates(metrics: Mapping[Key, RatioMetric], replicates: int, confidence: float) -> dict[Key, Estimate]:
    """Value and percentile interval of each; NaN where the denominator is 0.

    A difference that is the same in every draw has no interval: the accounts are too few for one.
    """
    sides = [side for metric in metrics.values() for side in _sides(metric)]
    everyone = np.unique([str(account) for side in sides for account in side.accounts.unique()])
    if not len(everyone):
        return dict.fromkeys(metrics, Estimate(np.nan, np.nan, np.nan))
    codes = {id(side): np.searchsorted(everyone, side.accounts.to_numpy(dtype=str)) for side in sides}
    draws = np.array(account_draws(np.arange(len(everyone)), np.ones(len(everyone)), replicates, SEED))
    found = {}
    for name, metric in metrics.items():
        parts = [_drawn(side, codes[id(side)], draws) for side in _sides(metric)]
        drawn = parts[0] if len(parts) == 1 else parts[0] - parts[1]
        values = [_divided(*side.sums) for side in _sides(metric)]
        value = values[0] if len(values) == 1 else values[0] - values[1]
        found[name] = Estimate(value, *_bounds(metric, value, drawn, confidence))
    return found


def _sides(metric: RatioMetric) -> tuple[Ratio, ...]:
    return (metric,) if isinstance(metric, Ratio) else (metric.one, metric.other)


def _divided(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _drawn(side: Ratio, codes: NDArray[Any], draws: Floats) -> Floats:
    """The ratio in each draw; NaN in a draw whose denominator is 0."""
    count = draws.shape[1]
    part = draws @ np.bincount(codes, side.part.to_numpy(dtype=float), count)
    whole = draws @ np.bincount(codes, side.whole.to_numpy(dtype=float), count)
    ratio: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _bounds(metric: RatioMetric, value: float, drawn: Floats, confidence: float) -> tuple[float, float]:
    """The interval of the draws; exact where every row has the same value (Clopper and Pearson 1934)."""
    if isinstance(metric, Ratio) and metric.counted and value in (0.0, 1.0):
        accounts = metric.accounts[metric.whole.to_numpy(dtype=float) > 0].nunique()
        bound = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / accounts)  # the exact bounds in closed form
        return (0.0, bound) if value == 0.0 else (1.0 - bound, 1.0)
    found = interval(value, drawn, confidence)
    return (found.low, found.high) if found.low < found.high else (float("nan"), float("nan"))
