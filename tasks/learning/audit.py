"""An audit of past scores against what followed: the marts `audit`, `audit_churners` and `value`."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pandas as pd

from keepwell.features.book import by_customer
from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings, HealthSettings, LabelSettings
from keepwell.models.grading.audit import SCORES, as_known, audit_metrics, looked_up, score_names, window, with_flags
from keepwell.models.grading.retention import (
    base_rates,
    contact_metrics,
    surprise_metrics,
    value_frame,
    warned,
    with_contacts,
)
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.settings.grading import AuditSettings
from keepwell.models.training.split import TooLittleData
from keepwell.models.training.walk_forward import Refit, walk_forward
from keepwell.tasks.learning.audit_facts import churned_since, contacts_of, legacy_scores, retention_of
from keepwell.tasks.learning.training import first_month, month_starts, published_features, training_set
from keepwell.tasks.registry.versions import ServingModel
from keepwell.tasks.scoring.score import ScoreSettings
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot

PANEL = {
    "account_id": "str", "as_of": "datetime64[us]", "segment": "str", "arr": float, "churned": object,
    "churned_at": "datetime64[us]", "health": float, "expanded": object, "contracted": object, "advocated": object,
}  # fmt: skip
"""What the audit takes from the training set, with the type of each column."""
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

    def gap_days(self, tables: Container[str]) -> int:
        """Days until a churn outcome is known, by the tables that the company has."""
        return self.labels.churn_horizon_days + self.money.grace_days("churn", tables)


@dataclass(frozen=True)
class Audit:
    """An audit of past scores: three marts, the refits of the model, and notes on what cannot be said.

    `since`: the first day from which churned accounts count. `churned_accounts`: how many; `scores`: those that exist.
    """

    as_of: date
    since: date
    metrics: pd.DataFrame
    churners: pd.DataFrame
    value: pd.DataFrame
    refits: Sequence[Refit]
    churned_accounts: int
    scores: Sequence[str]
    notes: Sequence[str] = field(default=())
    labels: LabelSettings = field(default_factory=LabelSettings)


Champions = Callable[[Sequence[date]], Mapping[date, ServingModel]]
"""The champion of each of these days on which one served."""


def audit(snapshot: Snapshot, now: datetime, rules: AuditRules, champions: Champions) -> Audit:
    """Run the audit: everything on its page, from one snapshot as known `now`."""
    facts = facts_at(snapshot, now, rules.fixed)
    since = (pd.Timestamp(now) - pd.DateOffset(months=rules.audit.months)).date()
    churned = churned_since(facts, since, rules.money)
    legacy = legacy_scores(facts)
    contacts, source = contacts_of(by_customer(facts, rules.money, looking_back=True), rules.audit)
    panel, refits, said = replayed(snapshot, facts, since, legacy, rules, champions)
    months = window(panel, pd.Timestamp(since))
    looked = looked_up(churned, panel, rules.audit)
    candidates, period = rules.models.candidates, f"last_{rules.audit.months}_months"
    metrics = surprise_metrics(warned(churned, panel, rules.audit), period, rules.audit.min_churned_accounts)
    if contacts is not None:
        metrics |= contact_metrics(with_contacts(months, contacts, rules.audit), rules.audit, period)
    metrics |= base_rates(panel[panel["as_of"] >= pd.Timestamp(since)], period)
    fall = rules.labels.contraction_fall
    metrics |= retention_of(snapshot, facts, rules.money, rules.audit.months, fall, rules.fixed)
    return Audit(
        as_of=now.date(),
        since=since,
        metrics=audit_metrics(looked, months, candidates),
        churners=looked,
        value=value_frame(metrics, candidates),
        refits=refits,
        churned_accounts=len(churned),
        scores=score_names(panel),
        notes=[*said, *_notes(legacy, refits, source, rules.audit)],
        labels=rules.labels,
    )


def replayed(
    snapshot: Snapshot,
    facts: Facts,
    since: date,
    legacy: pd.DataFrame | None,
    rules: AuditRules,
    champions: Champions,
) -> tuple[pd.DataFrame, list[Refit], list[str]]:
    """The panel of every month start, with the flags of each score; the refits; whose the model's column is.

    A month on which a champion served is that champion's; any other is that of a model refitted every quarter.
    """
    try:
        months = _months(snapshot, facts.as_of, rules)
        examples = training_set(snapshot, months, facts.as_of, rules.scoring, rules.labels, rules.fixed).examples
    except TooLittleData as reason:
        months, examples = [], pd.DataFrame(columns=list(PANEL)).astype(PANEL)
        said = [f"No score can be replayed. {reason}"]
    else:
        said = []
    first = since - timedelta(days=max(*rules.audit.days_before, rules.audit.surprise_days)) - MONTH
    graded = [month for month in months if month >= first]
    served = champions(graded)
    models, numeric_features = rules.models, published_features(rules.models.inputs.excluded_features)
    y_prob, refits = walk_forward(
        examples, OUTCOMES["churn"], [m for m in graded if m not in served], rules.gap_days(facts), numeric_features,
        rules.audit.candidate, rules.audit.refit_months, models.split, models.inputs, models.candidates,
    )  # fmt: skip
    for month, champion in served.items():
        rows = examples[examples["as_of"] == pd.Timestamp(month)]
        y_prob.loc[rows.index] = champion.probabilities(rows)
    said += _whose(served, rules.audit)
    panel = as_known(examples[list(PANEL)].assign(model=y_prob), legacy, rules.audit)
    share, below = models.policy.capacity_share, rules.health.bands.critical_below
    return with_flags(panel, rules.audit, share, below), refits, said


def _whose(served: Mapping[date, ServingModel], rules: AuditSettings) -> list[str]:
    """From which month on the model's column is that of the champions; nothing where none served."""
    if not served:
        return []
    versions = ", ".join(dict.fromkeys(model.version for model in served.values()))
    whose = (
        f"The model's column is, for the {len(served)} months from {min(served):%Y-%m} to {max(served):%Y-%m} on which "
        f"a champion served, that of the champion (version {versions}); for the others, that of a {rules.candidate} "
        f"model refitted every {rules.refit_months} months, as it could have been then."
    )
    return [whose]


def _months(snapshot: Snapshot, now: datetime, rules: AuditRules) -> list[date]:
    """Every month start from the first with enough usage before it, to the last whose flags are set by `now`."""
    first = first_month(snapshot, now, rules.models.split.run_in_days, rules.fixed)
    last = now - timedelta(days=rules.audit.settle_days)
    return month_starts(first, last)


def _notes(legacy: pd.DataFrame | None, refits: Sequence[Refit], source: str, rules: AuditSettings) -> list[str]:
    """What could not be computed and why, and what the metrics do not show."""
    notes = []
    if legacy is None:
        notes.append("The company gives no table of legacy scores: there is no baseline to compare with.")
    elif not len(legacy):
        notes.append("The table of legacy scores has no row that was known by then: there is no baseline.")
    elif legacy["score"].isna().all():
        notes.append(
            "The legacy scores are bands without numbers and cannot rank accounts: they have no metrics at the same "
            "number of flags, only at their own bands."
        )
    refused = [refit for refit in refits if refit.why_not]
    if refits and len(refused) == len(refits):
        notes.append(f"No model could be trained in time for any month: {refused[-1].why_not}.")
    elif refused:
        notes.append(
            f"The model's column is empty before {next(r.fitted_on for r in refits if not r.why_not)}: until then "
            f"there was too little training data ({refused[-1].why_not})."
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
    return {"audit": found.metrics, "audit_churners": churners[columns], "value": found.value}
