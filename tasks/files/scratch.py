"""A scratch folder beside its final place; what killed runs left there is removed first (TRU-1).

Each has a lock beside it, taken before the folder is made and held until it is gone: a lock that can be taken belongs
to a process that has died. So runs of two dates that work in one place leave each other alone.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"


@contextmanager
def scratch_folder(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `place` with this prefix, removed at the end unless it was moved away."""
    place.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(place, prefix)
    work = place / f"{prefix}{secrets.token_hex(8)}"
    with FileLock(_lock_of(work)):
        try:
            work.mkdir()
            yield work
        finally:
            _remove(work)


def _remove_abandoned(place: Path, prefix: str) -> None:
    """Remove the folders, and the locks without a folder, of processes that have died."""
    for work in {path.with_name(path.name.removesuffix(LOCK)) for path in place.glob(f"{prefix}*")}:
        try:
            with FileLock(_lock_of(work), timeout=0):
                _remove(work)
        except Timeout:
            continue


def _remove(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    _lock_of(work).unlink(missing_ok=True)


def _lock_of(work: Path) -> Path:
    return work.with_name(f"{work.name}{LOCK}")
