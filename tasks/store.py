"""What earlier runs published: the only results that a run may build on, all from before its own date."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

FILE = "data.parquet"
CHANGE_REACH_DAYS = 62
RECENT = ("account_id", "health", "band", "run_id")


@dataclass(frozen=True)
class Stored:
    """Stored results seen from a date: the newest before it, the nearest at or before one month earlier, recent health.

    `recent` holds account_id, as_of, health, band of the dates in which the highest health is sought.
    `used` names every partition that was read, with its run_id: they enter the run_id of what is built on them.
    """

    newest: pd.DataFrame | None
    measures: pd.DataFrame | None
    month_ago: pd.DataFrame | None
    month_ago_measures: pd.DataFrame | None
    recent: pd.DataFrame
    used: tuple[str, ...]


def dates(root: Path, mart: str) -> list[date]:
    """The dates for which a mart is published, in order."""
    return sorted(date.fromisoformat(p.parent.name.removeprefix("as_of=")) for p in root.glob(f"{mart}/as_of=*/{FILE}"))


def read(root: Path, mart: str, day: date, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """One partition as a frame, or some of its columns."""
    return pq.read_table(
        root / mart / f"as_of={day}" / FILE, columns=list(columns) if columns else None, partitioning=None
    ).to_pandas()


def month_before(day: date) -> date:
    """The same day one month earlier, or that month's last day."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def stored_before(root: Path, as_of: date, window_days: int) -> Stored:
    """What a run for `as_of` may build on."""
    earlier = [d for d in dates(root, "health_scores") if d < as_of]
    newest = earlier[-1] if earlier else None
    limit = month_before(as_of)
    ago = [d for d in earlier if limit - timedelta(days=CHANGE_REACH_DAYS) <= d <= limit]
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
    )


def _measures(root: Path, day: date) -> pd.DataFrame:
    """The measures of the score; what a model cites lies in the same mart."""
    factors = read(root, "factors", day)
    return factors[factors["kind"] == "health"].reset_index(drop=True)


def _dated(frames: dict[date, pd.DataFrame]) -> pd.DataFrame:
    """Several dates under each other, with their as_of."""
    dated = [frame[["account_id", "health", "band"]].assign(as_of=pd.Timestamp(d)) for d, frame in frames.items()]
    return (
        pd.concat(dated, ignore_index=True)
        if dated
        else pd.DataFrame(columns=["account_id", "health", "band", "as_of"])
    )


def _run_id(frame: pd.DataFrame) -> str:
    return str(frame["run_id"].iloc[0]) if len(frame) else "empty"


def digest(parts: tuple[str, ...]) -> str:
    """A short hash of several texts in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
