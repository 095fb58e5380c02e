"""Intercom's conversations become tickets, its companies accounts, the same from every source."""

import pytest

from tests.support.starter_sources import Source, Staged

SYSTEM = "intercom"
OWN = """
CREATE TABLE own_contracts (contract_id text, account_id text, start_on date, arr integer, currency text);
INSERT INTO own_contracts VALUES
('c1', '5f01', '2025-06-01', 12000, 'USD'), ('c2', '5f02', '2025-06-01', 600, 'USD');
CREATE TABLE own_usage (account_id text, day date, user_id text);
INSERT INTO own_usage VALUES ('5f01', '2026-05-31', 'u1'), ('5f02', '2026-05-30', 'u2');
"""


def test_intercom(staged: Staged) -> None:
    """Outreach and bots are no tickets; versions, reopened, seconds since 1970; whose contact it is (SRC-11)."""
    assert staged.rows("accounts", "account_id name industry valid_from") == {
        "5f01": ("Acme", "Retail", None),
        "5f02": ("Globex", None, None),
    }
    assert staged.rows("contacts", "contact_id account_id since role") == {"c1": ("5f01", "2025-02-02", None)}
    assert staged.set_aside("contacts") == {
        "c2|2025-02-02": "several_companies",
        "c5|2025-02-05": "company_deleted",
    }
    assert staged.rows("tickets", "ticket_id account_id opened_at priority first_response_at") == {
        "901": ("5f01", "2026-04-01 08:00", "high", "2026-04-01 08:30"),
        "902": ("5f02", "2026-05-01 09:00", None, "2026-05-01 09:20"),
        "903": ("5f02", "2026-05-05 09:00", None, None),
    }
    assert staged.rows("tickets", "ticket_id closed closed_at csat csat_at") == {
        "901": (True, "2026-04-08 09:00", 5.0, "2026-04-09 09:00"),
        "902": (False, None, None, None),
        "903": (True, "2026-05-07 09:00", None, None),
    }
    assert staged.rows("tickets", "ticket_id sentiment")["901"] < 0
    assert staged.set_aside("tickets") == {
        "908": "several_companies",
        "909": "no_company",
        "910": "company_deleted",
    }
    assert staged.uncast() == []


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err
