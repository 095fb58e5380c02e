"""Metrics of predicted probabilities; each takes sample weights, so that a bootstrap draw copies no row (MOD-4).

All draws of a bootstrap are weightings of the same rows, so a metric is computed for many of them at once.

Their intervals are in models/grading/intervals.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.logistic_line import lines

Floats = NDArray[np.floating[Any]]
Metric = Callable[["Graded"], Floats]
BINS = 10
WEIGHT = "weight"
"""The column with the sample weights of rows."""
EDGE = 1e-6


@dataclass(frozen=True)
class Graded:
    """Rows ready for every metric: outcome (0 or 1), predicted probability, whether flagged, and sample weight.

    Rows are ordered by probability; `starts`: where each distinct probability begins, `odds`: its log odds, `order`:
    each row's original position. `sample_weight` may have one line per weighting; every metric then has as many values.
    """

    y_true: Floats
    y_prob: Floats
    flagged: NDArray[np.bool_]
    sample_weight: Floats
    starts: NDArray[np.integer[Any]]
    odds: Floats
    order: NDArray[np.integer[Any]]

    def drawn(self, sample_weight: Floats) -> "Graded":
        """The same rows with these sample weights."""
        return replace(self, sample_weight=sample_weight)

    def as_given(self, values: Floats) -> Floats:
        """Values of the rows, in the original order of the rows."""
        given: Floats = np.empty_like(values)
        given[self.order] = values
        return given

    def sum_of(self, values: Floats) -> Floats:
        """The weighted sum of values of the rows."""
        total: Floats = (self.sample_weight * values).sum(axis=-1)
        return total

    @cached_property
    def total(self) -> Floats:
        """Sum of the weights."""
        total: Floats = self.sample_weight.sum(axis=-1)
        return total

    @cached_property
    def positive(self) -> Floats:
        """The same over the rows with the outcome."""
        return self.sum_of(self.y_true)

    @cached_property
    def flagged_total(self) -> Floats:
        """The same over the flagged rows."""
        return self.sum_of(self.flagged.astype(float))

    @cached_property
    def caught(self) -> Floats:
        """The same over the flagged rows with the outcome."""
        return self.sum_of(self.flagged * self.y_true)

    @cached_property
    def weight_by_probability(self) -> Floats:
        """Sums of the weights over the rows of each distinct probability, in ascending order."""
        return self._by_probability(self.sample_weight)

    @cached_property
    def positive_by_probability(self) -> Floats:
        """The same over the rows with the outcome."""
        return self._by_probability(self.sample_weight * self.y_true)

    @cached_property
    def negative_by_probability(self) -> Floats:
        """The same over the rows without the outcome."""
        return self._by_probability(self.sample_weight * (1.0 - self.y_true))

    def _by_probability(self, values: Floats) -> Floats:
        if len(self.starts) == len(self.y_prob):
            return values
        sums: Floats = np.add.reduceat(values, self.starts, axis=-1)
        return sums


def graded(y_true: Floats, y_prob: Floats, flagged: NDArray[np.bool_], sample_weight: Floats | None = None) -> Graded:
    """The rows, ordered by probability, ready for every metric; without weights each counts once."""
    order = np.argsort(y_prob, kind="stable")
    ordered = y_prob[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    sample_weight = np.ones(len(y_prob)) if sample_weight is None else sample_weight
    return Graded(
        y_true[order].astype(float),
        ordered,
        flagged[order],
        sample_weight[order].astype(float),
        starts,
        log_odds(ordered[starts]),
        order,
    )


def weight_of(rows: pd.DataFrame) -> Floats:
    """The sample weight of each row; 1 for rows without that column."""
    sample_weight: Floats = rows[WEIGHT].to_numpy(dtype=float) if WEIGHT in rows else np.ones(len(rows))
    return sample_weight


def top(y_prob: Floats, months: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """Whether a row is in the top `share` of its month by probability; ties by order."""
    frame = pd.DataFrame({"y_prob": y_prob, "month": months})
    rank = frame.groupby("month")["y_prob"].rank(method="first", ascending=False)
    size = frame.groupby("month")["y_prob"].transform("size")
    return (rank <= np.ceil(share * size)).to_numpy()


def roc_auc(g: Graded) -> Floats:
    """Probability that a positive row is ranked above a negative one; ties count half (Mann-Whitney)."""
    left, stayed = g.positive_by_probability, g.negative_by_probability
    below = np.cumsum(stayed, axis=-1) - stayed
    return _ratio(np.vecdot(left, below + stayed / 2.0), left.sum(axis=-1) * stayed.sum(axis=-1))


def pr_auc(g: Graded) -> Floats:
    """Average precision: the mean of the precision over the steps in recall."""
    left, rows = g.positive_by_probability[..., ::-1], g.weight_by_probability[..., ::-1]
    found, seen = np.cumsum(left, axis=-1), np.cumsum(rows, axis=-1)
    return _ratio(np.vecdot(left, found / np.maximum(seen, EDGE)), found[..., -1])


def base_rate(g: Graded) -> Floats:
    """Share of rows with the outcome."""
    return _ratio(g.positive, g.total)


def brier(g: Graded) -> Floats:
    """Mean squared error of the probability."""
    return _ratio(g.sum_of((g.y_prob - g.y_true) ** 2), g.total)


def brier_skill(g: Graded) -> Floats:
    """Share by which the Brier score is below that of the base rate."""
    rate = base_rate(g)
    return 1.0 - _ratio(brier(g), rate * (1.0 - rate))


def observed_to_expected(g: Graded) -> Floats:
    """Number of outcomes over the sum of the probabilities."""
    return _ratio(np.vecdot(g.sample_weight, g.y_true), np.vecdot(g.sample_weight, g.y_prob))


def calibration_slope(g: Graded) -> Floats:
    """Calibration slope of the log odds: 1 where right, below 1 where probabilities are too extreme (Cox 1958).

    NaN where all rows have one probability: through one point goes every line.
    """
    slope: Floats = lines(g.odds, g.positive_by_probability, g.weight_by_probability)[..., 1]
    return slope if np.ptp(g.odds) > 0 else np.full_like(slope, np.nan)


def log_odds(y_prob: Floats) -> Floats:
    """Log odds of a probability, finite at 0 and 1."""
    inside = np.clip(y_prob, EDGE, 1.0 - EDGE)
    odds: Floats = np.log(inside / (1.0 - inside))
    return odds


def expected_calibration_error(g: Graded) -> Floats:
    """Mean gap between probability and observed share in ten equal-mass bins; biased upward, so without interval."""
    mass = np.cumsum(g.sample_weight) - g.sample_weight / 2
    place = np.minimum((BINS * mass / g.sample_weight.sum()).astype(int), BINS - 1)
    gap = np.bincount(place, g.sample_weight * (g.y_true - g.y_prob), BINS)
    return _ratio(np.abs(gap).sum(), g.sample_weight.sum())


def recall(g: Graded) -> Floats:
    """Share of the positive rows that was flagged."""
    return _ratio(g.caught, g.positive)


def miss_rate(g: Graded) -> Floats:
    """Share of the positive rows that was not flagged."""
    return 1.0 - recall(g)


def precision(g: Graded) -> Floats:
    """Share of the flagged rows that had the outcome."""
    return _ratio(g.caught, g.flagged_total)


def false_alarm_rate(g: Graded) -> Floats:
    """Share of the flagged rows that did not have the outcome."""
    return 1.0 - precision(g)


def f1(g: Graded) -> Floats:
    """Harmonic mean of precision and recall; 0 where both are 0."""
    p, r = precision(g), recall(g)
    return np.where(p + r == 0.0, 0.0, _ratio(2 * p * r, p + r))


def lift(g: Graded) -> Floats:
    """Outcome rate of the flagged rows over the base rate."""
    return _ratio(precision(g), base_rate(g))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Part over whole; NaN where the whole is 0."""
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) != 0)
    return ratio


METRICS: Mapping[str, Metric] = {
    "roc_auc": roc_auc, "pr_auc": pr_auc, "brier": brier, "brier_skill": brier_skill,
    "observed_to_expected": observed_to_expected, "calibration_slope": calibration_slope,
    "ece": expected_calibration_error, "precision": precision, "recall": recall, "f1": f1, "lift": lift,
    "miss_rate": miss_rate, "false_alarm_rate": false_alarm_rate,
}  # fmt: skip
WITHOUT_INTERVAL = frozenset({"ece"})
