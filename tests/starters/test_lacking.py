"""A source that lacks a column or a table which a starter reads still gives its rows (SRC-11)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest

from keepwell.tasks.starters.adapted import Read, adapted, needed
from keepwell.tasks.starters.catalogue import Catalogue
from keepwell.tasks.starters.edits import DIALECT
from keepwell.tasks.starters.recognition import System, recognized
from keepwell.tasks.starters.starter import plain, starter, systems
from tests.support.starter_sources import DUCKDB, POSTGRES, Source, open_source

LONG = ("hubspot", "intercom", "salesforce", "stripe", "tables")
"""Systems of so many tables and columns that taking away each of them takes long."""
GIVEN = [
    pytest.param(name, table, id=f"{name}-{table}", marks=[pytest.mark.slow] if name in LONG else [])
    for name in systems()
    for table in starter(name).maps
]


def system_of(source: Source) -> System:
    """What is recognized of a system's fixture."""
    catalogue = Catalogue(source.url, source.folder)
    system = recognized(starter(source.system), catalogue)
    catalogue.close()
    return system


def without_column(system: System, table: str, column: str) -> System:
    """The system in a source whose table has no such column."""
    found = system.tables[table]
    gone = {plain(spelling) for spelling in found.shape.spellings(column)}
    there = {key: name for key, name in (found.there or {}).items() if key not in gone}
    return replace(system, tables={**system.tables, table: replace(found, there=there)})


def without_tables(system: System, gone: set[str]) -> System:
    """The system in a source that has none of these tables."""
    return replace(system, tables={of: found for of, found in system.tables.items() if of not in gone})


def optional_columns(system: System, table: str) -> list[tuple[str, str]]:
    """What a starter reads and its tables are not known by."""
    read = {(of, column) for of, column, _ in Read(system.starter.sql(table), system.starter).columns}
    named = set.intersection(*needed(system.starter, table))
    return sorted(
        (of, c)
        for of, c in read
        if of in system.tables and c not in system.starter.shapes[of].key and f"{of}.{c}" not in named
    )


def lacking_one(system: System, table: str) -> Iterator[tuple[str, System]]:
    """The system without each column, and without each table, that a starter reads and can do without."""
    for of, column in optional_columns(system, table):
        yield f"{of}.{column}", without_column(system, of, column)
    read = {of for of, _ in Read(system.starter.sql(table), system.starter).tables}
    always = {need.partition(".")[0] for need in set.intersection(*needed(system.starter, table))}
    for gone in sorted(read - always):
        yield gone, without_tables(system, {gone})


def lacking_all(system: System, table: str) -> Iterator[tuple[str, System]]:
    """The system without all of these columns, with all tables and with those alone that are needed."""
    for of, column in optional_columns(system, table):
        system = without_column(system, of, column)
    yield "any column but keys", system
    for needs in needed(system.starter, table):
        kept = {need.partition(".")[0] for need in needs}
        yield f"anything but the keys of {sorted(kept)}", without_tables(system, set(system.tables) - kept)


@pytest.mark.parametrize(("name", "table"), GIVEN)
def test_nothing_that_is_missing_takes_the_rows_with_it(
    name: str, table: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Each column, and each table, by which nothing is known is taken away; the rest is there."""
    source = open_source(request, DUCKDB, name, tmp_path)
    system = system_of(source)
    sql = system.starter.sql(table)
    with duckdb.connect(source.url.removeprefix("duckdb://"), read_only=True) as connection:
        assert connection.execute(adapted(sql, system, DIALECT).text).fetchone()
        for gone, rest in lacking_one(system, table):
            assert connection.execute(adapted(sql, rest, DIALECT).text).fetchone(), f"without {gone} there is no row"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("name", systems())
def test_postgresql_plans_what_is_left(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """NULL has no type there until something gives it one, and nothing is grouped by it."""
    source = open_source(request, POSTGRES, name, tmp_path)
    system = system_of(source)
    refused = []
    with psycopg.connect(source.url, autocommit=True) as connection:
        for table in system.starter.maps:
            sql = system.starter.sql(table)
            for gone, rest in (*lacking_one(system, table), *lacking_all(system, table)):
                try:
                    connection.execute(f"EXPLAIN {adapted(sql, rest, DIALECT).text}")
                except psycopg.Error as error:
                    refused.append(f"{table} without {gone}: {error}")

    assert refused == []
