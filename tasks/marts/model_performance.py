"""The mart `model_performance`: every metric of every candidate, overall and per segment, with its interval."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from keepwell.models.grading.intervals import Estimate
from keepwell.models.training.trial import Trial
from keepwell.tasks.marts.frames import stacked

BOOK = "all"
"""The segment of metrics about the whole book."""


def performance_frame(trials: Mapping[str, Trial]) -> pd.DataFrame:
    """One row per outcome, candidate, segment and metric, measured on the test months."""
    return stacked(
        metric_rows(outcome, name, metrics, found.splits.test[0], found.splits.test[-1], segment).assign(
            matured=True, estimated=False, taken=name == found.selected
        )
        for outcome, found in trials.items()
        for (name, segment), metrics in found.metrics.items()
    )


def metric_rows(
    outcome: str, version: str, metrics: Mapping[str, Estimate], first: date, last: date, segment: str = BOOK
) -> pd.DataFrame:
    """One row per metric of one model over these months."""
    return pd.DataFrame(
        [
            {
                "outcome": outcome, "version": version, "segment": segment, "metric": metric, "value": estimate.value,
                "low": estimate.low, "high": estimate.high, "first_month": first, "last_month": last,
            }
            for metric, estimate in metrics.items()
        ]
    )  # fmt: skip
