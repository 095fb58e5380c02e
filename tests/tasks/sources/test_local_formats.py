"""Local formats of numbers and dates: the remedy of a value that does not cast is SQL that reads it."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.sources.snapshot import StagedTable
from keepwell.tasks.sources.staging import stage

NUMBERS: list[tuple[list[str], list[Any]]] = [
    (["84.790,00", "12.400,00", "950"], [84790.0, 12400.0, 950.0]),
    (["1,234.50", "12,000"], [1234.5, 12000.0]),
    (["84 790,00", "€ 1.200,50"], [84790.0, 1200.5]),
    (["$1,200.00", "$30"], [1200.0, 30.0]),
    (["-7,5"], [-7.5]),
]
DATES: list[tuple[list[str], list[Any]]] = [
    (["04.12.2024 14:00", "31.12.2024 09:30"], [datetime(2024, 12, 4, 14), datetime(2024, 12, 31, 9, 30)]),
    (["4/13/2024 14:00:05"], [datetime(2024, 4, 13, 14, 0, 5)]),
    (["13/4/2024", "2/4/2024"], [datetime(2024, 4, 13), datetime(2024, 4, 2)]),
    (["31.12.2024", "04.12.2024 14:00"], [datetime(2024, 12, 31), datetime(2024, 12, 4, 14)]),
    (["04.12.2024", "2024-12-05"], [datetime(2024, 12, 4), datetime(2024, 12, 5)]),
    (["4 Dec 2024, 02:05 PM"], [datetime(2024, 12, 4, 14, 5)]),
    (["31.12.24"], [datetime(2024, 12, 31)]),
]


@pytest.mark.parametrize(
    ("column", "given", "meant"),
    [("value", *of) for of in NUMBERS] + [("closed_at", *of) for of in DATES],
    ids=lambda of: of[0] if isinstance(of, list) else None,
)
def test_the_remedy_of_a_local_format_reads_it_in_files(
    tmp_path: Path, column: str, given: list[str], meant: list[Any]
) -> None:
    """Pasted into the mapping it gives what the values mean, and none is counted any more (SRC-10)."""
    refused = staged(tmp_path, given, column)
    assert refused.casts[column][0] >= 1

    mended = staged(tmp_path, given, column, remedy(refused, column))

    assert mended.casts == {}
    assert values(tmp_path, column) == meant


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "given", "meant"),
    [("value", *of) for of in NUMBERS] + [("closed_at", *of) for of in DATES],
    ids=lambda of: of[0] if isinstance(of, list) else None,
)
def test_the_remedy_of_a_local_format_reads_it_in_postgresql(
    postgres_url: str, tmp_path: Path, column: str, given: list[str], meant: list[Any]
) -> None:
    """The expression is that of the source's engine (SRC-10)."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute('DROP TABLE IF EXISTS "Local"')
        connection.execute('CREATE TABLE "Local" (n integer, "As Written" text)')
        for number, value in enumerate(given):
            connection.execute('INSERT INTO "Local" VALUES (%s, %s)', (number, value))
    refused = staged(tmp_path, given, column, url=postgres_url)

    mended = staged(tmp_path, given, column, remedy(refused, column), url=postgres_url)

    assert mended.casts == {}
    assert values(tmp_path, column) == meant


def test_what_has_no_format_stays_and_is_counted(tmp_path: Path) -> None:
    """The remedy never turns a value that it cannot read into none, but for a word that it names (SRC-10)."""
    for column, given in (("value", ["1.234,50", "12 to 14"]), ("closed_at", ["04.12.2024", "Q3 2025"])):
        mended = staged(tmp_path, given, column, remedy(staged(tmp_path, given, column), column))
        assert mended.casts[column][0] == 1


@pytest.mark.parametrize(
    ("column", "given", "word"),
    [
        ("value", ["1.234,50", "n/a"], "n/a"),
        ("value", ["12", "unknown"], "unknown"),
        ("closed_at", ["04.12.2024", "soon"], "soon"),
        ("closed_at", ["2024-12-04", "-"], "-"),
    ],
)
def test_a_word_that_stands_for_no_value_is_named_and_read_as_none(
    tmp_path: Path, column: str, given: list[str], word: str
) -> None:
    """Nobody has to look up what stands in the column: the remedy can be copied (SRC-10)."""
    refused = staged(tmp_path, given, column)

    mended = staged(tmp_path, given, column, remedy(refused, column))

    assert f"NULLIF(l.\"As Written\", '{word}')" in refused.to_write[column]
    assert mended.casts == {}
    assert values(tmp_path, column)[1] is None


def test_where_there_are_only_words_they_mean_something(tmp_path: Path) -> None:
    """Good and bad are answers (SRC-10)."""
    assert "'good'" not in staged(tmp_path, ["good", "bad"], "value").to_write["value"]


def test_values_that_fit_two_orders_say_so(tmp_path: Path) -> None:
    """Whether 3/4 is in March or in April only whoever wrote it knows; with a point the day comes first (SRC-10)."""
    said = staged(tmp_path, ["03/04/2024 10:00"], "closed_at").to_write["closed_at"]
    assert "'%d/%m/%Y %H:%M'" in said
    assert "'%m/%d/%Y %H:%M'" in said
    assert "ask who wrote them" in said
    assert "'%m" not in staged(tmp_path, ["03.04.2024"], "closed_at").to_write["closed_at"]

    said = staged(tmp_path, ["1,234"], "value").to_write["value"]
    assert "REPLACE(REPLACE(" in said
    assert "if 1,234 means 1234" in said


def test_values_written_in_two_ways_have_no_format(tmp_path: Path) -> None:
    """One expression would misread half of them (SRC-10)."""
    assert "REPLACE(" not in staged(tmp_path, ["1.234,50", "1,234.50"], "value").to_write["value"]
    assert "%Y'" not in staged(tmp_path, ["13/04/2024", "04/13/2024"], "closed_at").to_write["closed_at"].replace(
        "'%d.%m.%Y'", ""
    )


def test_a_value_without_a_key_is_found_by_account_and_event(tmp_path: Path) -> None:
    """Keys that the mapping leaves empty name nothing (SRC-10)."""
    (tmp_path / "Local.csv").write_text("day,score\n2026-01-01,twelve\n")
    mapping = tmp_path / "surveys.sql"
    mapping.write_text(
        "SELECT CAST(NULL AS VARCHAR) AS survey_id, 'a' AS account_id, l.day AS answered_at, l.score AS score "
        'FROM "Local" AS l'
    )

    found = stage(".", tmp_path, {"surveys": mapping}, tmp_path / "snapshots").tables["surveys"]

    assert found.casts["score"] == (1, ("a|2026-01-01 00:00:00",))


def staged(
    folder: Path, given: list[str], column: str, expression: str = 'l."As Written"', url: str = "."
) -> StagedTable:
    """What staging says of tickets or opportunities whose one column is written like this."""
    lines = [f'{number};"{value}"' for number, value in enumerate(given)]
    (folder / "Local.csv").write_text("\n".join(["n;As Written", *lines]) + "\n")
    table, rest = TABLE[column]
    mapping = folder / f"{table}.sql"
    mapping.write_text(f'SELECT {rest}, {expression} AS {column} FROM "Local" AS l')
    snapshot = stage(url, folder, {table: mapping}, folder / "snapshots")
    (folder / "newest").write_text(str(snapshot.path / f"{table}.parquet"))
    return snapshot.tables[table]


TABLE = {
    "value": (
        "opportunities",
        "CAST(l.n AS VARCHAR) AS opportunity_id, 'a' AS account_id, '2026-01-01' AS changed_at, 'renewal' AS kind",
    ),
    "closed_at": (
        "tickets", "CAST(l.n AS VARCHAR) AS ticket_id, 'a' AS account_id, '2024-01-01' AS opened_at, 'low' AS priority",
    ),
}  # fmt: skip


def remedy(table: StagedTable, column: str) -> str:
    """The expression of the remedy, without the column's name."""
    said = re.search(rf"\((.*?) AS {column}\b", table.to_write[column])
    assert said is not None
    return said[1]


def values(folder: Path, column: str) -> list[Any]:
    """What was staged, in the order of the rows' numbers."""
    table, _ = TABLE[column]
    key = {"opportunities": "opportunity_id", "tickets": "ticket_id"}[table]
    rows = pq.read_table((folder / "newest").read_text()).to_pylist()
    return [row[column] for row in sorted(rows, key=lambda row: int(row[key]))]
