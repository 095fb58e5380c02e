"""Insights: a planted difference is found with its counts, nothing else is, and the sentences are readable (MOD-7)."""

import re

import numpy as np
import pandas as pd
import pytest

from keepwell.features.measures.all import FEATURES
from keepwell.models.grading.insights import Contrast, contrasts, strongest
from keepwell.models.grading.rates import drawn_counts, group_rates, worst_fifth
from keepwell.models.settings.grading import InsightSettings
from keepwell.tasks.marts.insights import insight, insights_frame
from keepwell.tasks.marts.publish import Stamp, mart_table
from keepwell.tasks.marts.schemas.all import MARTS

RULES = InsightSettings()
NUMERIC_FEATURES = ["onboarding_attendance", "nps_score_365d", "usage_trend", "season", "tickets_90d"]


def company(seed: int = 1, times: float = 3.0, accounts: int = 1500, months: int = 8) -> pd.DataFrame:
    """Accounts without onboarding churn `times` as often, small ones twice; no other feature matters."""
    rng = np.random.default_rng(seed)
    size = accounts * months
    attended = np.repeat(np.where(rng.random(accounts) < 0.3, 0.0, rng.uniform(0.2, 1.0, accounts)), months)
    segment = np.repeat(rng.choice(["small", "large"], accounts), months)
    rate = 0.04 * np.where(attended == 0, times, 1.0) * np.where(segment == "small", 2.0, 1.0)
    return pd.DataFrame(
        {
            "account_id": np.repeat([f"a{n}" for n in range(accounts)], months),
            "as_of": np.tile(pd.date_range("2025-01-01", periods=months, freq="MS"), accounts),
            "churned": rng.random(size) < rate,
            "onboarding_attendance": attended,
            "nps_score_365d": np.where(rng.random(size) < 0.5, np.nan, rng.normal(7, 2, size)),
            "usage_trend": rng.normal(0, 0.3, size),
            "season": np.tile(np.linspace(-1, 1, months), accounts),
            "tickets_90d": rng.poisson(2, size).astype(float),
            "segment": segment,
        }
    )


def test_a_planted_difference_is_found_first_with_its_counts() -> None:
    """The interval covers the true ratio of 3, and the counts match the rows (MOD-7)."""
    rows = company()
    first = strongest(contrasts(rows, "churned", NUMERIC_FEATURES, ["segment"], RULES), RULES)[0]
    group = rows[rows["onboarding_attendance"] == 0]

    assert (first.feature, first.side) == ("onboarding_attendance", "zero")
    assert first.low < 3.0 < first.high
    assert (first.with_count, first.with_outcome) == (len(group), group["churned"].sum())
    assert first.with_accounts == group["account_id"].nunique()
    assert first.with_count + first.without_count == len(rows)


def test_categories_are_contrasted_too() -> None:
    """Small accounts churn twice as often as the others (MOD-7)."""
    found = strongest(contrasts(company(), "churned", NUMERIC_FEATURES, ["segment"], RULES), RULES)
    small = next(c for c in found if c.feature == "segment")

    assert max(small.ratio, 1 / small.ratio) == pytest.approx(2.0, abs=0.3)


def test_features_that_split_the_same_accounts_are_reported_once() -> None:
    """No active user, no usage and no active day are one insight (MOD-7)."""
    rows = company().assign(seat_utilisation=lambda r: r["onboarding_attendance"] ** 2)
    tried = contrasts(rows, "churned", ["onboarding_attendance", "seat_utilisation"], [], RULES)

    assert [c.feature for c in strongest(tried, RULES)] == ["onboarding_attendance"]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_reported_where_there_is_nothing(seed: int) -> None:
    """With shuffled labels the false discovery rate lets nothing through (MOD-7)."""
    rows = company(seed)
    rng = np.random.default_rng(seed)
    shuffled = rows.assign(churned=rng.permutation(rows["churned"].to_numpy()))

    tried = contrasts(shuffled, "churned", NUMERIC_FEATURES, ["segment"], RULES)

    assert len(tried) > 10
    assert strongest(tried, RULES.model_copy(update={"min_ratio": 1.0})) == []


def test_what_is_the_same_for_everyone_in_a_month_is_no_insight() -> None:
    """The season separates months, not accounts (MOD-7)."""
    rows = company()
    later = rows["season"] > 0
    rows["churned"] = rows["churned"] | (later & (np.arange(len(rows)) % 5 == 0))

    assert "season" not in {c.feature for c in contrasts(rows, "churned", NUMERIC_FEATURES, [], RULES)}


def test_small_groups_and_small_differences_are_left_out() -> None:
    """Both groups need enough accounts and outcomes, and the ratio has a minimum (MOD-7)."""
    rows = company()
    strict = InsightSettings(min_accounts=500)
    found = contrasts(rows, "churned", NUMERIC_FEATURES, ["segment"], strict)

    assert all(min(c.with_accounts, c.without_accounts) >= 500 for c in found)
    assert not [c for c in found if c.feature == "onboarding_attendance" and c.side == "zero"]
    assert (
        strongest(contrasts(rows, "churned", NUMERIC_FEATURES, ["segment"], RULES), InsightSettings(min_ratio=10)) == []
    )


def test_months_of_one_account_are_not_independent() -> None:
    """An account whose months all have one outcome counts once: the interval is over accounts, not rows (MOD-7)."""
    accounts = pd.Series(np.repeat([f"a{n}" for n in range(200)], 12))
    y_true = np.repeat((np.arange(200) % 5 == 0).astype(float), 12)
    everyone = [np.ones(2400, dtype=bool)]
    alike = drawn_counts(accounts, y_true, everyone, 300, 1).rates[1:].std()
    apart = drawn_counts(pd.Series(np.arange(2400)), y_true, everyone, 300, 1).rates[1:].std()

    assert alike == pytest.approx(apart * np.sqrt(12), rel=0.2)


def test_the_sentence_has_the_group_the_ratio_its_interval_and_the_counts() -> None:
    """In the words of the feature registry, with the direction that a reader expects (MOD-7)."""
    counts = {"q_value": 0.001, "with_count": 4120, "with_outcome": 312, "with_accounts": 400,
              "without_count": 4160, "without_outcome": 150, "without_accounts": 420}  # fmt: skip

    def said(feature: str, side: str, threshold: float | str | None) -> str:
        contrast = Contrast(feature, side, threshold, 2.1, 1.7, 2.6, **counts)  # type: ignore[arg-type]
        return insight("churn", 90, contrast, FEATURES.get(feature))

    assert said("onboarding_attendance", "zero", 0.0) == (
        "Accounts with “no onboarding steps attended” churn within 90 days 2.1 times as often (1.7 to 2.6) as those "
        "with more: 312 of 4,120 account-months against 150 of 4,160."
    )
    assert "with “usage down 40% over the last 28 days (vs. the 28 before)” or worse" in said(
        "usage_trend", "low", -0.4
    )
    assert "with “no executive contact in 93 days” or more" in said("days_since_executive_contact", "high", 93.0)
    assert "with “1 escalated ticket in 90 days” or more churn" in said("escalations_90d", "some", 1.0)
    assert "“less than 1% of the amount invoiced in 365 days is overdue” or more" in said(
        "overdue_share", "some", 0.001
    )
    assert "(missing means: no NPS answers in 365 days)" in said("nps_score_365d", "missing", None)
    assert "Accounts of segment “small” churn" in said("segment", "word", "small")


def test_every_feature_has_words_for_every_side_and_a_team() -> None:
    """No placeholder is left in the sentence of any feature (MOD-7)."""
    sides: list[tuple[str, float | None]] = [
        ("missing", None), ("known", None), ("zero", 0.0), ("some", 0.01), ("low", -2.5), ("high", 12.0),
    ]  # fmt: skip
    found = [
        Contrast(name, side, threshold, 2.0, 1.5, 2.5, 0.0, 9, 8, 7, 6, 5, 4)  # type: ignore[arg-type]
        for name, feature in FEATURES.items() if feature.published for side, threshold in sides
    ]  # fmt: skip
    frame = insights_frame("churn", 90, found, FEATURES)

    assert not frame["text"].str.contains(r"[{}]|nan|None", regex=True).any()
    assert frame["team"].notna().all()
    assert mart_table(MARTS["insights"], frame, Stamp("r", "c", "s")).num_rows == len(found)
    named = re.search(r"team for it: (.*)", MARTS["insights"].columns["team"][1])
    assert named
    assert set(frame["team"]) <= set(named.group(1).split(", "))


def test_the_worst_fifth_and_its_lift() -> None:
    """A fifth of the rows, ties together; the lift is its rate over the rate of all rows (MOD-10)."""
    values = pd.Series([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, np.nan])
    assert list(values.index[worst_fifth(values, +1) == "worst"]) == [0, 1]
    assert list(values.index[worst_fifth(values, -1) == "worst"]) == [8, 9]
    assert worst_fifth(values, +1).isna().tolist() == [False] * 10 + [True]
    tied = pd.Series([0.0] * 6 + [1.0, 1.0, 2.0, 3.0])
    assert (worst_fifth(tied, -1) == "worst").sum() == 2

    rows = pd.DataFrame({"account_id": [f"a{n}" for n in range(10)], "churned": [True, True] + [False] * 8})
    worst = next(g for g in group_rates(rows, "churned", worst_fifth(values[:10], 1), 50, 0.9, 1) if g.group == "worst")
    assert (worst.rows, worst.outcomes, worst.rate.value, worst.lift.value) == (2, 2, 1.0, 5.0)


def test_contrasts_are_the_same_each_time() -> None:
    """Fixed seeds: the same rows give the same contrasts (CONTRACT)."""
    first, second = (contrasts(company(), "churned", NUMERIC_FEATURES, ["segment"], RULES) for _ in range(2))

    assert first == second
