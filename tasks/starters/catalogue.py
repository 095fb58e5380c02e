"""What a source holds: its schemas, tables and columns, from its catalogue; and the rows of a SELECT (SRC-11)."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import ibis.expr.types as ir
from ibis.backends.sql import SQLBackend

from keepwell.features.facts.columns import Column
from keepwell.tasks.connections.drivers import dialect_of
from keepwell.tasks.errors import KeepwellError
from keepwell.tasks.settings import STANDARD_CSV, STANDARD_RETRIES
from keepwell.tasks.sources.casts import cast
from keepwell.tasks.sources.connect import SourceConnection, described, folder_of, folder_source
from keepwell.tasks.sources.folder import table_names
from keepwell.tasks.sources.local_formats import Shape, shapes

T = TypeVar("T")
OF_THE_DATABASE = ("information_schema", "pg_catalog", "pg_toast", "pg_temp", "system", "temp", "sys")
ASKED = "asked"
"""What a SELECT of `init` is called in messages."""
WITHOUT_NAME = ("main", "public")
"""Schemas that a SELECT need not name."""


@dataclass(frozen=True)
class Place:
    """Where a table is: its schema (None where a SELECT need not name it) and its name, as the source writes them."""

    schema: str | None
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


class Catalogue:
    """The tables of a source, and their columns as they are asked for: a warehouse may hold thousands of tables."""

    def __init__(self, url: str, base: Path) -> None:
        self._folder = folder_of(url, base)
        self.dialect = dialect_of(url)
        self._source = SourceConnection(url, base, {}, STANDARD_RETRIES)
        self._columns: dict[Place, tuple[str, ...]] = {}

    @property
    def is_text(self) -> bool:
        """Whether every value is text, as in a folder of files."""
        return self._folder is not None

    @cached_property
    def places(self) -> Sequence[Place]:
        """Every table and view, in the order of schema and name."""
        if self._folder is not None:
            self._source.connect()  # a folder that is not there is refused in its own words
            return [Place(None, name) for name in table_names(self._folder)]
        return self._source.read(_places)

    def columns(self, place: Place) -> tuple[str, ...]:
        """The columns of a table as they are written; none where it cannot be read."""
        if place not in self._columns:
            self._columns[place] = ()
            with suppress(KeepwellError):  # a file that is no table is none of the shapes either
                self._columns[place] = self._read(place)
        return self._columns[place]

    def _read(self, place: Place) -> tuple[str, ...]:
        if self._folder is not None:
            quoted = place.table.replace('"', '""')
            folder = folder_source(self._folder, {place.table: f'SELECT * FROM "{quoted}"'}, STANDARD_CSV)
            try:
                return tuple(folder.table(place.table).columns)
            finally:
                folder.disconnect()
        return self._source.read(lambda source: tuple(source.table(place.table, database=place.schema).columns))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a SELECT in the source's dialect gives; whatever the source raises, where it cannot be read."""
        return self._asked(sql, lambda table: table.to_pyarrow().to_pylist())

    def shapes(self, sql: str, column: Column) -> list[Shape]:
        """How the values of a column look that a SELECT gives under this name; none where they are no text."""

        def seen(table: ir.Table) -> list[Shape]:
            text = table[column.name].type().is_string()
            return shapes(table, column.name, cast(table, column)) if text else []

        return self._asked(sql, seen)

    def _asked(self, sql: str, of: Callable[[ir.Table], T]) -> T:
        if self._folder is None:
            return self._source.read(lambda source: of(described(source, ASKED, sql)))
        folder = folder_source(self._folder, {ASKED: sql}, STANDARD_CSV)
        try:
            return of(described(folder, ASKED, sql))
        finally:
            folder.disconnect()

    def close(self) -> None:
        """Give the connection back."""
        self._source.close()


def _places(source: SQLBackend) -> list[Place]:
    schemas = [s for s in source.list_databases() if not s.lower().startswith(OF_THE_DATABASE)]
    found = []
    for schema in sorted(schemas):
        with suppress(
            Exception
        ):  # a schema that this user may not see holds nothing to map; drivers differ in its error
            tables = source.list_tables(database=schema)
            found += [Place(None if schema.lower() in WITHOUT_NAME else schema, table) for table in sorted(tables)]
    return found
