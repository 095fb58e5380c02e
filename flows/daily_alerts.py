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
from keepwell.flows.sweep import absences, absences_of, outbox, overdue_sweep, send
from keepwell.models.promotion.champions import CHAMPION
from keepwell.playbook.alerts.cases import case_table, cases_at, cases_of
from keepwell.playbook.alerts.clocks import step_table, steps_at
from keepwell.playbook.alerts.ledger_events import DEGRADED_RULE, UNUSABLE_RULE, LedgerEvent, alert_table, alerts_at
from keepwell.playbook.alerts.lifecycle import NO_ABSENCES, new_events
from keepwell.playbook.alerts.model_alerts import Trouble, model_occurrences
from keepwell.playbook.alerts.rules import Observations, Occurrence
from keepwell.playbook.alerts.runs import days_to_run, events_since
from keepwell.playbook.next_actions.day import closed_with_account
from keepwell.playbook.next_actions.life import ActionEvent, actions_at
from keepwell.playbook.next_actions.notices import action_notices
from keepwell.tasks.delivery.account_cards import account_cards
from keepwell.tasks.delivery.artifacts import show_alerts
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.actions import action_frame
from keepwell.tasks.marts.publish import publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.scoring.guard import Rules, guard
from keepwell.tasks.scoring.predictions import Models
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import log, step

DAILY, MONITORED = "daily_alerts", "monitored_models"


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
    ledger = run.open_ledger()
    try:
        last = ledger.last_run(DAILY)
        plan = days_to_run(last.date() if last else None, run.as_of, run.settings.alerts)
        if plan.explanation:
            log.warning(plan.explanation)
        snapshot = staged(run)
        made = []
        for day in plan.days[:-1]:
            try:
                made.append(one_day(replace(run, as_of=day), snapshot, ledger, planned_at(run)))
            except DataCheckFailed as failure:
                log.warning("%s is skipped, its data fails a critical check: %s", day, failure.findings[0])
        made.append(one_day(run, snapshot, ledger, planned_at(run)))
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


def one_day(run: Run, snapshot: Snapshot, ledger: Ledger, notified_at: datetime) -> DayResult:
    """Score one date, find what changed, write it to the ledger, publish the alerts.

    `notified_at`: when people hear of it, later than the day itself where it is made up.
    """
    with holding(run.out, run.as_of), recorded(run, DAILY) as record:
        scored = score_date(run, snapshot)
        new = decide(run, scored, ledger, notified_at)
        actions = [*scored.scored.actions, *ended_with_account(run, scored, ledger)]
        alerts = keep_alerts(run, scored, ledger, new, actions)
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
def decide(run: Run, scored: ScoredDate, ledger: Ledger, notified_at: datetime) -> list[LedgerEvent]:
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
    rules = Rules(settings, run.settings.health, run.settings.owners.data_owner, notified_at, run.settings.company)
    found = guard(scored.scored, scored.stored, scored.models, history, run.marts, run.instant, rules)
    occurred = [
        *(Occurrence(**row) for row in rows), *found.data_alerts, *overdue_sweep(run, ledger, run.instant),
        *about_models(run, scored.models, history),
    ]  # fmt: skip
    seen = Observations(found.conditions, occurred, run.settings.company)
    absences = absences_of(run, scored.facts, ledger, book, history)
    new = new_events(history, seen, run.instant, book, settings, run.settings.owners, runs, notified_at, absences)
    return [*found.events, *new]


def about_models(run: Run, models: Models | None, history: Sequence[LedgerEvent]) -> list[Occurrence]:
    """What is wrong with the champions: one that cannot serve, and one that has degraded by the newest monitoring.

    Of monitoring before this day, so that a rerun finds the same. Nothing where nobody knows which models serve.
    """
    if models is None or models.unusable is None:
        return []
    serving = {(model.outcome, model.version) for model in models.serving if model.alias == CHAMPION}
    found = [Trouble(UNUSABLE_RULE, f"{outcome} champion", f"{outcome}: no champion serves. {why}")
             for outcome, why in models.unusable.items()]  # fmt: skip
    day = max((day for day in dates(run.marts, MONITORED) if day < run.as_of), default=None)
    for one in read(run.marts, MONITORED, day).itertuples() if day else ():
        if one.degraded and (one.outcome, one.model_version) in serving:
            said = f"{one.outcome}: the champion (version {one.model_version}) has degraded: {one.reason}"
            found.append(Trouble(DEGRADED_RULE, f"{one.outcome} version {one.model_version}", said))
    return model_occurrences(found, history, run.instant)


def ended_with_account(run: Run, scored: ScoredDate, ledger: Ledger) -> list[ActionEvent]:
    """The end of the live actions of accounts that are known to have left."""
    book = set(scored.scored.accounts["account_id"])
    live = [a for a in actions_at(ledger.actions(run.instant), run.instant).values() if a.live]
    gone = [a for a in live if a.account_id not in book]
    known = absences(run, scored.facts, ledger) if gone else NO_ABSENCES
    return [closed_with_account(a, run.instant) for a in gone if known.has_left(a.account_id, None)]


@step
def keep_alerts(
    run: Run, scored: ScoredDate, ledger: Ledger, new: list[LedgerEvent], actions: list[ActionEvent]
) -> pd.DataFrame:
    """Write the day to the ledger in one transaction, and publish its alerts as of the date.

    A day before the ledger's newest run is only published: recording it would change the start of the ledger.
    """
    last = ledger.last_run(DAILY)
    if last is None or run.instant >= last:
        accounts = account_cards(
            scored.scored.accounts.assign(currency=run.settings.money.reporting_currency), run.as_of
        )
        announced = {e.account_id for e in new if e.kind in ("opened", "released") and not e.payload.get("held_by")}
        notices = action_notices(actions, accounts, run.settings.owners, run.instant, announced)
        ledger.record(DAILY, run.instant, new, outbox(run, ledger, new, accounts, notices), actions)
    history = ledger.history(run.instant)
    cases = {a.alert_id: c.case_id for c in cases_of(history, run.instant) for a in c.triggers}
    alerts = alert_table(alerts_at(history, run.instant)).to_pandas()
    frames = {
        "alerts": alerts.assign(case_id=alerts["alert_id"].map(cases)),
        "alert_steps": step_table(steps_at(history, run.instant)).to_pandas(),
        "cases": case_table(cases_at(history, run.instant)).to_pandas(),
        "next_actions": action_frame(actions_at(ledger.actions(run.instant), run.instant).values(), run.as_of),
    }
    publish(run.marts, run.as_of, frames, scored.stamp)
    return alerts
