"""Drift of inputs, scores and outcomes: found by name where there is drift, no alarm where there is none (LRN-3)."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from keepwell.models.monitoring.drift import Reference, drift, reference
from keepwell.models.monitoring.outcome_drift import outcome_drift, rate_of
from keepwell.models.settings.monitoring import DriftSettings

RULES = DriftSettings()
NUMERIC_FEATURES = [f"x{n}" for n in range(50)]


def book(accounts: int, rng: np.random.Generator, month: str = "2025-01-01", first: int = 0) -> pd.DataFrame:
    """One month: 50 numbers of which a tenth is missing, some of them counts; categories; a score."""
    values = rng.standard_normal((accounts, len(NUMERIC_FEATURES)))
    values[:, :10] = rng.poisson(0.4, (accounts, 10))
    frame = pd.DataFrame(np.where(rng.random(values.shape) < 0.1, np.nan, values), columns=NUMERIC_FEATURES)
    return frame.assign(
        account_id=[f"a{n + first}" for n in range(accounts)], as_of=pd.Timestamp(month),
        industry=rng.choice(["retail", "software", "health"], accounts, p=[0.5, 0.3, 0.2]),
        chance=rng.beta(1, 20, accounts),
    )  # fmt: skip


def tried(before: pd.DataFrame, now: pd.DataFrame, rules: DriftSettings = RULES) -> pd.DataFrame:
    """The drift of a portfolio against a reference, by name."""
    return drift(reference(before, NUMERIC_FEATURES, ["industry"], before, rules), now, rules).set_index("name")


@pytest.fixture(scope="module")
def unchanged() -> list[pd.DataFrame]:
    """Forty pairs of portfolios of 600 accounts that differ at random only."""
    rng = np.random.default_rng(1)
    return [tried(book(600, rng), book(600, rng)) for _ in range(40)]


@pytest.mark.slow
def test_fifty_inputs_that_did_not_change_raise_no_alarm(unchanged) -> None:
    """At 5% each there would be two or three per run; the bound holds, even without the floor (LRN-3)."""
    sure = [bool((found["q_value"] < RULES.false_discovery_rate).any()) for found in unchanged]
    alarm = [bool(found["drifted"].any()) for found in unchanged]

    assert np.mean(sure) <= 2 * RULES.false_discovery_rate
    assert np.mean(alarm) <= RULES.false_discovery_rate
    p_values = np.concatenate([found["p_value"] for found in unchanged])
    assert 0.03 < (p_values < 0.05).mean() < 0.07


def test_the_index_is_zero_where_nothing_changed(unchanged) -> None:
    """The plain PSI would be (11 - 1)(1/600 + 1/600) = 0.03, which is subtracted (LRN-3)."""
    values = np.concatenate([found["value"] for found in unchanged])

    assert abs(values.mean()) < 0.002


def test_what_changed_is_found_by_name() -> None:
    """A shifted number, one that is missing more often, another mix of categories, an unseen category (LRN-3)."""
    rng = np.random.default_rng(2)
    before, now = book(800, rng), book(800, rng, "2025-06-01")
    now["x20"] += 0.6
    now.loc[rng.random(800) < 0.25, "x30"] = np.nan
    mixed = now.assign(industry=rng.choice(["retail", "software", "health"], 800, p=[0.2, 0.3, 0.5]))
    new = now.assign(industry=np.where(rng.random(800) < 0.2, "space", now["industry"]))

    for changed in (mixed, new):
        found = tried(before, changed)
        assert set(found.index[found["drifted"]]) == {"x20", "x30", "industry"}


def test_missing_is_a_bin_of_its_own_and_so_is_a_word_never_seen() -> None:
    """Neither passes for the lowest value, or for the first word, that it takes the place of (LRN-3)."""
    rng = np.random.default_rng(2)
    before, now = (book(400, rng).assign(x20=np.repeat([1.0, 2.0], 200)) for _ in range(2))
    now["x20"], now["industry"] = now["x20"].replace(1.0, np.nan), now["industry"].replace("health", "space")
    found = tried(before, now)

    assert set(found.index[found["drifted"]]) == {"x20", "industry"}


def test_a_change_that_is_sure_and_small_is_no_drift() -> None:
    """With many accounts a tiny change is significant; the floor keeps it from being drift (LRN-3)."""
    rng = np.random.default_rng(3)
    now = book(20_000, rng)
    now["x20"] += 0.1
    found = tried(book(20_000, rng), now).loc["x20"]

    assert found["q_value"] < 1e-6
    assert 0 < found["value"] < RULES.min_psi
    assert not found["drifted"]


def test_months_of_one_account_are_one_account() -> None:
    """A reference of twelve equal months has no more information than one of them (LRN-3)."""
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(10):
        month, now = book(200, rng), book(200, rng)
        year = pd.concat([month.assign(as_of=day) for day in pd.date_range("2025-01-01", periods=12, freq="MS")])
        p_values.append(tried(year, now)["p_value"])

    assert (np.concatenate(p_values) < 0.05).mean() < 0.08


def test_what_the_reference_knew_of_season_and_weekday_is_no_drift() -> None:
    """An input that jumps between months is compared with its own jumps; one that encodes the date is left out."""
    rng = np.random.default_rng(5)
    months = [book(300, rng, f"2025-{n:02}-01") for n in range(1, 13)]
    for n, month in enumerate(months):
        month["x20"], month["x21"] = month["x20"] + 2.0 * (n % 2), n / 12
    year = pd.concat(months)
    alike, other = book(300, rng).assign(x21=0.5), book(300, rng).assign(x21=0.5)
    alike["x20"], other["x20"] = alike["x20"] + 2.0, other["x20"] + 5.0

    assert "x21" not in tried(year, alike).index
    assert tried(year, alike).loc["x20", "value"] > RULES.min_psi
    assert not tried(year, alike)["drifted"].any()
    assert tried(year, other).loc["x20", "drifted"]


def test_a_score_drifts_as_an_input_does() -> None:
    """Probabilities twice as high as at training (LRN-3)."""
    rng = np.random.default_rng(6)
    now = book(500, rng)
    found = tried(book(500, rng), now.assign(chance=now["chance"] * 2))

    assert found.loc["chance", ["kind", "drifted"]].tolist() == ["score", True]


def test_the_reference_can_be_kept_as_json() -> None:
    """It is stored with the model, so that no later run reads the training rows again (SCL-1)."""
    rng = np.random.default_rng(7)
    before, now = book(300, rng), book(300, rng)
    before["x5"] = np.nan
    known = reference(before, NUMERIC_FEATURES, ["industry"], before, RULES)
    back = Reference.from_plain(json.loads(json.dumps(known.plain())))

    assert back == known
    pd.testing.assert_frame_equal(drift(back, now, RULES), drift(known, now, RULES))


def outcomes(share: float, month: str, rng: np.random.Generator, accounts: int = 3000) -> pd.DataFrame:
    """One matured month in which this share churned, where 4% was predicted."""
    return pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(accounts)], "as_of": pd.Timestamp(month), "chance": 0.04,
            "happened": (rng.random(accounts) < share).astype(float),
        }
    )  # fmt: skip


def test_a_month_in_which_many_more_left_is_named() -> None:
    """Base rate against training, churn against predictions; the other months show no drift (LRN-3)."""
    rng = np.random.default_rng(8)
    training = pd.concat([outcomes(0.04, f"2024-{n:02}-01", rng) for n in range(1, 7)])
    months = [outcomes(0.04, "2025-01-01", rng), outcomes(0.08, "2025-02-01", rng), outcomes(0.04, "2025-03-01", rng)]
    found = outcome_drift(pd.concat(months), rate_of(training), RULES).set_index(["statistic", "month"])

    assert [key for key, row in found.iterrows() if row["drifted"]] == [
        ("base_rate", pd.Timestamp("2025-02-01")), ("observed_to_expected", pd.Timestamp("2025-02-01"))
    ]  # fmt: skip
    assert found.loc[("observed_to_expected", "2025-02-01"), "value"] == pytest.approx(2.0, rel=0.15)
    calm = found.loc[("base_rate", "2025-01-01")]
    assert calm["low"] < 0.04 < calm["high"]
    assert calm["p_value"] > 0.1


def test_no_matured_month_is_no_outcome() -> None:
    """An empty frame, not an error (LRN-3)."""
    rng = np.random.default_rng(9)
    training = outcomes(0.04, "2024-01-01", rng)

    assert outcome_drift(training.head(0), rate_of(training), RULES).empty


def test_a_hundred_thousand_accounts_cost_a_second_or_two() -> None:
    """40 inputs, reference and portfolio; the cost grows with rows only (SCL-1)."""
    rng = np.random.default_rng(10)
    names = NUMERIC_FEATURES[10:]
    rows = book(100_000, rng)
    start = time.process_time()
    drift(reference(rows, names, [], rows, RULES), rows, RULES)

    assert time.process_time() - start < 3.0
