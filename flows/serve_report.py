"""Reports of `keepwell serve`: each run that begins and ends, and each overdue run (OUT-3)."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from keepwell.flows.prefect_yaml import NAME
from keepwell.flows.schedule import FLOWS, Plan
from keepwell.tasks.step import log

LOOK_BACK = timedelta(days=2)
"""How long ago a run that is still going may have been planned."""
WAITING = ("SCHEDULED", "PENDING")


@dataclass(frozen=True)
class Seen:
    """A flow run as the server reports it; instants are UTC without a zone."""

    run_id: str
    flow: str
    planned: datetime
    state: str
    name: str
    message: str
    seconds: float


@dataclass
class Report:
    """The reported runs, and the planned times that had a warning; covers the time since `since`."""

    plan: Plan
    since: datetime
    unstarted: timedelta
    states: dict[str, str] = field(default_factory=dict)
    warned: dict[str, datetime] = field(default_factory=dict)

    def begun_and_ended(self, runs: Sequence[Seen]) -> Iterator[tuple[bool, str]]:
        """A line for each run that began or ended since the last look, and whether it ended well."""
        for run in sorted(runs, key=lambda r: r.planned):
            if run.state not in WAITING and self.states.get(run.run_id) != run.state:
                self.states[run.run_id] = run.state
                what = f"{run.flow} planned for {self._local(run.planned)}: {run.name.lower()}"
                well = run.state in ("RUNNING", "COMPLETED", "PAUSED")
                yield (
                    well,
                    what
                    + (f" in {run.seconds:.0f} s" if run.state == "COMPLETED" else "")
                    + ("" if well or not run.message else f". {run.message}"),
                )

    def not_begun(self, runs: Sequence[Seen], now: datetime) -> Iterator[str]:
        """A warning for each schedule whose newest due run has not begun; once per due time."""
        for name, flow in FLOWS.items():
            due = self.plan.times(name, self.since + self.unstarted, now - self.unstarted)
            own = [run for run in runs if run.flow == flow]
            begun = [run for run in own if run.state not in WAITING]
            if not due or any(run.planned >= due[-1] for run in begun) or self.warned.get(name) == due[-1]:
                continue
            self.warned[name] = due[-1]
            before = [
                f"the run of {self._local(run.planned)} is still going" for run in begun if run.state == "RUNNING"
            ]
            if not any(run.planned >= due[-1] for run in own):
                before = ["the server has planned no run: is its scheduler working?"]
            why = before[-1] if before else "the server has planned it"
            yield f"{flow} was due at {self._local(due[-1])} and has not begun; {why}"

    def _local(self, at: datetime) -> str:
        return f"{at.replace(tzinfo=UTC).astimezone(self.plan.zone):%Y-%m-%d %H:%M %Z}"


@contextmanager
def reporting(plan: Plan, unstarted_minutes: float, every_seconds: float) -> Iterator[None]:
    """Report on the runs of the server of PREFECT_API_URL, in a thread of its own, as long as this block lasts."""
    report = Report(plan, _now(), timedelta(minutes=unstarted_minutes))
    stop = threading.Event()
    thread = threading.Thread(target=_look_until, args=(stop, report, every_seconds), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(every_seconds)


def _look_until(stop: threading.Event, report: Report, every_seconds: float) -> None:
    from httpx import HTTPError
    from prefect.client.orchestration import get_client

    answers = True
    with get_client(sync_client=True) as client:
        while not stop.wait(every_seconds):
            now = _now()
            try:
                runs = [_seen(run, names) for names in (_flow_names(client),) for run in _runs(client, now)]
            except (HTTPError, OSError) as error:
                if answers:
                    log.warning("the Prefect server does not answer (%s); nothing runs until it does", error)
                answers = False
                continue
            answers = True
            for well, line in report.begun_and_ended(runs):
                log.log(20 if well else 30, line)
            for line in report.not_begun(runs, now):
                log.warning(line)


def _flow_names(client: Any) -> Mapping[Any, str]:
    """The name of each flow by its id."""
    return {flow.id: flow.name for flow in client.read_flows()}


def _runs(client: Any, now: datetime) -> list[Any]:
    """The runs of our deployments that were planned up to now, newest first."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.sorting import FlowRunSort

    planned = filters.FlowRunFilterExpectedStartTime(
        after_=(now - LOOK_BACK).replace(tzinfo=UTC), before_=now.replace(tzinfo=UTC)
    )
    found: list[Any] = client.read_flow_runs(
        deployment_filter=filters.DeploymentFilter(name=filters.DeploymentFilterName(any_=[NAME])),
        flow_run_filter=filters.FlowRunFilter(expected_start_time=planned),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    return found


def _seen(run: Any, names: Mapping[Any, str]) -> Seen:
    planned = run.expected_start_time.astimezone(UTC).replace(tzinfo=None)
    message = " ".join(str(run.state.message or "").split())
    seconds = run.total_run_time.total_seconds()
    return Seen(
        str(run.id), names.get(run.flow_id, ""), planned, run.state.type.value, run.state.name, message, seconds
    )


def _now() -> datetime:
    """The clock's instant: what `serve` reports on is the present."""
    return datetime.now(UTC).replace(tzinfo=None)
