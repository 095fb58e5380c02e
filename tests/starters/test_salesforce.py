"""The starter for Salesforce: its own tables in three sources, and what they become (SRC-11)."""

from pathlib import Path

import pytest

from tests.support.running import mart
from tests.support.starter_sources import AS_OF, DUCKDB, Source, Staged, open_source

SYSTEM = "salesforce"
OWN = """
CREATE TABLE own_usage (account_id text, day date, user_id text, events integer);
INSERT INTO own_usage VALUES ('001A', '2026-05-31', 'u1', 4), ('001B', '2026-05-30', 'u2', 1);
"""


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err


def test_accounts_are_today_s_and_have_a_csm(staged: Staged) -> None:
    """Merged, deleted and earlier rows are left out; a country is a code or not known (SRC-11, SRC-1)."""
    assert staged.values("accounts", "account_id valid_from name parent_id industry country csm") == [
        ("001A", None, "Acme", None, "Software", "US", "Ivy Lund"),
        ("001B", None, "Bolt", "001A", "Retail", None, "Omar Diaz"),
        ("001C", None, "Cora", None, None, None, None),
    ]


def test_won_opportunities_are_contracts(staged: Staged) -> None:
    """The term is that of the contract, to the day after its last, else a year; ARR is per year (SRC-11, SRC-2)."""
    columns = "contract_id account_id start_on end_on ended_on signed_on arr currency"

    assert staged.values("contracts", columns) == [
        ("006A", "001A", "2025-01-01", "2027-01-01", None, "2024-12-12", 12000.0, "USD"),
        ("006B", "001A", "2026-05-04", "2027-01-01", None, "2026-05-04", 1200.0, "USD"),
        ("006C", "001B", "2025-07-31", "2026-07-31", None, "2025-07-31", 3000.0, "EUR"),
        ("006D", "001C", "2025-09-01", "2026-09-01", "2026-03-10", "2025-08-20", 1200.0, "USD"),
    ]


def test_won_without_an_amount_is_set_aside(staged: Staged) -> None:
    """Counted with its reason, not dropped (SRC-4, SRC-11)."""
    assert staged.values("quarantine", "table_name key reason") == [
        ("contracts", "006G", "no_amount"),
        ("contracts", "006H", "amount_below_zero"),
    ]


def test_contacts_have_their_role_and_the_day_they_left(staged: Staged) -> None:
    """By the relation to the account, else by an executive's title (SRC-11)."""
    assert staged.values("contacts", "contact_id account_id since role left_on") == [
        ("003A", "001A", "2024-03-01", "champion", "2026-04-30"),
        ("003B", "001A", "2024-02-02", "executive", None),
        ("003C", "001B", "2026-05-20", "user", None),
    ]


def test_opportunities_have_the_history_of_their_stages(staged: Staged) -> None:
    """Won and lost by the org's own flags; new business and earlier versions are left out (SRC-11)."""
    columns = "opportunity_id account_id changed_at kind stage value currency owner"

    assert staged.values("opportunities", columns) == [
        ("006B", "001A", "2026-04-01 09:00", "expansion", "proposal", 700.0, "USD", "Ivy Lund"),
        ("006B", "001A", "2026-04-15 09:00", "expansion", "proposal", 900.0, "USD", "Ivy Lund"),
        ("006B", "001A", "2026-05-04 15:00", "expansion", "won", 900.0, "USD", "Ivy Lund"),
        ("006E", "001B", "2026-05-01 09:00", "renewal", "negotiation", 3300.0, "EUR", "Omar Diaz"),
        ("006F", "001A", "2026-01-10 09:00", "expansion", "open", 500.0, "USD", "Ivy Lund"),
        ("006F", "001A", "2026-02-20 00:00", "expansion", "lost", 500.0, "USD", "Ivy Lund"),
    ]


def test_events_and_completed_tasks_are_touchpoints(staged: Staged) -> None:
    """No-shows did not come; canceled events, copies, mass emails and open tasks are none (SRC-11)."""
    assert staged.values("touchpoints", "touchpoint_id account_id happened_at known_at kind role attended") == [
        ("00TA", "001A", "2026-05-14 13:00", "2026-05-14 13:00", "call", "champion", None),
        ("00TC", "001B", "2026-05-21 00:00", "2026-05-21 08:00", "email", "user", None),
        ("00UA", "001A", "2026-05-04 14:00", "2026-05-06 09:00", "meeting", "executive", None),
        ("00UB", "001A", "2026-05-11 14:00", "2026-05-11 14:00", "meeting", "champion", False),
        ("00UE", "001B", "2026-05-20 00:00", "2026-05-20 00:00", "call", "user", None),
    ]


def test_cases_are_tickets_with_their_highest_priority(staged: Staged) -> None:
    """Raised later, lowered, opened again, resolved without a time; spam, merged and deleted are left out (SRC-11)."""
    assert staged.values("tickets", "ticket_id account_id priority priority_at closed_at closed escalated_at") == [
        ("500A", "001A", "high", "2026-05-03 12:00", "2026-05-05 09:00", True, "2026-05-04 10:00"),
        ("500B", "001A", "critical", None, None, False, None),
        ("500C", "001B", "low", None, "2026-05-12 17:00", True, None),
    ]


@pytest.mark.slow
def test_the_portfolio_is_what_was_won(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The month's book: two accounts under contract, one terminated (SRC-11)."""
    source = open_source(request, DUCKDB, SYSTEM, tmp_path, OWN)

    ran = source.run("monthly")

    assert ran.code == 0, ran.err
    scores = mart(source.out, "health_scores", AS_OF).sort_values("account_id")
    assert [(row.name, row.status, round(row.arr, 2)) for row in scores.itertuples(index=False)] == [
        ("Acme", "active", 13200.0),
        ("Bolt", "active", 3300.0),
    ]
