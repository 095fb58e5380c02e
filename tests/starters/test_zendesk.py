"""Zendesk's tables become accounts, contacts and tickets, the same from every source."""

import pytest

from tests.support.starter_sources import Source, Staged

SYSTEM = "zendesk"
OWN = """
CREATE TABLE own_contracts (contract_id text, account_id text, start_on date, arr integer, currency text);
INSERT INTO own_contracts VALUES
('c1', '360001', '2025-06-01', 12000, 'USD'), ('c2', '360002', '2025-06-01', 600, 'USD');
CREATE TABLE own_usage (account_id text, day date, user_id text);
INSERT INTO own_usage VALUES ('360001', '2026-05-31', 'u1'), ('360002', '2026-05-30', 'u2');
"""


def test_zendesk(staged: Staged) -> None:
    """Merged, deleted, spam; reopened; raised priority; good and bad; answers of agents alone (SRC-11, SRC-10)."""
    assert staged.rows("accounts", "account_id name valid_from") == {
        "360001": ("Acme", None),
        "360002": ("Globex", None),
    }
    assert staged.rows("contacts", "contact_id account_id since left_on role") == {
        "11": ("360001", "2025-01-11", None, None),
        "12": ("360002", "2025-02-02", "2026-03-03", None),
    }
    assert staged.set_aside("contacts") == {"13|2025-02-03": "organization_deleted"}
    assert staged.rows("tickets", "ticket_id account_id opened_at priority priority_at") == {
        "1": ("360001", "2026-03-01 08:00", "urgent", "2026-03-02 14:00"),
        "2": ("360002", "2026-05-20 10:00", "urgent", "2026-05-20 10:00"),
        "3": ("360001", "2026-04-01 10:00", None, None),
        "4": ("360001", "2026-04-10 10:00", "low", "2026-04-10 10:00"),
    }
    assert staged.rows("tickets", "ticket_id closed closed_at") == {
        "1": (True, "2026-03-12 16:00"),
        "2": (False, None),
        "3": (True, "2026-04-03 10:00"),
        "4": (True, "2026-04-12 18:00"),
    }
    assert staged.rows("tickets", "ticket_id first_response_at csat csat_at") == {
        "1": ("2026-03-01 08:30", 5.0, "2026-03-13 07:00"),
        "2": ("2026-05-20 11:30", None, None),
        "3": (None, 5.0, None),
        "4": ("2026-04-10 12:00", 1.0, "2026-04-14 10:00"),
    }
    assert staged.rows("tickets", "ticket_id sentiment")["4"] > 0
    assert staged.set_aside("tickets") == {"10": "no_organization", "11": "organization_deleted"}
    assert staged.uncast() == []


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err
