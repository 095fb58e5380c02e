"""Whether a source is as it was when a snapshot was made of it; then that snapshot is used, and nothing is read.

The files of a folder or of DuckDB tell it by their size, place and times. A server does not, and is read.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import TokenType

from keepwell.tasks.connections.drivers import scheme_of
from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.settings import CsvSettings
from keepwell.tasks.sources.connect import duckdb_file, folder_of
from keepwell.tasks.sources.folder import files_of
from keepwell.tasks.sources.snapshot import Snapshot, stored_snapshot
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


def fingerprint(url: str, base: Path, selects: Mapping[str, str], csv: CsvSettings) -> str | None:
    """A hash of all that a snapshot follows from, the source's files by their marks.

    None where nobody can tell whether it changed: a server, a file written just now, a SELECT that asks the clock.
    """
    folder = folder_of(url, base)
    if folder is None and scheme_of(url) != "duckdb":
        return None
    try:
        if folder is not None:
            files, texts = files_of(folder, {n for sql in selects.values() for n in named_tables(sql, "duckdb")}), []
        else:
            path = (base / url.partition("://")[2]).resolve()
            files, texts = [path, *path.parent.glob(f"{path.name}.wal")], _definitions(path)
        marks = [_marks(file) for file in sorted(files)]
    except (OSError, duckdb.Error):  # whoever reads the source says what is wrong with it
        return None
    written = max((at for _, _, *times in marks for at in times[-2:]), default=0)
    if time.time() - written / 1e9 < SETTLED or any(_asks_the_clock(sql) for sql in (*selects.values(), *texts)):
        return None
    made_by = (code_version(), duckdb.__version__, pa.__version__)
    return hashlib.sha256(
        json.dumps((made_by, url, dict(selects), csv.model_dump(mode="json"), marks, texts), sort_keys=True).encode()
    ).hexdigest()


def reusable_snapshot(root: Path, found: str | None) -> Snapshot | None:
    """The snapshot that was made of exactly this source; None where there is none, or a file of it is damaged."""
    try:
        note = json.loads((root / NOTE).read_text(encoding="utf-8"))
        if found is None or note["fingerprint"] != found:
            return None
        snapshot = stored_snapshot(root, note["snapshot"])
        snapshot.verify()
    except (OSError, ValueError, TypeError, KeyError, StoredDamaged):
        return None
    log.info("the source has not changed since snapshot %s was made of it: it is not read again.", snapshot.id)
    return snapshot


def note(root: Path, found: str, snapshot: Snapshot) -> None:
    """Write down which snapshot a source gave, for `reusable_snapshot`; the note of another source goes."""
    with scratch_folder(root, ".note-") as work:
        (work / NOTE).write_text(json.dumps({"fingerprint": found, "snapshot": snapshot.id}) + "\n")
        os.replace(work / NOTE, root / NOTE)


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
