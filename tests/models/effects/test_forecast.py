"""The churn forecast of the coming quarter (WKL-2): coverage of its interval, which accounts count, its grading."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from keepwell.features.settings import BookSettings
from keepwell.models.effects.forecast import (
    NO_LEVEL,
    SPREADS,
    Belief,
    History,
    Quarter,
    belief,
    forecast,
    history,
    prior_spreads,
    spreads_of,
)
from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import ForecastSettings
from keepwell.tasks.operations.churn_forecast import (
    ForecastRules,
    _as_quarter,
    cohort_of,
    forecasts,
    left_within,
    record_of,
)

RULES = ForecastSettings(draws=400)
QUARTERS, ACCOUNTS, WORLDS = 8, 300, 200
MONDAY = date(2026, 6, 1)
NOTHING = pd.DataFrame()
HERE = ForecastRules(90, BookSettings(), RULES, frozenset())


# Does the interval cover? ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Simulated quarters of a portfolio: rows as `history` takes them, with the true probability `p` and `arr`."""

    past: pd.DataFrame
    now: pd.DataFrame
    lost: float
    arr_lost: float
    history: History
    spreads: Floats
    whole: Belief


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [world(np.random.default_rng(seed)) for seed in range(WORLDS)]


def world(rng: np.random.Generator) -> World:
    """Accounts that differ in frailty, segment, ARR (lognormal) and renewal; each quarter has its own shock.

    The standard deviation of the shock is drawn from 0 to 0.3, once per world.
    """
    frailty, phase = rng.gamma(2.0, 0.5, ACCOUNTS), rng.integers(0, 4, ACCOUNTS)
    large, arr, spread = rng.random(ACCOUNTS) < 0.3, np.exp(rng.normal(10.0, 1.0, ACCOUNTS)), rng.uniform(0.0, 0.3)
    names = np.array([["small/later", "small/due"], ["large/later", "large/due"]], dtype=object)
    columns: dict[str, list[Floats]] = {name: [] for name in ("stratum", "p", "churned")}
    for quarter in range(QUARTERS + 1):
        due = phase == quarter % 4
        p = np.minimum(frailty * np.where(large, 0.6, 1.2) * np.where(due, 0.18, 0.02), 0.9)
        lost = rng.random(ACCOUNTS) < np.minimum(p * np.exp(rng.normal(-(spread**2) / 2, spread)), 1.0)
        for name, values in (("stratum", names[large.astype(int), due.astype(int)]), ("p", p), ("churned", lost)):
            columns[name].append(values)
        frailty = np.where(lost, rng.gamma(2.0, 0.5, ACCOUNTS), frailty)  # another account takes the place
    rows = pd.DataFrame({name: np.concatenate(values) for name, values in columns.items()}).assign(
        quarter=np.repeat(np.arange(QUARTERS + 1), ACCOUNTS), arr=np.tile(arr, QUARTERS + 1), segment="any"
    )
    rows["churned"] = rows["churned"].astype(float)
    past, now = rows[rows["quarter"] < QUARTERS], rows[rows["quarter"] == QUARTERS]
    earlier = history(past, RULES)
    assert earlier is not None
    found = belief(earlier.quarters["all"], NO_LEVEL, prior_spreads(RULES), RULES)
    return World(past, now, now["churned"].sum(), float(now["churned"] @ arr), earlier, spreads_of(found), found)


def covers(found: Estimate, actual: float) -> bool:
    return found.low <= actual <= found.high


def sure() -> Belief:
    """The belief that probabilities are right and accounts independent: binomial noise alone."""
    weights = np.zeros_like(belief([], 1.0, prior_spreads(RULES), RULES).weights)
    weights[len(weights) // 2, 0] = 1.0
    return Belief(weights)


def shares(hits: list[tuple[bool, ...]]) -> list[float]:
    return np.array(hits).mean(axis=0).tolist()


@pytest.mark.slow
def test_the_interval_of_the_books_own_history_covers_and_binomial_noise_alone_does_not(worlds: list[World]) -> None:
    """90% intervals cover accounts and ARR in 85-95% of 200 worlds whose quarters have shocks (WKL-2)."""
    hits = []
    for one in worlds:
        y_prob, arr = one.history.probabilities(one.now["stratum"]), one.now["arr"].to_numpy()
        made, naive = (forecast(y_prob, arr, found, RULES, 1) for found in (one.whole, sure()))
        hits.append((covers(made.accounts, one.lost), covers(made.arr, one.arr_lost), covers(naive.accounts, one.lost)))
    accounts, arr_covered, naive_covered = shares(hits)

    assert 0.85 <= accounts <= 0.95
    assert 0.85 <= arr_covered <= 0.95
    assert naive_covered < 0.8


def test_the_interval_of_a_models_probabilities_covers_though_they_are_off(worlds: list[World]) -> None:
    """Probabilities that are about 15% off as a whole, with four earlier forecasts on record: 85-95% (WKL-2)."""
    hits, rng = [], np.random.default_rng(1)
    for one in worlds:
        off = np.exp(rng.normal(0.0, 0.15))
        sums = one.past.groupby("quarter")[["p", "churned"]].sum()[::-1][:4].to_numpy()
        found = belief([Quarter(p * off, lost) for p, lost in sums], RULES.model_level, one.spreads, RULES)
        y_prob, arr = np.minimum(one.now["p"].to_numpy() * off, 0.95), one.now["arr"].to_numpy()
        made = forecast(y_prob, arr, found, RULES, 1)
        hits.append((covers(made.accounts, one.lost), covers(made.arr, one.arr_lost)))

    assert all(0.85 <= share <= 0.95 for share in shares(hits)), shares(hits)


def test_level_and_spread_are_estimated_from_earlier_quarters() -> None:
    """More churn than expected raises the level; quarters that differ widen the spread (WKL-2)."""
    prior = prior_spreads(RULES)
    steady = belief([Quarter(100, 100)] * 6, 0.15, prior, RULES)
    above = belief([Quarter(100, 150)] * 6, 0.15, prior, RULES)
    unsteady = belief([Quarter(100, n) for n in (60, 150, 70, 140, 65, 150)], 0.15, prior, RULES)

    assert steady.level == pytest.approx(1.0, abs=0.05)
    assert above.level > 1.25
    assert unsteady.spread > 2 * steady.spread
    assert belief([], 0.15, prior, RULES).spread == pytest.approx(float(prior @ SPREADS))


def test_the_newest_quarter_weighs_most() -> None:
    """Older quarters are discounted (WKL-2)."""
    prior = prior_spreads(RULES)
    newest_high = belief([Quarter(50, 80), Quarter(50, 40)], 0.5, prior, RULES)

    assert newest_high.level > belief([Quarter(50, 40), Quarter(50, 80)], 0.5, prior, RULES).level


def test_a_models_test_months_count_as_a_quarter_with_as_much_information() -> None:
    """A ratio of 1.2 whose standard error is 0.12 rests on about 100 churned accounts (WKL-2)."""
    tested = _as_quarter(Estimate(1.2, 1.2 - 1.645 * 0.12, 1.2 + 1.645 * 0.12))

    assert tested.observed / tested.expected == pytest.approx(1.2)
    assert tested.observed == pytest.approx(100, rel=0.01)


# Which accounts count, and what is published --------------------------------------------------------------------------


def account(name: str, **given: object) -> dict[str, object]:
    usual = {
        "account_id": name, "status": "active", "segment": "smb", "arr": 100.0, "renewal_on": MONDAY,
        "churn_risk": np.nan,
    }  # fmt: skip
    return {**usual, **given}


def past(churned: int, of: int = 100) -> pd.DataFrame:
    """Four quarters of accounts that are due, so many of which left."""
    rows = [{"quarter": q, "segment": "smb", "stratum": "smb/due", "churned": float(i < churned)}
            for q in range(4) for i in range(of)]  # fmt: skip
    return pd.DataFrame(rows)


def test_accounts_that_gave_notice_or_pay_nothing_are_not_forecast() -> None:
    """Accounts under contract with ARR whose notice is not known; the strata are segment and renewal (WKL-2)."""
    book = pd.DataFrame(
        [
            account("due", renewal_on=MONDAY + timedelta(days=90)),
            account("later", renewal_on=MONDAY + timedelta(days=91)),
            account("open", renewal_on=None, segment=None),
            account("gone", status="leaving"),
            account("trial", arr=0.0),
        ]
    )

    found = cohort_of(book, MONDAY, 90).set_index("account_id")["stratum"].to_dict()

    assert found == {"due": "smb/due", "later": "smb/later", "open": "no segment/open-ended"}


def test_churn_counts_after_the_forecast_and_until_the_horizons_end() -> None:
    """(made_on, horizon_end], as in the labels (WKL-2)."""
    start, until = datetime(2026, 6, 1), datetime(2026, 8, 30)
    left = pd.DataFrame(
        [("at start", start), ("just after", start + timedelta(seconds=1)), ("at end", until),
         ("too late", until + timedelta(seconds=1))],
        columns=["account_id", "churned_at"],
    )  # fmt: skip
    found = left_within(left, left["account_id"], start, until)

    assert left.loc[found, "account_id"].tolist() == ["just after", "at end"]


def made(book: list[dict[str, object]], history_of: pd.DataFrame, graded: pd.DataFrame = NOTHING) -> pd.DataFrame:
    return forecasts(pd.DataFrame(book), history_of, graded, None, MONDAY, HERE).set_index("segment")


def test_without_a_model_the_forecast_uses_the_portfolios_own_rate_and_says_so() -> None:
    """10% churned per quarter, so about 20 of 200 accounts will; those that gave notice are listed apart (WKL-2)."""
    book = [account(f"a{i}") for i in range(200)] + [account("gone", status="leaving", arr=7.0)]
    found = made(book, past(10)).loc["all"]

    assert (found["method"], found["accounts"], found["quarters"]) == ("history", 200, 4)
    assert found["accounts_expected"] == pytest.approx(20, abs=1.5)
    assert found["accounts_low"] < 16
    assert found["accounts_high"] > 24
    assert (found["leaving_accounts"], found["leaving_arr"]) == (1, 7.0)
    assert found["horizon_end"] == date(2026, 8, 30)


def test_with_a_model_its_probabilities_are_weighted_by_arr_and_new_accounts_have_the_portfolios_rate() -> None:
    """Expected ARR is the sum of probability x ARR; an account without a model score is not left out (WKL-2)."""
    book = [account(f"a{i}", churn_risk=0.5 if i < 10 else 0.01, arr=1000.0 if i < 10 else 1.0) for i in range(100)]
    young = [account(f"y{i}") for i in range(50)]
    found = made([*book, *young], past(10)).loc["all"]

    assert found["method"] == "model"
    assert found["accounts_by_chance"] == pytest.approx(10 * 0.5 + 90 * 0.01 + 50 * 0.1, abs=0.3)
    assert found["arr_expected"] == pytest.approx(10 * 0.5 * 1000 + 90 * 0.01 + 50 * 0.1 * 100, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_the_segments_add_up_to_the_whole_whatever_their_own_past_says(seed: int) -> None:
    """One segment ran far above its forecasts, one below, one has no past: their rows still sum to `all` (WKL-2)."""
    rng = np.random.default_rng(seed)
    names = ("smb", "mid", "big")
    book = [
        account(f"a{i}", segment=names[i % 3], arr=float(rng.lognormal(8, 1)), churn_risk=float(rng.beta(2, 20)))
        for i in range(300)
    ]
    weeks = [MONDAY - timedelta(days=120 + 91 * n) for n in range(4)]
    graded = pd.DataFrame(
        [{"made_on": week, "segment": name, "method": "model", "accounts_by_chance": 20.0, "accounts_actual": actual}
         for week in weeks for name, actual in (("all", 60), ("smb", 45), ("mid", 8))]
    )  # fmt: skip
    found = made(book, past(10), graded)
    whole, parts = found.loc["all"], found.drop("all")

    for what in ("accounts_expected", "arr_expected", "accounts", "arr", "accounts_by_chance"):
        assert parts[what].sum() == pytest.approx(whole[what], rel=1e-9), what
    for rows in (whole.to_frame().T, parts):
        ratio = rows["accounts_expected"] / (rows["accounts_by_chance"] * rows["level"])
        assert ratio.astype(float).to_numpy() == pytest.approx(1.0), "the level is what the sum is multiplied by"
    assert parts.loc["smb", "level"] > 1.3 * parts.loc["big", "level"] > 1.3 * parts.loc["mid", "level"]
    for what in ("accounts", "arr"):
        assert (parts[f"{what}_low"] <= parts[f"{what}_expected"]).all()
        assert (parts[f"{what}_expected"] <= parts[f"{what}_high"]).all()
        assert (parts[f"{what}_high"] <= parts[what]).all()


def test_without_a_model_or_a_matured_quarter_there_is_no_forecast() -> None:
    """The forecast is refused in a row with the method `none` (WKL-2)."""
    found = made([account("a")], pd.DataFrame(columns=["quarter", "segment", "stratum", "churned"])).loc["all"]

    assert found["method"] == "none"
    assert "accounts_expected" not in found


def test_a_model_learns_from_its_own_forecasts_that_do_not_overlap() -> None:
    """Weekly forecasts share their outcomes, so only one per quarter counts, the newest first (WKL-2)."""
    weeks = [MONDAY - timedelta(days=120 + 7 * n) for n in range(30)]
    graded = pd.DataFrame(
        {"made_on": weeks, "segment": "all", "method": "model", "accounts_by_chance": 50.0,
         "accounts_actual": [80 + n for n in range(30)]}
    )  # fmt: skip
    record = record_of(graded, "model", 90)
    book = [account(f"a{i}", churn_risk=0.1) for i in range(500)]

    assert [q.observed for q in record["all"]] == [80, 93, 106]
    assert record_of(graded, "history", 90) == {}
    assert made(book, past(10), graded).loc["all", "level"] > 1.2 > made(book, past(10)).loc["all", "level"]
