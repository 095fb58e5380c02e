"""Snapshots: canonical data as parquet files that never change, under an id that follows from their content."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.sql import SQLBackend

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.sources.connect import engine
from keepwell.tasks.sources.parts import Part, parts_of
from keepwell.tasks.sources.rollup_files import FOLDER, rollup_files

log = logging.getLogger("keepwell")

ABOUT = "snapshot.json"


@dataclass(frozen=True)
class StagedTable:
    """What staging saw of one table: rows kept and set aside, columns given, values that did not cast.

    `to_write`: what the mapping should say instead, by column with such values.
    """

    rows: int
    set_aside: int
    given: tuple[str, ...]
    casts: Mapping[str, tuple[int, tuple[str, ...]]]
    to_write: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """An immutable copy of a company's canonical data: `path` holds parquet files, usage in parts (parts.py).

    `sha256` of each file, by its name without the ending.
    """

    id: str
    path: Path
    tables: Mapping[str, StagedTable]
    sha256: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> dict[str, ir.Table]:
        """The staged tables and their rollups on a new engine, not yet cut at any as_of: only facts.py looks at them.

        StoredDamaged names a file that is no longer as it was written.
        """
        self.verify()
        root = self.path.parent
        connection = engine(self.path, root / FOLDER)
        tables = {name: self.read(connection, name) for name in (*self.tables, "quarantine", "uncast")}
        for source in sorted({rollup.source for rollup in ROLLUPS.values()} & set(self.tables)):
            for name, files in rollup_files(root, self.parts(source), partial(self.read, connection, source)).items():
                tables[name] = connection.read_parquet(files, table_name=name)
        return tables

    def parts(self, table: str) -> list[Part]:
        """The parts of a table in order."""
        return parts_of(table, self.sha256, self.path)

    def read(self, connection: SQLBackend, table: str, parts: Sequence[Part] = ()) -> ir.Table:
        """The rows of some parts of a table, of all without any named, with every canonical column."""
        files = [part.file for part in parts or self.parts(table)]
        rows = connection.read_parquet(files, **({} if parts else {"table_name": table}))
        columns = TABLES[table].staged if table in TABLES else ()
        # A column that came after the snapshot was staged is NULL.
        return rows.mutate(**{c.name: ibis.null().cast(c.type) for c in columns if c.name not in rows.columns})

    def verify(self) -> None:
        """Compare each file with what was written; StoredDamaged names one that differs."""
        for name, digest in self.sha256.items():
            file = self.path / f"{name}.parquet"
            if digest_of(file) != digest:
                raise StoredDamaged(
                    f"{file} is not what was stored: it was changed, truncated or removed. Nothing is "
                    "computed from it. Run again to read the source anew and replace it; if the source has changed "
                    "since, restore the file from a backup."
                )


def snapshot_id(about: str) -> str:
    """The id of a snapshot: it follows from what is in it, described as text with the digest of every file."""
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def store_snapshot(
    work: Path, root: Path, staged: Mapping[str, StagedTable], earlier: "Snapshot | None" = None
) -> Snapshot:
    """The staged files in their place; of a snapshot that is there already, only what is damaged is replaced.

    A file that is the same in the one before lies on the disk once.
    """
    sha256 = {path.stem: digest_of(path) or "" for path in sorted(work.glob("*.parquet"))}
    if earlier is not None:
        _share(work, earlier.path, [name for name, digest in sha256.items() if earlier.sha256.get(name) == digest])
    about = {"tables": {name: asdict(table) for name, table in staged.items()}, "sha256": sha256}
    text = json.dumps(about, sort_keys=True, indent=1)
    (work / ABOUT).write_text(text)
    identity = snapshot_id(text)
    place = root / identity
    try:
        work.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        for path in sorted(work.iterdir()):
            stored = place / path.name
            if digest_of(stored) != digest_of(path):
                log.warning("%s was not what had been stored: the copy staged now replaces it.", stored)
                os.replace(path, stored)
    return Snapshot(identity, place, staged, sha256)


def _share(work: Path, other: Path, names: Sequence[str]) -> None:
    """Put the other folder's files in the place of equal ones."""
    for name in names:
        ours, theirs = (folder / f"{name}.parquet" for folder in (work, other))
        with suppress(OSError):  # of a file system without hard links, or of a file that is gone
            if not ours.samefile(theirs):
                os.link(theirs, work / "link")
                os.replace(work / "link", ours)


def stored_snapshot(root: Path, identity: str) -> Snapshot:
    """The snapshot of that id, to compute from it again (MOD-3); StoredDamaged where it is not there."""
    place = root / identity
    try:
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoredDamaged(f"{place} is missing or incomplete. Restore it from a backup.") from error
    if "tables" not in about:  # written before digests of every file were: until c9eab25; drop after 2027
        sha256 = {name: table.pop("sha256") for name, table in about.items()}
        sha256 |= {name: digest_of(place / f"{name}.parquet") for name in ("quarantine", "uncast")}
        about = {"tables": about, "sha256": sha256}
    return Snapshot(identity, place, {name: _staged_table(of) for name, of in about["tables"].items()}, about["sha256"])


def _staged_table(of: dict[str, Any]) -> StagedTable:
    """What staging saw of a table, read back from JSON, which has no tuples."""
    casts = {column: (count, tuple(keys)) for column, (count, keys) in of["casts"].items()}
    return StagedTable(**{**of, "given": tuple(of["given"]), "casts": casts})
