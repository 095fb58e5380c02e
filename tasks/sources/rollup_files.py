"""Rollups beside snapshots: made once of each part of usage, and read by every date from then on (SCL-1)."""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.files.scratch import scratch_folder
from keepwell.tasks.sources.parts import Part
from keepwell.tasks.version import code_version

log = logging.getLogger("keepwell")

FOLDER = "rollups"
ROWS_AT_ONCE = 4_000_000
"""Rows that are summed up at a time, about: what bounds the memory."""
A_WEEK = 7 * 86_400.0
Read = Callable[[Sequence[Part]], ir.Table]
"""Reads the rows of some parts of a table."""


def rollup_files(root: Path, parts: Sequence[Part], read: Read) -> dict[str, list[Path]]:
    """The files of each rollup of a table; see `stored_files`."""
    (table,) = {part.name.partition(".")[0] for part in parts}
    of_table = {name: rollup for name, rollup in ROLLUPS.items() if rollup.source == table}
    return {name: stored_files(root, name, parts, read, rollup.to_store) for name, rollup in of_table.items()}


def stored_files(
    root: Path, name: str, parts: Sequence[Part], read: Read, build: Callable[[ir.Table], ir.Table]
) -> list[Path]:
    """The files of what is summed up of a table, one per part: made where one is not there or not what was written.

    `build`: sums by `block` of days.
    """
    stems = {part: f"{name}-{part.digest[:16]}-{code_version()[-8:]}" for part in parts}
    found = {part: next(_whole(root / FOLDER, stem), None) for part, stem in stems.items()}
    for together in _at_once([part for part, file in found.items() if file is None]):
        sums = build(read(together)).to_pyarrow()
        for part in together:
            own = sums if part.whole else sums.filter(_is(pc.field("block"), part.block))
            found[part] = _written(root / FOLDER, stems[part], own)
        _forget(root / FOLDER, name, stems.values())
    return [file for part in parts if (file := found[part]) is not None]


def _forget(folder: Path, name: str, stems: Collection[str]) -> None:
    """Remove the files of other parts and of other code, once they are a week old: they can be made again."""
    for path in folder.glob(f"{name}-*.parquet"):
        if not path.name.startswith(tuple(stems)) and time.time() - path.stat().st_mtime > A_WEEK:
            path.unlink(missing_ok=True)


def _at_once(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The parts in groups of about ROWS_AT_ONCE rows."""
    together, rows = list[Part](), 0
    for part in parts:
        together.append(part)
        rows += pq.read_metadata(part.file).num_rows
        if rows >= ROWS_AT_ONCE or part is parts[-1]:
            yield together
            together, rows = [], 0


def _is(column: pc.Expression, value: int | None) -> pc.Expression:
    return column.is_null() if value is None else column == value


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


def _written(folder: Path, stem: str, rows: pa.Table) -> Path:
    """Write a file and move it into its place."""
    with scratch_folder(folder, ".making-") as work:
        file = work / "rollup.parquet"
        pq.write_table(rows, file, compression="zstd")
        place = folder / _named(stem, file)
        os.replace(file, place)
    return place
