"""When a CSM's calls of a week begin: whole calls within the working hours of the CSM's team (MON-2)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice

from keepwell.playbook.settings import OutreachSettings
from keepwell.playbook.working_hours import DAY, WorkingHours, working_day, works

WEEK_DAYS = 7


def call_times(csm: str, start: date, hours: WorkingHours, settings: OutreachSettings) -> list[datetime]:
    """Start times of the calls that a CSM can make in the seven days from `start`, UTC without a zone.

    As many as the capacity allows, fewer in a week with holidays; none before `notice_hours` have passed. Hours count
    as the team's working hours also where its clocks run around the clock: nobody is called at night.
    """
    first = datetime.combine(start, time(0)) + timedelta(hours=settings.notice_hours)
    days = (start + DAY * n for n in range(WEEK_DAYS))
    times = (at for day in days if works(day, hours) for at in _times_of(day, hours, settings))
    room = settings.capacity.get(csm, settings.calls_per_week)
    return list(islice((at for at in times if at >= first), room))


def _times_of(day: date, hours: WorkingHours, settings: OutreachSettings) -> Iterator[datetime]:
    """The beginnings of one day's calls: each after its preparation, and over before the team goes home."""
    at, closing = working_day(day, hours)
    call, between = timedelta(minutes=settings.call_minutes), timedelta(minutes=settings.minutes_between)
    for _ in range(settings.calls_per_day):
        at += between
        if at + call > closing:
            return
        yield at
        at += call
