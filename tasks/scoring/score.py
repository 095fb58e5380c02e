"""Facts at an instant become scored, explained accounts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.health.change import change_parts
from keepwell.features.health.words import in_words, mid_sentence, never_in_words
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import BookSettings, HealthSettings
from keepwell.playbook.actions import Case, Playbook
from keepwell.playbook.alerts.rules import conditions, standings
from keepwell.playbook.overrides import Override
from keepwell.playbook.settings import AlertSettings, OwnerSettings, TierSettings
from keepwell.playbook.tiers import due_date, tier
from keepwell.tasks.earlier_scores import Stored
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.scoring.measured import NO_OVERRIDES, measured_book
from keepwell.tasks.scoring.predictions import Models, acting, cited, predictions
from keepwell.values.dates import spoken_day

MAX_FACTORS = 3


@dataclass(frozen=True)
class ScoreSettings:
    """The sections of the settings that a score depends on."""

    money: BookSettings
    health: HealthSettings
    tiers: TierSettings
    owners: OwnerSettings
    playbook: Playbook
    alerts: AlertSettings

    def __post_init__(self) -> None:
        """A playbook that names what does not exist would never answer it."""
        if said := unknown_factors(self.playbook):
            raise ConfigError("\n".join(said))


def unknown_factors(playbook: Playbook) -> list[str]:
    """What the actions name that is no feature and no component, a sentence each."""
    return [
        f"the playbook's action {action.name!r} names {name!r}, which is no {kind}{nearest(name, known)}"
        for action in playbook.action
        for kind, names, known in (("feature", action.features, FEATURES), ("component", action.components, COMPONENTS))
        for name in names
        if name not in known
    ]


@dataclass(frozen=True)
class Scored:
    """The book of a date: `accounts` (mart health_scores), `features` and `predictions`.

    The mart factors is `measures` of the score, and what the model `cited`.
    """

    accounts: pd.DataFrame
    features: pd.DataFrame
    measures: pd.DataFrame
    predictions: pd.DataFrame
    cited: pd.DataFrame

    @property
    def explaining(self) -> list[pd.DataFrame]:
        """The factors with a text: why the model flags, then what pulls the score."""
        return [self.cited, self.measures[self.measures["text"].notna()]]


def score_book(
    facts: Facts,
    settings: ScoreSettings,
    coverage_left: Mapping[str, float],
    stored: Stored,
    models: Models | None = None,
    overrides: Mapping[str, Override] = NO_OVERRIDES,
    alarmed: Collection[str] = (),
) -> Scored:
    """Every account under contract with its health, its risk, why, how it moved, and what to do next.

    `overrides`: those in force, by account. `alarmed`: accounts with an alert that was open before.
    """
    found = measured_book(facts, settings, coverage_left, stored.measures, overrides)
    scores = found.scores.join(_changes(found.measures, found.scores, stored, settings.health))
    measures = _ranked(found.measures, scores["health"], settings.tiers.automated_above, facts.today)
    rows = scores.reset_index().merge(found.features, on="account_id")
    said = predictions(models, rows)
    why = cited(models, rows, said, MAX_FACTORS, settings.money.reporting_currency)
    measures, why = (_with_never(frame, found.never_used) for frame in (measures, why))
    scores = scores.join(acting(said, scores.index))
    scored = Scored(scores, found.features, measures, said, why)
    accounts = scores.reset_index().merge(found.wide[["account_id", "days_since_last_use"]], on="account_id")
    seen = standings(accounts, stored.recent, facts.as_of, settings.alerts)
    open_now = {s.account_id for s in seen if any(c.holds for c in conditions(s, settings.alerts))}
    scores = _explained(scores, scored.explaining, settings, facts.today, stored, open_now.union(alarmed))
    return replace(scored, accounts=scores.reset_index())


def _changes(measures: pd.DataFrame, scores: pd.DataFrame, stored: Stored, health: HealthSettings) -> pd.DataFrame:
    """health_prev, the change and its parts; all NaN where nothing is stored a month earlier."""
    names = ("change", "change_definition", "change_weights", "change_data", "change_coverage", "change_override")
    if stored.month_ago is None or stored.month_ago_measures is None:
        changes = pd.DataFrame(np.nan, index=scores.index, columns=["health_prev", *names])
    else:
        before = stored.month_ago.set_index("account_id").reindex(scores.index)
        sides = scores[["health", "health_computed"]].assign(
            health_before=before["health"], computed_before=before["health_computed"]
        )
        parts = change_parts(stored.month_ago_measures, measures, sides, FEATURES, health)
        changes = parts.assign(health_prev=before["health"])
        changes = changes[["health_prev", *names]]
    changes["change_flagged"] = (changes["change"].abs() > health.change_flag).where(changes["change"].notna())
    return changes


def _ranked(measures: pd.DataFrame, health: pd.Series, healthy_above: float, today: date) -> pd.DataFrame:
    """Measures in the order in which they explain: what pulls down first; what holds up first for a healthy account.

    Only what pulls that way is a factor and gets a text.
    """
    healthy = measures["account_id"].map(health) > healthy_above
    order = measures["pull"].where(~healthy, -measures["pull"])
    ranked = measures.assign(_silent=measures["confidence"] == 0, _order=order, _well=healthy).sort_values(
        ["account_id", "_silent", "_order", "feature"], ignore_index=True
    )
    ranked["rank"] = ranked.groupby("account_id").cumcount() + 1
    listed = (ranked["rank"] <= MAX_FACTORS) & (ranked["_order"] < 0)
    texts = [_text(row, today) for row in ranked[listed].itertuples()]
    ranked["text"] = pd.Series(texts, ranked.index[listed], dtype=object).reindex(ranked.index)
    return ranked.assign(kind="health").drop(columns=["_silent", "_order", "_well"])


def _with_never(factors: pd.DataFrame, never_used: pd.Series) -> pd.DataFrame:
    """The factors, where an account that never used the product says so."""
    days = factors["account_id"].map(never_used)
    mine = factors["feature"].eq("days_since_last_use") & factors["text"].notna() & days.notna()
    texts = [never_in_words(FEATURES["days_since_last_use"], tenure) for tenure in days[mine]]
    return factors.assign(text=factors["text"].where(~mine, pd.Series(texts, factors.index[mine], dtype=object)))


def _text(row: Any, today: date) -> str:
    """A factor in words; a carried one says as of when."""
    words = in_words(FEATURES[row.feature], row.value, row.reference, well=row.pull > 0)
    carried = pd.notna(row.observed_on) and row.observed_on.date() < today
    return f"{words} (as of {spoken_day(row.observed_on.date(), today)})" if carried else words


def _explained(
    scores: pd.DataFrame,
    explaining: Sequence[pd.DataFrame],
    settings: ScoreSettings,
    today: date,
    stored: Stored,
    alarmed: Collection[str],
) -> pd.DataFrame:
    """The same with tier, factors in words, next action, its owner and due date, and the one-line summary.

    `explaining`: factors with a text, what explains most first: why the model flags, then what pulls the score.
    """
    factors = leading_factors(explaining, scores.index)
    asked = zip(scores["health"], scores["churn_risk"], scores["churn_threshold"], strict=True)
    tiers = [tier(_known(health), _known(risk), _known(threshold), settings.tiers) for health, risk, threshold in asked]
    since = _since([t for t, _ in tiers], scores.index, today, stored)
    answers = []
    for row, (name, reason), entered in zip(scores.itertuples(), tiers, since, strict=True):
        mine = factors[row.Index]
        case = case_of(row, name, mine, today, alarmed=row.Index in alarmed) if name else None
        step = _next_step(row, case, entered, settings)
        texts = [text for _, _, text in mine]
        line = summary(row.churn_risk, row.health, row.band, texts, step, today, row.override_by)
        listed = (*texts, *[None] * MAX_FACTORS)[:MAX_FACTORS]
        answers.append((*listed, name, reason, entered, step.action, step.owner, step.due, line))
    columns = [f"factor_{n}" for n in range(1, MAX_FACTORS + 1)]
    columns += ["tier", "tier_reason", "tier_since", "next_action", "action_owner", "action_due", "summary"]
    return scores.join(pd.DataFrame(answers, scores.index, columns, dtype=object))


def leading_factors(
    explaining: Sequence[pd.DataFrame], accounts: Iterable[str]
) -> dict[str, list[tuple[str, str, str]]]:
    """Feature, component and text of the factors that are shown, by account; each feature once."""
    factors: dict[str, list[tuple[str, str, str]]] = {account: [] for account in accounts}
    for frame in explaining:
        for row in frame.itertuples():
            mine = factors[row.account_id]
            if len(mine) < MAX_FACTORS and row.feature not in {feature for feature, _, _ in mine}:
                mine.append((row.feature, row.component, row.text))
    return factors


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


@dataclass(frozen=True)
class NextStep:
    """What to do next, who does it, by when; all empty without a tier."""

    action: str | None = None
    owner: str | None = None
    due: date | None = None


def case_of(row: Any, tier: str, factors: Sequence[tuple[str, str, str]], today: date, *, alarmed: bool) -> Case:
    """What the playbook is asked about one scored account; `factors` are feature, component and text."""
    renewal = (pd.Timestamp(row.renewal_on) - pd.Timestamp(today)).days if pd.notna(row.renewal_on) else None
    return Case(
        tier, [(f, c) for f, c, _ in factors], row.segment if isinstance(row.segment, str) else None, renewal,
        _known(row.churn_risk), _known(row.expansion_probability), _known(row.advocacy_probability), alarmed,
    )  # fmt: skip


def _next_step(row: Any, case: Case | None, since: date | None, settings: ScoreSettings) -> NextStep:
    """The playbook's answer for one account."""
    action = settings.playbook.next_action(case) if case else None
    if case is None or since is None or action is None:
        return NextStep()
    if action.owner == "automation" and pd.notna(row.email_opt_out) and row.email_opt_out:
        return NextStep("No automated email (opted out)")
    due = due_date(case.tier, since, action.within_days, settings.tiers)
    return NextStep(action.name, row.csm if action.owner == "csm" else action.owner, due)


def _since(tiers: Sequence[str | None], accounts: pd.Index, today: date, stored: Stored) -> list[date | None]:
    """The date on which each account entered the tier that it is in."""
    if stored.newest is None:
        return [today if name else None for name in tiers]
    before = stored.newest.set_index("account_id").reindex(accounts)
    entered = pd.to_datetime(before["tier_since"]).dt.date
    return [
        None if name is None else kept if old == name and pd.notna(kept) else today
        for name, old, kept in zip(tiers, before["tier"], entered, strict=True)
    ]


def summary(
    risk: float, health: float, band: str, factors: Sequence[str], step: NextStep, today: date, by: str | None = None
) -> str:
    """One line: risk (or health, without a model; `by`: who set it), key factors, what is recommended by when."""
    said = f"health {health:.1f}" + (f" set by {by}" if by else "")
    score = "too little is known for a score" if np.isnan(health) else f"{said}, {band}"
    said = f"no model ({score})" if np.isnan(risk) else f"{risk:.0%}"
    parts = [f"Churn risk: {said}", f"Key factors: {', '.join(map(mid_sentence, factors)) or 'none stands out'}"]
    if step.action:
        parts.append(f"Recommended: {step.action}{_within(step.due, today)}")
    return " | ".join(parts)


def _within(due: date | None, today: date) -> str:
    if due is None:
        return ""
    days = (due - today).days
    if days < 0:
        return f" (was due {due})"
    return " today" if days == 0 else f" within {days} day{'s' if days > 1 else ''}"
