"""Past scores against outcomes: how well they predicted churn, and what was retained (LRN-5, LRN-7)."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from keepwell.flows.run import Run
from keepwell.flows.scoring import check_data, staged
from keepwell.tasks.checks.run import raise_if_critical
from keepwell.tasks.learning.audit import Audit, AuditRules, audit, marts_of
from keepwell.tasks.lock import holding
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.marts.runs import recorded
from keepwell.tasks.registry.champion import champions_on
from keepwell.tasks.reports.audit import write_audit_page
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.step import step

FLOW = "auditing"


@dataclass(frozen=True)
class AuditResult:
    """Result of the audit, and the path of its page."""

    found: Audit
    path: Path


def auditing(run: Run) -> AuditResult:
    """Replay the past, compare it with outcomes, publish `audit` and `value`, write the page."""
    with holding(run.out, run.as_of), recorded(run, FLOW) as record:
        snapshot = staged(run)
        raise_if_critical(check_data(run, snapshot).results)
        found = audit_past(run, snapshot)
        stamp = run.stamp(snapshot, None)
        record(publish(run.marts, run.as_of, marts_of(found), stamp), stamp)
        return AuditResult(found, report_audit(run, found, stamp))


@step
def audit_past(run: Run, snapshot: Snapshot) -> Audit:
    """Every score of every past month start, against churn since; the model is the champion where one served."""
    rules = AuditRules(run.scoring, run.settings.labels, run.settings.models, run.fixed)
    champions = partial(champions_on, run.tracking, "churn", marts=run.marts)
    return audit(snapshot, run.instant, rules, champions)


@step
def report_audit(run: Run, found: Audit, stamp: Stamp) -> Path:
    """The audit and value page, written beside the other reports."""
    currency, models = run.settings.money.reporting_currency, run.settings.models
    critical_below = run.settings.health.bands.critical_below
    return write_audit_page(found, models, currency, critical_below, stamp.run_id, run.out / "reports")
