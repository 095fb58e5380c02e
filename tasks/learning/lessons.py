"""What the past teaches beside a model: contrasts in words, weights, what it leans on, and the blueprint page."""

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
from keepwell.tasks.learning.quarter import Learnt
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
    learnt: Mapping[str, Learnt], horizons: Mapping[str, int], health: HealthSettings, settings: ModelSettings
) -> Lessons:
    """Contrasts are sought in training and validation months, so that the test months stay unseen."""
    numbers = published_features(settings.inputs.excluded_features)
    found = {outcome: _contrasts(each, outcome, numbers, settings) for outcome, each in learnt.items()}
    told = [
        insights_frame(outcome, horizons[outcome], strongest(each, settings.insights), FEATURES)
        for outcome, each in found.items()
    ]
    tuning = _tuned(learnt[CHURN], health, settings) if CHURN in learnt else None
    frames = {
        "insights": stacked(told),
        "weights": weights_frame(CHURN, health, tuning.tuned) if tuning else pd.DataFrame(),
        "importance": stacked(_of(each, each.importance) for each in learnt.values()),
        "what_if": stacked(_of(each, each.trial.what_if) for each in learnt.values()),
    }
    return Lessons(frames, backtest_frame(CHURN, tuning) if tuning else pd.DataFrame(), tuning, found.get(CHURN, ()))


def _contrasts(learnt: Learnt, outcome: str, numbers: Sequence[str], settings: ModelSettings) -> list[Contrast]:
    rows = pd.concat([learnt.part("train"), learnt.part("validation")], ignore_index=True)
    return contrasts(rows, OUTCOMES[outcome], numbers, CATEGORICAL_FEATURES, settings.insights)


def _tuned(learnt: Learnt, health: HealthSettings, settings: ModelSettings) -> Tuning:
    splits: Splits = learnt.trial.splits
    capacity = settings.policy.capacity_share
    return tune(learnt.examples, OUTCOMES[CHURN], splits, health, settings.weights, capacity, settings.candidates)


def _of(learnt: Learnt, frame: pd.DataFrame | None) -> pd.DataFrame:
    """A frame about the candidate that was taken, saying so."""
    if frame is None or frame.empty:
        return pd.DataFrame()
    return frame.assign(outcome=learnt.outcome, version=learnt.trial.selected)


def churn_blueprint(
    as_of: date, examples: pd.DataFrame, found: Lessons, learnt: Learnt | None, refused: str,
    catalogue: pd.DataFrame, health: HealthSettings, settings: ModelSettings, horizon_days: int, run_id: str,
) -> Blueprint:  # fmt: skip
    """The blueprint of churn; without a model by its contrasts and the score's own weights."""
    importance = learnt.importance if learnt else None
    return blueprint(
        as_of, examples, pd.DataFrame(columns=["name", "value", "low", "high"]) if importance is None else importance,
        found.contrasts, catalogue, FEATURES, health, settings.insights, horizon_days,
        model=learnt.trial.selected if learnt else "", refused=refused, run_id=run_id,
    )  # fmt: skip
