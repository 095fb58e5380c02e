"""The training result of one outcome: its trial and examples, and what explains and monitors the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from keepwell.models.explaining.explain import reference_row
from keepwell.models.explaining.importance import importance
from keepwell.models.grading.metrics import WEIGHT
from keepwell.models.monitoring.baseline import Baseline, baseline
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.split import labeled_rows
from keepwell.models.training.treated import counted
from keepwell.models.training.trial import Trial


@dataclass(frozen=True)
class Quarter:
    """The quarterly run: its date, where its results come from, its settings, horizons and days to wait by outcome."""

    as_of: date
    run_id: str
    code_version: str
    snapshot_id: str
    settings: Mapping[str, object]
    horizon_days: Mapping[str, int]
    wait_days: Mapping[str, int]


@dataclass(frozen=True)
class Size:
    """Size of a split: first and last month, account-months, accounts, and rows with the outcome."""

    first: date
    last: date
    rows: int
    accounts: int
    outcomes: int


@dataclass(frozen=True)
class TrainingResult:
    """One outcome's trial and the examples that it used.

    `reference`: a typical account, for explanations. `importance`: of the taken candidate's inputs. `baseline`: what
    it is held against later.
    """

    outcome: str
    trial: Trial
    examples: pd.DataFrame
    reference: Mapping[str, Any] = field(default_factory=dict)
    importance: pd.DataFrame | None = None
    baseline: Baseline | None = None

    def split(self, name: str) -> pd.DataFrame:
        """The examples of training, validation or test whose outcome is known."""
        return labeled_rows(self.examples, OUTCOMES[self.outcome], getattr(self.trial.splits, name))

    @cached_property
    def sizes(self) -> Mapping[str, Size]:
        """Sizes of training, validation and test."""
        return {name: self._size(name) for name in ("train", "validation", "test")}

    def _size(self, name: str) -> Size:
        rows, months = self.split(name), getattr(self.trial.splits, name)
        outcomes = int(rows[OUTCOMES[self.outcome]].astype(bool).sum())
        return Size(months[0], months[-1], len(rows), rows["account_id"].nunique(), outcomes)


def training_result(outcome: str, found: Trial, examples: pd.DataFrame, rules: ModelSettings) -> TrainingResult:
    """The trial with the reference and monitoring baseline of what serves, and the importance of what was graded."""
    result, label = TrainingResult(outcome, found, examples), OUTCOMES[outcome]
    labeled = examples.dropna(subset=[label])
    labeled = labeled.assign(**{WEIGHT: counted(labeled, label, rules.treated).sample_weight})
    train = labeled_rows(labeled, label, found.splits.train)
    held_out = pd.concat([result.split("validation"), result.split("test")])
    fitted_on = train if found.refit is None else found.refit.rows.rows
    typical = reference_row(fitted_on[input_columns(found.serving.model)])
    leans = importance(found.graded, found.test, label, rules.importance)
    was = baseline(found, train, held_out, label, rules.drift)
    return replace(result, reference=typical.to_dict(), importance=leans, baseline=was)
