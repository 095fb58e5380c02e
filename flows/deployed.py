"""The flow bodies as Prefect flows: what `prefect.yaml` deploys, `keepwell serve` schedules and `--prefect` runs.

A scheduled run speaks as of the day it was planned for, whenever it really starts; nothing here reads the clock.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.runtime import flow_run

from flows.crm_sync import crm_sync
from flows.daily_alerts import daily_alerts
from flows.monthly_scoring import monthly_scoring
from flows.run import Run
from flows.settings import Settings, load_settings
from flows.sweep import sweep
from flows.weekly_review import weekly_review


@flow(name="monthly_scoring", persist_result=False, validate_parameters=True)
def monthly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None, week: int | None = None) -> Any:
    """The month's week that as_of falls in."""
    return monthly_scoring(_run(config, out, as_of), week)


@flow(name="daily_alerts", persist_result=False, validate_parameters=True)
def daily(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Score the day, and any missed day before it, and keep its alerts."""
    return daily_alerts(_run(config, out, as_of))


@flow(name="sweep", persist_result=False, validate_parameters=True)
def sweeping(config: str = "pipeline.toml", out: str = "out", now: datetime | None = None) -> Any:
    """Open the alerts of events, and record every clock that ran out."""
    at = now or flow_run.scheduled_start_time.astimezone(UTC).replace(tzinfo=None)
    return sweep(_run(config, out, at.date()), at)


@flow(name="weekly_review", persist_result=False, validate_parameters=True)
def weekly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """The stand-up sheet, the portfolio, the pipeline and the quarter's forecast."""
    return weekly_review(_run(config, out, as_of))


@flow(name="quarterly_retraining", persist_result=False, validate_parameters=True)
def quarterly(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Learn from the past and grade every candidate."""
    from flows.quarterly_retraining import quarterly_retraining  # scikit-learn: seconds that the others need not pay

    return quarterly_retraining(_run(config, out, as_of))


@flow(name="crm_sync", persist_result=False, validate_parameters=True)
def crm(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """Tell the CRM what stands as of the day."""
    return crm_sync(_run(config, out, as_of))


@flow(name="auditing", persist_result=False, validate_parameters=True)
def audit(config: str = "pipeline.toml", out: str = "out", as_of: date | None = None) -> Any:
    """What each score knew of those who left, and what the book kept."""
    from flows.auditing import auditing  # scikit-learn, as above

    return auditing(_run(config, out, as_of))


FLOWS = {
    "monthly_scoring": monthly, "weekly_review": weekly, "daily_alerts": daily, "sweep": sweeping,
    "quarterly_retraining": quarterly, "auditing": audit, "crm_sync": crm,
}  # fmt: skip


def _run(config: str, out: str, as_of: date | None) -> Run:
    return Run(load_settings(Path(config)), Path(out), as_of or _planned_day())


def _planned_day() -> date:
    """The UTC day for which Prefect planned this run."""
    return flow_run.scheduled_start_time.astimezone(UTC).date()


def run_under_prefect(name: str, config: Path, out: Path, **parameters: Any) -> Any:
    """Run a flow now, under the server of PREFECT_API_URL or an ephemeral one; its result, or its own error."""
    return FLOWS[name](config=str(config), out=str(out), **parameters)


def serve_schedules(settings: Settings, config: Path, out: Path) -> None:
    """Serve the flows on their schedules until stopped; one run of each at a time, a second one waits."""
    when = settings.schedule
    crons = {
        "daily_alerts": when.daily, "sweep": when.sweep, "monthly_scoring": when.monthly, "weekly_review": when.weekly,
        "quarterly_retraining": when.quarterly, "crm_sync": when.crm,
    }  # fmt: skip
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    parameters = {"config": str(config.resolve()), "out": str(out.resolve())}
    serve(
        *(
            FLOWS[name].to_deployment(name="keepwell", cron=cron, parameters=parameters, concurrency_limit=one)
            for name, cron in crons.items()
        ),
        print_starting_message=False,
    )
