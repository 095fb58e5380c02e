"""Week 4 of the month: effects of the work, suggestions, escalations, leadership summary (MON-4)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd

from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, score_date, staged
from keepwell.playbook.alerts.cases import by_step
from keepwell.playbook.alerts.clocks import breaches
from keepwell.playbook.alerts.ledger_events import LedgerEvent, fold
from keepwell.playbook.interventions.escalations import Escalation, escalations
from keepwell.playbook.interventions.records import Intervention, PlanTarget, interventions_at
from keepwell.playbook.interventions.suggestions import learnings, strategy_suggestions
from keepwell.tasks.delivery.artifacts import show_results
from keepwell.tasks.earlier_scores import FILE, digest
from keepwell.tasks.ledger.recorded import recorded_rows
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.marts.work import Values, graded_plans
from keepwell.tasks.operations.leadership import (
    Leadership,
    bands_of,
    ended_since,
    escalation_rows,
    joined_since,
    lost_since,
    newest_forecast,
    stored_book,
    work_since,
)
from keepwell.tasks.operations.subjects import interventions_of, with_legacy, work_of
from keepwell.tasks.reports.leadership import write_page
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.step import step
from keepwell.values.dates import spoken_day

WEEK_FOUR = "monthly_week_4"
LEARNINGS = ("topic", "rank", "verdict", "kind", "root_cause", "segment", "text", "actions")


@dataclass(frozen=True)
class Recorded:
    """Contents of the ledger: events of alerts, interventions, graded plans, rows of canonical tables.

    `used` is what enters the run_id.
    """

    history: list[LedgerEvent]
    work: list[Intervention]
    plans: list[PlanTarget]
    rows: Mapping[str, pd.DataFrame]
    used: tuple[str, ...]


@dataclass(frozen=True)
class ResultsWeek:
    """Result of week 4: the summary, its marts by name, the stamp, and the path of the page."""

    summary: Leadership
    frames: Mapping[str, pd.DataFrame]
    stamp: Stamp
    page: Path

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        return {**self.summary.totals, "leadership": str(self.page)}


def week_four(run: Run) -> ResultsWeek:
    """Score all accounts as of the week's first day, estimate effects, suggest, escalate, and write the page."""
    with holding(run.out, run.as_of), recorded(run, WEEK_FOUR) as record:
        scored = score_date(run, staged(run))
        results = compute_results(run, scored, read_ledger(run))
        keep_results(run, results)
        show_results(results.summary)
        record(scored.rows + sum(map(len, results.frames.values())), results.stamp)
    return results


@step
def read_ledger(run: Run) -> Recorded:
    """Work and alerts in the ledger as of the run; plans as in `success_plans`."""
    ledger = run.open_ledger()
    try:
        history, events = ledger.history(run.instant), ledger.work(run.instant)
    finally:
        ledger.close()
    values = Values(run.marts, run.as_of)
    plans = graded_plans(events, values, run.instant)
    used = (*(event.event_id for event in history), *(event.event_id for event in events), *values.used)
    rows = recorded_rows(events, run.instant)
    return Recorded(history, interventions_at(events, run.instant), plans, rows, used)


@step
def compute_results(run: Run, scored: ScoredDate, stored: Recorded) -> ResultsWeek:
    """Everything that the week publishes, and its stamp: it depends on scores, ledger and stored results."""
    from keepwell.tasks.operations.effects import (  # scikit-learn: seconds
        find_subjects,
        ranked_by_uplift,
        strategy_effects,
        uplift_of,
    )

    settings, accounts = run.settings, scored.scored.accounts
    facts = facts_at(scored.snapshot, run.instant, run.fixed, stored.rows)
    models, first = settings.models, run.as_of.replace(day=1)
    before, used = stored_book(run.marts, first) if first < run.as_of else (None, ())
    forecast, of_forecast = newest_forecast(run.marts, run.as_of, timedelta(days=settings.escalations.recent_days))
    work = interventions_of(facts, stored.work)
    subjects = find_subjects(
        scored.snapshot, facts, work_of(work), run.scoring, settings.labels, models.subjects, run.fixed
    )
    effects, uplift = strategy_effects(subjects, models), uplift_of(subjects, models)
    book = accounts.merge(scored.scored.features, on="account_id", suffixes=("", "_feature"))
    flagged = book[book["band"].isin(("critical", "at_risk")) & (book["status"] == "active")]
    ranked = ranked_by_uplift(uplift, with_legacy(flagged.assign(at=pd.Timestamp(run.instant)), facts))
    since = run.as_of - timedelta(days=models.subjects.rest_days)
    recent = [one for one in work if one.started_at.date() >= since]
    learned = learnings(recent, spoken_day(since, run.as_of), run.scoring.playbook)
    suggested = strategy_suggestions(records(effects), run.scoring.playbook)
    rows = escalation_rows(
        _escalated(run, accounts, stored), accounts, settings.owners.roles.get("executive", ()),
        run.as_of + timedelta(days=settings.escalations.answer_days),
    )  # fmt: skip
    stamp = replace(scored.stamp, run_id=digest((scored.stamp.run_id, *stored.used, *used, *of_forecast)))
    lost = lost_since(facts, first, before, settings.money, fold(stored.history, run.instant).values())
    summary = Leadership(
        as_of=run.as_of, first=first, currency=settings.money.reporting_currency, bands=bands_of(accounts, before),
        compared=before is not None, joined=joined_since(accounts, before),
        ended=ended_since(accounts, before), lost=lost,
        unswept=len(breaches(stored.history, run.instant, settings.alerts)),
        work=work_since(work, first, lost["account_id"].tolist()), effects=effects, notes=subjects.notes,
        uplift=uplift.notes if uplift else (), suggestions=suggested, learnings=learned, escalations=rows,
        forecast=forecast, answer_by=run.as_of + timedelta(days=settings.escalations.answer_days),
        max_items=settings.escalations.max_items, run_id=stamp.run_id,
    )  # fmt: skip
    frames = {
        "strategy_effects": effects, "escalations": pd.DataFrame(rows), "uplift": ranked,
        "learnings": pd.DataFrame(
            [{**asdict(one), "rank": rank} for rank, one in enumerate((*suggested, *learned), start=1)],
            columns=list(LEARNINGS),
        ),
    }  # fmt: skip
    return ResultsWeek(summary, frames, stamp, run.out / "reports" / f"leadership-{run.as_of}.html")


@step
def keep_results(run: Run, results: ResultsWeek) -> None:
    """Write the page, then the marts: published marts always have their page."""
    write_page(results.summary, results.page)
    publish(run.marts, run.as_of, results.frames, results.stamp)


def effects_path(run: Run) -> Path:
    """Path of the month's effects."""
    return run.marts / "strategy_effects" / f"as_of={run.as_of}" / FILE


def _escalated(run: Run, accounts: pd.DataFrame, stored: Recorded) -> list[Escalation]:
    """Escalations to executives."""
    missed = {
        alert: sorted(steps, key=lambda step: (steps[step].payload["due_at"], step))
        for alert, steps in by_step(stored.history, "breached").items()
    }
    alerts = fold(stored.history, run.instant).values()
    return escalations(
        records(accounts), alerts, missed, stored.plans, stored.work, run.instant, run.settings.escalations
    )  # fmt: skip
