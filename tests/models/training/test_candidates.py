"""Candidates and the selection among them, on data whose true probabilities are known (MOD-4, FEA-7)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from keepwell.models.grading.metrics import log_odds
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.artifact import input_columns
from keepwell.models.training.candidates import BASELINES, CANDIDATES, Shared, fitted, predicted_probability
from keepwell.models.training.choose import Compared, calibrated, compared, finalists, simplest_as_good
from keepwell.models.training.inputs import Winsoriser, varied
from keepwell.models.training.split import Splits, TooLittleData
from keepwell.models.training.trial import BY_POLICY, trial
from keepwell.models.training.tripwires import Suspicious
from tests.support.training_rows import NUMERIC_FEATURES, QUICK, drawn


@pytest.mark.parametrize("name", ["logistic_weights", "logistic_smote"])
def test_balancing_ruins_probabilities_until_they_are_calibrated(fitted_candidates, name):
    """Far too much churn is expected; a line fitted on other rows corrects that and keeps the ranking (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    first, second = np.arange(4000) < 2000, np.arange(4000) >= 2000
    right = calibrated(probabilities[name][first], y_true[first])(probabilities[name][second])

    assert y_true.sum() / probabilities[name].sum() < 0.5
    assert y_true[second].sum() / right.sum() == pytest.approx(1.0, abs=0.15)
    assert roc_auc_score(y_true[second], right) == pytest.approx(
        roc_auc_score(y_true[second], probabilities["logistic"][second]), abs=0.02
    )


def test_every_candidate_gives_probabilities_and_beats_the_dummy(fitted_candidates):
    """Between 0 and 1, and with a better ROC-AUC than a constant (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    found = {name: roc_auc_score(y_true, c) for name, c in probabilities.items()}

    assert all(((c >= 0) & (c <= 1)).all() for c in probabilities.values())
    assert found["dummy"] == 0.5
    assert min(v for name, v in found.items() if name != "dummy") > 0.6
    assert found["boosting"] > found["logistic"]


def test_the_mean_of_log_odds_ranks_between_or_above_its_parts(fitted_candidates):
    """Its log odds are the mean of those of logistic and boosting, whether they are fitted for it or before (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    parts = [log_odds(probabilities[name]) for name in ("logistic", "boosting")]

    np.testing.assert_allclose(log_odds(probabilities["logistic_boosting"]), np.mean(parts, axis=0), atol=1e-9)
    assert roc_auc_score(y_true, probabilities["logistic_boosting"]) > roc_auc_score(y_true, probabilities["logistic"])


def test_a_company_without_any_segment_or_industry_has_a_model():
    """An all-missing category becomes `missing` and raises no error (MOD-4, MOD-10)."""
    train, label, _ = drawn(1000, 1)
    train = train.assign(**dict.fromkeys(("segment", "industry"), pd.Series(np.nan, train.index, dtype="str")))
    for name in CANDIDATES:
        model = fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)
        assert np.isfinite(predicted_probability(model, train)).all(), name


def test_a_company_without_any_health_has_the_base_rate_for_a_baseline():
    """Three required tables, no seats, no user ids: health is unknown everywhere, and models are tried (MOD-4)."""
    train, label, _ = drawn(1000, 1)
    train = train.assign(health=np.nan)

    model = fitted("health", train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)

    assert np.allclose(predicted_probability(model, train), label.mean(), atol=0.01)


def test_a_linear_model_has_the_right_sign():
    """A higher signal gives a higher probability; Cauchy noise does not drown it (FEA-7)."""
    train, label, _ = drawn(4000, 1)
    low, high = (train.head(1).assign(signal=value, other=0.0, noise=0.0) for value in (-2.0, 2.0))
    for name in ("sparse_logistic", "logistic"):
        model = fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)
        assert predicted_probability(model, high)[0] > 2 * predicted_probability(model, low)[0], name


def test_the_sparse_model_uses_no_more_signals_than_it_may():
    """At most `sparse_features` features, each with all its columns, and no other is read (MOD-4)."""
    train, label, _ = drawn(2000, 3)
    rules = CandidateSettings(sparse_features=2)
    bent = InputSettings(spline_knots={"signal": (-2.0, -1.0, 0.0, 1.0, 2.0)})

    model = fitted("sparse_logistic", train, pd.Series(label), NUMERIC_FEATURES, bent, rules)

    assert len(input_columns(model)) == 2
    assert "signal" in input_columns(model)
    assert model[-1].n_features_in_ > 5
    predicted_probability(model, train[input_columns(model)])


def test_the_columns_of_one_feature_take_no_room_from_others():
    """Eight columns bend the effect of `signal`; `other`, which matters too, is chosen beside it (MOD-4)."""
    rng = np.random.default_rng(5)
    train, _, _ = drawn(4000, 3)
    level = 2.0 * np.sin(2.0 * train["signal"]) + train["other"]
    label = pd.Series(rng.random(len(train)) < 1 / (1 + np.exp(-level)))
    bent = InputSettings(spline_knots={"signal": tuple(np.linspace(-3.0, 3.0, 9))})

    model = fitted("sparse_logistic", train, label, NUMERIC_FEATURES, bent, CandidateSettings(sparse_features=2))

    assert input_columns(model) == ["signal", "other"]


def test_rows_of_noise_still_give_a_sparse_model():
    """A few hundred rows of noise: no error, hardly better than random (MOD-4)."""
    rng = np.random.default_rng(4)
    train, _, _ = drawn(300, 4)
    noise = pd.Series(rng.random(300) < 0.5)

    model = fitted("sparse_logistic", train, noise, NUMERIC_FEATURES, InputSettings(), CandidateSettings())
    other, _, _ = drawn(3000, 5)

    assert abs(roc_auc_score(rng.random(3000) < 0.5, predicted_probability(model, other)) - 0.5) < 0.05


def test_values_are_winsorized_at_the_training_rows_quantiles():
    """A test value beyond them is clipped to them; missing stays missing (FEA-7)."""
    train = pd.DataFrame({"a": np.arange(101.0), "b": np.nan})
    cut = (
        Winsoriser(0.1).fit(train).transform(pd.DataFrame({"a": [-5.0, 50.0, 1e9, np.nan], "b": [1.0, 2.0, 3.0, 4.0]}))
    )

    np.testing.assert_array_equal(cut[:, 0], [10.0, 50.0, 90.0, np.nan])
    np.testing.assert_array_equal(cut[:, 1], [1.0, 2.0, 3.0, 4.0])
    assert varied(train, ["a", "b"]) == ["a"]


def test_the_simplest_within_one_standard_error_is_selected():
    """Not one that is better by less than its standard error, and never a baseline (MOD-4)."""
    order = [
        Compared("dummy", 0.5, 0.3, 0.01), Compared("health", 0.8, 0.0, 0.01),
        Compared("sparse_logistic", 0.78, 0.02, 0.01),
        Compared("logistic", 0.795, 0.005, 0.006), Compared("boosting", 0.80, 0.0, 0.0),
    ]  # fmt: skip

    assert simplest_as_good(order, BASELINES) == "logistic"


def test_finalists_are_those_that_validation_cannot_tell_from_the_best():
    """Up to two standard errors behind it, and never a baseline (MOD-4)."""
    order = [
        Compared("dummy", 0.5, 0.3, 0.2), Compared("sparse_logistic", 0.78, 0.02, 0.01),
        Compared("logistic", 0.779, 0.021, 0.01), Compared("boosting", 0.80, 0.0, 0.0),
    ]  # fmt: skip

    assert finalists(order, BASELINES, 2.0) == ["sparse_logistic", "boosting"]


def test_the_comparison_is_paired(fitted_candidates):
    """Probabilities with the same ranking differ by exactly nothing, without spread (MOD-4)."""
    probabilities, y_true, true = fitted_candidates
    boosting = probabilities["boosting"]
    pair = {"boosting": boosting, "same": boosting / 2, "dummy": probabilities["dummy"]}
    found = {c.name: c for c in compared(y_true, pair, np.arange(len(true)), 40, 1)}

    assert found["same"].behind == found["same"].standard_error == 0.0
    assert found["dummy"].behind > 5 * found["dummy"].standard_error


def test_calibration_corrects_extreme_probabilities(fitted_candidates):
    """Log odds twice too large come back to slope 1, with the same ranking (MOD-4)."""
    _, y_true, true = fitted_candidates
    odds = (true / (1 - true)) ** 2
    wrong = odds / (1 + odds)
    right = calibrated(wrong, y_true)(wrong)

    assert (np.diff(right[np.argsort(wrong)]) >= 0).all()
    assert np.abs(right - true).mean() < 0.2 * np.abs(wrong - true).mean()


def months_of(frame: pd.DataFrame, label: np.ndarray) -> tuple[pd.DataFrame, Splits]:
    """Examples of three months, one for each split."""
    months = [date(2025, month, 1) for month in (1, 2, 3)]
    size = len(frame) // 3
    examples = frame.assign(
        account_id=[f"a{n}" for n in range(len(frame))], as_of=pd.to_datetime(np.repeat(months, size)), churned=label
    )
    return examples, Splits((months[0],), (months[1],), (months[2],))


@pytest.mark.slow
def test_nothing_is_fitted_on_the_test_months():
    """If twice as many churn in them, every candidate expects too few: nothing was calibrated on them (MOD-3)."""
    frame, label, true = drawn(6000, 8)
    rng = np.random.default_rng(9)
    later = np.arange(6000) >= 4000
    label = np.where(later, rng.random(6000) < np.minimum(2 * true, 1.0), label)
    examples, parts = months_of(frame, label)
    found = trial(examples, "churned", parts, NUMERIC_FEATURES, ModelSettings(candidates=QUICK))

    for name in ("health", "logistic", "boosting"):
        assert found.metrics[name, "all"]["observed_to_expected"].value > 1.4, name


@pytest.mark.slow
def test_the_selected_candidate_is_graded_by_policy_and_by_industry_and_country():
    """Its thresholds come from validation, its metrics by slice and by policy from the test months (MOD-5)."""
    frame, label, _ = drawn(6000, 10)
    examples, parts = months_of(frame, label)
    found = trial(examples, "churned", parts, NUMERIC_FEATURES, ModelSettings(candidates=QUICK))
    by_policy = found.test["chance"] >= found.thresholds["recall_first"]
    recall = found.test.loc[by_policy, "churned"].sum() / found.test["churned"].sum()

    assert set(found.thresholds) == {"recall_first", "precision_first"}
    assert {part for name, part in found.metrics if name == found.selected} == {
        "all", "small", "large", "industry: retail", "country: DE", BY_POLICY,
    }  # fmt: skip
    assert {part for name, part in found.metrics if name == "dummy"} == {"all", "small", "large"}
    assert found.metrics[found.selected, BY_POLICY]["recall"].value == pytest.approx(recall)
    assert set(found.what_if["group"]) == {"all", "recall_first"}
    assert set(found.test["as_of"]) == {pd.Timestamp(parts.test[0])}


def test_a_leaking_column_stops_the_trial_by_name():
    """No model is fitted with it (MOD-8)."""
    frame, label, _ = drawn(3000, 11)
    examples, parts = months_of(frame.assign(days_to_churn=np.where(label, 20.0, 400.0)), label)

    with pytest.raises(Suspicious, match=r"`days_to_churn` \(1\.000\)"):
        trial(examples, "churned", parts, (*NUMERIC_FEATURES, "days_to_churn"), ModelSettings(candidates=QUICK))


def test_a_linear_model_has_spline_knots_where_the_settings_put_them():
    """A risk that is high only in the middle is predicted with a spline, and not without one (FEA-7)."""
    rng = np.random.default_rng(12)
    frame, _, _ = drawn(4000, 12)
    frame["signal"] = rng.uniform(0, 24, 4000)
    y_true = pd.Series(rng.random(4000) < np.where(frame["signal"].between(10, 14), 0.5, 0.05))
    straight, bent = (
        fitted("logistic", frame, y_true, NUMERIC_FEATURES, InputSettings(spline_knots=spline_knots), QUICK)
        for spline_knots in ({}, {"signal": (0.0, 9.0, 12.0, 15.0, 24.0)})
    )

    assert (
        roc_auc_score(y_true, predicted_probability(bent, frame))
        > roc_auc_score(y_true, predicted_probability(straight, frame)) + 0.1
    )


def test_months_with_hardly_an_outcome_are_refused_by_name():
    """Without churn in the test months there is a sentence, not a division by zero (MOD-2)."""
    frame, label, _ = drawn(600, 7)
    examples, parts = months_of(frame, label)
    examples.loc[examples["as_of"] == "2025-03-01", "churned"] = False

    with pytest.raises(TooLittleData, match="The test months hold 0 of 200 examples with the outcome"):
        trial(examples, "churned", parts, NUMERIC_FEATURES, ModelSettings(candidates=QUICK))


def test_candidates_that_share_their_inputs_are_those_that_do_not():
    """Linear models have one preparation and trees another, each fitted once; the sparse one has its own (MOD-4)."""
    train, label, _ = drawn(1500, 1)
    shared = Shared()
    for name in CANDIDATES:
        given = (name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)
        alone, together = fitted(*given), fitted(*given, shared=shared)
        assert [step for step, _ in together.steps] == [step for step, _ in alone.steps]
        np.testing.assert_array_equal(predicted_probability(together, train), predicted_probability(alone, train))
    assert set(shared.inputs) == {"prepared", "filled", "health", "sparse_logistic"}
