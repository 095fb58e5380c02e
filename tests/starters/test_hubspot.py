"""The starter for HubSpot: its own tables in three sources, and what they become (SRC-11)."""

from pathlib import Path

import pytest

from tests.support.running import mart
from tests.support.starter_sources import AS_OF, CSV, Source, Staged, open_source

SYSTEM = "hubspot"
OWN = """
CREATE TABLE own_contracts (
    contract_id text, account_id text, start_on date, ended_on date, arr integer, currency text
);
INSERT INTO own_contracts VALUES
    ('c1', '9001', '2024-02-01', NULL, 6000, 'USD'), ('c2', '9002', '2024-02-01', NULL, 2000, 'USD'),
    ('c3', '9003', '2024-03-20', '2026-03-20', 1200, 'EUR');
CREATE TABLE own_usage (account_id text, day date, user_id text, events integer);
INSERT INTO own_usage VALUES ('9001', '2026-05-31', 'u1', 4), ('9002', '2026-05-30', 'u2', 1);
"""


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err


def test_companies_are_accounts_whatever_their_stage_today(staged: Staged) -> None:
    """Owners are CSMs, parents are kept; merged and deleted companies are left out (SRC-11, SRC-1)."""
    assert staged.values("accounts", "account_id valid_from name parent_id industry country csm") == [
        ("9001", None, "Acme", None, "COMPUTER_SOFTWARE", "US", "Ivy Lund"),
        ("9002", None, "Bolt", "9001", "RETAIL", "DE", "omar@us.example"),
        ("9003", None, "Cora", None, None, None, None),
    ]


def test_contacts_have_the_role_in_which_they_buy(staged: Staged) -> None:
    """One of several roles counts; who was deleted has left; merged and lone contacts are left out (SRC-11)."""
    assert staged.values("contacts", "contact_id account_id since role left_on") == [
        ("11", "9001", "2024-02-01", "champion", None),
        ("12", "9001", "2024-02-02", "executive", None),
        ("13", "9002", "2024-02-03", None, None),
        ("16", "9002", "2024-02-05", "sponsor", "2026-04-12"),
        ("18", "9003", "2024-02-06", "sponsor", None),
        ("19", "9002", "2026-05-20", "user", None),
    ]


def test_deals_are_opportunities_with_the_history_of_their_stages(staged: Staged) -> None:
    """Won and lost by the pipeline's own flags; new business, merged and deleted deals are left out (SRC-11)."""
    columns = "opportunity_id account_id changed_at kind stage value currency owner"

    assert staged.values("opportunities", columns) == [
        ("301", "9001", "2026-03-01 09:00", "expansion", "open", 600.0, "USD", "Ivy Lund"),
        ("301", "9001", "2026-03-20 09:00", "expansion", "negotiation", 600.0, "USD", "Ivy Lund"),
        ("301", "9001", "2026-04-10 09:00", "expansion", "won", 600.0, "USD", "Ivy Lund"),
        ("302", "9003", "2026-02-01 09:00", "renewal", "proposal", 1200.0, "EUR", "omar@us.example"),
        ("302", "9003", "2026-03-15 09:00", "renewal", "lost", 1200.0, "EUR", "omar@us.example"),
        ("303", "9002", "2026-05-01 09:00", "renewal", "negotiation", 2000.0, None, None),
        ("307", "9001", "2026-01-10 09:00", "expansion", "open", 300.0, "USD", "Ivy Lund"),
        ("307", "9001", "2026-02-20 09:00", "expansion", "lost", 300.0, "USD", "Ivy Lund"),
    ]


def test_meetings_calls_and_emails_are_touchpoints(staged: Staged) -> None:
    """NO_SHOW did not come; canceled and planned meetings, unanswered calls and bounced emails are none (SRC-11)."""
    columns = "touchpoint_id account_id happened_at known_at kind role attended answered_at"

    assert staged.values("touchpoints", columns) == [
        ("801:9001", "9001", "2026-05-04 14:00", "2026-05-06 09:00", "meeting", "executive", True, None),
        ("801:9002", "9002", "2026-05-04 14:00", "2026-05-06 09:00", "meeting", "executive", True, None),
        ("802:9001", "9001", "2026-05-11 14:00", "2026-05-11 14:00", "meeting", "champion", False, None),
        ("805:9001", "9001", "2026-05-20 14:00", "2026-05-20 14:00", "meeting", None, None, None),
        ("806:9002", "9002", "2026-05-14 13:00", "2026-05-14 13:00", "call", None, True, None),
        ("808:9002", "9002", "2026-05-21 14:00", "2026-05-21 14:00", "meeting", None, False, None),
        ("811:9001", "9001", "2026-05-21 08:00", "2026-05-21 08:00", "email", None, True, "2026-05-21 16:00"),
        ("814:9002", "9002", "2026-05-23 08:00", "2026-05-23 08:00", "email", None, None, None),
        ("816:9002", "9002", "2026-05-25 08:00", "2026-05-25 08:00", "email", None, True, "2026-05-25 08:00"),
    ]


def test_an_email_has_the_sentiment_of_its_answer(staged: Staged) -> None:
    """HTML goes through as it is; the sentiment is known when the answer came (SRC-11)."""
    rows = staged.rows("touchpoints", "touchpoint_id sentiment scored_at")

    assert rows["811:9001"][0] < 0 < rows["816:9002"][0]
    assert rows["811:9001"][1] == "2026-05-21 16:00"
    assert rows["814:9002"][0] is None


def test_nps_answers_are_surveys(staged: Staged) -> None:
    """Other surveys have other scales (SRC-11)."""
    assert staged.values("surveys", "survey_id account_id answered_at score") == [
        ("601", "9001", "2026-04-01 10:00", 9)
    ]


def test_tickets_have_their_highest_priority_and_their_closing(staged: Staged) -> None:
    """Raised later, opened again, resolved without a time, deleted (SRC-11)."""
    columns = "ticket_id account_id opened_at priority priority_at first_response_at closed_at closed"

    assert staged.values("tickets", columns) == [
        ("401", "9001", "2026-05-02 09:00", "urgent", "2026-05-03 12:00", "2026-05-02 10:00", "2026-05-05 09:00", True),
        ("402", "9001", "2026-05-03 09:00", "high", None, None, None, False),
        ("403", "9002", "2026-05-10 09:00", None, None, None, "2026-05-12 17:00", True),
    ]


@pytest.mark.slow
def test_the_portfolio_has_its_csms(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The month's book: two companies under contract (SRC-11)."""
    source = open_source(request, CSV, SYSTEM, tmp_path, OWN)

    ran = source.run("monthly")

    assert ran.code == 0, ran.err
    scores = mart(source.out, "health_scores", AS_OF).sort_values("account_id")
    assert [(row.account_id, row.name, row.arr) for row in scores.itertuples(index=False)] == [
        ("9001", "Acme", 6000.0),
        ("9002", "Bolt", 2000.0),
    ]
