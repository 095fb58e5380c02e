"""A champion's risk in the scored book: who gets one, and what it changes; a challenger changes nothing."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keepwell.models.settings.training import PolicySettings
from keepwell.models.training.artifact import CalibratedModel
from keepwell.tasks.earlier_scores import stored_before
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.scoring.predictions import Models
from keepwell.tasks.scoring.score import Scored, score_book
from tests.support.handmade import MONDAY, company, contract
from tests.tasks.scoring.test_health import row_of, settings, used

DAY = date(2020, 1, 1)
YOUNG = {"start_on": "2024-02-01"}
LEAVING = {"end_on": "2024-06-01", "notice_on": "2024-02-01"}


@pytest.fixture(scope="module")
def champion() -> ServingModel:
    """A model with one rule: accounts that were silent for 30 days churn."""
    rows = pd.DataFrame({"days_since_last_use": np.arange(60.0), "segment": "digital-touch"})
    alone = make_column_transformer((StandardScaler(), ["days_since_last_use"]), verbose_feature_names_out=False)
    model = make_pipeline(alone, LogisticRegression()).fit(rows, rows["days_since_last_use"] > 30)
    cuts = {"recall_first": 0.3, "precision_first": 0.6}
    typical = {"days_since_last_use": 2.0}
    return ServingModel("churn", "7", "champion", "logistic", DAY, DAY, CalibratedModel(model), (), cuts, typical)


def in_production(*models: ServingModel, share: float = 0.0, beside_health: bool = True) -> Models:
    """These models with the default policy."""
    return Models(models, PolicySettings(), 60, share, beside_health)


def book(*models: ServingModel, share: float = 0.0, beside_health: bool = True) -> Scored:
    """One account that works daily, one silent for 40 days, a silent young one, and a silent one that gave notice."""
    silent = [1] * 60 + [0] * 40
    usage = [*used("acme", [1] * 100), *used("bolt", silent), *used("cask", [0] * 99 + [1]), *used("dell", silent)]
    rows = {
        "contracts": [contract("acme"), contract("bolt"), contract("cask", **YOUNG), contract("dell", **LEAVING)],
        "usage": usage,
    }
    stored = stored_before(Path("nowhere"), date.fromisoformat(MONDAY), 30)
    return score_book(
        company(MONDAY, **rows),
        settings(),
        {},
        stored,
        in_production(*models, share=share, beside_health=beside_health),
    )


def test_who_is_leaving_or_too_young_gets_no_risk(champion):
    """The model was not trained on such accounts (MOD-2)."""
    found = book(champion)

    assert set(found.predictions["account_id"]) == {"acme", "bolt"}
    assert found.accounts.set_index("account_id")["churn_risk"].notna().to_dict() == {
        "acme": True, "bolt": True, "cask": False, "dell": False,
    }  # fmt: skip


def test_risk_stands_in_the_summary_and_makes_the_tier_more_urgent(champion):
    """Over the urgent threshold the tier is immediate, whatever health says, and both reasons are shown (section 0)."""
    quiet = row_of(book(champion), "bolt")

    assert quiet["churn_risk"] > 0.5
    assert quiet["tier"] == "immediate"
    assert f"risk {quiet['churn_risk']:.0%} (immediate)" in quiet["tier_reason"]
    assert f"health {quiet['health']:.1f}" in quiet["tier_reason"]
    assert quiet["summary"].startswith(f"Churn risk: {quiet['churn_risk']:.0%} | Key factors: ")
    assert row_of(book(), "bolt")["summary"].startswith("Churn risk: no model (health ")


@pytest.mark.slow
def test_why_the_model_flags_comes_before_what_pulls_the_score(champion):
    """Factors of a flagged account are the model's first, in words; both kinds are in the mart (ACT-1)."""
    found = book(champion)
    quiet, busy = row_of(found, "bolt"), row_of(found, "acme")

    assert list(found.cited["account_id"]) == ["bolt"]
    assert found.cited.iloc[0]["contribution"] > 0
    assert quiet["factor_1"] == "No logins for 40 days" == found.cited.iloc[0]["text"]
    assert quiet["factor_2"] not in {None, quiet["factor_1"]}
    assert busy["factor_1"] == row_of(book(), "acme")["factor_1"]


@pytest.mark.slow
def test_a_challenger_is_shown_and_changes_nothing(champion):
    """Its predictions are published beside; health, tier and summary are as without it (LRN-2)."""
    alone, beside = book(), book(replace(champion, alias="challenger"))

    assert set(beside.predictions["alias"]) == {"challenger"}
    pd.testing.assert_frame_equal(beside.accounts, alone.accounts)


@pytest.mark.slow
def test_the_threshold_is_that_of_the_accounts_group(champion):
    """A high-value account is flagged recall first, whatever its segment; infinite means nobody and is NULL (MOD-5)."""
    nobody = replace(champion, thresholds={"recall_first": float("inf"), "precision_first": 0.6})
    rows, none = book(champion).predictions, book(nobody).predictions

    assert set(rows["threshold"]) == {0.3}
    assert rows.set_index("account_id")["flagged"].to_dict() == {"acme": False, "bolt": True}
    assert none["threshold"].isna().all()
    assert not none["flagged"].any()


def test_the_run_id_depends_on_the_models_used(champion):
    """Another version is another result (CONTRACT)."""
    assert in_production(champion).used == ("model/churn/champion/7",)
    assert in_production(replace(champion, version="8")).used != in_production(champion).used
