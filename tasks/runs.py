"""The mart `runs`: every flow run that ended well, and how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Protocol

from tasks.publish import Stamp, record_run
from tasks.store import dates, read


class Recorded(Protocol):
    """What of a run its record needs."""

    @property
    def marts(self) -> Path: ...
    @property
    def as_of(self) -> date: ...


@contextmanager
def recorded(run: Recorded, flow: str) -> Iterator[Callable[[int, Stamp], None]]:
    """Record the run of a flow once it is done; the body says how many rows it published and under which stamp.

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
    return as_of in dates(marts, "runs") and flow in set(read(marts, "runs", as_of, ["flow"])["flow"])
