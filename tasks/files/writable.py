"""Check that a run can write to its folder (TRU-3)."""

import tempfile
from pathlib import Path

from keepwell.tasks.errors import ConfigError


def writable(folder: Path) -> None:
    """Raise ConfigError if a folder cannot be created or written to; leave nothing behind."""
    place = folder.resolve()
    try:
        there = next(above for above in (place, *place.parents) if above.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {place}: {error.strerror}. Name another folder, or correct its permissions."
        ) from error
