"""A person's word that a flow waits for: under Prefect its run is suspended and holds no worker (MON-5)."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from keepwell.tasks.connections.prefect_api import asked
from keepwell.tasks.settings import STANDARD_RETRIES, RetrySettings
from keepwell.tasks.step import inside_prefect_flow

PAUSED = {"state": {"type": {"any_": ["PAUSED"]}}}


@dataclass(frozen=True)
class Word:
    """A person's word, and the instant (UTC) at which the run went on with it."""

    by: str
    note: str
    at: datetime


def sign_off_under_prefect(question: str, description: str) -> Word | None:
    """Who answered, once the run is resumed with it; the first time, this suspends the run and does not return.

    None where no run can be suspended: outside Prefect, and in a run without a deployment, which nobody could resume.
    """
    if not inside_prefect_flow():
        return None
    from prefect.context import FlowRunContext
    from prefect.flow_runs import suspend_flow_run
    from prefect.input import RunInput

    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow_run.deployment_id is None:
        return None

    class SignedBy(RunInput):  # type: ignore[misc]
        """Who signs off, and a note."""

        by: str
        note: str = ""

    answer = suspend_flow_run(wait_for_input=SignedBy.with_initial_data(description=description), key=question)
    return Word(answer.by, answer.note, context.start_time.astimezone(UTC).replace(tzinfo=None)) if answer else None


def resume_waiting(question: str, by: str, note: str, retries: RetrySettings = STANDARD_RETRIES) -> int:
    """Resume the runs that wait for this answer on the server of PREFECT_API_URL; how many, 0 without a server."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return 0
    return asked(partial(_resumed, question=question, by=by, note=note), url, retries)


def _resumed(client: Any, question: str, by: str, note: str) -> int:
    from prefect.client.schemas.filters import FlowRunFilter

    paused = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(PAUSED))
    waiting = [run for run in paused if run.state and run.state.state_details.pause_key == question]
    for run in waiting:
        client.resume_flow_run(run.id, run_input={"by": by, "note": note})
    return len(waiting)
