"""Entries of people become lines of the work ledger; an invalid one is refused with its column (MON-3)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.measures.all import FEATURES
from keepwell.playbook.interventions.records import RESULTS, STATUSES, WorkEvent, interventions_at, plans_at, work_event
from keepwell.playbook.settings import WorkSettings
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.names import Names

HEALTH = "health"
METRICS: Mapping[str, int] = {HEALTH: 1, **{name: f.direction for name, f in FEATURES.items() if f.published}}
"""Metrics of plans, and which way is better: 1 more, -1 less, 0 neither."""


class Refused(Exception):
    """An entry that cannot be recorded: the column or option, and the remedy."""

    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(message)


@dataclass(frozen=True)
class Entry:
    """One entry of a person; the fields are the options of the commands and the columns of a file."""

    what: str
    at: datetime
    by: str
    account: str = ""
    note: str = ""
    outcome: str = ""
    cause: str = ""
    kind: str = ""
    id: str = ""
    result: str = ""
    metric: str = ""
    target: float | None = None
    due: date | None = None
    value: float | None = None
    status: str = ""
    owner: str = ""


@dataclass
class Begun:
    """Existing interventions and plans: account and instant of each, by id."""

    interventions: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    plans: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Collection[WorkEvent], now: datetime) -> "Begun":
        """Everything in the ledger by `now`."""
        return cls(
            {i.intervention_id: (i.account_id, i.started_at) for i in interventions_at(events, now)},
            {p.plan_id: (p.account_id, p.planned_at) for p in plans_at(events, now)},
        )


class Desk:
    """Turns entries into events, as of `now`; checks accounts, words, metrics, and existing work."""

    def __init__(self, marts: Path, ledger: Ledger, words: WorkSettings, now: datetime, plan_ahead_days: float) -> None:
        self._marts, self._words, self._now = marts, words, now
        self._furthest = (now + timedelta(days=plan_ahead_days)).date()
        self._names = Names(marts, now)
        self._begun = Begun.of(ledger.work(now), now)
        self._company = ledger.company

    @property
    def max_file_mb(self) -> int:
        """Maximum size of a file, megabytes."""
        return self._words.max_file_mb

    def event(self, entry: Entry) -> WorkEvent:
        """The line for one entry; Refused if something in it is invalid."""
        if entry.what not in _ACTS:
            raise Refused("what", f"{entry.what!r} is not a kind of entry{nearest(entry.what, _ACTS)}")
        if not entry.by:
            raise Refused("by", "empty. Say who did it.")
        stray = [name for name in _DETAILS if getattr(entry, name) not in ("", None) and name not in _TAKES[entry.what]]
        if stray:
            its = ", ".join(_TAKES[entry.what]) or "account and note only"
            raise Refused(stray[0], f"not a column of `{entry.what}` (it takes: {its}). Record it in a row of its own.")
        if (self._now - entry.at).days > self._words.max_backdate_days:
            days = f"{self._words.max_backdate_days:,} days (work.max_backdate_days)"
            raise Refused(
                "at", f"{entry.at.isoformat()} is more than {days} ago. Correct the year, or raise that setting."
            )
        if entry.at > self._now:
            raise Refused("at", f"{entry.at:%Y-%m-%d %H:%M} is after {self._now:%Y-%m-%d %H:%M}: it is in the future.")
        return _ACTS[entry.what](self, entry)

    def call(self, entry: Entry) -> WorkEvent:
        words = self._words
        outcome = _word("outcome", entry.outcome, (*words.reached, *words.not_reached))
        return self._line(entry, "called", outcome=outcome, reached=outcome in words.reached)

    def cause(self, entry: Entry) -> WorkEvent:
        return self._line(entry, "caused", cause=_word("cause", entry.cause, self._words.causes))

    def start(self, entry: Entry) -> WorkEvent:
        kind = _word("kind", entry.kind, self._words.kinds)
        cause = {"cause": _word("cause", entry.cause, self._words.causes)} if entry.cause else {}
        event = self._line(entry, "started", self._new_id(entry, self._begun.interventions), kind=kind, **cause)
        self._begun.interventions.setdefault(str(event.subject), (event.account_id, event.at))
        return event

    def end(self, entry: Entry) -> WorkEvent:
        named, (account, since) = _one("intervention", entry.id, self._begun.interventions)
        if entry.at < since:
            raise Refused("at", f"it began at {since:%Y-%m-%d %H:%M} and cannot have ended before.")
        return self._about(entry, "ended", account, named, result=_word("result", entry.result, RESULTS))

    def plan(self, entry: Entry) -> WorkEvent:
        metric = _word("metric", entry.metric, METRICS)
        if entry.target is None:
            raise Refused("target", "empty. Give the target value.")
        if metric == HEALTH and not 0 <= entry.target <= 100:
            raise Refused("target", f"{entry.target:g} is not a health score: it goes from 0 to 100.")
        due = self._due(entry)
        account = self._account(entry)
        baseline = self._value(account, metric, entry.at.date())
        rising = METRICS[metric] > 0 or (METRICS[metric] == 0 and (baseline is None or entry.target >= baseline))
        event = self._about(
            entry, "planned", account, self._new_id(entry, self._begun.plans), metric=metric, baseline=baseline,
            target=entry.target, rising=rising, due=due, **({"owner": entry.owner} if entry.owner else {}),
        )  # fmt: skip
        self._begun.plans.setdefault(str(event.subject), (event.account_id, event.at))
        return event

    def progress(self, entry: Entry) -> WorkEvent:
        named, (account, since) = _one("plan", entry.id, self._begun.plans)
        if entry.at < since:
            raise Refused("at", f"it was planned at {since:%Y-%m-%d %H:%M}; the update cannot be earlier.")
        if entry.value is None and not entry.status and not entry.note:
            raise Refused("value", "empty, and so are status and note. Give at least one.")
        said: dict[str, Any] = {} if entry.value is None else {"value": entry.value}
        if entry.status:
            said["status"] = _word("status", entry.status, STATUSES)
        return self._about(entry, "progressed", account, named, **said)

    def follow_up(self, entry: Entry) -> WorkEvent:
        return self._line(entry, "follow_up", due=self._due(entry))

    def _line(self, entry: Entry, kind: str, subject: str | None = None, /, **said: Any) -> WorkEvent:
        return self._about(entry, kind, self._account(entry), subject, **said)

    def _about(self, entry: Entry, kind: str, account: str, subject: str | None, /, **said: Any) -> WorkEvent:
        note = {"note": entry.note} if entry.note else {}
        return work_event(kind, account, subject, self._now, entry.at, entry.by, {**said, **note}, self._company)

    def _account(self, entry: Entry) -> str:
        if not entry.account:
            raise Refused("account", "empty. Give an account's id or name.")
        try:
            return self._names.account(entry.account)
        except ConfigError as error:
            raise Refused("account", str(error)) from error

    def _due(self, entry: Entry) -> str:
        if entry.due is None:
            raise Refused("due", "empty. Give a due date.")
        if entry.due < entry.at.date():
            raise Refused("due", f"{entry.due} is before {entry.at:%Y-%m-%d}, the day of the entry.")
        if entry.due > self._furthest:
            raise Refused("due", f"{entry.due} is after {self._furthest}, the limit of schedule.plan_ahead_days.")
        return entry.due.isoformat()

    def _new_id(self, entry: Entry, begun: Mapping[str, tuple[str, datetime]]) -> str | None:
        """The id of the entry; an id of other work is refused, the same entry again is the same line."""
        if entry.id in begun and begun[entry.id] != (self._account(entry), entry.at):
            raise Refused("id", f"{entry.id!r} is the id of other work. Use another id.")
        return entry.id or None

    def _value(self, account: str, metric: str, day: date) -> float | None:
        """The metric in the newest published marts up to a day; None if unknown."""
        days = [d for d in dates(self._marts, mart_of(metric)) if d <= day]
        return value_of(self._marts, days[-1], account, metric) if days else None


def mart_of(metric: str) -> str:
    """The mart of a metric."""
    return "health_scores" if metric == HEALTH else "features"


def value_of(marts: Path, day: date, account: str, metric: str) -> float | None:
    """A metric of an account as published for a day."""
    frame = read(marts, mart_of(metric), day, ["account_id", metric])
    found = frame.loc[frame["account_id"] == account, metric]
    return float(found.iloc[0]) if len(found) and pd.notna(found.iloc[0]) else None


def _word(column: str, given: str, known: Collection[str]) -> str:
    if given not in known:
        raise Refused(column, f"{given!r} is not an allowed value{nearest(given, known)}")
    return given


def _one(what: str, named: str, begun: Mapping[str, tuple[str, datetime]]) -> tuple[str, tuple[str, datetime]]:
    """The intervention or plan with this id, or the only one whose id begins with it."""
    found = [named] if named in begun else [one for one in begun if named and one.startswith(named)]
    if len(found) != 1:
        many = f"{len(found)} {what}s begin" if found else f"no {what} begins"
        raise Refused("id", f"{many} with {named!r}. `keepwell work list` shows them.")
    return found[0], begun[found[0]]


_ACTS: Mapping[str, Callable[[Desk, Entry], WorkEvent]] = {
    "call": Desk.call, "cause": Desk.cause, "start": Desk.start, "end": Desk.end, "plan": Desk.plan,
    "progress": Desk.progress, "follow-up": Desk.follow_up,
}  # fmt: skip

_DETAILS = ("outcome", "cause", "kind", "id", "result", "metric", "target", "due", "value", "status", "owner")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "call": ("outcome",), "cause": ("cause",), "start": ("kind", "cause", "id"), "end": ("id", "result"),
    "plan": ("metric", "target", "due", "owner", "id"), "progress": ("id", "value", "status"), "follow-up": ("due",),
}  # fmt: skip
"""Columns of each kind of entry, beside the common ones: a value that would be dropped is refused."""
