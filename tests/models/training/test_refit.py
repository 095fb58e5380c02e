"""What serves has seen every matured month; what is quoted has not (MOD-11)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import SegmentSettings
from keepwell.models.training.choose import calibrated, shrunk
from keepwell.models.training.refit import ByMonth
from keepwell.models.training.thresholds import flagged
from keepwell.models.training.trial import Trial, trial
from tests.support.refit_rows import FEATURES, MONTHS, SETTINGS, SPLITS, company


@pytest.fixture(scope="module")
def changing() -> Trial:
    """A trial of a company in which a second feature gains weight month by month."""
    return trial(company(500, 1, per_month=0.1), "churned", SPLITS, FEATURES, SETTINGS)


def test_the_refit_has_seen_every_matured_month_and_the_graded_fit_only_those_of_training(changing: Trial) -> None:
    """The figures stay those of the graded fit on the untouched test months (MOD-11)."""
    assert changing.refit is not None
    assert changing.refit.months == (MONTHS[0], MONTHS[-1])
    assert changing.seen_until == MONTHS[-1]
    assert changing.graded is changing.trained[changing.selected]
    assert np.allclose(changing.probabilities[changing.selected], changing.graded.probabilities(changing.test))
    assert changing.serving is changing.refit.trained


def test_what_has_changed_since_training_is_known_to_what_serves(changing: Trial) -> None:
    """On months that nobody has seen, the refit ranks better (MOD-11)."""
    new = company(2000, 9, per_month=0.1)
    new = new[new["as_of"] == pd.Timestamp(MONTHS[-1])]

    graded, serving = (
        roc_auc_score(new["churned"], of.probabilities(new)) for of in (changing.graded, changing.serving)
    )

    assert serving > graded + 0.02


def test_calibration_is_of_months_that_the_fit_had_not_seen(changing: Trial) -> None:
    """Each block of months is predicted from months before it, with the gap between (MOD-11)."""
    assert changing.refit is not None
    held_out = changing.refit.held_out.rows["as_of"]
    gap = (SPLITS.validation[0] - SPLITS.train[-1]).days

    # Blocks are of three months; the fourth month is the last that the first fit needs.
    first = next(m for m in MONTHS[::3] if (m - MONTHS[3]).days >= gap)
    assert sorted(held_out.unique()) == [pd.Timestamp(m) for m in MONTHS if m >= first]
    y_true, y_prob = changing.refit.held_out.y_true, changing.refit.y_prob
    assert y_true.sum() / y_prob.sum() == pytest.approx(1.0, abs=0.05)


def test_one_odd_season_of_validation_does_not_move_the_level_of_what_serves() -> None:
    """Two months with twice the churn calibrate the graded fit; the refit has nine, of which they are two (MOD-11)."""
    rows = company(800, 3)
    odd = rows["as_of"].isin([pd.Timestamp(m) for m in SPLITS.validation])
    rng = np.random.default_rng(5)
    rows["churned"] = rows["churned"] | (odd & (rng.random(len(rows)) < 0.15))
    found = trial(rows, "churned", SPLITS, FEATURES, SETTINGS)
    new = company(4000, 11)

    ratio = {
        name: new["churned"].sum() / of.probabilities(new).sum()
        for name, of in (("graded", found.graded), ("serving", found.serving))
    }

    assert ratio["graded"] < 0.6
    assert 0.78 < ratio["serving"] < 1.0


def test_a_company_without_any_health_has_a_model() -> None:
    """Its baseline is the base rate: nothing fails for want of a health score (MOD-2)."""
    found = trial(company(500, 1).assign(health=np.nan), "churned", SPLITS, FEATURES, SETTINGS)

    assert found.metrics["health", "all"]["roc_auc"].value == 0.5
    assert found.metrics[found.selected, "all"]["roc_auc"].low > 0.5
    assert found.refit is not None


def test_a_segments_own_model_is_fitted_again_too() -> None:
    """In one segment the signal means the opposite: what serves knows it, and so do its rows out of fold (MOD-6)."""
    turned = company(400, 2).assign(segment="turned")
    turned = turned.assign(signal=-turned["signal"], account_id="t" + turned["account_id"])
    rules = SegmentSettings(min_accounts=50, min_validation_accounts=10, replicates=40)
    # Trees that cannot split: a linear model is taken, which cannot see that a segment is the other way round.
    linear = SETTINGS.candidates.model_copy(update={"n_estimators": 1, "max_iter": 1, "min_samples_leaf": 100_000})
    rows = pd.concat([company(800, 1), turned], ignore_index=True).assign(health=50.0)
    settings = SETTINGS.model_copy(update={"segments": rules, "candidates": linear})

    found = trial(rows, "churned", SPLITS, FEATURES, settings)

    assert found.refit is not None
    assert "turned" in found.graded.segments
    assert found.serving.segments.keys() == found.graded.segments.keys()
    mine = (found.refit.held_out.rows["segment"] == "turned").to_numpy()
    assert roc_auc_score(found.refit.held_out.y_true[mine], found.refit.y_prob[mine]) > 0.65
    assert roc_auc_score(turned["churned"], found.serving.probabilities(turned)) > 0.65


def test_too_few_months_leave_the_graded_fit_in_place() -> None:
    """Nothing to calibrate a refit on: what was graded serves, and the reason is said (MOD-11)."""
    found = trial(company(500, 1), "churned", SPLITS, FEATURES, replace_rules(min_months=18))

    assert found.refit is None
    assert found.serving is found.graded
    assert found.serving_thresholds == found.thresholds
    assert "too few months" in found.why_no_refit


def test_a_refit_that_disagrees_with_its_graded_twin_does_not_serve() -> None:
    """The difference of log odds on the test rows, against the settings (MOD-11)."""
    found = trial(company(500, 1, per_month=0.1), "churned", SPLITS, FEATURES, replace_rules(max_spread=0.01))

    assert found.refit is None
    assert found.serving is found.graded
    assert "with a standard deviation of" in found.why_no_refit


def replace_rules(**changed: float) -> ModelSettings:
    """The settings with other rules of the refit."""
    return SETTINGS.model_copy(update={"refit": SETTINGS.refit.model_copy(update=changed)})


def test_monitoring_asks_each_fit_about_months_that_it_has_not_seen(changing: Trial) -> None:
    """The graded fit up to the refit's last month, the refit after it (MOD-11, LRN-4)."""
    rows = company(300, 12)
    by_month = ByMonth(changing.serving, changing.graded, date(2025, 1, 1))
    early = (rows["as_of"] <= "2025-01-01").to_numpy()

    y_prob = by_month.probabilities(rows)

    assert np.allclose(y_prob[early], changing.graded.probabilities(rows[early]))
    assert np.allclose(y_prob[~early], changing.serving.probabilities(rows[~early]))


@pytest.mark.parametrize(("accounts", "near"), [(60, 0.15), (40_000, 1.0)])
def test_a_calibration_moves_as_far_as_its_rows_carry(accounts: int, near: float) -> None:
    """A few accounts move it little, many all the way; accounts count, not their months (MOD-11)."""
    rng = np.random.default_rng(2)
    odds = rng.standard_normal(accounts) - 1.0
    y_true = (rng.random(accounts) < 1 / (1 + np.exp(-(0.6 + 1.5 * odds)))).astype(float)
    y_prob, alone = 1 / (1 + np.exp(-odds)), np.arange(accounts)
    free = calibrated(y_prob, y_true)

    found = shrunk(y_prob, y_true, alone, np.ones(accounts), 0.25, 0.5)

    moved = (found.slope - 1.0) / (free.slope - 1.0)
    assert moved == pytest.approx(1.0, abs=0.03) if near == 1.0 else 0.0 < moved < 0.7
    twelve = [np.tile(of, 12) for of in (y_prob, y_true)]
    again = shrunk(*twelve, np.tile(alone, 12), np.ones(12 * accounts), 0.25, 0.5)
    assert again.slope == pytest.approx(found.slope)
    assert again.intercept == pytest.approx(found.intercept)


def test_the_treated_count_in_no_fit_and_still_belong_to_the_portfolio_that_is_flagged() -> None:
    """Capacity is of all accounts: without the treated, who are the riskiest, it would flag more (MOD-1, MOD-5)."""
    rows = company(500, 4)
    rng = np.random.default_rng(4)
    chance = np.where(rows["signal"] > 0.8, 0.5, 1.0)
    treated = rng.random(len(rows)) > chance
    drawn = rows.assign(treated=treated, untreated_chance=chance)
    one, other = (
        trial(some, "churned", SPLITS, FEATURES, SETTINGS)
        for some in (drawn, drawn.assign(churned=drawn["churned"] & ~drawn["treated"]))
    )

    assert one.refit is not None
    assert other.refit is not None
    assert (one.serving.probabilities(rows) == other.serving.probabilities(rows)).all()
    held_out = one.refit.held_out.rows
    assert set(held_out["treated"]) == {True, False}
    above = flagged(held_out, one.refit.y_prob, one.serving_thresholds, SETTINGS.policy)
    assert above.mean() == pytest.approx(SETTINGS.policy.capacity_share, abs=0.003)
