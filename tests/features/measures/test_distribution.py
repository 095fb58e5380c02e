"""The score over a whole plausible book: where accounts land, and what it costs."""

import time
from datetime import date

import numpy as np
import pandas as pd
import pytest

from keepwell.features.health.change import change_parts
from keepwell.features.health.score import Inputs, health_of, measure_frame
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import companions
from keepwell.features.settings import DEFAULT_MEASURES, HealthSettings

OWN = {
    "usage_error": 0.12, "active_users_trend_error": 0.1, "adoption_velocity_error": 0.5, "usual_gap_days": 2.0,
    "one_standard_error": 1.0,
}  # fmt: skip
"""Standard errors of changes, and what is usual, of an account of middling use."""

# A whole book ---------------------------------------------------------------------------------------------------------


def plausible(accounts: int, seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A book of three segments, most of its accounts contented, as sizes and habits vary; a tenth of all is missing."""
    rng = np.random.default_rng(seed)
    segments = rng.choice(["enterprise", "mid-market", "digital"], accounts, p=[0.1, 0.35, 0.55])
    size = pd.Series(segments).map({"enterprise": 4.0, "mid-market": 2.5, "digital": 1.0}).to_numpy()
    mood = rng.normal(0, 1, accounts)

    def around(middle: float, spread: float, mood_share: float = 0.5) -> np.ndarray:
        return middle + spread * (mood_share * mood + np.sqrt(1 - mood_share**2) * rng.normal(0, 1, accounts))

    def counts(mean: float) -> np.ndarray:
        return rng.poisson(mean * np.exp(-0.5 * mood)).astype(float)

    values = {
        "active_days_28d": np.clip(around(14, 5), 0, 28),
        "events_per_seat_28d": np.exp(around(3.3, 0.7)),
        "active_users_28d": np.exp(around(size, 0.5)),
        "days_since_last_use": np.exp(around(0.5, 1, -0.5)) - 1,
        "usage_trend": np.exp(around(0, 0.25)) - 1,
        "active_users_trend": np.exp(around(0, 0.15)) - 1,
        "usage_change_point": around(0, 1),
        "breadth_change_point": around(0, 1),
        "usage_against_last_year": np.exp(around(0.05, 0.35)) - 1,
        "features_used_28d": np.clip(around(6, 2), 0, None),
        "events_per_use_28d": np.exp(around(1.5, 0.4)),
        "seat_utilisation": np.clip(around(0.65, 0.2), 0, 1),
        "adoption_velocity": np.round(around(0.2, 1)),
        "onboarding_attendance": np.clip(around(0.8, 0.25), 0, 1),
        "time_to_value_days": np.exp(around(2.5, 1, -0.5)),
        "tickets_per_seat_90d": np.exp(around(-2, 0.8, -0.5)),
        "urgent_tickets_90d": counts(0.15),
        "escalations_90d": counts(0.1),
        "oldest_open_ticket_days": counts(3),
        "csat_180d": np.clip(around(4.1, 0.6), 1, 5),
        "nps_score_365d": np.clip(around(7.5, 1.8), 0, 10),
        "nps_change": around(0, 1.5),
        "ticket_sentiment_90d": np.clip(around(-0.05, 0.25), -1, 1),
        "ticket_sentiment_trend": around(0, 0.2),
        "touchpoint_sentiment_90d": np.clip(around(0.2, 0.2), -1, 1),
        "days_since_executive_contact": np.exp(around(4.3, 0.7, -0.5)),
        "meeting_attendance_180d": np.clip(around(0.75, 0.2), 0, 1),
        "email_response_90d": np.clip(around(0.5, 0.2), 0, 1),
        "community_posts_90d": rng.poisson(0.3, accounts).astype(float),
        "stakeholders": np.round(np.exp(around(size / 2, 0.4))),
        "champion_departures_180d": counts(0.08),
        "payment_failures_90d": counts(0.07),
        "disputes_180d": counts(0.02),
        "days_late_180d": np.clip(around(3, 5, -0.5), 0, None),
        "overdue_share": np.clip(around(-0.1, 0.12, -0.5), 0, 1),
        "arr_change": np.round(np.clip(around(0.04, 0.1), -1, 2), 2),
        "lost_deals_180d": counts(0.05),
    }
    names = [f"a{n:05}" for n in range(accounts)]
    features = pd.DataFrame({"account_id": names, **values, **OWN})
    features[list(values)] = features[list(values)].mask(rng.random((accounts, len(values))) < 0.1)
    return pd.DataFrame({"account_id": names, "segment": segments, "tenure_days": 400}), features


def health_of_all(book: pd.DataFrame, features: pd.DataFrame) -> pd.Series:
    inputs = Inputs(frozenset(FEATURES), pd.DataFrame(index=book["account_id"]), None, date(2024, 3, 4))
    return health_of(measure_frame(book, features, FEATURES, HealthSettings(), inputs))


def test_a_typical_account_is_stable_a_dying_one_critical_a_great_one_healthy() -> None:
    """300 accounts in three segments: the middle lies near 75, every band is used, the extremes differ."""
    book, features = plausible(300)
    features.loc[0, list(_dying())] = list(_dying().values())
    features.loc[1, list(_great())] = list(_great().values())

    health = health_of_all(book, features)
    middle = health.groupby(book.set_index("account_id")["segment"]).median()

    assert set(features.columns) == {"account_id", *DEFAULT_MEASURES, *companions(FEATURES)}
    assert middle.between(71, 79).all(), middle
    assert health["a00000"] < 30
    assert health["a00001"] > 88
    shares = pd.cut(health, [0, 50, 70, 80, 100], right=False).value_counts(normalize=True, sort=False).tolist()
    assert 0 < shares[0] < 0.10
    assert 0.10 < shares[1] < 0.40
    assert 0.30 < shares[2] < 0.65
    assert 0.10 < shares[3] < 0.40


def test_silence_alone_is_enough_to_be_critical() -> None:
    """Everything else typical, but nobody uses it any more: somebody must call."""
    book, features = plausible(300)
    medians = features[list(DEFAULT_MEASURES)].median()
    features.loc[0, medians.index] = medians
    silent = {"active_days_28d": 0, "events_per_seat_28d": 0, "active_users_28d": 0, "days_since_last_use": 40,
              "usage_trend": -1, "active_users_trend": -1, "usage_change_point": -8, "breadth_change_point": -8,
              "features_used_28d": 0, "events_per_use_28d": np.nan, "seat_utilisation": 0}  # fmt: skip
    typical = health_of_all(book, features)["a00000"]
    features.loc[0, list(silent)] = list(silent.values())

    assert typical == pytest.approx(76, abs=4)
    assert health_of_all(book, features)["a00000"] < 50


def _dying() -> dict[str, float]:
    return {
        "active_days_28d": 1, "events_per_seat_28d": 0.5, "active_users_28d": 1, "days_since_last_use": 20,
        "usage_trend": -0.8, "active_users_trend": -0.7, "usage_against_last_year": -0.9, "features_used_28d": 1,
        "usage_change_point": -8, "breadth_change_point": -6, "events_per_use_28d": 1,
        "seat_utilisation": 0.05, "adoption_velocity": -5, "tickets_per_seat_90d": 2, "urgent_tickets_90d": 3,
        "escalations_90d": 2, "csat_180d": 1.5, "nps_score_365d": 1, "ticket_sentiment_90d": -0.7,
        "touchpoint_sentiment_90d": -0.5, "days_since_executive_contact": 300, "meeting_attendance_180d": 0.1,
        "email_response_90d": 0, "champion_departures_180d": 1, "payment_failures_90d": 1, "arr_change": -0.3,
    }  # fmt: skip


def _great() -> dict[str, float]:
    return {
        "active_days_28d": 27, "events_per_seat_28d": 120, "active_users_28d": 200, "days_since_last_use": 0,
        "usage_trend": 0.2, "active_users_trend": 0.1, "usage_against_last_year": 0.5, "features_used_28d": 12,
        "usage_change_point": 3, "breadth_change_point": 3, "events_per_use_28d": 12,
        "seat_utilisation": 0.95, "adoption_velocity": 2, "tickets_per_seat_90d": 0.02, "urgent_tickets_90d": 0,
        "escalations_90d": 0, "oldest_open_ticket_days": 0, "csat_180d": 5, "nps_score_365d": 10, "nps_change": 1,
        "ticket_sentiment_90d": 0.4, "touchpoint_sentiment_90d": 0.6, "days_since_executive_contact": 10,
        "meeting_attendance_180d": 1, "email_response_90d": 0.9, "champion_departures_180d": 0,
        "payment_failures_90d": 0, "disputes_180d": 0, "days_late_180d": 0, "overdue_share": 0, "arr_change": 0.2,
    }  # fmt: skip


@pytest.mark.slow
def test_twenty_thousand_accounts_cost_a_few_seconds() -> None:
    """Scores and the parts of their change for 680,000 measures; about 3 CPU-seconds, 12 allowed (SCL-1)."""
    book, features = plausible(20_000)
    inputs = Inputs(frozenset(FEATURES), pd.DataFrame(index=book["account_id"]), None, date(2024, 3, 4))

    started = time.process_time()
    measures = measure_frame(book, features, FEATURES, HealthSettings(), inputs)
    health = health_of(measures)
    scores = pd.DataFrame(dict.fromkeys(("health_before", "computed_before", "health", "health_computed"), health))
    parts = change_parts(measures, measures, scores, FEATURES, HealthSettings())

    assert time.process_time() - started < 12
    assert parts.abs().max(axis=None) < 1e-6
