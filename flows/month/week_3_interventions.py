"""Week 3 of the month: recorded work against the plan of week 2, and a person's sign-off (MON-3, MON-5).

Until a person signs off, the page lists what is missing, and under Prefect the run waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from keepwell.features.facts.known import Facts
from keepwell.flows.run import Run
from keepwell.flows.scoring import score_date, staged
from keepwell.playbook.interventions.records import signed_at
from keepwell.playbook.interventions.work_week import WEEK, WorkWeek, seen_until, work_week
from keepwell.tasks.delivery.artifacts import show_work
from keepwell.tasks.earlier_scores import dates, digest, read
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.gate import resume_waiting, sign_off_under_prefect
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.ledger.work import sign
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.marts.work import Values, interventions, standings, success_plans
from keepwell.tasks.reports.work import ASKED, asked_in, page_path, write_work_page
from keepwell.tasks.settings import STANDARD_RETRIES, RetrySettings
from keepwell.tasks.step import step

WEEK_THREE = "monthly_week_3"
FIRST_DAY = 15


@dataclass(frozen=True)
class WorkResult:
    """Result of week 3, and the path of its page: under another name until sign-off."""

    week: WorkWeek
    path: Path

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        return {**self.week.totals, "work": str(self.path)}


def week_three(run: Run, *, wait: bool = True) -> WorkResult:
    """Publish the recorded work, compare it with the plan, and wait for sign-off where a run can wait."""
    ledger = run.open_ledger()
    try:
        with holding(run.out, run.as_of), recorded(run, WEEK_THREE) as record:
            scored = score_date(run, staged(run))
            rows = publish_work(run, ledger, scored.facts, scored.stamp)
            result = review_work(run, ledger, scored.stamp)
            show_work(result.week)
            record(scored.rows + rows, scored.stamp)
        if (
            wait
            and result.week.signed is None
            and (word := sign_off_under_prefect(question(run.as_of), ASKED)) is not None
        ):
            sign(ledger, run.as_of, word.at, word.by, word.note)
            result = review_work(run, ledger, scored.stamp)
        return result
    finally:
        ledger.close()


@step
def publish_work(run: Run, ledger: Ledger, facts: Facts, stamp: Stamp) -> int:
    """The marts `interventions` and `success_plans` as of the date; the same in every flow."""
    events, values = ledger.work(run.instant), Values(run.marts, run.as_of)
    plans = success_plans(standings(events, values, run.instant))
    rows = publish(run.marts, run.as_of, {"interventions": interventions(events, facts)}, stamp)
    graded = replace(stamp, run_id=digest((stamp.run_id, *values.used)))
    return rows + publish(run.marts, run.as_of, {"success_plans": plans}, graded)


@step
def review_work(run: Run, ledger: Ledger, stamp: Stamp) -> WorkResult:
    """The week's page, from everything recorded by its sign-off, or by its end without one.

    Work recorded during the week counts, although the marts of its first day do not have it yet.
    """
    events = ledger.work()
    until = seen_until(events, run.as_of)
    # Before the sign-off there is no date: a target is due once scores of its day are published.
    scored = dates(run.marts, "health_scores")[-1]
    on = until.date() if signed_at(events, run.as_of) else min(until.date(), scored)
    plans = standings(events, Values(run.marts, on), until, on)
    asked = asked_in(run.marts, run.as_of - WEEK)
    week = work_week(run.as_of, asked, events, ledger.history(), plans, run.settings.work.cause_days)
    book = read(run.marts, "health_scores", scored, ["account_id", "name"]).dropna()
    names = dict(zip(book["account_id"], book["name"], strict=True))
    return WorkResult(week, write_work_page(week, stamp.run_id, run.out / "reports", names))


def sign_off(
    ledger: Ledger, day: date, now: datetime, by: str, note: str, retries: RetrySettings = STANDARD_RETRIES
) -> tuple[bool, date]:
    """Sign off week 3 of a day's month and resume waiting runs: whether that was new, and its first day."""
    first = first_day_of(day)
    if now.date() < first - WEEK:
        raise ConfigError(f"--week {day}: its calls begin on {first - WEEK}; it is too early to sign off.")
    new = sign(ledger, first, now, by, note)
    resume_waiting(question(first), by, note, retries)
    return new, first


def first_day_of(day: date) -> date:
    """The first day of week 3 of a day's month."""
    return day.replace(day=FIRST_DAY)


def question(week: date) -> str:
    """Name of the question that a waiting run asks."""
    return f"calls-recorded-{week}"


def done_path(run: Run) -> Path:
    """Path of the week's page after sign-off."""
    return page_path(run.out / "reports", run.as_of, signed=True)
