"""Suites of expectations, as data: one TOML file per canonical table, and one of rules that hold for every table."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from keepwell.expectations.derived import derived_needs
from keepwell.expectations.measures import COUNTED, MEASURES, UNDATED
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT, KNOWN_AT, LOADED_AT, CanonicalTable, Column

FOLDER = Path(__file__).parent
EVERY_TABLE = "every_table"
Severity = Literal["critical", "warning", "info"]

TO_EXIST = "expect_column_to_exist"
NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"
IN_SET = "expect_column_values_to_be_in_set"
MATCH = "expect_column_values_to_match_regex"
IN_ORDER = "expect_column_pair_values_a_to_be_greater_than_b"
UNIQUE = "expect_column_values_to_be_unique"
UNIQUE_TOGETHER = "expect_compound_columns_to_be_unique"

ARGUMENTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "row": {
        NOT_NULL: frozenset(),
        BETWEEN: frozenset({"min_value", "max_value", "mostly"}),
        IN_SET: frozenset({"value_set", "mostly"}),
        MATCH: frozenset({"regex"}),
        IN_ORDER: frozenset({"or_equal"}),
        UNIQUE: frozenset(),
        UNIQUE_TOGETHER: frozenset(),
    },
    "table": {TO_EXIST: frozenset(), BETWEEN: frozenset({"min_value", "max_value"})},
}
"""The Great Expectations types that a suite may use, per scope, and the arguments of each."""

PARAMETERS = frozenset(
    {
        "currencies", "entry_days", "fresh_days", "stale_days", "volume_low", "volume_high", "mostly_inside", "low",
        "high", "unit_low", "unit_high", "vanished_bound", "accounts_fall", "accounts_bound", "arr_fall", "arr_bound",
        "rolling_share",
    }
)  # fmt: skip
"""What an argument `$name` may stand for: values of the settings, and bounds computed from the column itself or from
the book published before."""

TYPE_WORDS = {
    "int64": "a whole number", "float64": "a number", "boolean": "true or false", "date": "a date",
    "timestamp": "an instant", "string": "text",
}  # fmt: skip
"""What a value must be readable as."""


class Expectation(BaseModel, frozen=True, extra="forbid"):
    """One rule: the Great Expectations check, the severity of a breach, and the words for people.

    `column` is what the rule is about; `columns` are those that the expectation is given, where they are others.
    `where_given`: it is asked only where the mapping gives this column. `requirement` ends a sentence that begins with
    the table or column. `min_rows`: the usual count below which random
    variation breaks the rule.
    """

    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    scope: Literal["row", "table"]
    expect: str
    column: str | None = None
    columns: tuple[str, ...] = ()
    where_given: str | None = None
    arguments: Mapping[str, Any] = {}
    severity: Severity
    requirement: Annotated[str, Field(pattern=r"^must ")]
    remedy: Annotated[str, Field(min_length=10)]
    min_rows: int = 0

    @field_validator("expect")
    @classmethod
    def _known_type(cls, given: str) -> str:
        types = {name for scope in ARGUMENTS.values() for name in scope}
        if given not in types:
            raise ValueError(f"{given!r} cannot be used here; there are {', '.join(sorted(types))}")
        return given

    @model_validator(mode="after")
    def _known_arguments(self) -> "Expectation":
        accepted = ARGUMENTS[self.scope].get(self.expect)
        if accepted is None:
            raise ValueError(f"{self.expect} does not judge a {self.scope}")
        for name, value in self.arguments.items():
            if name not in accepted:
                raise ValueError(f"{self.expect} has no argument `{name}`{_there_are(accepted)}")
            if (parameter := parameter_name(value)) and parameter not in PARAMETERS:
                raise ValueError(f"`{name}` asks for ${parameter}{_there_are(PARAMETERS)}")
        if not self.given:
            raise ValueError("name a `column` or `columns`")
        for _, asked_for, _, _ in Formatter().parse(self.requirement):
            if asked_for is not None and asked_for not in self.arguments:
                raise ValueError(f"`requirement` asks for {{{asked_for}}}{_there_are(self.arguments)}")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """The columns passed to Great Expectations."""
        return self.columns or ((self.column,) if self.column else ())

    @property
    def about(self) -> str | None:
        """The column that results name; None for a rule about the whole table or several columns at once."""
        return self.column or (self.columns[0] if self.expect == IN_ORDER else None)


class Suite(BaseModel, frozen=True, extra="forbid"):
    """All expectations of one canonical table."""

    table: str
    expectations: tuple[Expectation, ...]

    @property
    def rules(self) -> frozenset[str]:
        """Names of the rules; a rule per column is named once."""
        return frozenset(e.rule for e in self.expectations)


class _File(BaseModel, frozen=True, extra="forbid"):
    """A suite file: its own expectations, and its changes to those of every table."""

    without: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = {}
    expectation: tuple[dict[str, Any], ...] = ()


@cache
def load_suites(folder: Path = FOLDER) -> Mapping[str, Suite]:
    """The suite of every canonical table; ValueError names file, rule and key of a mistake."""
    common = _read(folder / f"{EVERY_TABLE}.toml")
    return {name: _suite(table, common, folder / f"{name}.toml") for name, table in TABLES.items()}


def on_given(expectation: Expectation, table: CanonicalTable, given: Collection[str]) -> Expectation | None:
    """The rule on the columns that a mapping gives; None where it says nothing without the others.

    Rows that are to differ in several columns can be told apart by fewer: a column that is not given is the same in all
    of them. Without a required column that means nothing, and no other rule does without one of its columns.
    """
    missing = missing_columns(expectation, table, given)
    if not missing:
        return expectation
    if expectation.expect != UNIQUE_TOGETHER or any(table.column(name).required for name in missing):
        return None
    columns = tuple(name for name in expectation.columns if name not in missing)
    without = f"{expectation.requirement}; judged without {' and '.join(missing)}, which the mapping does not give"
    kind = UNIQUE_TOGETHER if len(columns) > 1 else UNIQUE
    return expectation.model_copy(update={"expect": kind, "columns": columns, "requirement": without})


def missing_columns(expectation: Expectation, table: CanonicalTable, given: Collection[str]) -> tuple[str, ...]:
    """The columns that a rule about rows or values needs and a mapping does not give."""
    needed = [expectation.where_given] if expectation.where_given else []
    if expectation.scope == "row":
        needs = derived_needs(table.name)
        needed += [column for name in expectation.given for column in needs.get(name, (name,))]
    elif expectation.expect != TO_EXIST and expectation.column:
        needed.append(expectation.column)
    return tuple(dict.fromkeys(name for name in needed if name not in given))


def parameter_name(value: object) -> str | None:
    """`name` where an argument is written `$name`."""
    return value[1:] if isinstance(value, str) and value.startswith("$") else None


def _suite(table: CanonicalTable, common: _File, path: Path) -> Suite:
    own = _read(path)
    shared = {entry["rule"] for entry in common.expectation}
    for key, named in (("without", own.without), ("severity", own.severity)):
        for rule in named:
            if rule not in shared:
                raise ValueError(f"{path.name}: `{key}` names {rule}, which {EVERY_TABLE}.toml does not have")
    inherited = [e for e in common.expectation if e["rule"] not in own.without]
    changed = [{**e, "severity": own.severity.get(e["rule"], e.get("severity"))} for e in inherited]
    ranged = {e["column"] for e in own.expectation if e["expect"] == BETWEEN and "column" in e}
    entries = [entry for e in (*changed, *own.expectation) for entry in _expanded(e, table, ranged)]
    expectations = tuple(_expectation(entry, table, path) for entry in entries)
    named_twice = [e for e in expectations if sum((o.rule, o.about) == (e.rule, e.about) for o in expectations) > 1]
    if named_twice:
        raise ValueError(f"{path.name}: rule {named_twice[0].rule} occurs twice; exclude one with `without`")
    return Suite(table=table.name, expectations=expectations)


def _expanded(entry: Mapping[str, Any], table: CanonicalTable, ranged: Collection[str]) -> Iterator[dict[str, Any]]:
    """The rule once, or once per column that `each` selects, with {column}, {event} and {key} filled in.

    `ranged`: columns whose range the table's own suite judges.
    """
    plain = {k: v for k, v in entry.items() if k != "each"}
    columns: dict[str, list[Column]] = {
        "every": [*table.columns, LOADED_AT, KNOWN_AT],
        "day": [c for c in table.columns if c.type == DATE],
        "ending": [c for c in table.columns if c.open_end],
        "date": [c for c in table.columns if c.type in (DATE, INSTANT) and c.name not in ranged],
        "required": [c for c in table.columns if c.required],
        "reference": [table.column(name) for name in table.references],
        "dated": [c for c in table.columns if c.late and c.late.by],
    }
    if "each" not in entry:
        yield _filled(plain, table, None)
        return
    for column in columns[entry["each"]]:
        yield _filled(plain, table, column)


def _filled(entry: Mapping[str, Any], table: CanonicalTable, column: Column | None) -> dict[str, Any]:
    words = {"{event}": table.event, "{key}": ", ".join(table.key)}
    if column is not None:
        words |= {"{column}": column.name, "{type}": TYPE_WORDS.get(column.type, "")}
        words["{parent}"] = table.references.get(column.name, "")
        words["{dated_by}"] = (column.late and column.late.by) or ""

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [part for v in value for part in (table.key if v == "{key}" else (fill(v),))]
        for name, text in words.items():
            value = value.replace(name, text) if isinstance(value, str) else value
        return value

    filled = {name: fill(value) for name, value in entry.items()}
    if filled.get("expect") == UNIQUE_TOGETHER and len(filled["columns"]) == 1:
        filled |= {"expect": UNIQUE, "column": filled.pop("columns")[0]}
    return filled


def _expectation(entry: Mapping[str, Any], table: CanonicalTable, path: Path) -> Expectation:
    try:
        expectation = Expectation.model_validate(entry)
    except ValidationError as error:
        raise ValueError(f"{path.name}: rule {entry.get('rule', '?')}: {_explained(error)}") from error
    canonical = {c.name for c in (*table.columns, *table.staged)}
    judged = canonical | set(derived_needs(table.name) if expectation.scope == "row" else MEASURES)
    for name in (*expectation.given, *((expectation.column,) if expectation.column else ())):
        bare = next((name.removeprefix(p) for p in (*COUNTED, UNDATED) if name.startswith(p)), name)
        if name not in judged and bare not in canonical:
            raise ValueError(f"{path.name}: rule {expectation.rule}: {table.name} has no column `{name}`")
    return expectation


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text()))
    except ValidationError as error:
        raise ValueError(f"{path.name}: {_explained(error)}") from error


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key `{place}`"
    message = first["msg"].removeprefix("Value error, ")
    return f"`{place}`: {message}" if place else message


def _there_are(known: Collection[str]) -> str:
    return f"; there are {', '.join(sorted(known))}" if known else "; it has none"
