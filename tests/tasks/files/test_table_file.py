"""`work import`: no row of a file is lost in silence; what cannot be read is refused with its line (MON-3, TRU-3)."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.errors import ConfigError, FileRefused
from keepwell.tasks.files.table_file import GivenRow, rows_of

KNOWN = ("what", "at", "account", "outcome", "note")
HEAD = "what,at,account,outcome,note\n"
CALL = "call,2026-06-09,A1,reached,fine\n"


def read(path: Path, megabytes: int = 1) -> list[GivenRow]:
    return rows_of(path, KNOWN, ("what", "at"), megabytes)


def given(folder: Path, data: bytes | str, name: str = "work.csv") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (HEAD + CALL + 'call,2026-06-09,A1,reached,"oops\n' + CALL * 5, "line 3 cannot be read"),
        (HEAD + 'call,2026-06-09,A1,reached,"oops\n' + CALL * 4 + 'call,2026-06-09,A1,reached,done"\n' + CALL,
         "line 2 opens a quote that takes the lines after it into one value"),
        (HEAD + CALL + 'call,2026-06-09,A1,reached,"he said "no" to us"\n', "line 3 cannot be read"),
        (HEAD.replace("outcome", "account") + CALL, "the column 'account' is there twice"),
        (HEAD.replace("outcome", "") + CALL, "there is no column ''"),
        (HEAD.replace("outcome", "Outcome") + CALL, "there is no column 'Outcome'; did you mean `outcome`?"),
        (HEAD + CALL + "call,2026-06-09,A1\n", "line 3 has 3 values, the header 5 columns"),
        (HEAD + CALL + "\n\ncall,2026-06-09,A1,reached,a,b\n", "line 5 has 6 values, the header 5 columns"),
        (HEAD + 'call,2026-06-09,A1,reached,"two\nlines"\n' + "call,2026-06-09,A1\n", "line 4 has 3 values"),
        ((HEAD + CALL).encode() + b"call,2026-06-09,A1,reached,caf\xe9\n", "not a UTF-8 CSV file (line 3)"),
        ((HEAD + CALL).encode("utf-16"), "not a UTF-8 CSV file (line 1)"),
        (HEAD + CALL + "call,2026-06-09,A\0001,reached,\n", "line 3 contains a NUL"),
        (HEAD + "x" * 200_000 + CALL, "field larger than field limit"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        (b"PK\x03\x04\x00\x00", "contains a NUL"),
        ("<html><body>log in</body></html>", "there is no column"),
    ],
)  # fmt: skip
def test_a_csv_that_would_lose_or_move_something_is_refused_with_its_line(
    tmp_path: Path, data: bytes | str, says: str
) -> None:
    """A stray quote, a column named twice, ragged rows, other encodings, NUL: all or nothing, with the line (TRU-3)."""
    with pytest.raises(FileRefused, match=r"^work\.csv: |^work\.csv is not a UTF-8 CSV") as refused:
        read(given(tmp_path, data))

    assert says in str(refused.value)


@pytest.mark.parametrize(
    "data",
    [
        HEAD + CALL, "\ufeff" + HEAD + CALL, (HEAD + CALL).replace("\n", "\r\n"), (HEAD + CALL).replace("\n", "\r"),
        (HEAD + CALL).replace(",", ";"), (HEAD + CALL).replace(",", "\t"), HEAD + "\n\n" + CALL + ",,,,\n\n",
        HEAD + CALL.removesuffix("\n"),
    ],
)  # fmt: skip
def test_a_csv_as_programs_write_it_is_read_whole(tmp_path: Path, data: str) -> None:
    """A mark at the beginning, any line ends, any of three separators, blank lines: nothing is lost (MON-3)."""
    (row,) = read(given(tmp_path, data))

    assert dict(row.values) == {
        "what": "call",
        "at": "2026-06-09",
        "account": "A1",
        "outcome": "reached",
        "note": "fine",
    }


def test_a_note_of_several_lines_is_one_value_and_lines_are_counted_on(tmp_path: Path) -> None:
    """Alt+Enter in a spreadsheet is no mistake; the rows after it stand where an editor shows them."""
    rows = read(given(tmp_path, HEAD + 'call,2026-06-09,A1,reached,"first, then\nsecond"\n' + CALL))

    assert [row.place for row in rows] == ["line 2", "line 4"]
    assert rows[0].values["note"] == "first, then\nsecond"


def test_a_parquet_file_is_refused_for_the_same_reasons(tmp_path: Path) -> None:
    """Damaged, a column named twice, NUL in a text: the row, the column, and what to do (TRU-3)."""
    pd.DataFrame({"what": ["call", "call"], "at": ["2026-06-09"] * 2, "note": ["fine", "a\0b"]}).to_parquet(
        tmp_path / "nul.parquet"
    )
    twice = pa.Table.from_arrays([pa.array(["call"])] * 3, names=["what", "at", "at"])
    pq.write_table(twice, tmp_path / "twice.parquet")

    for path, says in (
        (tmp_path / "nul.parquet", "row 3, column note contains a NUL"),
        (tmp_path / "twice.parquet", "the column 'at' is there twice"),
        (given(tmp_path, b"PAR1 but no parquet", "bad.parquet"), "damaged or not parquet"),
        (given(tmp_path, HEAD + CALL * 40_000, "large.csv"), "larger than 1 MB"),
    ):
        with pytest.raises(FileRefused) as refused:
            read(path)
        assert says in str(refused.value)


def test_what_is_no_file_is_wrong_usage(tmp_path: Path) -> None:
    """A folder, a device, nothing: exit 2, and nothing waits for a pipe (CONTRACT)."""
    for path in (tmp_path, Path("/dev/zero"), tmp_path / "none.csv"):
        with pytest.raises(ConfigError, match="Name a CSV or parquet file"):
            read(path)
