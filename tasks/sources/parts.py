"""Parts of a table: usage lies in one file per block of days, so that a new day leaves the others as they are (SCL-1).

The rows of a table are ordered by their day first: its parts, one after the other, are the table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np
import pyarrow as pa

from keepwell.features.facts.columns import CanonicalTable
from keepwell.features.facts.rollups import BEGIN, BLOCK_DAYS, ROLLUPS, number
from keepwell.tasks.sources.rows_written import ROWS_PER_BATCH, write_batches

IN_PARTS = {rollup.source for rollup in ROLLUPS.values()}
UNDATED = "undated"
"""The part of the rows without a day."""
NOWHEN = -1
"""Stands for the block of such a row."""


@dataclass(frozen=True)
class Part:
    """One file of a table. `name`: the table's, and what tells its part; `digest`: the file's, which never changes."""

    name: str
    file: Path
    digest: str

    @property
    def block(self) -> int | None:
        """The number of its block of days; None for rows without a day."""
        day = self.name.partition(".")[2]
        return None if day in ("", UNDATED) else number(date.fromisoformat(day)) // BLOCK_DAYS

    @property
    def whole(self) -> bool:
        """Whether it is the table: another table than usage, or a snapshot from before there were parts."""
        return "." not in self.name


def parts_of(table: str, files: Mapping[str, str], folder: Path) -> list[Part]:
    """The parts of a table in order, of the digests of a snapshot's files by name."""
    names = sorted(name for name in files if name == table or name.startswith(f"{table}."))
    return [Part(name, folder / f"{name}.parquet", files[name]) for name in names]


def write_parts(folder: Path, table: CanonicalTable, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """Write ordered rows, a file per part, and count them; a table without rows is one empty file."""
    if table.name not in IN_PARTS:
        return write_batches(folder / f"{table.name}.parquet", schema, batches)
    rows = 0
    for name, own in groupby(_pieces(table, batches), key=itemgetter(0)):
        rows += write_batches(folder / f"{name}.parquet", schema, _even(piece for _, piece in own))
    return rows or write_batches(folder / f"{table.name}.parquet", schema, iter(()))


def _pieces(table: CanonicalTable, batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Every batch, divided where a part ends, with the part's name."""
    for batch in batches:
        days = batch.column(table.event).to_numpy(zero_copy_only=False).astype("datetime64[D]")
        blocks = np.where(np.isnat(days), NOWHEN, (days - np.datetime64(BEGIN)).astype("int64") // BLOCK_DAYS)
        starts = [0, *(np.flatnonzero(np.diff(blocks)) + 1), len(blocks)]
        for start, end in pairwise(starts):
            if end > start:
                yield _name(table.name, int(blocks[start])), batch.slice(start, end - start)


def _name(table: str, block: int) -> str:
    if block == NOWHEN:
        return f"{table}.{UNDATED}"
    return f"{table}.{BEGIN + timedelta(days=block * BLOCK_DAYS)}"


def _even(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of one size from the part's first row on, so that its bytes do not tell how the rows came."""
    waiting, rows = list[pa.RecordBatch](), 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= ROWS_PER_BATCH:
            together = pa.Table.from_batches(waiting)
            yield _one(together.slice(0, ROWS_PER_BATCH))
            waiting = together.slice(ROWS_PER_BATCH).to_batches()
            rows -= ROWS_PER_BATCH
    if rows:
        yield _one(pa.Table.from_batches(waiting))


def _one(rows: pa.Table) -> pa.RecordBatch:
    (batch,) = rows.combine_chunks().to_batches()
    return batch
