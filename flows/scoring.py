"""Shared by all flows: stage, check, score and publish one date."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import pandas as pd

from keepwell.features.book import by_customer
from keepwell.features.facts.columns import AS_OF
from keepwell.features.facts.known import Facts
from keepwell.features.measures.all import FEATURES
from keepwell.flows.run import Run
from keepwell.models.promotion.champions import CHALLENGER, CHAMPION
from keepwell.models.settings.base import OUTCOMES
from keepwell.playbook.alerts.ledger_events import PIPELINE, RISK, fold
from keepwell.playbook.next_actions.day import Past
from keepwell.playbook.overrides import overrides_at
from keepwell.tasks.checks.book_watch import BOOK_RULES, watch_book
from keepwell.tasks.checks.results import said_first, without_rows
from keepwell.tasks.checks.run import CheckResult, coverage_left, raise_if_critical, run_checks
from keepwell.tasks.earlier_scores import Stored, stored_before
from keepwell.tasks.errors import DataCheckFailed
from keepwell.tasks.marts.dims import dim_account, dim_csm, dim_date
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.schemas.scores import HEALTH_SCORES
from keepwell.tasks.marts.signal_catalogue import signal_catalogue, write_catalogue_xlsx
from keepwell.tasks.registry.promotion_record import warn_of_lost_changes
from keepwell.tasks.scoring.evidence import on_record
from keepwell.tasks.scoring.predictions import Models
from keepwell.tasks.scoring.score import People, Scored, score_book
from keepwell.tasks.settings import Override as Severity
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from keepwell.tasks.starters.decisions import undecided
from keepwell.tasks.step import log, step


@dataclass(frozen=True)
class Checked:
    """The result of every check of a date, the facts that were checked, and what was read of earlier runs."""

    results: Sequence[CheckResult]
    facts: Facts
    used: tuple[str, ...]


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
    checked = check_data(run, snapshot)
    raise_if_critical(checked.results)
    return score_and_publish(run, snapshot, checked)


@step
def stage_sources(run: Run) -> Snapshot:
    """The company's tables as an immutable snapshot."""
    return read_sources(run)


def read_sources(run: Run) -> Snapshot:
    """The same within a step."""
    settings = run.settings
    return stage(
        settings.source.url, settings.base, settings.mappings, run.snapshots, settings.retries, settings.source.csv,
        settings.tables,
    )  # fmt: skip


@step
def check_data(run: Run, snapshot: Snapshot) -> Checked:
    """The result of every expectation on what was known at as_of, and of the book against the one before it."""
    settings = run.settings
    docs = (run.out / "data_docs").resolve()  # Great Expectations refuses a relative folder
    money, currencies = settings.money, settings.money.rates()
    facts = facts_at(snapshot, run.instant, run.fixed)
    watched = watch_book(facts, money, run.marts, run.snapshots, run.mapping_id, settings.checks.book)
    if watched.uncompared:
        log.warning("the book is compared with none: %s.", watched.uncompared)
    accepted = accepted_by_people(run) if watched.moved else {}
    checks = settings.checks.model_copy(update={"overrides": {**settings.checks.overrides, **accepted}})
    results = run_checks(snapshot, run.instant, checks, settings.tables, currencies, docs, watched, money.succession)
    empty = without_rows(results)
    results = said_first(results, undecided({table: settings.mappings[table] for table in empty}))
    used = (*watched.used, *sorted({override.reason for override in accepted.values()}))
    publish(run.marts, run.as_of, {"check_results": check_frame(results)}, run.stamp(snapshot, None, used))
    return Checked(results, facts, used)


def accepted_by_people(run: Run) -> dict[str, Severity]:
    """The severity of what `keepwell accept` put on record for this date: it is said, and stops nothing."""
    ledger = run.open_ledger()
    try:
        found = ledger.accepted().get(run.as_of)
    finally:
        ledger.close()
    if found is None:
        return {}
    return dict.fromkeys(
        (f"contracts.{rule}" for rule in BOOK_RULES),
        Severity(severity="info", reason=f"accepted by {found.by}: {found.reason}"),
    )


@step
def score_and_publish(run: Run, snapshot: Snapshot, checked: Checked) -> ScoredDate:
    """The scored accounts and every mart that depends on them."""
    settings, facts = run.settings, checked.facts
    stored = stored_before(run.marts, run.as_of, settings.alerts.drop_window_days)
    left = coverage_left(checked.results, settings.health.coverage_after_warning)
    models = production_models(run)
    people = said_by_people(run)
    scored = score_book(facts, run.scoring, left, stored, models, people)
    said = (*sorted(o.event_id for o in people.overrides.values()), *sorted(people.alarmed), *people.actions.used)
    stamp = run.stamp(snapshot, stored, (*(models.used if models else ()), *said, *checked.used))
    quarantine = facts["quarantine"].rename(table="table_name").drop("known_at", AS_OF).to_pandas()
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
    by_group = by_customer(facts, settings.money)
    return ScoredDate(snapshot, checked.results, by_group, stored, scored, models, quarantine, stamp, rows)


def production_models(run: Run) -> Models | None:
    """Champion and challenger of every outcome, trained on data up to the run's date."""
    if not run.tracking.begun:
        warn_of_lost_changes(run.marts, OUTCOMES, run.as_of)
        return None
    from keepwell.tasks.registry.champion import find_all  # scikit-learn and MLflow take seconds

    found = find_all(run.tracking, run.as_of, CHAMPION, CHALLENGER, marts=run.marts)
    rules, min_tenure = run.settings.promotion, run.settings.labels.min_tenure_days
    return Models(
        found.models, run.settings.models.policy, min_tenure, rules.assigned_share, not rules.review_required,
        found.unusable,
    )  # fmt: skip


def said_by_people(run: Run) -> People:
    """What the ledger adds to a score.

    Alerts that open at the run's own instant do not count, so that every flow of a date finds the same.
    """
    ledger = run.open_ledger()
    try:
        work, before = ledger.work(run.instant), run.instant - timedelta(microseconds=1)
        history = ledger.history(run.instant)
        actions = [e for e in ledger.actions(run.instant) if not (e.as_of == run.instant and e.by == PIPELINE)]
        sent = ledger.sent(run.instant - timedelta(days=run.settings.alerts.catch_up_days))
    finally:
        ledger.close()
    alerts = fold([e for e in history if e.as_of <= before], run.instant).values()
    return People(
        overrides_at(work, run.instant),
        frozenset(a.account_id for a in alerts if a.closed_at is None and a.kind == RISK),
        Past(actions, on_record(history, work, actions, sent, run.instant)),
    )  # fmt: skip


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
