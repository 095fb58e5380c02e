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
from keepwell.features.facts.columns import CanonicalTable, Column
from keepwell.features.facts.known import Facts
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
    facts = _no_facts()
    accounts = book(facts, BookSettings())
    columns = {**dict(accounts.schema()), **dict.fromkeys(features, "float64")}
    wide = ibis.table(columns, name="wide")
    found: dict[str, frozenset[Place]] = {}

    def places(name: str) -> frozenset[Place]:
        if name not in features:
            return frozenset(_origins(accounts[name].op()))
        if name not in found:
            feature = features[name]
            found[name] = frozenset(_aggregate(feature, facts) if feature.kind == "aggregate" else _derived(feature))
        return found[name]

    def _derived(feature: Feature) -> Iterator[Place]:
        for field in feature.build(wide).op().find(ops.Field, filter=ops.Value):
            yield from places(field.name)

    users: dict[Place, list[str]] = {}
    for feature in features.values():
        for place in sorted(places(feature.name)) if feature.published else ():
            users.setdefault(place, []).append(feature.name)
    return users


def _aggregate(feature: Feature, facts: Facts) -> Iterator[Place]:
    """The source columns that an aggregate reads; with a window, also the column that dates the rows."""
    (source,) = feature.sources
    yield from _origins(feature.build(rows_for(facts, feature, None, BookSettings().rates())).op())
    if feature.lookback_days is not None:
        yield source, EVENTS[source]


def _origins(node: Any) -> Iterator[Place]:
    """The columns of canonical tables that a value depends on, traced through the relations in between."""
    for field in node.find(ops.Field, filter=ops.Value):
        yield from _origin(field.rel, field.name)


def _origin(relation: Any, name: str) -> Iterator[Place]:
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
    tables = {name: ibis.table(schema, name=name) for name, schema in columns.items()}
    tables["account_labels"] = tables["accounts"]
    tables["quarantine"] = ibis.table({c.name: c.type for c in QUARANTINE}, name="quarantine")
    as_of = datetime(2000, 1, 1)  # noqa: DTZ001 - instants are kept without a zone, in UTC
    given = {name: frozenset(schema) for name, schema in columns.items()}
    return Facts(as_of, tables, dict.fromkeys(tables, as_of.date()), given)
