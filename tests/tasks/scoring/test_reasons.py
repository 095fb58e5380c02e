"""What the model cites, in words, beside the factors of health (ACT-1)."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keepwell.features.measures.all import FEATURES
from keepwell.models.explaining.explain import explained, reference_row
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import fitted
from keepwell.models.training.choose import Calibration
from keepwell.models.training.trained import Trained
from keepwell.tasks.earlier_scores import read
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.scoring.reasons import model_factors, reason_in_words

NUMBERS = ["active_days_28d", "days_since_executive_contact", "nps_score_365d", "season"]
DAY = date(2026, 3, 1)


def drawn(rows: int, seed: int) -> pd.DataFrame:
    """Accounts that leave when idle, silent, in one segment, in one season, and after an executive called."""
    rng = np.random.default_rng(seed)
    days, contact, season = rng.integers(0, 29, rows), rng.integers(0, 300, rows), rng.uniform(-1, 1, rows)
    segment = rng.choice(["digital-touch", "high-touch"], rows, p=[0.7, 0.3])
    silent = rng.random(rows) < 0.3
    odds = 0.5 - 0.2 * days - 0.01 * contact + 2.0 * season + (segment == "high-touch") + silent
    return pd.DataFrame(
        {
            "account_id": [f"a{n:03}" for n in range(rows)],
            "active_days_28d": days.astype(float), "days_since_executive_contact": contact.astype(float),
            "nps_score_365d": np.where(silent, np.nan, rng.integers(5, 10, rows)), "season": season,
            "segment": segment, "industry": "retail", "health": 70.0,
            "churned": rng.random(rows) < 1 / (1 + np.exp(-odds)),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def cited():
    train = drawn(2000, 1)
    model = fitted("logistic", train, train["churned"], NUMBERS, InputSettings(), CandidateSettings())
    book = drawn(60, 2)
    trained, reference = Trained("logistic", model, Calibration(1.0, 0.0)), reference_row(train)
    return model_factors(trained, book, reference, 3), book.set_index("account_id"), trained, reference


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        (reason_in_words("active_days_28d", 3.0, 17.0), "Active on 3 of the last 28 days (typical: 17)"),
        (reason_in_words("usage_trend", -0.4, 0.0), "Usage down 40% over the last 28 days (vs. the 28 before)"),
        (reason_in_words("days_since_executive_contact", 45.0, 20.0), "No executive contact in 45 days"),
        (reason_in_words("nps_score_365d", np.nan, 8.0), "No NPS answers in 365 days"),
        (reason_in_words("time_to_value_days", 30.0, np.nan), "First use 30 days after the contract started"),
        (reason_in_words("time_to_value_days", 1.0, None), "First use 1 day after the contract started"),
        (reason_in_words("segment", "digital-touch", "high-touch"), "Segment: digital-touch"),
        (reason_in_words("industry", None, "retail"), "Industry unknown"),
        (reason_in_words("health", 41.26, 74.0), "Health: 41.3"),
    ],
)
def test_a_reason_reads_like_a_sentence(phrase: str, expected: str) -> None:
    """Its number, its window, what is typical (ACT-1)."""
    assert phrase == expected


def test_each_account_has_its_own_reasons_with_their_numbers(cited) -> None:
    """Values and references are those of the account and the typical one; what it is, is no reason (ACT-1)."""
    factors, book, _, reference = cited
    assert (factors["contribution"] > 0).all()
    assert "season" not in set(factors["feature"])
    assert set(factors["feature"]) == {"active_days_28d", "nps_score_365d"}, "the segment raises it too"
    for row in factors.itertuples():
        feature = FEATURES[row.feature]
        assert (row.version, row.component) == (feature.version, feature.component)
        np.testing.assert_equal(row.value, book.loc[row.account_id, row.feature])
        assert row.reference == reference[row.feature]


def test_good_news_is_never_cited(cited) -> None:
    """That an executive called of late raises this risk, and nobody could act on it; a missing NPS may (ACT-1)."""
    factors, book, trained, reference = cited
    why = explained(trained, book, reference).contributions["days_since_executive_contact"]
    lately = book["days_since_executive_contact"] < reference["days_since_executive_contact"]
    idle = factors[factors["feature"] == "active_days_28d"]

    assert (why[lately] > 0).all()
    assert "days_since_executive_contact" not in set(factors["feature"])
    assert (idle["value"] < idle["reference"]).all()
    assert factors.loc[factors["feature"] == "nps_score_365d", "value"].isna().all()


def test_one_account_alone_has_the_reasons_that_it_has_in_the_book(cited) -> None:
    """The real-time score says what the batch says (ACT-3); nobody is an empty table."""
    factors, book, trained, reference = cited
    for account, mine in list(factors.groupby("account_id"))[:10]:
        alone = model_factors(trained, book.loc[[account]].reset_index(), reference, 3)
        pd.testing.assert_frame_equal(alone, mine.reset_index(drop=True))
    assert model_factors(trained, book.reset_index().head(0), reference, 3).empty


def test_reasons_lie_beside_the_factors_of_health_in_one_mart(cited, tmp_path: Path) -> None:
    """Both kinds have a first rank; the key tells them apart (OUT-1)."""
    factors, *_ = cited
    health = factors.assign(kind="health")
    publish(tmp_path, DAY, {"factors": pd.concat([factors, health], ignore_index=True)}, Stamp("r", "1", "s"))

    stored = read(tmp_path, "factors", DAY)
    assert len(stored) == 2 * len(factors)
    assert list(stored.loc[stored["kind"] == "model", "text"]) == list(factors["text"])
    first = stored[stored["rank"] == 1].groupby("account_id")["kind"].agg(list)
    assert all(kinds == ["health", "model"] for kinds in first)


def test_an_importance_is_one_line_per_outcome_model_and_feature(tmp_path: Path) -> None:
    """As the mart has it (MOD-7, CONTRACT)."""
    found = pd.DataFrame({"name": ["b", "a"], "value": [0.1, 0.05], "low": [0.08, -0.01], "high": [0.12, 0.11]})
    publish(tmp_path, DAY, {"importance": found.assign(outcome="churn", version="logistic")}, Stamp("r", "1", "s"))

    stored = read(tmp_path, "importance", DAY)
    assert list(stored["name"]) == ["a", "b"]
    assert {"outcome", "version", "name", "value", "low", "high"} <= set(stored)
