"""Whether anything can be written where a run is to write (TRU-3)."""

import tempfile
from pathlib import Path

from keepwell.tasks.errors import ConfigError


def writable(folder: Path) -> None:
    """ConfigError where nothing can be written to a folder, or where it cannot be made; nothing is left behind."""
    place = folder.resolve()
    try:
        there = next(above for above in (place, *place.parents) if above.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {place}: {error.strerror}. Name another folder, or correct its permissions."
        ) from error
