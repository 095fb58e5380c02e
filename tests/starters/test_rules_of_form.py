"""What `init` takes for granted of every starter's text, since it edits it by tokens."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from keepwell.features.facts.canonical import TABLES
from tests.support.running import ROOT

FILES = sorted((ROOT / "starters").glob("*/*.sql"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_starters_select_can_be_edited(path: Path) -> None:
    """Every table has an alias, every column names it; each item is a canonical column; no star, no USING (SRC-11)."""
    said = tomllib.loads((path.parent / "starter.toml").read_text())
    statement = sqlglot.parse_one(path.read_text(), read="postgres")

    assert list(wrong(statement)) == []
    assert path.stem in said["maps"]
    assert set(statement.named_selects) <= TABLES[path.stem].accepted
    assert {c.name for c in TABLES[path.stem].columns if c.required} <= set(statement.named_selects)
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    assert {table.name for table in statement.find_all(exp.Table)} - own <= set(said["tables"])


@pytest.mark.parametrize("path", sorted((ROOT / "starters").glob("*/starter.toml")), ids=lambda path: path.parent.name)
def test_a_starter_is_whole(path: Path) -> None:
    """Each map has its file, each table a key, each link what it is between (SRC-11)."""
    said = tomllib.loads(path.read_text())

    assert {"title", "about", "account", "tables", "maps"} <= set(said)
    assert sorted(said["maps"]) == sorted(file.stem for file in path.parent.glob("*.sql"))
    assert all(shape["key"] for shape in said["tables"].values())
    assert {table for of in said["maps"].values() for table in of.get("needs", ())} <= set(said["tables"])
    for link in said.get("links", ()):
        assert ("to" in link) != ("of" in link)
        assert sqlglot.parse_one(link["sql"], read="postgres").named_selects == ["own_id", "account_id"]


def wrong(statement: exp.Expr) -> Iterator[str]:
    """What stands against the rules of form."""
    yield from (f"{c.sql()} names no table" for c in statement.find_all(exp.Column) if not c.table)
    yield from (f"{t.sql()} has no alias" for t in statement.find_all(exp.Table) if not t.alias)
    yield from (f"{i.sql()} has quotes" for i in statement.find_all(exp.Identifier) if i.quoted)
    yield from ("a star" for star in statement.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    yield from ("USING" for join in statement.find_all(exp.Join) if join.args.get("using"))
    yield from (f"{one.sql()} has no name" for one in statement.selects if not isinstance(one, exp.Alias))
