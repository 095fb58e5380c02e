"""Counts of usage that were summed up once say at any midnight what its rows say (SCL-1, TRU-1)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import ibis.expr.types as ir
import pytest

from keepwell.expectations import summed
from keepwell.expectations.suites import Suite
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.checks import run as run_module
from keepwell.tasks.checks.rows import Asked, Rows
from keepwell.tasks.checks.run import CheckResult, run_checks
from keepwell.tasks.checks.summed import OfRows
from keepwell.tasks.settings import CheckSettings
from keepwell.tasks.sources.snapshot import Snapshot, StagedTable
from tests.support.company import AS_OF, CURRENCIES, Row, company, settings, staged

SOME = slice(1500, 1504)
"""Rows of the middle of the company's life: known in March, at first not."""
DATES = [datetime(2024, 2, 1), datetime(2024, 3, 18), datetime(2024, 3, 19), datetime(2024, 4, 2), AS_OF]
FAULTS: Mapping[str, Callable[[Row], Sequence[Row]]] = {
    "none": lambda row: [row],
    "known late": lambda row: [row | {"known_at": row["loaded_at"] + timedelta(days=12)}],
    "known at the second before midnight": lambda row: [row | {"known_at": datetime(2024, 4, 1, 23, 59, 59)}],
    "loaded before its day": lambda row: [row | {"loaded_at": row["loaded_at"] - timedelta(days=30)}],
    "loaded before its day, known late": lambda row: [
        row | {"loaded_at": row["loaded_at"] - timedelta(days=30), "known_at": datetime(2024, 4, 2)}
    ],
    "no day": lambda row: [row | {"day": None}],
    "no day, but known": lambda row: [row | {"day": None, "known_at": datetime(2024, 3, 18, 12)}],
    "no account": lambda row: [row | {"account_id": None}],
    "an unknown account": lambda row: [row | {"account_id": "A-gone"}],
    "an unknown account without a day": lambda row: [row | {"account_id": "A-gone", "day": None}],
    "twice": lambda row: [row, row | {"events": 3}],
    "twice, once late": lambda row: [row, row | {"known_at": datetime(2024, 4, 2), "events": 3}],
    "negative": lambda row: [row | {"events": -1}],
    "out of range": lambda row: [row | {"events": 2 * 10**9}],
    "an outlier": lambda row: [row | {"events": 10**6}],
    "an outlier below": lambda row: [row | {"minutes": -(10**4)}],
    "not finite": lambda row: [row | {"minutes": float("inf")}],
    "too long a day": lambda row: [row | {"minutes": 1500}],
    "another spelling": lambda row: [row | {"feature": "Re-Ports"}],
    "no user": lambda row: [row | {"user_id": None}],
    "an old day": lambda row: [row | {"day": "1985-01-01"}],
}  # fmt: skip


def broken(fault: str, folder: Path) -> Snapshot:
    tables = company("accounts", "contracts", "usage")
    usage = [row | {"known_at": None} for row in tables["usage"]]
    usage[SOME] = [said for row in usage[SOME] for said in FAULTS[fault](row)]
    return staged(tables | {"usage": usage}, folder)


def of_the_rows(rows: ir.Table, _: Snapshot, __: Mapping[str, ir.Table], suite: Suite, ___: datetime) -> OfRows:
    return OfRows(rows, TABLES[suite.table])


def judged(snapshot: Snapshot, as_of: datetime) -> list[CheckResult]:
    return run_checks(snapshot, as_of, CheckSettings(), settings(), CURRENCIES)


IN_A_MINUTE = ("none", "no account", "twice, once late", "an outlier")
"""The faults that every run of the short tests tries; each takes six seconds."""


@pytest.mark.parametrize(
    "fault", [fault if fault in IN_A_MINUTE else pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS]
)
def test_sums_and_rows_give_the_same_results(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = broken(fault, tmp_path)
    of_sums = [judged(snapshot, day) for day in DATES]
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "counts_of", of_the_rows)
        of_rows = [judged(snapshot, day) for day in DATES]
    assert of_sums == of_rows
    assert fault in ("none", "known late", "known at the second before midnight") or of_sums[0] != of_sums[-1]


@pytest.mark.parametrize(("fault", "day"), [("loaded before its day", "2024-03-01"), ("no day", "2024-01-20")])
def test_a_row_is_seen_before_it_is_known(fault: str, day: str, tmp_path: Path) -> None:
    """Loaded before its own day, or without a day at all: the wrong date would hide it (SRC-3)."""
    snapshot = broken(fault, tmp_path)
    before = [r for r in judged(snapshot, datetime(2024, 2, 1)) if r.broken and r.rule == "not_after_load"]
    found = {(r.rule, r.failed_rows) for r in judged(snapshot, datetime.fromisoformat(day)) if r.broken}

    assert not before
    assert found & {("not_after_load", 4), ("day_not_null", 4)}


def test_a_table_in_which_no_rule_is_broken_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = broken("twice", tmp_path)
    judged(snapshot, DATES[0])
    read: list[str] = []
    looked = run_module.rows_to_judge

    def noted(
        rows: ir.Table,
        accounts: ir.Table,
        table: CanonicalTable,
        about: StagedTable,
        asked: Sequence[Asked],
        limit: int,
    ) -> Rows:
        read.append(table.name)
        return looked(rows, accounts, table, about, asked, limit)

    monkeypatch.setattr(run_module, "rows_to_judge", noted)
    judged(snapshot, DATES[0])
    assert read == ["accounts", "contracts"], "the rows that are there twice come later"
    judged(snapshot, AS_OF)
    assert read[2:] == ["accounts", "contracts", "usage"]


def test_sums_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = broken("none", tmp_path)
    judged(snapshot, DATES[0])
    monkeypatch.setattr(summed, "sums", lambda *_, **__: pytest.fail("they are there"))
    judged(snapshot, AS_OF)
    judged_at_noon = snapshot, AS_OF - timedelta(hours=12)
    assert judged(*judged_at_noon), "rows are counted as of an instant that is no midnight"
