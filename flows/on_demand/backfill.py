"""Backfill: run everything that was scheduled in a range of days and has not run, in order (OUT-3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from keepwell.flows.daily_alerts import DAILY, daily_alerts
from keepwell.flows.monthly_scoring import monthly_scoring
from keepwell.flows.run import Run
from keepwell.flows.schedule import FLOWS, MONTHLY, planned_runs
from keepwell.flows.weekly_review import WEEKLY, weekly_review
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.marts.runs import has_run
from keepwell.tasks.step import log

NAMES = ("daily", "weekly", "monthly")
"""Default flows: training has no benefit from running in the past."""


def backfill(run: Run, last: date, names: Sequence[str] = NAMES, *, again: bool = False) -> pd.DataFrame:
    """Run what was planned from the run's date to `last`; what has run is skipped unless `again`.

    A date whose data fails a critical check is skipped and reported: flow, as_of and status.
    """
    asked = planned_runs(run.settings.plan, run.as_of, last, names)
    rows = [(p.flow, p.as_of, _made_up(replace(run, as_of=p.as_of), p.flow, again=again)) for p in asked]
    return pd.DataFrame(rows, columns=["flow", "as_of", "status"])


def _made_up(run: Run, flow: str, *, again: bool) -> str:
    if not again and has_run(run.marts, flow, run.as_of):
        return "there"
    log.info("%s of %s ...", flow, run.as_of)
    try:
        _body(flow)(run)
    except DataCheckFailed as failure:
        return f"refused: {failure.findings[0]}"
    return "done"


def _body(flow: str) -> Callable[[Run], object]:
    """The body of a flow, or of one week of the month."""
    if flow.startswith(MONTHLY):
        return lambda run: monthly_scoring(run, int(flow.removeprefix(MONTHLY)), draws=False)
    if flow == FLOWS["quarterly"]:
        from keepwell.flows.quarterly_retraining import quarterly_retraining  # scikit-learn: seconds

        return quarterly_retraining
    return {DAILY: daily_alerts, WEEKLY: weekly_review}[flow]
