"""Metrics with intervals from a bootstrap over accounts.

Rows of one account are not independent, so whole accounts are drawn (Field and Welsh 2007: cluster bootstrap).
A draw is a weight per row: how often its account was drawn. Sides that are compared share their draws, so that their
difference is paired.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from keepwell.models.grading.metrics import METRICS, WITHOUT_INTERVAL, Floats, Graded, Metric
from keepwell.models.grading.threads import one_thread

CELLS = 2**15
"""Weights that are worked on at once: rows times draws that stay in a core's cache."""


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval; NaN bounds where it has none."""

    value: float
    low: float
    high: float


def account_draws(codes: NDArray[np.integer[Any]], sample_weight: Floats, replicates: int, seed: int) -> "list[Floats]":
    """Row weights of each bootstrap draw: as many accounts as there are, with replacement."""
    rng, count = np.random.default_rng(seed), int(codes.max(initial=-1)) + 1
    return [sample_weight * rng.multinomial(count, np.full(count, 1.0 / count))[codes] for _ in range(replicates)]


def drawn(
    sides: Mapping[str, Graded], metrics: Mapping[str, Metric], accounts: NDArray[Any], replicates: int, seed: int
) -> dict[str, dict[str, Floats]]:
    """By side and name, each metric on all rows (first) and in every draw of accounts (the rest).

    The sides are predictions for the same rows; `accounts`: the account of each row, in the order the rows were given.
    A draw in which all or none have the outcome is left out.
    """
    with one_thread():  # threads share a sum of products from 10,000 rows, and spin while they wait for the next
        any_side = next(iter(sides.values()))
        sample_weight, y_true = any_side.as_given(any_side.sample_weight), any_side.as_given(any_side.y_true)
        draws = account_draws(pd.factorize(accounts)[0], sample_weight, replicates, seed)
        usable = [sample_weight, *(w for w in draws if 0 < np.dot(w, y_true) < w.sum())]
        found: dict[str, dict[str, Floats]] = {name: {k: np.empty(len(usable)) for k in metrics} for name in sides}
        at_once = max(1, CELLS // max(len(y_true), 1))
        for start in range(0, len(usable), at_once):
            weights = np.stack(usable[start : start + at_once])
            for name, side in sides.items():
                rows = side.drawn(np.take(weights, side.order, axis=1))
                for key, metric in metrics.items():
                    found[name][key][start : start + at_once] = metric(rows)
    return found


def estimated(values: Floats, confidence: float) -> Estimate:
    """The metric on all rows (first) with an interval from its draws (the rest); no bounds without a finite draw."""
    return interval(float(values[0]), values[1:], confidence)


def prediction_interval(value: float, draws: ArrayLike, confidence: float) -> Estimate:
    """The expected value with a prediction interval, the central quantiles of the draws."""
    return _between(value, _known(draws), _tails(confidence))


def interval(value: float, draws: ArrayLike, confidence: float) -> Estimate:
    """The bias-corrected percentile interval of a metric from its bootstrap draws (Efron 1981).

    Where more than half of the draws lie on one side of the value, the quantiles move to the other: with few churned
    accounts the draws of a ROC-AUC are not centered on it.
    """
    known = _known(draws)
    edge = 0.5 / max(len(known), 1)
    below = (1.0 + np.sign(value - known).sum() / max(len(known), 1)) / 2.0
    bias = scipy.special.ndtri(np.clip(below, edge, 1.0 - edge))
    return _between(value, known, scipy.special.ndtr(2.0 * bias + scipy.special.ndtri(_tails(confidence))))


def _known(draws: ArrayLike) -> Floats:
    known = np.asarray(draws, dtype=float)
    return known[np.isfinite(known)]


def _tails(confidence: float) -> Floats:
    return np.array([1.0 - confidence, 1.0 + confidence]) / 2.0


def _between(value: float, known: Floats, shares: Floats) -> Estimate:
    """The value with two quantiles of its draws; no bounds without a finite draw."""
    if not len(known) or not np.isfinite(value):
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(known, shares)
    return Estimate(value, float(low), float(high))


def graded_metrics(
    g: Graded, accounts: NDArray[Any], replicates: int, confidence: float, seed: int
) -> dict[str, Estimate]:
    """Every metric with its interval; `accounts` in the order in which the rows were given."""
    return metrics_of_all({"": g}, accounts, replicates, confidence, seed)[""]


def metrics_of_all(
    sides: Mapping[str, Graded], accounts: NDArray[Any], replicates: int, confidence: float, seed: int
) -> dict[str, dict[str, Estimate]]:
    """The same for several predictions of the same rows, which share their draws."""
    bounded = {name: metric for name, metric in METRICS.items() if name not in WITHOUT_INTERVAL}
    draws = drawn(sides, bounded, accounts, replicates, seed)
    return {
        side: {
            name: estimated(draws[side][name], confidence)
            if name in bounded
            else Estimate(float(metric(g)), np.nan, np.nan)
            for name, metric in METRICS.items()
        }
        for side, g in sides.items()
    }
