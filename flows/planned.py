"""When a scheduled flow is due, by cron in UTC as Prefect reads it, and what of it is not on record (OUT-3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from cronsim import CronSim, CronSimError

from tasks.dims import month_week
from tasks.runs import has_begun, has_run

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
FLOWS = {"daily": "daily_alerts", "weekly": "weekly_review", "quarterly": "quarterly_retraining"}
"""The flows by the name of their schedule, as the mart `runs` names them."""
MONTHLY = "monthly_week_"
EVERY = ("daily", "weekly", "monthly", "quarterly")


class Schedule(Protocol):
    """The crons by name, and how late a run may be."""

    @property
    def daily(self) -> str: ...
    @property
    def weekly(self) -> str: ...
    @property
    def monthly(self) -> str: ...
    @property
    def quarterly(self) -> str: ...
    @property
    def late_minutes(self) -> float: ...


@dataclass(frozen=True)
class Planned:
    """A run that the schedule asks for: when, of which flow (as the mart `runs` names it), for which date."""

    at: datetime
    flow: str
    as_of: date

    def __str__(self) -> str:
        return f"{self.flow} of {self.as_of}"


def first_planned(cron: str, since: datetime) -> datetime:
    """The first planned time at an instant or after it."""
    return next(CronSim(cron, since - MINUTE))


def planned(cron: str, since: datetime, until: datetime) -> list[datetime]:
    """Every planned time from an instant on, before another."""
    return list(takewhile(lambda at: at < until, CronSim(cron, since - MINUTE)))


def planned_runs(schedule: Schedule, first: date, last: date, names: Sequence[str] = EVERY) -> list[Planned]:
    """What the schedule asks for from the first day to the last, both included; a week of the month once."""
    since, until = datetime.combine(first, time(0)), datetime.combine(last + DAY, time(0))
    found = [_planned(name, at) for name in names for at in planned(getattr(schedule, name), since, until)]
    return sorted({(p.flow, p.as_of): p for p in reversed(found)}.values(), key=lambda p: (p.at, p.flow))


def missed_runs(schedule: Schedule, marts: Path, since: datetime, now: datetime) -> list[Planned]:
    """What was planned since an instant, is late by now and is not on record; before a flow's first run none is missed.

    As a run of a date is on record whenever it is made up, it is no longer missed then.
    """
    late = timedelta(minutes=schedule.late_minutes)
    asked = [p for p in planned_runs(schedule, since.date(), now.date()) if p.at >= since and p.at + late <= now]
    return [p for p in asked if not has_run(marts, p.flow, p.as_of) and has_begun(marts, _family(p.flow), p.as_of)]


def still_missed(marts: Path, told: Iterable[str]) -> dict[str, bool]:
    """Of missed runs as they were told (`FLOW of DATE`), whether they are missed still."""
    parts = {subject: subject.partition(" of ") for subject in told}
    return {s: not has_run(marts, flow, date.fromisoformat(day)) for s, (flow, _, day) in parts.items()}


def checked(cron: str) -> str:
    """The expression; ValueError where it is none."""
    try:
        CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 any instant will do
    except CronSimError as error:
        raise ValueError(f"is no cron expression ({error}); write five fields, such as `0 5 * * *`") from error
    return cron


def _planned(name: str, at: datetime) -> Planned:
    """A run and the date that it speaks as of: its own day, or the first of a week of the month."""
    if name != "monthly":
        return Planned(at, FLOWS[name], at.date())
    week = month_week(at.day)
    return Planned(at, f"{MONTHLY}{week}", at.date().replace(day=1 + 7 * (week - 1)))


def _family(flow: str) -> str:
    return MONTHLY if flow.startswith(MONTHLY) else flow
