"""Which accounts are flagged, by policy and within capacity (MOD-5)."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from keepwell.models.settings.training import PolicySettings
from keepwell.models.training.thresholds import (
    NOBODY,
    PRECISION_FIRST,
    RECALL_FIRST,
    choose_thresholds,
    flagged,
    policy_group,
    what_if,
    within_capacity,
)

POLICY = PolicySettings(capacity_share=0.2, precision_lift=2.0)


def book(segments, y_prob, y_true, *, high_value=False):
    """Rows of one month."""
    return pd.DataFrame(
        {
            "segment": segments, "high_value": high_value, "arr": 100.0, "as_of": pd.Timestamp("2026-01-01"),
            "chance": y_prob, "happened": y_true,
        }
    )  # fmt: skip


def thresholds_of(rows, policy=POLICY):
    return choose_thresholds(rows, rows["happened"].to_numpy(dtype=float), rows["chance"].to_numpy(), policy)


def random_book(seed, size=400):
    rng = np.random.default_rng(seed)
    y_prob = np.round(rng.beta(1, 8, size), 2)  # many ties
    segments = rng.choice(["digital-touch", "enterprise"], size)
    return book(segments, y_prob, rng.random(size) < y_prob, high_value=rng.random(size) < 0.1)


def test_a_high_value_account_is_never_precision_first():
    """Missing one is expensive, whatever its segment (MOD-5)."""
    rows = book(["digital-touch"] * 2 + ["enterprise"], [0.1] * 3, [0, 0, 0])
    rows["high_value"] = [True, False, False]

    assert list(policy_group(rows, POLICY)) == [RECALL_FIRST, PRECISION_FIRST, RECALL_FIRST]


@given(st.integers(0, 200))
def test_never_more_are_flagged_than_the_teams_can_work_on(seed):
    """Both groups together, ties included (MOD-5)."""
    rows = random_book(seed)
    above = flagged(rows, rows["chance"].to_numpy(), thresholds_of(rows), POLICY)

    assert above.sum() <= 0.2 * len(rows)


@given(st.integers(0, 200))
def test_precision_first_flags_only_where_so_many_left(seed):
    """The flagged of digital-touch churned at least twice as often as the base rate, or none is flagged (MOD-5)."""
    rows = random_book(seed)
    thresholds = thresholds_of(rows)
    precise = policy_group(rows, POLICY) == PRECISION_FIRST
    above = flagged(rows, rows["chance"].to_numpy(), thresholds, POLICY) & precise

    if thresholds[PRECISION_FIRST] == NOBODY:
        assert not above.any()
    else:
        assert rows.loc[above, "happened"].mean() >= 2 * rows["happened"].mean()


def test_recall_first_stops_where_recall_is_enough():
    """Ten churners at the top, capacity for fifty: none is flagged beyond the eighth (MOD-5)."""
    y_prob = np.linspace(0.9, 0.01, 250)
    rows = book(["enterprise"] * 250, y_prob, [1] * 10 + [0] * 240)

    thresholds = thresholds_of(rows)

    assert flagged(rows, y_prob, thresholds, POLICY).sum() == 8


def test_equal_probabilities_that_exceed_capacity_flag_nobody():
    """A threshold cannot separate them, and half of a tie would be arbitrary (MOD-5)."""
    rows = book(["enterprise"] * 10, [0.3] * 10, [1] + [0] * 9)

    assert thresholds_of(rows)[RECALL_FIRST] == NOBODY


def test_what_if_has_workload_churn_and_arr():
    """Half the portfolio flagged: both churners of the month caught, and their ARR (MOD-5)."""
    rows = book(["enterprise"] * 10, np.linspace(0.9, 0.1, 10), [1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
    table = what_if(
        rows, rows["happened"].to_numpy(float), rows["chance"].to_numpy(), PolicySettings(what_if_shares=(0.5,))
    )

    whole = table[table["group"] == "all"].iloc[0]
    assert (whole["accounts_per_month"], whole["caught"], whole["arr_caught"]) == (5, 2, 200.0)
    assert np.isclose(whole["recall"], 2 / 3)
    assert np.isclose(whole["precision"], 0.4)


@given(st.integers(0, 200))
def test_on_no_date_are_more_flagged_than_capacity_with_its_slack(seed):
    """Thresholds of calmer months: the riskiest stay, accounts of equal probability together (MOD-5)."""
    rows = random_book(seed)
    y_prob = rows["chance"].to_numpy()
    calm = np.full(len(rows), 0.02)
    limits = within_capacity(rows, y_prob, calm, POLICY)
    above = y_prob >= limits

    assert above.sum() <= 0.24 * len(rows)
    assert y_prob[above].min(initial=1.0) > y_prob[~above].max()
    one_more = y_prob >= y_prob[~above].max()
    assert one_more.sum() > 0.24 * len(rows), "not one more would have fitted"


def test_a_small_book_may_have_one_flagged_account_and_thresholds_that_fit_stay():
    """Twelve hundredths of two accounts are one (MOD-5)."""
    rows = book(["enterprise"] * 2, [0.9, 0.8], [0, 0])
    y_prob, chosen = rows["chance"].to_numpy(), np.array([0.5, 0.85])

    assert list(y_prob >= within_capacity(rows, y_prob, np.array([0.5, 0.5]), PolicySettings())) == [True, False]
    assert list(within_capacity(rows, y_prob, chosen, PolicySettings())) == list(chosen)


def test_each_month_has_its_own_capacity():
    """One bad month takes nothing from the next (MOD-5)."""
    rows = pd.concat([random_book(1), random_book(2).assign(as_of=pd.Timestamp("2026-02-01"))], ignore_index=True)
    y_prob = np.where(rows["as_of"] == "2026-01-01", 0.5 + rows["chance"] / 2, rows["chance"]).astype(float)

    above = flagged(rows, y_prob, {RECALL_FIRST: 0.4, PRECISION_FIRST: 0.4}, POLICY)

    january = (rows["as_of"] == "2026-01-01").to_numpy()
    assert 0.15 * 400 < above[january].sum() <= 0.24 * 400
    assert (above[~january] == (y_prob[~january] >= 0.4)).all()
