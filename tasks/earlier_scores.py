"""What earlier runs published: the only results that a run may build on, all from before its own date."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keepwell.tasks.errors import StoredDamaged
from keepwell.tasks.files.digests import digest_of

FILE, MANIFEST = "data.parquet", "_manifest.json"
CHANGE_LOOKBACK_DAYS = 62
RECENT = ("account_id", "health", "health_computed", "band", "run_id")


@dataclass(frozen=True)
class Stored:
    """Stored results seen from a date: the newest before it, the nearest at or before one month earlier, recent health.

    `recent` holds account_id, as_of, health, health_computed, band of the dates in which the highest health is sought;
    `root` is where its measures are.
    `used` names every partition that was read, with its run_id: they enter the run_id of what is built on them.
    """

    newest: pd.DataFrame | None
    measures: pd.DataFrame | None
    month_ago: pd.DataFrame | None
    month_ago_measures: pd.DataFrame | None
    recent: pd.DataFrame
    used: tuple[str, ...]
    root: Path | None = None

    def measures_on(self, day: date, accounts: Collection[str]) -> pd.DataFrame:
        """The measures of the score of one of the recent dates, of some accounts."""
        if self.root is None:
            raise ValueError("these stored results were not read from a folder")
        return _measures(self.root, day, accounts)


def dates(root: Path, mart: str) -> list[date]:
    """The dates for which a mart is published, in order; one whose data is gone and whose manifest is not counts."""
    folders = {path.parent for name in (FILE, MANIFEST) for path in root.glob(f"{mart}/as_of=*/{name}")}
    return sorted(date.fromisoformat(folder.name.removeprefix("as_of=")) for folder in folders)


def read(
    root: Path,
    mart: str,
    day: date,
    columns: Sequence[str] | None = None,
    accounts: Collection[str] | None = None,
) -> pd.DataFrame:
    """One partition as a frame, or some columns or accounts of it; StoredDamaged where it is not what was published."""
    folder = root / mart / f"as_of={day}"
    _check_digest(folder, day)
    # Through one open file: by its path it is opened twice, and another run may replace it in between.
    with (folder / FILE).open("rb") as file:
        rows = pq.ParquetFile(file).read(columns=list(columns) if columns else None)
    return (rows if accounts is None else rows.filter(pc.field("account_id").isin(list(accounts)))).to_pandas()


def manifest(root: Path, mart: str, day: date) -> dict[str, Any]:
    """What the manifest of a partition says; nothing where it cannot be read."""
    try:
        about: dict[str, Any] = json.loads((root / mart / f"as_of={day}" / MANIFEST).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return about


def columns_of(root: Path, mart: str, day: date) -> list[str]:
    """The columns of one partition, which may be older than the dictionary."""
    folder = root / mart / f"as_of={day}"
    _check_digest(folder, day)
    return list(pq.read_schema(folder / FILE).names)


def aside(file: Path) -> Path:
    """Where a file is written before it is moved into its place."""
    return file.with_name(f".{file.name}.new")


def _check_digest(folder: Path, day: date) -> None:
    """Compare a partition with its manifest.

    Another run may replace both meanwhile, the data first, and a run may have been killed between the two: so the
    manifests of before and after count, and the one that waits to be moved into place.
    """
    before = _noted(folder)
    if digest_of(folder / FILE) not in before | _noted(folder):
        raise StoredDamaged(
            f"{folder / FILE} is not what was published: it does not match the {MANIFEST} beside it. Nothing is "
            f"computed from it. Restore the folder from a backup, or delete it and run {day} again."
        )


def _noted(folder: Path) -> set[str]:
    """The digests of the data in the manifests that can be read, the waiting one first: it moves while we look."""
    found = set()
    for path in (aside(folder / MANIFEST), folder / MANIFEST):
        try:
            found.add(str(json.loads(path.read_bytes())["sha256"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue
    return found


def month_before(day: date) -> date:
    """The same day one month earlier, or that month's last day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def stored_before(root: Path, as_of: date, window_days: int) -> Stored:
    """What a run for `as_of` may build on."""
    earlier = [d for d in dates(root, "health_scores") if d < as_of]
    newest = earlier[-1] if earlier else None
    limit = month_before(as_of)
    ago = [d for d in earlier if limit - timedelta(days=CHANGE_LOOKBACK_DAYS) <= d <= limit]
    month_ago = ago[-1] if ago else None
    recent = [d for d in earlier if d >= as_of - timedelta(days=window_days)]
    whole = {d: read(root, "health_scores", d) for d in dict.fromkeys((newest, month_ago)) if d is not None}
    slim = {d: read(root, "health_scores", d, RECENT) for d in recent}
    return Stored(
        newest=whole[newest] if newest else None,
        measures=_measures(root, newest) if newest else None,
        month_ago=whole[month_ago] if month_ago else None,
        month_ago_measures=_measures(root, month_ago) if month_ago else None,
        recent=_dated(slim),
        used=tuple(f"health_scores/{d}/{_run_id(frame)}" for d, frame in sorted({**slim, **whole}.items())),
        root=root,
    )


def _measures(root: Path, day: date, accounts: Collection[str] | None = None) -> pd.DataFrame:
    """The measures of the score; what a model cites lies in the same mart."""
    factors = read(root, "factors", day, accounts=accounts)
    return factors[factors["kind"] == "health"].reset_index(drop=True)


def _dated(frames: dict[date, pd.DataFrame]) -> pd.DataFrame:
    """Several dates under each other, with their as_of."""
    columns = ["account_id", "health", "health_computed", "band"]
    dated = [frame.reindex(columns=columns).assign(as_of=pd.Timestamp(d)) for d, frame in frames.items()]
    return pd.concat(dated, ignore_index=True) if dated else pd.DataFrame(columns=[*columns, "as_of"])


def _run_id(frame: pd.DataFrame) -> str:
    return str(frame["run_id"].iloc[0]) if len(frame) else "empty"


def digest(parts: tuple[str, ...]) -> str:
    """A short hash of several texts in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
