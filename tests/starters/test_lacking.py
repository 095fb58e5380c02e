"""A source that lacks a column or a table which a starter reads still gives its rows (SRC-11)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.starters.adapted import DIALECT, Read, adapted, needed
from keepwell.tasks.starters.catalogue import Catalogue
from keepwell.tasks.starters.recognition import System, recognized
from keepwell.tasks.starters.starter import plain, starter, systems
from tests.support.running import ROOT

FIXTURES = ROOT / "tests" / "data" / "starters"
GIVEN = [(name, table) for name in systems() for table in starter(name).maps]
IDS = ["-".join(given) for given in GIVEN]


@contextmanager
def fixture(name: str, folder: Path) -> Iterator[tuple[System, duckdb.DuckDBPyConnection]]:
    """A system's fixture as a DuckDB file: what is recognized of it, and a connection."""
    with duckdb.connect(str(folder / "source.duckdb")) as connection:
        connection.execute((FIXTURES / f"{name}.sql").read_text())
    catalogue = Catalogue("duckdb://source.duckdb", folder)
    system = recognized(starter(name), catalogue)
    catalogue.close()
    with duckdb.connect(str(folder / "source.duckdb"), read_only=True) as connection:
        yield system, connection


def without_column(system: System, table: str, column: str) -> System:
    """The system in a source whose table has no such column."""
    found = system.tables[table]
    gone = {plain(spelling) for spelling in found.shape.spellings(column)}
    there = {key: name for key, name in (found.there or {}).items() if key not in gone}
    return replace(system, tables={**system.tables, table: replace(found, there=there)})


def optional_columns(system: System, table: str) -> list[tuple[str, str]]:
    """What a starter reads and its tables are not known by."""
    read = {(of, column) for of, column, _ in Read(system.starter.sql(table), system.starter).columns}
    return sorted((of, c) for of, c in read if of in system.tables and c not in system.starter.shapes[of].key)


@pytest.mark.parametrize("name", systems())
def test_a_starter_is_whole(name: str) -> None:
    """A SELECT per canonical table that it names, over tables that it describes, giving columns that exist."""
    about = starter(name)
    folder = ROOT / "starters" / name

    assert {path.stem for path in folder.glob("*.sql")} == set(about.maps)
    for table in about.maps:
        read = Read(about.sql(table), about)
        assert {of for of, _ in read.tables} <= set(about.shapes), table
        assert set(read.statement.named_selects) <= TABLES[table].accepted, table
        assert {c.name for c in TABLES[table].columns if c.required} <= set(read.statement.named_selects), table
        assert all(one <= set(about.shapes) for one in needed(about, table))
    for link in about.links:
        assert set(link.to) | ({link.of} - {""}) <= set(systems())


@pytest.mark.parametrize(("name", "table"), GIVEN, ids=IDS)
def test_no_column_that_is_missing_takes_the_rows_with_it(name: str, table: str, tmp_path: Path) -> None:
    """Each column that is read, and by which the table is not known, is taken away; the rest is there."""
    with fixture(name, tmp_path) as (system, connection):
        sql = system.starter.sql(table)
        whole = adapted(sql, system, DIALECT)
        rows = len(connection.execute(whole.text).fetchall())
        for of, column in optional_columns(system, table):
            lacking = adapted(sql, without_column(system, of, column), DIALECT)
            assert connection.execute(lacking.text).fetchall(), f"without {of}.{column} there is no row"

    assert rows


@pytest.mark.parametrize(("name", "table"), GIVEN, ids=IDS)
def test_no_table_that_is_missing_takes_the_rows_with_it(name: str, table: str, tmp_path: Path) -> None:
    """Of the tables that are not needed each is taken away."""
    with fixture(name, tmp_path) as (system, connection):
        sql = system.starter.sql(table)
        without = set.union(*needed(system.starter, table))
        for gone in {of for of, _ in Read(sql, system.starter).tables} - without:
            there = {of: found for of, found in system.tables.items() if of != gone}
            lacking = adapted(sql, replace(system, tables=there), DIALECT)
            assert connection.execute(lacking.text).fetchall(), f"without {gone} there is no row"


@pytest.mark.slow
@pytest.mark.parametrize("name", systems())
def test_postgresql_plans_what_is_left(name: str, tmp_path: Path, postgres_url: str) -> None:
    """NULL has no type there until something gives it one."""
    place = f"{postgres_url.rpartition('/')[0]}/lacking_{name}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE lacking_{name}")
    with psycopg.connect(place) as connection, fixture(name, tmp_path) as (system, _):
        connection.execute((FIXTURES / f"{name}.sql").read_text())
        for table in system.starter.maps:
            sql = system.starter.sql(table)
            for of, column in optional_columns(system, table):
                lacking = adapted(sql, without_column(system, of, column), DIALECT)
                connection.execute(f"EXPLAIN {lacking.text}")
