"""What `init` takes for granted of every starter: its folder is whole, and its SELECTs can be edited by tokens."""

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.starters.adapted import Read, needed
from keepwell.tasks.starters.edits import DIALECT
from keepwell.tasks.starters.starter import starter, systems
from tests.support.starter_sources import STARTERS


@pytest.mark.parametrize("name", systems())
def test_a_starter_is_whole(name: str) -> None:
    """Each map has its file, each table a key, each link what it is between (SRC-11)."""
    about = starter(name)

    assert {path.stem for path in (STARTERS / name).glob("*.sql")} == set(about.maps)
    assert about.title
    assert about.about
    assert about.account
    assert all(shape.key for shape in about.shapes.values())
    for link in about.links:
        assert bool(link.to) != bool(link.of)
        assert {*link.to, link.of} - {""} <= set(systems())
        assert sqlglot.parse_one(link.sql, read=DIALECT).named_selects == ["own_id", "account_id"]


@pytest.mark.parametrize("name", systems())
def test_a_starters_selects_can_be_edited(name: str) -> None:
    """Every table has an alias, every column names it; each item is a canonical column; no star, no USING (SRC-11)."""
    about = starter(name)

    for table in about.maps:
        read = Read(about.sql(table), about)
        assert list(wrong(read.statement)) == [], table
        assert {of for of, _ in read.tables} <= set(about.shapes), table
        assert set(read.statement.named_selects) <= TABLES[table].accepted, table
        assert {c.name for c in TABLES[table].columns if c.required} <= set(read.statement.named_selects), table
        for need in set().union(*needed(about, table)):
            assert need.partition(".")[0] in about.shapes, table


def wrong(statement: exp.Expr) -> Iterator[str]:
    """What stands against the rules of form."""
    yield from (f"{c.sql()} names no table" for c in statement.find_all(exp.Column) if not c.table)
    yield from (f"{t.sql()} has no alias" for t in statement.find_all(exp.Table) if not t.alias)
    yield from (f"{i.sql()} has quotes" for i in statement.find_all(exp.Identifier) if i.quoted)
    yield from ("a star" for star in statement.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    yield from ("USING" for join in statement.find_all(exp.Join) if join.args.get("using"))
    yield from (f"{one.sql()} has no name" for one in statement.selects if not isinstance(one, exp.Alias))
