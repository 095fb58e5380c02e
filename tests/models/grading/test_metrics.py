"""Metrics and their intervals, on data whose true probabilities are known (MOD-4)."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from keepwell.models.grading.intervals import account_draws, graded_metrics
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
