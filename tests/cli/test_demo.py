"""A demo after another uses again what has not changed (SCL-1)."""

from pathlib import Path

import pytest

from keepwell.cli import demo


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's folder, of a company of twenty accounts."""
    for name, value in {"OUT": tmp_path / "demo", "ACCOUNTS": 20, "MONTHS": 6}.items():
        monkeypatch.setattr(demo, name, value)
    return tmp_path / "demo"


def test_a_company_that_is_the_same_keeps_its_files(small: Path) -> None:
    """By place and time, as a source that is unchanged; what somebody changed is written anew (SCL-1)."""
    company = small / "company"
    demo._write_company(company)
    files = [path for path in company.rglob("*") if path.is_file()]
    was = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
    touched = company / "sql" / "tickets.sql"
    touched.write_text("SELECT 1")

    demo._write_company(company)

    now = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
    assert [path for path in files if now[path] != was[path]] == [touched]
    assert touched.read_text() != "SELECT 1"
    assert not list(small.glob(".company-*")), "nothing is left beside it"


def test_what_an_earlier_demo_scored_and_recorded_goes(small: Path) -> None:
    """Source, snapshots and what the checks said stay (SCL-1)."""
    for name in ("company", "snapshots", "data_docs", "marts", "reports", "mlartifacts"):
        (small / name).mkdir(parents=True)
    (small / "ledger.db").write_text("")

    demo._clear()

    assert sorted(path.name for path in small.iterdir()) == ["company", "data_docs", "snapshots"]
