"""Shared by all flows: stage, check, score and publish one date."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.measures.all import FEATURES
from keepwell.flows.run import Run
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION
from keepwell.models.settings.base import OUTCOMES
from keepwell.playbook.alerts.ledger_events import fold
from keepwell.playbook.overrides import Override, overrides_at
from keepwell.tasks.checks.run import CheckResult, coverage_left, raise_if_critical, run_checks
from keepwell.tasks.earlier_scores import Stored, stored_before
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.marts.dims import dim_account, dim_csm, dim_date
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.schemas.scores import HEALTH_SCORES
from keepwell.tasks.marts.signal_catalogue import signal_catalogue, write_catalogue_xlsx
from keepwell.tasks.registry.promotion_record import warn_of_lost_changes
from keepwell.tasks.scoring.predictions import Models
from keepwell.tasks.scoring.score import Scored, score_book
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from keepwell.tasks.step import step


@dataclass(frozen=True)
class ScoredDate:
    """Everything known about one date once it is scored and published."""

    snapshot: Snapshot
    checks: Sequence[CheckResult]
    facts: Facts
    stored: Stored
    scored: Scored
    models: Models | None
    quarantine: pd.DataFrame
    stamp: Stamp
    rows: int


def staged(run: Run) -> Snapshot:
    """The company's data as a snapshot; unreadable data publishes `check_results` alone and raises."""
    try:
        return stage_sources(run)
    except DataCheckFailed as failure:
        publish_findings(run, failure)
        raise


def score_date(run: Run, snapshot: Snapshot) -> ScoredDate:
    """Check, score and publish `run.as_of`; a critical check publishes `check_results` alone and raises."""
    checks = check_data(run, snapshot)
    raise_if_critical(checks)
    return score_and_publish(run, snapshot, checks)


@step
def stage_sources(run: Run) -> Snapshot:
    """The company's tables as an immutable snapshot."""
    settings = run.settings
    return stage(settings.source.url, settings.base, settings.mappings, run.snapshots, settings.retries)


@step
def check_data(run: Run, snapshot: Snapshot) -> Sequence[CheckResult]:
    """The result of every expectation on what was known at as_of."""
    settings = run.settings
    docs = (run.out / "data_docs").resolve()  # Great Expectations refuses a relative folder
    currencies = settings.money.rates()
    results = run_checks(snapshot, run.instant, settings.checks, settings.tables, currencies, docs)
    publish(run.marts, run.as_of, {"check_results": check_frame(results)}, run.stamp(snapshot, None))
    return results


@step
def score_and_publish(run: Run, snapshot: Snapshot, checks: Sequence[CheckResult]) -> ScoredDate:
    """The scored accounts and every mart that depends on them."""
    settings = run.settings
    stored = stored_before(run.marts, run.as_of, settings.alerts.drop_window_days)
    facts = facts_at(snapshot, run.instant, run.fixed)
    left = coverage_left(checks, settings.health.coverage_after_warning)
    models = production_models(run)
    overrides, alarmed = said_by_people(run)
    scored = score_book(facts, run.scoring, left, stored, models, overrides, alarmed)
    used = (*(models.used if models else ()), *sorted(o.event_id for o in overrides.values()), *sorted(alarmed))
    stamp = run.stamp(snapshot, stored, used)
    quarantine = facts["quarantine"].rename(table="table_name").drop("known_at").to_pandas()
    catalogue = signal_catalogue(facts, snapshot, settings.tables, FEATURES, scored.accounts, settings.catalogue)
    currency = settings.money.reporting_currency
    accounts = scored.accounts.assign(currency=currency)
    frames = {
        "health_scores": health_scores(accounts),
        "factors": pd.concat([scored.measures, scored.cited], ignore_index=True),
        "features": scored.features,
        "predictions": scored.predictions,
        "quarantine": quarantine,
        "signal_catalogue": catalogue,
        "dim_account": dim_account(scored.accounts),
        "dim_csm": dim_csm(accounts),
        "dim_date": dim_date(run.as_of),
    }
    rows = publish(run.marts, run.as_of, frames, stamp)
    write_catalogue_xlsx(catalogue, run.out / "reports" / f"signal-catalogue-{run.as_of}.xlsx")
    return ScoredDate(snapshot, checks, facts, stored, scored, models, quarantine, stamp, rows)


def production_models(run: Run) -> Models | None:
    """Champion and challenger of every outcome, trained on data up to the run's date."""
    if not run.tracking.begun:
        warn_of_lost_changes(run.marts, OUTCOMES, run.as_of)
        return None
    from keepwell.tasks.registry.champion import serving_models  # scikit-learn and MLflow take seconds

    models = serving_models(run.tracking, run.as_of, CHAMPION, CHALLENGER, marts=run.marts)
    rules, min_tenure = run.settings.promotion, run.settings.labels.min_tenure_days
    return Models(models, run.settings.models.policy, min_tenure, rules.assigned_share, not rules.review_required)


def said_by_people(run: Run) -> tuple[Mapping[str, Override], frozenset[str]]:
    """What the ledger adds to a score: active overrides by account, and accounts with an alert open before.

    Alerts that open at the run's own instant do not count, so that every flow of a date finds the same.
    """
    ledger = Ledger.open(run.ledger_url, run.settings.retries)
    try:
        overrides = overrides_at(ledger.work(run.instant), run.instant)
        asked = run.scoring.playbook.grows
        history = ledger.history(run.instant - timedelta(microseconds=1)) if asked else []
    finally:
        ledger.close()
    return overrides, frozenset(a.account_id for a in fold(history, run.instant).values() if a.closed_at is None)


@step
def publish_findings(run: Run, failure: DataCheckFailed) -> None:
    """Publish what stopped the staging, in `check_results` alone: the checks themselves could not run."""
    frame = pd.DataFrame(
        [
            {
                "table": f.table, "column": f.column, "expectation": f.rule, "says": f.message, "severity": "critical",
                "success": False, "failed_rows": f.failed_rows, "sample_keys": list(f.sample_keys), "remedy": f.remedy,
            }
            for f in failure.findings
        ]
    )  # fmt: skip
    publish(run.marts, run.as_of, {"check_results": frame}, run.stamp(None, None))


def check_frame(results: Sequence[CheckResult]) -> pd.DataFrame:
    """Check results as a frame for the mart."""
    return pd.DataFrame([asdict(r) for r in results]).rename(columns={"rule": "expectation", "requirement": "says"})


def health_scores(accounts: pd.DataFrame) -> pd.DataFrame:
    """The columns of the mart."""
    return accounts[[c for c in HEALTH_SCORES.columns if c in accounts]]
