"""A refit in the registry: it serves, and the fit that was graded lies beside it (MOD-9, MOD-11)."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keepwell.models.monitoring.baseline import baseline
from keepwell.models.training.trial import trial
from keepwell.tasks.learning.candidates import held_out_rows, log_trial
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.registry.champion import load
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import GRADED_FILE
from tests.support.refit_rows import FEATURES, MONTHS, SETTINGS, SPLITS, company
from tests.support.small_models import AS_OF, few, quarter, tracking, versions_of


@pytest.fixture(scope="module")
def whole() -> TrainingResult:
    """A quarter in which the selected candidate was fitted again."""
    return trained_on(company(500, 1, per_month=0.1))


def trained_on(rows: pd.DataFrame) -> TrainingResult:
    """The quarter of these rows."""
    found = trial(rows, "churned", SPLITS, FEATURES, SETTINGS)
    result = TrainingResult("churn", found, rows)
    held_out = pd.concat([result.split("validation"), result.split("test")])
    return replace(result, baseline=baseline(found, result.split("train"), held_out, "churned", SETTINGS.drift))


@pytest.fixture
def place(mlflow_tables: Path, tmp_path: Path, whole: TrainingResult) -> Tracking:
    """It and health in MLflow."""
    there = tracking(mlflow_tables, tmp_path)
    log_trial(there, quarter(), few(whole, whole.trial.selected), None)
    return there


def test_what_is_loaded_is_the_refit_and_knows_the_graded_fit(place: Tracking, whole: TrainingResult) -> None:
    """Its thresholds are those out of fold; its figures are of the other (MOD-11)."""
    found = load(place, "churn", "challenger", AS_OF)

    assert found is not None
    test = whole.trial.test
    assert np.allclose(found.probabilities(test), whole.trial.serving.probabilities(test), atol=1e-12)
    assert dict(found.thresholds) == dict(whole.trial.serving_thresholds)
    assert found.first_test == date(2025, 7, 1), "the month after the last that it has seen"
    assert np.allclose(found.by_month.probabilities(test), whole.trial.graded.probabilities(test), atol=1e-12)
    later = test.assign(as_of=pd.Timestamp("2026-01-01"))
    assert np.allclose(found.by_month.probabilities(later), found.probabilities(later), atol=1e-12)


def test_monitoring_begins_from_the_rows_that_the_refit_has_seen(whole: TrainingResult) -> None:
    """The rate of all matured months; scores that were made out of fold, not those of a fit that knew them (LRN-3)."""
    refit, was = whole.trial.refit, whole.baseline
    assert refit is not None
    assert was is not None

    assert was.rate.value == pytest.approx(whole.examples["churned"].mean())
    late = (refit.held_out.rows["as_of"] >= pd.Timestamp(SPLITS.validation[0])).to_numpy()
    alone = replace(whole.trial, refit=replace(refit, y_prob=np.where(late, refit.y_prob / 2, refit.y_prob)))
    held_out = pd.concat([whole.split("validation"), whole.split("test")])
    halved = baseline(alone, whole.split("train"), held_out, "churned", SETTINGS.drift)
    assert halved.reference != was.reference


def test_the_registry_and_the_card_name_both_fits(place: Tracking) -> None:
    """Which months each has seen (MOD-9, MOD-11)."""
    version = versions_of(place)["1"]
    card = place.client().get_model_version("keepwell-churn", "1").description

    assert version.tags["graded_on"] == f"{SPLITS.test[0]} to {SPLITS.test[-1]}"
    assert version.tags["learnt_until"] == str(MONTHS[-1])
    assert f"fitted again on all matured months, {MONTHS[0]} to {MONTHS[-1]}" in card
    assert "The figures above are of the fit on the training months" in " ".join(card.split())


def test_a_refit_with_a_season_is_loaded_with_it(mlflow_tables: Path, tmp_path: Path) -> None:
    """Its example has dates; the card says what the months show (MOD-9, MOD-11)."""
    result, there = trained_on(company(900, 2, season=0.6)), tracking(mlflow_tables, tmp_path)
    log_trial(there, quarter(), few(result, result.trial.selected), None)

    found = load(there, "churn", "challenger", AS_OF)

    assert found is not None
    assert found.trained.season.coefficients == result.trial.serving.season.coefficients != ()
    winter, summer = (result.trial.test.assign(as_of=pd.Timestamp(day)) for day in ("2026-01-01", "2026-07-01"))
    assert found.probabilities(winter).mean() > 1.3 * found.probabilities(summer).mean()
    assert "The data show a season" in there.client().get_model_version("keepwell-churn", "1").description


def test_without_the_graded_fit_a_version_does_not_serve(place: Tracking) -> None:
    """Its files are not those that were registered (MOD-9)."""
    (Path(versions_of(place)["1"].source) / GRADED_FILE).unlink()

    assert load(place, "churn", "challenger", AS_OF) is None


def test_a_champion_that_is_a_refit_is_compared_as_a_procedure(place: Tracking, whole: TrainingResult) -> None:
    """Its candidate, fitted on the training months of the challenger and graded on the same test months (LRN-2)."""
    champion = load(place, "churn", "challenger", AS_OF)

    rows = held_out_rows(whole, champion)

    assert rows["champion"].notna().all()
    twin = whole.trial.probabilities[whole.trial.selected]
    assert np.allclose(rows["champion"], twin)
    other = held_out_rows(whole, replace(champion, inputs=("signal",)))
    assert other["champion"].isna().all(), "of other inputs it answers itself, for months that it has not seen"
