"""Where nothing changes health stays, and it still sees what does change (HLT-3, FEA-4)."""

import pytest

from evaluation.results_constant import LEAST_CORRELATION, MOST_FLAGGED, Months, constant_months
from tests.support.constant_world import MONTHLY

SEED, ACCOUNTS = 7, 40


@pytest.fixture(scope="module")
def months() -> Months:
    """A company of 120 accounts with the three required tables, where noise is largest."""
    return constant_months(ACCOUNTS, SEED, optional=False)


@pytest.mark.slow
def test_chance_alone_flags_no_account(months: Months) -> None:
    """At most 1% of account-months above 15 points, among those of 20 actions a month as well as in all (HLT-3)."""
    assert months.flagged() <= MOST_FLAGGED
    assert months.flagged(MONTHLY[0]) <= 3 * MOST_FLAGGED  # 240 account-months: two or three by noise


@pytest.mark.slow
def test_health_is_what_lasts_of_an_account(months: Months) -> None:
    """It correlates with that of the month before by 0.85 or more, and no one measure makes half of what moves."""
    assert months.correlation >= LEAST_CORRELATION
    assert months.shares.sum() == pytest.approx(1)
    assert months.shares.max() < 0.5
