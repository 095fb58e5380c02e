"""Publish marts as parquet, atomically: readers see the old file or the new one; equal rows give equal bytes."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keepwell.tasks.earlier_scores import FILE, MANIFEST, aside, read
from keepwell.tasks.files.digests import digest_of
from keepwell.tasks.lock import in_turn
from keepwell.tasks.marts.schemas.all import MARTS
from keepwell.tasks.marts.schemas.base import STAMPS, Mart
from keepwell.tasks.marts.views import views


@dataclass(frozen=True)
class Stamp:
    """The origin stamped on every published row; `mapping_id`, for the manifest: how contracts became the book."""

    run_id: str
    code_version: str
    snapshot_id: str
    decimals: int = 6
    mapping_id: str = ""


def publish(root: Path, as_of: date, frames: Mapping[str, pd.DataFrame], stamp: Stamp) -> int:
    """Write several marts for one date and return their rows; running again for the same date replaces them.

    All are written aside first and moved into place at the end, so that an error while writing leaves every old file.
    """
    moves: list[tuple[Path, Path]] = []
    with in_turn(root.parent, f"marts-{as_of}"):  # what cannot be read is published by runs that do not hold their date
        try:
            rows = sum(_write_aside(root, as_of, MARTS[name], frame, stamp, moves) for name, frame in frames.items())
            for new, final in moves:
                os.replace(new, final)
        finally:
            for new, _ in moves:
                new.unlink(missing_ok=True)
    write_dictionary(root)
    return rows


def mart_table(mart: Mart, frame: pd.DataFrame, stamp: Stamp) -> pa.Table:
    """The frame in the mart's schema: columns it lacks are NULL, rows by key, numbers rounded, stamped.

    Raises ValueError where the frame has a column that the mart does not, or two rows share a key.
    """
    unknown = sorted(set(frame.columns) - set(mart.columns) - set(STAMPS))
    if unknown:
        raise ValueError(f"mart {mart.name} has no column {', '.join(unknown)}")
    columns = {}
    for field in mart.schema:
        if field.name in STAMPS and not (mart.own_stamps and field.name in frame):
            columns[field.name] = pa.array([getattr(stamp, field.name)] * len(frame), field.type)
        elif field.name in frame:
            columns[field.name] = _column(frame[field.name], field.type, stamp.decimals)
        else:
            columns[field.name] = pa.nulls(len(frame), field.type)
    table = pa.table(columns, schema=mart.schema)
    if table.group_by(list(mart.key)).aggregate([]).num_rows != len(frame) and mart.name != "quarantine":
        raise ValueError(f"mart {mart.name}: two rows share a key ({', '.join(mart.key)})")
    order = [(key, "ascending") for key in mart.key]
    return table.take(pc.sort_indices(table, sort_keys=order)) if len(frame) else table


def _column(values: pd.Series, kind: pa.DataType, decimals: int) -> pa.Array:
    if pa.types.is_floating(kind):
        numeric = pd.to_numeric(values, errors="raise").astype("float64")
        rounded = (numeric.round(decimals) + 0.0).to_numpy()  # + 0.0 turns -0.0 into 0.0
        return pa.array(rounded, kind, from_pandas=True)
    if pa.types.is_integer(kind):
        return pa.array(values.astype("Int64"), kind)
    if pa.types.is_date(kind):
        return pa.array(pd.to_datetime(values).astype("datetime64[s]"), pa.timestamp("s"), from_pandas=True).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]"), kind, from_pandas=True)
    if pa.types.is_list(kind):
        return pa.array([None if v is None else list(v) for v in values], kind)
    return pa.array(values, kind, from_pandas=True)


def _write_aside(
    root: Path, as_of: date, mart: Mart, frame: pd.DataFrame, stamp: Stamp, moves: list[tuple[Path, Path]]
) -> int:
    """Write the new files beside the old ones and note the moves that put them in place; returns the rows."""
    folder = root / mart.name / f"as_of={as_of}"
    folder.mkdir(parents=True, exist_ok=True)
    table = mart_table(mart, frame, stamp)
    data = aside(folder / FILE)
    moves.append((data, folder / FILE))
    pq.write_table(table, data, compression="zstd")
    about = {
        "mart": mart.name, "as_of": str(as_of), "rows": table.num_rows, "run_id": stamp.run_id,
        "code_version": stamp.code_version, "snapshot_id": stamp.snapshot_id, "mapping_id": stamp.mapping_id,
        "sha256": digest_of(data), "key": list(mart.key), "columns": table.schema.names,
    }  # fmt: skip
    manifest = aside(folder / MANIFEST)
    moves.append((manifest, folder / MANIFEST))
    manifest.write_text(json.dumps(about, indent=1) + "\n")
    return table.num_rows


def record_run(root: Path, as_of: date, row: Mapping[str, object], stamp: Stamp) -> None:
    """Record one flow's run in the mart `runs`; the other flows of that date keep their own stamps."""
    new = pd.DataFrame([{**row, "run_id": stamp.run_id, "code_version": stamp.code_version}])
    path = root / "runs" / f"as_of={as_of}" / FILE
    with in_turn(root.parent, "runs"):  # not every flow holds its date: one that ends in between would be lost
        if path.exists():
            old = read(root, "runs", as_of)
            others = old[old["flow"] != row["flow"]]
            new = pd.concat([others, new], ignore_index=True) if len(others) else new
        publish(root, as_of, {"runs": new}, stamp)


def write_dictionary(root: Path) -> None:
    """Write `README.md`, the dictionary of every mart, and `views.sql`, the same marts as DuckDB views."""
    with in_turn(root.parent, "dictionary"):  # runs of two dates write the same two files
        write_whole(root / "README.md", dictionary())
        write_whole(root / "views.sql", views({name for name in MARTS if any(root.glob(f"{name}/*/{FILE}"))}))


def dictionary() -> str:
    """Every mart with its grain, key and columns, as Markdown."""
    lines = [
        "# Dictionary of the marts", "",
        "Generated. `<mart>/as_of=YYYY-MM-DD/data.parquet`, one folder per date (`as_of` is the folder's name), with a",
        "manifest beside it. Instants are UTC. Columns are only ever added, and every column may be empty.",
        "`views.sql`, run by DuckDB, gives each mart as a view, and as `<mart>_latest` the newest date for which that",
        "mart was published: no rows where it was published without any. Its first lines say how to run it elsewhere.",
    ]  # fmt: skip
    for mart in MARTS.values():
        lines += [
            "",
            f"## {mart.name}",
            "",
            f"One row per {mart.grain}. Key: `as_of`, " + ", ".join(f"`{k}`" for k in mart.key) + ".",
        ]
        lines += ["", "| column | type | meaning |", "|---|---|---|"]
        for field in mart.schema:
            meaning = {**mart.columns, **STAMPS}[field.name][1].replace("|", "\\|").replace("\n", " ")
            lines.append(f"| `{field.name}` | {field.type} | {meaning} |")
    return "\n".join(lines) + "\n"


def write_whole(path: Path, text: str) -> Path:
    """Write the text aside and move it into place; a file that already has this text is not touched."""
    said = text.encode()
    if path.exists() and path.read_bytes() == said:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    new = aside(path)
    new.write_bytes(said)
    os.replace(new, path)
    return path
