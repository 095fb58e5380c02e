"""PostHog's events become usage, its groups accounts, the same from every source."""

import pytest

from tests.support.starter_sources import Source, Staged

SYSTEM = "posthog"
OWN = """
CREATE TABLE own_contracts (contract_id text, account_id text, start_on date, arr integer, currency text);
INSERT INTO own_contracts VALUES
('c1', 'acme', '2026-05-01', 12000, 'USD'), ('c2', 'globex', '2026-05-01', 600, 'USD');
"""
ANN = "00000000-0000-0000-0000-0000000000a1"


def test_posthog(staged: Staged) -> None:
    """Groups in a column or in JSON; anonymous visitors are no users; robots do not count; late is late (SRC-11)."""
    assert staged.rows("accounts", "account_id name industry valid_from") == {
        "acme": ("Acme", "Retail", None),
        "globex": ("Globex", None, None),
    }
    assert staged.values("usage", "day account_id user_id feature events known_at") == [
        ("2026-05-04", "acme", ANN, "report_exported", 2, "2026-05-05 00:00"),
        ("2026-05-06", "globex", "bob", "pageview", 1, "2026-05-07 00:00"),
        ("2026-05-07", "globex", "bob", "report_viewed", 1, "2026-05-14 09:00"),
        ("2026-05-08", "acme", None, "pageview", 1, "2026-05-09 00:00"),
        ("2026-05-31", "globex", "bob", "autocapture", 1, "2026-06-01 00:00"),
    ]
    assert staged.set_aside("usage") == {
        "|2026-05-08|dan|pageview": "user_without_group",
        "globex|2029-05-08|bob|pageview": "later_than_stored",
    }
    assert staged.uncast() == []


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err
