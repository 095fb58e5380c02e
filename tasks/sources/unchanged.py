"""Whether a table's source is as it was when a snapshot was made of it; then its staged files are used again.

The files of a folder or of DuckDB tell it by their size, place and times. A server does not, and is asked: see
extracts.py.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlglot
from sqlglot import TokenType

from keepwell.tasks.connections.drivers import scheme_of
from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.settings import CsvSettings
from keepwell.tasks.sources.connect import duckdb_file, folder_of
from keepwell.tasks.sources.folder import files_of
from keepwell.tasks.sources.snapshot import Snapshot, StagedTable, stored_snapshot
from keepwell.tasks.sources.sql_gate import named_tables
from keepwell.tasks.version import code_version

log = logging.getLogger("keepwell")

NOTE = "source.json"
SETTLED = 2.0
"""Seconds that a file must have been left alone: file systems keep times that coarsely."""
KEYWORDS = frozenset(
    ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "tablesample", "sample")
)  # fmt: skip
OF_THE_CLOCK = frozenset(("age", "ago", "current_localtime", "current_localtimestamp", "pg_conf_load_time"))
"""Functions that DuckDB does not mark as such."""


def fingerprints(url: str, base: Path, selects: Mapping[str, str], csv: CsvSettings) -> dict[str, str]:
    """Per table a hash of all that its staged files follow from, the source's files by their marks.

    A table is not among them where nobody can tell whether it changed: a server's, one of a file written just now, one
    whose SELECT asks the clock.
    """
    folder = folder_of(url, base)
    if folder is None and scheme_of(url) != "duckdb":
        return {}
    path = (base / url.partition("://")[2]).resolve()
    found = {}
    try:
        texts = [] if folder is not None else _definitions(path)
        for name, sql in selects.items():
            if folder is not None:
                files = files_of(folder, named_tables(sql, "duckdb"))
            else:
                files = [path, *path.parent.glob(f"{path.name}.wal")]
            marks = [_marks(file) for file in sorted(files)]
            if _settled(marks) and not any(map(_asks_the_clock, (sql, *texts))):
                found[name] = fingerprint(url, sql, csv.model_dump(mode="json"), marks, texts)
    except (OSError, duckdb.Error):  # whoever reads the source says what is wrong with it
        return {}
    return found


def fingerprint(*about: object) -> str:
    """A hash of what is given, and of the versions of the code that stages it."""
    made_by = (code_version(), duckdb.__version__, pa.__version__)
    return hashlib.sha256(json.dumps((made_by, about), sort_keys=True).encode()).hexdigest()


class Earlier:
    """The newest snapshot, with the fingerprints of its tables: what has the same is not staged again."""

    def __init__(self, root: Path) -> None:
        self.snapshot: Snapshot | None = None
        self._fingerprints: Mapping[str, str] = {}
        try:
            note = json.loads((root / NOTE).read_text(encoding="utf-8"))
            found = stored_snapshot(root, note["snapshot"])
            found.verify()
            self.snapshot, self._fingerprints = found, dict(note["tables"])
        except (OSError, ValueError, TypeError, KeyError, StoredDamaged):
            pass

    def has(self, table: str, found: str | None) -> bool:
        """Whether a table was staged from exactly what has this fingerprint."""
        return found is not None and self._fingerprints.get(table) == found

    def is_of(self, found: Mapping[str, str], tables: Collection[str]) -> bool:
        """Whether the snapshot is one of exactly these tables, none of which has changed."""
        return (
            bool(tables) and self._fingerprints.keys() == set(tables) and all(self.has(t, found.get(t)) for t in tables)
        )

    def linked(self, table: str, work: Path) -> StagedTable:
        """Put the staged files of a table into a folder as they are: its rows, those set aside, what casts noted."""
        assert self.snapshot is not None
        for part in self.snapshot.parts(table):
            try:
                os.link(part.file, work / part.file.name)
            except OSError:  # of a file system without hard links
                shutil.copyfile(part.file, work / part.file.name)
        for name, piece in (("quarantine", "aside"), ("uncast", "all.uncast")):
            rows = pq.read_table(self.snapshot.path / f"{name}.parquet")
            pq.write_table(rows.filter(pc.field("table_name") == table), work / f"{table}.{piece}.parquet")
        log.info("%s: unchanged since snapshot %s.", table, self.snapshot.id)
        return self.snapshot.tables[table]


def note(root: Path, found: Mapping[str, str], snapshot: Snapshot) -> None:
    """Write down what the tables of a snapshot were staged from, for `Earlier`; the note of another source goes."""
    with scratch_folder(root, ".note-") as work:
        (work / NOTE).write_text(json.dumps({"tables": found, "snapshot": snapshot.id}) + "\n")
        os.replace(work / NOTE, root / NOTE)


def _settled(marks: Sequence[tuple[str, int, int, int, int]]) -> bool:
    """Whether the files were left alone long enough for another change to show in their times."""
    written = max((at for _, _, *times in marks for at in times[-2:]), default=0)
    return time.time() - written / 1e9 >= SETTLED


def _marks(file: Path) -> tuple[str, int, int, int, int]:
    """Name, size, place, and the times of content and of the rest: a copy that keeps its time has another."""
    about = file.stat()
    return str(file), about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns


def _definitions(path: Path) -> list[str]:
    """The SELECTs and expressions of a DuckDB file's own views and macros."""
    connection = duckdb_file(path)
    try:
        rows = connection.con.execute(
            "SELECT sql FROM duckdb_views() WHERE NOT internal UNION ALL "
            "SELECT macro_definition FROM duckdb_functions() WHERE NOT internal AND macro_definition IS NOT NULL"
        ).fetchall()
    finally:
        connection.disconnect()
    return sorted(text for (text,) in rows)


def _asks_the_clock(sql: str) -> bool:
    """Whether a SELECT may give other rows of the same tables another day: by time, randomness or the session."""
    try:
        tokens = sqlglot.tokenize(sql, read="duckdb")
    except sqlglot.errors.SqlglotError:
        return True
    words = [token.text.lower() if token.token_type is not TokenType.STRING else "" for token in tokens]
    called = {word for word, after in pairwise(words) if after == "("}
    return bool(called & _restless() or KEYWORDS.intersection(words))


@cache
def _restless() -> frozenset[str]:
    """The functions whose value does not follow from their arguments."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
    return OF_THE_CLOCK.union(name for (name,) in found)
