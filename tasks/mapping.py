"""A mapping: exactly one SELECT in the source's dialect, parsed before anything is sent."""

import sqlglot
from sqlglot import exp

from tasks.errors import ConfigError

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
)


def single_select(text: str, place: str, dialect: str) -> str:
    """The one SELECT of a mapping file; ConfigError where it is none, several, or does more than read."""
    try:
        statements = [s for s in sqlglot.parse(text, read=dialect) if s is not None]
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"{place} is not valid {dialect} SQL: {first} Write exactly one SELECT.") from error
    if len(statements) != 1:
        raise ConfigError(
            f"{place} holds {len(statements)} statements; a mapping is exactly one SELECT. Remove the others."
        )
    (statement,) = statements
    if not isinstance(statement, exp.Query):
        raise ConfigError(f"{place} is a {statement.key.upper()} statement; a mapping is exactly one SELECT.")
    if (other := statement.find(*FORBIDDEN)) is not None:
        raise ConfigError(f"{place} contains {other.key.upper()}; a mapping only reads. Leave only the SELECT.")
    return text.strip().rstrip(";")
