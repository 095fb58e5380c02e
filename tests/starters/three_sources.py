"""One fixture as three sources: PostgreSQL, a DuckDB file, and a folder of CSV in which every value is text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.sources.staging import stage
from tests.support.running import ROOT, Ran, keepwell

POSTGRES, DUCKDB, CSV = "postgres", "duckdb", "csv"
SOURCES = (pytest.param(POSTGRES, marks=pytest.mark.postgres), DUCKDB, CSV)
FIXTURES = ROOT / "tests" / "data" / "starters"


@dataclass(frozen=True)
class Source:
    """A fixture as one of the sources: its URL, and a folder of its own."""

    url: str
    folder: Path

    def staged(self, system: str, *tables: str, **own: str) -> "Staged":
        """The canonical tables that a starter gives, unchanged, staged; `own`: SELECTs of the test's."""
        mappings = {table: ROOT / "starters" / system / f"{table}.sql" for table in tables} | self._written(own)
        root = self.folder / "snapshots"
        snapshot = stage(self.url, self.folder, mappings, root)
        return Staged(root / snapshot.id)

    def run(self, system: str, tables: Sequence[str], *command: str, **own: str) -> Ran:
        """A command of `keepwell` over a pipeline.toml that names the starter's files, and SELECTs of the test's."""
        files = {table: ROOT / "starters" / system / f"{table}.sql" for table in tables} | self._written(own)
        lines = [
            f'[source]\nurl = "{self.url}"',
            '[money]\nreporting_currency = "USD"\nfx_rates = { EUR = 1.1, JPY = 0.007 }',
        ]
        lines += [f'[tables.{table}]\nsql = "{path}"\nexpected_every_days = 400' for table, path in files.items()]
        lines.append('[owners]\ndefault_csm = "kim"')
        (self.folder / "pipeline.toml").write_text("\n\n".join(lines))
        return keepwell("--config", self.folder / "pipeline.toml", "--out", self.folder / "out", *command)

    def _written(self, own: Mapping[str, str]) -> dict[str, Path]:
        for table, sql in own.items():
            (self.folder / f"{table}.sql").write_text(sql)
        return {table: self.folder / f"{table}.sql" for table in own}


@dataclass(frozen=True)
class Staged:
    """A snapshot."""

    folder: Path

    def rows(self, table: str, key: str, *columns: str) -> dict[Any, Any]:
        """By key, a column's value as text, or several as a tuple; missing ones are None."""
        every = pq.read_table(self.folder / f"{table}.parquet").to_pylist()
        found = {row[key]: tuple(_plain(row[name]) for name in columns) for row in every}
        assert len(found) == len(every), f"{table} has several rows of one {key}"
        return {of: values[0] if len(columns) == 1 else values for of, values in found.items()}

    def values(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of every row, in order, dates and times as text."""
        every = pq.read_table(self.folder / f"{table}.parquet").to_pylist()
        return sorted((tuple(_plain(row[name]) for name in columns) for row in every), key=str)

    def set_aside(self, table: str) -> dict[str, str]:
        """By key, why rows were set aside."""
        every = pq.read_table(self.folder / "quarantine.parquet").to_pylist()
        return {row["key"]: row["reason"] for row in every if row["table_name"] == table}

    def uncast(self) -> list[tuple[str, str, str]]:
        """Which values do not mean what their column means."""
        every = pq.read_table(self.folder / "uncast.parquet").to_pylist()
        return [(row["table_name"], row["column_name"], row["key"]) for row in every]


def open_source(kind: str, system: str, folder: Path, postgres_url: Callable[[], str], own: str = "") -> Source:
    """The fixture of a system, and tables of the test's own, as one of the three sources.

    The CSV files are written in another time zone than UTC, so that offsets count.
    """
    script = (FIXTURES / f"{system}.sql").read_text() + own
    if kind == POSTGRES:
        return Source(_database(postgres_url(), f"starter_{system}", script), folder)
    with duckdb.connect(folder / "source.duckdb") as connection:
        connection.execute(script)
        if kind == DUCKDB:
            return Source(f"duckdb:///{folder / 'source.duckdb'}", folder)
        connection.execute("SET TimeZone = 'America/New_York'")
        (folder / "files").mkdir()
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            connection.execute(f"COPY \"{table}\" TO '{folder / 'files' / table}.csv'")
    return Source(str(folder / "files"), folder)


def _database(url: str, name: str, script: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    own = f"{url.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(own) as connection:
        connection.execute(script)
    return own


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)
