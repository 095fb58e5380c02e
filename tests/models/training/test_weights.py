"""Tuned weights: planted ones are found, none is negative, little churn changes little, adoption is manual (HLT-5)."""

import tomllib
from datetime import date

import numpy as np
import pandas as pd
import pytest

from keepwell.features.health.score import components, contributions, health_of
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import HealthSettings
from keepwell.models.settings.training import CandidateSettings, WeightSettings
from keepwell.models.training.split import Splits
from keepwell.models.training.weights import backtest, tuned_weights, weighted_health
from keepwell.tasks.marts.publish import Stamp, mart_table
from keepwell.tasks.marts.schemas.all import MARTS
from keepwell.tasks.marts.weights import as_toml, backtest_frame, tune, tuned_in_words, weights_frame

HEALTH = HealthSettings()
RULES, GRADING = WeightSettings(), CandidateSettings(replicates=40)
TRUE = {"usage": 0.0, "adoption": 0.1, "support": 0.6, "sentiment": 0.3, "relationship": 0.0, "billing": 0.0,
        "commercial": 0.0}  # fmt: skip
STAMP = Stamp("r", "c", "s")


def book(rows: int = 6000, seed: int = 1, segments: tuple[str, ...] = ("large", "small")) -> pd.DataFrame:
    """Account-months whose churn follows the TRUE weights; usage is higher for churned accounts."""
    rng = np.random.default_rng(seed)
    points = {f"component_{c}": rng.uniform(0, 100, rows) for c in COMPONENTS}
    score = sum(TRUE[c] * points[f"component_{c}"] for c in COMPONENTS)
    odds = 0.5 - 0.05 * score + 0.005 * points["component_usage"]
    points["component_billing"] = np.where(rng.random(rows) < 0.5, np.nan, points["component_billing"])
    return pd.DataFrame(
        {
            "account_id": [f"a{n // 3}" for n in range(rows)],
            "as_of": pd.to_datetime(rng.choice(["2025-01-01", "2025-06-01"], rows)),
            "segment": np.where(rng.random(rows) < 0.01, segments[0], segments[1]),
            "churned": rng.random(rows) < 1 / (1 + np.exp(-odds)),
            **points,
        }
    )


def test_planted_weights_are_found_and_none_is_negative() -> None:
    """Support and sentiment predict it; usage, which points the wrong way, gets 0 and not less (HLT-5)."""
    tuned = tuned_weights(book(), "churned", COMPONENTS, HEALTH.weights_of, RULES).book

    assert tuned["support"] == pytest.approx(0.6, abs=0.12)
    assert tuned["sentiment"] == pytest.approx(0.3, abs=0.12)
    assert tuned["usage"] < 0.01
    assert min(tuned.values()) >= 0
    assert sum(tuned.values()) == pytest.approx(1.0)


def test_little_data_stays_near_the_hand_set_weights() -> None:
    """The less churn, the closer to the prior, the weights that people agreed on (HLT-5)."""
    by_hand = HEALTH.weights_of("")
    few, many = (
        tuned_weights(book(rows), "churned", COMPONENTS, HEALTH.weights_of, RULES).book for rows in (200, 6000)
    )

    def distance(weights: dict[str, float]) -> float:
        return sum(abs(weights[c] - by_hand[c]) for c in COMPONENTS)

    assert distance(few) < 0.75 * distance(many)


def test_a_segment_with_little_churn_has_the_weights_of_the_portfolio() -> None:
    """Below the minimum it falls back to them; above it, it stays near them (HLT-5)."""
    rows = book()
    tuned = tuned_weights(rows, "churned", COMPONENTS, HEALTH.weights_of, RULES)
    open_to_all = WeightSettings(min_churned_accounts=1)
    pooled = tuned_weights(rows, "churned", COMPONENTS, HEALTH.weights_of, open_to_all)

    assert tuned.churned_accounts["large"] < RULES.min_churned_accounts < tuned.churned_accounts["small"]
    assert tuned.own == {"small"}
    assert tuned.of("large") == tuned.book == tuned.of("never seen")
    assert 0 < max(abs(pooled.of("large")[c] - pooled.book[c]) for c in COMPONENTS) < 0.05


def test_the_score_under_the_hand_set_weights_is_the_health_score() -> None:
    """The same form as the product's own: unknown components are left out and the others weigh more (HLT-2, HLT-5)."""
    rng = np.random.default_rng(4)
    weights = HEALTH.weights_of("")
    measures = pd.DataFrame(
        [(f"a{a}", c, m) for a in range(40) for c in COMPONENTS for m in range(3)],
        columns=["account_id", "component", "measure"],
    )
    measures["weight"] = 1.0 + measures["measure"]
    measures["component_weight"] = measures["component"].map(weights)
    measures["confidence"] = rng.choice([0.0, 0.5, 1.0], len(measures), p=[0.7, 0.1, 0.2])
    measures["points"] = rng.uniform(0, 100, len(measures))
    measures["contribution"] = contributions(measures)
    wide = components(measures).add_prefix("component_").assign(segment=None)

    assert wide.isna().any(axis=None)
    pd.testing.assert_series_equal(
        weighted_health(wide, HEALTH.weights_of), health_of(measures), check_names=False, rtol=1e-9
    )


def test_both_are_graded_on_the_same_held_out_rows() -> None:
    """Tuned on January, graded on June; significantly ahead where the hand-set weights are wrong (HLT-5)."""
    rows = book()
    parts = Splits((date(2025, 1, 1),), (), (date(2025, 6, 1),))
    tuning = tune(rows, "churned", parts, HEALTH, RULES, 0.1, GRADING)
    earlier = rows[rows["as_of"] < "2025-06-01"]

    assert tuning.graded.rows == (rows["as_of"] == "2025-06-01").sum()
    assert tuning.graded.ahead["roc_auc"].low > 0.02
    assert tuning.graded.ahead["roc_auc"].value == pytest.approx(
        tuning.graded.tuned["roc_auc"].value - tuning.graded.by_hand["roc_auc"].value
    )
    assert tuned_weights(earlier, "churned", COMPONENTS, HEALTH.weights_of, RULES) == tuning.tuned


def test_a_score_is_not_ahead_of_itself() -> None:
    """The comparison is paired: the same score differs by 0, without any spread (HLT-5)."""
    rows = book(3000)
    health = weighted_health(rows, HEALTH.weights_of)
    ahead = backtest(rows, "churned", health, health + 5.0, 0.1, GRADING).ahead

    assert all((e.value, e.low, e.high) == (0.0, 0.0, 0.0) for e in ahead.values())


def test_the_lines_to_paste_are_the_weights_and_pass_the_settings() -> None:
    """Adopting them is a change of pipeline.toml that a person makes (HLT-5)."""
    rows = book(segments=('large "old"', "small"))
    tuned = tuned_weights(rows, "churned", COMPONENTS, HEALTH.weights_of, WeightSettings(min_churned_accounts=1))
    adopted = HealthSettings(**tomllib.loads(as_toml(tuned))["health"])

    for segment in ('large "old"', "small"):
        assert adopted.weights_of(segment) == pytest.approx(dict(tuned.of(segment)), abs=0.002)
    assert adopted.weights_of("other") == pytest.approx(dict(tuned.book), abs=0.002)


def test_the_marts_accept_the_tuned_weights() -> None:
    """Both weights sum to 1 in every segment; the backtest is a line of model_performance (HLT-5)."""
    parts = Splits((date(2025, 1, 1),), (), (date(2025, 6, 1),))
    tuning = tune(book(3000), "churned", parts, HEALTH, RULES, 0.1, GRADING)
    frame = weights_frame("churn", HEALTH, tuning.tuned)
    sums = frame.groupby("segment")[["hand_set", "tuned"]].sum()

    assert set(sums.index) == {"all", "large", "small"}
    assert np.allclose(sums, 1.0)
    assert mart_table(MARTS["weights"], frame, STAMP).num_rows == 21
    assert mart_table(MARTS["model_performance"], backtest_frame("churn", tuning), STAMP).num_rows == 2
    assert f"on {tuning.graded.rows:,} account-months" in tuned_in_words(tuning)
    assert "the candidate `health` is the published score, unknown at low coverage" in tuned_in_words(tuning)
