"""Snapshots: canonical data as parquet files that never change, under an id that follows from their content."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.sources.connect import engine
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
    """An immutable copy of a company's canonical data: `path` holds one parquet file per table; `sha256` of each."""

    id: str
    path: Path
    tables: Mapping[str, StagedTable]
    sha256: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> dict[str, ir.Table]:
        """The staged tables and their rollups on a new engine, not yet cut at any as_of: only facts.py looks at them.

        StoredDamaged names a file that is no longer as it was written.
        """
        self.verify()
        rollups = self.path.parent / FOLDER
        connection = engine(self.path, rollups)
        tables = {name: _whole(connection.read_parquet(self.file(name), table_name=name), name) for name in self.files}
        for source in sorted({rollup.source for rollup in ROLLUPS.values()} & set(self.tables)):
            for name, file in rollup_files(rollups.parent, source, self.sha256[source], tables[source]).items():
                tables[name] = connection.read_parquet(file, table_name=name)
        return tables

    def verify(self) -> None:
        """Compare each file with what was written; StoredDamaged names one that differs."""
        for name in self.files:
            if digest_of(self.file(name)) != self.sha256[name]:
                raise StoredDamaged(
                    f"{self.file(name)} is not what was stored: it was changed, truncated or removed. Nothing is "
                    "computed from it. Run again to read the source anew and replace it; if the source has changed "
                    "since, restore the file from a backup."
                )

    def file(self, name: str) -> Path:
        """The file of one table."""
        return self.path / f"{name}.parquet"

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.tables, "quarantine", "uncast")


def _whole(rows: ir.Table, name: str) -> ir.Table:
    """The rows with every canonical column: one that came after the snapshot was staged is NULL."""
    columns = TABLES[name].staged if name in TABLES else ()
    return rows.mutate(**{c.name: ibis.null().cast(c.type) for c in columns if c.name not in rows.columns})


def snapshot_id(about: str) -> str:
    """The id of a snapshot: it follows from what is in it, described as text with the digest of every file."""
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def store_snapshot(work: Path, root: Path, staged: Mapping[str, StagedTable]) -> Snapshot:
    """The staged files in their place; of a snapshot that is there already, only what is damaged is replaced."""
    sha256 = {path.stem: digest_of(path) or "" for path in sorted(work.glob("*.parquet"))}
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
