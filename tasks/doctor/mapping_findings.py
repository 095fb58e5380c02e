"""What is wrong with a company's mappings, each looked at on its own: they are described, and none is run (SRC-2)."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from ibis.backends.sql import SQLBackend
from sqlglot import exp

from keepwell.features.facts.canonical import TABLES
from keepwell.playbook.doctor import Diagnosis, Severity
from keepwell.tasks.connections.drivers import dialect_of, scheme_of
from keepwell.tasks.errors import ConfigError, KeepwellError, Unreachable
from keepwell.tasks.settings import STANDARD_CSV, CsvSettings, RetrySettings
from keepwell.tasks.sources.connect import (
    SourceConnection,
    columns_read,
    described,
    folder_of,
    folder_source,
    lacking_column,
    lacks_column,
    source_failure,
)
from keepwell.tasks.sources.mapping import file_of, missing_columns, single_select, text_of, unknown_columns
from keepwell.tasks.sources.sql_gate import source_tables
from keepwell.tasks.starters.decisions import open_decisions


@dataclass(frozen=True)
class Source:
    """Where mappings are described. `connection`: None where it cannot be asked; `dialect`: empty where unknown."""

    connection: SQLBackend | None
    folder: Path | None
    dialect: str
    csv: CsvSettings = STANDARD_CSV


def source_findings(
    url: str, base: Path, mappings: Mapping[str, Path], required: Mapping[str, Severity], retries: RetrySettings,
    csv: CsvSettings = STANDARD_CSV, *, known: bool,
) -> list[Diagnosis]:  # fmt: skip
    """A line for each fault of the source and of its mappings, or one that all mappings can be read.

    `required`: how bad it is that a table lacks what it must have, by table; `known`: whether the environment gives
    all that the URL takes from it.
    """
    source, said = _opened(url, base, retries, csv, known=known)
    found = [Diagnosis("critical", "source", one) for one in said]
    try:
        for name, path in mappings.items():
            found += [
                Diagnosis(s, "source", one)
                for s, one in _faults(source, name, path, file_of(path, base), required.get(name))
            ]
    finally:
        if source.connection is not None:
            source.connection.disconnect()
    well = f"all {len(mappings)} mappings can be read"
    return found if found or not known else [Diagnosis("ok", "source", well)]


def _opened(url: str, base: Path, retries: RetrySettings, csv: CsvSettings, *, known: bool) -> tuple[Source, list[str]]:
    """The source as far as it can be asked, and why no further."""
    if not known and not scheme_of(url):
        return Source(None, None, ""), []
    dialect = ""
    try:
        dialect = dialect_of(url)
        connection = SourceConnection(url, base, {}, retries).connect() if known else None
    except KeepwellError as error:
        return Source(None, None, dialect), [one_line(error)]
    return Source(connection, folder_of(url, base), dialect, csv), []


def _faults(
    source: Source, name: str, path: Path, file: str, required: Severity | None
) -> Iterator[tuple[Severity, str]]:
    """What is wrong with one mapping: its file, its SQL, what it reads, what it gives."""
    try:
        text = text_of(path)
        for line, what in open_decisions(text):
            yield "warning", f"{file} line {line} leaves to decide: {what}"
        sql = single_select(text, path.name, source.dialect)
    except ConfigError as error:
        if source.dialect or not path.is_file():
            yield "critical", one_line(error)
        return
    columns, said = _described(source, name, sql, file) if source.connection else (None, [])
    for one in said:
        yield "critical", one
    given = columns or _named(sqlglot.parse_one(sql, read=source.dialect))
    if given is not None:
        if unknown := unknown_columns(TABLES[name], given, file):
            yield "critical", unknown
        if required and (missing := missing_columns(TABLES[name], given, file)):
            yield required, missing


def _described(source: Source, name: str, sql: str, file: str) -> tuple[Collection[str] | None, list[str]]:
    """The columns that a SELECT gives, and all that stands in its way.

    A database names one missing column at a time: each is taken for NULL, and the database is asked again.
    """
    connection, said = source.connection, list[str]()
    assert connection is not None
    statement = sqlglot.parse_one(sql, read=source.dialect)
    try:
        if source.folder is not None:
            connection = folder_source(source.folder, {name: sql}, source.csv)
    except KeepwellError as error:
        return None, [one_line(error)]
    while True:
        try:
            return _columns(connection, name, sql), said
        except KeepwellError as failure:
            column = lacking_column(failure)
            if column is None and not said:
                said.append(_absent(connection, source.dialect, name, statement) or one_line(failure))
            if column is None:
                return None, said
            said.append(one_line(lacks_column(name, column, file, columns_read(connection, sql))))
            if not _replaced_by_null(statement, column):
                return None, said
            sql = statement.sql(source.dialect)


def _columns(connection: SQLBackend, name: str, sql: str) -> Collection[str]:
    """The columns of a SELECT, as the source describes it; its error in our words."""
    try:
        return set(described(connection, name, sql).columns)
    except KeepwellError:
        raise
    except Exception as error:  # every driver has its own classes
        raise source_failure(name, error) from error


def _replaced_by_null(statement: exp.Expr, column: str) -> bool:
    """Put NULL in a column's place; whether there was any."""
    found = [c for c in statement.find_all(exp.Column) if c.name.lower() == column.lower()]
    for one in found:
        selected = isinstance(one.parent, exp.Select) and one.arg_key == "expressions"
        one.replace(exp.alias_(exp.null(), one.name, quoted=one.this.quoted) if selected else exp.null())
    return bool(found)


def _absent(connection: SQLBackend, dialect: str, name: str, statement: exp.Expr) -> str | None:
    """That tables are not there, or may not be read: all of them."""
    parts = ("this", "db", "catalog")
    bare = [exp.Table(**{part: t.args.get(part) for part in parts}) for t in source_tables(statement)]
    absent = []
    for table in dict.fromkeys(t.sql(dialect) for t in bare):
        try:
            _columns(connection, name, f"SELECT * FROM {table}")
        except Unreachable:
            return None
        except KeepwellError:
            absent.append(f"`{table}`")
    reads = f"the mapping of {name} reads {' and '.join(absent)}; missing, or not readable by this user."
    return f"{reads} Correct the mapping or grant access." if absent else None


def _named(statement: exp.Expr) -> Collection[str] | None:
    """The columns that a SELECT names by itself, whatever their case; None where only the source knows them."""
    if not isinstance(statement, exp.Query) or statement.is_star or not all(statement.named_selects):
        return None
    return {name.lower() for name in statement.named_selects}


def one_line(error: KeepwellError) -> str:
    """An error's sentences on one line."""
    return " ".join(str(error).split())
