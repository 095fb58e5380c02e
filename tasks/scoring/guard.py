"""What one day finds of measures that moved, and what would hold had they not moved (SRC-5)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from keepwell.features.health.score import contributions
from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import HealthSettings
from keepwell.playbook.alerts.definition_guard import (
    Episode,
    Watched,
    episodes,
    guard_events,
    is_anew,
    moved,
    standing_out,
)
from keepwell.playbook.alerts.ledger_events import BOOK, DATA_RULE, DEFAULT_COMPANY, PIPELINE, LedgerEvent
from keepwell.playbook.alerts.rules import Condition, Occurrence, conditions, standings
from keepwell.playbook.settings import AlertSettings, GuardSettings
from keepwell.tasks.earlier_scores import Stored, dates, read
from keepwell.tasks.scoring.drops import data_of_drops
from keepwell.tasks.scoring.measured import component_columns, health_columns
from keepwell.tasks.scoring.own_rules import own_conditions
from keepwell.tasks.scoring.predictions import Models, acting, predictions
from keepwell.tasks.scoring.score import Scored

MART = "features"
SILENCE, DAYS_OF_USE = "days_since_last_use", "active_days_28d"


@dataclass(frozen=True)
class Guarded:
    """What the guard adds to the day: its events, its live data alerts, and the conditions with what holds them."""

    events: Sequence[LedgerEvent]
    data_alerts: Sequence[Occurrence]
    conditions: Sequence[Condition]


@dataclass(frozen=True)
class Rules:
    """The settings that the guard depends on, who answers a data alert, from when its clocks run, and the company."""

    alerts: AlertSettings
    health: HealthSettings
    owner: str
    notified_at: datetime
    company: str = DEFAULT_COMPANY


def guard(
    scored: Scored, stored: Stored, models: Models | None, history: Sequence[LedgerEvent], marts: Path,
    as_of: datetime, rules: Rules,
) -> Guarded:  # fmt: skip
    """Data alerts of what moved, and every account's conditions: those that rest on it are on hold or unknown.

    What this very day wrote before does not count, so that a rerun finds what the first run found.
    """
    before = [e for e in history if not (e.as_of == as_of and e.by == PIPELINE)]
    today, watched = scored.features.set_index("account_id"), watch(rules.health)
    live = episodes(before, as_of)
    former = {day: _features(marts, day) for e in live for day in e.measures.values() if _is_stored(marts, day)}
    new = _moves(marts, today, live, former, watched, as_of, rules)
    live = episodes([*before, *new], as_of)
    former |= {
        d: _features(marts, d) for e in live for d in e.measures.values() if d not in former and _is_stored(marts, d)
    }
    out = {e.alert_id: standing_out(e, today, former, watched, as_of, rules.alerts.guard) for e in live}
    place = Past(stored, history, marts)
    seen = _conditions(scored.accounts, scored.features, scored.drops, place, as_of, rules)
    put_back = {m: day for e in live if e.decision != "released" for m, day in out[e.alert_id].items()}
    if DAYS_OF_USE in put_back:
        put_back.setdefault(SILENCE, put_back[DAYS_OF_USE])  # silence is nothing but days without use
    if put_back:
        names = ["account_id", "feature", "points", "confidence", "coverage"]
        points = {day: read(marts, "factors", day, names) for day in set(put_back.values())}
        accounts, features, measures = without(scored, models, put_back, former, points, rules, as_of)
        drops = data_of_drops(accounts, measures, stored, as_of, rules.alerts, rules.health)
        unmoved = _conditions(accounts, features, drops, place, as_of, rules)
        waiting = [e for e in live if e.decision is None and out[e.alert_id]]
        seen = on_hold(seen, unmoved, waiting)
    data_alerts = [Occurrence(BOOK, DATA_RULE, e.subject, e.opened_at, e.opened_at, not out[e.alert_id]) for e in live]
    return Guarded(new, data_alerts, seen)


def watch(health: HealthSettings) -> list[Watched]:
    """Every published feature of which more is better or worse."""
    return [
        Watched(f.name, f.direction, f.sources[0], f.name in health.measures)
        for f in FEATURES.values()
        if f.published and f.direction
    ]


def on_hold(seen: Sequence[Condition], unmoved: Sequence[Condition], waiting: Sequence[Episode]) -> list[Condition]:
    """Conditions that hold by what moved alone: put on hold by the newest undecided data alert, else unknown."""
    found = []
    for now, without_it in zip(seen, unmoved, strict=True):
        if now.holds is not True or without_it.holds is True:
            found.append(now)
        elif waiting:
            found.append(Condition(now.account_id, now.rule, True, now.detail, waiting[-1].alert_id))
        else:
            found.append(Condition(now.account_id, now.rule, None, now.detail))
    return found


def without(
    scored: Scored, models: Models | None, put_back: Mapping[str, date], former: Mapping[date, pd.DataFrame],
    points: Mapping[date, pd.DataFrame], rules: Rules, as_of: datetime,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Accounts, features and measures as they would be had some not moved; one without a former value is left out.

    Who was silent for a window already before the move stays silent: the move did not begin that.
    """
    features = scored.features.set_index("account_id")
    measures = scored.measures.set_index("account_id")
    for name, day in put_back.items():
        values = former[day][name].reindex(features.index)
        if name == SILENCE:
            values = values.where(~(values >= rules.alerts.guard.window_days), features[name])
        features[name] = values
        rows = measures["feature"] == name
        then = points[day][points[day]["feature"] == name].drop_duplicates("account_id").set_index("account_id")
        was = then.reindex(measures.index[rows])
        measures.loc[rows, "points"] = was["points"].to_numpy()
        for column in ("confidence", "coverage"):
            measures.loc[rows, column] = was[column].fillna(0.0).to_numpy()
    measures, features = measures.reset_index(), features.reset_index()
    measures["contribution"] = contributions(measures)
    accounts = scored.accounts.set_index("account_id")
    judged = health_columns(measures, rules.health, {})[["health_computed", "coverage", "health", "band"]]
    set_by_hand = accounts["override_by"].notna().reindex(judged.index)
    for column in ("health", "band"):
        judged[column] = judged[column].where(~set_by_hand, accounts[column])
    judged = judged.join(component_columns(measures))
    accounts = accounts.drop(columns=judged.columns).join(judged)
    rows = accounts.drop(columns=[c for c in features if c in accounts]).reset_index().merge(features, on="account_id")
    said = acting(predictions(models, rows, as_of), accounts.index)
    return accounts.drop(columns=said.columns).join(said).reset_index(), features, measures


@dataclass(frozen=True)
class Past:
    """What conditions look back on: stored scores, alerts, and the marts of earlier dates."""

    stored: Stored
    history: Sequence[LedgerEvent]
    marts: Path


def _conditions(
    accounts: pd.DataFrame, features: pd.DataFrame, drops: Mapping[str, float], past: Past, as_of: datetime,
    rules: Rules,
) -> list[Condition]:  # fmt: skip
    silent = accounts.merge(features[["account_id", "days_since_last_use"]], on="account_id")
    never_used = accounts.loc[accounts["never_used"], "account_id"]
    seen = standings(silent, past.stored.recent, as_of, rules.alerts, drops, set(never_used))
    own_rules = own_conditions(accounts, features, past.history, past.marts, as_of, rules.alerts)
    return [*(c for s in seen for c in conditions(s, rules.alerts)), *own_rules]


def _moves(
    marts: Path, today: pd.DataFrame, live: Sequence[Episode], former: Mapping[date, pd.DataFrame],
    watched: Collection[Watched], as_of: datetime, rules: Rules,
) -> list[LedgerEvent]:  # fmt: skip
    """The events of what moved since the stored date a window ago, and is not the going on of an earlier move."""
    settings = rules.alerts.guard
    days = windows(dates(marts, MART), as_of.date(), settings)
    frames = [today, *(_features(marts, day) for day in days)]
    found = moved(frames, watched, settings, [(now - before).days for now, before in pairwise([as_of.date(), *days])])
    anew = {
        w.name: found[w.name] for w in watched if w.name in found and _is_new(w, live, frames, days, former, settings)
    }
    if not anew:
        return []
    return guard_events(
        anew, days[0], live, watched, as_of, rules.owner, rules.alerts, rules.notified_at, rules.company
    )


def _is_new(
    measure: Watched, live: Iterable[Episode], frames: Sequence[pd.DataFrame], days: Sequence[date],
    former: Mapping[date, pd.DataFrame], settings: GuardSettings,
) -> bool:  # fmt: skip
    named = [e for e in live if measure.name in e.measures]
    return all(is_anew(measure, e, frames[1], days[0], former, settings) for e in named)


def windows(published: Sequence[date], today: date, settings: GuardSettings) -> list[date]:
    """The stored dates one window back, two windows back, and so on; each at most a window older than it should be."""
    found: list[date] = []
    window = timedelta(days=settings.window_days)
    for _ in range(1 + settings.usual_windows):
        limit = (found[-1] if found else today) - window
        fits = [day for day in published if limit - window < day <= limit]
        if not fits:
            break
        found.append(fits[-1])
    return found


def _is_stored(marts: Path, day: date) -> bool:
    return day in dates(marts, MART)


def _features(marts: Path, day: date) -> pd.DataFrame:
    frame = read(marts, MART, day).drop(columns=["run_id", "code_version"]).set_index("account_id")
    return frame.reindex(columns=[f.name for f in FEATURES.values() if f.published], fill_value=np.nan)
