"""The baseline stored with a model, which monitoring compares against as long as the model serves (LRN-3)."""

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
from keepwell.models.training.candidates import CATEGORICAL_FEATURES
from keepwell.models.training.split import Splits
from keepwell.models.training.trial import Trial

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Baseline:
    """The distributions, outcome rate and metrics at training, stored as JSON so that no later run needs training rows.

    `reference`: inputs of the months that what serves was fitted on, and its score (without a season, which is no
    drift) of months not in that fit; `rate`: of the outcome in those months; `metrics`: of the whole portfolio on the
    test months, those that have an interval.
    """

    splits: Splits
    reference: Reference
    rate: Rate
    metrics: Mapping[str, Estimate]

    def plain(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {
            "parts": {name: [str(month) for month in getattr(self.splits, name)] for name in SPLITS},
            "reference": self.reference.plain(),
            "rate": asdict(self.rate),
            "figures": {name: asdict(estimate) for name, estimate in self.metrics.items()},
        }

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> "Baseline":
        """Back from JSON."""
        months = {name: tuple(map(date.fromisoformat, stored["parts"][name])) for name in SPLITS}
        metrics = {name: Estimate(**estimate) for name, estimate in stored["figures"].items()}
        return cls(Splits(**months), Reference.from_plain(stored["reference"]), Rate(**stored["rate"]), metrics)


def baseline(found: Trial, train: pd.DataFrame, held_out: pd.DataFrame, label: str, rules: DriftSettings) -> Baseline:
    """The baseline of what serves.

    `train`: the examples of the training months, with their `weight`, which counts in the outcome rate alone: inputs
    and scores are those of the whole portfolio. `held_out`: those of validation and test. Every label is known. A refit
    has its own: the months that it was fitted on, and those out of fold.
    """
    selected = found.serving
    scored = held_out.assign(chance=found.graded.probabilities(held_out))
    if found.refit is not None:
        train = found.refit.rows.rows
        out_of_fold = found.refit.held_out.rows.assign(chance=found.refit.ranked)
        scored = out_of_fold[out_of_fold["as_of"] >= pd.Timestamp(found.splits.validation[0])]
    columns = input_columns(selected.model)
    categorical_features = [name for name in columns if name in CATEGORICAL_FEATURES]
    numeric_features = [name for name in columns if name not in CATEGORICAL_FEATURES]
    was = reference(train, numeric_features, categorical_features, scored, rules)
    metrics = {name: e for name, e in found.metrics[found.selected, "all"].items() if np.isfinite(e.low)}
    return Baseline(found.splits, was, rate_of(train.assign(happened=train[label].astype(float))), metrics)
