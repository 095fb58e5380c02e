"""Lead times by one rule for every score, on portfolios small enough to follow by hand (LRN-4)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwell.models.monitoring.early_warning import early_warning, flagged
from keepwell.models.settings.monitoring import EarlyWarningSettings

RULES = EarlyWarningSettings(capacity_share=0.25, replicates=50)
MONTHS = pd.date_range("2025-01-01", periods=6, freq="MS")
NAMES = ("ann", "bob", "cy", "dee")
DEE = [0.3, 0.3, 0.3, 0.0, 0.0, 0.0]
"""Takes the place that another leaves in March, and has no claim to it in April."""
SINCE = pd.Timestamp("2025-02-01")


def rows_of(scores: dict[str, list[float | None]], left: dict[str, str]) -> pd.DataFrame:
    """A row per account and month with a score; None: not a customer. Notice shows in rows up to 90 days before."""
    rows = [
        {"account_id": name, "as_of": month, "score": score}
        for name, months in scores.items()
        for month, score in zip(MONTHS, months, strict=False)
        if score is not None
    ]
    frame = pd.DataFrame(rows)
    at = pd.to_datetime(frame["account_id"].map(left))
    known = (at > frame["as_of"]) & (at <= frame["as_of"] + pd.Timedelta(days=90))
    return frame.assign(churned_at=at.where(known))


def led(scores: dict[str, list[float | None]], left: dict[str, str], rules: EarlyWarningSettings = RULES) -> dict:
    """Lead days by account, by the score; one of the four accounts is flagged at a time."""
    rows = rows_of(scores, left)
    leads = early_warning(rows, {"score": rows["score"]}, SINCE, rules).leads
    return leads[leads["score"] == "score"].set_index("account_id")["lead_days"].to_dict()


def test_lead_runs_from_the_start_of_the_last_unbroken_flag_to_notice() -> None:
    """Flagged in January, not in February, again from March on: from 1 March to 20 June are 111 days."""
    ann = [0.9, 0.1, 0.9, 0.9, 0.9, 0.9]
    others = [0.5, 0.8, 0.0, 0.5, 0.5, 0.5], [0.2, 0.7, 0.2, 0.2, 0.2, 0.2], [0.1, 0.6, 0.1, 0.1, 0.1, 0.1]

    assert led(dict(zip(NAMES, (ann, *others), strict=True)), {"ann": "2025-06-20"}) == {"ann": 111}


def test_a_flag_that_ended_before_notice_is_no_warning() -> None:
    """Flagged for four months and not in the last: 0 days, as is one that was never flagged."""
    ann, bob = [0.9, 0.9, 0.9, 0.9, 0.9, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2, 0.9]
    cy, dee = [0.6, 0.6, 0.6, 0.6, 0.6, 0.8], [0.5, 0.5, 0.5, 0.5, 0.5, 0.7]
    left = {"ann": "2025-06-20", "cy": "2025-05-15"}

    assert led({"ann": ann, "bob": bob, "cy": cy, "dee": dee}, left) == {"ann": 0, "cy": 0}


def test_a_flag_stays_while_its_account_is_near_the_top() -> None:
    """Second counts as two thirds and stays before the first; third counts as first and yields. Else it breaks."""
    ann, bob = [0.9, 0.9, 0.6, 0.9, 0.9, 0.9], [0.5, 0.5, 0.8, 0.5, 0.5, 0.5]
    book = {"ann": ann, "bob": bob, "cy": [0.1] * 6, "dee": [0.2] * 6}

    assert led(book, {"ann": "2025-06-01"}) == {"ann": 151}
    assert led(book, {"ann": "2025-06-01"}, RULES.model_copy(update={"stay": 1.0})) == {"ann": 61}
    assert led({**book, "cy": [0.1, 0.1, 0.7, 0.1, 0.1, 0.1]}, {"ann": "2025-06-01"}) == {"ann": 0}


def test_a_month_outside_the_book_breaks_the_flag() -> None:
    """An account outside the portfolio is not flagged."""
    ann = [0.9, 0.9, None, 0.9, 0.9, 0.9]
    book = {"ann": ann, "bob": [0.1] * 6, "cy": [0.2] * 6, "dee": DEE, "eve": [0.1] * 6}

    assert led(book, {"ann": "2025-06-11"}) == {"ann": 71}


def test_a_lead_counts_up_to_its_cap() -> None:
    """180 days by default, here 100."""
    book = {"ann": [0.9] * 6, "bob": [0.1] * 6, "cy": [0.2] * 6, "dee": [0.3] * 6}

    assert led(book, {"ann": "2025-06-20"}) == {"ann": 170}
    assert led(book, {"ann": "2025-06-20"}, RULES.model_copy(update={"cap_days": 100})) == {"ann": 100}


def test_the_score_of_the_day_of_notice_comes_too_late_to_count() -> None:
    """Notice of 1 June 00:00, flagged until May: what 1 June says of it, after the fact, neither helps nor harms."""
    book = {"ann": [0.9] * 5 + [0.0], "bob": [0.5] * 5 + [0.9], "cy": [0.2] * 6, "dee": [0.1] * 6}

    assert led(book, {"ann": "2025-06-01", "bob": "2025-06-01"}) == {"ann": 151, "bob": 0}


def test_only_notices_with_a_past_and_a_last_month_are_counted() -> None:
    """Before `since` no flag could be early; after the last month the flag at notice is unknown."""
    book = {"ann": [0.9, None], "bob": [0.1] * 6, "cy": [0.2] * 6, "dee": [0.3] * 6}
    left = {"ann": "2025-01-20", "bob": "2025-07-02", "cy": "2025-06-30"}

    assert led(book, left) == {"cy": 0}


def test_an_account_that_left_came_back_and_left_is_two_churners() -> None:
    """Each notice has its own lead."""
    ann = [0.9, 0.9, None, 0.9, 0.9, 0.9]
    rows = rows_of({"ann": ann, "bob": [0.1] * 6, "cy": [0.2] * 6, "dee": DEE, "eve": [0.1] * 6}, {})
    rows.loc[(rows["account_id"] == "ann") & (rows["as_of"] < MONTHS[2]), "churned_at"] = pd.Timestamp("2025-02-15")
    rows.loc[(rows["account_id"] == "ann") & (rows["as_of"] > MONTHS[2]), "churned_at"] = pd.Timestamp("2025-06-11")
    leads = early_warning(rows, {"score": rows["score"]}, SINCE, RULES).leads

    assert leads.loc[leads["score"] == "score", "lead_days"].tolist() == [45, 71]


def worlds(accounts: int, seed: int) -> pd.DataFrame:
    """A portfolio in which accounts at risk from the start churn; one score predicts it well, another hardly."""
    rng = np.random.default_rng(seed)
    leaves = rng.random(accounts) < 0.2
    at = MONTHS[0] + pd.to_timedelta(rng.integers(100, 180, accounts), unit="D")
    frames = []
    for month in MONTHS:
        days = np.where(leaves, (at - month).days, 400)
        frame = pd.DataFrame({"account_id": [f"a{n}" for n in range(accounts)], "as_of": month})
        frame["good"] = leaves + rng.normal(0, 0.7, accounts)
        frame["poor"] = leaves + rng.normal(0, 2.0, accounts)
        frame["churned_at"] = pd.Series(at).where((days > 0) & (days <= 90))
        frames.append(frame[days > 0])
    return pd.concat(frames, ignore_index=True)


def test_scores_are_compared_at_the_same_stock_of_flags() -> None:
    """Each score uses its full capacity; `random` and `always` are baselines; the difference is paired."""
    rows = worlds(600, 1)
    found = early_warning(rows, {"good": rows["good"], "poor": rows["poor"]}, pd.Timestamp("2025-04-01"), RULES)
    share = {name: figures["early_share"].value for name, figures in found.metrics.items()}
    workload = {name: figures["workload"].value for name, figures in found.metrics.items()}

    assert workload["good"] == workload["poor"] == workload["random"] == pytest.approx(0.25, abs=0.002)
    assert (workload["always"], share["always"]) == (1.0, 1.0)
    assert share["good"] > share["poor"] > share["random"]
    assert share["random"] == pytest.approx(0.25, abs=0.1)
    assert found.differences["poor"].low > 0
    assert found.differences["poor"].value == pytest.approx(share["good"] - share["poor"])
    same = early_warning(rows, {"good": rows["good"], "twin": rows["good"]}, pd.Timestamp("2025-04-01"), RULES)
    assert same.differences["twin"].value == same.differences["twin"].high == 0


def test_nobody_left_is_no_figure() -> None:
    """NaN, not an error."""
    rows = rows_of({"ann": [0.9] * 6, "bob": [0.1] * 6}, {})
    found = early_warning(rows, {"score": rows["score"]}, SINCE, RULES)

    assert found.leads.empty
    assert np.isnan(found.metrics["score"]["early_share"].value)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 6)), min_size=4, max_size=4), min_size=1, max_size=25),
    st.sampled_from([0.1, 0.25, 0.5]),
)
def test_the_stock_is_never_exceeded_and_only_the_order_counts(scores: list, share: float) -> None:
    """At most the share of each month's portfolio; any score with the same ranking flags the same accounts."""
    score = np.array([[np.nan if s is None else s for s in row] for row in scores], dtype=float)
    present, draw = np.ones(score.shape, dtype=bool), np.random.default_rng(1).random(len(score))
    rules = EarlyWarningSettings(capacity_share=share)
    flags = flagged(score, present, draw, rules)
    places, known = int(share * len(score) + 1e-9), (~np.isnan(score)).sum(axis=0)

    assert (flags.sum(axis=0) == np.minimum(places, known)).all()
    assert not (flags & np.isnan(score)).any()
    np.testing.assert_array_equal(flags, flagged(np.exp(score) * 3 - 7, present, draw, rules))
