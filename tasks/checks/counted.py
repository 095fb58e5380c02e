"""Values of one table that are counted, per column: those that casts note down, and attributes that are not dated."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from keepwell.expectations.measures import COUNTED, UNDATED, noted_at
from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.sources.snapshot import StagedTable

ATTRIBUTES = ("segment", "industry", "country", "parent_id")
"""Attributes of an account that are more than a label: undated, a score and a model do without them."""


Noted = Mapping[str, Sequence[Mapping[str, Any]]]
"""By table what measures.noted_at gives of it."""


@dataclass(frozen=True)
class Counted:
    """`values` by the names of expectations.measures, and the first keys of each that is not zero."""

    values: Mapping[str, int]
    keys: Mapping[str, tuple[str, ...]]


def noted_values(noted: ir.Table, as_of: datetime, sample: int) -> Noted:
    """By table what casts noted, with the first keys of each column: one query for all tables."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in noted_at(noted, as_of, sample).to_pyarrow().to_pylist():
        found.setdefault(row["table_name"], []).append(row)
    return found


def counted(rows: ir.Table, noted: Noted, table: CanonicalTable, about: StagedTable, fixed: Collection[str]) -> Counted:
    """The counts of every given column; `fixed`: attributes that the mapping declares fixed since signup."""
    counts = {f"{prefix}{column}": 0 for prefix in COUNTED for column in about.given}
    keys: dict[str, tuple[str, ...]] = {}
    for row in noted.get(table.name, ()):
        name = f"{row['why']}_{row['column_name']}"
        counts[name] = int(row["rows"])
        keys[name] = (*keys.get(name, ()), row["key"])
    if table.name == "accounts":
        lost = [c for c in ATTRIBUTES if c in about.given]
        undated = rows.filter(rows.valid_from.isnull())
        held = undated.agg(**{c: undated[c].count() for c in lost}).to_pyarrow().to_pylist()[0] if lost else {}
        counts |= {f"{UNDATED}{c}": 0 if c in fixed else int(held[c] or 0) for c in lost}
    return Counted(counts, keys)
