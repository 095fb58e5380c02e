"""Every Monday: stand-up sheet, portfolio week over week, expansion pipeline, quarterly churn forecast (WKL)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd

from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, score_date, staged
from keepwell.models.grading.intervals import Estimate
from keepwell.models.promotion.champions import CHAMPION
from keepwell.playbook.interventions.records import interventions_at
from keepwell.playbook.interventions.standup import closings, week_of
from keepwell.tasks.delivery.artifacts import show_week
from keepwell.tasks.earlier_scores import digest
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.marts.portfolio import candidates, opportunities, pipeline, portfolio, trend, week_before
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.marts.work import Values, graded_plans
from keepwell.tasks.operations.churn_forecast import ForecastRules, forecasts, graded_forecasts, past_quarters
from keepwell.tasks.operations.intervention_results import published_effects, recorded_work
from keepwell.tasks.operations.standup import Rules, Sources, standup
from keepwell.tasks.operations.week_report import WeekReport
from keepwell.tasks.reports.week import write_week_report
from keepwell.tasks.scoring.score import leading_factors
from keepwell.tasks.step import step

WEEKLY = "weekly_review"


@dataclass(frozen=True)
class WeekResult:
    """Result of a review, and the path of its page."""

    report: WeekReport
    path: Path

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        return self.report.totals


@dataclass(frozen=True)
class QuarterForecast:
    """The forecast made now, earlier ones with known outcome, and the partitions that were read."""

    made: pd.DataFrame
    graded: pd.DataFrame
    used: tuple[str, ...]


def weekly_review(run: Run) -> WeekResult:
    """Score the date, publish the week's marts, write the page."""
    ledger = run.open_ledger()
    try:
        with holding(run.out, run.as_of), recorded(run, WEEKLY) as record:
            scored = score_date(run, staged(run))
            forecast = forecast_quarter(run, scored)
            report, stamp = review_week(run, scored, ledger, forecast)
            path = keep_week(run, report, stamp)
            show_week(report)
            record(scored.rows + sum(map(len, report.frames.values())), stamp)
    finally:
        ledger.close()
    return WeekResult(report, path)


@step
def forecast_quarter(run: Run, scored: ScoredDate) -> QuarterForecast:
    """Expected churn in the coming quarter, and how earlier forecasts came out."""
    settings = run.settings
    rules = ForecastRules(
        settings.labels.churn_horizon_days, settings.money, settings.models.forecast, run.fixed
    )  # fmt: skip
    graded, used = graded_forecasts(run.marts, run.as_of, scored.facts, rules)
    past = past_quarters(scored.snapshot, scored.facts, rules)
    accounts = scored.scored.accounts
    made = forecasts(accounts, past, graded, _tested(run, accounts), run.as_of, rules)
    return QuarterForecast(made, graded, used)


def _tested(run: Run, accounts: pd.DataFrame) -> Estimate | None:
    """Observed over expected churn of the champion on its test months; None without a model."""
    if accounts["churn_risk"].isna().all():
        return None
    from keepwell.tasks.registry.champion import load  # scikit-learn and MLflow take seconds

    champion = load(run.tracking, "churn", CHAMPION, run.as_of, run.marts)
    return champion.baseline.metrics.get("observed_to_expected") if champion and champion.baseline else None


@step
def review_week(run: Run, scored: ScoredDate, ledger: Ledger, forecast: QuarterForecast) -> tuple[WeekReport, Stamp]:
    """The marts of the week, and their stamp: they depend on scores, earlier marts and the ledger."""
    settings, rules, now = run.settings, run.settings.weekly, run.instant
    currency, labels = settings.money.reporting_currency, settings.labels
    accounts = scored.scored.accounts.assign(currency=currency)
    history, written = ledger.history(now), ledger.work(now)
    week = week_of(history, now - timedelta(days=rules.days), now)
    compared_with, before, used = week_before(run.marts, run.as_of, rules)
    book = portfolio(accounts, before, compared_with, currency)
    bands, used_bands = trend(run.marts, run.as_of, book, rules.trend_weeks)
    deals = pipeline(scored.facts, run.as_of, settings.money, rules)
    busy = {*week.live, *deals.loc[~deals["stage"].isin(rules.closed_stages), "account_id"]}
    asked = candidates(accounts, scored.scored.features, busy, rules, labels.expansion_horizon_days)
    values = Values(run.marts, run.as_of)
    work = recorded_work(
        scored.facts, interventions_at(written, now), graded_plans(written, values, now), labels.churn_horizon_days,
        settings.money, rules,
    )  # fmt: skip
    factors = leading_factors(scored.scored.explaining, accounts["account_id"])
    effects, used_effects = published_effects(run.marts, run.as_of)
    given = Sources(
        now, accounts, before, compared_with is not None, factors, asked, week, closings(history, now), work, currency,
        effects,
    )  # fmt: skip
    sheet = standup(given, Rules(rules, settings.outreach.needs, settings.owners, run.scoring.playbook))
    said = (*(e.event_id for e in history), *(e.event_id for e in written))
    run_id = digest((scored.stamp.run_id, *used, *used_bands, *used_effects, *forecast.used, *values.used, *said))
    frames = {
        "weekly_review": sheet,
        "portfolio": book,
        "opportunities": opportunities(deals, asked, accounts, week, rules),
        "forecast": stacked([forecast.graded, forecast.made]),
    }
    report = WeekReport(run.as_of, currency, rules, settings.health, frames, bands, compared_with, run_id)
    return report, replace(scored.stamp, run_id=run_id)


@step
def keep_week(run: Run, report: WeekReport, stamp: Stamp) -> Path:
    """Write the page, then the marts: published marts always have their page."""
    path = write_week_report(report, run.out / "reports")
    publish(run.marts, run.as_of, report.frames, stamp)
    return path
