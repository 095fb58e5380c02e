"""Facts at an instant become scored, explained accounts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.health.change import OF_COMPONENTS, PARTS, change_parts
from keepwell.features.health.words import in_words, never_in_words
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import BookSettings, HealthSettings
from keepwell.playbook.actions import Playbook, Situation, reason_of
from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY
from keepwell.playbook.alerts.rules import conditions, standings
from keepwell.playbook.next_actions.day import Past, Rules, Wanted, new_actions
from keepwell.playbook.next_actions.life import ActionEvent
from keepwell.playbook.outreach.queue import prioritised
from keepwell.playbook.overrides import Override
from keepwell.playbook.settings import ActionSettings, AlertSettings, OutreachSettings, OwnerSettings, TierSettings
from keepwell.playbook.tiers import tier
from keepwell.tasks.earlier_scores import Stored
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.scoring.drops import data_of_drops
from keepwell.tasks.scoring.measured import measured_book
from keepwell.tasks.scoring.own_rules import unknown_fields
from keepwell.tasks.scoring.predictions import Models, acting, cited, predictions
from keepwell.tasks.scoring.summary import ACTION_COLUMNS, next_step, summary
from keepwell.values.dates import spoken_day

MAX_FACTORS = 3
IN_A_TEXT = ("feature", "value", "reference", "pull", "observed_on")


@dataclass(frozen=True)
class ScoreSettings:
    """The sections of the settings that a score depends on."""

    money: BookSettings
    health: HealthSettings
    tiers: TierSettings
    owners: OwnerSettings
    playbook: Playbook
    alerts: AlertSettings
    actions: ActionSettings = field(default_factory=ActionSettings)
    outreach: OutreachSettings = field(default_factory=OutreachSettings)
    company: str = DEFAULT_COMPANY

    @property
    def action_rules(self) -> Rules:
        """What the life of an action depends on."""
        by_name = {action.name: action for action in self.playbook.action}
        return Rules(
            self.actions, self.tiers, by_name, self.outreach.calls_per_week, self.outreach.capacity,
            self.alerts.escalation[0], self.company,
        )  # fmt: skip

    def __post_init__(self) -> None:
        """A playbook or a rule that names what does not exist would never answer it."""
        if said := [*unknown_factors(self.playbook), *unknown_fields(self.alerts.rules)]:
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
class People:
    """What the ledger adds to a score.

    `overrides`: those that are active, by account. `alarmed`: accounts with an alert that was open before. `actions`:
    their earlier actions, and what people recorded.
    """

    overrides: Mapping[str, Override] = field(default_factory=dict)
    alarmed: frozenset[str] = frozenset()
    actions: Past = field(default_factory=Past)


NOBODY = People()


@dataclass(frozen=True)
class Scored:
    """The book of a date: `accounts` (mart health_scores), `features` and `predictions`.

    The mart factors is `measures` of the score, and what the model `cited`. `actions`: what the day adds to them.
    `drops`: see drops.py.
    """

    accounts: pd.DataFrame
    features: pd.DataFrame
    measures: pd.DataFrame
    predictions: pd.DataFrame
    cited: pd.DataFrame
    actions: tuple[ActionEvent, ...] = ()
    drops: Mapping[str, float] = field(default_factory=dict)

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
    people: People = NOBODY,
) -> Scored:
    """Every account under contract with its health, its risk, why, how it moved, and what to do next."""
    found = measured_book(facts, settings, coverage_left, stored.measures, people.overrides)
    scores = found.scores.join(_changes(found.measures, found.scores, stored, settings.health))
    measures = _ranked(found.measures, scores["health"], settings.tiers.automated_above, facts.today)
    rows = scores.reset_index().merge(found.features, on="account_id")
    said = predictions(models, rows, facts.as_of)
    why = cited(models, rows, said, MAX_FACTORS, settings.money.reporting_currency)
    measures, why = (_with_never(frame, found.never_used) for frame in (measures, why))
    scores = scores.join(acting(said, scores.index))
    scored = Scored(scores, found.features, measures, said, why)
    scores = scores.assign(never_used=scores.index.isin(found.never_used.index))
    accounts = scores.reset_index().merge(found.wide[["account_id", "days_since_last_use"]], on="account_id")
    drops = data_of_drops(accounts, measures, stored, facts.as_of, settings.alerts, settings.health)
    seen = standings(accounts, stored.recent, facts.as_of, settings.alerts, drops, found.never_used.index)
    open_now = {s.account_id for s in seen if any(c.holds for c in conditions(s, settings.alerts))}
    people = replace(people, alarmed=frozenset(open_now.union(people.alarmed)))
    scores, actions = _explained(scores, scored.explaining, settings, facts.as_of, stored, people)
    return replace(scored, accounts=scores.reset_index(), actions=tuple(actions), drops=drops)


def _changes(measures: pd.DataFrame, scores: pd.DataFrame, stored: Stored, health: HealthSettings) -> pd.DataFrame:
    """health_prev, the change and its parts; all NaN where nothing is stored a month earlier."""
    names = ("change", *PARTS, *OF_COMPONENTS)
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
    # Coverage, weights and definitions move a score, and nothing of the account (HLT-3).
    own = changes["change_data"] + changes["change_override"]
    changes["change_flagged"] = (own.abs() > health.change_flag).where(changes["change"].notna())
    return changes


def _ranked(measures: pd.DataFrame, health: pd.Series, healthy_above: float, today: date) -> pd.DataFrame:
    """Measures in the order in which they explain: what pulls down first; what holds up first for a healthy account.

    Only what pulls that way is a factor and gets a text.
    """
    healthy = measures["account_id"].map(health) > healthy_above
    # Equal pulls stay equal whatever the last digits of a sum of weights: the feature's name decides then.
    order = measures["pull"].where(~healthy, -measures["pull"]).round(6)
    # What is missing may cost points, and is nothing that a CSM could act on.
    silent = (measures["confidence"] == 0) | measures["value"].isna()
    ranked = measures.assign(_silent=silent, _order=order, _well=healthy).sort_values(
        ["account_id", "_silent", "_order", "feature"], ignore_index=True
    )
    ranked["rank"] = ranked.groupby("account_id").cumcount() + 1
    listed = (ranked["rank"] <= MAX_FACTORS) & (ranked["_order"] < 0) & ~ranked["_silent"]
    texts = [_text(row, today) for row in ranked.loc[listed, list(IN_A_TEXT)].astype(object).itertuples()]
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
    as_of: datetime,
    stored: Stored,
    people: People,
) -> tuple[pd.DataFrame, list[ActionEvent]]:
    """The same with tier, factors in words, next action and the one-line summary; and what the day adds to actions.

    `scores` with `never_used`, by account. `explaining`: factors with a text, what explains most first: why the model
    flags, then what pulls the score.
    """
    today, factors = as_of.date(), leading_factors(explaining, scores.index)
    asked = zip(scores["health"], scores["churn_risk"], scores["churn_threshold"], strict=True)
    tiers = [tier(_known(health), _known(risk), _known(threshold), settings.tiers) for health, risk, threshold in asked]
    since = _since([t for t, _ in tiers], scores.index, today, stored)
    at_stake = prioritised(scores.reset_index(), today, settings.outreach).set_index("account_id")["at_stake"]
    rows = list(scores.astype(object).itertuples())  # plain values: a text of arrow is read one by one
    wanted = [
        _wanted(row, name, entered, factors[row.Index], today, float(at_stake.get(row.Index, 0.0)), settings, people)
        for row, (name, _), entered in zip(rows, tiers, since, strict=True)
    ]
    events, recommended = new_actions(people.actions, wanted, as_of, settings.action_rules)
    answers = []
    for row, (name, reason), entered, one in zip(rows, tiers, since, wanted, strict=True):
        texts = [text for _, _, text in factors[row.Index]]
        step = next_step(recommended[row.Index], opted_out=one.opted_out)
        line = summary(row, texts, step, today)
        listed = (*texts, *[None] * MAX_FACTORS)[:MAX_FACTORS]
        answers.append((*listed, name, reason, entered, *vars(step).values(), line))
    columns = [f"factor_{n}" for n in range(1, MAX_FACTORS + 1)]
    columns += ["tier", "tier_reason", "tier_since", *ACTION_COLUMNS, "summary"]
    return scores.join(pd.DataFrame(answers, scores.index, columns, dtype=object)), events


def _wanted(
    row: Any, tier_name: str | None, since: date | None, factors: Sequence[tuple[str, str, str]], today: date,
    at_stake: float, settings: ScoreSettings, people: People,
) -> Wanted:  # fmt: skip
    """The playbook's answer for one account."""
    if tier_name is None:
        return Wanted(row.Index, None)
    situation = situation_of(row, tier_name, factors, today, alarmed=row.Index in people.alarmed)
    action = settings.playbook.next_action(situation)
    flagged = situation.risk is not None and not np.isnan(row.churn_threshold) and situation.risk >= row.churn_threshold
    steady = tier_name == "outreach" and row.band == "stable" and not flagged and not situation.leaving
    automated = action is not None and action.owner == "automation"
    opted_out = automated and pd.notna(row.email_opt_out) and row.email_opt_out
    # Nobody asks by a template how things go while people work on what goes wrong.
    waits = opted_out or (automated and situation.alarmed)
    return Wanted(
        row.Index, situation, since or today, None if waits else action,
        reason_of(action, factors) or row.band.replace("_", " "),
        "" if action is None else row.csm if action.owner == "csm" else action.owner, at_stake,
        watched=steady and settings.actions.watch_stable, opted_out=bool(opted_out),
    )  # fmt: skip


def leading_factors(
    explaining: Sequence[pd.DataFrame], accounts: Iterable[str]
) -> dict[str, list[tuple[str, str, str]]]:
    """Feature, component and text of the factors that are shown, by account; each feature once."""
    names = ["account_id", "feature", "component", "text"]
    told = pd.concat([frame[names] for frame in explaining], ignore_index=True).drop_duplicates(names[:2])
    leading = told.groupby("account_id", sort=False).head(MAX_FACTORS)
    factors: dict[str, list[tuple[str, str, str]]] = {account: [] for account in accounts}
    for account, *factor in leading.astype(object).itertuples(index=False, name=None):
        factors[account].append(tuple(factor))
    return factors


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def situation_of(
    row: Any, tier: str, factors: Sequence[tuple[str, str, str]], today: date, *, alarmed: bool
) -> Situation:
    """What the playbook is asked about one scored account; `factors` are feature, component and text."""
    renewal = (pd.Timestamp(row.renewal_on) - pd.Timestamp(today)).days if pd.notna(row.renewal_on) else None
    return Situation(
        tier, [(f, c) for f, c, _ in factors], row.segment if isinstance(row.segment, str) else None, renewal,
        _known(row.churn_risk), _known(row.expansion_probability), _known(row.advocacy_probability), alarmed,
        leaving=row.status == "leaving", never_used=bool(getattr(row, "never_used", False)),
    )  # fmt: skip


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
