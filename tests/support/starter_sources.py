"""A starter's fixture as three sources (PostgreSQL, a DuckDB file, a folder of CSV), and what is staged of each."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.sources.staging import stage
from keepwell.tasks.starters.starter import starter
from tests.support.running import ROOT, Ran, keepwell

POSTGRES, DUCKDB, CSV = "postgres", "duckdb", "csv"
SOURCES = (
    pytest.param(POSTGRES, marks=(pytest.mark.postgres, pytest.mark.slow)),
    pytest.param(DUCKDB, marks=pytest.mark.slow),
    CSV,
)
"""In a folder of CSV every value is text, which is hardest to read: it is the one of the short tests."""
STARTERS = ROOT / "starters"
AS_OF = "2026-06-01"
ENUM = re.compile(r"(^|_)(status|score|priority|type|state|outcome|interval|direction|channel)$")
"""Columns that applications declare as types of their own."""
MONEY = '[money]\nreporting_currency = "USD"\nfx_rates = { EUR = 1.1, JPY = 0.007, KWD = 3.0 }'


@dataclass(frozen=True)
class Staged:
    """A snapshot, read by columns that one text names. Dates and times are text, without seconds where they are 0."""

    folder: Path

    def values(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """These columns of every row, in order."""
        names = columns.split()
        files = sorted((*self.folder.glob(f"{table}.parquet"), *self.folder.glob(f"{table}.*.parquet")))
        every = [row for file in files for row in pq.read_table(file, columns=names).to_pylist()]
        return sorted((tuple(_plain(row[name]) for name in names) for row in every), key=lambda row: [*map(str, row)])

    def rows(self, table: str, columns: str) -> dict[Any, Any]:
        """By the first of these columns, which is the key, the other one, or the others as a tuple."""
        every = self.values(table, columns)
        found = {key: others[0] if len(others) == 1 else tuple(others) for key, *others in every}
        assert len(found) == len(every), f"{table} has several rows of one {columns.split(maxsplit=1)[0]}"
        return found

    def set_aside(self, table: str) -> dict[str, str]:
        """By key, why rows were set aside."""
        return {key: reason for of, key, reason in self.values("quarantine", "table_name key reason") if of == table}

    def uncast(self) -> list[tuple[str, str, str]]:
        """Which values do not mean what their column means."""
        return self.values("uncast", "table_name column_name key")


@dataclass(frozen=True)
class Source:
    """A system's fixture as one of the sources: its URL, and a folder of its own.

    `own`: SQL that makes the company's tables own_contracts, own_usage, ..., where the system gives none.
    """

    system: str
    own: str
    url: str
    folder: Path

    @property
    def out(self) -> Path:
        """Where commands write."""
        return self.folder / "out"

    def staged(self) -> Staged:
        """The canonical tables that the starter gives, unchanged."""
        mappings = {table: STARTERS / self.system / f"{table}.sql" for table in starter(self.system).maps}
        root = self.folder / "snapshots"
        return Staged(root / stage(self.url, self.folder, mappings, root).id)

    def run(self, command: str) -> Ran:
        """A command of `keepwell` over the starter's tables as they are, and the company's own ones."""
        lines = [f'[source]\nurl = "{self.url}"\n\n{MONEY}']
        for table, about in starter(self.system).maps.items():
            fixed = f"fixed_since_signup = {list(about.fixed_since_signup)}"
            lines.append(_mapping(table, STARTERS / self.system / f"{table}.sql", fixed))
        for table in re.findall(r"CREATE TABLE own_(\w+)", self.own):
            (self.folder / f"{table}.sql").write_text(f"SELECT * FROM own_{table}")
            lines.append(_mapping(table, self.folder / f"{table}.sql"))
        config = self.folder / "pipeline.toml"
        config.write_text("\n\n".join(lines))
        return keepwell("--config", config, "--out", self.out, command, "--as-of", AS_OF)


def _mapping(table: str, path: Path, more: str = "") -> str:
    """A table of pipeline.toml. A fixture has few rows, some of them old: they are not expected more often."""
    return f'[tables.{table}]\nsql = "{path}"\nexpected_every_days = 400\n{more}'


def fixture(system: str) -> str:
    """The script that makes a system's tables."""
    return (ROOT / "tests" / "data" / "starters" / f"{system}.sql").read_text()


def open_source(request: pytest.FixtureRequest, kind: str, system: str, folder: Path, own: str = "") -> Source:
    """The fixture of a system, and tables of the test's `own`, as one of the three sources."""
    script = fixture(system) + own
    if kind == POSTGRES:
        url = database(request.getfixturevalue("postgres_url"), f"starter_{system}", script)
        return Source(system, own, url, folder)
    file = folder / "source.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")  # instants of the CSV files have an offset
        connection.execute(script)
        if kind == DUCKDB:
            return Source(system, own, f"duckdb:///{file}", folder)
        (folder / "files").mkdir()
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            connection.execute(f"COPY \"{table}\" TO '{folder / 'files' / table}.csv'")
    return Source(system, own, str(folder / "files"), folder)


def database(server: str, name: str, script: str) -> str:
    """The URL of a new database of a PostgreSQL server, in which the script ran."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    url = f"{server.rpartition('/')[0]}/{name}"
    with psycopg.connect(url) as connection:
        connection.execute(script)
        _with_enums(connection)
    return url


def _with_enums(connection: psycopg.Connection[Any]) -> None:
    """Statuses, scores and the like in a type of their own, which compares with its own words alone."""
    columns = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying') ORDER BY 1, 2"
    ).fetchall()
    for number, (table, column) in enumerate(columns):
        words = [
            word for (word,) in connection.execute(f'SELECT DISTINCT "{column}" FROM "{table}"').fetchall() if word
        ]
        if not words or not ENUM.search(column):
            continue
        listed = ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(words))
        connection.execute(f"CREATE TYPE enum_{number} AS ENUM ({listed})")
        connection.execute(f'ALTER TABLE "{table}" ALTER "{column}" DROP DEFAULT')
        connection.execute(
            f'ALTER TABLE "{table}" ALTER "{column}" TYPE enum_{number} USING NULLIF("{column}", \'\')::enum_{number}'
        )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(value).removesuffix(":00")
    if isinstance(value, float):
        return round(value, 6)
    return value if value is None or isinstance(value, bool | int) else str(value)
