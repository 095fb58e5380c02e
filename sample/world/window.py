"""The calendar of the sample company: which days are on record, as dates, weeks and months."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
"""Dates, datetime64[D]; NaT where there is none."""
Instants = NDArray[np.datetime64]
"""Instants in UTC, datetime64[s]; NaT where there is none."""
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]

NO_DAY = np.datetime64("NaT", "D")
NO_INSTANT = np.datetime64("NaT", "s")
DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
WEEKS_PER_MONTH = DAYS_PER_MONTH / 7


def add_months(day: Days, months: Ints) -> Days:
    """The same day of a later month, or that month's last day where it is shorter."""
    month = day.astype("datetime64[M]")
    target = month + months
    length = (target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")
    moved: Days = target.astype("datetime64[D]") + np.minimum(day - month.astype("datetime64[D]"), length - 1)
    return moved


def add_days(day: Days, days: Ints) -> Days:
    """The dates `days` later."""
    moved: Days = day + days.astype("timedelta64[D]")
    return moved


def days_from(start: Days | np.datetime64, day: Days) -> Ints:
    """Whole days from one date to the other; both must be there."""
    return (day - start).astype(np.int64)


@dataclass(frozen=True)
class Window:
    """The days on record: `first_day` to `last_day`, both included."""

    first_day: np.datetime64
    last_day: np.datetime64

    @property
    def days(self) -> int:
        """How many days are on record."""
        return int((self.last_day - self.first_day).astype(np.int64)) + 1

    @property
    def weeks(self) -> int:
        """How many weeks are on record; the last one may be partial."""
        return -(-self.days // 7)

    @property
    def years(self) -> float:
        """Length in years."""
        return self.days / DAYS_PER_YEAR

    @property
    def end(self) -> np.datetime64:
        """The midnight after the last day: nothing is known later."""
        midnight: np.datetime64 = (self.last_day + 1).astype("datetime64[s]")
        return midnight

    def every_day(self) -> Days:
        """All days on record."""
        return np.arange(self.first_day, self.last_day + 1)

    def week_starts(self) -> Days:
        """First day of each week."""
        return self.every_day()[::7]

    def months_before_end(self, months: int) -> np.datetime64:
        """The day that many months before the end; it may lie before the record."""
        day: np.datetime64 = add_months(np.array([self.last_day]), np.array([-months]))[0]
        return day

    def month_starts(self) -> Days:
        """Firsts of a month on record."""
        days = self.every_day()
        firsts: Days = days[days == days.astype("datetime64[M]").astype("datetime64[D]")]
        return firsts

    def week_of(self, day: Days) -> Ints:
        """Number of the week, the first or last one for days off the record."""
        return np.clip(days_from(self.first_day, day) // 7, 0, self.weeks - 1)

    def up_to_last_day(self, day: Days) -> Days:
        """The dates up to the last day; NaT for later ones."""
        return np.where(day <= self.last_day, day, NO_DAY)

    def up_to_end(self, instant: Instants) -> Instants:
        """The instants before the end; NaT for later ones."""
        return np.where(instant < self.end, instant, NO_INSTANT)


def window(months: int, last_day: date) -> Window:
    """The last `months` months up to and including `last_day`."""
    end = np.datetime64(last_day, "D")
    first = add_months(np.array([end + 1]), np.array([-months]))[0]
    return Window(first, end)
