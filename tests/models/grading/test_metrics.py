"""Metrics and their intervals, on data whose truth is known (MOD-4)."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from keepwell.models.grading.intervals import account_draws, graded_metrics
from keepwell.models.grading.metrics import METRICS, graded, top


def test_metrics_of_a_small_portfolio_by_hand():
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


def test_areas_are_those_of_scikit_learn(fitted_candidates):
    """Our own, since a bootstrap over sorted rows is many times faster; ties included (MOD-4)."""
    chances, happened, _ = fitted_candidates
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


def test_true_probabilities_are_calibrated_and_intervals_hold_their_metric(fitted_candidates):
    """Slope and observed to expected include 1, every interval its own figure; ECE has none (MOD-4)."""
    _, happened, true = fitted_candidates
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
