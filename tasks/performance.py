"""The mart `model_performance`: every figure of every candidate, overall and per segment, with its interval."""

from collections.abc import Mapping

import pandas as pd

from models.training import Trial


def performance_frame(trials: Mapping[str, Trial]) -> pd.DataFrame:
    """One row per outcome, candidate, segment and metric, measured on the test months."""
    rows = [
        {
            "outcome": outcome, "version": name, "segment": segment, "metric": metric,
            "value": estimate.value, "low": estimate.low, "high": estimate.high,
            "matured": True, "estimated": False, "taken": name == found.taken,
            "first_month": found.parts.test[0], "last_month": found.parts.test[-1],
        }
        for outcome, found in trials.items()
        for (name, segment), figures in found.figures.items()
        for metric, estimate in figures.items()
    ]  # fmt: skip
    columns = ["outcome", "version", "segment", "metric"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
