"""What was read of a database's tables before, so that a run reads what it does not have yet (SRC-8).

A table with a `watermark` is asked for the rows since the newest value seen, less a look-back: they replace what was
there of that time, and older rows with their keys. What a watermark does not tell, rows that were deleted or corrected
longer ago, is found by a whole read every few days, and said.
"""

import json
import logging
import os
import time as clock
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from keepwell.features.facts.columns import DATE, INSTANT, CanonicalTable, Column
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.settings import TableSettings
from keepwell.tasks.sources.casts import cast
from keepwell.tasks.sources.connect import engine
from keepwell.tasks.sources.portable import UNTYPED, portable
from keepwell.tasks.sources.rows_written import write_rows, zoneless

log = logging.getLogger("keepwell")

FOLDER = "extracts"
A_DAY = 86_400.0
"""Seconds after which a file that nothing names is litter, and not what another run reads."""


@dataclass(frozen=True)
class Extract:
    """What is noted of a table that was read: `file` holds its rows, as the source gave them.

    `about`: what they follow from beside the source's rows. ISO texts in UTC: the newest `watermark`, None where no row
    has one; when the source was asked last, and when for all rows.
    """

    about: str
    file: str
    watermark: str | None
    read_at: str
    whole_at: str

    def since(self, look_back_days: float) -> datetime:
        """The midnight from which on rows are read again.

        A watermark in the future, as a wrong clock writes it, does not hide what comes before it.
        """
        newest = datetime.fromisoformat(min(self.watermark or self.read_at, self.read_at))
        return datetime.combine(newest - timedelta(days=look_back_days), time())

    def whole_within(self, days: int, now: datetime) -> bool:
        """Whether all rows were read within the last days; what a clock that was ahead has noted does not count."""
        return timedelta() <= now - datetime.fromisoformat(self.whole_at) < timedelta(days=days)


@dataclass(frozen=True)
class Changes:
    """Rows that are new, changed or gone, by their keys."""

    new: int
    changed: int
    gone: int

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def __str__(self) -> str:
        return f"{self.new:,} new, {self.changed:,} changed, {self.gone:,} gone"


@dataclass(frozen=True)
class Watched:
    """A table with a watermark: what tells its rows apart, and when they were written."""

    table: CanonicalTable
    column: Column
    keys: Sequence[str]

    def written(self, rows: ir.Table) -> ir.Value:
        """When a row was written, by its watermark; NULL where that cannot be read."""
        return cast(rows, self.column).cast("timestamp")

    def before(self, rows: ir.Table, since: datetime) -> ir.BooleanValue:
        """True for rows that a read since then does not give: one without a watermark is always given."""
        at = ibis.literal(since.isoformat(sep=" ")).cast("timestamp")
        return (self.written(rows) < at).fill_null(rows[self.column.name].notnull())

    def without(self, rows: ir.Table, others: ir.Table) -> ir.Table:
        """The rows whose keys the others do not have; keys that are both empty are the same."""
        return rows.anti_join(others, self._same(rows, others))

    def among(self, rows: ir.Table, others: ir.Table) -> ir.Table:
        """The rows whose keys the others have."""
        return rows.semi_join(others, self._same(rows, others))

    def _same(self, rows: ir.Table, others: ir.Table) -> list[ir.BooleanValue]:
        return [rows[key].identical_to(others[key]) for key in self.keys]

    def changes(self, before: ir.Table, after: ir.Table, stored: ir.Table, came: ir.Table) -> Changes:
        """What became of the rows `before`, of those `stored`, in the rows `after`, of those that `came`."""
        added, lost = after.difference(before, distinct=False), before.difference(after, distinct=False)
        new, gone = _rows(self.without(added, stored)), _rows(self.without(lost, came))
        return Changes(new, _rows(added) - new, gone)


def extracted(
    rows: ir.Table, backend: str, table: CanonicalTable, settings: TableSettings, about: str, root: Path, work: Path
) -> Path:
    """The file with all rows of a mapping of a table with a watermark: only what is not there yet is read.

    `rows`: the mapping's, as the source describes them; `about`: see Extract. ConfigError for a watermark that is none.
    """
    file, asked = work / f"{table.name}.raw.parquet", portable(rows, backend)
    watched = _watched(rows, table, settings.watermark or "", backend)
    folder, now = root / FOLDER, utc_now()
    about = f"{about} {zoneless(asked.schema().to_pyarrow())}"
    earlier = _noted(folder, table.name, about)
    whole = earlier is None or not earlier.whole_within(settings.whole_read_days, now)
    if earlier is None:
        write_rows(file, asked)
    else:
        since, column = earlier.since(settings.look_back_days), rows[watched.column.name]
        wanted = rows if whole else rows.filter(column.isnull() | (column >= _literal(since, column.type())))
        write_rows(file, portable(wanted, backend))
        file = (_repaired if whole else _merged)(watched, folder / earlier.file, file, since)
    if earlier is None or file != folder / earlier.file:
        place = folder / _named(table.name, digest_of(file) or "")
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)
        file = place
    whole_at = now.isoformat() if whole or earlier is None else earlier.whole_at
    _note(folder, table.name, Extract(about, file.name, _newest(watched, file), now.isoformat(), whole_at))
    return file


def utc_now() -> datetime:
    """The host's clock: when a source was read is no part of any result."""
    return datetime.now(UTC).replace(tzinfo=None)


def _watched(rows: ir.Table, table: CanonicalTable, name: str, backend: str) -> Watched:
    """The table by its watermark; ConfigError where the mapping gives none that can be asked for."""
    column = next((c for c in (*table.columns, *table.staged) if c.name == name), None)
    said = f"tables.{table.name}.watermark names `{name}`"
    remedy = "Name a column that dates when a row was written or changed, for example loaded_at, or remove `watermark`."
    if column is None or column.type not in (DATE, INSTANT) or name not in rows.columns:
        raise ConfigError(f"{said}, which is no date or instant that the mapping gives. {remedy}")
    if backend in UNTYPED or not isinstance(rows[name].type(), dt.Date | dt.Timestamp):
        raise ConfigError(f"{said}, which {backend} has as {rows[name].type()}: it cannot compare it. {remedy}")
    if missing := [key for key in table.key if key not in rows.columns and table.column(key).required]:
        raise ConfigError(f"{said}, but the mapping does not give `{missing[0]}`, which tells rows apart. {remedy}")
    return Watched(table, column, [key for key in table.key if key in rows.columns])


def _merged(watched: Watched, stored_file: Path, came_file: Path, since: datetime) -> Path:
    """The rows stored, and those that came in the place of what they replace; the file stored where nothing changed."""
    stored, came = _opened(stored_file, came_file)
    before = stored.filter(watched.before(stored, since))
    again = stored.filter(~watched.before(stored, since))
    replaced = again.union(watched.among(before, came), distinct=False)
    changes = watched.changes(replaced, came, replaced, came)
    log.info("%s: %s rows read, those since %s: %s.", watched.table.name, f"{_rows(came):,}", since.date(), changes)
    if not changes:
        return stored_file
    file = came_file.with_name(f"{watched.table.name}.merged.parquet")
    write_rows(file, watched.without(before, came).union(came, distinct=False))
    return file


def _repaired(watched: Watched, stored_file: Path, came_file: Path, since: datetime) -> Path:
    """The rows that came, all of them; what differs and no later read would have given is said."""
    stored, came = _opened(stored_file, came_file)
    was, now = (rows.filter(watched.before(rows, since)) for rows in (stored, came))
    changes = watched.changes(was, now, stored, came)
    if changes:
        log.warning(
            "%s: a whole read found what its watermark `%s` had not told of rows from before %s: %s. They are as in "
            "the source now. Where that is not rare, lower whole_read_days or raise look_back_days.",
            watched.table.name, watched.column.name, since.date(), changes,
        )  # fmt: skip
    return came_file


def _opened(*files: Path) -> list[ir.Table]:
    connection = engine(*{file.parent for file in files})
    return [connection.read_parquet(file) for file in files]


def _newest(watched: Watched, file: Path) -> str | None:
    """The newest watermark of a file."""
    (rows,) = _opened(file)
    newest: datetime | None = watched.written(rows).max().to_pyarrow().as_py()
    return None if newest is None else newest.isoformat()


def _rows(rows: ir.Table) -> int:
    return int(rows.count().to_pyarrow().as_py())


def _literal(since: datetime, kind: dt.DataType) -> ir.Value:
    """An instant in UTC as the source compares it."""
    if isinstance(kind, dt.Date):
        return ibis.literal(since.date())
    return ibis.literal(since.replace(tzinfo=UTC if isinstance(kind, dt.Timestamp) and kind.timezone else None), kind)


def _noted(folder: Path, table: str, about: str) -> Extract | None:
    """What is noted of a table, and its file is still there; None where it follows from something else."""
    try:
        found = Extract(**json.loads((folder / f"{table}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if found.about != about:
        return None
    digest = digest_of(folder / found.file)
    if digest is None or found.file != _named(table, digest):
        log.warning("%s is not what was stored: the table is read anew.", folder / found.file)
        return None
    return found


def _named(table: str, digest: str) -> str:
    return f"{table}-{digest[:16]}.parquet"


def _note(folder: Path, table: str, extract: Extract) -> None:
    """Write the note; files that nothing names for a day go."""
    with scratch_folder(folder, ".note-") as work:
        (work / "note.json").write_text(json.dumps(asdict(extract)) + "\n")
        os.replace(work / "note.json", folder / f"{table}.json")
    for file in folder.glob(f"{table}-*.parquet"):
        if file.name != extract.file and clock.time() - file.stat().st_mtime > A_DAY:
            file.unlink(missing_ok=True)
