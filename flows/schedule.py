"""When scheduled flows are due, by cron in the team's time zone, and which runs are missing (OUT-3).

Instants are UTC without a zone; a run is computed as of the local day of its planned time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from keepwell.tasks.marts.dims import month_week
from keepwell.tasks.marts.runs import has_begun, has_run

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CLOCK_CHANGE = timedelta(hours=3)
"""Longer than any change of the clocks for summer time, and than the way back to the planned time before it."""
FLOWS = {
    "daily": "daily_alerts", "sweep": "sweep", "monthly": "monthly_scoring", "weekly": "weekly_review",
    "crm": "crm_sync", "quarterly": "quarterly_retraining",
}  # fmt: skip
"""The scheduled flows by the name of their schedule."""
MONTHLY = "monthly_week_"
BY_DATE = ("daily", "weekly", "monthly", "quarterly", "crm")
"""The schedules whose runs are on record by date, in the mart `runs`; a sweep is on record in the ledger."""


@dataclass(frozen=True)
class Planned:
    """A scheduled run: when, of which flow (as in the mart `runs`), for which date."""

    at: datetime
    flow: str
    as_of: date

    def __str__(self) -> str:
        return f"{self.flow} of {self.as_of}"


@dataclass(frozen=True)
class Plan:
    """The crons by name, the zone in which they are read, and how late a run may be."""

    crons: Mapping[str, str]
    zone: ZoneInfo
    late: timedelta

    def zone_of(self, name: str) -> ZoneInfo:
        """The zone in which a cron is read: UTC for one of minutes alone, which no change of the clocks may interrupt.

        Prefect would skip the second of two equal hours in autumn.
        """
        return ZoneInfo("UTC") if self.crons[name].split()[1:] == ["*"] * 4 else self.zone

    def first(self, name: str, since: datetime) -> datetime:
        """The first planned time at an instant or after it."""
        return _utc(next(self._times(name, since)))

    def times(self, name: str, since: datetime, until: datetime) -> list[datetime]:
        """Every planned time from an instant on, before another."""
        return list(takewhile(lambda at: at < until, map(_utc, self._times(name, since))))

    def begins(self, day: date) -> datetime:
        """The instant at which a local day begins."""
        return _utc(datetime.combine(day, time(0), self.zone))

    def day_at(self, at: datetime) -> date:
        """The local day of an instant."""
        return at.replace(tzinfo=UTC).astimezone(self.zone).date()

    def day_of(self, name: str | None, at: datetime) -> date:
        """The local day of a run that Prefect planned for an instant; name None: without a schedule.

        Where the clocks skip the planned hour, Prefect plans an hour too early: at 23:30 for a 00:30 that is not there.
        Such a run is that of the day whose hour is missing.
        """
        if name is None:
            return self.day_at(at)
        next_time = self.first(name, at)
        skipped = next_time - at < CLOCK_CHANGE and self._offset(at) < self._offset(next_time)
        return self.day_at(next_time if skipped else at)

    def _times(self, name: str, since: datetime) -> Iterator[datetime]:
        start = (since - MINUTE).replace(tzinfo=UTC).astimezone(self.zone_of(name))
        return CronSim(self.crons[name], start)

    def _offset(self, at: datetime) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(self.zone).utcoffset() or timedelta(0)


def planned_runs(plan: Plan, first: date, last: date, names: Sequence[str]) -> list[Planned]:
    """Scheduled runs from the first local day to the last, both included; each week of the month once."""
    since, until = plan.begins(first), plan.begins(last + DAY)
    found = [_planned(name, at, plan) for name in names for at in plan.times(name, since, until)]
    return sorted({(p.flow, p.as_of): p for p in reversed(found)}.values(), key=lambda p: (p.at, p.flow))


def missed_runs(plan: Plan, marts: Path, since: datetime, now: datetime, names: Sequence[str]) -> list[Planned]:
    """Runs of these schedules that were planned since an instant, are late by now and have not run.

    Before a flow's first run none is missed. A backfilled run is no longer missed.
    """
    asked = planned_runs(plan, plan.day_at(since), plan.day_at(now), names)
    late = [p for p in asked if p.at >= since and p.at + plan.late <= now]
    return [p for p in late if not has_run(marts, p.flow, p.as_of) and has_begun(marts, _family(p.flow), p.as_of)]


def still_missed(marts: Path, subjects: Iterable[str]) -> dict[str, bool]:
    """Whether missed runs, by name (`FLOW of DATE`), are still missed."""
    parts = {subject: subject.partition(" of ") for subject in subjects}
    return {s: not has_run(marts, flow, date.fromisoformat(day)) for s, (flow, _, day) in parts.items()}


def checked(cron: str) -> str:
    """The expression; ValueError where it is none."""
    try:
        CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 any instant will do
    except CronSimError as error:
        raise ValueError(f"is not a cron expression ({error}); write five fields, such as `0 5 * * *`") from error
    return cron


def _planned(name: str, at: datetime, plan: Plan) -> Planned:
    """A run and its date: its own local day, or the first day of a week of the month."""
    day = plan.day_at(at)
    if name != "monthly":
        return Planned(at, FLOWS[name], day)
    week = month_week(day.day)
    return Planned(at, f"{MONTHLY}{week}", day.replace(day=1 + 7 * (week - 1)))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _family(flow: str) -> str:
    return MONTHLY if flow.startswith(MONTHLY) else flow
