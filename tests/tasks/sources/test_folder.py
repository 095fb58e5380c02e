"""A folder of files as exports really come: read right, or refused by name (SRC-2)."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.errors import KeepwellError
from keepwell.tasks.settings import STANDARD_CSV, STANDARD_RETRIES, CsvSettings
from keepwell.tasks.sources.connect import connect_source
from keepwell.tasks.sources.staging import stage
from tests.support.running import keepwell

ROWS = [{"id": "1", "name": "Müller"}, {"id": "2", "name": "a,b"}]
PLAIN = 'id,name\n1,Müller\n2,"a,b"\n'
SEMICOLONS = "id;name\n1;Müller\n2;a,b\n"


def read(folder: Path, sql: str = "SELECT * FROM t", csv: CsvSettings = STANDARD_CSV) -> list[dict[str, Any]]:
    """The rows of a SELECT over a folder, as they come."""
    connection = connect_source(str(folder), folder, {"accounts": sql}, STANDARD_RETRIES, csv)
    return connection.sql(sql).to_pyarrow().to_pylist()


def refused(folder: Path) -> str:
    """What is said where the table t cannot be staged."""
    (folder / "accounts.sql").write_text("SELECT id AS account_id FROM t")
    with pytest.raises(KeepwellError) as said:
        stage(".", folder, {"accounts": folder / "accounts.sql"}, folder / "snapshots")
    assert said.value.exit_code in (2, 3)
    assert "accounts" in str(said.value)
    return str(said.value)


@pytest.mark.parametrize(
    ("data", "stated"),
    [
        (PLAIN.encode(), {}),
        (PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), {}),
        (SEMICOLONS.encode("utf-8-sig"), {}),
        (("sep=;\r\n" + SEMICOLONS).encode(), {}),
        (("\ufeffsep=|\n" + SEMICOLONS.replace(";", "|")).encode(), {}),
        (PLAIN.replace(",M", "\tM").replace("d,", "d\t").replace("2,", "2\t").encode("utf-16"), {}),
        (PLAIN.encode("latin-1"), {"encoding": "latin-1"}),
        (PLAIN.encode("cp1252"), {"files": {"T": {"encoding": "windows-1252"}}}),
        (f"Export of 10 June\n\n{PLAIN}".encode(), {"skip_lines": 2}),
        ("id~name\n1~Müller\n2~'a,b'\n".encode(), {"delimiter": "~", "quote": "'"}),
        (('"id","name"\n' + PLAIN.partition("\n")[2]).encode(), {}),
    ],
    ids=["plain", "bom", "semicolons", "sep", "sep_bom", "utf16_tabs", "latin1", "cp1252", "title", "stated", "quoted"],
)
def test_a_csv_file_is_read_by_what_is_stated(tmp_path: Path, data: bytes, stated: dict[str, Any]) -> None:
    """By pipeline.toml, a byte order mark, Excel's sep= line or the header, and never by a sample (SRC-2)."""
    (tmp_path / "t.csv").write_bytes(data)

    assert read(tmp_path, csv=CsvSettings.model_validate(stated)) == ROWS


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (PLAIN.encode("latin-1"), ("t.csv", "not UTF-8", '[source.csv.files."t"]')),
        (f"Export of 10 June\n\n{PLAIN}".encode(), ("t.csv", "names 1 columns, line 3 has 2", "skip_lines = 2")),
        (b"", ("t.csv", "empty")),
        (b"id,ID\n1,2\n", ("t.csv", "`id` twice")),
        (b'id,name\n1,"x" y\n', ("t.csv", "line 2")),
        (b"id,name\n1,a\n2\n", ("Line: 3", "Expected Number of Columns: 2 Found: 1")),
        (b"id,name\n1,a\r\n2,b\n", ("lines end in several ways",)),
        (b"\0i\0d", ("t.csv", "not UTF-8")),
    ],
    ids=["latin1", "title", "empty", "twice", "quote", "few", "ends", "utf16_without_mark"],
)
def test_a_csv_file_that_is_not_as_stated_is_refused_by_name(
    tmp_path: Path, data: bytes, says: tuple[str, ...]
) -> None:
    """One sentence with table, file, place and the setting to write; no value of the data (TRU-3, TRU-5)."""
    (tmp_path / "t.csv").write_bytes(data)

    said = refused(tmp_path)
    assert all(one in said for one in says), said


def test_an_encoding_that_is_wrong_further_down_is_named(tmp_path: Path) -> None:
    """The whole file counts, not its beginning (SRC-2)."""
    (tmp_path / "t.csv").write_bytes(b"id,name\n" + b"1,a\n" * 300_000 + "Mü,a\n".encode("latin-1"))

    assert "windows-1252" in refused(tmp_path)


def write_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(PLAIN.encode()))


def write_zstd(path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(PLAIN.encode())


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv.gz", write_gzip),
        ("T.CSV.GZ", write_gzip),
        ("t.csv.zst", write_zstd),
        ("t.tsv", lambda path: path.write_text(PLAIN.replace("d,", "d\t").replace(",M", "\tM").replace("2,", "2\t"))),
        *((f"t.{n}", lambda path, codec=codec: pq.write_table(pa.Table.from_pylist(ROWS), path, compression=codec))
          for n, codec in (("parquet", "gzip"), ("PARQUET", "zstd"), ("parq", "snappy"), ("pq", "brotli"))),
    ],
)  # fmt: skip
def test_compressed_files_are_read(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    """CSV with gzip or Zstandard, parquet of any codec, whatever the case of their names (SRC-2)."""
    write(tmp_path / name)

    assert read(tmp_path) == ROWS


@pytest.mark.parametrize(
    "name", ["Usage", "usage_daily-2026", "Usage Daily", "usage.2026", "Nutzung für März", "x[1]*", 'a"b']
)
def test_a_file_of_any_name_is_a_table(tmp_path: Path, name: str) -> None:
    """Quoted in SQL it is read as it is written, whatever its case (SRC-2)."""
    (tmp_path / f"{name}.csv").write_text(PLAIN)
    quoted = name.replace('"', '""')

    for written in (quoted, quoted.upper()):
        assert read(tmp_path, f'SELECT * FROM "{written}"') == ROWS


@pytest.mark.parametrize(
    "names", [("t.csv", "t.parquet"), ("t.csv", "T.csv"), ("t.csv", "t.csv.gz"), ("t.csv", "t/part.csv")]
)
def test_several_candidates_for_one_table_are_refused_by_name(tmp_path: Path, names: tuple[str, str]) -> None:
    """None is taken by chance (SRC-2)."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PLAIN)

    said = refused(tmp_path)
    assert all(name.partition("/")[0] in said for name in names), said


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    """A workbook or an archive of the name that a mapping reads is there, and cannot be read (SRC-2)."""
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    (tmp_path / "t.csv.bz2").write_bytes(b"BZh")

    said = refused(tmp_path)
    assert "t.xlsx" in said
    assert "t.csv.bz2" in said


def test_a_column_that_only_newer_parts_have_reads_null_in_the_older(tmp_path: Path) -> None:
    """Parquet parts are united by name; whole numbers and doubles become doubles (SRC-2)."""
    (tmp_path / "t" / "2026").mkdir(parents=True)
    pq.write_table(pa.table({"id": [1], "n": [2]}), tmp_path / "t" / "a.parquet")
    pq.write_table(pa.table({"minutes": [1.5], "N": [2.5], "id": [3]}), tmp_path / "t" / "2026" / "b.parquet")
    (tmp_path / "t" / "_SUCCESS").touch()
    (tmp_path / "t" / "_temporary").mkdir()
    (tmp_path / "t" / "_temporary" / "c.parquet").write_text("half")

    assert sorted(tuple(row.values()) for row in read(tmp_path, "SELECT id, n, minutes FROM t")) == [
        (1, 2.0, None), (3, 2.5, 1.5),
    ]  # fmt: skip


def test_parts_of_csv_are_one_table(tmp_path: Path) -> None:
    """Each part has its own header and dialect; the folders of a partitioned table are columns, as text (SRC-2)."""
    for day, text in (("2026-06-01", "id,a\n01,x\n"), ("2026-06-02", "a;b;id\ny;z;2\n")):
        (tmp_path / "t" / f"day={day}").mkdir(parents=True)
        (tmp_path / "t" / f"day={day}" / "part.csv").write_text(text)

    assert sorted(read(tmp_path), key=lambda row: row["day"]) == [
        {"id": "01", "a": "x", "day": "2026-06-01", "b": None}, {"id": "2", "a": "y", "day": "2026-06-02", "b": "z"},
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["b.parquet", "b.csv.bz2", "b.xlsx"])
def test_parts_of_several_kinds_are_refused_by_name(tmp_path: Path, other: str) -> None:
    """No part is left out in silence (SRC-2)."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.csv").write_text(PLAIN)
    (tmp_path / "t" / other).write_bytes(b"?")

    assert other in refused(tmp_path)


def test_the_dialect_is_a_setting(tmp_path: Path) -> None:
    """`[source.csv]` of pipeline.toml reaches the run and `doctor`; a wrong key is refused by name (TRU-3)."""
    tables = ("accounts", "contracts", "usage")
    mapped = "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in tables)
    for name in tables:
        (tmp_path / f"{name}.csv").write_bytes("Konto~Größe\nA1~1\n".encode("cp1252"))
        (tmp_path / f"{name}.sql").write_text(f'SELECT Konto AS account_id, "Größe" AS name FROM {name}')
    options = ("--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out")

    def said(csv: str) -> str:
        (tmp_path / "pipeline.toml").write_text(f'[source]\nurl = "."\n[source.csv]\n{csv}\n{mapped}')
        return keepwell(*options, "doctor").out

    assert "Größe" not in (right := said('delimiter = "~"\nencoding = "windows-1252"'))
    assert "not UTF-8" not in right
    assert "not UTF-8" in said('delimiter = "~"')
    assert "no such encoding" in said('encoding = "excel"')
    assert "source.csv.separator" in said('separator = "~"')
