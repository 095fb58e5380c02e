"""A source that has not changed is not read again; one of which nobody can tell is (SCL-1)."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from keepwell.tasks.sources import staging
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import ABOUT, Snapshot, StagedTable
from keepwell.tasks.sources.staging import stage
from keepwell.tasks.sources.unchanged import NOTE
from tests.tasks.sources.test_staging import ACCOUNTS, CONTRACTS, TICKETS, USAGE, company

TABLES = {"accounts": ACCOUNTS, "contracts": CONTRACTS, "usage": USAGE, "tickets": TICKETS}
LONG_AGO = time.time() - 3600


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that are read from the source, as they are."""
    seen: list[str] = []
    read = staging._stage_table

    def counted(*given: Any, **named: Any) -> StagedTable:
        seen.append(named["table"].name)
        return read(*given, **named)

    monkeypatch.setattr(staging, "_stage_table", counted)
    return seen


@pytest.fixture
def mappings(tmp_path: Path) -> dict[str, Path]:
    made = company(tmp_path, **TABLES)
    aged(tmp_path)
    return made


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's ctime cannot be set back: what was written a moment ago counts as settled."""
    monkeypatch.setattr("keepwell.tasks.sources.unchanged.SETTLED", 0.0)


def aged(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def staged(folder: Path, mappings: dict[str, Path], url: str = ".") -> Snapshot:
    return stage(url, folder, mappings, folder / "snapshots")


def test_an_unchanged_folder_is_read_once(tmp_path: Path, mappings: dict[str, Path], reads: list[str]) -> None:
    """The same snapshot, with all that staging saw of it (SCL-1)."""
    first = staged(tmp_path, mappings)
    again = staged(tmp_path, mappings)

    assert reads == list(TABLES)
    assert again == first
    assert facts_at(again, datetime(2026, 1, 1))["usage"].count().to_pyarrow().as_py() == 3


def _appended(folder: Path) -> None:
    with (folder / "usage.csv").open("a") as file:
        file.write("001,2024-02-02,9\n")


def _same_size_and_time(folder: Path) -> None:
    """A copy that keeps the time of the old file, as `cp -p` and `rsync -t` do."""
    about = (folder / "usage.csv").stat()
    (folder / "usage.csv").write_text(USAGE.replace(",5\n", ",6\n"))
    os.utime(folder / "usage.csv", ns=(about.st_atime_ns, about.st_mtime_ns))


def _replaced(folder: Path) -> None:
    about = (folder / "usage.csv").stat()
    (folder / "new").write_text(USAGE.replace(",5\n", ",6\n"))
    os.utime(folder / "new", ns=(about.st_atime_ns, about.st_mtime_ns))
    (folder / "new").replace(folder / "usage.csv")


def _another_select(folder: Path) -> None:
    (folder / "usage.sql").write_text("SELECT * FROM usage WHERE events::INT > 4")


def _a_part_more(folder: Path) -> None:
    (folder / "usage").mkdir()
    (folder / "usage.csv").rename(folder / "usage" / "1.csv")
    (folder / "usage" / "2.csv").write_text("account_id,day,events\n001,2024-02-02,9\n")


CHANGES = pytest.mark.parametrize("change", [_appended, _same_size_and_time, _replaced, _another_select, _a_part_more])


@CHANGES
def test_whatever_changed_is_read(
    change: Callable[[Path], None], tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """Also a file of the same size and time, and the SELECT itself (SCL-1)."""
    first = staged(tmp_path, mappings)
    change(tmp_path)
    again = staged(tmp_path, mappings)

    assert reads == [*TABLES, "usage"]
    assert again.id != first.id
    assert again.id == stage(".", tmp_path, mappings, tmp_path / "anew").id
    assert {path.name for path in again.path.iterdir()} == {ABOUT, *(f"{name}.parquet" for name in again.sha256)}
    reads.clear()
    assert staged(tmp_path, mappings) == again
    assert not reads


def test_a_file_that_no_select_reads_changes_nothing(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """An export beside the mapped ones (SCL-1)."""
    staged(tmp_path, mappings)
    (tmp_path / "other.csv").write_text("a\n1\n")
    staged(tmp_path, mappings)

    assert len(reads) == len(TABLES)


def test_a_file_that_was_written_just_now_is_read_again(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next change may carry the same time (SCL-1)."""
    monkeypatch.setattr("keepwell.tasks.sources.unchanged.SETTLED", 3600.0)
    staged(tmp_path, mappings)
    staged(tmp_path, mappings)

    assert reads == [*TABLES] * 2


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was noted must be what was read (SCL-1)."""
    joined = staging._join

    def late(*given: Any) -> None:
        _appended(tmp_path)
        joined(*given)

    with monkeypatch.context() as patched:
        patched.setattr(staging, "_join", late)
        staged(tmp_path, mappings)

    assert "usage" not in json.loads((tmp_path / "snapshots" / NOTE).read_text())["tables"]
    staged(tmp_path, mappings)
    assert reads == [*TABLES, "usage"]


@pytest.mark.parametrize(
    "clause",
    [
        "WHERE day::DATE < current_date",
        "WHERE day::DATE < today()",
        "WHERE day::DATE < now()::DATE",
        "WHERE age(day::TIMESTAMP) > INTERVAL 1 DAY",
        "WHERE day::DATE < current_localtimestamp()",
        "WHERE random() < 2",
        "USING SAMPLE 3",
        "TABLESAMPLE 3 ROWS",
        "WHERE ago(INTERVAL 1 DAY) > day::DATE",
        "WHERE current_user IS NOT NULL AND day::DATE < CURRENT_TIMESTAMP",
    ],
)
def test_a_select_that_asks_the_clock_is_run_every_time(
    clause: str, tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """Tomorrow it gives other rows of the same file (SCL-1)."""
    mappings["usage"].write_text(f"SELECT * FROM usage {clause}")
    staged(tmp_path, mappings)
    staged(tmp_path, mappings)

    assert reads == [*TABLES, "usage"]


def test_a_column_called_today_and_a_text_with_now_ask_nothing(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """Words are judged where they are calls (SCL-1)."""
    mappings["usage"].write_text("SELECT * FROM (SELECT *, 'now()' AS today FROM usage) WHERE today = 'now()'")
    with pytest.raises(Exception, match="today"):  # and the schema has no such column
        staged(tmp_path, mappings)
    mappings["usage"].write_text(
        "SELECT account_id, day, events FROM (SELECT *, 'now()' AS today FROM usage) WHERE today = 'now()' -- now()"
    )
    reads.clear()
    staged(tmp_path, mappings)
    staged(tmp_path, mappings)

    assert len(reads) == len(TABLES)


@pytest.mark.parametrize("name", ["usage.2024-01-15.parquet", "quarantine.parquet", "snapshot.json"])
def test_a_damaged_snapshot_is_made_anew(
    name: str, tmp_path: Path, mappings: dict[str, Path], reads: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A kept snapshot is compared with what was written, as any (TRU-1)."""
    first = staged(tmp_path, mappings)
    whole = (first.path / name).read_bytes()
    (first.path / name).write_bytes(whole[: len(whole) // 2])
    again = staged(tmp_path, mappings)

    assert (again, (again.path / name).read_bytes()) == (first, whole)
    assert reads == [*TABLES] * 2
    assert "was not what had been stored" in caplog.text


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(tmp_path / "company.duckdb") as connection:
        for name, text in TABLES.items():
            (tmp_path / f"{name}.csv").write_text(text)
            connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{tmp_path / name}.csv', all_varchar=true)")
        yield connection


@pytest.mark.parametrize(
    ("made", "times"),
    [
        ("CREATE VIEW active AS FROM usage", 1),
        ("CREATE VIEW active AS FROM usage WHERE day::DATE < current_date", 2),
        ("CREATE MACRO yesterday() AS today() - 1; CREATE VIEW active AS FROM usage WHERE day::DATE < yesterday()", 2),
    ],
)
def test_a_duckdb_file_is_read_once_but_for_views_that_ask_the_clock(
    made: str, times: int, tmp_path: Path, mappings: dict[str, Path], reads: list[str],
    database: duckdb.DuckDBPyConnection,
) -> None:  # fmt: skip
    """The clock may be asked by a view, or by a macro of one (SCL-1)."""
    database.execute(made)
    database.close()
    mappings["usage"].write_text("SELECT * FROM active")
    url = "duckdb://company.duckdb"
    first = staged(tmp_path, mappings, url)
    assert staged(tmp_path, mappings, url) == first
    assert len(reads) == times * len(TABLES)

    with duckdb.connect(tmp_path / "company.duckdb") as again:
        again.execute("INSERT INTO usage VALUES ('001', '2024-02-02', '9')")
    assert staged(tmp_path, mappings, url).id != first.id


def test_a_database_without_files_is_read_every_time(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """SQLite's clock hides in texts ('now'), and a server tells nothing (SCL-1)."""
    import sqlite3

    with sqlite3.connect(tmp_path / "company.sqlite") as connection:
        for name in TABLES:
            pd.read_csv(tmp_path / f"{name}.csv", dtype=str).to_sql(name, connection, index=False)
    for _ in range(2):
        staged(tmp_path, mappings, "sqlite://company.sqlite")

    assert reads == [*TABLES] * 2


def test_what_is_used_again_holds_the_rows_set_aside_and_the_values_noted(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str]
) -> None:
    """Beside a table that changed, one with both (SCL-1, TRU-1)."""
    mappings["tickets"].write_text(
        "SELECT *, CASE WHEN ticket_id = 't1' THEN 'a test' END AS quarantine_reason, 'x' AS csat FROM tickets"
    )
    first = staged(tmp_path, mappings)
    assert first.tables["tickets"].set_aside
    assert first.tables["tickets"].casts
    reads.clear()
    _appended(tmp_path)
    again = staged(tmp_path, mappings)

    assert reads == ["usage"]
    assert again.tables["tickets"] == first.tables["tickets"]
    assert again.id == stage(".", tmp_path, mappings, tmp_path / "anew").id


def test_a_file_system_without_hard_links_gets_copies(
    tmp_path: Path, mappings: dict[str, Path], reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is used again is then there twice (SCL-1)."""
    staged(tmp_path, mappings)
    _appended(tmp_path)
    monkeypatch.setattr(os, "link", _refused)
    again = staged(tmp_path, mappings)

    assert reads == [*TABLES, "usage"]
    assert again.id == stage(".", tmp_path, mappings, tmp_path / "anew").id


def _refused(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")
