"""A relational database, SQLite or PostgreSQL: one transaction at a time, retried if the connection fails (ALR-5).

A failed connection may hide a commit that succeeded: PostgreSQL is asked, so that nothing is done twice. SQLite has no
connection to fail; a file locked by another program is waited for.
"""

import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from keepwell.tasks.connections.io_errors import in_words
from keepwell.tasks.connections.retries import Service, postgres_options, retried
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.files.permissions import private_file
from keepwell.tasks.files.writable import writable
from keepwell.tasks.settings import RetrySettings

T = TypeVar("T")
THIS_TRANSACTION = "SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
STATUS_OF = "SELECT pg_xact_status(CAST(CAST(:transaction AS text) AS xid8))"
BETWEEN_LOOKS = 0.02

LAST_PORT = 65_535


def missing_file(url: str) -> Path | None:
    """The SQLite file of a URL, where it is not there: opening it would make it."""
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None
    named = address.database if address.get_backend_name() == "sqlite" else None
    file = Path(named) if named and named != ":memory:" else None
    return None if file is None or file.exists() else file


class Database:
    """A database at an SQLAlchemy URL, given by the setting `key`; connects on first use."""

    def __init__(self, name: str, key: str, url: str, retries: RetrySettings) -> None:
        try:
            self.address = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):  # whose text is the URL; or its port, which is no number
            raise ConfigError(
                f"{key} is not an SQLAlchemy URL. Write sqlite:///FILE or postgresql://USER@HOST/NAME."
            ) from None
        if self.address.port is not None and not 0 < self.address.port <= LAST_PORT:
            raise ConfigError(f"{key}: {self.address.port} is not a port. Ports are 1 to {LAST_PORT}.")
        if self.address.get_backend_name() not in ("postgresql", "postgres", "sqlite"):
            kind = self.address.get_backend_name()
            raise ConfigError(f"{key} names {kind}; {name} needs SQLite or PostgreSQL.")
        self._key, self._service, self._retries = key, Service.at(name, url), retries
        try:
            self.engine = _engine(self.address, retries)
        except OSError as error:
            raise self.refused(error) from error

    def read(self, ask: Callable[[sa.Connection], T]) -> T:
        """Result of a read in one transaction; Unreachable if the connection keeps failing."""

        def once() -> T:
            with self.engine.begin() as connection:
                return ask(connection)

        return retried(self._service, self._retries, once)

    def write(self, act: Callable[[sa.Connection], T]) -> T:
        """Result of a write in one transaction, done once; Unreachable if the connection keeps failing."""
        tried: list[tuple[int, T]] = []

        def once() -> T:
            if tried and self._committed(tried[-1][0]):
                return tried[-1][1]
            with self.engine.execution_options(writes=True).begin() as connection:
                result = act(connection)
                if connection.dialect.name == "postgresql":
                    tried.append((connection.execute(sa.text(THIS_TRANSACTION)).scalar_one(), result))
            return result

        return retried(self._service, self._retries, once)

    def refused(self, error: Exception) -> ConfigError:
        """The ConfigError for an error other than a lost connection: the database cannot be used as configured."""
        place, why = self.address.render_as_string(hide_password=True), self._service.clean(in_words(error))
        return ConfigError(f"{self._key}: cannot open {place} ({why}). Check address, name, password and permissions.")

    def _committed(self, transaction: int) -> bool:
        """Whether the server committed a transaction whose connection failed before it could confirm."""
        with self.engine.begin() as connection:
            status = connection.execute(sa.text(STATUS_OF), {"transaction": transaction}).scalar_one()
        if status == "in progress":
            raise TimeoutError("the transaction of the last try has not ended on the server")
        return bool(status == "committed")


def _engine(url: sa.URL, retries: RetrySettings) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        options = postgres_options(str(url), retries)
        engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), connect_args=options)
        sa.event.listen(engine, "begin", partial(_begin_postgres, lock_seconds=retries.connect_seconds))
        return engine
    if url.database and url.database != ":memory:":
        writable(Path(url.database).parent)
        private_file(Path(url.database))
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", partial(_prepare_sqlite, lock_seconds=retries.connect_seconds))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_postgres(connection: sa.Connection, lock_seconds: int) -> None:
    """Limit the wait for another writer, or for a table that is being rebuilt."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{lock_seconds}s'")


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer locks at once: one that reads first cannot wait for another, SQLite refuses it immediately."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_sqlite(connection: DBAPIConnection, _: object, lock_seconds: int) -> None:
    """Readers do not wait for a writer, writers wait for each other, and the driver leaves transactions to us."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {lock_seconds * 1000}", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _write_ahead(cursor, lock_seconds)
    cursor.close()


def _write_ahead(cursor: DBAPICursor, lock_seconds: int) -> None:
    """Switch the file to its write-ahead log; two first runs at once are refused here without the busy timeout."""
    deadline = time.monotonic() + lock_seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(BETWEEN_LOOKS)
        else:
            return
