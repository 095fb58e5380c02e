"""Read-only connections to a source by URL: a folder of parquet and CSV, DuckDB, PostgreSQL, whatever Ibis has."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import ibis
import sqlglot
from ibis.backends.sql import SQLBackend

from tasks.drivers import backend_of, scheme_of, source_driver
from tasks.errors import ConfigError, DataCheckFailed, Finding, KeepwellError, with_nearest

IN_A_FILE = ("duckdb", "sqlite")
FILES = {".parquet": "read_parquet('{}')", ".csv": "read_csv('{}', all_varchar=true, header=true)"}

LACKING = (
    "not found", "does not exist", "no such", "cannot find", "does not have a column", "unknown column",
    "invalid column", "cannot be resolved",
)  # fmt: skip
"""How databases say that a column or a table is not there."""


def connect_source(url: str, base: Path, selects: Mapping[str, str]) -> SQLBackend:
    """A read-only connection for these SELECTs. A URL without a scheme is a folder, relative to pipeline.toml."""
    backend = backend_of(url)
    if (folder := folder_of(url, base)) is not None:
        return folder_source(folder, selects)
    if backend in IN_A_FILE:
        path = (base / url.partition("://")[2]).resolve()
        if not path.is_file():  # SQLite would make it
            raise ConfigError(f"source.url names {url}, but there is no such file. Correct source.url.")
        try:
            return ibis.duckdb.connect(path, read_only=True) if backend == "duckdb" else ibis.sqlite.connect(path)
        except duckdb.Error as error:
            raise source_failure("source.url", error) from error
    try:
        connection = ibis.connect(url)
    except ImportError as error:
        raise ConfigError(source_driver(url)) from error
    except Exception as error:
        place = urlsplit(url)._replace(netloc=urlsplit(url).hostname or "").geturl()
        raise ConfigError(
            f"source.url: cannot connect to {place} ({type(error).__name__}). Check address, name and password."
        ) from error
    if connection.name == "postgres":
        connection.raw_sql("SET TIME ZONE 'UTC'").close()
    return connection


def folder_of(url: str, base: Path) -> Path | None:
    """The folder that a source's URL names; None for a database."""
    return (base / url.removeprefix("file://")).resolve() if scheme_of(url) in ("", "file") else None


def read_only(connection: SQLBackend, on: bool) -> None:
    """Forbid a server session to write, or allow it again.

    Ibis learns a SELECT's columns from a temporary view, which PostgreSQL counts as writing: so the door is open while
    a mapping is described, which runs nothing of it, and shut while it runs. DuckDB files are opened read-only.
    """
    if connection.name == "postgres":
        mode = "READ ONLY" if on else "READ WRITE"
        connection.con.rollback()
        connection.raw_sql(f"SET SESSION CHARACTERISTICS AS TRANSACTION {mode}").close()
        connection.con.commit()


def folder_source(folder: Path, selects: Mapping[str, str]) -> SQLBackend:
    """A folder as a database: each parquet or CSV file, or sub-folder of parquet, is a table named by its stem.

    Only what the SELECTs name is opened. CSV is read as text, so that a bad value is a counted failure of the cast and
    not a crash.
    """
    if not folder.is_dir():
        raise ConfigError(f"source.url names the folder {folder}, which is not there. Correct source.url.")
    connection = engine()
    for table, sql in selects.items():
        open_files(connection, folder, table, sql)
    return connection


def open_files(connection: SQLBackend, folder: Path, table: str, sql: str) -> None:
    """Make a view of each file that a SELECT names; ConfigError names all that are not there."""
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in FILES or path.is_dir()}
    named = sorted(named_tables(sql, "duckdb"))
    if absent := [name for name in named if name not in files]:
        raise ConfigError(
            f"the mapping of {table} reads {with_nearest(absent, files)}, but {folder} has no file "
            f"{' and '.join(f'{name}.csv or .parquet' for name in absent)}."
        )
    for name in named:
        path = files[name]
        place = f"{path}/**/*.parquet" if path.is_dir() else str(path)
        scan = FILES[path.suffix.lower() or ".parquet"].format(place.replace("'", "''"))
        try:
            connection.raw_sql(f'CREATE VIEW IF NOT EXISTS "{name}" AS SELECT * FROM {scan}')
        except duckdb.Error as error:
            raise source_failure(table, error) from error


def named_tables(sql: str, dialect: str) -> set[str]:
    """The tables that a SELECT reads, without its own common table expressions."""
    statement = sqlglot.parse_one(sql, read=dialect)
    own = {cte.alias for cte in statement.find_all(sqlglot.exp.CTE)}
    return {t.name for t in statement.find_all(sqlglot.exp.Table) if t.name} - own


def source_failure(table: str, error: Exception) -> KeepwellError:
    """What a driver's error means to the user: a column or table that is not there, or data that cannot be read."""
    message = " ".join(str(error).split()).partition(" LINE ")[0][:300]
    lower = message.lower()
    if "column" in lower and any(words in lower for words in LACKING):
        named = re.search(r"column:? (?:named? )?[\"'`]?([\w.]+)", message, re.IGNORECASE)
        column = named.group(1).split(".")[-1] if named else None
        remedy = "Deliver the column again or change the mapping."
        return DataCheckFailed([Finding(table, "column_exists", "the source lacks a column", remedy, column, None, ())])
    absent = any(s in lower for s in ("table", "relation")) and any(words in lower for words in LACKING)
    if absent or "no files found" in lower:
        return ConfigError(
            f"the mapping of {table} reads what is not there: {message} Correct the mapping or grant access."
        )
    return DataCheckFailed(
        [Finding(table, "readable", f"the source cannot be read: {message}", "Deliver the data again, whole.")]
    )


def engine(memory_limit: str | None = None) -> SQLBackend:
    """A DuckDB connection in memory, in UTC."""
    connection = ibis.duckdb.connect(":memory:")
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET preserve_insertion_order = true")
    if memory_limit:
        connection.raw_sql(f"SET memory_limit = '{memory_limit}'")
    return connection
