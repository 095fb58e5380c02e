"""Lessons of the past besides a model: contrasts in words, weights, importance, and the blueprint page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import HealthSettings
from keepwell.models.grading.insights import Contrast, contrasts, strongest
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.candidates import CATEGORICAL_FEATURES
from keepwell.models.training.split import Splits
from keepwell.tasks.learning.blueprint import Blueprint, blueprint
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.learning.training import published_features
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.marts.insights import insights_frame
from keepwell.tasks.marts.weights import Tuning, backtest_frame, tune, weights_frame

CHURN = "churn"


@dataclass(frozen=True)
class Lessons:
    """The marts `insights`, `weights`, `importance` and `what_if`; rows for `model_performance`; the tuned weights.

    `contrasts`: every contrast about churn that was tried.
    """

    frames: Mapping[str, pd.DataFrame]
    performance: pd.DataFrame
    tuning: Tuning | None
    contrasts: Sequence[Contrast]


def lessons(
    results: Mapping[str, TrainingResult], horizons: Mapping[str, int], health: HealthSettings, settings: ModelSettings
) -> Lessons:
    """Compute the lessons. Contrasts use training and validation months, so that the test months stay unseen."""
    numeric_features = published_features(settings.inputs.excluded_features)
    found = {outcome: _contrasts(each, outcome, numeric_features, settings) for outcome, each in results.items()}
    ranked = [
        insights_frame(outcome, horizons[outcome], strongest(each, settings.insights), FEATURES)
        for outcome, each in found.items()
    ]
    tuning = _tuned(results[CHURN], health, settings) if CHURN in results else None
    frames = {
        "insights": stacked(ranked),
        "weights": weights_frame(CHURN, health, tuning.tuned) if tuning else pd.DataFrame(),
        "importance": stacked(_of(each, each.importance) for each in results.values()),
        "what_if": stacked(_of(each, each.trial.what_if) for each in results.values()),
    }
    return Lessons(frames, backtest_frame(CHURN, tuning) if tuning else pd.DataFrame(), tuning, found.get(CHURN, ()))


def _contrasts(
    result: TrainingResult, outcome: str, numeric_features: Sequence[str], settings: ModelSettings
) -> list[Contrast]:
    rows = pd.concat([result.split("train"), result.split("validation")], ignore_index=True)
    return contrasts(rows, OUTCOMES[outcome], numeric_features, CATEGORICAL_FEATURES, settings.insights)


def _tuned(result: TrainingResult, health: HealthSettings, settings: ModelSettings) -> Tuning:
    splits: Splits = result.trial.splits
    capacity = settings.policy.capacity_share
    return tune(result.examples, OUTCOMES[CHURN], splits, health, settings.weights, capacity, settings.candidates)


def _of(result: TrainingResult, frame: pd.DataFrame | None) -> pd.DataFrame:
    """A frame about the selected candidate, with its name."""
    if frame is None or frame.empty:
        return pd.DataFrame()
    return frame.assign(outcome=result.outcome, version=result.trial.selected)


def churn_blueprint(
    as_of: date, examples: pd.DataFrame, found: Lessons, result: TrainingResult | None, refused: str,
    catalogue: pd.DataFrame, health: HealthSettings, settings: ModelSettings, horizon_days: int, run_id: str,
) -> Blueprint:  # fmt: skip
    """The blueprint of churn; without a model by its contrasts and the score's own weights."""
    importance = result.importance if result else None
    return blueprint(
        as_of, examples, pd.DataFrame(columns=["name", "value", "low", "high"]) if importance is None else importance,
        found.contrasts, catalogue, FEATURES, health, settings.insights, horizon_days,
        model=result.trial.selected if result else "", refused=refused, run_id=run_id,
    )  # fmt: skip
