"""The weeks of the month in their order; week 1: extract, check, score, flag, report (MON-1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from keepwell.flows.month.week_2_outreach import OutreachWeek, queue_path, week_two
from keepwell.flows.month.week_3_interventions import WorkResult, done_path, week_three
from keepwell.flows.month.week_4_results import ResultsWeek, effects_path, week_four
from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, score_date, staged
from keepwell.tasks.delivery.artifacts import show_month
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.dims import month_week
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.operations.month_report import MonthReport, month_report
from keepwell.tasks.reports.month import write_month_report
from keepwell.tasks.step import step

WEEK_ONE = "monthly_week_1"


@dataclass(frozen=True)
class MonthResult:
    """Result of a monthly run: the report of week 1 and its path, and the results of the other weeks.

    `newest`: the first day of the last week that was asked for.
    """

    report: MonthReport | None
    path: Path | None
    outreach: OutreachWeek | None = None
    work: WorkResult | None = None
    results: ResultsWeek | None = None
    newest: date | None = None

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals of the weeks that ran; empty if none did."""
        parts = (self.report, self.outreach, self.work, self.results)
        return {name: value for part in parts if part for name, value in part.totals.items()}


def monthly_scoring(run: Run, week: int | None = None, *, draws: bool = True) -> MonthResult:
    """The week that the date falls in, after any earlier week of that month that has not run; `week` forces one.

    A week is computed as of its first day, even when it runs late. Week 3 has run once it is signed off; only its own
    run waits for that. Without `draws` week 2 makes no new random assignment.
    """
    wanted = (week,) if week else tuple(range(1, month_week(run.as_of.day) + 1))
    result = MonthResult(None, None)
    for number in wanted:
        first = replace(run, as_of=first_day(run.as_of, number))
        if week is not None or first.as_of == run.as_of or not _has_run(first, number):
            result = _with_week(result, first, number, wait=number == wanted[-1], draws=draws)
    return replace(result, newest=first_day(run.as_of, wanted[-1]))


def _has_run(first: Run, week: int) -> bool:
    return {1: report_path, 2: queue_path, 3: done_path, 4: effects_path}[week](first).exists()


def _with_week(result: MonthResult, first: Run, week: int, *, wait: bool, draws: bool) -> MonthResult:
    """The result with one more week run."""
    if week == 3:
        return replace(result, work=week_three(first, wait=wait))
    if week == 1:
        report, path = week_one(first)
        return replace(result, report=report, path=path)
    if week == 4:
        return replace(result, results=week_four(first))
    return replace(result, outreach=week_two(first, draws=draws))


def first_day(day: date, week: int) -> date:
    """The day on which a week of that month begins."""
    return day.replace(day=1 + 7 * (week - 1))


def week_one(run: Run) -> tuple[MonthReport, Path]:
    """Score all accounts as of the month's first day, write the report, and monitor the champions."""
    with holding(run.out, run.as_of), recorded(run, WEEK_ONE) as record:
        scored = score_date(run, staged(run))
        report, path = report_month(run, scored)
        show_month(report)
        if scored.models and scored.models.serving:
            from keepwell.flows.monitoring import watch_month  # scikit-learn takes seconds

            watch_month(run, scored.snapshot, scored.models.serving)
        record(scored.rows, scored.stamp)
    return report, path


@step
def report_month(run: Run, scored: ScoredDate) -> tuple[MonthReport, Path]:
    """The month's health report, written beside the marts."""
    settings, result = run.settings, scored.scored.accounts
    currency, run_id = settings.money.reporting_currency, scored.stamp.run_id
    report = month_report(
        run.as_of, currency, result, scored.quarantine, scored.checks, settings.health, run_id,
        outreach=settings.outreach,
    )  # fmt: skip
    return report, write_month_report(report, report_path(run).parent)


def report_path(run: Run) -> Path:
    """Path of the month's report."""
    return run.out / "reports" / f"health-{run.as_of}.html"
