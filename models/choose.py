"""Which candidate is taken: the simplest that is not clearly worse than the best (MOD-4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.metrics import Floats, account_draws, graded, line, log_odds, roc_auc


@dataclass(frozen=True)
class Compared:
    """A candidate on the validation rows: its ROC-AUC, its distance to the best, and the standard error of that."""

    name: str
    roc_auc: float
    behind: float
    standard_error: float

    @property
    def as_good(self) -> bool:
        """Whether the distance is within one standard error of it."""
        return self.behind <= self.standard_error


def compared(
    happened: Floats,
    chances: Mapping[str, Floats],
    accounts: NDArray[Any],
    replicates: int,
    seed: int,
    weight: Floats | None = None,
) -> list[Compared]:
    """Every candidate, in the order given, against the best; the same draws of accounts for all."""
    weight = np.ones(len(happened)) if weight is None else weight
    codes, _ = pd.factorize(accounts)
    nobody = np.zeros(len(happened), dtype=bool)
    sides = {name: graded(happened, c, nobody, weight) for name, c in chances.items()}
    whole = {name: roc_auc(side) for name, side in sides.items()}
    best = max(whole, key=lambda name: whole[name])
    weights = account_draws(codes, weight, replicates, seed)
    usable = [w for w in weights if 0 < np.dot(w, happened) < w.sum()]
    drawn = {name: np.array([roc_auc(side.drawn(w[side.order])) for w in usable]) for name, side in sides.items()}
    return [
        Compared(name, whole[name], whole[best] - whole[name], float(np.std(drawn[best] - drawn[name])))
        for name in chances
    ]


def simplest_as_good(candidates: list[Compared], baselines: tuple[str, ...]) -> str:
    """The first candidate, simplest first, that is as good as the best; baselines stand beside and are never taken."""
    eligible = [c for c in candidates if c.name not in baselines]
    return next((c.name for c in eligible if c.as_good), eligible[-1].name)


@dataclass(frozen=True)
class Calibration:
    """Chances put right by a line in their log odds, learnt on validation rows (Platt 1999)."""

    slope: float
    intercept: float

    def __call__(self, chance: Floats) -> Floats:
        """The chance put right; the order of the rows stays."""
        right: Floats = 1.0 / (1.0 + np.exp(-(self.intercept + self.slope * log_odds(chance))))
        return right


def calibrated(chance: Floats, happened: Floats, weight: Floats | None = None) -> Calibration:
    """The line that fits best; a slope is never negative, which would turn the order round."""
    odds = log_odds(chance)
    if np.ptp(odds) == 0:
        return Calibration(1.0, 0.0)
    intercept, slope = line(odds, happened, np.ones(len(odds)) if weight is None else weight)
    return Calibration(max(slope, 0.0), intercept)
