"""Frames put under each other, and taken apart into rows."""

from collections.abc import Iterable
from typing import Any

import pandas as pd


def stacked(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The frames under each other, but for the empty ones, which would give their types to the others' columns."""
    some = [frame for frame in frames if len(frame)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a template prints them, with None for what is missing."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
