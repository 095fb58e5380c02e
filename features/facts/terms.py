"""The terms of contracts: where each ends, and where it ends once it has renewed itself."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.datetime64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

DAYS_PER_MONTH = 30.436875


def count(span: np.ndarray) -> Counts:
    """Whole days of a difference of dates."""
    return span.astype("timedelta64[D]").astype(np.int64)


def plus_months(days: Days, months: Counts) -> Days:
    """The same day so many months later, or the last one of a shorter month."""
    month = days.astype("datetime64[M]")
    later = month + months.astype("timedelta64[M]")
    last = count((later + 1).astype("datetime64[D]") - later.astype("datetime64[D]")) - 1
    place = np.minimum(count(days - month.astype("datetime64[D]")), last)
    found: Days = later.astype("datetime64[D]") + place.astype("timedelta64[D]")
    return found


@dataclass(frozen=True)
class Terms:
    """Terms [start, end) that renew themselves for the same length, again and again.

    A term of whole months (give or take a day: sources that write the last day) is renewed by months, counted from its
    start, so that a contract of January 31 comes back to the 31st; any other by days.
    """

    start: Days
    end: Days

    def renewals_until(self, day: Days) -> Counts:
        """How often each was renewed by the start of that day: 0 before its first end."""
        months, by_month, _ = self._months()
        times = np.maximum(_calendar_months(self.end, day), 0) // months
        by_months = times + (self._end_by_months(times) <= day)
        by_days = np.maximum(count(day - self.end) // self._days() + 1, 0)
        found: Counts = np.where(day < self.end, 0, np.where(by_month, by_months, by_days))
        return found

    def end_after(self, times: Counts) -> Days:
        """The end of each term after so many renewals."""
        by_days = self.end + (times * self._days()).astype("timedelta64[D]")
        found: Days = np.where(self._months()[1], self._end_by_months(times), by_days)
        return found

    def end_beyond(self, day: Days) -> Days:
        """The first end that is later than that day."""
        return self.end_after(self.renewals_until(day))

    def _days(self) -> Counts:
        return np.maximum(count(self.end - self.start), 1)

    def _months(self) -> tuple[Counts, Flags, Counts]:
        """The nearest whole number of months, at least 1; whether the term is as long as that; days that it is off."""
        months = np.maximum(np.rint(self._days() / DAYS_PER_MONTH).astype(np.int64), 1)
        off = count(self.end - plus_months(self.start, months))
        return months, np.abs(off) <= 1, off

    def _end_by_months(self, times: Counts) -> Days:
        months, _, off = self._months()
        return plus_months(self.start, (times + 1) * months) + off.astype("timedelta64[D]")


def _calendar_months(first: Days, last: Days) -> Counts:
    """Calendar months from the month of one day to that of another."""
    months = last.astype("datetime64[M]") - first.astype("datetime64[M]")
    found: Counts = months.astype(np.int64)
    return found
