"""A small quarter of churn models, really trained, and MLflow on SQLite to store them."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keepwell.models.monitoring.baseline import baseline
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.split import Splits
from keepwell.models.training.trial import trial
from keepwell.tasks.learning.quarter import Quarter, TrainingResult
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import Version, outcome_registry

NUMERIC_FEATURES = ("signal", "other", "noise")
QUICK = ModelSettings(
    inputs=InputSettings(spline_knots={"other": (-1.0, 0.0, 1.0)}),
    candidates=CandidateSettings(n_estimators=5, max_iter=10, min_samples_leaf=20, replicates=20),
)
PARTS = Splits((date(2025, 1, 1),), (date(2025, 6, 1),), (date(2025, 11, 1), date(2025, 12, 1)))
AS_OF = date(2026, 5, 1)
REFERENCE = {"signal": 0.0, "segment": "small"}


def examples(seed: int = 1, rows: int = 2400) -> pd.DataFrame:
    """A quarter of the accounts in each of four months; more signal and more of the other, more churn."""
    rng = np.random.default_rng(seed)
    signal, other = rng.standard_normal(rows), rng.standard_normal(rows)
    true = 1 / (1 + np.exp(1.2 - signal - other))
    months = [*PARTS.train, *PARTS.validation, *PARTS.test]
    return pd.DataFrame(
        {
            "account_id": [f"a{n % 600}" for n in range(rows)],
            "as_of": pd.to_datetime(np.repeat(months, rows // 4)),
            "signal": np.where(rng.random(rows) < 0.2, np.nan, signal),
            "other": other,
            "noise": rng.standard_cauchy(rows),
            "health": 70 - 10 * other,
            "segment": rng.choice(["small", "enterprise"], rows),
            "industry": np.where(rng.random(rows) < 0.1, None, "retail"),
            "country": "DE",
            "arr": 1000.0,
            "high_value": other > 1.3,
            "churned": rng.random(rows) < true,
        }
    )


def trained_result(seed: int = 1) -> TrainingResult:
    """Every candidate of one outcome."""
    rows = examples(seed)
    found = trial(rows, "churned", PARTS, NUMERIC_FEATURES, QUICK)
    whole = TrainingResult("churn", found, rows, REFERENCE)
    held = pd.concat([whole.split("validation"), whole.split("test")])
    return replace(whole, baseline=baseline(found, whole.split("train"), held, "churned", QUICK.drift))


def few(whole: TrainingResult, selected: str = "logistic") -> TrainingResult:
    """Health and one candidate, which is taken: enough where it does not matter how many there are."""
    kept = {name: whole.trial.trained[name] for name in ("health", selected)}
    test = whole.trial.test.assign(chance=kept[selected].probabilities(whole.trial.test))
    return replace(whole, trial=replace(whole.trial, trained=kept, selected=selected, test=test))


def quarter(run_id: str = "r1", as_of: date = AS_OF) -> Quarter:
    """A quarterly run."""
    settings = {"inputs.winsorize_quantile": 0.01, "candidates.n_estimators": 5}
    return Quarter(as_of, run_id, "0.1.0+abc", "snap-1", settings, {"churn": 90}, {"churn": 90})


def tracking(template: Path, folder: Path) -> Tracking:
    """MLflow in a folder, its tables made already."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / "mlflow.db")
    return Tracking(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "mlartifacts"))


def runs_of(place: Tracking, name: str = "keepwell-churn") -> list[Any]:
    """The runs that MLflow's pages show."""
    client = place.client()
    return list(client.search_runs([client.get_experiment_by_name(name).experiment_id]))


def versions_of(place: Tracking) -> dict[str, Version]:
    """The registered versions, by number."""
    found = outcome_registry(place.client(), "churn")
    return dict(found.versions) if found else {}
