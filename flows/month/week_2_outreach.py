"""Week 2 of the month: whom to call, who calls and when, what to say, which teams are needed (MON-2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, score_date, staged
from keepwell.playbook.interventions.records import WorkEvent
from keepwell.playbook.outreach.holdout import draws_at, held_out_at, random_assignment
from keepwell.playbook.overrides import notes_at
from keepwell.tasks.delivery.artifacts import show_queue
from keepwell.tasks.earlier_scores import FILE, digest
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.operations.outreach import (
    NOTHING_HEARD,
    Heard,
    Rules,
    last_queue,
    needs_by_team,
    outreach_queue,
    to_draw_for,
    write_calendars,
)
from keepwell.tasks.scoring.score import leading_factors
from keepwell.tasks.step import step
from keepwell.values.dates import spoken_day

WEEK_TWO = "monthly_week_2"


@dataclass(frozen=True)
class OutreachWeek:
    """Result of week 2: the queue (mart `outreach_queue`), and the folder of the calendars."""

    as_of: date
    queue: pd.DataFrame
    calendars: Path

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        asked = self.queue[~self.queue["held_out"]]
        calls, held_out = asked[asked["scheduled_at"].notna()], len(self.queue) - len(asked)
        return {
            "calls_from": str(self.as_of),
            "calls": len(calls),
            "callers": int(calls["csm"].nunique()),
            "waiting": len(asked) - len(calls),
            **({"held_out": held_out} if held_out else {}),
            "handed_over": int(self.queue["handed_over"].sum()),
            "lent": int((calls["csm"] != calls["owner"]).sum()),
            **{f"needs_{team}": count for team, count in needs_by_team(asked).items()},
            "calendars": str(self.calendars),
        }


def week_two(run: Run, *, draws: bool = True) -> OutreachWeek:
    """Score all accounts as of the week's first day, publish whom to call, and write a calendar per CSM.

    Without `draws` there is no new random assignment: in a backfilled week nobody was held out.
    """
    with holding(run.out, run.as_of), recorded(run, WEEK_TWO) as record:
        scored = score_date(run, staged(run))
        queue, stamp = plan_calls(run, scored, draws=draws)
        folder = keep_queue(run, queue, stamp)
        show_queue(queue, run.as_of)
        record(scored.rows + len(queue), stamp)
    return OutreachWeek(run.as_of, queue, folder)


@step
def plan_calls(run: Run, scored: ScoredDate, *, draws: bool) -> tuple[pd.DataFrame, Stamp]:
    """The queue of the week, and its stamp: it depends on the scores, the queue before it, and the ledger."""
    settings, accounts = run.settings, scored.scored.accounts
    before, used = last_queue(run.marts, run.as_of)
    rules = Rules(
        settings.outreach, settings.alerts, run.scoring.playbook, settings.owners.default_csm,
        settings.money.reporting_currency,
    )  # fmt: skip
    factors = leading_factors(scored.scored.explaining, accounts["account_id"])

    def queue(heard: Heard) -> pd.DataFrame:
        return outreach_queue(accounts, factors, before, run.as_of, rules, heard)

    share = settings.outreach.hold_out_share if draws else 0.0
    to_draw = to_draw_for(queue(NOTHING_HEARD), accounts, rules.outreach) if share else []
    events = _drawn(run, random_assignment(to_draw, run.instant, share, settings.company))
    heard = _heard(events, run.instant)
    said = (
        *sorted(heard.held_out),
        *(f"{account}/{text}" for account, texts in heard.notes.items() for text in texts),
    )
    return queue(heard), replace(scored.stamp, run_id=digest((scored.stamp.run_id, *used, *said)))


def _drawn(run: Run, draws: Sequence[WorkEvent]) -> list[WorkEvent]:
    """The work ledger as of the run, with these assignments recorded; an existing one stays as it is."""
    ledger = run.open_ledger()
    try:
        ledger.record_work(draws)
        return ledger.work(run.instant)
    finally:
        ledger.close()


def _heard(events: Sequence[WorkEvent], at: datetime) -> Heard:
    """Accounts held out at this instant, and active notes in words, by account."""
    notes: dict[str, list[str]] = {}
    for note in notes_at(events, at):
        notes.setdefault(note.account_id, []).append(f"{note.text} ({note.by}, {spoken_day(note.at, at)})")
    return Heard(held_out_at(draws_at(events, at), at), notes)


@step
def keep_queue(run: Run, queue: pd.DataFrame, stamp: Stamp) -> Path:
    """Write the calendars, then the mart: a published mart always has its calendars."""
    folder = run.out / "reports" / f"calls-{run.as_of}"
    write_calendars(queue, folder, run.instant)
    publish(run.marts, run.as_of, {"outreach_queue": queue.drop(columns="handed_over")}, stamp)
    return folder


def queue_path(run: Run) -> Path:
    """Path of the week's queue."""
    return run.marts / "outreach_queue" / f"as_of={run.as_of}" / FILE
