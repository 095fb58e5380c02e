"""Frames put under each other, and taken apart into rows."""

from collections.abc import Iterable

import pandas as pd


def stacked(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The frames under each other, but for the empty ones, which would give their types to the others' columns."""
    some = [frame for frame in frames if len(frame)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()
