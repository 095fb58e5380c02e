"""A starter's fixture as three sources (PostgreSQL, a DuckDB file, a folder of CSV), and what is staged of each."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest

from tests.support.running import ROOT, Ran, keepwell

STARTERS = ROOT / "starters"
FIXTURES = ROOT / "tests" / "data" / "starters"
AS_OF = "2026-06-01"
SOURCES = (pytest.param("postgres", marks=pytest.mark.postgres), "duckdb", "csv")

Row = dict[str, Any]


def load(kind: str, script: str, folder: Path, postgres_url: str) -> str:
    """The URL of a new source of that kind that holds what the script makes."""
    if kind == "postgres":
        name = f"starter_{folder.name}"
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        url = f"{postgres_url.rpartition('/')[0]}/{name}"
        with psycopg.connect(url) as connection:
            connection.execute(script)
        return url
    database = duckdb.connect(str(folder / "company.duckdb") if kind == "duckdb" else ":memory:")
    database.execute("SET TimeZone = 'America/New_York'")  # instants of the CSV files have an offset
    database.execute(script)
    if kind == "csv":
        (folder / "export").mkdir()
        for (table,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            database.execute(f"COPY {table} TO '{folder}/export/{table}.csv'")
    database.close()
    return "duckdb://company.duckdb" if kind == "duckdb" else "export"


def starter(system: str) -> Mapping[str, Any]:
    """What a starter says of its system."""
    return tomllib.loads((STARTERS / system / "starter.toml").read_text())


def company(kind: str, system: str, folder: Path, more: str = "", settings: str = "", postgres_url: str = "") -> Path:
    """A pipeline.toml whose mappings are the starter's own files, as they are, and the company's `more` tables.

    `more`: SQL that makes the tables own_accounts, own_contracts and own_usage, where the system gives none.
    """
    script = (FIXTURES / f"{system}.sql").read_text() + more
    lines = [f'[source]\nurl = "{load(kind, script, folder, postgres_url)}"\n', settings]
    for table, about in starter(system)["maps"].items():
        lines.append(f'[tables.{table}]\nsql = "{STARTERS / system / table}.sql"')
        lines += [f"{key} = {value!r}".replace("'", '"') for key, value in about.items()]
    for table in ("accounts", "contracts", "usage"):
        if f"own_{table}" in more:
            (folder / f"{table}.sql").write_text(f"SELECT * FROM own_{table}")
            lines.append(f'[tables.{table}]\nsql = "{table}.sql"')
    config = folder / "pipeline.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def checked(config: Path) -> Ran:
    """`keepwell check` of a company, which writes beside its pipeline.toml."""
    return keepwell("--config", config, "--out", config.parent / "out", "check", "--as-of", AS_OF)


def staged(config: Path, table: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of the only snapshot of a company, ordered by their first column."""
    (path,) = (config.parent / "out" / "snapshots").glob(f"*/{table}.parquet")
    rows = pq.read_table(path, columns=list(columns)).to_pylist()
    yield from sorted(rows, key=lambda row: tuple(str(row[name]) for name in columns))


def tuples(config: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    """The staged rows as tuples of these columns, named by a text; dates and instants as ISO texts."""
    names = columns.split()
    return [tuple(_plain(row[name]) for name in names) for row in staged(config, table, names)]


def _plain(value: Any) -> Any:
    if hasattr(value, "hour"):
        return value.isoformat(" ", "minutes")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return round(value, 6) if isinstance(value, float) else value
