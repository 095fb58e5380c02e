"""Read-only connections to a source by URL: a folder of parquet and CSV, DuckDB, PostgreSQL, whatever Ibis has."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import TypeVar
from weakref import finalize

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.sql import SQLBackend

from keepwell.tasks.connections.drivers import backend_of, scheme_of, source_driver
from keepwell.tasks.connections.io_errors import in_words, io_reason
from keepwell.tasks.connections.retries import Service, postgres_options, retried
from keepwell.tasks.errors import ConfigError, DataCheckFailed, Finding, KeepwellError, Unreachable
from keepwell.tasks.settings import STANDARD_CSV, CsvSettings, RetrySettings
from keepwell.tasks.sources.folder import table_scans
from keepwell.tasks.sources.source_errors import remedy_of, without_values
from keepwell.tasks.sources.sql_gate import named_tables

T = TypeVar("T")
IN_A_FILE = ("duckdb", "sqlite")
SEALED = {
    "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
    "allow_community_extensions": "false", "python_enable_replacements": "false",
}  # fmt: skip
"""A DuckDB that loads no extension, and takes no name for a variable of this program."""

MEMORY = "1500MB"
"""What a query may hold: it bounds the memory of a run however many rows there are (SCL-2)."""
SPILL = "keepwell-spill-"
"""Begins the name of a folder for what does not fit; the number of the process follows."""
LACKING = (
    "not found", "does not exist", "no such", "cannot find", "does not have a column", "unknown column",
    "invalid column", "cannot be resolved",
)  # fmt: skip
"""How databases say that a column or a table is not there."""
MAX_COLUMNS = 12
"""Columns that a message names."""
WRONG_SQL = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.NotImplementedException)
TYPES = """
SELECT CASE t.typtype WHEN 'e' THEN 'enum' ELSE pg_catalog.format_type(asked.oid, asked.size) END
FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY AS asked (oid, size, place)
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = asked.oid
ORDER BY asked.place
"""
"""The types of PostgreSQL by their ids and sizes, as its catalog writes them."""
WRONG_STATES = ("0A", "25", "42")
"""SQLSTATE classes of the same: not supported, writing in a read-only session, syntax or access."""


class SourceConnection:
    """A company's source: connected when it is first read, and anew after its line failed."""

    def __init__(
        self, url: str, base: Path, selects: Mapping[str, str], retries: RetrySettings, csv: CsvSettings = STANDARD_CSV
    ) -> None:
        self._url, self._base, self._selects, self._retries, self._csv = url, base, selects, retries, csv
        self._service = Service.at("the source", url)
        self._connection: SQLBackend | None = None

    def connect(self) -> SQLBackend:
        """Connect now: what is wrong with the source shows before anything is made."""
        return self.read(lambda connection: connection)

    def read(self, use: Callable[[SQLBackend], T]) -> T:
        """What `use` reads, as a whole again where the line fails; Unreachable where it goes on failing."""
        return retried(self._service, self._retries, lambda: self._read_once(use))

    def _read_once(self, use: Callable[[SQLBackend], T]) -> T:
        try:
            if self._connection is None:
                self._connection = connect_source(self._url, self._base, self._selects, self._retries, self._csv)
            return use(self._connection)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None


def connect_source(
    url: str, base: Path, selects: Mapping[str, str], retries: RetrySettings, csv: CsvSettings = STANDARD_CSV
) -> SQLBackend:
    """A read-only connection for these SELECTs. A URL without a scheme is a folder, relative to pipeline.toml.

    ConfigError where it is refused for good; the driver's own error where the line failed.
    """
    backend = backend_of(url)
    if (folder := folder_of(url, base)) is not None:
        return folder_source(folder, selects, csv)
    if backend in IN_A_FILE:
        path = (base / url.partition("://")[2]).resolve()
        if not path.is_file():  # SQLite would make it
            raise ConfigError(f"source.url names {url}, but there is no such file. Correct source.url.")
        with explained("source.url"):
            return duckdb_file(path) if backend == "duckdb" else sqlite_file(path)
    options = postgres_options(url, retries) if backend == "postgres" else {}
    try:
        connection = ibis.connect(url, **options)
    except ImportError as error:
        raise ConfigError(source_driver(url)) from error
    except Exception as error:
        if io_reason(error):
            raise
        service = Service.at("source.url", url)
        raise ConfigError(
            f"source.url: cannot connect to {service.place} ({service.clean(in_words(error))}). "
            "Check address, name and password."
        ) from None
    if connection.name == "postgres":
        connection.raw_sql("SET TIME ZONE 'UTC'").close()
        connection.raw_sql("SET DateStyle = 'ISO, YMD'").close()
        connection.raw_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").close()
        connection.raw_sql(f"SET lock_timeout = '{retries.connect_seconds}s'").close()
        connection.con.commit()  # what is set is taken back with its transaction
    return connection


def folder_of(url: str, base: Path) -> Path | None:
    """The folder that a source's URL names; None for a database."""
    return (base / url.removeprefix("file://")).resolve() if scheme_of(url) in ("", "file") else None


def described(connection: SQLBackend, table: str, sql: str) -> ir.Table:
    """The rows of a mapping's SELECT with the columns that the source says it gives; none of it is run.

    Ibis would make a temporary view in PostgreSQL to learn them, which a user who may only read cannot.
    """
    columns = _postgres_columns(connection, table, sql) if connection.name == "postgres" else None
    return connection.sql(sql, schema=columns)


def _postgres_columns(connection: SQLBackend, table: str, sql: str) -> ibis.Schema:
    """The columns of a SELECT as the server describes its result: it plans the SELECT, and looks at the rights."""
    with connection.con.transaction(), connection.con.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}\n) AS described LIMIT 0")
        result = cursor.pgresult
        found = [(result.fname(n).decode(), result.ftype(n), result.fmod(n)) for n in range(result.nfields)]
        kinds = cursor.execute(TYPES, [[kind for _, kind, _ in found], [size for _, _, size in found]]).fetchall()
    names = [name for name, _, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"the mapping of {table} gives {' and '.join(f'`{name}`' for name in twice)} more than once. Give each "
            "column a name of its own."
        )
    to_ibis = connection.compiler.type_mapper
    return ibis.schema({name: to_ibis.from_string(kind) for name, (kind,) in zip(names, kinds, strict=True)})


def folder_source(folder: Path, selects: Mapping[str, str], csv: CsvSettings = STANDARD_CSV) -> SQLBackend:
    """A folder as a database: see tasks/sources/folder.py. Only what the SELECTs name is opened.

    CSV is read as text, so that a bad value is a counted failure of the cast and not a crash.
    """
    if not folder.is_dir():
        raise ConfigError(f"source.url names the folder {folder}, which does not exist. Correct source.url.")
    scratch = Path(mkdtemp(prefix="keepwell-csv-"))
    connection = engine(folder, scratch)
    finalize(connection, rmtree, scratch, ignore_errors=True)
    for table, sql in selects.items():
        _open_files(connection, folder, table, sql, csv, scratch)
    return connection


def _open_files(connection: SQLBackend, folder: Path, table: str, sql: str, csv: CsvSettings, scratch: Path) -> None:
    """Make a view of each table that a SELECT names; ConfigError names all that are not there."""
    named = sorted(named_tables(sql, "duckdb"))
    for name, select in table_scans(folder, table, named, csv, scratch):
        quoted = name.replace('"', '""')
        with explained(table):
            connection.raw_sql(f'CREATE VIEW IF NOT EXISTS "{quoted}" AS {select}')


@contextmanager
def explained(table: str, drivers: type[Exception] = duckdb.Error) -> Iterator[None]:
    """What a driver's error means to the user; one of the line stays as it is, for whoever tries again."""
    try:
        yield
    except (KeepwellError, MemoryError, duckdb.OutOfMemoryException):
        raise
    except drivers as error:
        if io_reason(error):
            raise
        raise source_failure(table, error) from error


def lacks_column(table: str, column: str | None, file: str = "", columns: Sequence[str] = ()) -> DataCheckFailed:
    """A mapping that reads a column which is not there. `file`: the mapping's; `columns`: what there is, if known."""
    reads = f"`{file}`" if file else f"the mapping of {table}"
    more = ", ..." if len(columns) > MAX_COLUMNS else ""
    has = f" (it has {', '.join(columns[:MAX_COLUMNS])}{more})" if columns else ""
    return DataCheckFailed(
        [
            Finding(
                table, "column_exists", f"{reads} reads a column that the source's table does not have{has}",
                "Correct the mapping, or have the column delivered again.", column,
            )
        ]
    )  # fmt: skip


def lacking_column(failure: KeepwellError) -> str | None:
    """The column that the source does not have, where that is what failed."""
    finding = failure.findings[0] if isinstance(failure, DataCheckFailed) else None
    return finding.column if finding else None


def columns_read(connection: SQLBackend, sql: str) -> list[str]:
    """The columns of the tables that a SELECT reads, as far as the source names them."""
    found: list[str] = []
    for name in sorted(named_tables(sql, connection.dialect)):
        with suppress(Exception):  # in another schema, or not readable: the sentence goes without
            found += connection.table(name).columns
    return list(dict.fromkeys(found))


def source_failure(table: str, error: Exception) -> KeepwellError:
    """A line that failed, a column or table that is not there, SQL that does not bind, or data that cannot be read."""
    if reason := io_reason(error):
        return Unreachable(f"the source cannot be reached: {reason}. The mapping of {table} was not read.")
    message = without_values(error)
    lower = message.lower()
    said = message if message.endswith((".", "!", "?")) else f"{message}."
    if isinstance(error, duckdb.PermissionException):
        return ConfigError(
            f"the mapping of {table} reads outside its source: {said} Load that data into the source, "
            "also the data that its views read."
        )
    if "column" in lower and any(words in lower for words in LACKING):
        named = re.search(r"column:? (?:named? )?(?:[\"'`]([^\"'`]+)|([\w.]+))", message, re.IGNORECASE)
        return lacks_column(table, (named[1] or named[2]).split(".")[-1] if named else None)
    absent = any(s in lower for s in ("table", "relation")) and any(words in lower for words in LACKING)
    if absent or "no files found" in lower:
        return ConfigError(
            f"the mapping of {table} reads a table or file that does not exist: {said} "
            "Correct the mapping or grant access."
        )
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, WRONG_SQL) or state.startswith(WRONG_STATES) or "permission denied" in lower:
        return ConfigError(f"the mapping of {table} cannot be run: {said} Correct the mapping or grant access.")
    return DataCheckFailed([Finding(table, "readable", f"the source cannot be read: {message}", remedy_of(error))])


def engine(*folders: Path) -> SQLBackend:
    """A DuckDB connection in memory, in UTC, that reads these folders and nothing else of the host or the network.

    What does not fit into MEMORY is written to the system's temporary folder while a query runs.
    """
    spill = Path(gettempdir()) / f"{SPILL}{os.getpid()}-{token_hex(8)}"
    _remove_spilled(spill.parent)
    connection = ibis.duckdb.connect(":memory:", memory_limit=MEMORY, **SEALED)
    # Not as an option of the connection: to Ibis, engines that differ in one are two databases, and no query has two.
    connection.raw_sql(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET preserve_insertion_order = true")
    return sealed(connection, folders)


def _remove_spilled(folder: Path) -> None:
    """Remove what processes that were killed have left."""
    for path in folder.glob(f"{SPILL}*"):
        owner = path.name.removeprefix(SPILL).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            rmtree(path, ignore_errors=True)


def duckdb_file(path: Path) -> SQLBackend:
    """A DuckDB file, read-only, whose views and macros read nothing beside it."""
    connection = ibis.duckdb.connect(path, read_only=True, **SEALED)
    connection.raw_sql("SET TimeZone = 'UTC'")
    return sealed(connection)


def sqlite_file(path: Path) -> SQLBackend:
    """A SQLite file, opened so that nothing can write to it."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    return ibis.sqlite.from_connection(connection)


def sealed(connection: SQLBackend, folders: Iterable[Path] = ()) -> SQLBackend:
    """The DuckDB connection, which from now on opens only what it has open and files of these folders.

    DuckDB looks where a link leads: one out of a folder is refused. Settings are locked, so that no SQL opens it again.
    """
    places = ", ".join("'{}/'".format(str(folder.resolve()).replace("'", "''")) for folder in folders)
    connection.raw_sql(f"SET allowed_directories = [{places}]")
    connection.raw_sql("SET enable_external_access = false")
    connection.raw_sql("SET lock_configuration = true")
    return connection
