"""CSV files: their dialect is stated, in pipeline.toml or by each file's first line, and never guessed from a sample.

Read by RFC 4180, as text. What is not UTF-8 is rewritten as UTF-8 in a private folder first.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from keepwell.tasks.errors import DataCheckFailed, Finding
from keepwell.tasks.settings import CsvSettings

COMPRESSED: Mapping[str, str | None] = {"": None, ".gz": "gzip", ".zst": "zstd"}
"""Endings after `.csv`, and how such a file is compressed."""
DELIMITERS = ",;\t|"
HEAD, CHUNK = 1 << 20, 1 << 22
LONGEST_ROW = 1 << 24
SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n?')
"""The line by which Excel states its separator."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""What a file in an encoding of Unicode begins with."""
UTF8 = ("utf-8", "utf-8-sig")


@dataclass(frozen=True)
class CsvScan:
    """How one file is read: its path in UTF-8, and what DuckDB is told of it."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    quote: str

    @property
    def options(self) -> str:
        """The arguments of `read_csv` but for the files."""
        columns = ", ".join(f"{_sql(name)}: 'VARCHAR'" for name in self.columns)
        return (
            f"auto_detect=false, header=true, columns={{{columns}}}, delim={_sql(self.delimiter)}, "
            f"quote={_sql(self.quote)}, escape={_sql(self.quote)}, strict_mode=true, max_line_size={LONGEST_ROW}, "
            f"compression={_sql(COMPRESSED.get(self.path.suffix.lower()) or 'none')}"
        )


def csv_scan(path: Path, table: str, settings: CsvSettings, name: str, scratch: Path) -> CsvScan:
    """How a file is read, by what is stated and by its first line; DataCheckFailed says what it is instead.

    `name`: the table's in the source, by which pipeline.toml may state a dialect of its own.
    """
    dialect, file = settings.of(name), _CsvFile(path, table, name)
    with _opened(path) as stream:
        start = stream.read(HEAD)
    encoding = next((encoding for mark, encoding in MARKS.items() if start.startswith(mark)), dialect.encoding)
    text = _text(start, encoding, file)
    skip, delimiter = dialect.skip_lines, dialect.delimiter
    lines = text.splitlines(keepends=True)
    if stated := SEPARATOR.fullmatch("".join(lines[skip : skip + 1])):
        skip, delimiter = skip + 1, delimiter or stated[1]
    lines = lines[skip:]
    delimiter = delimiter or _delimiter(lines, dialect.quote)
    header, row = _first_records(lines, delimiter, dialect.quote, file)
    if row and len(row[1]) != len(header):
        raise file.failure(
            f"line {skip + 1} names {len(header)} columns, line {skip + row[0]} has {len(row[1])} values",
            f"Where lines stand before the header, write skip_lines = {skip + row[0] - 1}; where values are separated "
            f'otherwise, write delimiter = ";" (or another), under [source.csv.files."{name}"].',
        )
    if skip or encoding not in UTF8:  # DuckDB would take the ends of the lines that it skips for those of all
        path = _rewritten(path, encoding, skip, scratch, file)
    return CsvScan(path, _names(header, file), delimiter, dialect.quote)


@dataclass(frozen=True)
class _CsvFile:
    """A file, and how it is refused."""

    path: Path
    table: str
    name: str

    def failure(self, message: str, remedy: str) -> DataCheckFailed:
        return DataCheckFailed([Finding(self.table, "readable", f"{self.path.name}: {message}", remedy)])

    def encoding(self, tried: str) -> DataCheckFailed:
        return self.failure(f"the file is not {tried.upper()} text", ENCODING.format(name=self.name))


ENCODING = (
    'Save it as `CSV UTF-8`, or write encoding = "windows-1252" (or another) under [source.csv.files."{name}"] of '
    "pipeline.toml."
)


def _opened(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed."""
    ending = path.suffix.lower()
    return pa.input_stream(str(path), compression=COMPRESSED.get(ending))


def _rewritten(path: Path, encoding: str, skip: int, scratch: Path, file: _CsvFile) -> Path:
    """A copy of the file in UTF-8, without its first lines."""
    copy = scratch / f"{len(list(scratch.iterdir()))}.csv"
    reader = codecs.getreader(encoding)
    try:
        with _opened(path) as source, copy.open("w", encoding="utf-8", newline="") as target:
            text = reader(source)
            for _ in range(skip):
                text.readline()
            while chunk := text.read(CHUNK):
                target.write(chunk)
    except UnicodeError as error:
        raise file.encoding(encoding) from error
    return copy


def _text(start: bytes, encoding: str, file: _CsvFile) -> str:
    """The beginning of a file as text, up to its last whole line."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(start, final=len(start) < HEAD).removeprefix("\ufeff")
    except UnicodeError as error:
        raise file.encoding(encoding) from error
    if len(start) == HEAD:
        text = text[: text.rfind("\n") + 1] or text
    if "\0" in text.partition("\n")[0]:
        raise file.encoding(encoding)
    if not text.strip():
        raise file.failure("the file is empty: it has no header", "Deliver it again, or remove the file.")
    return text


def _first_records(
    lines: Sequence[str], delimiter: str, quote: str, file: _CsvFile
) -> tuple[list[str], tuple[int, list[str]] | None]:
    """The header, and the first row after it with the line on which it begins; the header's is 1."""
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        header, begins = next(reader, []), reader.line_num + 1
        while (row := next(reader, None)) is not None and not any(value.strip() for value in row):
            begins = reader.line_num + 1
    except csv.Error as error:
        raise file.failure(
            f"line {reader.line_num} cannot be read: {error}", "Close each quote, and double one that is a value's."
        ) from error
    if not any(name.strip() for name in header):
        raise file.failure("the first line names no column", "Put the names of the columns into the first line.")
    return header, None if row is None else (begins, row)


def _delimiter(lines: Sequence[str], quote: str) -> str:
    """What separates the names of the header: the one of DELIMITERS that makes most columns of it."""

    def columns(one: str) -> int:
        try:
            return len(next(csv.reader(lines, delimiter=one, quotechar=quote), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=columns)


def _names(header: Sequence[str], file: _CsvFile) -> tuple[str, ...]:
    """The names of the columns; one without a name is called by its place."""
    names = tuple(name.strip() or f"column{place}" for place, name in enumerate(header, start=1))
    twice = [name for name, times in Counter(name.lower() for name in names).items() if times > 1]
    if twice:
        raise file.failure(
            f"the header names `{twice[0]}` twice", "Rename or remove one: only one of them would count."
        )
    return names


def _sql(text: str) -> str:
    """A text as a literal of SQL."""
    return "'{}'".format(text.replace("'", "''"))
