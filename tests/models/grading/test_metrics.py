"""Metrics and their intervals, on data whose true probabilities are known (MOD-4)."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from keepwell.models.grading.intervals import account_draws, drawn, graded_metrics, metrics_of_all
from keepwell.models.grading.logistic_line import line, lines
from keepwell.models.grading.metrics import METRICS, graded, top


def test_metrics_of_a_small_portfolio_by_hand():
    """Two of four churned; one of them was flagged, and one that stayed (MOD-4)."""
    g = graded(
        np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.2, 0.6, 0.1]), np.array([True, False, True, False]), np.ones(4)
    )
    found = {name: metric(g) for name, metric in METRICS.items() if name != "calibration_slope"}

    assert (
        found["precision"] == found["recall"] == found["miss_rate"] == found["false_alarm_rate"] == found["f1"] == 0.5
    )
    assert found["lift"] == 1.0
    assert found["roc_auc"] == 0.75
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.01) / 4)
    assert found["brier_skill"] == pytest.approx(1 - found["brier"] / 0.25)
    assert found["observed_to_expected"] == pytest.approx(2 / 1.8)
    assert found["ece"] == pytest.approx((0.1 + 0.8 + 0.6 + 0.1) / 4)


def test_areas_equal_those_of_scikit_learn(fitted_candidates):
    """Our own implementation makes a bootstrap over sorted rows many times faster; ties included (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    for y_prob in (probabilities["boosting"], np.round(probabilities["boosting"], 1)):
        g = graded(y_true, y_prob, y_prob > 0.5)
        assert METRICS["roc_auc"](g) == pytest.approx(roc_auc_score(y_true, y_prob))
        assert METRICS["pr_auc"](g) == pytest.approx(average_precision_score(y_true, y_prob))
        odds = np.log(y_prob.clip(1e-6, 1 - 1e-6) / (1 - y_prob.clip(1e-6, 1 - 1e-6)))
        slope = LogisticRegression(C=np.inf).fit(odds[:, None], y_true).coef_[0, 0]
        assert METRICS["calibration_slope"](g) == pytest.approx(slope, rel=1e-3)


def test_weights_count_as_copies():
    """A row of weight two counts as two rows, so draws need no copies (MOD-4)."""
    rng = np.random.default_rng(5)
    y_true, y_prob = (rng.random(300) < 0.3).astype(float), rng.random(300)
    weight = rng.integers(0, 3, 300).astype(float)
    copies = np.repeat(np.arange(300), weight.astype(int))
    flagged = y_prob > 0.6
    for name, metric in METRICS.items():
        weighted = metric(graded(y_true, y_prob, flagged, weight))
        copied = metric(graded(y_true[copies], y_prob[copies], flagged[copies]))
        assert weighted == pytest.approx(copied, abs=0.02 if name == "ece" else 1e-4), name


def test_true_probabilities_are_calibrated_and_intervals_contain_their_metric(fitted_candidates):
    """Intervals of slope and observed to expected contain 1, every interval its own value; ECE has none (MOD-4)."""
    _, y_true, true = fitted_candidates
    g = graded(y_true, true, top(true, np.zeros(len(true)), 0.1))
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
    """A tenth of each month's portfolio, not of all rows at once (MOD-4)."""
    y_prob = np.concatenate([np.linspace(0.5, 1.0, 20), np.linspace(0.0, 0.4, 20)])
    months = np.repeat([1, 2], 20)

    flagged = top(y_prob, months, 0.1)

    assert flagged[:20].sum() == flagged[20:].sum() == 2


def test_many_weightings_at_once_give_what_each_gives_alone(fitted_candidates):
    """The draws of a bootstrap weigh the same rows; ties and constant probabilities included (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    accounts = np.arange(len(y_true)) // 4
    draws = account_draws(accounts, np.ones(len(y_true)), 40, 1)
    for name, y_prob in probabilities.items():
        g = graded(y_true, y_prob, top(y_prob, np.zeros(len(y_prob)), 0.1))
        bounded = {key: metric for key, metric in METRICS.items() if key != "ece"}
        together = drawn({"": g}, bounded, accounts, 40, 1)[""]
        for key, metric in bounded.items():
            alone = [float(metric(g.drawn(w[g.order]))) for w in (np.ones(len(y_true)), *draws)]
            np.testing.assert_allclose(together[key], alone, rtol=1e-12, atol=1e-12, err_msg=f"{name}, {key}")


def test_predictions_of_the_same_rows_share_their_draws(fitted_candidates):
    """Each has the metrics that it has alone (MOD-4)."""
    probabilities, y_true, _ = fitted_candidates
    sides = {name: graded(y_true, y_prob, y_prob > 0.5) for name, y_prob in probabilities.items()}
    accounts = np.arange(len(y_true)) // 4
    together = metrics_of_all(sides, accounts, 20, 0.9, 1)

    np.testing.assert_equal(together["tree"], graded_metrics(sides["tree"], accounts, 20, 0.9, 1))


def test_the_lines_of_many_weightings_are_those_of_copied_rows():
    """Newton's method ends for each weighting by itself, here against scikit-learn's solver (MOD-4)."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal(400) - 3.0
    y_true = (rng.random(400) < 1 / (1 + np.exp(-1.0 - x))).astype(float)
    weight = rng.integers(0, 4, (5, 400)).astype(float)
    found = lines(x, weight * y_true, weight)
    for of, (intercept, slope) in zip(weight, found, strict=True):
        model = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, None], y_true, sample_weight=of)
        assert (intercept, slope) == pytest.approx((model.intercept_[0], model.coef_[0, 0]), rel=1e-4)
        assert (intercept, slope) == pytest.approx(line(x, y_true, of), rel=1e-12)


def test_a_number_that_does_not_vary_has_the_smallest_line():
    """It gives the share of the outcome, and the same for any order of the rows (MOD-4)."""
    y_true = np.array([1.0, 0.0, 0.0, 0.0] * 10)
    intercept, slope = line(np.full(40, -2.0), y_true, np.ones(40))

    assert intercept - 2.0 * slope == pytest.approx(np.log(1 / 3))
    assert slope == pytest.approx(-2.0 * intercept)


def test_one_probability_for_all_has_no_slope() -> None:
    """Through one point goes every line: the slope of a constant is missing, and so are its bounds (MOD-4)."""
    y_true = np.tile([1.0, 0.0, 0.0], 40)
    side = graded(y_true, np.full(120, 0.2), np.zeros(120, dtype=bool))

    found = graded_metrics(side, np.arange(120), 20, 0.9, 1)["calibration_slope"]

    assert np.isnan([found.value, found.low, found.high]).all()
