"""What a model is held against for as long as it serves: how things stood when it learnt (LRN-3)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from keepwell.models.grading.intervals import Estimate
from keepwell.models.monitoring.drift import Reference, reference
from keepwell.models.monitoring.outcome_drift import Rate, rate_of
from keepwell.models.settings.monitoring import DriftSettings
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.candidates import WORDS
from keepwell.models.training.split import Parts
from keepwell.models.training.trial import Trial

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Baseline:
    """Plain enough to be kept with the model as JSON, so that no later run needs the rows that it learnt from.

    `reference`: inputs of the training months, and the score of the months that it did not learn from; `rate`: of the
    outcome in the training months; `figures`: of the whole book on the test months, those that have an interval.
    """

    parts: Parts
    reference: Reference
    rate: Rate
    figures: Mapping[str, Estimate]

    def plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "parts": {name: [str(month) for month in getattr(self.parts, name)] for name in PARTS},
            "reference": self.reference.plain(),
            "rate": asdict(self.rate),
            "figures": {name: asdict(estimate) for name, estimate in self.figures.items()},
        }

    @classmethod
    def from_plain(cls, kept: Mapping[str, Any]) -> "Baseline":
        """Back from JSON."""
        months = {name: tuple(map(date.fromisoformat, kept["parts"][name])) for name in PARTS}
        figures = {name: Estimate(**estimate) for name, estimate in kept["figures"].items()}
        return cls(Parts(**months), Reference.from_plain(kept["reference"]), Rate(**kept["rate"]), figures)


def baseline(found: Trial, train: pd.DataFrame, held: pd.DataFrame, label: str, rules: DriftSettings) -> Baseline:
    """The baseline of the candidate that was taken.

    `train`: the examples of the training months; `held`: those of validation and test. Every label is known.
    """
    taken = found.trained[found.taken]
    columns = input_columns(taken.model)
    words = [name for name in columns if name in WORDS]
    numbers = [name for name in columns if name not in WORDS]
    was = reference(train, numbers, words, held.assign(chance=taken.chances(held)), rules)
    figures = {name: e for name, e in found.figures[found.taken, "all"].items() if np.isfinite(e.low)}
    return Baseline(found.parts, was, rate_of(train.assign(happened=train[label].astype(float))), figures)
