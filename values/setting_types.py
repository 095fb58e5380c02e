"""The numbers that settings may hold: each is finite, and no larger than the arithmetic behind it can bear.

The bounds of days, windows and tries are such that no product of them leaves the years 1700 to 2800, where dates,
timestamps in nanoseconds and the calendar itself end.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

LARGEST, SMALLEST = 1e12, 1e-9


class Section(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A section of a settings file: fixed once it is read, without unknown keys, and with finite numbers alone."""


def _no_truth_value(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004 pydantic turns a ValueError into a mistake
    return given


Plain = BeforeValidator(_no_truth_value)

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST), Plain]
Amount = Annotated[float, Field(ge=0, le=LARGEST), Plain]
Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST), Plain]
Factor = Annotated[float, Field(ge=1, le=LARGEST), Plain]
Share = Annotated[float, Field(ge=0, le=1), Plain]
Points = Annotated[float, Field(ge=0, le=100), Plain]

HoursOrZero = Annotated[float, Field(ge=0, le=8_784), Plain]
Hours = Annotated[float, Field(ge=SMALLEST, le=8_784), Plain]
WholeMinutes = Annotated[int, Field(ge=1, le=1_440), Plain]
WholeMinutesOrZero = Annotated[int, Field(ge=0, le=1_440), Plain]
Minutes = Annotated[float, Field(ge=SMALLEST, le=1_440), Plain]
WholeSeconds = Annotated[int, Field(ge=1, le=86_400), Plain]
SecondsOrZero = Annotated[float, Field(ge=0, le=86_400), Plain]
WholeSecondsOrZero = Annotated[int, Field(ge=0, le=86_400), Plain]
Seconds = Annotated[float, Field(ge=SMALLEST, le=86_400), Plain]
"""Spans of time: a year, a day, a day."""

Days = Annotated[int, Field(ge=1, le=3_660), Plain]
DaysOrZero = Annotated[int, Field(ge=0, le=3_660), Plain]
Weeks = Annotated[int, Field(ge=1, le=520), Plain]
Months = Annotated[int, Field(ge=1, le=120), Plain]
"""Ten years of each."""

Windows = Annotated[int, Field(ge=1, le=24), Plain]
"""Windows of so many days, one before the other."""

Tries = Annotated[int, Field(ge=1, le=20), Plain]
"""Each waits twice as long as the one before."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000), Plain]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000_000), Plain]
Repeats = Annotated[int, Field(ge=1, le=100_000), Plain]
"""How often something is computed: it costs so many times the work."""
