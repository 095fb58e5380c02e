"""A starter's SELECT in the words of a source: its tables and columns by their names there, and without what it lacks.

The text is edited in place, so that comments and layout stay; where what stands, the parser says.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.tokenizer_core import Token

from keepwell.tasks.starters.catalogue import Place
from keepwell.tasks.starters.conditions import without_conditions
from keepwell.tasks.starters.edits import DIALECT, Edit, edited
from keepwell.tasks.starters.recognition import OWN, Found, System
from keepwell.tasks.starters.starter import Starter

NOTHING = "(SELECT 1 AS absent WHERE 1 = 0)"
"""In place of a table that the source lacks."""


@dataclass(frozen=True)
class Adapted:
    """A SELECT in the words of a source. `columns`: what it gives; `dropped`: what it would give, had the source it.

    `emptied`: what had to be kept and is NULL; `read_as_null`: columns that it reads and the source lacks; `reads`: the
    source's tables that it reads.
    """

    text: str
    columns: Sequence[str]
    dropped: Sequence[str]
    emptied: Sequence[str]
    read_as_null: Sequence[str]
    reads: Sequence[Found]


def needed(starter: Starter, table: str) -> list[set[str]]:
    """What a starter gives nothing of a canonical table without, tables and `table.column`: one of these sets.

    What its rows come from, of a union one side, and what the starter says it needs.
    """
    choices = [need.split("|") for need in starter.maps[table].needs]
    return [{one, *needs} for one in Read(starter.sql(table), starter).driving() for needs in product(*choices)]


def lacking(system: System, needs: Collection[str]) -> list[str]:
    """What the system's tables lack of these tables and columns."""
    named = [(need, *need.partition(".")) for need in sorted(needs)]
    return [
        need
        for need, table, _, column in named
        if table not in system.tables or (column and not _has(system, table, column))
    ]


def gives(system: System, table: str) -> bool:
    """Whether the source has what the system's starter needs for a canonical table."""
    starter = system.starter
    return table in starter.maps and any(not lacking(system, one) for one in needed(starter, table))


def columns_read(sql: str, starter: Starter) -> set[tuple[str, str]]:
    """The columns that a SELECT reads, with their tables, by usual names."""
    return {(table, column) for table, column, _ in Read(sql, starter).columns}


def adapted(sql: str, system: System, dialect: str, keep: Sequence[str] = ()) -> Adapted:
    """A SELECT of the system's starter. `keep`: columns that stay, as NULL where nothing gives them."""
    read = Read(sql, system.starter)
    absent = read.absent(system)
    names = read.statement.named_selects
    dropped = [name for name in names if name in absent and name not in keep]
    edits = [
        *_table_edits(read, system, dialect), *_column_edits(read, system, dialect), *_item_edits(sql, dropped),
        *without_conditions(sql, _there(read, system)),
    ]  # fmt: skip
    reads = {name: found for name, _ in read.tables if (found := system.tables.get(name))}
    return Adapted(
        edited(sql, edits), [name for name in names if name not in dropped], dropped,
        [name for name in names if name in absent and name in keep],
        sorted({_named(table, column, system) for table, column, _ in read.columns if not _has(system, table, column)}),
        list(reads.values()),
    )  # fmt: skip


class Read:
    """A starter's SELECT, parsed: the source's tables and columns that it reads, and where they stand in the text."""

    def __init__(self, sql: str, starter: Starter) -> None:
        statement = sqlglot.parse_one(sql, read=DIALECT)
        assert isinstance(statement, exp.Query)
        self.statement = statement
        self._shapes = starter.shapes
        self._scopes = {id(scope.expression): scope for scope in traverse_scope(statement)}

    @property
    def tables(self) -> Iterator[tuple[str, exp.Identifier]]:
        """The source's tables: their usual names, and the names in the text; those of the outer SELECT first."""
        outermost = sorted(self._scopes.values(), key=lambda scope: scope.expression.depth)
        for scope in outermost:
            for source in scope.sources.values():
                if isinstance(source, exp.Table):
                    yield source.name, source.this

    @property
    def columns(self) -> Iterator[tuple[str, str, exp.Column]]:
        """The source's columns: the usual names of table and column, and the column in the text."""
        for column in self.statement.find_all(exp.Column):
            source = self._source(column)
            if isinstance(source, exp.Table):
                yield source.name, column.name, column

    def driving(self) -> list[str]:
        """The tables that rows come from: the first in FROM, through common table expressions and sub-selects."""
        return list(dict.fromkeys(self._driving(self.statement)))

    def _driving(self, query: exp.Expr) -> Iterator[str]:
        if isinstance(query, exp.SetOperation):
            yield from self._driving(query.left)
            yield from self._driving(query.right)
        else:
            source = self._scopes[id(query)].sources[query.args["from_"].this.alias_or_name]
            yield from [str(source.name)] if isinstance(source, exp.Table) else self._driving(source.expression)

    def absent(self, system: System) -> set[str]:
        """The outer columns that rest on nothing but columns that the system's tables lack."""
        return self._absent(self.statement, system)

    def _source(self, column: exp.Column) -> exp.Table | Scope | None:
        """What a column's alias means where it stands."""
        select = column.find_ancestor(exp.Select)
        scope = self._scopes.get(id(select))
        while scope is not None:
            if (source := scope.sources.get(column.table)) is not None:
                return source
            scope = scope.parent
        return None

    def _absent(self, query: exp.Expr, system: System) -> set[str]:
        if isinstance(query, exp.SetOperation):
            names = query.named_selects
            sides = [self._absent_places(side, system) for side in (query.left, query.right)]
            return {name for place, name in enumerate(names) if all(place in side for side in sides)}
        if not isinstance(query, exp.Select):
            return set()
        if self._is_empty(query, system):
            return set(query.named_selects)
        return {one.alias_or_name for one in query.selects if self._rests_on_nothing(one, system)}

    def _is_empty(self, query: exp.Select, system: System) -> bool:
        """Whether a SELECT has no rows, since a table is missing that they come from or have to meet."""
        tables = [query.args["from_"].this] if query.args.get("from_") else []
        tables += [join.this for join in query.args.get("joins", ()) if join.side != "LEFT"]
        sources = [self._scopes[id(query)].sources.get(table.alias_or_name) for table in tables]
        return any(isinstance(source, exp.Table) and source.name not in system.tables for source in sources)

    def _absent_places(self, query: exp.Expr, system: System) -> set[int]:
        """Their places: the sides of a union have names of their own."""
        absent = self._absent(query, system)
        names = query.named_selects if isinstance(query, exp.Query) else []
        return {place for place, name in enumerate(names) if name in absent}

    def _rests_on_nothing(self, item: exp.Expr, system: System) -> bool:
        """Whether an expression can be nothing but NULL, or has no column that is there."""
        if isinstance(item, exp.Null):
            return True
        if isinstance(item, (exp.Alias, exp.Cast, exp.Paren)):
            return self._rests_on_nothing(item.this, system)
        if isinstance(item, exp.Case):
            other = item.args.get("default")
            operand = item.this is not None and self._rests_on_nothing(item.this, system)
            return (other is None or self._rests_on_nothing(other, system)) and all(
                operand or any(self._rests_on_nothing(part, system) for part in (branch.this, branch.args["true"]))
                for branch in item.args["ifs"]
            )
        columns = list(_columns_for_value(item))
        return bool(columns) and all(self._is_absent(column, system) for column in columns)

    def _is_absent(self, column: exp.Column, system: System) -> bool:
        source = self._source(column)
        if isinstance(source, exp.Table):
            return not _has(system, source.name, column.name)
        return isinstance(source, Scope) and column.name in self._absent(source.expression, system)


def _has(system: System, table: str, column: str) -> bool:
    """Whether the source has a column of one of the system's tables."""
    found = system.tables.get(table)
    return found is not None and found.column(column) is not None


def _named(table: str, column: str, system: System) -> str:
    """A column in words, by its table's name in the source where that is known."""
    found = system.tables.get(table)
    return f"{found.place or table if found else table}.{column}"


def _columns_for_value(item: exp.Expr) -> Iterator[exp.Column]:
    """The columns that an expression's value is made of; of a sub-select those of its list."""
    if isinstance(item, exp.Column):
        yield item
    elif isinstance(item, exp.Select):
        for one in item.selects:
            yield from _columns_for_value(one)
    else:
        for child in item.iter_expressions():
            yield from _columns_for_value(child)


# The text -------------------------------------------------------------------------------------------------------------


def _table_edits(read: Read, system: System, dialect: str) -> Iterator[Edit]:
    for name, written in read.tables:
        found = system.tables.get(name)
        place = NOTHING if found is None else place_of(found, dialect)
        once = f"(SELECT DISTINCT * FROM {place})" if found and found.twice else place
        yield Edit(written.meta["start"], written.meta["end"] + 1, once)


def place_of(found: Found, dialect: str) -> str:
    """The table as a SELECT names it."""
    if found.place is None:
        return found.shape.name
    return sql_of(found.place, dialect, found.shape.name)


def sql_of(place: Place, dialect: str, usual: str = "") -> str:
    """A table's schema and name as a SELECT has them; the usual name goes without quotes."""
    return ".".join(_quoted(part, usual, dialect) for part in (place.schema, place.table) if part)


def _quoted(name: str, usual: str, dialect: str) -> str:
    """A name as the dialect reads it; the usual one goes without quotes."""
    bare = name == usual or (dialect == "snowflake" and name == usual.upper())
    return name if bare else exp.to_identifier(name, quoted=True).sql(dialect)


def _column_edits(read: Read, system: System, dialect: str) -> Iterator[Edit]:
    for table, name, column in read.columns:
        found = system.tables.get(table)
        actual = found.column(name) if found else None
        alias, start, end = column.args["table"], column.this.meta["start"], column.this.meta["end"] + 1
        if found and name in found.instead:
            yield Edit(alias.meta["start"], end, found.instead[name].sql.replace(OWN, alias.name))
        elif actual is None:
            yield Edit(alias.meta["start"], end, "NULL")
        elif actual != name:
            yield Edit(start, end, _quoted(actual, name, dialect))


def _item_edits(sql: str, dropped: Sequence[str]) -> Iterator[Edit]:
    """The outer lists of columns without those that are dropped, each with the comments above it."""
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    for first, last in _lists(tokens):
        items = _items(tokens, first, last)
        kept = [end for _, end, name in items if name not in dropped]
        yield from (Edit(start, end, "") for start, end, name in items if name in dropped)
        if kept and kept[-1] != items[-1][1]:  # the last that stays ends with a comma
            yield Edit(kept[-1] - 1, kept[-1], "")


def _lists(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Positions of SELECT and of the token behind the list, of each outer SELECT."""
    depth, first = 0, None
    for place, token in enumerate(tokens):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type is TokenType.SELECT:
            first = place
        elif depth == 0 and token.token_type is TokenType.FROM and first is not None:
            yield first, place
            first = None


def _items(tokens: Sequence[Token], first: int, last: int) -> list[tuple[int, int, str]]:
    """Start, end and name of each item: from behind the comma before it to behind its own, or behind its last token."""
    found, depth, start, inside = [], 0, tokens[first].end + 1, tokens[first + 1 : last]
    for place, token in enumerate(inside):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth == 0 and token.token_type is TokenType.COMMA:
            found.append((start, token.end + 1, inside[place - 1].text))
            start = token.end + 1
    return [*found, (start, inside[-1].end + 1, inside[-1].text)]


def _there(read: Read, system: System) -> dict[int, bool]:
    """Whether a column is there, by the place where its name stands; that of a common table expression is."""
    columns = {column.this.meta["start"]: True for column in read.statement.find_all(exp.Column)}
    return columns | {c.this.meta["start"]: _has(system, table, c.name) for table, _, c in read.columns}
