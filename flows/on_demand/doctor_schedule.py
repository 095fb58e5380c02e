"""Problems of the schedule: prefect.yaml and pipeline.toml differ, or time zones do not match (OUT-3)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from keepwell.flows.configuration.settings import Settings
from keepwell.flows.prefect_yaml import FILE, differences
from keepwell.flows.schedule import Plan
from keepwell.playbook.doctor import Diagnosis

UTC = ZoneInfo("UTC")
A_WINTER_AND_A_SUMMER_DAY = (date(2026, 1, 14), date(2026, 7, 15))
"""A day in winter time and a day in summer time, far from clock changes."""


def schedule_findings(settings: Settings, config: Path, local: timedelta) -> Iterator[Diagnosis]:
    """A warning for each; `local`: offset of this machine's clock from UTC."""
    for file in dict.fromkeys(folder.resolve() / FILE for folder in (Path(), config.parent)):
        if file.is_file() and (found := list(differences(settings.plan, file))):
            again = f"Write it again: `keepwell deployments --to {FILE}`, then `prefect deploy --all`."
            yield _warned(" ".join([*found, again]))
    yield from _zones(settings, local)
    yield from _too_early(settings.plan)


def _zones(settings: Settings, local: timedelta) -> Iterator[Diagnosis]:
    hours, zone = settings.alerts.hours, settings.plan.zone
    zones = {f"alerts.teams.{name}.hours": ZoneInfo(t.hours.timezone) for name, t in settings.alerts.teams.items()}
    zones["alerts.hours"] = ZoneInfo(hours.timezone)
    elsewhere = {key: named for key, named in zones.items() if named != UTC}
    if elsewhere and zone == UTC:
        key, named = next(iter(elsewhere.items()))
        yield _warned(
            f"the schedule is in UTC, but {key} is in {named}. Set schedule.timezone or alerts.hours.timezone."
        )
    if not elsewhere and zone != UTC:
        yield _warned(f"the schedule is in {zone}, but all working hours are in UTC. Set alerts.hours.timezone.")
    for key, named in zones.items():
        if elsewhere and named == UTC and key != "alerts.hours":
            yield _warned(f"{key}.timezone is UTC while other working hours are not. Set it to the team's time zone.")
    if not elsewhere and zone == UTC and local:
        yield _warned(
            f"schedule and working hours are in UTC, but this machine's clock is {_signed(local)} from UTC. "
            "Set alerts.hours.timezone to the team's time zone, unless the team works in UTC."
        )


def _too_early(plan: Plan) -> Iterator[Diagnosis]:
    """A daily run is computed as of 00:00 UTC: planned earlier, it would cover hours that are still to come."""
    for day in A_WINTER_AND_A_SUMMER_DAY:
        planned, begins = plan.first("daily", plan.begins(day)), datetime.combine(day, time(0))
        if planned < begins:
            local = begins.replace(tzinfo=UTC).astimezone(plan.zone)
            yield _warned(
                f"schedule.daily `{plan.crons['daily']}` in {plan.zone} is {planned:%H:%M} UTC of the previous day: "
                f"the run would start before its day ends in UTC. Schedule it at {local:%H:%M} or later."
            )
            return


def _signed(offset: timedelta) -> str:
    hours = offset.total_seconds() / 3600
    return f"{hours:+g} h"


def _warned(message: str) -> Diagnosis:
    return Diagnosis("warning", "schedule", message)
