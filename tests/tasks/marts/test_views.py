"""views.sql in a real DuckDB: from any folder, of any copy, and true to what was published (OUT-1, OUT-10, TRU-4)."""

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.schemas.all import MARTS
from tests.support.running import ROOT

FIRST, LAST = date(2024, 3, 30), date(2024, 3, 31)
STAMP = Stamp("run", "1.0+abc", "snap")
ALERTS = pd.DataFrame({"alert_id": ["1", "2"], "account_id": ["a", "b"], "rule": ["no_usage", "health_low"]})


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """A marts folder whose path holds a quote, a space and what a file pattern would take for its own."""
    return tmp_path / "Ann's out [1]" / "marts"


@pytest.fixture
def con(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session in a folder that holds no mart."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with duckdb.connect() as connection:
        yield connection


def load(con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """As docs/how-to/bi.md has it."""
    con.execute("SET VARIABLE marts = ?", [str(marts)])
    con.execute((marts / "views.sql").read_text())


def rows(con: duckdb.DuckDBPyConnection, view: str) -> int:
    return len(con.sql(f"FROM {view}").fetchall())


def columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    """Name and type of every view's columns."""
    return {view: con.sql(f"SELECT column_name, column_type FROM (DESCRIBE {view})").fetchall() for view in MARTS}


def test_an_empty_day_is_empty_in_the_latest_view(con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """Yesterday's alerts are over: none of them stands in for today's none (OUT-10)."""
    publish(marts, FIRST, {"alerts": ALERTS, "health_scores": pd.DataFrame({"account_id": ["a"]})}, STAMP)
    load(con, marts)
    assert rows(con, "alerts_latest") == 2

    publish(marts, LAST, {"alerts": ALERTS.iloc[:0]}, STAMP)

    assert (rows(con, "alerts"), rows(con, "alerts_latest")) == (2, 0)
    assert rows(con, "health_scores_latest") == 1  # the newest of its own, published on another day


def test_the_latest_view_shows_the_newest_day_alone(con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """Whichever day was written last: a rerun of an old day does not make it the newest (OUT-1)."""
    for day in (LAST, FIRST):
        publish(marts, day, {"alerts": ALERTS}, STAMP)
    load(con, marts)

    assert con.sql("SELECT count(*), max(as_of) FROM alerts").fetchone() == (4, LAST)
    assert con.sql("SELECT count(*), min(as_of) FROM alerts_latest").fetchone() == (2, LAST)


def test_views_run_in_the_marts_folder_as_they_are_and_elsewhere_ask_for_it(
    con: duckdb.DuckDBPyConnection, marts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence says what to do in a folder without marts (OUT-10)."""
    publish(marts, LAST, {"alerts": ALERTS}, STAMP)
    script = (marts / "views.sql").read_text()

    with pytest.raises(duckdb.Error, match=r"no marts in the current folder\. Name .* SET VARIABLE marts = '/path/to"):
        con.execute(script)
    monkeypatch.chdir(marts)
    con.execute(script)

    assert rows(con, "alerts_latest") == 2


def test_a_copy_of_the_marts_shows_its_own_rows(con: duckdb.DuckDBPyConnection, marts: Path, tmp_path: Path) -> None:
    """What is published after the copy was made is not in it, though both hold the same views.sql (OUT-10)."""
    publish(marts, FIRST, {"alerts": ALERTS}, STAMP)
    copy = shutil.copytree(marts, tmp_path / 'a "copy" of it')
    publish(marts, LAST, {"alerts": ALERTS.iloc[:1]}, STAMP)
    assert (copy / "views.sql").read_bytes() == (marts / "views.sql").read_bytes()

    load(con, copy)
    assert con.sql("SELECT count(*), max(as_of) FROM alerts_latest").fetchone() == (2, FIRST)
    load(con, marts)
    assert con.sql("SELECT count(*), max(as_of) FROM alerts_latest").fetchone() == (1, LAST)


def test_a_mart_without_a_partition_has_the_columns_that_it_will_have(
    con: duckdb.DuckDBPyConnection, marts: Path
) -> None:
    """Name and type of every column of every mart are those of an empty partition (OUT-1)."""
    publish(marts, FIRST, {"alerts": ALERTS}, STAMP)
    load(con, marts)
    before = columns(con)
    assert all(rows(con, f"{name}_latest") == 0 for name in MARTS if name != "alerts")

    publish(marts, FIRST, {name: pd.DataFrame() for name in MARTS}, STAMP)
    load(con, marts)

    assert columns(con) == before
    assert [name for name, _ in before["factors"]] == ["as_of", *MARTS["factors"].schema.names]


def test_a_first_publishing_that_failed_breaks_no_view(con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """It leaves a folder without a file (TRU-1)."""
    with pytest.raises(ValueError, match="two rows share a key"):
        publish(marts, FIRST, {"dim_csm": pd.DataFrame({"csm": ["x", "x"]})}, STAMP)
    assert (marts / "dim_csm").is_dir()

    publish(marts, FIRST, {"alerts": ALERTS}, STAMP)
    load(con, marts)

    assert (rows(con, "dim_csm_latest"), rows(con, "alerts_latest")) == (0, 2)


def test_a_column_that_came_later_is_empty_before(con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """In old partitions, and everywhere as long as no partition holds it (OUT-1)."""
    publish(marts, FIRST, {"alerts": ALERTS}, STAMP)
    file = marts / "alerts" / f"as_of={FIRST}" / "data.parquet"
    pq.write_table(pq.read_table(file, partitioning=None).drop_columns(["rule"]), file)
    load(con, marts)
    assert con.sql("SELECT account_id, rule FROM alerts_latest ORDER BY ALL").fetchall() == [("a", None), ("b", None)]

    publish(marts, LAST, {"alerts": ALERTS.iloc[:1]}, STAMP)

    assert con.sql("SELECT as_of, account_id, rule FROM alerts ORDER BY ALL").fetchall() == [
        (FIRST, "a", None),
        (FIRST, "b", None),
        (LAST, "a", "no_usage"),
    ]


@pytest.mark.parametrize("page", ["docs/how-to/bi.md", "README.md"])
def test_the_queries_of_the_docs_run(page: str, con: duckdb.DuckDBPyConnection, marts: Path) -> None:
    """Every SELECT on the page names views and columns that are there (OUT-1)."""
    publish(marts, FIRST, {"alerts": ALERTS}, STAMP)
    load(con, marts)
    queries = re.findall(r"^SELECT .*?;", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)

    assert queries
    for query in queries:
        con.sql(query).fetchall()
