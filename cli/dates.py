"""The options that take a day or an instant, in UTC. Only a command's entry reads the clock (SPEC section 0).

An instant far ahead of the clock is refused unless forced: a run of 2099 would silence every one before it. The past
is never refused.
"""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from keepwell.cli.options import run_of
from keepwell.flows.clock import Host, refuse_ahead
from keepwell.tasks.errors import ConfigError

DAY = ["%Y-%m-%d"]
MINUTES = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]
EARLIEST, LATEST = 1900, 2200
"""Years outside which horizons and deadlines would leave what a date can hold."""


def instant(now: datetime | None) -> datetime:
    """The instant that was given, or that of the clock."""
    return now or Host.clock()


def believed(context: typer.Context, option: typer.CallbackParam, at: datetime | None) -> datetime | None:
    """When something happens, or a run's date: at most `schedule.clock_slack_days` ahead of the clock."""
    return None if at is None else _entered(context, option, at, "clock_slack_days")


def planned(context: typer.Context, option: typer.CallbackParam, at: datetime | None) -> datetime | None:
    """What is meant to be in the future: at most `schedule.plan_ahead_days` ahead of the clock."""
    return None if at is None else _entered(context, option, at, "plan_ahead_days")


def _entered(context: typer.Context, option: typer.CallbackParam, at: datetime, setting: str) -> datetime:
    named = option.opts[0]
    if not EARLIEST <= at.year < LATEST:
        raise ConfigError(f"{named} {at.date()} is outside the supported years. Give a year from {_YEARS}.")
    if at > Host.clock():
        run = run_of(at.date())
        days = getattr(run.settings.schedule, setting)
        refuse_ahead(named, at, setting, days)
        if at - Host.clock() > timedelta(days=days):
            _put_on_record(context, at)
    return at


def _put_on_record(context: typer.Context, at: datetime) -> None:
    """The reason for which an instant was forced."""
    run = run_of(at.date())
    ledger = run.open_ledger()
    try:
        ledger.force(at, f"keepwell {context.info_name}", Host.force)
    finally:
        ledger.close()


_YEARS = f"{EARLIEST} to {LATEST - 1}"

AsOf = Annotated[
    datetime,
    typer.Option(
        "--as-of",
        formats=DAY,
        callback=believed,
        help="The date of the run: everything is computed as of its 00:00 UTC.",
    ),
]
Now = Annotated[
    datetime | None,
    typer.Option("--now", formats=MINUTES, callback=believed, help="Instant in UTC. Default: now."),
]
