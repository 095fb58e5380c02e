"""Rollups beside snapshots: made once of each file of usage, and read by every date from then on (SCL-1)."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.features.facts.rollups import BEGIN, BLOCK_DAYS, ROLLUPS, Rollup, days_from_begin
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.version import code_version

log = logging.getLogger("keepwell")

FOLDER = "rollups"
ROWS_AT_ONCE = 4_000_000
"""Rows that are summed up at a time, about: what bounds the memory."""
ROWS_PER_BATCH = 100_000


def rollup_files(root: Path, source: str, digest: str, rows: ir.Table) -> dict[str, Path]:
    """The file of each rollup of a table; see `stored_file`."""
    dated = rows.filter(rows.known_at.notnull(), rows.day.notnull())
    of_source = {name: rollup for name, rollup in ROLLUPS.items() if rollup.source == source}
    return {n: stored_file(root, n, digest, partial(_pieces, rollup, dated)) for n, rollup in of_source.items()}


def stored_file(root: Path, name: str, digest: str, pieces: Callable[[], Iterable[ir.Table]]) -> Path:
    """The file of what is summed up of a table, made where it is not there or not what was written.

    `digest`: that of the table's file, which never changes. `pieces`: at least one; together they are the file.
    """
    stem = f"{name}-{digest[:16]}-{code_version()[-8:]}"
    return next(_whole(root / FOLDER, stem), None) or _made(root / FOLDER, stem, pieces())


def _whole(folder: Path, stem: str) -> Iterator[Path]:
    """The files of that name whose content is the one that their name says."""
    for path in sorted(folder.glob(f"{stem}-*.parquet")):
        if _named(stem, path) == path.name:
            yield path
        else:
            log.warning("%s is not what was stored: it is made again.", path)
            path.unlink(missing_ok=True)


def _named(stem: str, path: Path) -> str:
    return f"{stem}-{(digest_of(path) or '')[:16]}.parquet"


def _made(folder: Path, stem: str, pieces: Iterable[ir.Table]) -> Path:
    """Write a piece after the other, and move the file into its place."""
    with scratch_folder(folder, ".making-") as work, ExitStack() as opened:
        file, writer = work / "rollup.parquet", None
        for piece in pieces:
            schema = piece.schema().to_pyarrow()
            writer = writer or opened.enter_context(pq.ParquetWriter(file, schema, compression="zstd"))
            for batch in piece.to_pyarrow_batches(chunk_size=ROWS_PER_BATCH):
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
        opened.close()
        place = folder / _named(stem, file)
        os.replace(file, place)
    return place


def _pieces(rollup: Rollup, dated: ir.Table) -> Iterator[ir.Table]:
    """The rollup of one range of days after the other; of no row, an empty one."""
    ranges = list(_ranges(dated))
    yield from (rollup.to_store(dated.filter(dated.day >= first, dated.day < end)) for first, end in ranges)
    if not ranges:
        yield rollup.to_store(dated)


def _ranges(dated: ir.Table) -> Iterator[tuple[date, date]]:
    """Ranges of whole blocks of days with about ROWS_AT_ONCE rows each, as [first, end)."""
    block = (days_from_begin(dated.day) // BLOCK_DAYS).cast("int64")
    counted = dated.group_by(block=block).agg(rows=dated.count()).order_by("block").to_pyarrow().to_pylist()
    of_range: list[int] = []
    rows = 0
    for row in counted:
        of_range.append(row["block"])
        rows += row["rows"]
        if rows >= ROWS_AT_ONCE or row is counted[-1]:
            yield _first_day(of_range[0]), _first_day(of_range[-1] + 1)
            of_range, rows = [], 0


def _first_day(block: int) -> date:
    return BEGIN + timedelta(days=block * BLOCK_DAYS)
