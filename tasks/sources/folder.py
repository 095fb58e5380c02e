"""A folder as a database: which files are a table, and the SELECT that reads them.

A table is a CSV or parquet file, named without its ending, or a sub-folder of parts. Names are compared whatever their
case; what could be two tables of one name is refused.
"""

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from keepwell.tasks.errors import ConfigError, DataCheckFailed, Finding, with_nearest
from keepwell.tasks.settings import CsvSettings
from keepwell.tasks.sources.csv_files import COMPRESSED, csv_scan

PARQUET = (".parquet", ".parq", ".pq")
CSV = tuple(f"{ending}{compressed}" for ending in (".csv", ".tsv") for compressed in COMPRESSED)
OTHER = (
    ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".ndjson", ".xml", ".avro", ".orc", ".zip", ".bz2", ".xz", ".7z", ".gz",
    ".zst", ".lz4", ".txt",
)  # fmt: skip
"""Endings of data that is not read here; a message says so."""
GLOB = "*?["


def table_scans(
    folder: Path, table: str, named: Sequence[str], settings: CsvSettings, scratch: Path
) -> Iterator[tuple[str, str]]:
    """Each name that the mapping of `table` reads, with the SELECT over its files; ConfigError names what is absent."""
    found = _tables(folder)
    if absent := [name for name in named if _key(name) not in found]:
        listed = [name for name, _ in (places[0] for places in found.values())]
        others = [p.name for p in sorted(folder.iterdir()) if _other(p) in {_key(name) for name in absent}]
        unread = f" {' and '.join(others)} is not read: save it as CSV or parquet." if others else ""
        raise ConfigError(
            f"the mapping of {table} reads {with_nearest(absent, listed)}, but {folder} has no file "
            f"{' and '.join(f'{name}.csv or .parquet' for name in absent)}.{unread}"
        )
    for name in named:
        places = found[_key(name)]
        if len(places) > 1:
            raise ConfigError(
                f"the mapping of {table} reads `{name}`, which could be "
                f"{' or '.join(path.name + '/' * path.is_dir() for _, path in places)}. Keep one of them, or rename "
                "one and read it by its own name."
            )
        yield name, _scan(places[0][1], folder, table, name, settings, scratch)


def files_of(folder: Path, names: Collection[str]) -> list[Path]:
    """The files of these tables, as far as they are there."""
    keys = {_key(name) for name in names}
    places = [place for key, found in _tables(folder).items() if key in keys for _, place in found]
    return [file for place in places for file in (_parts(place) if place.is_dir() else [place])]


def table_names(folder: Path) -> list[str]:
    """The names of the tables of a folder, as written; of several for one name the first."""
    return [places[0][0] for places in _tables(folder).values()]


def _tables(folder: Path) -> Mapping[str, list[tuple[str, Path]]]:
    """By key, what could be the table of that name: its name as written, and its place."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name if path.is_dir() and _parts(path) else _stem(path, (*PARQUET, *CSV))
        if name and not path.name.startswith("."):
            found.setdefault(_key(name), []).append((name, path))
    return found


def _key(name: str) -> str:
    """A table's name as it is compared: SQL takes no notice of case, and some systems of how an accent is written."""
    return unicodedata.normalize("NFC", name).casefold()


def _stem(path: Path, endings: Sequence[str]) -> str | None:
    """A file's name without its ending; None where it has none of these. A pipe would be waited for."""
    ending = next((e for e in sorted(endings, key=len, reverse=True) if path.name.lower().endswith(e)), None)
    return path.name[: -len(ending)] if ending and path.is_file() else None


def _other(path: Path) -> str | None:
    stem = _stem(path, OTHER)
    return None if stem is None or _stem(path, CSV) else _key(stem.removesuffix(".csv"))


def _parts(folder: Path) -> list[Path]:
    """The data files of a folder and its sub-folders; what begins with `.` or `_` is a writer's own."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name.lower().endswith((*PARQUET, *CSV, *OTHER))
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]


def _scan(place: Path, folder: Path, table: str, name: str, settings: CsvSettings, scratch: Path) -> str:
    """The SELECT over a table's files. A column that only some parts have reads NULL in the others."""
    files = _parts(place) if place.is_dir() else [place]
    for path in files:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(
                f"the mapping of {table} reads `{name}`, but {path} is a link to a file outside the source folder. "
                "Put the file itself there."
            )
    kinds = {_kind(path) for path in files}
    if len(kinds) > 1 or None in kinds:
        listed = ", ".join(next(group).name for _, group in groupby(files, _kind))
        raise DataCheckFailed(
            [
                Finding(
                    table, "readable", f"the parts in {place.name}/ are of several kinds ({listed})",
                    "Keep either CSV or parquet files in the folder of one table.",
                )
            ]
        )  # fmt: skip
    hive = any("=" in part for path in files for part in path.relative_to(place).parts[:-1])
    partitions = f"hive_partitioning={str(hive).lower()}, hive_types_autocast=false"
    if kinds == {"parquet"}:
        return f"SELECT * FROM read_parquet({_listed(files)}, union_by_name=true, {partitions})"
    scans = [csv_scan(path, table, settings, name, scratch) for path in files]
    alike: dict[str, list[Path]] = {}
    for scan in scans:
        alike.setdefault(scan.options, []).append(scan.path)
    return " UNION ALL BY NAME ".join(
        f"SELECT * FROM read_csv({_listed(paths)}, {options}, {partitions})" for options, paths in alike.items()
    )


def _kind(path: Path) -> str | None:
    """How a file is read; None where it is not."""
    name = path.name.lower()
    return "parquet" if name.endswith(PARQUET) else "csv" if name.endswith(CSV) else None


def _listed(paths: Sequence[Path]) -> str:
    """Paths as a list of SQL, each as it is written: none of its characters stands for others."""
    plain = ("".join(f"[{c}]" if c in GLOB else c for c in str(path)) for path in paths)
    return "[{}]".format(", ".join("'{}'".format(path.replace("'", "''")) for path in plain))
