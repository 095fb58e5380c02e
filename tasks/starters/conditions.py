"""Which conditions of a WHERE go where the source lacks their columns, and which then let no row pass.

With NULL in place of the columns a condition that is true says nothing, and goes: nobody is marked as deleted. One that
is false stays: nothing is there that it asks for. Where neither is known, one that excludes goes, since there is
nothing to exclude, and one that selects stays, since no row is known to be of that kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import duckdb
import sqlglot
from sqlglot import TokenType, exp
from sqlglot.tokenizer_core import Token

from keepwell.tasks.starters.edits import DIALECT, Edit

OPENING = (TokenType.L_PAREN, TokenType.CASE)
CLOSING = (TokenType.R_PAREN, TokenType.END)
ENDING = (
    TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.HAVING, TokenType.UNION, TokenType.LIMIT, TokenType.WINDOW,
    TokenType.QUALIFY,
)  # fmt: skip
"""What ends a WHERE."""


def without_conditions(sql: str, there: Mapping[int, bool]) -> Iterator[Edit]:
    """Each WHERE without the conditions, joined by AND, that say nothing; with OR it stays as it is.

    `there`: whether a column is there, by the place where its name stands.
    """
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    for place, token in enumerate(tokens):
        if token.token_type is TokenType.WHERE:
            yield from _without(sql, tokens, place, there)


def _without(sql: str, tokens: Sequence[Token], where: int, there: Mapping[int, bool]) -> Iterator[Edit]:
    """The edits of one WHERE."""
    conditions = _conditions(tokens, where)
    gone = []
    for first, last in conditions:
        columns = [there[token.start] for token in tokens[first : last + 1] if token.start in there]
        text = sql[tokens[first].start : tokens[last].end + 1]
        gone.append(bool(columns) and not any(columns) and _goes(text))
    if conditions and all(gone):
        yield Edit(tokens[where].start, tokens[conditions[-1][1]].end + 1, "")
        return
    begun = False
    for (first, last), away in zip(conditions, gone, strict=True):
        if away and begun:  # with the AND before it
            yield Edit(tokens[first - 1].start, tokens[last].end + 1, "")
        elif away:  # with the AND behind it
            yield Edit(tokens[first].start, tokens[last + 1].end + 1, "")
        begun = begun or not away


def _conditions(tokens: Sequence[Token], where: int) -> list[tuple[int, int]]:
    """First and last token of each condition of a WHERE; none where OR joins them."""
    found, depth, first, between = list[tuple[int, int]](), 0, where + 1, False
    for place in range(where + 1, len(tokens) + 1):
        kind = tokens[place].token_type if place < len(tokens) else None
        depth += (kind in OPENING) - (kind in CLOSING)
        if kind is None or depth < 0 or (depth == 0 and kind in ENDING):
            return [*found, (first, place - 1)]
        if depth == 0 and kind is TokenType.OR:
            return []
        if depth == 0 and kind is TokenType.AND and not between:
            found.append((first, place - 1))
            first = place + 1
        between = kind is TokenType.BETWEEN or (between and not (depth == 0 and kind is TokenType.AND))
    return []


@cache
def _goes(condition: str) -> bool:
    """Whether a condition says nothing where none of its columns is there."""
    parsed = sqlglot.parse_one(condition, read=DIALECT)
    if parsed.find(exp.Query):
        return False  # its own WHERE is edited: whether a row is there decides
    empty = parsed.transform(lambda node: exp.null() if isinstance(node, exp.Column) else node)
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT CAST({empty.sql('duckdb')} AS BOOLEAN)").fetchone()
    return _excludes(parsed) if row is None or row[0] is None else bool(row[0])


def _excludes(condition: exp.Expr) -> bool:
    """Whether a condition names what does not count, and not what does."""
    if isinstance(condition, exp.Paren):
        return _excludes(condition.this)
    if isinstance(condition, exp.Connector):
        return _excludes(condition.left) and _excludes(condition.right)
    return isinstance(condition, exp.NEQ | exp.Not) or bool(condition.args.get("negate"))
