"""What the values of a company's own tables say: which account a row is of, and how numbers and dates are written.

Columns of exports are called anything; their values meet those of the accounts, or they do not (SRC-11).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sqlglot import exp

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import DATE, INSTANT, INTEGER, NUMBER, Column
from keepwell.tasks.sources.cast_remedies import SQL
from keepwell.tasks.sources.local_formats import DUCKDB, date_reading, number_reading, without_words, words_in
from keepwell.tasks.starters.adapted import place_of, sql_of
from keepwell.tasks.starters.answers import Answers
from keepwell.tasks.starters.catalogue import Place
from keepwell.tasks.starters.decisions import TODO
from keepwell.tasks.starters.recognition import OWN, Expression, Found, System
from keepwell.tasks.starters.starter import ANY, Shape, plain, starter

ACCOUNTS, ACCOUNT_ID = "accounts", "account_id"
LOOKED_AT, ACCOUNTS_LOOKED_AT = 20_000, 200_000
"""Rows of a table that are compared with the accounts, and rows of the accounts."""
UNIQUE, ALL, NEW, HALF = 0.95, 0.98, 0.02, 0.5
"""Shares: of values that mean one account; of rows whose account is known; of rows that a further way has to add; of
the best column's rows that one called like an account has to know to come before it."""
OF_ITSELF = frozenset(("id", "uuid"))
"""Columns that say nothing by their name but that the row has an id."""
TELLING = frozenset((ACCOUNT_ID, "name", "user_id"))
"""What a starter knows that may tell accounts apart, beside a row's own id: not a plan, a segment or a CSM."""
PLAIN = re.compile(
    r"[-+]?\d+(?:[.,]\d+)*|\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[T ].*)?|\d{1,2}([-. ])[^\W\d]{3,9}\2\d{2,4}(?: .*)?"
)
"""Numbers and dates, which meet by chance."""
MANY_TABLES = 40
"""Beyond these, a source is a warehouse in which other tables are not searched for ids."""
BESIDE = {
    "mrr": NUMBER, "arr_cents": NUMBER, "mrr_cents": NUMBER, "amount_cents": NUMBER, "amount_per_period": NUMBER,
    "seconds": NUMBER, "updated_at": INSTANT, "deleted_at": INSTANT,
}  # fmt: skip
"""Columns that the starter reads beside the canonical ones, and their types."""


@dataclass(frozen=True)
class Key:
    """A column whose values tell the accounts apart, in the accounts or in a table that names them by `account`.

    `values`: those that mean one account. `called`: whether its name says that it is of accounts.
    """

    place: Place
    column: str
    account: str
    values: frozenset[str]
    called: bool


@dataclass(frozen=True)
class Way:
    """A column with the values of a key, in this share of the rows."""

    own: str
    key: Key
    share: float


def by_values(system: System, answers: Answers) -> System:
    """The system of a company's own tables with what their values say; a table whose rows are nobody's is left out."""
    home, found, tables = system.tables.get(ACCOUNTS), {}, _Tables(answers)
    keys = _keys(system, home, answers, tables) if home is not None else []
    for name, one in system.tables.items():
        instead = dict(one.instead)
        if name != ACCOUNTS and ACCOUNT_ID in one.shape.key and keys:
            instead |= _account(one, keys, answers, tables)
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


class _Tables:
    """Rows of the source's tables, each read once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._rows: dict[Place, list[dict[str, str]]] = {}

    def rows(self, place: Place, many: int = LOOKED_AT) -> list[dict[str, str]]:
        """The first rows, those alike in every column once: their values as text, where there is one."""
        if place not in self._rows:
            table = sql_of(place, self._answers.dialect)
            rows = self._answers.rows(f"SELECT DISTINCT * FROM (SELECT * FROM {table} LIMIT {many}) AS t") or ()
            self._rows[place] = [{n: str(v) for n, v in row.items() if v is not None and str(v)} for row in rows]
        return self._rows[place]


def _keys(system: System, home: Found, answers: Answers, tables: _Tables) -> list[Key]:
    """The keys of the accounts, the id first and names last; then those of the tables that have their ids."""
    own, found = home.named(ACCOUNT_ID), list[Key]()
    if home.place is None or own is None or answers.catalogue is None:
        return found
    rows, known = tables.rows(home.place, ACCOUNTS_LOOKED_AT), {one.place: one for one in system.tables.values()}
    found += sorted(_telling(home, rows, own), key=lambda key: (key.column != own, _spoken(key)))
    ids = next((key for key in found if key.column == own), None)
    places = answers.catalogue.places
    for place in places if len(places) <= MANY_TABLES else ():
        if ids is not None and place != home.place and (rows := tables.rows(place)):
            one = known.get(place) or _unknown(place, answers)
            first = _best(one, ids, rows)
            if first is not None and first.share >= ALL:
                with_account = [row for row in rows if row.get(first.own) in ids.values]
                found += (key for key in _telling(one, with_account, first.own) if key.column != first.own)
    return found


def _unknown(place: Place, answers: Answers) -> Found:
    """A table of no shape that is known: its columns are an account's where any table calls them so."""
    there = {plain(name): name for name in answers.catalogue.columns(place)} if answers.catalogue else {}
    return Found(Shape("", (), (), {}), place, there)


def _telling(one: Found, rows: Sequence[Mapping[str, str]], account: str) -> Iterator[Key]:
    """The columns of a table each of whose values, or nearly each, means one account."""
    assert one.place is not None
    others = _read_as_others(one)
    for name in dict.fromkeys(name for row in rows for name in row):
        meant: dict[str, set[str]] = {}
        for row in rows:
            if name in row and account in row:
                meant.setdefault(row[name], set()).add(row[account])
        telling = frozenset(value for value, accounts in meant.items() if len(accounts) == 1)
        if name not in others and telling and len(telling) >= UNIQUE * len(meant):
            yield Key(one.place, name, account, telling, name == account or _is_called(name))


def _own_id(one: Found) -> str | None:
    """The column that says which row it is."""
    return one.named(one.shape.key[0]) if one.shape.key else None


def _read_as_others(one: Found) -> set[str | None]:
    """The columns that the starter reads as something else than an id or a name."""
    return {one.named(name) for name in one.shape.columns if name not in TELLING} - {_own_id(one)}


def _is_called(name: str) -> bool:
    """Whether a column's name says that it is an account."""
    return plain(name) in _names_of_accounts()


@cache
def _names_of_accounts() -> frozenset[str]:
    """What tables call the account that a row is of, and the accounts their id."""
    shapes = starter(ANY).shapes.values()
    return frozenset(plain(name) for shape in shapes for name in shape.spellings(ACCOUNT_ID)) - OF_ITSELF


def _spoken(key: Key) -> bool:
    """Whether values are names, which two may share and people write as they like."""
    return any(" " in value for value in key.values)


def _met(rows: Sequence[Mapping[str, str]], name: str, values: frozenset[str]) -> int:
    return sum(row.get(name) in values for row in rows)


def _account(one: Found, keys: Sequence[Key], answers: Answers, tables: _Tables) -> dict[str, Expression]:
    """The expression of a row's account, where the column that is called so is not, or not always, an account's id."""
    assert one.place is not None
    rows, named = tables.rows(one.place), one.named(ACCOUNT_ID)
    ways, met = _ways(one, keys, rows) if rows else ([], 0.0)
    if not ways:
        return {}
    first = ways[0]
    if first.key == keys[0] and first.share >= ALL:
        said = f"Decision: account_id is {first.own}, in {first.share:.0%} of the rows that of an account."
        return {} if first.own == named else {ACCOUNT_ID: Expression(_of(first.own, answers), [first.own], said)}
    lookups = [
        f"(SELECT {_only(_text(f'a.{_quoted(way.key.account, answers)}', answers))} FROM "
        f"{sql_of(way.key.place, answers.dialect)} AS a "
        f"WHERE {_text(f'a.{_quoted(way.key.column, answers)}', answers)} = {_text(_of(way.own, answers), answers)})"
        for way in ways
    ]
    rest = named or first.own
    sql = "COALESCE(\n        " + ",\n        ".join([*lookups, _text(_of(rest, answers), answers)]) + "\n    )"
    how = ", else ".join(f"{way.own} = {way.key.place}.{way.key.column} ({way.share:.0%} of the rows)" for way in ways)
    kind = "Decision" if met >= ALL else TODO
    others = f" The others keep {rest}, which `check` refuses." if met < 1 else ""
    said = f"{kind}: the account is found by {how}; together in {met:.1%}.{others}"
    return {ACCOUNT_ID: Expression(sql, [way.own for way in ways], said)}


def _only(account: str) -> str:
    """The account that a value means; none where it means several."""
    return f"CASE WHEN MIN({account}) = MAX({account}) THEN MIN({account}) END"


def _ways(one: Found, keys: Sequence[Key], rows: Sequence[Mapping[str, str]]) -> tuple[list[Way], float]:
    """The columns that have values of the keys, in the order of the keys, and the share of rows that any of them names.

    A way that names few more rows than those before it is none.
    """
    found, left = list[Way](), list(rows)
    for key in keys:
        best = _best(one, key, rows) if key.place != one.place else None
        if best is not None and left and _met(left, best.own, key.values) >= NEW * len(rows):
            found.append(best)
            left = [row for row in left if row.get(best.own) not in key.values]
    return found, 1 - len(left) / len(rows)


def _best(one: Found, key: Key, rows: Sequence[Mapping[str, str]]) -> Way | None:
    """The column of a table that has most values of a key; one called like an account before a partner or a parent."""
    names, named = (one.there or {}).values(), one.named(ACCOUNT_ID)
    ways = [Way(n, key, _met(rows, n, key.values) / len(rows)) for n in names if _comparable(one, n, key, rows)]
    most = max((way.share for way in ways), default=0.0)
    ranked = [way for way in ways if way.share >= HALF * most]
    return max(ranked, key=lambda way: (way.own == named, _is_called(way.own), way.share), default=None)


def _comparable(one: Found, own: str, key: Key, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether equal values mean the same: numbers do where the names of both columns say so, texts do anyway.

    What is read as something else (a plan, a subject) is none of an account; nor a day, an amount or the row's own id.
    """
    if own in _read_as_others(one) and not _is_called(own):
        return False
    met = [row[own] for row in rows if row.get(own) in key.values]
    texts = sum(PLAIN.fullmatch(value) is None for value in met)
    if not met or texts >= HALF * len(met):
        return bool(met)
    numbers = sum(value.isdigit() for value in met) >= HALF * len(met)
    if not numbers or (own == _own_id(one) and not _is_called(own)):
        return False
    alike = plain(own) == plain(key.column) and plain(own) not in OF_ITSELF
    return alike or (_is_called(own) and key.called)


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


def _text(value: str, answers: Answers) -> str:
    """A value as text: ids of one source may be numbers here and text there."""
    return value if answers.catalogue and answers.catalogue.is_text else f"CAST({value} AS VARCHAR)"


def _of(name: str, answers: Answers) -> str:
    return f"{OWN}.{_quoted(name, answers)}"


def _quoted(name: str, answers: Answers) -> str:
    return exp.to_identifier(name, quoted=True).sql(answers.dialect)
