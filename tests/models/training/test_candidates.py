"""Candidates and the choice between them, on data whose truth is known (MOD-4, FEA-7)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import BASELINES, CANDIDATES, fitted, predicted_probability
from keepwell.models.training.choose import Compared, calibrated, compared, simplest_as_good
from keepwell.models.training.inputs import Winsoriser, varied
from keepwell.models.training.split import Splits, TooLittleData
from keepwell.models.training.trial import BY_POLICY, trial
from keepwell.models.training.tripwires import Suspicious
from tests.support.training_rows import NUMERIC_FEATURES, QUICK, drawn


@pytest.mark.parametrize("name", ["logistic_weights", "logistic_smote"])
def test_balancing_ruins_chances_until_they_are_calibrated(fitted_candidates, name):
    """Far too many are expected to leave; a line fitted on other rows puts that right and leaves the order (MOD-4)."""
    chances, happened, _ = fitted_candidates
    first, second = np.arange(4000) < 2000, np.arange(4000) >= 2000
    right = calibrated(chances[name][first], happened[first])(chances[name][second])

    assert happened.sum() / chances[name].sum() < 0.5
    assert happened[second].sum() / right.sum() == pytest.approx(1.0, abs=0.15)
    assert roc_auc_score(happened[second], right) == pytest.approx(
        roc_auc_score(happened[second], chances["logistic"][second]), abs=0.02
    )


def test_every_candidate_gives_chances_and_beats_the_dummy(fitted_candidates):
    """Between 0 and 1, and better than no idea (MOD-4)."""
    chances, happened, _ = fitted_candidates
    found = {name: roc_auc_score(happened, c) for name, c in chances.items()}

    assert all(((c >= 0) & (c <= 1)).all() for c in chances.values())
    assert found["dummy"] == 0.5
    assert min(v for name, v in found.items() if name != "dummy") > 0.6
    assert found["boosting"] > found["logistic"]


def test_a_company_without_any_segment_or_industry_is_learnt_from():
    """Words that nobody has are one word, `missing`, and no error (MOD-4, MOD-10)."""
    train, label, _ = drawn(1000, 1)
    train = train.assign(**dict.fromkeys(("segment", "industry"), pd.Series(np.nan, train.index, dtype="str")))
    for name in CANDIDATES:
        model = fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)
        assert np.isfinite(predicted_probability(model, train)).all(), name


def test_a_linear_model_keeps_the_sign_of_what_it_learnt():
    """More of the signal, more of the chance; Cauchy noise does not drown it (FEA-7)."""
    train, label, _ = drawn(4000, 1)
    low, high = (train.head(1).assign(signal=value, other=0.0, noise=0.0) for value in (-2.0, 2.0))
    for name in ("sparse_logistic", "logistic"):
        model = fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK)
        assert predicted_probability(model, high)[0] > 2 * predicted_probability(model, low)[0], name


def test_the_sparse_model_uses_no_more_signals_than_it_may():
    """At most so many inputs (MOD-4)."""
    train, label, _ = drawn(2000, 3)
    rules = CandidateSettings(sparse_features=2)

    model = fitted("sparse_logistic", train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), rules)

    assert 1 <= model[-1].n_features_in_ <= 2


def test_rows_that_hold_nothing_still_give_a_sparse_model():
    """A few hundred rows of noise: no error, hardly better than chance (MOD-4)."""
    rng = np.random.default_rng(4)
    train, _, _ = drawn(300, 4)
    noise = pd.Series(rng.random(300) < 0.5)

    model = fitted("sparse_logistic", train, noise, NUMERIC_FEATURES, InputSettings(), CandidateSettings())
    other, _, _ = drawn(3000, 5)

    assert abs(roc_auc_score(rng.random(3000) < 0.5, predicted_probability(model, other)) - 0.5) < 0.05


def test_tails_are_cut_at_the_training_rows_quantiles():
    """A value of the test rows beyond them counts as they do; missing stays missing (FEA-7)."""
    train = pd.DataFrame({"a": np.arange(101.0), "b": np.nan})
    cut = (
        Winsoriser(0.1).fit(train).transform(pd.DataFrame({"a": [-5.0, 50.0, 1e9, np.nan], "b": [1.0, 2.0, 3.0, 4.0]}))
    )

    np.testing.assert_array_equal(cut[:, 0], [10.0, 50.0, 90.0, np.nan])
    np.testing.assert_array_equal(cut[:, 1], [1.0, 2.0, 3.0, 4.0])
    assert varied(train, ["a", "b"]) == ["a"]


def test_the_simplest_within_one_standard_error_is_taken():
    """Not the best by a hair, and never a baseline (MOD-4)."""
    order = [
        Compared("dummy", 0.5, 0.3, 0.01), Compared("health", 0.8, 0.0, 0.01),
        Compared("sparse_logistic", 0.78, 0.02, 0.01),
        Compared("logistic", 0.795, 0.005, 0.006), Compared("boosting", 0.80, 0.0, 0.0),
    ]  # fmt: skip

    assert simplest_as_good(order, BASELINES) == "logistic"


def test_the_comparison_is_paired(fitted_candidates):
    """Chances that order the rows alike differ by nothing, and surely so (MOD-4)."""
    chances, happened, true = fitted_candidates
    pair = {"boosting": chances["boosting"], "same": chances["boosting"] / 2, "dummy": chances["dummy"]}
    found = {c.name: c for c in compared(happened, pair, np.arange(len(true)), 40, 1)}

    assert found["same"].behind == found["same"].standard_error == 0.0
    assert found["dummy"].behind > 5 * found["dummy"].standard_error


def test_calibration_puts_extreme_chances_right(fitted_candidates):
    """Log odds twice too large come back to slope 1, in the same order (MOD-4)."""
    _, happened, true = fitted_candidates
    odds = (true / (1 - true)) ** 2
    wrong = odds / (1 + odds)
    right = calibrated(wrong, happened)(wrong)

    assert (np.diff(right[np.argsort(wrong)]) >= 0).all()
    assert np.abs(right - true).mean() < 0.2 * np.abs(wrong - true).mean()


def months_of(frame: pd.DataFrame, label: np.ndarray) -> tuple[pd.DataFrame, Splits]:
    """Examples of three months, one for each part."""
    months = [date(2025, month, 1) for month in (1, 2, 3)]
    size = len(frame) // 3
    examples = frame.assign(
        account_id=[f"a{n}" for n in range(len(frame))], as_of=pd.to_datetime(np.repeat(months, size)), churned=label
    )
    return examples, Splits((months[0],), (months[1],), (months[2],))


def test_the_test_months_have_no_say_in_what_they_grade():
    """Where twice as many leave in them, every candidate expects too few: nothing was calibrated on them (MOD-3)."""
    frame, label, true = drawn(6000, 8)
    rng = np.random.default_rng(9)
    later = np.arange(6000) >= 4000
    label = np.where(later, rng.random(6000) < np.minimum(2 * true, 1.0), label)
    examples, parts = months_of(frame, label)
    found = trial(examples, "churned", parts, NUMERIC_FEATURES, ModelSettings(candidates=QUICK))

    for name in ("health", "logistic", "boosting"):
        assert found.metrics[name, "all"]["observed_to_expected"].value > 1.4, name


def test_the_one_taken_is_graded_by_policy_and_by_industry_and_country():
    """Its thresholds come from validation, its figures by part and as its policy flags from the test months (MOD-5)."""
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


def test_a_column_that_gives_the_outcome_away_stops_the_trial_by_name():
    """Nothing is learned from it (MOD-8)."""
    frame, label, _ = drawn(3000, 11)
    examples, parts = months_of(frame.assign(days_to_churn=np.where(label, 20.0, 400.0)), label)

    with pytest.raises(Suspicious, match=r"`days_to_churn` \(1\.000\)"):
        trial(examples, "churned", parts, (*NUMERIC_FEATURES, "days_to_churn"), ModelSettings(candidates=QUICK))


def test_a_linear_model_bends_where_the_settings_say():
    """A risk that is high in the middle alone is told by a line with bends, and not by a straight one (FEA-7)."""
    rng = np.random.default_rng(12)
    frame, _, _ = drawn(4000, 12)
    frame["signal"] = rng.uniform(0, 24, 4000)
    happened = pd.Series(rng.random(4000) < np.where(frame["signal"].between(10, 14), 0.5, 0.05))
    straight, bent = (
        fitted("logistic", frame, happened, NUMERIC_FEATURES, InputSettings(spline_knots=spline_knots), QUICK)
        for spline_knots in ({}, {"signal": (0.0, 9.0, 12.0, 15.0, 24.0)})
    )

    assert (
        roc_auc_score(happened, predicted_probability(bent, frame))
        > roc_auc_score(happened, predicted_probability(straight, frame)) + 0.1
    )


def test_months_with_hardly_an_outcome_are_refused_by_name():
    """Nobody left in the test months: said in a sentence, not a division by zero (MOD-2)."""
    frame, label, _ = drawn(600, 7)
    examples, parts = months_of(frame, label)
    examples.loc[examples["as_of"] == "2025-03-01", "churned"] = False

    with pytest.raises(TooLittleData, match="The test months hold 0 of 200 examples with the outcome"):
        trial(examples, "churned", parts, NUMERIC_FEATURES, ModelSettings(candidates=QUICK))
