"""A mapping: exactly one SELECT in the source's dialect, parsed before anything is sent."""

from collections.abc import Collection
from pathlib import Path

import sqlglot
from sqlglot import Dialect, TokenType, exp

from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.errors import ConfigError, with_nearest
from keepwell.tasks.files.text_file import text_in
from keepwell.tasks.sources.sql_gate import beyond_the_source

LONGEST_EXPRESSION = 60
"""Characters of an expression that a message repeats."""
FORBIDDEN = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Into,
    exp.Copy,
    exp.Set,
    exp.Show,
    exp.Describe,
)


def text_of(path: Path) -> str:
    """What a mapping file holds; ConfigError where it is not there or no text."""
    return text_in(path, "Correct its table's `sql`.", "the mapping")


def single_select(text: str, place: str, dialect: str) -> str:
    """The one SELECT of a mapping file; ConfigError where it is none, several, or does more than read its source.

    A connection of tasks/sources/connect.py holds it to its source once more. What was written is what is sent, without
    semicolons and the comments around it: the database's own parser reads it too.
    """
    try:
        parsed = sqlglot.parse(text, read=dialect)
        tokens = [
            token for token in sqlglot.tokenize(text, read=dialect) if token.token_type is not TokenType.SEMICOLON
        ]
    except RecursionError as error:
        raise ConfigError(f"{place} is nested too deeply. Use fewer brackets and conditions.") from error
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{place} is not valid {dialect} SQL: {first} Write exactly one SELECT.") from error
    statements = [s for s in parsed if s is not None and not isinstance(s, exp.Semicolon)]
    if len(statements) != 1:
        remedy = "Remove the others." if statements else "Write one."
        raise ConfigError(f"{place} holds {len(statements)} statements; a mapping is exactly one SELECT. {remedy}")
    (statement,) = statements
    if not isinstance(statement, exp.Query):
        raise ConfigError(f"{place} is a {statement.key.upper()} statement; a mapping is exactly one SELECT.")
    if (other := statement.find(*FORBIDDEN)) is not None:
        raise ConfigError(f"{place} contains {other.key.upper()}; a mapping may only read. Keep only the SELECT.")
    if (why := beyond_the_source(statement, dialect)) is not None:
        raise ConfigError(f"{place} {why}")
    return text[tokens[0].start : tokens[-1].end + 1]


def selected(sql: str, dialect: str | type[Dialect]) -> dict[str, str]:
    """What a SELECT gives for each column that it names, as text; `...` for a long one, nothing for a union or `*`."""
    statement = sqlglot.parse_one(sql, read=dialect)
    if not isinstance(statement, exp.Select):
        return {}
    texts = {one.alias_or_name: one.unalias().sql(dialect, comments=False) for one in statement.selects}
    return {name: text if len(text) <= LONGEST_EXPRESSION else "..." for name, text in texts.items() if name != "*"}


def without_layout(text: str, dialect: str) -> str:
    """A SELECT without comments and layout; what is none stays as it is written."""
    try:
        return sqlglot.parse_one(text, read=dialect).sql(dialect, comments=False)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return text


def file_of(path: Path, base: Path) -> str:
    """A mapping's file as pipeline.toml names it: relative to its folder, where it lies in it."""
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def unknown_columns(table: CanonicalTable, given: Collection[str], file: str) -> str | None:
    """That a mapping gives columns that its canonical table does not have: all of them, each with the nearest."""
    unknown = sorted(set(given) - table.accepted)
    if not unknown:
        return None
    kind = "a column" if len(unknown) == 1 else "columns"
    return (
        f"the mapping of {table.name} (`{file}`) gives {kind} that the canonical table does not have: "
        f"{with_nearest(unknown, table.accepted - set(given))}. Rename or leave out; there are "
        f"{', '.join(sorted(table.accepted))}."
    )


def missing_columns(table: CanonicalTable, given: Collection[str], file: str) -> str | None:
    """That a mapping does not give what its canonical table requires: all of it."""
    missing = [f"`{c.name}`" for c in table.columns if c.required and c.name not in given]
    if not missing:
        return None
    remedy = "Add it." if len(missing) == 1 else "Add them."
    return (
        f"the mapping of {table.name} (`{file}`) does not give {', '.join(missing)}, which the table requires. {remedy}"
    )
