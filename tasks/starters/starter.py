"""A starter: what a system's tables are called, and the SELECTs that make canonical tables of them (SRC-11).

The folder `starters/` holds one folder per system: `starter.toml` names its tables, their columns and other spellings,
each `.sql` beside it is a plain SELECT that runs as it is on tables of these names.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import keepwell
from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.errors import ConfigError, with_nearest

FOLDER = Path(keepwell.__file__).parent / "starters"
NUMBERS = ("_no", "_nr", "_num", "_number", "_key")
"""What ids end in that are not called ids: Customer No."""
OF_EXPORTS = frozenset(
    (
        "list", "lists", "export", "exports", "exported", "extract", "dump", "data", "table", "report", "results",
        "all", "full", "daily", "latest", "current", "final",
        "crm", "erp", "billing", "finance", "accounting", "helpdesk", "support", "product", "sales", "app",
        "dim", "fct", "fact", "stg", "staging", "raw", "src", "mart", "dwh", "tbl", "vw",
    )
)  # fmt: skip
"""Words of a table's name that say where it is from and nothing of what is in it: `crm_accounts`, `dim_customers`."""
ANY = "tables"
"""The starter for tables that are named like the canonical ones, whatever system wrote them."""


@dataclass(frozen=True)
class Shape:
    """A table of a system: its names, the columns that it is known by, and other spellings of columns.

    `by_name`: what a word in the table's name says of a column that is missing: `meetings` are of the kind meeting.
    """

    name: str
    names: Sequence[str]
    key: Sequence[str]
    columns: Mapping[str, Sequence[str]]
    by_name: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def spellings(self, column: str) -> Sequence[str]:
        """The names under which a column may be there, the usual one first; of an id also as a number."""
        spelled = (column, *self.columns.get(column, ()))
        stems = [name.removesuffix("_id") for name in spelled if name.endswith("_id")]
        return (*spelled, *(stem + ending for stem in stems for ending in NUMBERS))


@dataclass(frozen=True)
class Mapped:
    """A canonical table that a starter gives.

    `needs`: what it gives nothing without, beside its first table: a table, a `table.column`, or one of several
    (`a|b.c`).
    """

    table: str
    system: str
    expected_every_days: float | None
    needs: Sequence[str]
    fixed_since_signup: Sequence[str]


@dataclass(frozen=True)
class Link:
    """A SELECT of `own_id` and `account_id`: the ids that a system uses, and those of the system of the accounts.

    `to`: systems whose ids this one knows; `of`: the system whose ids this one knows. One of them is given.
    """

    sql: str
    to: Sequence[str]
    of: str


@dataclass(frozen=True)
class Words:
    """Values of a source's column that leave something to decide about the canonical table `of`.

    Named are those that match the pattern, or, where `matching` is false, those that do not.
    """

    of: str
    source: str
    column: str
    pattern: str
    matching: bool
    message: str


@dataclass(frozen=True)
class Starter:
    """All that is known of one system. `account`: what its own account ids are, in words."""

    name: str
    title: str
    about: str
    account: str
    shapes: Mapping[str, Shape]
    maps: Mapping[str, Mapped]
    links: Sequence[Link]
    words: Sequence[Words]
    pipeline: str

    def sql(self, table: str) -> str:
        """The SELECT of one canonical table, as the starter has it."""
        return (FOLDER / self.name / f"{table}.sql").read_text(encoding="utf-8")


def systems() -> list[str]:
    """The systems that have a starter, by name; the one for any tables last."""
    found = sorted(path.parent.name for path in FOLDER.glob("*/starter.toml"))
    return [*(name for name in found if name != ANY), *(name for name in found if name == ANY)]


def starters(names: Sequence[str]) -> list[Starter]:
    """The starters of these systems; ConfigError names those that there are not."""
    if unknown := sorted(set(names) - set(systems())):
        raise ConfigError(
            f"--from names {with_nearest(unknown, systems())}, for which there is no starter. "
            f"There are {', '.join(systems())}."
        )
    return [starter(name) for name in dict.fromkeys(names)]


@cache
def starter(name: str) -> Starter:
    """One starter, read from its folder."""
    said: Mapping[str, Any] = tomllib.loads((FOLDER / name / "starter.toml").read_text(encoding="utf-8"))
    shapes = {
        table: Shape(table, tuple(of.get("names", ())), tuple(of["key"]), of.get("columns", {}), of.get("by_name", {}))
        for table, of in said["tables"].items()
    }
    maps = {
        table: Mapped(
            table, of["system"], of.get("expected_every_days"), tuple(of.get("needs", ())),
            tuple(of.get("fixed_since_signup", ())),
        )
        for table, of in said["maps"].items()
    }  # fmt: skip
    links = tuple(
        Link(of.get("sql") or said["linked"].format(**of), tuple(of.get("to", ())), of.get("of", ""))
        for of in said.get("links", ())
    )
    words = tuple(one for of in said.get("words", ()) for one in _words(of))
    ordered = {table: maps[table] for table in TABLES if table in maps}
    about = said.get("pipeline", {}).get("text", "")
    return Starter(name, said["title"], said["about"], said["account"], shapes, ordered, links, words, about)


def _words(of: Mapping[str, Any]) -> Iterator[Words]:
    """A rule about the values of each of its columns: those that are `known`, or those that are `doubtful`."""
    for place in of["columns"]:
        source, _, column = place.partition(".")
        yield Words(of["of"], source, column, of.get("doubtful") or of["known"], "doubtful" in of, of["message"])


def plain(name: str) -> str:
    """A name as names are compared: `Customer ID`, `customerId` and `customer_id` are one."""
    return re.sub(r"[\W_]+", "", name).casefold()


def bare(name: str) -> str:
    """The plain name without dates and words of no content: `Contracts Export 2026-06` is contracts."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return plain("".join(word for word in words if word.casefold() not in OF_EXPORTS))
