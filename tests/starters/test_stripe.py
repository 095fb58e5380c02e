"""The starter for Stripe: its own tables in three sources, and what they become (SRC-11)."""

from pathlib import Path

import pytest

from tests.support.running import mart
from tests.support.starter_sources import AS_OF, DUCKDB, Source, Staged, open_source

SYSTEM = "stripe"
OWN = """
CREATE TABLE own_usage (account_id text, day date, user_id text, events integer);
INSERT INTO own_usage VALUES ('cus_acme', '2026-05-31', 'u1', 4), ('cus_bolt', '2026-05-30', 'u2', 1);
"""

# id, account, start, end, ended, signed, notice
TERMS = [
    ("sub_ended", "cus_dune", "2025-03-20", None, "2026-03-20", "2025-03-20", "2026-02-02"),
    ("sub_failed", "cus_gone", "2022-06-01", None, "2025-07-20", "2024-06-01", None),
    ("sub_items", "cus_acme", "2024-01-10", None, None, "2024-01-10", None),
    ("sub_late", "cus_cora", "2024-03-01", None, None, "2024-03-01", None),
    ("sub_notice", "cus_bolt", "2024-02-01", None, None, "2024-02-01", "2026-05-12"),
    ("sub_paid", "cus_fern", "2024-05-15", None, None, None, None),
    ("sub_paused", "cus_fern", "2026-01-05", None, None, "2026-01-05", None),
    ("sub_term", "cus_acme", "2026-01-01", "2027-01-01", None, "2026-01-01", None),
    ("sub_trial", "cus_echo", "2026-05-20", None, None, "2026-05-20", None),
    ("sub_week", "cus_dune", "2026-03-20", None, None, "2026-03-20", None),
]
# id, arr, currency, seats, plan, trial
MONEY = [
    ("sub_ended", 1200.0, "USD", 5, "Team", False),
    ("sub_failed", 2400.0, "USD", 10, "Team", False),
    ("sub_items", 3900.0, "USD", 15, "Team", False),
    ("sub_late", 288000.0, "JPY", 2, "Team", False),
    ("sub_notice", 3600.0, "EUR", None, "Team", False),
    ("sub_paid", 25.5, "KWD", None, "Flow", False),
    ("sub_paused", 480.0, "USD", 2, "Team", True),
    ("sub_term", 360.0, "USD", 25, "Packs", False),
    ("sub_trial", 720.0, "USD", 3, "Team", True),
    ("sub_week", 1092.52, "USD", 4, "Flow", False),
]
# id, account, issued, due, amount, currency, credit of
INVOICES = [
    ("cn_open", "cus_bolt", "2026-04-20", None, -200.0, "EUR", "in_again"),
    ("cn_refund", "cus_fern", "2026-05-25", None, -5.5, "KWD", "in_dispute"),
    ("cn_void", "cus_bolt", "2026-04-19", None, -300.0, "EUR", "in_again"),
    ("in_again", "cus_bolt", "2026-04-03", "2026-05-03", 900.0, "EUR", None),
    ("in_balance", "cus_dune", "2026-05-15", None, 30.0, "USD", None),
    ("in_dispute", "cus_fern", "2026-05-15", None, 25.5, "KWD", None),
    ("in_lost", "cus_cora", "2026-03-01", None, 24000.0, "JPY", None),
    ("in_minus", "cus_dune", "2026-03-20", None, 0.0, "USD", None),
    ("in_retry", "cus_acme", "2026-05-10", None, 324.0, "USD", None),
    ("in_void", "cus_bolt", "2026-04-01", "2026-05-01", 900.0, "EUR", None),
]
# id, paid, void, first failed, last failed, disputed
PAYMENTS = [
    ("cn_open", None, None, None, None, None),
    ("cn_refund", "2026-05-25 09:00", None, None, None, None),
    ("cn_void", None, "2026-04-20 08:00", None, None, None),
    ("in_again", None, None, None, None, None),
    ("in_balance", None, None, "2026-05-15 12:00", "2026-05-15 12:00", None),
    ("in_dispute", "2026-05-15 09:30", None, None, None, "2026-05-22 14:00"),
    ("in_lost", None, None, None, None, None),
    ("in_minus", "2026-03-20 10:00", None, None, None, None),
    ("in_retry", "2026-05-17 10:00", None, "2026-05-10 11:00", "2026-05-13 11:00", None),
    ("in_void", None, "2026-04-03 08:00", None, None, None),
]


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err


def test_customers_are_accounts_without_a_history(staged: Staged) -> None:
    """The name is whatever a customer is called by; deleted ones stay, test mode does not (SRC-11, SRC-1)."""
    assert staged.values("accounts", "account_id valid_from name country") == [
        ("cus_acme", None, "Acme", "US"),
        ("cus_bolt", None, "Bolt GmbH", "DE"),
        ("cus_cora", None, "ops@cora.example", "JP"),
        ("cus_dune", None, "Dune", "GB"),
        ("cus_echo", None, "Echo", None),
        ("cus_fern", None, "Fern", "FR"),
        ("cus_gone", None, "Gone", "US"),
    ]


def test_a_subscription_is_one_contract_with_its_own_dates(staged: Staged) -> None:
    """Trials, notices, terms and ends of every status; what never began is left out (SRC-11, SRC-2)."""
    columns = "contract_id account_id start_on end_on ended_on signed_on notice_on"

    assert staged.values("contracts", columns) == TERMS


def test_arr_is_that_of_the_items_per_year(staged: Staged) -> None:
    """Minor units, intervals, packages, metered and removed items (SRC-11)."""
    assert staged.values("contracts", "contract_id arr currency seats plan trial") == MONEY


def test_what_has_no_arr_is_set_aside_with_its_reason(staged: Staged) -> None:
    """A tiered price and a subscription without items are counted, not dropped (SRC-4, SRC-11)."""
    assert staged.values("quarantine", "table_name key reason") == [
        ("contracts", "sub_empty", "no_items"),
        ("contracts", "sub_tier", "tiered_or_missing_price"),
    ]


def test_invoices_and_credit_notes_are_what_was_asked_for(staged: Staged) -> None:
    """Minor units, balances, voids and credits; drafts, deleted ones and test mode are left out (SRC-11, SRC-2)."""
    assert staged.values("invoices", "invoice_id account_id issued_on due_on amount currency credit_of") == INVOICES


def test_payments_and_every_attempt_have_their_time(staged: Staged) -> None:
    """The first failure stays the first; a charge may name only its payment intent (SRC-11)."""
    assert staged.values("invoices", "invoice_id paid_at voided_at first_failed_at failed_at disputed_at") == PAYMENTS


@pytest.mark.slow
def test_the_portfolio_counts_who_pays(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The month's book: five customers who pay and one on trial, in USD; one leaves (SRC-11)."""
    source = open_source(request, DUCKDB, SYSTEM, tmp_path, OWN)

    ran = source.run("monthly")

    assert ran.code == 0, ran.err
    scores = mart(source.out, "health_scores", AS_OF).sort_values("account_id")
    book = {row.account_id: (row.status, round(row.arr, 2)) for row in scores.itertuples()}
    assert book == {
        "cus_acme": ("active", 4260.0),
        "cus_bolt": ("leaving", 3960.0),
        "cus_cora": ("active", 2016.0),
        "cus_dune": ("active", 1092.52),
        "cus_echo": ("active", 0.0),
        "cus_fern": ("active", 76.5),
    }
