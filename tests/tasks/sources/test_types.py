"""What each source's type becomes in each canonical type: what it means, or a counted value; never a crash (SRC-10)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends.sql import SQLBackend

from keepwell.features.facts.columns import BOOLEAN, DATE, INSTANT, INTEGER, NUMBER, STRING, Column
from keepwell.tasks.settings import STANDARD_RETRIES
from keepwell.tasks.sources.casts import OPEN_END, UNREADABLE, UTC_DAY, cast, counted
from keepwell.tasks.sources.connect import SourceConnection, described, engine
from keepwell.tasks.sources.mapping import selected
from keepwell.tasks.sources.portable import portable
from keepwell.tasks.sources.staging import stage

X = "counted"
COLUMNS = tuple(Column("", kind, "") for kind in (STRING, INTEGER, NUMBER, BOOLEAN, DATE, INSTANT))
"""A column of each canonical type."""
ID = "0f0e0d0c-0b0a-4009-8807-060504030201"
DAY, MORNING = date(2026, 6, 7), datetime(2026, 6, 7, 9, 30)
NOTHING = (X,) * 6


@dataclass(frozen=True)
class Typed:
    """One value as each source holds it, None where it has no such type, and what it becomes in COLUMNS."""

    becomes: tuple[Any, ...]
    postgres: str | None = None
    duck: str | None = None
    arrow: pa.Array | None = None
    text: str | None = None


def number(text: str, value: float, *, whole: bool = False, truth: Any = X) -> tuple[Any, ...]:
    return (text, int(value) if whole else X, value, truth, X, X)


TYPES: Mapping[str, Typed] = {
    "text": Typed(("a", X, X, X, X, X), "'a'::text", "'a'", pa.array(["a"]), "a"),
    "padded": Typed(("a", X, X, X, X, X), "'a'::char(3)"),
    "missing": Typed((None,) * 6, "NULL::text", "NULL", pa.nulls(1), ""),
    "uuid": Typed((ID, X, X, X, X, X), f"'{ID}'::uuid", f"'{ID}'::uuid", None, ID),
    "numeric": Typed(number("12.5", 12.5), "12.5::numeric", "12.5::decimal(3,1)", pa.array([Decimal("12.5")]), "12.5"),
    "scaled": Typed(
        number("12.000", 12.0, whole=True), "12::numeric(18,3)", "12::decimal(18,3)",
        pa.array([Decimal("12.000")], pa.decimal128(18, 3)), "12.000",
    ),
    "one": Typed(
        number("1", 1.0, whole=True, truth=True), "1::numeric", "1::decimal(3,0)",
        pa.array([Decimal(1)], pa.decimal128(3, 0)), "1",
    ),
    "beyond": Typed(("1" + "0" * 30, X, X, X, X, X), "1e30::numeric", f"'1{'0' * 30}'::hugeint", None, "1" + "0" * 30),
    "numeric_nan": Typed(("NaN", None, None, X, X, X), "'NaN'::numeric", None, None, "NaN"),
    "money": Typed(number("12.50", 12.5), "12.5::money", None, None, "12.50"),
    "enum": Typed(("pro", X, X, X, X, X), "'pro'::plans", "'pro'::enum('pro', 'free')",
                  pa.array(["pro"]).dictionary_encode(), "pro"),
    "citext": Typed(("Pro", X, X, X, X, X), "'Pro'::citext", None, pa.array(["Pro"], pa.large_string()), "Pro"),
    "domain": Typed(number("7", 7.0, whole=True), "7::seven", None, None, "7"),
    "bytes": Typed(NOTHING, r"'\x00ff'::bytea", r"'\x00\xff'::blob", pa.array([b"\0\xff"])),
    "json": Typed(('{"a": 1}', X, X, X, X, X), "'{\"a\": 1}'::json", "'{\"a\": 1}'::json", None, '{"a": 1}'),
    "json_number": Typed(number("7", 7.0, whole=True), "'7'::jsonb", "'7'::json", None, "7"),
    "interval": Typed(NOTHING, "interval '90 minutes'", "interval 90 minute"),
    "zoned": Typed(
        ("2026-06-06 22:00:00+00", X, X, X, date(2026, 6, 6), datetime(2026, 6, 6, 22)),
        "'2026-06-07 00:00+02'::timestamptz", "'2026-06-07 00:00:00+02'::timestamptz",
        pa.array([datetime(2026, 6, 6, 22)], pa.timestamp("us", "Europe/Berlin")), "2026-06-06 22:00:00+00",
    ),
    "zoneless": Typed(
        ("2026-06-07 09:30:00", X, X, X, DAY, MORNING), "'2026-06-07 09:30'::timestamp", "timestamp '2026-06-07 09:30'",
        pa.array([MORNING], pa.timestamp("ns")), "2026-06-07 09:30:00",
    ),
    "date": Typed(("2026-06-07", X, X, X, DAY, datetime(2026, 6, 7)), "date '2026-06-07'", "date '2026-06-07'",
                  pa.array([DAY]), "2026-06-07"),
    "infinity": Typed(("infinity", X, X, X, X, X), "date 'infinity'", "date 'infinity'"),
    "infinite_instant": Typed(("-infinity", X, X, X, X, X), "timestamptz '-infinity'", "timestamptz '-infinity'"),
    "before_christ": Typed(None, "date '0044-03-15 BC'", "date '0044-03-15 (BC)'"),
    "list": Typed(NOTHING, "array[1, 2]", "[1, 2]", pa.array([[1, 2]])),
    "struct": Typed(NOTHING, None, "{'a': 1}", pa.array([{"a": 1}])),
    "map": Typed(NOTHING, None, "map {'a': 1}", pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32()))),
    "time": Typed(("09:30:00", X, X, X, X, X), "time '09:30'", "time '09:30'", pa.array([MORNING.time()]), "09:30:00"),
    "bits": Typed(NOTHING, "B'101'", "'101'::bit"),
    "one_bit": Typed(NOTHING, "B'1'::varbit", "'1'::bit"),
    "hugeint": Typed(number("7", 7.0, whole=True), None, "7::hugeint"),
    "unsigned": Typed(number("7", 7.0, whole=True), None, "7::ubigint", pa.array([7], pa.uint64())),
    "largest": Typed(("9223372036854775807", X, X, X, X, X), "9223372036854775807", "9223372036854775807",
                     pa.array([2**63 - 1]), "9223372036854775807"),
    "small": Typed(number("1", 1.0, whole=True, truth=True), "1::smallint", "1::utinyint", pa.array([1], pa.int8())),
    "two": Typed(number("2", 2.0, whole=True), "2::int", "2", pa.array([2]), "2"),
    "whole_float": Typed(number("3", 3.0, whole=True), "3::float8", "3::double", pa.array([3.0])),
    "float": Typed(number("1.5", 1.5), "1.5::real", "1.5::float", pa.array([1.5], pa.float16()), "1.5"),
    "nan": Typed((None, None, None, None, X, X), "'NaN'::float8", "'nan'::double", pa.array([float("nan")])),
    "infinite": Typed(("inf", X, X, X, X, X), "'Infinity'::float8", "'inf'::double", pa.array([float("inf")]), "inf"),
    "boolean": Typed(("true", X, X, True, X, X), "true", "true", pa.array([True]), "true"),
    "inet": Typed(("10.0.0.1/32", X, X, X, X, X), "'10.0.0.1'::inet"),
    "range": Typed(None, "int4range(1, 2)"),
}  # fmt: skip
MAPPED = "'c' AS contract_id, 'A' AS account_id, DATE '2026-01-01' AS start_on, 'USD' AS currency"


def becomes(url: str, folder: Path, names: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """What values become in COLUMNS: a source holds each as column v of the table t_<name>."""
    found = {}
    source = SourceConnection(url, folder, {name: f"SELECT v FROM t_{name}" for name in names}, STANDARD_RETRIES)
    wide = ", ".join(f"t_{name}.v AS {name}" for name in names)
    raw = source.read(lambda c: extracted(c, f"SELECT {wide} FROM {', '.join(f't_{name}' for name in names)}", folder))
    asked = {}
    for name in names:
        for canonical in COLUMNS:
            column = replace(canonical, name=name)
            asked[f"{name}.{canonical.type}"] = cast(raw, column)
            asked[f"{name}.{canonical.type}?"] = counted(raw, column).get(UNREADABLE, ibis.literal(False))
    (row,) = raw.select(**asked).to_pyarrow().to_pylist()
    for name in names:
        values = [(row[f"{name}.{c.type}"], row[f"{name}.{c.type}?"]) for c in COLUMNS]
        assert all(value is None for value, uncast in values if uncast)
        found[name] = tuple(X if uncast else value for value, uncast in values)
    return found


def extracted(source: SQLBackend, sql: str, work: Path) -> ir.Table:
    """The rows as staging takes them: of DuckDB in place, of a database from a file."""
    rows = described(source, "usage", sql)
    if source.name == "duckdb":
        return rows
    pq.write_table(portable(rows, source.name).to_pyarrow(), work / "raw.parquet")
    return engine(work).read_parquet(work / "raw.parquet")


def differences(url: str, folder: Path, held: Mapping[str, Typed]) -> dict[str, Any]:
    """The values that become something else than is right, each with what."""
    found = becomes(url, folder, list(held))
    return {name: got for name, got in found.items() if held[name].becomes not in (None, got)}


def test_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """uuid, numeric, money, enum, citext, bytea, json, interval, zones, infinity, arrays ... (SRC-2, SRC-10)."""
    held = {name: typed for name, typed in TYPES.items() if typed.postgres}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE types_of_postgres")
    url = postgres_url.rsplit("/", 1)[0] + "/types_of_postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION citext; CREATE TYPE plans AS ENUM ('pro', 'free')")
        connection.execute("CREATE DOMAIN seven AS int")
        for name, typed in held.items():
            connection.execute(f"CREATE TABLE t_{name} AS SELECT {typed.postgres} AS v")

    assert differences(url, tmp_path, held) == {}


def test_a_duckdb_file(tmp_path: Path) -> None:
    """Every type of DuckDB, read in place (SRC-2, SRC-10)."""
    held = {name: typed for name, typed in TYPES.items() if typed.duck}
    with duckdb.connect(tmp_path / "w.duckdb") as con:
        for name, typed in held.items():
            con.execute(f"CREATE TABLE t_{name} AS SELECT {typed.duck} AS v")

    assert differences("duckdb://w.duckdb", tmp_path, held) == {}


def test_parquet(tmp_path: Path) -> None:
    """Decimals, dictionaries, int96, nested and unsigned types, float16, a file's own zone (SRC-2, SRC-10)."""
    held = {name: typed for name, typed in TYPES.items() if typed.arrow is not None}
    for name, typed in held.items():
        pq.write_table(pa.table({"v": typed.arrow}), tmp_path / f"t_{name}.parquet")
    nanoseconds = pa.array(np.array(["2026-06-07T09:30"], "datetime64[ns]"))
    pq.write_table(pa.table({"v": nanoseconds}), tmp_path / "t_int96.parquet", use_deprecated_int96_timestamps=True)

    assert differences(".", tmp_path, held | {"int96": TYPES["zoneless"]}) == {}


@pytest.mark.slow
def test_csv(tmp_path: Path) -> None:
    """The text of each value means the same as the value (SRC-2, SRC-10)."""
    held = {name: typed for name, typed in TYPES.items() if typed.text is not None}
    for name, typed in held.items():
        value = typed.text.replace('"', '""')
        (tmp_path / f"t_{name}.csv").write_text(f'k,v\n1,"{value}"\n')

    assert differences(".", tmp_path, held) == {}


TRUTHS = {
    "t": True, "F": False, "yes": True, "NO": False, "y": True, "off": False, " 1 ": True, "0.0": False,
    "2": X, "-1": X, "maybe": X, "wahr": X,
}  # fmt: skip
DAYS = {
    "2026-06-07T00:00:00+02:00": (DAY, datetime(2026, 6, 6, 22)),
    "2026-06-07 23:30:00-07:00": (DAY, datetime(2026, 6, 8, 6, 30)),
    "2026-06-07T09:30:00.123456789Z": (DAY, MORNING.replace(microsecond=123456)),
    "2026-06-07 09:30:00 Europe/Berlin": (X, datetime(2026, 6, 7, 7, 30)),
    " 2026/06/07 ": (DAY, datetime(2026, 6, 7)),
    **dict.fromkeys(
        ("2026-06-07 some day", "06/07/2026", "20260607", "1750000000", "2026-06-31", "0001-01-01", "1899-12-30",
         "9999-12-31", "infinity"), (X, X),
    ),
}  # fmt: skip


def texts(folder: Path, values: Collection[str]) -> list[tuple[Any, ...]]:
    """What texts of a CSV file become in COLUMNS."""
    names = [f"v{place}" for place in range(len(values))]
    for name, value in zip(names, values, strict=True):
        (folder / f"t_{name}.csv").write_text(f"k,v\n1,{value}\n")
    return list(becomes(".", folder, names).values())


def test_what_is_true_and_what_is_false_is_decided(tmp_path: Path) -> None:
    """Ten words and the numbers 1 and 0; nothing else is guessed (SRC-10)."""
    assert [row[3] for row in texts(tmp_path, TRUTHS)] == list(TRUTHS.values())


def test_a_text_is_a_day_on_its_own_clock_and_an_instant_in_utc(tmp_path: Path) -> None:
    """A zoned midnight keeps its day; what lies before 1900 or after 2199 is counted (SRC-10)."""
    assert [row[4:] for row in texts(tmp_path, DAYS)] == list(DAYS.values())


@pytest.mark.parametrize("far", ["9999-12-31", "2999-12-31T00:00:00Z", "infinity"])
def test_a_date_far_ahead_means_that_there_is_no_end(tmp_path: Path, far: str) -> None:
    """Where NULL means that something goes on, 9999-12-31 reads so and is noted; elsewhere it is counted (SRC-10)."""
    (tmp_path / "t.csv").write_text(f"far\n{far}\n")
    mapping = tmp_path / "contracts.sql"
    mapping.write_text(f"SELECT {MAPPED}, far AS end_on, far AS ended_on, far AS notice_on, far AS signed_on FROM t")

    snapshot = stage(".", tmp_path, {"contracts": mapping}, tmp_path / "snapshots")

    noted = {
        (n["column_name"], n["why"], n["key"]) for n in pq.read_table(snapshot.path / "uncast.parquet").to_pylist()
    }
    ends = {(name, OPEN_END, "c") for name in ("end_on", "ended_on", "notice_on")}
    assert noted == ends | {("signed_on", UNREADABLE, "c")}


def test_the_day_of_an_instant_in_utc_is_noted(tmp_path: Path) -> None:
    """It can be the day before: a warning counts them, wherever they come from; a midnight is a day (SRC-10)."""
    rows = ["2026-06-06 22:00:00+00", "2026-06-07 00:00:00+00", "2026-06-06T22:00:00Z", "2026-06-07T00:00:00+02:00"]
    mapping = tmp_path / "contracts.sql"
    said = []
    for select in ("v", "CAST(v AS TIMESTAMPTZ)"):
        (tmp_path / "t.csv").write_text("v\n" + "\n".join(rows))
        mapping.write_text(f"SELECT {MAPPED.replace(chr(39) + 'c' + chr(39), 'v')}, {select} AS signed_on FROM t")
        snapshot = stage(".", tmp_path, {"contracts": mapping}, tmp_path / "snapshots")
        noted = pq.read_table(snapshot.path / "uncast.parquet").to_pylist()
        assert {n["why"] for n in noted} == {UTC_DAY}
        said.append(sorted(n["key"] for n in noted))

    assert said == [[rows[0], rows[2]], [rows[0], rows[2], rows[3]]]


@pytest.mark.parametrize(
    ("kind", "column", "write"),
    [("'a'::blob", "plan", "decode(plan)"), ("[1]", "plan", "plan[1]"), ("1750000000", "signed_on", "to_timestamp"),
     ("interval 1 day", "arr", "EXTRACT(epoch FROM arr)"), ("'soon'", "signed_on", "NULLIF(signed_on")],
)  # fmt: skip
def test_what_to_write_is_said_for_what_does_not_cast(tmp_path: Path, kind: str, column: str, write: str) -> None:
    """The remedy names the cast, by the type that the source has (SRC-10)."""
    mapping = tmp_path / "contracts.sql"
    mapping.write_text(f"SELECT {MAPPED}, {column} FROM (SELECT {kind} AS {column})")

    snapshot = stage(".", tmp_path, {"contracts": mapping}, tmp_path / "snapshots")

    assert write in snapshot.tables["contracts"].to_write[column]


def test_the_cast_that_is_said_can_be_pasted_into_the_mapping(tmp_path: Path) -> None:
    """With the source's own column: the canonical name means the cast itself, which DuckDB refuses (SRC-10)."""
    (tmp_path / "List.csv").write_text("Contract No;End Date\nc1;31.12.2026\n")
    mapping, before = tmp_path / "contracts.sql", 'c."End Date" AS end_on'
    start = "'a' AS account_id, '2026-01-01' AS start_on, 1 AS arr, 'USD' AS currency"
    mapping.write_text(f'SELECT c."Contract No" AS contract_id, {start}, {before} FROM "List" AS c')
    refused = stage(".", tmp_path, {"contracts": mapping}, tmp_path / "snapshots").tables["contracts"]

    said = re.search(r"CAST\(strptime.* AS DATE\) AS end_on", refused.to_write["end_on"])
    assert said is not None
    mapping.write_text(mapping.read_text().replace(before, said[0]))
    mended = stage(".", tmp_path, {"contracts": mapping}, tmp_path / "snapshots")

    assert mended.tables["contracts"].casts == {}
    assert pq.read_table(mended.path / "contracts.parquet")["end_on"].to_pylist() == [date(2026, 12, 31)]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ('SELECT c."End Date" AS end_on, c.x FROM c', {"end_on": 'c."End Date"', "x": "c.x"}),
        ("SELECT * FROM c", {}), ("SELECT a AS b FROM c UNION ALL SELECT d FROM e", {}),
        (f"SELECT CASE WHEN a THEN {'b + ' * 20} c END AS d FROM e", {"d": "..."}),
    ],
)  # fmt: skip
def test_what_a_mapping_selects_for_a_column_is_read_from_it(sql: str, found: dict[str, str]) -> None:
    """Of `*` and unions nobody can say; a long expression is not repeated (SRC-10)."""
    assert selected(sql, "duckdb") == found
