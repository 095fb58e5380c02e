"""Measures that moved for much of the portfolio at once, and the data alert that puts dependent alerts on hold (SRC-5).

A renamed event or an outage moves a measure of most accounts the same way; customers move it both ways. So what counts
is the balance: the share of accounts for which it got better, less the share for which it got worse.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

import pandas as pd

from keepwell.playbook.alerts.ledger_events import (
    BOOK,
    DATA_RULE,
    DEFAULT_COMPANY,
    PIPELINE,
    LedgerEvent,
    company_hash,
    event_of,
    fold,
)
from keepwell.playbook.alerts.rules import Rule, due_times, rules_of
from keepwell.playbook.settings import AlertSettings, GuardSettings
from keepwell.values.dates import spoken_day

MAD_TO_DEVIATION = 1.4826
MAX_NAMED = 3
"""Measures that a data alert names beside the first; all are in its events."""

DECISIONS = ("released", "discarded")


@dataclass(frozen=True)
class Watched:
    """A feature that is watched: +1 where more of it is better, -1 where less is; its source; whether it is scored."""

    name: str
    direction: int
    source: str
    scored: bool


@dataclass(frozen=True)
class Episode:
    """An open data alert. `measures`: the day whose values each had before it moved; `joined`: when each came in."""

    alert_id: str
    subject: str
    opened_at: datetime
    decision: str | None
    measures: Mapping[str, date]
    joined: Mapping[str, datetime]


def min_change(values: pd.Series, rules: GuardSettings) -> float:
    """The change of one account that counts: a part of the measure's robust standard deviation across the book."""
    spread = MAD_TO_DEVIATION * float((values - values.median()).abs().median())
    return rules.min_change * (spread if spread > 0 else float(values.std()))


def balance(
    now: pd.Series, before: pd.Series, direction: int, minimum: float, rules: GuardSettings
) -> tuple[float, float] | None:
    """The share of accounts for which a measure got better less that for which it got worse, and its standard error.

    A change counts beyond `minimum`. None for fewer than `min_accounts` that are known on both days.
    """
    both = pd.concat([now, before], axis=1, keys=["now", "before"], join="inner").astype(float).dropna()
    if len(both) < rules.min_accounts:
        return None
    change = direction * (both["now"] - both["before"])
    better, worse = float((change > minimum).mean()), float((change < -minimum).mean())
    return better - worse, ((better + worse - (better - worse) ** 2) / len(both)) ** 0.5


def moved(
    frames: Sequence[pd.DataFrame], watched: Iterable[Watched], rules: GuardSettings, gaps: Sequence[int] = ()
) -> dict[str, float]:
    """The measures that moved within the window, with their balance.

    `frames`: features by account, today's first, then one window back, two windows back, and so on; `gaps`: the days
    between each two, a window each where none are given. What is usual is the median balance of the earlier windows; a
    move must stand out from nothing and from that.
    """
    if len(frames) < 2 + rules.min_windows:
        return {}
    found = {}
    lengths = [max(gap / rules.window_days, 1.0) for gap in gaps] or [1.0] * (len(frames) - 1)
    for measure in watched:
        # One least change per day for all windows: else what ages by the calendar would count in the longer ones only.
        minimum = min_change(frames[1][measure.name], rules)
        steps = [
            balance(now[measure.name], before[measure.name], measure.direction, minimum * longer, rules)
            for (now, before), longer in zip(pairwise(frames), lengths, strict=True)
        ]
        newest, usual = steps[0], [step[0] for step in steps[1:] if step is not None]
        if newest is None or len(usual) < rules.min_windows:
            continue
        share, error = newest
        if min(abs(share), abs(share - median(usual))) >= max(rules.share, rules.min_standard_errors * error):
            found[measure.name] = share
    return found


def is_back(now: pd.Series, before: pd.Series, direction: int, rules: GuardSettings) -> bool:
    """Whether a measure is again where it was before it moved; one that too few accounts have is."""
    found = balance(now, before, direction, min_change(before, rules), rules)
    return found is None or abs(found[0]) < rules.back_share


def episodes(history: Sequence[LedgerEvent], as_of: datetime) -> list[Episode]:
    """The open data alerts, oldest first; a measure belongs to the newest one that names it."""
    live = {a.alert_id: a for a in fold(history, as_of).values() if a.rule == DATA_RULE and a.closed_at is None}
    days: dict[str, dict[str, date]] = {alert_id: {} for alert_id in live}
    joined: dict[str, dict[str, datetime]] = {alert_id: {} for alert_id in live}
    known = [e for e in history if e.as_of <= as_of]
    named = [e for e in known if e.alert_id in live and e.kind in ("opened", "widened")]
    for event in sorted(named, key=lambda e: (e.as_of, e.event_id)):
        for measure, day in event.payload["measures"].items():
            for others in days.values():
                others.pop(measure, None)
            days[event.alert_id][measure] = date.fromisoformat(day)
            joined[event.alert_id][measure] = event.as_of
    found = [
        Episode(name, str(a.subject), a.opened_at, decision_of(known, name), days[name], joined[name])
        for name, a in live.items()
    ]
    return sorted(found, key=lambda e: (e.opened_at, e.alert_id))


def decision_of(history: Iterable[LedgerEvent], alert_id: str) -> str | None:
    """What a person decided of a data alert: `released`, `discarded`, or nothing yet."""
    return next((e.kind for e in history if e.alert_id == alert_id and e.kind in DECISIONS), None)


def standing_out(
    episode: Episode, today: pd.DataFrame, former: Mapping[date, pd.DataFrame], watched: Iterable[Watched],
    as_of: datetime, rules: GuardSettings,
) -> dict[str, date]:  # fmt: skip
    """The measures of a data alert that are not back, with the day before they moved; none once it is too old."""
    if as_of - episode.opened_at >= timedelta(days=rules.max_days):
        return {}
    return {
        w.name: day
        for w in watched
        if (day := episode.measures.get(w.name)) in former
        and day is not None
        and not is_back(today[w.name], former[day][w.name], w.direction, rules)
    }


def is_anew(
    measure: Watched, episode: Episode, then: pd.DataFrame, on: date, former: Mapping[date, pd.DataFrame],
    rules: GuardSettings,
) -> bool:  # fmt: skip
    """Whether a measure that a data alert names was back in between, on the day with which today is compared."""
    day = episode.measures[measure.name]
    if on < episode.joined[measure.name].date() or day not in former:
        return False
    return is_back(then[measure.name], former[day][measure.name], measure.direction, rules)


def guard_events(
    moves: Mapping[str, float],
    before: date,
    live: Sequence[Episode],
    watched: Collection[Watched],
    as_of: datetime,
    owner: str,
    settings: AlertSettings,
    notified_at: datetime,
    company: str = DEFAULT_COMPANY,
) -> list[LedgerEvent]:
    """What newly moved joins the data alert that is about it, or opens one; `before`: the day it is compared with.

    It joins one that is younger than `join_days`: an undecided one, or a decided one about the same source. What gets
    better joins one of the same source whatever its age: it recovers. A feature that is not scored opens none alone.
    """
    about = {w.name: w for w in watched}
    joins: dict[str, dict[str, date]] = {}
    alone = {}
    for name, share in moves.items():
        same = [e for e in live if about[name].source in {about[m].source for m in e.joined if m in about}]
        young = [e for e in live if as_of - e.opened_at < timedelta(days=settings.guard.join_days)]
        fits = [e for e in live if (e in same and (share > 0 or e in young)) or (e in young and e.decision is None)]
        if fits:
            joins.setdefault(fits[-1].alert_id, {})[name] = before
        else:
            alone[name] = share
    found = [_widened(alert_id, names, as_of) for alert_id, names in joins.items()]
    if any(about[name].scored for name in alone):
        rule = rules_of(settings)[DATA_RULE]
        due = due_times(rule, notified_at, settings, owner)
        found.append(_opened(alone, about, before, as_of, owner, rule, due, company))
    return found


@dataclass(frozen=True)
class _About:
    """What an event of a data alert is about."""

    alert_id: str
    subject: str | None
    account_id: str = BOOK
    rule: str = DATA_RULE


def _widened(alert_id: str, names: Mapping[str, date], as_of: datetime) -> LedgerEvent:
    payload = {"measures": {name: str(day) for name, day in sorted(names.items())}}
    return event_of(_About(alert_id, None), "widened", as_of, PIPELINE, payload)


def _opened(
    moves: Mapping[str, float], about: Mapping[str, Watched], before: date, as_of: datetime, owner: str,
    rule: Rule, due: Mapping[str, datetime], company: str,
) -> LedgerEvent:  # fmt: skip
    first, *others = sorted(moves, key=lambda name: (not about[name].scored, -abs(moves[name]), name))
    payload = {
        "episode": None,
        "severity": rule.severity,
        "detail": _detail(first, moves[first], before, others),
        "known_at": as_of.isoformat(),
        "owner": owner,
        "recipients": list(rule.recipients),
        "due": {step: at.isoformat() for step, at in due.items()},
        "digest_id": None,
        "measures": {name: str(before) for name in sorted(moves)},
    }
    alert_id = company_hash(company, DATA_RULE, first, as_of.isoformat())
    return event_of(_About(alert_id, f"{first} since {before}"), "opened", as_of, PIPELINE, payload)


def _detail(first: str, share: float, before: date, others: Sequence[str]) -> str:
    way, other = ("worse", "better") if share < 0 else ("better", "worse")
    more = [f"{len(others) - MAX_NAMED} more"] if len(others) > MAX_NAMED else []
    listed = [name.replace("_", " ") for name in others[:MAX_NAMED]]
    also = f"; also moved: {', '.join([*listed, *more])}" if others else ""
    return (
        f"{first.replace('_', ' ')} moved across the portfolio since {spoken_day(before)}: {way} for {abs(share):.0%} "
        f"more accounts than {other}{also}"
    )
