"""The only door to raw data: a staged snapshot, cut at as_of."""

from datetime import date, datetime

from features.canonical import TABLES
from features.known import Facts, cut, known
from tasks.staging import Snapshot


def facts_at(snapshot: Snapshot, as_of: datetime, fixed: frozenset[str] = frozenset()) -> Facts:
    """Everything in the snapshot that was known at `as_of`, on an engine of its own."""
    tables = snapshot.open()
    newest: dict[str, date] = {}
    for name in snapshot.tables:
        table = TABLES[name]
        visible = cut(tables[name], table, as_of)
        last = visible[table.event].cast("date").max().to_pyarrow().as_py()
        if last is not None:
            newest[name] = last
    given = {name: frozenset(staged.given) for name, staged in snapshot.tables.items()}
    return known(tables, as_of, newest, given, fixed)
