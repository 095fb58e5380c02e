"""Partitions of marts as publishing leaves them, for tests that need some columns alone."""

import json
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.tasks.earlier_scores import FILE, MANIFEST
from keepwell.tasks.files.digests import sha256_of


def put(marts: Path, mart: str, day: date, rows: pd.DataFrame) -> None:
    """A partition with its manifest."""
    folder = marts / mart / f"as_of={day}"
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(folder / FILE, index=False)
    (folder / MANIFEST).write_text(json.dumps({"sha256": sha256_of(folder / FILE)}))
