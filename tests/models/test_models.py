"""Candidates, figures and the choice between them, on data whose truth is known (MOD-4, FEA-7)."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from keepwell.models.grading.intervals import account_draws, graded_metrics
from keepwell.models.grading.metrics import METRICS, graded, top
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import BASELINES, CANDIDATES, fitted, predicted_probability
from keepwell.models.training.choose import Compared, calibrated, compared, simplest_as_good
from keepwell.models.training.inputs import Winsoriser, varied
from keepwell.models.training.split import Splits, TooLittleData
from keepwell.models.training.trial import BY_POLICY, trial
from keepwell.models.training.tripwires import Suspicious

NUMERIC_FEATURES = ("signal", "other", "noise")
QUICK = CandidateSettings(n_estimators=20, max_iter=200, max_leaf_nodes=8, max_samples=1.0)


def drawn(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows with two signals, of which one is often missing, one product of both, and noise; labels; true chances."""
    rng = np.random.default_rng(seed)
    signal, other = rng.standard_normal(rows), rng.standard_normal(rows)
    true = 1 / (1 + np.exp(2.5 - 0.8 * signal - 0.8 * other - 1.5 * signal * other))
    frame = pd.DataFrame(
        {
            "signal": np.where(rng.random(rows) < 0.2, np.nan, signal),
            "other": other,
            "noise": rng.standard_cauchy(rows),
            "health": 70 - 10 * other,
            "segment": rng.choice(["small", "large"], rows),
            "industry": np.where(rng.random(rows) < 0.1, None, "retail"),
            "country": "DE",
            "arr": 1000.0,
            "high_value": False,
        }
    )
    return frame, rng.random(rows) < true, true


@pytest.fixture(scope="module")
def learnt():
    """Every candidate, fitted on one draw, with its chances on another."""
    train, label, _ = drawn(4000, 1)
    test, happened, true = drawn(4000, 2)
    models = {
        name: fitted(name, train, pd.Series(label), NUMERIC_FEATURES, InputSettings(), QUICK) for name in CANDIDATES
    }
    return {name: predicted_probability(model, test) for name, model in models.items()}, happened.astype(float), true


@pytest.mark.parametrize("name", ["logistic_weights", "logistic_smote"])
def test_balancing_ruins_chances_until_they_are_calibrated(learnt, name):
    """Far too many are expected to leave; a line learnt on other rows puts that right and leaves the order (MOD-4)."""
    chances, happened, _ = learnt
    first, second = np.arange(4000) < 2000, np.arange(4000) >= 2000
    right = calibrated(chances[name][first], happened[first])(chances[name][second])

    assert happened.sum() / chances[name].sum() < 0.5
    assert happened[second].sum() / right.sum() == pytest.approx(1.0, abs=0.15)
    assert roc_auc_score(happened[second], right) == pytest.approx(
        roc_auc_score(happened[second], chances["logistic"][second]), abs=0.02
    )


def test_every_candidate_gives_chances_and_beats_the_dummy(learnt):
    """Between 0 and 1, and better than no idea (MOD-4)."""
    chances, happened, _ = learnt
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


def test_figures_of_a_small_book_by_hand():
    """Two of four left; one of them was flagged, and one who stayed (MOD-4)."""
    g = graded(
        np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.2, 0.6, 0.1]), np.array([True, False, True, False]), np.ones(4)
    )
    found = {name: figure(g) for name, figure in METRICS.items() if name != "calibration_slope"}

    assert (
        found["precision"] == found["recall"] == found["miss_rate"] == found["false_alarm_rate"] == found["f1"] == 0.5
    )
    assert found["lift"] == 1.0
    assert found["roc_auc"] == 0.75
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.01) / 4)
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / 0.25)
    assert found["observed_to_expected"] == pytest.approx(2 / 1.8)
    assert found["ece"] == pytest.approx((0.1 + 0.8 + 0.6 + 0.1) / 4)


def test_areas_are_those_of_scikit_learn(learnt):
    """Our own, since a bootstrap over sorted rows is many times faster; ties included (MOD-4)."""
    chances, happened, _ = learnt
    for given in (chances["boosting"], np.round(chances["boosting"], 1)):
        g = graded(happened, given, given > 0.5)
        assert METRICS["roc_auc"](g) == pytest.approx(roc_auc_score(happened, given))
        assert METRICS["pr_auc"](g) == pytest.approx(average_precision_score(happened, given))
        odds = np.log(given.clip(1e-6, 1 - 1e-6) / (1 - given.clip(1e-6, 1 - 1e-6)))
        slope = LogisticRegression(C=np.inf).fit(odds[:, None], happened).coef_[0, 0]
        assert METRICS["calibration_slope"](g) == pytest.approx(slope, rel=1e-3)


def test_weights_count_as_copies():
    """A row of weight two is two rows: so draws need no copies (MOD-4)."""
    rng = np.random.default_rng(5)
    happened, given = (rng.random(300) < 0.3).astype(float), rng.random(300)
    weight = rng.integers(0, 3, 300).astype(float)
    copies = np.repeat(np.arange(300), weight.astype(int))
    flagged = given > 0.6
    for name, figure in METRICS.items():
        weighted = figure(graded(happened, given, flagged, weight))
        copied = figure(graded(happened[copies], given[copies], flagged[copies]))
        assert weighted == pytest.approx(copied, abs=0.02 if name == "ece" else 1e-4), name


def test_true_chances_are_calibrated_and_intervals_hold_their_figure(learnt):
    """Slope and observed to expected include 1, every interval its own figure; ECE has none (MOD-4)."""
    _, happened, true = learnt
    g = graded(happened, true, top(true, np.zeros(len(true)), 0.1))
    found = graded_metrics(g, np.arange(len(true)) // 4, 60, 0.9, 1)

    assert found["calibration_slope"].low < 1.0 < found["calibration_slope"].high
    assert found["observed_to_expected"].low < 1.0 < found["observed_to_expected"].high
    assert np.isnan(found["ece"].low)
    assert all(e.low <= e.value <= e.high for name, e in found.items() if name != "ece")


def test_rows_of_one_account_are_drawn_together():
    """A bootstrap over rows would make intervals too narrow (MOD-4)."""
    codes = np.repeat(np.arange(5), 3)
    for weight in account_draws(codes, np.ones(15), 20, 1):
        assert weight.sum() % 3 == 0
        assert (weight.reshape(5, 3) == weight.reshape(5, 3)[:, :1]).all()


def test_capacity_is_counted_month_by_month():
    """A tenth of each month's book, not of all rows at once (MOD-4)."""
    given = np.concatenate([np.linspace(0.5, 1.0, 20), np.linspace(0.0, 0.4, 20)])
    months = np.repeat([1, 2], 20)

    flagged = top(given, months, 0.1)

    assert flagged[:20].sum() == flagged[20:].sum() == 2


def test_the_simplest_within_one_standard_error_is_taken():
    """Not the best by a hair, and never a baseline (MOD-4)."""
    order = [
        Compared("dummy", 0.5, 0.3, 0.01), Compared("health", 0.8, 0.0, 0.01),
        Compared("sparse_logistic", 0.78, 0.02, 0.01),
        Compared("logistic", 0.795, 0.005, 0.006), Compared("boosting", 0.80, 0.0, 0.0),
    ]  # fmt: skip

    assert simplest_as_good(order, BASELINES) == "logistic"


def test_the_comparison_is_paired(learnt):
    """Chances that order the rows alike differ by nothing, and surely so (MOD-4)."""
    chances, happened, true = learnt
    pair = {"boosting": chances["boosting"], "same": chances["boosting"] / 2, "dummy": chances["dummy"]}
    found = {c.name: c for c in compared(happened, pair, np.arange(len(true)), 40, 1)}

    assert found["same"].behind == found["same"].standard_error == 0.0
    assert found["dummy"].behind > 5 * found["dummy"].standard_error


def test_calibration_puts_extreme_chances_right(learnt):
    """Log odds twice too large come back to slope 1, in the same order (MOD-4)."""
    _, happened, true = learnt
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
    """Nothing is learnt from it (MOD-8)."""
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
