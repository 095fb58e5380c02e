"""Metrics estimated before outcomes are known, on worlds with known probabilities, and refused estimates (LRN-4)."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import top
from keepwell.models.monitoring.estimate import Check, drawn_outcomes, estimate_metrics, fitted_line, strong_drift
from keepwell.models.settings.monitoring import EstimateSettings

MONTHS = 9
UNKNOWN = 3
STARTS = pd.date_range("2025-01-01", periods=MONTHS, freq="MS")
RULES = EstimateSettings(replicates=100)


def world(accounts: int, seed: int, slope: float = 1.0, changed: bool = False) -> pd.DataFrame:
    """Months of a portfolio whose outcomes follow slowly moving probabilities; the last ones are not known yet.

    The model gives the true log odds times `slope`. `changed`: from the sixth month on churn is unrelated to it.
    `truth` holds every outcome.
    """
    rng = np.random.default_rng(seed)
    lasting, moving = rng.standard_normal(accounts), rng.standard_normal((MONTHS, accounts))
    odds = (-3.0 + lasting + 0.7 * moving).ravel()
    account, month = np.tile(np.arange(accounts), MONTHS), np.repeat(np.arange(MONTHS), accounts)
    true = 1 / (1 + np.exp(-odds))
    cause = np.where(month >= 5, true[rng.permutation(len(true))], true) if changed else true
    y_true = drawn_outcomes(cause, account, month, 3, rng).astype(float)
    y_prob = 1 / (1 + np.exp(-(-3.0 + slope * (odds + 3.0))))
    return pd.DataFrame(
        {
            "account_id": [f"a{n:05}" for n in account], "as_of": STARTS[month],
            "chance": y_prob, "flagged": top(y_prob, month, 0.1), "truth": y_true,
            "happened": np.where(month < MONTHS - UNKNOWN, y_true, np.nan),
        }
    )  # fmt: skip


def realised(rows: pd.DataFrame) -> float:
    """The true ROC-AUC of the months whose outcomes are not known yet."""
    unlabeled = rows[rows["happened"].isna()]
    return float(roc_auc_score(unlabeled["truth"], unlabeled["chance"]))


def test_the_estimate_is_close_to_the_realised_value() -> None:
    """Over small worlds its error is small and unbiased, and its interval covers as often as it claims (LRN-4)."""
    found = [(estimate_metrics(rows, 90, RULES), realised(rows)) for rows in (world(1200, seed) for seed in range(20))]
    off = np.array([f.metrics["roc_auc"].value - came for f, came in found])
    inside = sum(f.metrics["roc_auc"].low <= came <= f.metrics["roc_auc"].high for f, came in found)

    assert np.abs(off).mean() < 0.03
    assert abs(off.mean()) < 0.015
    assert 15 <= inside <= 20
    assert sum(f.trusted for f, _ in found) >= 18


def test_precision_recall_and_the_number_of_outcomes_are_estimated_too() -> None:
    """At the flags of the rows (LRN-4)."""
    inside = dict.fromkeys(("precision", "recall", "losses"), 0)
    for seed in range(10):
        rows = world(1200, seed)
        unlabeled = rows[rows["happened"].isna()]
        caught, outcomes = unlabeled.loc[unlabeled["flagged"], "truth"], unlabeled["truth"].sum()
        came = {"precision": caught.mean(), "recall": caught.sum() / outcomes, "losses": outcomes}
        found = estimate_metrics(rows, 90, RULES).metrics
        for name in inside:
            inside[name] += found[name].low <= came[name] <= found[name].high

    assert min(inside.values()) >= 7


def test_probabilities_that_are_too_extreme_are_recalibrated_on_the_matured_months() -> None:
    """An overconfident model would otherwise estimate a far too good ROC-AUC for itself (LRN-4)."""
    rows = world(6000, 4, slope=2.0)

    assert fitted_line(rows[rows["happened"].notna()]).beta[1] == pytest.approx(0.5, abs=0.05)
    assert estimate_metrics(rows, 90, RULES).metrics["roc_auc"].value == pytest.approx(realised(rows), abs=0.03)


def test_a_changed_world_is_not_to_be_trusted() -> None:
    """Churn no longer follows the inputs; the newest matured month shows it, and the page says so (LRN-4)."""
    for seed in range(5):
        rows = world(1200, seed, changed=True)
        found = estimate_metrics(rows, 90, EstimateSettings(replicates=100, check_months=1))

        assert found.metrics["roc_auc"].value - realised(rows) > 0.05
        assert not found.trusted
        assert "not to be trusted: ROC-AUC of 2025-06 to 2025-06 came to" in found.sentence


def test_what_drifted_speaks_against_it() -> None:
    """The score, or more than a quarter of the inputs; one input of ten does not (LRN-3, LRN-4)."""
    drift = pd.DataFrame({"kind": ["input"] * 10 + ["score"], "name": [*"abcdefghij", "churn"], "drifted": False})
    one, many, score = drift.copy(), drift.copy(), drift.copy()
    one.loc[0, "drifted"], many.loc[:2, "drifted"], score.loc[10, "drifted"] = True, True, True

    assert strong_drift(one, RULES) == []
    assert strong_drift(many, RULES) == ["3 of 10 inputs have drifted"]
    assert strong_drift(score, RULES) == ["the score `churn` has drifted"]
    assert estimate_metrics(world(1200, 1), 90, RULES, strong_drift(many, RULES)).reasons == (
        "3 of 10 inputs have drifted",
    )


@pytest.mark.parametrize("known", [0, 2])
def test_without_matured_months_the_estimate_is_unchecked(known: int) -> None:
    """There is an estimate, and the reason says that it could not be checked (LRN-4)."""
    rows = world(1200, 1)
    rows.loc[rows["as_of"] >= STARTS[known], "happened"] = np.nan
    found = estimate_metrics(rows, 90, RULES)

    assert not np.isnan(found.metrics["roc_auc"].value)
    assert f"outcomes in {known} months have matured since training" in found.reasons[0]


def test_drawn_outcomes_have_their_probabilities_and_depend_within_an_account() -> None:
    """Windows that share two months of three often agree, windows apart do not (LRN-4)."""
    rng = np.random.default_rng(1)
    accounts = 40_000
    account, month = np.tile(np.arange(accounts), 4), np.repeat(np.arange(4), accounts)
    drawn = drawn_outcomes(np.full(4 * accounts, 0.2), account, month, 3, rng)
    months = drawn.reshape(4, accounts)
    agree = np.corrcoef(months)

    assert months.mean(axis=1) == pytest.approx(0.2, abs=0.01)
    assert agree[0, 1] > agree[0, 2] + 0.2 > agree[0, 3] + 0.4
    assert agree[0, 3] == pytest.approx(0.0, abs=0.02)


def test_the_same_rows_give_the_same_estimate() -> None:
    """In whatever order they come: draws have a fixed seed (OUT-1)."""
    rows = world(600, 2)

    assert estimate_metrics(rows, 90, RULES) == estimate_metrics(rows.copy(), 90, RULES)


@pytest.mark.parametrize(
    ("metric", "realised", "worse"),
    [("roc_auc", 0.6, True), ("roc_auc", 0.95, False), ("losses", 95, True), ("losses", 5, False)],
)
def test_a_metric_better_than_predicted_is_not_worse(metric, realised, worse):
    """Outside its interval it makes the estimate untrusted either way, but only one way speaks against the model."""
    predicted = Estimate(0.8, 0.7, 0.9) if metric == "roc_auc" else Estimate(50, 25, 75)

    assert Check(metric, realised, predicted, holds=False).worse is worse
