"""The mart `runs`: every successful flow run and its duration."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Protocol

from keepwell.tasks.earlier_scores import FILE, dates, read
from keepwell.tasks.marts.publish import Stamp, record_run


class Recorded(Protocol):
    """The parts of a run that its record needs."""

    @property
    def marts(self) -> Path: ...
    @property
    def as_of(self) -> date: ...


@contextmanager
def recorded(run: Recorded, flow: str) -> Iterator[Callable[[int, Stamp], None]]:
    """Record a flow's run once it is done; the body reports the rows it published and their stamp.

    A run that fails records nothing: it leaves every mart but `check_results` as it was, and its message is on stderr.
    """
    start = time.monotonic()
    said: list[tuple[int, Stamp]] = []
    yield lambda rows, stamp: said.append((rows, stamp))
    rows, stamp = said[-1]
    seconds = round(time.monotonic() - start, 3)
    row = {"flow": flow, "status": "done", "rows": rows, "snapshot_id": stamp.snapshot_id, "seconds": seconds}
    record_run(run.marts, run.as_of, row, stamp)


def has_run(marts: Path, flow: str, as_of: date) -> bool:
    """Whether a run of this flow for this date is on record."""
    return flow in _flows(marts, as_of)


def has_begun(marts: Path, family: str, before: date) -> bool:
    """Whether any flow with this prefix is on record for an earlier date; searches newest dates first."""
    days = [day for day in dates(marts, "runs") if day < before]
    return any(name.startswith(family) for day in reversed(days) for name in _flows(marts, day))


def _flows(marts: Path, as_of: date) -> set[str]:
    """The flows on record for a date."""
    path = marts / "runs" / f"as_of={as_of}" / FILE
    return set(read(marts, "runs", as_of, ["flow"])["flow"]) if path.exists() else set()
