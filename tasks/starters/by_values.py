"""What the values of a company's own tables say: which account a row is of, and how numbers and dates are written.

Columns of exports are called anything; their values meet those of the accounts, or they do not (SRC-11).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT, INTEGER, NUMBER, Column
from keepwell.tasks.sources.cast_remedies import SQL
from keepwell.tasks.sources.local_formats import DUCKDB, date_reading, number_reading, without_words, words_in
from keepwell.tasks.starters.adapted import place_of
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.catalogue import Place
from keepwell.tasks.starters.decisions import TODO
from keepwell.tasks.starters.recognition import OWN, Expression, Found, System
from keepwell.tasks.starters.starter import Shape, plain

ACCOUNTS, ACCOUNT_ID = "accounts", "account_id"
LOOKED_AT = 20_000
"""Rows of a table that are compared with the accounts."""
UNIQUE, ALL, NEW = 0.95, 0.98, 0.02
"""Shares: of values that mean one account; of rows whose account is known; of rows that a further way has to add."""
MANY_TABLES = 40
"""Beyond these, a source is a warehouse in which other tables are not searched for ids."""
BESIDE = {
    "mrr": NUMBER, "arr_cents": NUMBER, "mrr_cents": NUMBER, "amount_cents": NUMBER, "amount_per_period": NUMBER,
    "seconds": NUMBER, "updated_at": INSTANT, "deleted_at": INSTANT,
}  # fmt: skip
"""Columns that the starter reads beside the canonical ones, and their types."""


@dataclass(frozen=True)
class Key:
    """A column whose values tell the accounts apart, in the accounts or in a table that names them by `account`."""

    place: Place
    column: str
    account: str
    values: frozenset[str]


@dataclass(frozen=True)
class Way:
    """A column with the values of a key, in this share of the rows."""

    own: str
    key: Key
    share: float


def by_values(system: System, answers: Answers) -> System:
    """The system of a company's own tables with what their values say; a table whose rows are nobody's is left out."""
    home, found = system.tables.get(ACCOUNTS), {}
    keys = _keys(home, answers) if home is not None else []
    for name, one in system.tables.items():
        instead = dict(one.instead)
        if name != ACCOUNTS and ACCOUNT_ID in one.shape.key and keys:
            instead |= _account(one, keys, answers)
        instead |= _local(one, name, answers)
        with_them = replace(one, instead=instead, twice=_twice(one, answers) if _has_id(one, name) else 0)
        if not with_them.lacking():
            found[name] = with_them
    return replace(system, tables=found)


def _has_id(one: Found, name: str) -> bool:
    """Whether each row says which thing it is: else two that are alike may be two facts."""
    own = TABLES[name].key[0]
    return (own != ACCOUNT_ID or name == ACCOUNTS) and one.named(own) is not None


def _twice(one: Found, answers: Answers) -> int:
    """Rows that are there again, as in an export that was pasted together; a database is not asked."""
    if answers.dialect != DUCKDB:
        return 0
    place = place_of(one, answers.dialect)
    asked = f"SELECT COUNT(*) - (SELECT COUNT(*) FROM (SELECT DISTINCT * FROM {place}) AS d) AS twice FROM {place} AS t"
    rows = answers.rows(asked)
    return int(rows[0]["twice"]) if rows else 0


# Whose row it is ------------------------------------------------------------------------------------------------------


def _keys(home: Found, answers: Answers) -> list[Key]:
    """The keys of the accounts, the id first and names last; then those of the tables that have their ids."""
    own, ids = home.named(ACCOUNT_ID), frozenset[str]()
    found = list[Key]()
    if home.place is None or own is None or answers.catalogue is None:
        return found
    rows = _rows(home.place, answers)
    ids = frozenset(row[own] for row in rows if own in row)
    found += sorted(_telling(home.place, rows, own), key=lambda key: (key.column != own, _spoken(key)))
    places = answers.catalogue.places
    for place in places if len(places) <= MANY_TABLES else ():
        if place != home.place and (rows := _rows(place, answers)):
            shares = {name: _met(rows, name, ids) / len(rows) for name in answers.catalogue.columns(place)}
            account = max(shares, key=lambda name: shares[name], default="")
            if shares.get(account, 0) >= ALL:
                found += _telling(place, rows, account)
    return found


def _telling(place: Place, rows: Sequence[Mapping[str, str]], account: str) -> Iterator[Key]:
    """The columns of a table each of whose values, or nearly each, means one account."""
    for name in dict.fromkeys(name for row in rows for name in row):
        meant: dict[str, set[str]] = {}
        for row in rows:
            if name in row and account in row:
                meant.setdefault(row[name], set()).add(row[account])
        if meant and sum(len(accounts) == 1 for accounts in meant.values()) >= UNIQUE * len(meant):
            yield Key(place, name, account, frozenset(meant))


def _spoken(key: Key) -> bool:
    """Whether values are names, which two may share and people write as they like."""
    return any(" " in value for value in key.values)


def _met(rows: Sequence[Mapping[str, str]], name: str, values: frozenset[str]) -> int:
    return sum(row.get(name) in values for row in rows)


def _rows(place: Place, answers: Answers) -> list[dict[str, str]]:
    """Rows of a table, those alike in every column once: their values as text, where there is one."""
    table = place_of(Found(Shape("", (), (), {}), place), answers.dialect)
    rows = answers.rows(f"SELECT DISTINCT * FROM (SELECT * FROM {table} LIMIT {LOOKED_AT}) AS t") or ()
    return [{name: str(value) for name, value in row.items() if value is not None and str(value)} for row in rows]


def _account(one: Found, keys: Sequence[Key], answers: Answers) -> dict[str, Expression]:
    """The expression of a row's account, where the column that is called so is not, or not always, an account's id."""
    assert one.place is not None
    rows, named = _rows(one.place, answers), one.named(ACCOUNT_ID)
    ways, met = _ways(one, keys, rows) if rows else ([], 0.0)
    if not ways:
        return {}
    first = ways[0]
    if first.key == keys[0] and first.share >= ALL:
        said = f"Decision: account_id is {first.own}, in {first.share:.0%} of the rows that of an account."
        return {} if first.own == named else {ACCOUNT_ID: Expression(_of(first.own, answers), [first.own], said)}
    lookups = [
        f"(SELECT MIN(a.{_quoted(way.key.account, answers)}) FROM "
        f"{place_of(replace(one, place=way.key.place), answers.dialect)} AS a "
        f"WHERE a.{_quoted(way.key.column, answers)} = {_of(way.own, answers)})"
        for way in ways
    ]
    rest = named or first.own
    sql = "COALESCE(\n        " + ",\n        ".join([*lookups, _of(rest, answers)]) + "\n    )"
    how = ", else ".join(f"{way.own} = {way.key.place}.{way.key.column} ({way.share:.0%} of the rows)" for way in ways)
    kind = "Decision" if met >= ALL else TODO
    others = f" The others keep {rest}, which `check` refuses." if met < 1 else ""
    said = f"{kind}: the account is found by {how}; together in {met:.1%}.{others}"
    return {ACCOUNT_ID: Expression(sql, [way.own for way in ways], said)}


def _ways(one: Found, keys: Sequence[Key], rows: Sequence[Mapping[str, str]]) -> tuple[list[Way], float]:
    """The columns that have values of the keys, in the order of the keys, and the share of rows that any of them names.

    A way that names few more rows than those before it is none.
    """
    found, left = list[Way](), list(rows)
    for key in keys:
        ways = [
            Way(name, key, _met(rows, name, key.values) / len(rows))
            for name in (one.there or {}).values()
            if key.place != one.place and _comparable(one, name, key, rows)
        ]
        best = max(ways, key=lambda way: way.share, default=None)
        if best is not None and left and _met(left, best.own, key.values) >= NEW * len(rows):
            found.append(best)
            left = [row for row in left if row.get(best.own) not in key.values]
    return found, 1 - len(left) / len(rows)


def _comparable(one: Found, own: str, key: Key, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether equal values mean the same: plain numbers do where the columns are called alike, texts do anyway."""
    alike = plain(own) == plain(key.column) or plain(own) in map(plain, one.shape.spellings(ACCOUNT_ID))
    return alike or any(row.get(own) in key.values and not row[own].isdigit() for row in rows)


# How values are written -----------------------------------------------------------------------------------------------


def _local(one: Found, table: str, answers: Answers) -> dict[str, Expression]:
    """The columns whose values are read by a local format, or hold words that stand for no value."""
    found = {}
    for column in _typed(table):
        if (name := one.named(column.name)) is None or column.name in one.instead:
            continue
        value = _quoted(name, answers)
        asked = f"SELECT CAST(t.{value} AS VARCHAR) AS {column.name} FROM {place_of(one, answers.dialect)} AS t"
        seen = answers.shapes(asked, column)
        own, words = _of(name, answers), words_in(seen)
        if column.type in (DATE, INSTANT):
            reading = date_reading(own, seen, SQL[column.type], answers.dialect)
        else:
            reading = number_reading(own, seen, answers.dialect)
        beside = f"; {' and '.join(repr(shape.word) for shape in words)} there is no value" if words else ""
        if reading is not None and reading.else_sql is None:
            kind = "date" if column.type in (DATE, INSTANT) else "number"
            note = f"Decision: {name} is written as a local {kind}{beside}."
            found[column.name] = Expression(reading.sql, [name], note)
        elif words and all(shape.readable or shape in words for shape in seen):
            note = f"Decision: {' and '.join(repr(shape.word) for shape in words)} in {name} is no value."
            found[column.name] = Expression(without_words(own, words), [name], note)
    return found


def _typed(table: str) -> Iterator[Column]:
    """The columns of a table that are numbers or dates."""
    yield from (c for c in TABLES[table].columns if c.type in (DATE, INSTANT, INTEGER, NUMBER))
    there = {c.name for c in TABLES[table].columns}
    yield from (Column(name, kind, "") for name, kind in BESIDE.items() if name not in there)


def _of(name: str, answers: Answers) -> str:
    return f"{OWN}.{_quoted(name, answers)}"


def _quoted(name: str, answers: Answers) -> str:
    return exp.to_identifier(name, quoted=True).sql(answers.dialect)
