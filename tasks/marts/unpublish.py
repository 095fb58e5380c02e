"""Remove a date from the marts and reports; readers see each partition whole, or not at all."""

import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from keepwell.tasks.marts.publish import write_dictionary

REMOVED = ".withdrawn"
PROMOTIONS = "promotions"


def published(out: Path, day: date) -> list[Path]:
    """The partitions and reports of a date, except for the record of model changes by people."""
    partitions = sorted(path for path in (out / "marts").glob(f"*/as_of={day}") if path.parent.name != PROMOTIONS)
    return [*partitions, *sorted((out / "reports").glob(f"*-{day}*"))]


def unpublish(out: Path, files: Sequence[Path]) -> None:
    """Remove partitions and reports and renew the views; if it is killed, the next call removes the rest."""
    aside = out / REMOVED
    shutil.rmtree(aside, ignore_errors=True)
    for number, path in enumerate(files):
        aside.mkdir(exist_ok=True)
        # A folder is emptied file by file: moved first, no reader finds half of one.
        os.replace(path, aside / f"{number}-{path.name}")
    shutil.rmtree(aside, ignore_errors=True)
    if (out / "marts").is_dir():
        write_dictionary(out / "marts")
