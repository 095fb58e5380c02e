"""Working hours of a team: when a deadline in hours falls, in calendar or business time (ALR-2)."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from keepwell.values.setting_types import Section

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORTEST_DAY = timedelta(hours=1)
"""A year of hours, worked one hour a week, still ends within the calendar."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def known_zone(name: str) -> str:
    """The name of an IANA time zone; ValueError where there is none of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone; write one like Europe/Berlin") from error
    return name


class WorkingHours(Section):
    """When the deadlines of alerts run."""

    clocks: Literal["calendar", "business"] = Field(
        "calendar", description="whether hours count around the clock or only while the team works"
    )
    timezone: Annotated[str, AfterValidator(known_zone)] = Field(
        "UTC", description="IANA time zone of the team, for example Europe/Berlin"
    )
    opens: time = Field(time(9), description="local time at which the working day begins")
    closes: time = Field(time(17), description="local time at which it ends")
    weekdays: tuple[Weekday, ...] = Field(("mon", "tue", "wed", "thu", "fri"), description="working days", min_length=1)
    holidays: tuple[date, ...] = Field((), description="local days on which nobody works")

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "WorkingHours":
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens and closes are local times: write 09:00, without a zone")
        if _since_midnight(self.closes) - _since_midnight(self.opens) < SHORTEST_DAY:
            raise ValueError(f"opens ({self.opens}) must lie at least an hour before closes ({self.closes})")
        return self


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def after(start: datetime, hours: float, rules: WorkingHours) -> datetime:
    """The instant at which this many hours have passed since `start`; instants are UTC without a zone.

    In business time an hour passes only while the team works: a summer-time change inside a working day counts as the
    hours that really pass.
    """
    left = timedelta(hours=hours)
    if rules.clocks == "calendar":
        return start + left
    day = start.replace(tzinfo=UTC).astimezone(ZoneInfo(rules.timezone)).date()
    while True:
        if works(day, rules):
            opening, closing = working_day(day, rules)
            begin = max(start, opening)
            room = max(closing - begin, timedelta(0))
            if left <= room:
                return begin + left
            left -= room
        day += DAY


def between(start: datetime, end: datetime, rules: WorkingHours) -> float:
    """The hours from `start` to `end` by the same clock, 0 where the end is first: `after` of them is `end` again."""
    if rules.clocks == "calendar" or end <= start:
        return max(end - start, timedelta(0)) / HOUR
    zone = ZoneInfo(rules.timezone)
    day, last = (at.replace(tzinfo=UTC).astimezone(zone).date() for at in (start, end))
    worked = timedelta(0)
    while day <= last:
        if works(day, rules):
            opening, closing = working_day(day, rules)
            worked += max(min(end, closing) - max(start, opening), timedelta(0))
        day += DAY
    return worked / HOUR


def works(day: date, rules: WorkingHours) -> bool:
    """Whether the team works on this local day."""
    return WEEKDAYS[day.weekday()] in rules.weekdays and day not in rules.holidays


def working_day(day: date, rules: WorkingHours) -> tuple[datetime, datetime]:
    """When a local working day begins and ends, in UTC without a zone."""
    zone = ZoneInfo(rules.timezone)
    return _utc(day, rules.opens, zone), _utc(day, rules.closes, zone)


def _utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC).replace(tzinfo=None)
