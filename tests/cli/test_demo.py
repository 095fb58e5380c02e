"""A demo after another uses again what has not changed (SCL-1)."""

from dataclasses import replace
from pathlib import Path

import pytest

from keepwell.cli import demo
from keepwell.cli.demo import FULL, Demo
from keepwell.flows.configuration.settings import load_settings
from keepwell.models.settings.base import OUTCOMES


@pytest.fixture
def small(tmp_path: Path) -> Demo:
    """A demo of a company of twenty accounts."""
    return Demo(tmp_path / "demo", accounts=20, months=6)


def test_a_company_that_is_the_same_keeps_its_files(small: Demo) -> None:
    """By place and time, as a source that is unchanged; what somebody changed is written anew (SCL-1)."""
    company = small.out / "company"
    demo._write_company(small)
    files = [path for path in company.rglob("*") if path.is_file()]
    was = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
    touched = company / "sql" / "tickets.sql"
    touched.write_text("SELECT 1")

    demo._write_company(small)

    now = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}
    assert [path for path in files if now[path] != was[path]] == [touched]
    assert touched.read_text() != "SELECT 1"
    assert not list(small.out.glob(".company-*")), "nothing is left beside it"


def test_what_an_earlier_demo_scored_and_recorded_goes(small: Demo) -> None:
    """Source, snapshots and what the checks said stay (SCL-1)."""
    for name in ("company", "snapshots", "data_docs", "marts", "reports", "mlartifacts"):
        (small.out / name).mkdir(parents=True)
    (small.out / "ledger.db").write_text("")

    demo._clear(small.out)

    assert sorted(path.name for path in small.out.iterdir()) == ["company", "data_docs", "snapshots"]


def test_the_demo_trains_churn_alone_and_the_full_one_every_outcome(small: Demo) -> None:
    """As its own pipeline.toml says; the full one has years for what looks 180 days ahead (LRN-1)."""
    trained = []
    for each in (small, replace(small, outcomes=FULL.outcomes)):
        demo._write_company(each)
        trained.append(load_settings(small.out / "company" / "pipeline.toml").models.outcomes)

    assert trained == [("churn",), tuple(OUTCOMES)]
    assert FULL.months == 60
    assert FULL.out != Demo().out
