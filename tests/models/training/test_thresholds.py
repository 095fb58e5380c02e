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
