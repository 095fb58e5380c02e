"""Selection and calibration: the selected candidate is the simplest that is not clearly worse than the best (MOD-4)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepwell.models.grading.intervals import drawn
from keepwell.models.grading.logistic_line import clustered, line, shrunk_to_zero
from keepwell.models.grading.metrics import Floats, graded, log_odds, roc_auc


@dataclass(frozen=True)
class Compared:
    """A candidate on the validation rows: its ROC-AUC, its distance to the best, and the distance's standard error."""

    name: str
    roc_auc: float
    behind: float
    standard_error: float

    @property
    def as_good(self) -> bool:
        """Whether the distance to the best is within one standard error."""
        return self.behind <= self.standard_error


def compared(
    y_true: Floats,
    probabilities: Mapping[str, Floats],
    accounts: NDArray[Any],
    replicates: int,
    seed: int,
    sample_weight: Floats | None = None,
) -> list[Compared]:
    """Every candidate, in the order given, against the best; the same draws of accounts for all."""
    nobody = np.zeros(len(y_true), dtype=bool)
    sides = {name: graded(y_true, c, nobody, sample_weight) for name, c in probabilities.items()}
    found = drawn(sides, {"roc_auc": roc_auc}, accounts, replicates, seed)
    aucs = {name: metrics["roc_auc"] for name, metrics in found.items()}
    best = max(aucs, key=lambda name: float(aucs[name][0]))
    behind = {name: aucs[best] - of for name, of in aucs.items()}
    return [Compared(n, float(aucs[n][0]), float(of[0]), float(np.std(of[1:]))) for n, of in behind.items()]


def finalists(candidates: Sequence[Compared], baselines: Collection[str], errors: float) -> list[str]:
    """The candidates that these rows cannot tell from the best: within so many standard errors; no baseline."""
    return [c.name for c in candidates if c.name not in baselines and c.behind <= errors * c.standard_error]


def simplest_as_good(candidates: list[Compared], baselines: tuple[str, ...]) -> str:
    """The first candidate, simplest first, that is as good as the best; baselines are never selected."""
    eligible = [c for c in candidates if c.name not in baselines]
    return next((c.name for c in eligible if c.as_good), eligible[-1].name)


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: a line in the log odds, fitted on validation rows (Platt 1999)."""

    slope: float
    intercept: float

    def __call__(self, y_prob: Floats) -> Floats:
        """The calibrated probabilities; the ranking of the rows is unchanged."""
        right: Floats = 1.0 / (1.0 + np.exp(-(self.intercept + self.slope * log_odds(y_prob))))
        return right


def calibrated(y_prob: Floats, y_true: Floats, sample_weight: Floats | None = None) -> Calibration:
    """The fitted calibration; its slope is never negative, which would reverse the ranking."""
    odds = log_odds(y_prob)
    if np.ptp(odds) == 0:
        return Calibration(1.0, 0.0)
    intercept, slope = line(odds, y_true, np.ones(len(odds)) if sample_weight is None else sample_weight)
    return Calibration(max(slope, 0.0), intercept)


def shrunk(
    y_prob: Floats,
    y_true: Floats,
    accounts: NDArray[Any],
    sample_weight: Floats,
    slope_spread: float,
    level_spread: float,
) -> Calibration:
    """The calibration, drawn towards none (slope 1, no shift) by its own error (normal prior; Morris 1983).

    The error is that of whole accounts, whose months share an outcome (Liang and Zeger 1986). `slope_spread`,
    `level_spread`: standard deviations of slope and level (at the mean log odds) that are expected of a calibration.
    """
    odds = log_odds(y_prob)
    if np.ptp(odds) == 0:
        return Calibration(1.0, 0.0)
    middle = float(np.average(odds, weights=sample_weight))
    x = odds - middle
    level, slope = line(x, y_true, sample_weight)
    columns = np.column_stack([np.ones_like(x), x])
    error = clustered(columns, np.array([level, slope]), y_true, sample_weight, accounts)
    off, spreads = np.array([level - middle, slope - 1.0]), np.array([level_spread, slope_spread])
    level_off, slope_off = shrunk_to_zero(off, error, spreads)
    slope = max(1.0 + slope_off, 0.0)
    return Calibration(float(slope), float(middle + level_off - slope * middle))
