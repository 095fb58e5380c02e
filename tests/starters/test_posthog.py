"""PostHog's events become usage, its groups accounts, the same from every source."""

from pathlib import Path

import pytest

from tests.starters.three_sources import SOURCES, open_source

OWN = """
CREATE TABLE own_contracts (contract_id text, account_id text, start_on date, arr integer, currency text);
INSERT INTO own_contracts VALUES
('c1', 'acme', '2026-05-01', 12000, 'USD'), ('c2', 'globex', '2026-05-01', 600, 'USD');
"""
CONTRACTS = "SELECT c.contract_id, c.account_id, c.start_on, c.arr, c.currency FROM own_contracts AS c"
TABLES = ("accounts", "usage")
ANN = "00000000-0000-0000-0000-0000000000a1"


@pytest.mark.parametrize("kind", SOURCES)
def test_posthog(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Groups in a column or in JSON; anonymous visitors are no users; robots do not count; late is late (SRC-11)."""
    source = open_source(kind, "posthog", tmp_path, lambda: request.getfixturevalue("postgres_url"), OWN)

    staged = source.staged("posthog", *TABLES)

    assert staged.rows("accounts", "account_id", "name", "industry", "valid_from") == {
        "acme": ("Acme", "Retail", None),
        "globex": ("Globex", None, None),
    }
    assert staged.values("usage", "day", "account_id", "user_id", "feature", "events", "known_at") == [
        ("2026-05-04", "acme", ANN, "report_exported", 2, "2026-05-05 00:00:00"),
        ("2026-05-06", "globex", "bob", "pageview", 1, "2026-05-07 00:00:00"),
        ("2026-05-07", "globex", "bob", "report_viewed", 1, "2026-05-14 09:00:00"),
        ("2026-05-08", "acme", None, "pageview", 1, "2026-05-09 00:00:00"),
        ("2026-05-31", "globex", "bob", "autocapture", 1, "2026-06-01 00:00:00"),
    ]
    assert staged.set_aside("usage") == {
        "|2026-05-08|dan|pageview": "user_without_group",
        "globex|2029-05-08|bob|pageview": "later_than_stored",
    }
    assert staged.uncast() == []

    ran = source.run("posthog", TABLES, "check", "--as-of", "2026-06-01", contracts=CONTRACTS)

    assert ran.code == 0, ran.out + ran.err
