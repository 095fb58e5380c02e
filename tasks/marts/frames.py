"""Concatenate frames, and turn them into rows."""

from collections.abc import Iterable
from typing import Any

import pandas as pd


def stacked(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The frames concatenated, without the empty ones, whose types would change the others' columns."""
    some = [frame for frame in frames if len(frame)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows for a template, with None for missing values."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")
