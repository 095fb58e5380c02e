"""The sieve: the rows that may break a rule, as an expression that an engine can run.

Great Expectations judges rows in memory, and a rule costs the same however few rows it is given. It only needs those
that may break one; the sieve never leaves out a row that would.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from keepwell.expectations import suites
from keepwell.expectations.suites import Expectation
from keepwell.features.facts.columns import CanonicalTable

Values = Mapping[str, Any]


def may_break(
    expectation: Expectation, rows: ir.Table, arguments: Values, repeated: ir.Table | None
) -> ir.BooleanValue:
    """True for every row that breaks a row-level rule; never NULL. `repeated`: see `repeated_values`."""
    columns = [rows[name] for name in expectation.given]
    match expectation.expect:
        case suites.NOT_NULL:
            broken = columns[0].isnull()
        case suites.BETWEEN:
            broken = _outside(columns[0], arguments.get("min_value"), arguments.get("max_value"))
        case suites.IN_SET:
            broken = columns[0].notin(list(arguments["value_set"]))
        case suites.MATCH:
            broken = ~columns[0].re_search(arguments["regex"])
        case suites.IN_ORDER:
            late, early = (column.cast("timestamp") for column in columns)
            broken = late < early if arguments.get("or_equal") else late <= early
        case suites.UNIQUE | suites.UNIQUE_TOGETHER if repeated is not None:
            there = ibis.or_(*(column.notnull() for column in columns))
            broken = there & _mark(rows, expectation.given).isin(repeated.mark)
        case unknown:
            raise ValueError(f"the sieve knows no {unknown}")
    return broken.fill_null(False)


def value_breaks(expectation: Expectation, values: Values, arguments: Values) -> bool:
    """Whether a rule about a whole table is broken by its values, by name: one comparison, which needs no judge."""
    (name,) = expectation.given
    if expectation.expect == suites.TO_EXIST:
        return name not in values
    value, lowest, highest = values[name], arguments.get("min_value"), arguments.get("max_value")
    return not ((lowest is None or value >= lowest) and (highest is None or value <= highest))


def repeated_values(expectation: Expectation, rows: ir.Table, table: CanonicalTable) -> ir.Table | None:
    """The marks of values that occur more than once, for a rule that asks for that; None for any other.

    Staged files are ordered by event and key, so equal keys are neighbours where the event is part of the key.
    """
    if expectation.expect not in {suites.UNIQUE, suites.UNIQUE_TOGETHER}:
        return None
    in_order = table.event in table.key and set(expectation.given) == set(table.key)
    return ibis.memtable(repeated_marks(rows, expectation.given, in_order).to_pyarrow())


def repeated_marks(rows: ir.Table, columns: Sequence[str], in_order: bool) -> ir.Table:
    """The marks (hashes) of value combinations that more than one row has; a row without any value has none.

    `in_order`: `rows` is a plain scan of a file ordered by these columns, so that equal rows are neighbours: a window
    without an order streams over them as they lie (DuckDB), where grouping all of them would fill the memory.
    """
    there = rows.filter(ibis.or_(*(rows[name].notnull() for name in columns)))
    marks = there.select(mark=_mark(there, columns))
    if in_order:
        beside = marks.mutate(before=marks.mark.lag().over(ibis.window()))
        return beside.filter(beside.mark == beside.before).select("mark").distinct()
    counted = marks.group_by("mark").agg(rows=marks.count())
    return counted.filter(counted.rows > 1).select("mark")


def thinned(broken: ir.BooleanValue, rows: ir.Table, key: Sequence[str], of: int) -> ir.BooleanValue:
    """A fixed sample of about one in `of` rows that break a rule; rows with the same key stay together."""
    return broken if of <= 1 else broken & (_mark(rows, key) % of == 0)


def _outside(value: ir.Value, lowest: Any, highest: Any) -> ir.BooleanValue:
    bounds = [value < _literal(lowest)] if lowest is not None else []
    bounds += [value > _literal(highest)] if highest is not None else []
    return ibis.or_(*bounds)


def _literal(bound: Any) -> ir.Value:
    return ibis.literal(bound.isoformat()).cast("timestamp") if isinstance(bound, date) else ibis.literal(bound)


def _mark(rows: ir.Table, columns: Sequence[str]) -> ir.IntegerValue:
    return _hash(ibis.struct({name: rows[name] for name in columns}))


def _duckdb_hash(row) -> dt.uint64:  # type: ignore[no-untyped-def] # noqa: ANN001 - a row may be of any type
    """DuckDB's own hash; Ibis converts it through a text of bits, at three times the cost."""


_hash = ibis.udf.scalar.builtin(name="hash")(_duckdb_hash)
