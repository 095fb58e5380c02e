"""A kind of mutation: it changes a small company that is right, and states beforehand what has to come of it."""

import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.running import ROOT, mart

AS_OF = "2026-06-30"
Columns = Mapping[str, frozenset[str]]
DAILY, CHECK, IMPORT = "daily", "check", "work import"


@dataclass(frozen=True)
class Refused:
    """The run stops with this exit code and says all of this; what was published before stays as it is."""

    code: int
    says: tuple[str, ...]


@dataclass(frozen=True)
class NoEffect:
    """Every mart is as without the mutation: byte for byte, or (`stamped`) in all but run_id, as the input differs.

    `renamed`: ids that are others now, old to new.
    """

    stamped: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """Exactly these columns of these marts change, each in at least one row; those in `follows` may; nothing else does.

    `accounts`: in marts of accounts only their rows change (any, where None), but for the columns in `peers`: what
    accounts are compared with. `values`: what a column of health_scores holds of each account. `rows`: marts in which
    rows may come or go.
    """

    columns: Columns
    follows: Columns = field(default_factory=dict)
    peers: Columns = field(default_factory=dict)
    accounts: frozenset[str] | None = None
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SameWork:
    """The file records what it recorded before it was changed."""


Expected = Refused | NoEffect | Changes | SameWork


@dataclass(frozen=True)
class Company:
    """A company's folder that a mutation may change, and what was published of it before (`out`)."""

    folder: Path
    out: Path

    @property
    def config(self) -> Path:
        return self.folder / "pipeline.toml"

    @property
    def work(self) -> Path:
        """The file of calls and interventions that `work import` reads."""
        return self.folder / "work.csv"

    def sql(self, table: str) -> Path:
        return self.folder / "sql" / f"{table}.sql"

    def published(self, name: str) -> pd.DataFrame:
        """A mart as it was before."""
        return mart(self.out, name, AS_OF)

    def set(self, section: str, line: str) -> None:
        """One more line in a section of pipeline.toml; the section is made where it is not there."""
        head, text = f"[{section}]", self.config.read_text(encoding="utf-8")
        text = text.replace(head, f"{head}\n{line}", 1) if head in text else f"{text}\n{head}\n{line}\n"
        self.config.write_text(text, encoding="utf-8")

    def playbook(self) -> Path:
        """A playbook of the company's own, as yet the one that Keepwell ships."""
        path = self.folder / "mine.toml"
        path.write_bytes((ROOT / "playbook" / "playbook.toml").read_bytes())
        self.config.write_text('playbook = "mine.toml"\n' + self.config.read_text(encoding="utf-8"), encoding="utf-8")
        return path

    def actions(self) -> list[dict[str, Any]]:
        """The actions of the playbook that Keepwell ships."""
        return tomllib.loads((ROOT / "playbook" / "playbook.toml").read_text(encoding="utf-8"))["action"]

    def arrow(self, table: str) -> pa.Table:
        return pq.read_table(self.folder / f"{table}.parquet")

    def put_arrow(self, table: str, rows: pa.Table) -> None:
        pq.write_table(rows, self.folder / f"{table}.parquet")

    def rows(self, table: str) -> pd.DataFrame:
        """A table as a frame whose values are Python's own."""
        return self.arrow(table).to_pandas(types_mapper=pd.ArrowDtype)

    def put(self, table: str, rows: pd.DataFrame) -> None:
        """The frame in the table's own types."""
        schema = pq.read_schema(self.folder / f"{table}.parquet").remove_metadata()
        self.put_arrow(table, pa.Table.from_pandas(rows, schema, preserve_index=False))

    def as_csv(self, table: str, **texts: Mapping[int, str]) -> None:
        """The table as CSV instead of parquet, with these texts in these rows of a column."""
        rows = self.arrow(table)
        for column, values in texts.items():
            changed = [values.get(i, v) for i, v in enumerate(rows[column].cast(pa.string()).to_pylist())]
            rows = rows.set_column(rows.column_names.index(column), column, pa.array(changed, pa.string()))
        rows.to_pandas(types_mapper=pd.ArrowDtype).to_csv(self.folder / f"{table}.csv", index=False)
        (self.folder / f"{table}.parquet").unlink()


Mutate = Callable[[random.Random, Company], Expected]


@dataclass(frozen=True)
class Kind:
    """A kind of mutation: where it strikes, the command that has to bear it, and what it does."""

    name: str
    area: str
    command: str
    mutate: Mutate


KINDS: dict[str, Kind] = {}


def kind(area: str, command: str = DAILY) -> Callable[[Mutate], Mutate]:
    """Enter a function as a kind of mutation, by its name."""

    def enter(mutate: Mutate) -> Mutate:
        name = f"{area}.{mutate.__name__}"
        assert name not in KINDS, name
        KINDS[name] = Kind(name, area, command, mutate)
        return mutate

    return enter


def columns(**named: str) -> dict[str, frozenset[str]]:
    """Columns by mart, as one text each: `columns(alerts="alert_id rule")`."""
    return {name: frozenset(text.split()) for name, text in named.items()}


def account_ids(rng: random.Random, company: Company, count: int = 1) -> list[str]:
    """So many accounts of the published book."""
    return rng.sample(sorted(company.published("health_scores")["account_id"]), count)


def busy_account(rng: random.Random, company: Company) -> str:
    """An account whose events of the last 28 days are known: not of one that is newer."""
    features = company.published("features")
    return rng.choice(sorted(features.loc[features["events_28d"].notna(), "account_id"]))
