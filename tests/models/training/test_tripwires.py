"""Tripwires: a suspected leak is refused by name, until a person allows it (MOD-8)."""

import numpy as np
import pandas as pd
import pytest

from keepwell.models.settings.training import TripwireSettings
from keepwell.models.training.tripwires import Suspicious, aucs_alone, leaking, refuse_leaks, refuse_model

RULES = TripwireSettings()
NUMERIC_FEATURES, CATEGORICAL_FEATURES = ["usage_trend", "nps_score_365d"], ["segment"]


def training(accounts: int = 400, months: int = 6, seed: int = 1) -> pd.DataFrame:
    """Account-months in which trend and NPS predict churn moderately; NPS is often missing."""
    rng = np.random.default_rng(seed)
    size = accounts * months
    trend, nps = rng.standard_normal(size), rng.normal(7, 2, size)
    y_prob = 1 / (1 + np.exp(3 + 1.2 * trend + 0.3 * (nps - 7)))
    return pd.DataFrame(
        {
            "account_id": np.repeat([f"a{n}" for n in range(accounts)], months),
            "churned": rng.random(size) < y_prob,
            "usage_trend": trend,
            "nps_score_365d": np.where(rng.random(size) < 0.4, np.nan, nps),
            "segment": rng.choice(["small", "large"], size),
        }
    )


def test_honest_features_pass() -> None:
    """Ordinary signals stay far below the bound (MOD-8)."""
    alone = aucs_alone(training(), "churned", NUMERIC_FEATURES, CATEGORICAL_FEATURES, RULES)

    assert 0.7 < alone["usage_trend"] < 0.85
    assert 0.4 < alone["segment"] < 0.6
    refuse_leaks(training(), "churned", NUMERIC_FEATURES, CATEGORICAL_FEATURES, RULES)


def planted(kind: str) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The rows with one column that was filled in after the fact, as a number or as a category."""
    rows = training()
    rng = np.random.default_rng(2)
    left = rows["churned"].to_numpy()
    columns = {
        "days_to_churn": np.where(left, rng.uniform(0, 90, len(rows)), rng.uniform(60, 900, len(rows))),
        "closing_call_minutes": np.where(left | (rng.random(len(rows)) < 0.03), rng.uniform(0, 60, len(rows)), np.nan),
        "final_discount": np.where(left, rng.normal(0, 0.1, len(rows)), rng.choice([-1.0, 1.0], len(rows))),
        "plan_code": np.where(left & (rng.random(len(rows)) < 0.95), "CLOSED", rng.choice(["A", "B"], len(rows))),
    }
    rows = rows.assign(**{kind: columns[kind]})
    return (
        (rows, NUMERIC_FEATURES, [*CATEGORICAL_FEATURES, kind])
        if kind == "plan_code"
        else (rows, [*NUMERIC_FEATURES, kind], CATEGORICAL_FEATURES)
    )


@pytest.mark.parametrize("kind", ["days_to_churn", "closing_call_minutes", "final_discount", "plan_code"])
def test_a_column_filled_in_after_the_fact_is_refused_by_name(kind: str) -> None:
    """By its order, by being known at all, by a range in the middle, or by a category: each is found (MOD-8)."""
    rows, numbers, words = planted(kind)

    assert [name for name, _ in leaking(rows, "churned", numbers, words, RULES)] == [kind]
    sentence = rf"^`{kind}` \((0\.9\d+|1\.000)\) alone predicts `churned` .* fix the mapping"
    with pytest.raises(Suspicious, match=sentence):
        refuse_leaks(rows, "churned", numbers, words, RULES)


def test_a_person_allows_a_column_with_a_reason() -> None:
    """By its name, and no other with it; a reason is required (MOD-8)."""
    rows, numbers, words = planted("days_to_churn")
    known = TripwireSettings(allowed={"days_to_churn": "a forecast of the sales team, stored before the month"})
    refuse_leaks(rows, "churned", numbers, words, known)

    with pytest.raises(Suspicious, match="`copy`"):
        refuse_leaks(rows.assign(copy=rows["days_to_churn"]), "churned", [*numbers, "copy"], words, known)
    with pytest.raises(ValueError, match="allowed"):
        TripwireSettings(allowed={"days_to_churn": ""})


def test_an_account_id_is_no_leak() -> None:
    """An account's group is rated on other accounts, so an identifier does not predict churn (MOD-8)."""
    rows = training()
    left = rows.groupby("account_id")["churned"].transform("max")
    rows = rows.assign(churned=left, name=rows["account_id"])

    assert aucs_alone(rows, "churned", [], ["name"], RULES)["name"] == pytest.approx(0.5, abs=0.1)


def test_a_model_too_good_to_be_true_is_refused_by_name() -> None:
    """Above 0.95 on validation, until it is allowed (MOD-8)."""
    refuse_model("boosting", 0.95, RULES)
    refuse_model("boosting", 0.97, TripwireSettings(allowed={"boosting": "a company of two kinds of account"}))

    with pytest.raises(Suspicious, match=r"^the model `boosting` has a ROC-AUC of 0\.970 on the validation months"):
        refuse_model("boosting", 0.97, RULES)
