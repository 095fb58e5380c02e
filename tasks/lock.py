"""Two runs of one date at once: one wins, the other says so (exit code 4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import Busy


@contextmanager
def holding(out: Path, as_of: date) -> Iterator[None]:
    """Hold a date of an output folder; Busy where another run does. The lock dies with the process."""
    folder = out / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{as_of}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Busy(f"another run holds {as_of} in {out}. Wait for it to end, then run again.") from error
    try:
        yield
    finally:
        lock.release()
