"""Values that casts count, amounts in another unit, attributes without a date: each is named (SRC-4, SRC-10)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT
from keepwell.tasks.checks.run import CheckResult, run_checks
from keepwell.tasks.settings import CheckSettings, Override, TableSettings
from tests.support.company import AS_OF, CURRENCIES, Company, Row, company, settings, staged

CORE = ("accounts", "contracts", "usage", "invoices")
PLACEHOLDER = "1970-01-01"


def broken(
    rows: Company, folder: Path, tables: Mapping[str, TableSettings] | None = None
) -> dict[tuple[str, str, str | None], CheckResult]:
    """The rules that a company breaks."""
    results = run_checks(staged(rows, folder), AS_OF, CheckSettings(), tables or settings(), CURRENCIES)
    return {(r.table, r.rule, r.column): r for r in results if r.broken}


@pytest.mark.slow
@pytest.mark.parametrize("table", [name for name in TABLES if name != "hold_outs"])
def test_a_placeholder_among_the_dates_is_found_in_every_column(table: str, tmp_path: Path) -> None:
    """1970-01-01, as a system writes for nothing, is a warning with its key; whatever the column (SRC-10)."""
    rows = company(*dict.fromkeys(("accounts", table)))
    dated = [c.name for c in TABLES[table].columns if c.type in (DATE, INSTANT)]
    for place, name in enumerate(dated):
        rows[table][-1 - place] |= {name: PLACEHOLDER}

    found = broken(rows, tmp_path)

    named = {column: r.failed_rows for (name, rule, column), r in found.items() if rule.endswith("_plausible")}
    assert named == dict.fromkeys(dated, 1)


def changed(rows: list[Row], every: int, column: str, factor: float) -> None:
    for row in rows[::every]:
        row[column] = row[column] * factor


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "every", "factor"),
    [("contracts", "arr", 1, 100), ("contracts", "arr", 7, 100), ("contracts", "arr", 2, 100),
     ("invoices", "amount", 1, 100), ("invoices", "amount", 1, 0.01)],
)  # fmt: skip
def test_cents_among_the_amounts_are_found(tmp_path: Path, table: str, column: str, every: int, factor: float) -> None:
    """In the whole column or a part of its rows, beside what was invoiced (SRC-4)."""
    rows = company(*CORE)
    changed(rows[table], every, column, factor)

    found = broken(rows, tmp_path)

    assert ("contracts", "arr_unit", "arr") in found
    assert all(r.severity == "warning" and r.sample_keys for r in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("every", [7, 3])
def test_cents_in_a_part_of_the_rows_are_found_without_invoices(tmp_path: Path, every: int) -> None:
    """A seat of one plan does not cost a hundred times another (SRC-4)."""
    rows = company("accounts", "contracts", "usage")
    changed(rows["contracts"], every, "arr", 100)

    found = broken(rows, tmp_path)["contracts", "arr_unit_of_plan", "arr"]

    assert found.failed_rows is not None
    assert found.failed_rows > len(rows["contracts"][::every]) / 2
    assert "cents" in found.remedy


def test_a_feature_under_several_spellings_is_named(tmp_path: Path) -> None:
    """They differ by case and separators alone, in any script; the usual one is not blamed (SRC-4)."""
    rows = company("accounts", "usage")
    for place, name in enumerate(
        ("Report Viewed", "report_viewed", "ReportViewed", "Übersicht", "übersicht", "C", "C++")
    ):
        rows["usage"][place]["feature"] = name

    (found,) = broken(rows, tmp_path).values()

    assert (found.table, found.rule, found.severity, found.failed_rows) == ("usage", "feature_spelling", "warning", 4)
    assert any("report" in key.lower() for key in found.sample_keys)


@pytest.mark.parametrize(
    ("dated", "fixed", "lost"),
    [(False, (), {"segment", "industry", "country", "parent_id"}), (True, (), set()),
     (False, ("segment", "industry"), {"country", "parent_id"})],
)  # fmt: skip
def test_what_undated_accounts_cost_is_said(
    tmp_path: Path, dated: bool, fixed: tuple[str, ...], lost: set[str]
) -> None:
    """Without valid_from only what is declared fixed since signup is more than a label: a warning says so (SRC-4)."""
    rows = company("accounts", "contracts")
    if not dated:
        for row in rows["accounts"]:
            del row["valid_from"]
    tables: dict[str, Any] = settings()
    tables["accounts"] = tables["accounts"].model_copy(update={"fixed_since_signup": fixed})

    found = broken(rows, tmp_path, tables)

    assert {column for _, rule, column in found if rule.endswith("_dated")} == lost
    assert all("fixed_since_signup" in r.remedy for (_, rule, _), r in found.items() if rule.endswith("_dated"))


def test_what_casts_note_is_counted_in_the_checks(tmp_path: Path) -> None:
    """An open end is said, a day of UTC is a warning, what does not cast is critical and has its cast (SRC-10)."""
    rows = company("accounts", "contracts")
    rows["contracts"][0]["end_on"] = "9999-12-31"
    rows["contracts"][1]["signed_on"] = "2024-01-02 23:00:00+00"
    rows["contracts"][2] |= {"signed_on": "9999-12-31", "seats": "9223372036854775807"}
    rows["contracts"][3]["seats"] = "NaN"

    found = broken(rows, tmp_path)

    said = {(rule, column): (r.severity, r.failed_rows, r.sample_keys) for (_, rule, column), r in found.items()}
    assert said == {
        ("open_end", "end_on"): ("info", 1, ("C-000",)),
        ("local_day", "signed_on"): ("warning", 1, ("C-001",)),
        ("type", "signed_on"): ("critical", 1, ("C-002",)),
        ("type", "seats"): ("critical", 1, ("C-002",)),
    }
    assert "NULLIF(signed_on, ...)" in found["contracts", "type", "signed_on"].remedy


def test_dates_that_do_not_read_are_said_once(tmp_path: Path) -> None:
    """Neither that they are missing nor that no contract is known: both follow, and the remedies would mislead (TRU-3).

    A value that really is missing is said beside them, and all of it where the type is only a warning.
    """
    rows = company(*CORE)
    for row in rows["contracts"]:
        row |= {"start_on": f"{row['start_on']:%d.%m.%Y}", "signed_on": None}
    found = broken(rows, tmp_path / "all")
    assert {(rule, column) for table, rule, column in found if table == "contracts"} == {("type", "start_on")}

    rows["contracts"][3]["start_on"] = None
    found = broken(rows, tmp_path / "one")
    assert found["contracts", "start_on_not_null", "start_on"].failed_rows == 1

    milder = {"contracts.type": Override(severity="warning", reason="we know that these are wrong")}
    snapshot = staged(rows, tmp_path / "milder")
    results = run_checks(snapshot, AS_OF, CheckSettings(overrides=milder), settings(), CURRENCIES)
    assert {"start_on_not_null", "known_by_then"} <= {r.rule for r in results if r.broken}


def test_a_row_without_key_account_and_day_is_counted_alone(tmp_path: Path) -> None:
    """There is nothing to find it by, and a list of commas names no row (SRC-3)."""
    rows = company("accounts", "tickets")
    rows["tickets"][0] |= {"ticket_id": None, "account_id": None, "opened_at": None}
    rows["tickets"][1] |= {"ticket_id": None}

    found = broken(rows, tmp_path)["tickets", "ticket_id_not_null", "ticket_id"]

    assert found.failed_rows == 2
    assert len(found.sample_keys) == 1


def test_rows_of_one_key_that_differ_are_versions_of_one_thing_or_different_facts(tmp_path: Path) -> None:
    """Of two versions of a contract one counts; of two answers of one day neither may go (SRC-2)."""
    rows = company("accounts", "tickets")
    rows["tickets"].append(rows["tickets"][0] | {"priority": "urgent"})

    found = broken(rows, tmp_path)["tickets", "key_unique", "ticket_id"]

    assert "ROW_NUMBER() OVER (PARTITION BY" in found.remedy
    assert "take the newest, since they would count twice" in found.remedy
    assert "none of them may go" in found.remedy


def test_what_cannot_be_read_is_not_said_to_be_missing_as_well(tmp_path: Path) -> None:
    """Of three amounts without a number two are written another way: one is missing (SRC-10)."""
    rows = company("accounts", "contracts")
    for row, value in zip(rows["contracts"], ("1.234,50", "7,5", None), strict=False):
        row["arr"] = value

    found = broken(rows, tmp_path)

    assert found["contracts", "type", "arr"].failed_rows == 2
    missing = found["contracts", "arr_not_null", "arr"]
    assert (missing.failed_rows, missing.sample_keys) == (1, ())
