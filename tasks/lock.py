"""Two runs of one date, two sweeps, or two changes to one outcome's models at once: one wins, the other says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from keepwell.tasks.errors import Busy
from keepwell.tasks.files.writable import writable


@contextmanager
def holding(out: Path, what: date | str) -> Iterator[None]:
    """Hold a date, or a flow by name, in an output folder; Busy where another run does. It dies with the process.

    ConfigError where nothing can be written there.
    """
    writable(out)
    lock = in_turn(out, str(what))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Busy(f"another run holds {what} in {out}. Wait for it to end, then run again.") from error
    try:
        yield
    finally:
        lock.release()


def in_turn(out: Path, what: str) -> FileLock:
    """The same lock, for what is done in a moment: `with` waits for its turn."""
    folder = out / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{what}.lock")


def models_of(outcome: str) -> str:
    """The name under which the changes to an outcome's models are held: they go by number, whatever their dates."""
    return f"models-{outcome}"
