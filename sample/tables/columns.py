"""Table columns: numpy arrays, or positions in a list of words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keepwell.sample.world.draws import sequence
from keepwell.sample.world.window import Days, Flags, Floats, Instants, Ints


@dataclass(frozen=True)
class Coded:
    """Words by position in a list; -1 is null."""

    position: Ints
    words: Sequence[str]


Column = Coded | NDArray[Any]
"""NaT and NaN are null; so a nullable whole number or truth value comes as a float."""
Columns = Mapping[str, Column]

LOAD_MINUTES = np.timedelta64(5, "m")
"""How long after an instant the source has stored it; dates are stored in the night that follows them."""


def loaded_after_day(day: Days) -> Instants:
    """Load time of a fact with only a date: the midnight after it."""
    return (day + 1).astype("datetime64[s]")


def loaded_after_instant(at: Instants) -> Instants:
    """Load time of a fact with an instant."""
    return at + LOAD_MINUTES


def nullable(values: NDArray[Any], present: Flags) -> Floats:
    """The values as floats, NaN where they are not present."""
    return np.where(present, values.astype(float), np.nan)


def keys(account_id: NDArray[np.str_], account: Ints, letter: str) -> NDArray[np.str_]:
    """Keys like A00001-T0001: the account and a number within it; the accounts must lie together."""
    number = sequence(account)
    suffixes = np.array([f"-{letter}{n:04}" for n in range(int(number.max(initial=0)) + 1)])
    return np.strings.add(account_id[account], suffixes[number])
