"""Two runs of one date, or two sweeps, at once: one wins, the other says so (exit code 4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import Busy
from tasks.output import writable


@contextmanager
def holding(out: Path, what: date | str) -> Iterator[None]:
    """Hold a date, or a flow by name, in an output folder; Busy where another run does. It dies with the process.

    ConfigError where nothing can be written there.
    """
    writable(out)
    folder = out / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{what}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Busy(f"another run holds {what} in {out}. Wait for it to end, then run again.") from error
    try:
        yield
    finally:
        lock.release()
