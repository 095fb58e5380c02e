"""Week 2 of the month: whom to call, who calls and when, what to say, which teams are needed (MON-2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pandas as pd

from flows.run import Run
from flows.scoring import ScoredDate, score_date, staged
from tasks.artifacts import show_queue
from tasks.lock import holding
from tasks.outreach import Rules, last_queue, needs_by_team, outreach_queue, write_calendars
from tasks.publish import Stamp, publish
from tasks.runs import recorded
from tasks.score import leading_factors
from tasks.step import step
from tasks.store import FILE, digest

WEEK_TWO = "monthly_week_2"


@dataclass(frozen=True)
class OutreachWeek:
    """What week 2 did: the queue (mart `outreach_queue`), and where the calendars lie."""

    as_of: date
    queue: pd.DataFrame
    calendars: Path

    @property
    def totals(self) -> Mapping[str, object]:
        """The figures of a one-look summary."""
        calls = self.queue[self.queue["scheduled_at"].notna()]
        return {
            "calls_from": str(self.as_of),
            "calls": len(calls),
            "callers": int(calls["csm"].nunique()),
            "waiting": len(self.queue) - len(calls),
            "handed_over": int(self.queue["handed_over"].sum()),
            "lent": int((calls["csm"] != calls["owner"]).sum()),
            **{f"needs_{team}": count for team, count in needs_by_team(self.queue).items()},
            "calendars": str(self.calendars),
        }


def week_two(run: Run) -> OutreachWeek:
    """Score the book as of the week's first day, publish whom to call, and write a calendar per CSM."""
    with holding(run.out, run.as_of), recorded(run, WEEK_TWO) as record:
        scored = score_date(run, staged(run))
        queue, stamp = plan_calls(run, scored)
        folder = keep_queue(run, queue, stamp)
        show_queue(queue, run.as_of)
        record(scored.rows + len(queue), stamp)
    return OutreachWeek(run.as_of, queue, folder)


@step()
def plan_calls(run: Run, scored: ScoredDate) -> tuple[pd.DataFrame, Stamp]:
    """The queue of the week, and its stamp: beside the scores it rests on the last queue before it."""
    settings, accounts = run.settings, scored.scored.accounts
    before, used = last_queue(run.marts, run.as_of)
    rules = Rules(
        settings.outreach, settings.alerts, run.scoring.playbook, settings.owners.default_csm,
        settings.money.reporting_currency,
    )  # fmt: skip
    factors = leading_factors(scored.scored.told, accounts["account_id"])
    queue = outreach_queue(accounts, factors, before, run.as_of, rules)
    return queue, replace(scored.stamp, run_id=digest((scored.stamp.run_id, *used)))


@step(retries=2)
def keep_queue(run: Run, queue: pd.DataFrame, stamp: Stamp) -> Path:
    """The calendars, then the mart: who finds the mart finds the calendars too."""
    folder = run.out / "reports" / f"calls-{run.as_of}"
    write_calendars(queue, folder, run.instant)
    publish(run.marts, run.as_of, {"outreach_queue": queue.drop(columns="handed_over")}, stamp)
    return folder


def queue_path(run: Run) -> Path:
    """Where the week's queue lies."""
    return run.marts / "outreach_queue" / f"as_of={run.as_of}" / FILE
