"""The columns of canonical tables that each feature depends on, derived from the features' own expressions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import ibis
import ibis.expr.operations as ops

from keepwell.features.book import book
from keepwell.features.facts.canonical import EVENTS, OUTCOMES, QUARANTINE, TABLES
from keepwell.features.facts.columns import AS_OF, INSTANT, CanonicalTable, Column
from keepwell.features.facts.known import Facts, Rows
from keepwell.features.measures.registry import Feature, rows_for
from keepwell.features.settings import BookSettings

Place = tuple[str, str]
"""A canonical table and one of its columns."""


@dataclass(frozen=True)
class Signal:
    """One column with information about an account, and the published features that use it."""

    table: CanonicalTable
    column: Column
    features: tuple[str, ...]


def signals(features: Mapping[str, Feature]) -> list[Signal]:
    """Every potential signal, whether the company has it or not; ids that only distinguish rows are left out."""
    users = _users(features)
    return [
        Signal(table, column, tuple(users.get((table.name, _read_as(table, column)), ())))
        for table in TABLES.values()
        for column in table.columns
        if column.name not in {"account_id", table.key[0]}
    ]


def _read_as(table: CanonicalTable, column: Column) -> str:
    """The column that features read instead of this one: of a text, only the sentiment is stored."""
    return "sentiment" if column.name == table.text else column.name


def _users(features: Mapping[str, Feature]) -> dict[Place, list[str]]:
    """Published features per column that they depend on, directly or through others."""
    dependencies, users = _Dependencies(features), dict[Place, list[str]]()
    for feature in features.values():
        for place in sorted(dependencies.of(feature.name)) if feature.published else ():
            users.setdefault(place, []).append(feature.name)
    return users


class _Dependencies:
    """The columns of canonical tables that a feature, or a column of the book, depends on."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._features, self._facts = features, _no_facts()
        self._accounts = book(self._facts, BookSettings())
        self._wide = ibis.table({**dict(self._accounts.schema()), **dict.fromkeys(features, "float64")}, name="wide")
        self._found: dict[str, frozenset[Place]] = {}
        self._read: dict[tuple[object, ...], Rows] = {}

    def of(self, name: str) -> frozenset[Place]:
        """Directly or through other features."""
        if name not in self._features:
            return frozenset(_origins(self._accounts[name].op()))
        if name not in self._found:
            feature = self._features[name]
            found = self._of_rows(feature) if feature.kind == "aggregate" else self._of_columns(feature)
            self._found[name] = frozenset(found)
        return self._found[name]

    def _of_rows(self, feature: Feature) -> Iterator[Place]:
        """The source columns that an aggregate reads; with a window, also the column that dates the rows."""
        (source,) = feature.sources
        read = source, feature.rollup, feature.per_account
        if read not in self._read:
            self._read[read] = rows_for(self._facts, feature, None, BookSettings().rates())
        yield from _origins(feature.build(self._read[read]).op())
        if feature.lookback_days is not None:
            yield source, EVENTS[source]

    def _of_columns(self, feature: Feature) -> Iterator[Place]:
        for field in feature.build(self._wide).op().find(ops.Field, filter=ops.Value):
            yield from self.of(field.name)


def _origins(node: Any) -> Iterator[Place]:
    """The columns of canonical tables that a value depends on, traced through the relations in between."""
    for field in node.find(ops.Field, filter=ops.Value):
        yield from _origin(field.rel, field.name)


def _origin(relation: Any, name: str) -> Iterator[Place]:
    if name == AS_OF:
        return
    if isinstance(relation, ops.UnboundTable):
        yield relation.name, name
    elif isinstance(relation, ops.Aggregate):
        yield from _origins({**relation.groups, **relation.metrics}[name])
    elif isinstance(relation, ops.Project | ops.JoinChain):
        yield from _origins(relation.values[name])
    else:
        yield from _origin(relation.parent, name)


@cache
def _no_facts() -> Facts:
    """Every canonical table but outcomes, with its columns but no rows, as of any instant."""
    signalling = {name: table for name, table in TABLES.items() if name not in OUTCOMES}
    columns = {name: {c.name: c.type for c in (*t.columns, *t.staged)} for name, t in signalling.items()}
    tables = {name: ibis.table({AS_OF: INSTANT, **schema}, name=name) for name, schema in columns.items()}
    tables["account_labels"] = tables["accounts"]
    tables["quarantine"] = ibis.table({AS_OF: INSTANT} | {c.name: c.type for c in QUARANTINE}, name="quarantine")
    as_of = datetime(2000, 1, 1)  # noqa: DTZ001 - instants are kept without a zone, in UTC
    given = {name: frozenset(schema) for name, schema in columns.items()}
    return Facts((as_of,), tables, {name: {as_of: as_of.date()} for name in tables}, given)
