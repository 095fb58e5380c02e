"""Segment's calls become usage, accounts and contacts, the same from every source."""

import pytest

from tests.support.starter_sources import Source, Staged

SYSTEM = "segment"
OWN = """
CREATE TABLE own_contracts (contract_id text, account_id text, start_on date, arr integer, currency text);
INSERT INTO own_contracts VALUES
('c1', 'acme', '2026-05-01', 12000, 'USD'), ('c2', 'globex', '2026-05-01', 600, 'USD');
"""


def test_segment(staged: Staged) -> None:
    """Group calls give the account; anonymous and robots' events do not count; late ones are known late (SRC-11)."""
    assert staged.rows("accounts", "account_id name industry valid_from") == {
        "acme": ("Acme", "Retail", None),
        "globex": ("Globex AG", None, None),
    }
    assert staged.values("contacts", "contact_id account_id since") == [
        ("ann", "acme", "2026-05-01"),
        ("bob", "globex", "2026-05-02"),
        ("cleo", "acme", "2026-05-03"),
        ("cleo", "globex", "2026-05-15"),
    ]
    assert staged.values("usage", "day account_id user_id feature events known_at") == [
        # Known when the group call was received; the others at the midnight after the day.
        ("2026-05-01", "acme", "ann", "signed_up", 1, "2026-05-02 00:00"),
        ("2026-05-04", "acme", "ann", "report_exported", 2, "2026-05-05 00:00"),
        ("2026-05-06", "acme", "ann", "report_exported", 1, "2026-05-07 00:00"),
        ("2026-05-07", "globex", "bob", "report_viewed", 1, "2026-05-14 09:00"),
        ("2026-05-15", "acme", "cleo", "report_viewed", 1, "2026-05-16 00:00"),
        ("2026-05-15", "globex", "cleo", "report_viewed", 1, "2026-05-16 00:00"),
        ("2026-05-16", "acme", "cleo", "report_viewed", 1, "2026-05-17 00:00"),
        ("2026-05-17", "acme", None, "import_finished", 1, "2026-05-18 00:00"),
        ("2026-05-21", "globex", "bob", "page_team_settings", 1, "2026-05-22 00:00"),
        ("2026-05-31", "globex", "bob", "page_view", 1, "2026-06-01 00:00"),
    ]
    assert staged.set_aside("usage") == {
        "|2026-05-08|dan|report_viewed": "user_without_group",
        "globex|2029-05-08|bob|report_viewed": "later_than_received",
    }
    assert staged.uncast() == []


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err
