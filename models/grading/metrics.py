"""Metrics of predicted probabilities; each takes sample weights, so that a bootstrap draw copies no row (MOD-4).

Their intervals are in models/grading/intervals.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Metric = Callable[["Graded"], float]
BINS = 10
EDGE = 1e-6
STEPS = 30


@dataclass(frozen=True)
class Graded:
    """Rows ready for every metric: outcome (0 or 1), predicted probability, whether flagged, and sample weight.

    Rows are ordered by probability; `starts`: where each distinct probability begins, `order`: each row's original
    position.
    """

    y_true: Floats
    y_prob: Floats
    flagged: NDArray[np.bool_]
    sample_weight: Floats
    starts: NDArray[np.integer[Any]]
    order: NDArray[np.integer[Any]]

    def drawn(self, sample_weight: Floats) -> "Graded":
        """The same rows with these sample weights."""
        return replace(self, sample_weight=sample_weight)

    def as_given(self, values: Floats) -> Floats:
        """Values of the rows, in the original order of the rows."""
        given: Floats = np.empty_like(values)
        given[self.order] = values
        return given

    def sum_by_probability(self, values: Floats) -> Floats:
        """Sums of the values over the rows of each distinct probability, in ascending order."""
        sums: Floats = np.add.reduceat(values, self.starts)
        return sums


def graded(y_true: Floats, y_prob: Floats, flagged: NDArray[np.bool_], sample_weight: Floats | None = None) -> Graded:
    """The rows, ordered by probability, ready for every metric; without weights each counts once."""
    order = np.argsort(y_prob, kind="stable")
    ordered = y_prob[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=np.nan) != 0)
    sample_weight = np.ones(len(y_prob)) if sample_weight is None else sample_weight
    return Graded(
        y_true[order].astype(float), ordered, flagged[order], sample_weight[order].astype(float), starts, order
    )


def top(y_prob: Floats, months: NDArray[Any], share: float) -> NDArray[np.bool_]:
    """Whether a row is in the top `share` of its month by probability; ties by order."""
    frame = pd.DataFrame({"y_prob": y_prob, "month": months})
    rank = frame.groupby("month")["y_prob"].rank(method="first", ascending=False)
    size = frame.groupby("month")["y_prob"].transform("size")
    return (rank <= np.ceil(share * size)).to_numpy()


def roc_auc(g: Graded) -> float:
    """Probability that a positive row is ranked above a negative one; ties count half (Mann-Whitney)."""
    left, stayed = (
        g.sum_by_probability(g.sample_weight * g.y_true),
        g.sum_by_probability(g.sample_weight * (1.0 - g.y_true)),
    )
    below = np.cumsum(stayed) - stayed
    return float(np.dot(left, below + stayed / 2.0) / (left.sum() * stayed.sum()))


def pr_auc(g: Graded) -> float:
    """Average precision: the mean of the precision over the steps in recall."""
    left, rows = g.sum_by_probability(g.sample_weight * g.y_true)[::-1], g.sum_by_probability(g.sample_weight)[::-1]
    found, seen = np.cumsum(left), np.cumsum(rows)
    return float(np.dot(left, found / np.maximum(seen, EDGE)) / found[-1])


def base_rate(g: Graded) -> float:
    """Share of rows with the outcome."""
    return float(np.average(g.y_true, weights=g.sample_weight))


def brier(g: Graded) -> float:
    """Mean squared error of the probability."""
    return float(np.average((g.y_prob - g.y_true) ** 2, weights=g.sample_weight))


def brier_skill(g: Graded) -> float:
    """Share by which the Brier score is below that of the base rate."""
    rate = base_rate(g)
    return 1.0 - brier(g) / (rate * (1.0 - rate))


def observed_to_expected(g: Graded) -> float:
    """Number of outcomes over the sum of the probabilities."""
    return float(np.dot(g.y_true, g.sample_weight) / np.dot(g.y_prob, g.sample_weight))


def calibration_slope(g: Graded) -> float:
    """Calibration slope of the log odds: 1 where right, below 1 where probabilities are too extreme (Cox 1958)."""
    return line(log_odds(g.y_prob), g.y_true, g.sample_weight)[1]


def log_odds(y_prob: Floats) -> Floats:
    """Log odds of a probability, finite at 0 and 1."""
    inside = np.clip(y_prob, EDGE, 1.0 - EDGE)
    odds: Floats = np.log(inside / (1.0 - inside))
    return odds


def line(x: Floats, y_true: Floats, sample_weight: Floats) -> tuple[float, float]:
    """Intercept and slope of an unpenalized logistic regression on one number, by Newton's method."""
    rows = np.stack([np.ones_like(x), x])
    beta = np.zeros(2)
    for _ in range(STEPS):
        y_prob = 1.0 / (1.0 + np.exp(-np.clip(beta @ rows, -30.0, 30.0)))
        gradient = rows @ (sample_weight * (y_true - y_prob))
        curvature = (rows * (sample_weight * y_prob * (1.0 - y_prob))) @ rows.T
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        beta = beta + step
        if np.abs(step).max() < EDGE:
            break
    return float(beta[0]), float(beta[1])


def expected_calibration_error(g: Graded) -> float:
    """Mean gap between probability and observed share in ten equal-mass bins; biased upward, so without interval."""
    mass = np.cumsum(g.sample_weight) - g.sample_weight / 2
    place = np.minimum((BINS * mass / g.sample_weight.sum()).astype(int), BINS - 1)
    gap = np.bincount(place, g.sample_weight * (g.y_true - g.y_prob), BINS)
    return float(np.abs(gap).sum() / g.sample_weight.sum())


def recall(g: Graded) -> float:
    """Share of the positive rows that was flagged."""
    return _share(g.flagged, g.y_true == 1, g.sample_weight)


def miss_rate(g: Graded) -> float:
    """Share of the positive rows that was not flagged."""
    return 1.0 - recall(g)


def precision(g: Graded) -> float:
    """Share of the flagged rows that had the outcome."""
    return _share(g.y_true == 1, g.flagged, g.sample_weight)


def false_alarm_rate(g: Graded) -> float:
    """Share of the flagged rows that did not have the outcome."""
    return 1.0 - precision(g)


def f1(g: Graded) -> float:
    """Harmonic mean of precision and recall."""
    p, r = precision(g), recall(g)
    return 2 * p * r / (p + r) if p + r else 0.0


def lift(g: Graded) -> float:
    """Outcome rate of the flagged rows over the base rate."""
    return precision(g) / base_rate(g)


def _share(of: NDArray[np.bool_], among: NDArray[np.bool_], sample_weight: Floats) -> float:
    total = sample_weight[among].sum()
    return float(sample_weight[among & of].sum() / total) if total else float("nan")


METRICS: Mapping[str, Metric] = {
    "roc_auc": roc_auc, "pr_auc": pr_auc, "brier": brier, "brier_skill": brier_skill,
    "observed_to_expected": observed_to_expected, "calibration_slope": calibration_slope,
    "ece": expected_calibration_error, "precision": precision, "recall": recall, "f1": f1, "lift": lift,
    "miss_rate": miss_rate, "false_alarm_rate": false_alarm_rate,
}  # fmt: skip
WITHOUT_INTERVAL = frozenset({"ece"})
