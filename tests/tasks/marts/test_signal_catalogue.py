"""The signal catalogue, on a small company: 60 customers, of which only the busy ones answer."""

from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.measures.all import FEATURES
from keepwell.tasks.marts.signal_catalogue import COLUMNS, frequency, signal_catalogue, write_catalogue_xlsx
from keepwell.tasks.marts.signals import signals
from keepwell.tasks.settings import TableSettings
from keepwell.tasks.sources.facts import facts_at
from tests.support.company import AS_OF, CUSTOMERS, company, staged

CUSTOMER_IDS = [f"A-{i:03}" for i in range(CUSTOMERS)]
BOOK = pd.DataFrame({"account_id": CUSTOMER_IDS, "segment": ["large"] * 10 + ["mid"] * 45 + [None] * 5})


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Twenty accounts use the product; twelve of them answer surveys; the tickets have a text, no tone and no CSAT."""
    rows = company("accounts", "contracts", "usage", "tickets", "surveys", "churn_events")
    rows["surveys"] = [row for row in rows["surveys"] if row["account_id"] < "A-012"]
    for row in rows["surveys"][:80]:
        row["role"] = None
    for row in rows["tickets"]:
        row |= {"text": "Der Export geht nicht", "quarantine_reason": None}
        for column in ("sentiment", "csat", "csat_at"):
            row.pop(column)
    for row in rows["tickets"][:30]:
        row["quarantine_reason"] = "test_tickets"
    for row in rows["accounts"][:10]:
        row["valid_from"] = None
    snapshot = staged(rows, tmp_path_factory.mktemp("company"))
    tables = {name: TableSettings(sql="x", system=f"the {name} system", expected_every_days=1) for name in rows}
    tables["surveys"] = TableSettings(sql="x", system="=SURVEYS()", accessibility="needs integration")
    return signal_catalogue(facts_at(snapshot, AS_OF), snapshot, tables, FEATURES, BOOK)


def row(catalogue: pd.DataFrame, table: str, column: str, segment: str = "all") -> pd.Series:
    (found,) = catalogue.query("table == @table and column == @column and segment == @segment").to_dict("records")
    return pd.Series(found)


@pytest.mark.slow
def test_every_signal_is_there_for_every_segment(catalogue: pd.DataFrame) -> None:
    """Also of tables that the company does not have; one row per signal and segment (SRC-6)."""
    named = [(s.table.name, s.column.name) for s in signals(FEATURES)]

    assert tuple(catalogue.columns) == COLUMNS
    assert not catalogue.duplicated(["table", "column", "segment"]).any()
    assert set(catalogue["segment"]) == {"all", "large", "mid", "none"}
    assert len(catalogue) == 4 * len(named)
    assert {name for name, _ in named} == set(TABLES)
    assert ("accounts", "account_id") not in named
    assert ("tickets", "ticket_id") not in named


def test_source_frequency_accessibility_and_dates_are_reported(catalogue: pd.DataFrame) -> None:
    """Where a signal comes from, how often, whether it can be had, and from when to when it is known (SRC-6)."""
    usage = row(catalogue, "usage", "events")
    assert (usage["source_system"], usage["update_frequency"]) == ("the usage system", "daily")
    assert (usage["accessibility"], usage["first"], usage["last"]) == (
        "accessible",
        date(2024, 1, 3),
        date(2024, 5, 31),
    )

    surveys = row(catalogue, "surveys", "score")
    assert (surveys["accessibility"], surveys["update_frequency"]) == ("needs integration", "not stated")


def test_what_the_company_does_not_have_is_absent(catalogue: pd.DataFrame) -> None:
    """A table that is not mapped, and a column that the mapping does not give (SRC-6)."""
    invoices, csat = row(catalogue, "invoices", "amount"), row(catalogue, "tickets", "csat")

    assert invoices["accessibility"] == csat["accessibility"] == "absent"
    assert invoices["blind_spot"] == "absent: no invoices (Invoices, their payment, failures and disputes.)"
    assert csat["blind_spot"] == "absent: the source has no csat"
    assert pd.isna(csat["fill_rate"])
    assert csat["features"] == ["csat_180d"]


def test_silent_accounts_count_in_the_share_of_accounts(catalogue: pd.DataFrame) -> None:
    """20 of 60 accounts have usage: the share counts all, the fill rate only rows that are there (SRC-6, SRC-7)."""
    usage = row(catalogue, "usage", "minutes")
    assert usage["accounts_share"] == pytest.approx(20 / 60)
    assert usage["fill_rate"] == 1
    assert usage["blind_spot"] == "67% of accounts never appear: their silence is itself a signal"

    silent = row(catalogue, "usage", "minutes", "none")
    assert silent["accounts_share"] == 0
    assert pd.isna(silent["fill_rate"])
    assert pd.isna(silent["first"])
    assert silent["blind_spot"] == "no row for any of these accounts"


def test_fill_rates_are_per_segment(catalogue: pd.DataFrame) -> None:
    """Large accounts are A-000 to A-009; of the others two answer surveys (SRC-6)."""
    assert row(catalogue, "surveys", "score", "large")["accounts_share"] == 1
    assert row(catalogue, "surveys", "score", "mid")["accounts_share"] == pytest.approx(2 / 45)
    assert row(catalogue, "surveys", "role")["fill_rate"] == pytest.approx(40 / 120)
    assert row(catalogue, "surveys", "role")["blind_spot"].startswith(
        "empty on 67% of rows (not recorded); only-engaged"
    )


def test_what_only_engaged_customers_give_is_named(catalogue: pd.DataFrame) -> None:
    """Few accounts are seen, and those use the product more than the others (SRC-6)."""
    all_accounts, mid = (row(catalogue, "surveys", "score", segment)["blind_spot"] for segment in ("all", "mid"))

    assert all_accounts == (
        "only-engaged-customers bias: 20% of accounts have this signal, which use the product 6.0 times as much as the "
        "others"
    )
    assert mid == "only-engaged-customers bias: 4% of accounts have this signal"
    assert pd.isna(row(catalogue, "contracts", "arr")["blind_spot"])


def test_texts_outcomes_rows_set_aside_and_undated_accounts_are_named(catalogue: pd.DataFrame) -> None:
    """Each as far as it hides something (SRC-6, FEA-5)."""
    text = row(catalogue, "tickets", "text")
    assert text["fill_rate"] == 0
    assert text["blind_spot"] == (
        "empty on every row; only-engaged-customers bias: 0% of accounts have this signal; only its sentiment is "
        "stored, and texts in languages other than English have none; 30 rows set aside by the mapping (5%)"
    )
    assert row(catalogue, "tickets", "sentiment")["accessibility"] == "accessible"
    assert row(catalogue, "churn_events", "reason")["blind_spot"].startswith("kept from every score")
    assert row(catalogue, "accounts", "industry")["blind_spot"] == (
        "undated for 17% of accounts: today's value, used in reports only"
    )


def test_features_are_read_off_their_own_expressions() -> None:
    """A feature is named at every column that it rests on, directly or through others (SRC-6)."""
    used = {(s.table.name, s.column.name): s.features for s in signals(FEATURES)}

    assert "seat_utilisation" in used["usage", "user_id"]
    assert "seat_utilisation" in used["contracts", "seats"]
    assert "seat_utilisation" not in used["usage", "minutes"]
    assert used["tickets", "csat"] == ("csat_180d",)
    assert used["tickets", "text"] == used["tickets", "sentiment"] == ("ticket_sentiment_90d", "ticket_sentiment_trend")
    assert "arr_change" in used["contracts", "currency"]
    assert used["churn_events", "churned_on"] == ()
    published = {name for name, feature in FEATURES.items() if feature.published}
    assert {name for names in used.values() for name in names} <= published


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (None, "not stated"),
        (0.25, "every 6 hours"),
        (1, "daily"),
        (7, "weekly"),
        (31, "monthly"),
        (2.5, "every 2.5 days"),
    ],
)
def test_frequency_in_words(days: float | None, words: str) -> None:
    assert frequency(days) == words


def test_the_spreadsheet_holds_the_catalogue(catalogue: pd.DataFrame, tmp_path: Path) -> None:
    """One sheet with a heading; written again it is replaced, and nothing is left beside it (SRC-6, TRU-1)."""
    path = tmp_path / "reports" / "signals.xlsx"
    for _ in range(2):
        write_catalogue_xlsx(catalogue, path)

    sheet = openpyxl.load_workbook(path)["signals"]
    assert [cell.value for cell in sheet[1]][:4] == ["table", "column", "segment", "source system"]
    assert sheet.max_row == len(catalogue) + 1
    assert [p.name for p in path.parent.iterdir()] == ["signals.xlsx"]
    (beside := tmp_path / "page.html").write_text("")
    assert path.stat().st_mode == beside.stat().st_mode  # whoever may read the pages may read it


def test_no_text_becomes_a_formula(catalogue: pd.DataFrame, tmp_path: Path) -> None:
    """A text that begins like a formula is a text in the spreadsheet too, and stays one when it is edited (TRU-4)."""
    texts = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "plain", "bell\x07"]
    frame = catalogue.head(len(texts)).assign(segment=texts)

    write_catalogue_xlsx(frame, tmp_path / "signals.xlsx")

    cells = [row[2] for row in openpyxl.load_workbook(tmp_path / "signals.xlsx")["signals"].iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == [*texts[:-1], "bell?"]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [bool(cell.quotePrefix) for cell in cells] == [True] * 5 + [False] * 2
