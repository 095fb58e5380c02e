"""The past of a snapshot, held against the scores of its time: the marts `audit`, `audit_churners` and `value`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise

import ibis
import pandas as pd

from features.book import arr_in_reporting_currency
from features.known import Facts
from features.labels import losses
from features.settings import BookSettings, HealthSettings, LabelSettings
from models.audit import SCORES, as_known, audit_figures, looked_up, score_names, window, with_flags
from models.settings import AuditSettings, ModelSettings
from models.split import TooLittleData
from models.value import (
    Figures,
    arr_on,
    bridged,
    contact_figures,
    retention_figures,
    surprise_figures,
    value_frame,
    warned,
    with_contacts,
)
from models.walk_forward import Refit, walk_forward
from tasks.score import ScoreSettings
from tasks.sources import facts_at
from tasks.staging import Snapshot
from tasks.training import OUTCOMES, first_month, month_starts, numbers_seen, training_set

PANEL = {
    "account_id": "str", "as_of": "datetime64[us]", "segment": "str", "arr": float, "churned": object,
    "churned_at": "datetime64[us]", "health": float,
}  # fmt: skip
"""What the audit takes from the training set, with the type of each column."""
LEGACY = ["account_id", "scored_on", "score", "band", "known_at"]
TRAILING = "trailing_12_months"
MONTH = timedelta(days=31)


@dataclass(frozen=True)
class AuditRules:
    """The sections of the settings that an audit depends on."""

    scoring: ScoreSettings
    labels: LabelSettings
    models: ModelSettings
    fixed: frozenset[str] = frozenset()

    @property
    def audit(self) -> AuditSettings:
        return self.models.audit

    @property
    def money(self) -> BookSettings:
        return self.scoring.money

    @property
    def health(self) -> HealthSettings:
        return self.scoring.health

    @property
    def gap_days(self) -> int:
        """Horizon and grace of churn: how long an outcome is open."""
        return self.labels.churn_horizon_days + self.money.churn_grace_days


@dataclass(frozen=True)
class Audit:
    """What the past says of the scores: the three marts, the refits of the model, and what could not be told.

    `since`: the first instant of the losses looked at. `losses` counts them, `scores` names those that anybody had.
    """

    as_of: date
    since: date
    figures: pd.DataFrame
    churners: pd.DataFrame
    value: pd.DataFrame
    refits: Sequence[Refit]
    losses: int
    scores: Sequence[str]
    notes: Sequence[str] = field(default=())


def audit(snapshot: Snapshot, now: datetime, rules: AuditRules) -> Audit:
    """Everything the audit page tells, from one snapshot as known `now`."""
    facts = facts_at(snapshot, now, rules.fixed)
    since = (pd.Timestamp(now) - pd.DateOffset(months=rules.audit.months)).date()
    lost = losses_since(facts, since, rules.money.churn_grace_days)
    legacy = legacy_scores(facts)
    contacts, source = contacts_of(facts, rules.audit)
    panel, refits, nothing = replayed(snapshot, now, since, legacy, rules)
    months = window(panel, pd.Timestamp(since))
    looked = looked_up(lost, panel, rules.audit)
    candidates, period = rules.models.candidates, f"last_{rules.audit.months}_months"
    figures = surprise_figures(warned(lost, panel, rules.audit), period, rules.audit.least_losses)
    if contacts is not None:
        figures |= contact_figures(with_contacts(months, contacts, rules.audit), rules.audit, period)
    figures |= retention_of(snapshot, facts, rules)
    return Audit(
        as_of=now.date(),
        since=since,
        figures=audit_figures(looked, months, candidates),
        churners=looked,
        value=value_frame(figures, candidates),
        refits=refits,
        losses=len(lost),
        scores=score_names(panel),
        notes=[*nothing, *_notes(legacy, refits, source, rules.audit)],
    )


def replayed(
    snapshot: Snapshot, now: datetime, since: date, legacy: pd.DataFrame | None, rules: AuditRules
) -> tuple[pd.DataFrame, list[Refit], list[str]]:
    """The panel of every month start, with the flags of each score; the refits; a sentence where there is no past."""
    try:
        months = _months(snapshot, now, rules)
        examples = training_set(snapshot, months, now, rules.scoring, rules.labels, rules.fixed).examples
    except TooLittleData as reason:
        months, examples = [], pd.DataFrame(columns=list(PANEL)).astype(PANEL)
        nothing = [f"No score can be replayed. {reason}"]
    else:
        nothing = []
    first = since - timedelta(days=max(*rules.audit.days_before, rules.audit.surprise_days)) - MONTH
    models, numbers = rules.models, numbers_seen(rules.models.inputs.leave_out)
    chances, refits = walk_forward(
        examples, OUTCOMES["churn"], [m for m in months if m >= first], rules.gap_days, numbers, rules.audit.candidate,
        rules.audit.refit_months, models.split, models.inputs, models.candidates,
    )  # fmt: skip
    panel = as_known(examples[list(PANEL)].assign(model=chances), legacy, rules.audit)
    share, below = models.policy.capacity_share, rules.health.bands.critical_below
    return with_flags(panel, rules.audit, share, below), refits, nothing


def _months(snapshot: Snapshot, now: datetime, rules: AuditRules) -> list[date]:
    """Every month start from the first with enough usage before it, to the last whose flags are set by `now`."""
    first = first_month(snapshot, now, rules.models.split.run_in_days, rules.fixed)
    last = now - timedelta(days=rules.audit.settle_days)
    return month_starts(first, last)


def losses_since(facts: Facts, since: date, grace_days: int) -> pd.DataFrame:
    """The losses after `since`, in order of time: account_id, churned_at, how."""
    frame = losses(facts, grace_days).to_pandas()
    at = pd.to_datetime(frame["churned_at"])
    within = frame[(at > pd.Timestamp(since)) & (at <= pd.Timestamp(facts.as_of))]
    return within.drop_duplicates(["account_id", "churned_at"]).sort_values(
        ["churned_at", "account_id"], ignore_index=True
    )


def contacts_of(facts: Facts, rules: AuditSettings) -> tuple[pd.DataFrame | None, str]:
    """Who was contacted when (account_id, at), and where that stands: interventions, else calls and meetings."""
    begun = _rows(facts, "interventions", ["account_id", "started_at"])
    if begun is not None:
        return begun.rename(columns={"started_at": "at"}), "interventions"
    if not facts.has("touchpoints", "kind"):
        return None, ""
    rows = facts["touchpoints"]
    held = rows.filter(rows.kind.isin(list(rules.contact_kinds)) & rows.attended.fill_null(True))
    return held.select("account_id", at="happened_at").to_pandas(), "touchpoints"


def retention_of(snapshot: Snapshot, facts: Facts, rules: AuditRules) -> Figures:
    """Retention over the trailing year and in each whole quarter of the window, at constant rates, as known now."""
    rows = facts["contracts"]
    table = rows.select(
        "account_id",
        "start_on",
        end_on=ibis.least(rows.end_on, rows.ended_on),
        arr=arr_in_reporting_currency(rows, rules.money),
    )
    contracts = bridged(table.to_pandas(), rules.money.churn_grace_days)
    periods = {
        name: span
        for name, span in periods_of(facts.today, rules.audit.months).items()
        if len(arr_on(contracts, span[0]))
    }
    segments = {name: _segments(snapshot, first, rules.fixed) for name, (first, _) in periods.items()}
    return retention_figures(contracts, periods, segments)


def periods_of(today: date, months: int) -> dict[str, tuple[date, date]]:
    """First day and first day after, of the trailing year and of each whole quarter within the last `months`."""
    now = pd.Timestamp(today)
    starts = pd.date_range(now - pd.DateOffset(months=months), now, freq="QS")
    quarters = {f"{start.year}-Q{start.quarter}": (start.date(), end.date()) for start, end in pairwise(starts)}
    return {TRAILING: ((now - pd.DateOffset(years=1)).date(), today), **quarters}


def _segments(snapshot: Snapshot, day: date, fixed: frozenset[str]) -> pd.Series:
    """The segment of each account as known on that day."""
    accounts = facts_at(snapshot, datetime.combine(day, datetime.min.time()), fixed)["accounts"]
    return accounts.select("account_id", "segment").to_pandas().set_index("account_id")["segment"]


def legacy_scores(facts: Facts) -> pd.DataFrame | None:
    """The legacy scores that are known; None where the company has no such table."""
    return _rows(facts, "legacy_scores", LEGACY)


def _rows(facts: Facts, table: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """Columns of a table; None where the company does not have it."""
    return facts[table].select(*columns).to_pandas() if table in facts else None


def _notes(legacy: pd.DataFrame | None, refits: Sequence[Refit], source: str, rules: AuditSettings) -> list[str]:
    """What could not be told and why, and what must not be read into the figures."""
    notes = []
    if legacy is None:
        notes.append("The company gives no table of legacy scores: there is no baseline to compare with.")
    elif not len(legacy):
        notes.append("The table of legacy scores holds no row that was known by then: there is no baseline.")
    elif legacy["score"].isna().all():
        notes.append(
            "The legacy scores are bands without numbers: nobody can be ranked by them, so they have no figures at "
            "the same stock of flags, only at their own bands."
        )
    refused = [refit for refit in refits if refit.why_not]
    if refits and len(refused) == len(refits):
        notes.append(f"No model could be learnt in time for any month: {refused[-1].why_not}.")
    elif refused:
        notes.append(
            f"The model's column is empty before {next(r.fitted_on for r in refits if not r.why_not)}: until then "
            f"there was too little to learn from ({refused[-1].why_not})."
        )
    if source == "touchpoints":
        notes.append(
            "The company gives no table of interventions. Contacts are therefore touchpoints "
            f"({', '.join(rules.contact_kinds)}), of which many are routine."
        )
    elif not source:
        notes.append("The company gives neither interventions nor touchpoints: contacts cannot be judged.")
    return notes


def marts_of(found: Audit) -> dict[str, pd.DataFrame]:
    """The frames of the marts `audit`, `audit_churners` and `value`."""
    renamed = {"as_of": "scored_month", **{f"stock_{s}": f"flagged_{s}" for s in SCORES}}
    columns = [
        "account_id", "churned_at", "days_before", "how", "segment", "arr", "scored_month", "legacy_band",
        *(f"{kind}{s}" for s in SCORES for kind in ("", "age_", "flagged_")),
    ]  # fmt: skip
    churners = found.churners.rename(columns=renamed)
    return {"audit": found.figures, "audit_churners": churners[columns], "value": found.value}
