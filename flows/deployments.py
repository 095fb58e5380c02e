"""The flows as Prefect flows: `prefect.yaml` deploys them, `keepwell serve` schedules them, `--prefect` runs them.

A scheduled run is computed as of the local day it was planned for, whenever it starts; the clock is read only to refuse
an instant far ahead of it, as the command does.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.runner import Runner
from prefect.runtime import flow_run
from prefect.schedules import Cron

from keepwell.flows.clock import refuse_ahead
from keepwell.flows.configuration.settings import Settings, load_settings
from keepwell.flows.crm_sync import crm_sync
from keepwell.flows.daily_alerts import daily_alerts
from keepwell.flows.logs import log_to_prefect
from keepwell.flows.monthly_scoring import monthly_scoring
from keepwell.flows.prefect_yaml import NAME
from keepwell.flows.run import Run
from keepwell.flows.schedule import FLOWS as PLANNED
from keepwell.flows.sweep import sweep
from keepwell.flows.weekly_review import weekly_review
from keepwell.tasks.files.permissions import restrict_umask
from keepwell.tasks.masking import masked_errors


@flow(name="monthly_scoring", persist_result=False, validate_parameters=True)
@masked_errors()
def monthly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None, week: int | None = None) -> Any:
    """The month's week that as_of falls in."""
    return monthly_scoring(_run(config, out, as_of, "monthly"), week)


@flow(name="daily_alerts", persist_result=False, validate_parameters=True)
@masked_errors()
def daily(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Score the day, and any missed day before it, and update alerts."""
    return daily_alerts(_run(config, out, as_of, "daily"))


@flow(name="sweep", persist_result=False, validate_parameters=True)
@masked_errors()
def sweeping(config: str = "pipeline.toml", out: str = "out", now: datetime | None = None) -> Any:
    """Open alerts for new events, record missed deadlines, send messages."""
    at = _utc(now) if now else _planned_time()
    run = _run(config, out, at.date())
    refuse_ahead("the sweep of", at, "clock_slack_days", run.settings.schedule.clock_slack_days)
    return sweep(run, at)


@flow(name="weekly_review", persist_result=False, validate_parameters=True)
@masked_errors()
def weekly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """The stand-up sheet, the portfolio, the pipeline and the quarter's forecast."""
    return weekly_review(_run(config, out, as_of, "weekly"))


@flow(name="quarterly_retraining", persist_result=False, validate_parameters=True)
@masked_errors()
def quarterly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Train models on the past and test every candidate."""
    from keepwell.flows.quarterly_retraining import (
        quarterly_retraining,  # scikit-learn: seconds that the others need not pay
    )

    return quarterly_retraining(_run(config, out, as_of, "quarterly"))


@flow(name="crm_sync", persist_result=False, validate_parameters=True)
@masked_errors()
def crm(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Sync the CRM as of the day."""
    return crm_sync(_run(config, out, as_of, "crm"))


@flow(name="auditing", persist_result=False, validate_parameters=True)
@masked_errors()
def audit(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """How well past scores predicted churn, and what was retained."""
    from keepwell.flows.on_demand.audit import auditing  # scikit-learn, as above

    return auditing(_run(config, out, as_of))


FLOWS = {
    "monthly_scoring": monthly, "weekly_review": weekly, "daily_alerts": daily, "sweep": sweeping,
    "quarterly_retraining": quarterly, "auditing": audit, "crm_sync": crm,
}  # fmt: skip


def _run(config: str, out: str, as_of: date | None, schedule: str | None = None) -> Run:
    log_to_prefect()
    restrict_umask()
    settings = load_settings(Path(config))
    day = as_of or settings.plan.day_of(schedule, _planned_time())
    midnight, slack = datetime.combine(day, time(0)), settings.schedule.clock_slack_days
    refuse_ahead("the run of", midnight, "clock_slack_days", slack)
    return Run(settings, Path(out), day)


def _planned_time() -> datetime:
    """The instant for which Prefect planned this run, UTC without a zone."""
    return _utc(flow_run.scheduled_start_time)


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def serve_schedules(settings: Settings, config: Path, out: Path) -> None:
    """Serve the flows on their schedules until stopped; one run of each at a time, a second one waits."""
    plan = settings.plan
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    about = {"parameters": {"config": str(config.resolve()), "out": str(out.resolve())}, "concurrency_limit": one}
    schedules = {name: Cron(cron, timezone=plan.zone_of(name).key) for name, cron in plan.crons.items()}
    runner = _Runner()
    for name, schedule in schedules.items():
        runner.add_deployment(FLOWS[PLANNED[name]].to_deployment(name=NAME, schedule=schedule, **about))
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(runner.until_stopped())


class _Runner(Runner):  # type: ignore[misc]
    """Prefect's runner, which a service manager's SIGTERM ends as Ctrl-C does.

    Prefect 3.8.8 ends the event loop from its own handler, and the process then waits for a thread that never ends.
    """

    async def until_stopped(self) -> None:
        """Serve until SIGTERM or Ctrl-C, each of which cancels this task."""
        serving = asyncio.current_task()
        assert serving is not None
        self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, serving.cancel)
        await self.start()

    def handle_sigterm(self, *_: object) -> None:
        """Cancel the runner, which ends its flow runs and pauses its schedules."""
        self._stop()
