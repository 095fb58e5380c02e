"""Tables of a company's own become every canonical table, the same from every source."""

import re
import tomllib

import pytest

from keepwell.features.facts.canonical import TABLES
from tests.support.starter_sources import STARTERS, Source, Staged

SYSTEM = "tables"
OWN = ""
ID = "00000000-0000-0000-0000-00000000000"


def test_tables(staged: Staged) -> None:
    """Monthly amounts and cents to ARR; logs to counts; words to canonical ones; nothing is closed twice (SRC-11)."""
    assert staged.rows("accounts", "account_id name parent_id country segment csm") == {
        "1": ("Acme", None, "GB", "enterprise", "kim"),
        "2": ("Globex", "1", "DE", None, None),
    }
    assert staged.rows("contracts", "contract_id account_id arr currency trial notice_on") == {
        "1": ("1", 12_000.0, "USD", False, None),
        "2": ("2", 1_200.0, "EUR", None, "2026-05-02"),
        "3": ("2", 12_000.0, "EUR", None, None),
        "4": ("1", 60_000.0, "JPY", None, None),
        "5": ("2", 600.0, "EUR", True, None),
        "8": ("2", 0.0, "EUR", True, None),
        "9": ("1", 1_200.0, "EUR", None, None),
    }
    assert staged.rows("contracts", "contract_id replaces")["3"] == "2"
    assert staged.values("usage", "day account_id user_id feature events minutes known_at") == [
        ("2026-05-01", "1", "u1", "export_pdf", 2, 4.0, "2026-05-04 09:00"),
        ("2026-05-03", "2", None, "login", 5, None, "2026-05-04 00:00"),
        ("2026-05-31", "2", "u2", "login", 1, None, "2026-06-01 00:00"),
    ]
    assert staged.set_aside("usage") == {"|2026-05-01|u9|login": "no_account"}
    assert staged.rows("tickets", "ticket_id opened_at priority closed closed_at csat csat_at") == {
        f"{ID}1": ("2026-05-01 08:00", "urgent", True, "2026-05-03 09:00", 5.0, "2026-05-03 10:00"),
        f"{ID}2": ("2026-05-02 08:00", "medium", None, None, None, None),
        f"{ID}3": ("2026-05-03 08:00", "critical", True, "2026-05-04 09:00", 2.0, "2026-05-05 09:00"),
    }
    assert staged.set_aside("tickets") == {f"{ID}7": "no_account"}
    assert staged.rows("invoices", "invoice_id amount currency paid_at voided_at credit_of") == {
        "i1": (1_000.0, "USD", "2026-04-20 09:00", None, None),
        "i2": (123.45, "EUR", "2026-04-06 09:00", None, None),
        "i3": (5_000.0, "JPY", None, "2026-04-10 09:00", None),
        "i4": (-200.0, "USD", None, None, "i1"),
    }
    assert staged.rows("surveys", "survey_id score role") == {"1": (9, "champion"), "2": (None, None)}
    assert staged.rows("touchpoints", "touchpoint_id kind role attended known_at") == {
        "1": ("call", "admin", True, "2026-05-03 10:00"),
        "2": ("meeting", None, False, "2026-05-02 10:00"),
    }
    assert staged.rows("contacts", "contact_id since role left_on") == {"1": ("2026-01-01", "champion", "2026-05-01")}
    assert staged.rows("opportunities", "opportunity_id kind stage value currency") == {
        "1": ("renewal", "won", 12_000.0, "USD"),
        "2": ("expansion", "lost", 500.0, "EUR"),
    }
    assert staged.rows("churn_events", "churn_id churned_on") == {"e1": "2025-01-31", "2|2025-11-30": "2025-11-30"}
    assert staged.rows("advocacy", "advocacy_id account_id kind rating") == {
        "r1": ("1", "review", 4.5),
        "2|Reference|2026-05-01": ("2", "reference", None),
    }
    assert staged.set_aside("advocacy") == {"r3": "no_account"}
    assert staged.rows("interventions", "intervention_id kind") == {"w1": "training"}
    assert staged.rows("hold_outs", "account_id chance held_out") == {"1": (0.8, False)}
    assert staged.rows("legacy_scores", "account_id score band") == {"1": (72.5, "green")}
    assert staged.rows("notes", "note_id kind note expires_on") == {"n1": ("merger", "They merge", None)}
    assert staged.uncast() == [("notes", "expires_on", "n1")]


@pytest.mark.slow
def test_nothing_stops_the_data(source: Source) -> None:
    """`keepwell check` of every canonical table that the starter gives (SRC-11)."""
    ran = source.run("check")

    assert ran.code == 0, ran.err


def test_no_spelling_means_two_things() -> None:
    """A column of an export is read as one column, and its table as one table (SRC-11)."""
    shapes = tomllib.loads((STARTERS / "tables" / "starter.toml").read_text())["tables"]
    tables = [plain(name) for table, shape in shapes.items() for name in (table, *shape["names"])]
    columns = {
        table: [plain(name) for column, others in shape["columns"].items() for name in (column, *others)]
        for table, shape in shapes.items()
    }

    assert sorted(set(shapes)) == sorted(TABLES)
    assert [name for name in set(tables) if tables.count(name) > 1] == []
    assert {t: sorted({n for n in of if of.count(n) > 1}) for t, of in columns.items() if len(set(of)) < len(of)} == {}


def plain(name: str) -> str:
    """A name without case and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()
