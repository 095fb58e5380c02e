"""A starter's SELECT in the words of a source: renamed, without what is missing, and never broken by it (SRC-11)."""

import duckdb
import pytest

from keepwell.tasks.starters.adapted import Adapted, adapted
from keepwell.tasks.starters.catalogue import Place
from keepwell.tasks.starters.recognition import Found, System
from keepwell.tasks.starters.starter import Shape, Starter, plain

DEALS = Shape("deal", ["deals"], ["id"], {"closed_at": ["Closed (UTC)"]})
LINES = Shape("line", [], ["deal_id"], {})
STARTER = Starter("crm", "CRM", "Deals.", "company", {"deal": DEALS, "line": LINES}, {}, (), (), "")


def of(sql: str, *columns: str, lines: tuple[str, ...] | None = None, keep: tuple[str, ...] = ()) -> Adapted:
    """The SELECT on a source whose table `Deals` of the schema `raw` has these columns, and `line` those."""
    tables = {"deal": Found(DEALS, Place("raw", "Deals"), {plain(c): c for c in columns})}
    if lines is not None:
        tables["line"] = Found(LINES, Place(None, "line"), {plain(c): c for c in lines})
    return adapted(sql, System(STARTER, tables), "duckdb", keep)


def test_names_become_those_of_the_source() -> None:
    """Other spellings are found and quoted; comments and layout stay."""
    sql = "SELECT\n    d.id AS deal_id, -- the deal\n    d.closed_at AS closed_at\nFROM deal AS d\n"

    found = of(sql, "ID", "Closed (UTC)")

    assert found.text == (
        'SELECT\n    d."ID" AS deal_id, -- the deal\n    d."Closed (UTC)" AS closed_at\nFROM "raw"."Deals" AS d\n'
    )
    assert (found.columns, found.dropped, found.read_as_null) == (["deal_id", "closed_at"], [], [])


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (("id", "stage"), "SELECT d.id AS a, d.stage AS c"),
        (("id", "name"), "SELECT d.id AS a,\n -- what it is called\n d.name AS b"),
        (("name", "stage"), "SELECT\n -- what it is called\n d.name AS b, d.stage AS c"),
        (("stage",), "SELECT d.stage AS c"),
    ],
)
def test_an_item_goes_with_its_comment_and_its_comma(columns: tuple[str, ...], text: str) -> None:
    """First, last, or all but one: what is left is one list."""
    sql = "SELECT d.id AS a,\n -- what it is called\n d.name AS b, d.stage AS c FROM deal AS d"

    found = of(sql, *columns)

    assert found.text == f'{text} FROM "raw"."Deals" AS d'


def test_inside_an_expression_a_missing_column_is_null() -> None:
    """As long as something of the expression is there; and it is said."""
    found = of("SELECT COALESCE(d.name, d.id) AS name FROM deal AS d WHERE COALESCE(d.gone, d.id) = 1", "id")

    assert found.text == 'SELECT COALESCE(NULL, d.id) AS name FROM "raw"."Deals" AS d WHERE COALESCE(NULL, d.id) = 1'
    assert found.read_as_null == ["raw.Deals.gone", "raw.Deals.name"]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("WHERE d.gone <> 1", ""),
        ("WHERE d.gone <> 1 AND d.id = 1", "WHERE  d.id = 1"),
        ("WHERE d.id = 1 AND d.gone <> 1", "WHERE d.id = 1 "),
        ("WHERE d.gone <> 1 AND d.id = 1 AND NOT d.test AND d.id < 9", "WHERE  d.id = 1  AND d.id < 9"),
        ("WHERE d.gone <> 1 AND NOT d.test GROUP BY d.id", " GROUP BY d.id"),
        ("WHERE d.at NOT BETWEEN 1 AND 2 AND d.id BETWEEN 3 AND 4", "WHERE  d.id BETWEEN 3 AND 4"),
        ("WHERE CASE WHEN d.gone AND d.test THEN 1 END <> 1 AND (d.id = 1 OR d.gone)", "WHERE  (d.id = 1 OR NULL)"),
        ("WHERE d.gone <> 1 OR d.id = 1", "WHERE NULL <> 1 OR d.id = 1"),
        ("WHERE 1 = 1 AND d.gone <> 1", "WHERE 1 = 1 "),
    ],
)
def test_a_condition_of_missing_columns_alone_goes(where: str, left: str) -> None:
    """Nothing is there that it could exclude; what is joined by OR stays."""
    found = of(f"SELECT d.id AS id FROM deal AS d {where}", "id")

    assert found.text == f'SELECT d.id AS id FROM "raw"."Deals" AS d {left}'


SCOPES = """
WITH i AS (SELECT i.deal_id AS deal_id, SUM(i.amount) AS amount, MAX(i.seats) AS seats FROM line AS i GROUP BY 1),
j AS (SELECT i.deal_id AS deal_id, i.amount AS amount, i.seats AS seats FROM i AS i)
SELECT d.id AS deal_id, j.amount AS amount, j.seats AS seats, (SELECT MAX(k.amount) FROM line AS k WHERE k.deal_id = d.id) AS most
FROM deal AS d LEFT JOIN j ON j.deal_id = d.id
"""  # noqa: E501


def test_an_alias_means_what_it_means_where_it_stands() -> None:
    """`i` is a table in one SELECT and a common table expression in another; what rests on nothing is dropped."""
    found = of(SCOPES, "id", lines=("deal_id", "Amount"))

    assert found.columns == ["deal_id", "amount", "most"]
    assert found.dropped == ["seats"]
    assert found.text.count("NULL") == 1  # in the common table expression
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.Deals AS SELECT 1 AS id")
    connection.execute('CREATE TABLE line AS SELECT 1 AS deal_id, 5 AS "Amount"')
    assert connection.execute(found.text).fetchall() == [(1, 5, 5)]


def test_a_table_that_is_missing_is_empty() -> None:
    """Its columns are NULL, what rests on them alone is dropped, and the SELECT still runs."""
    found = of(SCOPES, "id")

    assert found.columns == ["deal_id"]
    assert "line.amount" in found.read_as_null
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.Deals AS SELECT 1 AS id")
    assert connection.execute(found.text).fetchall() == [(1,)]


def test_what_is_required_stays_as_null_and_is_named() -> None:
    """A mapping without it would not even be read."""
    found = of("SELECT d.id AS deal_id, d.stage AS stage FROM deal AS d", "id", keep=("deal_id", "stage"))

    assert found.emptied == ["stage"]
    assert "NULL AS stage" in found.text


def test_both_sides_of_a_union_lose_a_column_or_neither() -> None:
    """Otherwise they would no longer fit each other."""
    sql = (
        "SELECT d.id AS a, d.x AS x, d.y AS y FROM deal AS d UNION ALL "
        "SELECT l.deal_id AS a, l.x AS x, l.y AS y FROM line AS l"
    )

    found = of(sql, "id", lines=("deal_id", "y"))

    assert found.columns == ["a", "y"]
    assert found.text == (
        'SELECT d.id AS a, NULL AS y FROM "raw"."Deals" AS d UNION ALL SELECT l.deal_id AS a, l.y AS y FROM line AS l'
    )
