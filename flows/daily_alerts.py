"""Every day: check, score, and update alerts (ALR-1, ALR-3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import pandas as pd

from keepwell.features.facts.events import events
from keepwell.flows.month.week_3_interventions import publish_work
from keepwell.flows.review_marts import publish_reviews
from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, score_date, staged
from keepwell.flows.sweep import absences_of, outbox, overdue_sweep, send
from keepwell.playbook.alerts.clocks import step_table, steps_at
from keepwell.playbook.alerts.ledger_events import LedgerEvent, alert_table, alerts_at
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Observations, Occurrence
from keepwell.playbook.alerts.runs import days_to_run, events_since
from keepwell.tasks.delivery.artifacts import show_alerts
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.publish import publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.scoring.guard import Rules, guard
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import log, step

DAILY = "daily_alerts"


@dataclass(frozen=True)
class DayResult:
    """Result of one day: alerts (mart `alerts`) opened, closed, open, and on hold.

    With missed days that were caught up (`days`), opened and closed are totals of all of them.
    """

    as_of: str
    opened: int
    closed: int
    live: int
    accounts: int
    digest: bool
    on_hold: int = 0
    days: tuple[str, ...] = ()


def daily_alerts(run: Run) -> DayResult:
    """The alerts of the date, after those of each missed day since the newest run, in order."""
    ledger = Ledger.open(run.ledger_url, run.settings.retries)
    try:
        last = ledger.last_run(DAILY)
        plan = days_to_run(last.date() if last else None, run.as_of, run.settings.alerts)
        if plan.explanation:
            log.warning(plan.explanation)
        snapshot = staged(run)
        made = []
        for day in plan.days[:-1]:
            try:
                made.append(one_day(replace(run, as_of=day), snapshot, ledger))
            except DataCheckFailed as failure:
                log.warning("%s is skipped, its data fails a critical check: %s", day, failure.findings[0])
        made.append(one_day(run, snapshot, ledger))
        if overdue_sweep(run, ledger, planned_at(run)):
            log.warning("no sweep has run recently; the daily run sends the waiting messages. Schedule `sweep`.")
            send(run, ledger, planned_at(run))
        return together(made, plan.days)
    finally:
        ledger.close()


def together(made: Sequence[DayResult], days: Sequence[date]) -> DayResult:
    """The last day's result with the openings and closings of all days."""
    return replace(
        made[-1], opened=sum(one.opened for one in made), closed=sum(one.closed for one in made),
        digest=any(one.digest for one in made), days=tuple(str(day) for day in days),
    )  # fmt: skip


def one_day(run: Run, snapshot: Snapshot, ledger: Ledger) -> DayResult:
    """Score one date, find what changed, write it to the ledger, publish the alerts."""
    with holding(run.out, run.as_of), recorded(run, DAILY) as record:
        scored = score_date(run, snapshot)
        new = decide(run, scored, ledger)
        alerts = keep_alerts(run, scored, ledger, new)
        publish_reviews(run, ledger, snapshot, scored.stamp)
        publish_work(run, ledger, scored.facts, scored.stamp)
        opened = int(_opened(alerts, run).sum())
        show_alerts(alerts, run.as_of, opened)
        record(scored.rows + len(alerts), scored.stamp)
    return DayResult(
        as_of=str(run.as_of),
        opened=opened,
        closed=int((alerts["closed_at"] == pd.Timestamp(run.instant)).sum()),
        live=int(alerts["closed_at"].isna().sum()),
        on_hold=int((alerts["state"] == "held").sum()),
        accounts=len(scored.scored.accounts),
        digest=bool(alerts.loc[_opened(alerts, run), "digest_id"].notna().any()),
    )


def _opened(alerts: pd.DataFrame, run: Run) -> "pd.Series[bool]":
    """Alerts that opened on this day; one on hold opens on its release."""
    return (alerts["opened_at"] == pd.Timestamp(run.instant)) & (alerts["state"] != "held")


def planned_at(run: Run) -> datetime:
    """Planned time of this day's run, when people are notified; never before the day begins in UTC."""
    plan = run.settings.plan
    return max(plan.first("daily", plan.begins(run.as_of)), run.instant)


@step
def decide(run: Run, scored: ScoredDate, ledger: Ledger) -> list[LedgerEvent]:
    """Events that this day adds to the ledger; none if the ledger has a newer run."""
    settings, accounts = run.settings.alerts, scored.scored.accounts
    history, runs = ledger.history(run.instant), ledger.runs(DAILY)
    if runs.last is not None and run.instant < runs.last:
        return []
    since = events_since(history, run.instant, settings, runs)
    rows = (
        events(scored.facts, since, settings.ticket_priorities, run.settings.money.rates())
        .order_by("rule", "subject")
        .to_pyarrow()
        .to_pylist()
    )
    book = dict(zip(accounts["account_id"], accounts["csm"], strict=True))
    notified_at = planned_at(run)
    rules = Rules(settings, run.settings.health, run.settings.owners.data_owner, notified_at)
    found = guard(scored.scored, scored.stored, scored.models, history, run.marts, run.instant, rules)
    occurred = [*(Occurrence(**row) for row in rows), *found.data_alerts, *overdue_sweep(run, ledger, run.instant)]
    seen = Observations(found.conditions, occurred)
    absences = absences_of(run, scored.facts, ledger, book, history)
    new = new_events(history, seen, run.instant, book, settings, run.settings.owners, runs, notified_at, absences)
    return [*found.events, *new]


@step
def keep_alerts(run: Run, scored: ScoredDate, ledger: Ledger, new: list[LedgerEvent]) -> pd.DataFrame:
    """Write the day to the ledger in one transaction, and publish its alerts as of the date.

    A day before the ledger's newest run is only published: recording it would change the start of the ledger.
    """
    last = ledger.last_run(DAILY)
    if last is None or run.instant >= last:
        names = scored.scored.accounts.set_index("account_id")["name"].dropna().astype(str).to_dict()
        ledger.record(DAILY, run.instant, new, outbox(run, ledger, new, names))
    history = ledger.history(run.instant)
    alerts = alert_table(alerts_at(history, run.instant)).to_pandas()
    steps = step_table(steps_at(history, run.instant)).to_pandas()
    publish(run.marts, run.as_of, {"alerts": alerts, "alert_steps": steps}, scored.stamp)
    return alerts
