"""Frames of the marts that monitor a model: `drift`, `lead_times`, months of `model_performance` (LRN-3, LRN-4)."""

from collections.abc import Mapping

import pandas as pd

from keepwell.models.grading.intervals import Estimate
from keepwell.models.monitoring.early_warning import EarlyWarning
from keepwell.models.monitoring.estimate import EstimatedMetrics
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.marts.model_performance import metric_rows


def drift_frame(outcome: str, books: Mapping[pd.Timestamp, pd.DataFrame], outcomes: pd.DataFrame) -> pd.DataFrame:
    """Drift of inputs and score in the book of each month, and of the outcome in every matured month."""
    parts = [*(book.assign(month=month) for month, book in books.items()), outcomes]
    return stacked(parts).assign(outcome=outcome)


def estimated_frame(outcome: str, version: str, found: EstimatedMetrics) -> pd.DataFrame:
    """Estimated metrics of months whose outcomes are not known yet, and whether to trust them."""
    rows = metric_rows(outcome, version, found.metrics, found.months[0], found.months[-1])
    reason = "; ".join(found.reasons) or None
    return rows.assign(matured=False, estimated=True, trusted=found.trusted, reason=reason)


def realised_frame(outcome: str, version: str, months: Mapping[pd.Timestamp, Mapping[str, Estimate]]) -> pd.DataFrame:
    """Metrics of each matured month: precision, recall, miss and false-alarm rate over time."""
    return _matured(stacked(metric_rows(outcome, version, metrics, month, month) for month, metrics in months.items()))


def warning_frame(outcome: str, found: EarlyWarning, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """Share of churners flagged early, median lead and workload of each score, and the first score's advantage."""
    ahead = {name: {"early_share_behind_first": gap} for name, gap in found.differences.items()}
    return _matured(
        stacked(
            metric_rows(outcome, name, {**metrics, **ahead.get(name, {})}, since, until)
            for name, metrics in found.metrics.items()
        )
    )


def lead_times_frame(outcome: str, found: EarlyWarning) -> pd.DataFrame:
    """One row per score and churner."""
    return found.leads.assign(outcome=outcome)


def _matured(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows based on known outcomes."""
    return rows.assign(matured=True, estimated=False)
