"""The deadlines of cases, computed independently for `make soak`, sweep by sweep.

They follow from each alert's opening, the alerts that are open with it, the script's own log of what people did, and
what had been written by then; the product's own record of what was late is not used.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from evaluation.soak_script import DAILY_AT, HOUR, REPEATED, SLEEPS_FOR, TWO_CASES, sweeps
from keepwell.playbook.alerts.ledger_events import BOOK, PIPELINE, RUN_RULE, SEVERITIES, STEPS, LedgerEvent

FULFILS: Mapping[str, Sequence[str]] = {
    "assess": REPEATED, "release": REPEATED, "plan": STEPS[:3], "contact": STEPS[:4], "follow-up": STEPS,
    "snooze": ("snoozed",), "close": (), TWO_CASES: (),
}  # fmt: skip
"""What an act in the log does to each alert of its case: a later step fulfills those before it."""
FOLLOWED = ("opened", "released", "notified", "closed")
"""Events of the ledger that the deadlines follow; what people did comes from the script's log."""
BY_SWEEP = ("payment_failure", "billing_dispute", "urgent_ticket", RUN_RULE)
FAR = datetime(9999, 1, 1)


@dataclass(frozen=True)
class Change:
    """What becomes of an alert, and when that was written; `at` is when it counts."""

    written: datetime
    alert_id: str
    kind: str
    at: datetime
    dues: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(eq=False)
class _Trigger:
    """An alert as the check follows it: since when, what it asks for by when, what people did, its end.

    `sent`: the sweep that sends its message; it asks for nothing before.
    """

    opening: LedgerEvent
    since: datetime
    sent: datetime
    on_hold: bool
    dues: dict[str, datetime]
    done: dict[str, datetime] = field(default_factory=dict)
    closed: datetime | None = None

    @property
    def rank(self) -> int:
        return SEVERITIES.index(self.opening.payload["severity"])

    def change(self, change: Change, sweep: datetime) -> None:
        """Follow what was written before a sweep."""
        match change.kind:
            case "released" if self.on_hold:
                self.on_hold, self.since, self.sent, self.dues = False, change.at, sweep, dict(change.dues)
            case "notified":
                self.dues |= change.dues
            case "snoozed":
                self.dues = {s: due + SLEEPS_FOR if due > change.at else due for s, due in self.dues.items()}
            case "closed":
                self.closed = change.at
            case step if step in (*STEPS, "review"):
                self.done.setdefault(step, change.at)


@dataclass(frozen=True)
class _Asked:
    """A step of a case: by when, when it was done; `same`: alerts of which a missed one is on record for it."""

    step: str
    due: datetime
    done: datetime | None
    alert: _Trigger
    same: Sequence[_Trigger]


def misses(history: Sequence[LedgerEvent], log: Path, last: datetime) -> Iterator[tuple[str, str, datetime, datetime]]:
    """What each sweep has to record: account, step, deadline, and the instant of the sweep."""
    openings = {e.alert_id: e for e in history if e.kind == "opened"}
    by_account: dict[str, list[Change]] = defaultdict(list)
    ledger = [Change(written(e), e.alert_id, e.kind, e.at, dues_of(e)) for e in history if e.kind in FOLLOWED]
    for change in sorted([*ledger, *people(history, log)], key=lambda c: c.written):
        by_account[openings[change.alert_id].account_id].append(change)
    for account, own in sorted(by_account.items()):
        triggers: dict[str, _Trigger] = {}
        on_record: set[tuple[str, str]] = set()
        first = _hour_after(own[0].written)
        for sweep in filter(sweeps, (first + n * HOUR for n in range((last - first) // HOUR + 1))):
            while own and own[0].written <= sweep:
                change = own.pop(0)
                if change.kind == "opened":
                    opening = openings[change.alert_id]
                    on_hold = bool(opening.payload.get("held_by"))
                    triggers[change.alert_id] = _Trigger(opening, change.at, sweep, on_hold, dict(change.dues))
                else:
                    triggers[change.alert_id].change(change, sweep)
            for case in _cases(t for t in triggers.values() if not t.on_hold):
                until = min(sweep, max(t.closed or sweep for t in case))
                for one in _asked(case, sweep):
                    late = one.due <= until and (one.done is None or one.done > one.due)
                    if late and not any((t.opening.alert_id, one.step) in on_record for t in one.same):
                        on_record.add((one.alert.opening.alert_id, one.step))
                        yield account, one.step, one.due, sweep


def _cases(triggers: Iterable[_Trigger]) -> Iterator[list[_Trigger]]:
    """Alerts of an account whose lives overlap; one about the pipeline by itself."""
    current: list[_Trigger] = []
    for one in sorted(triggers, key=lambda t: (t.since, t.opening.alert_id)):
        alone = one.opening.account_id == BOOK or all(t.closed and t.closed <= one.since for t in current)
        if current and alone:
            yield current
            current = []
        current.append(one)
    if current:
        yield current


def _asked(case: Sequence[_Trigger], sweep: datetime) -> Iterator[_Asked]:
    """The deadlines of a case: the tightest of its alerts; who joins it louder asks for the first steps again.

    Of a closed alert only what was due by then. Once the louder ones are closed, the others ask, no earlier than it was
    due before.
    """
    first, ends = case[0].since, [t.closed for t in case if t.closed]
    before = [[b.rank for b in case[:n]] for n in range(len(case))]
    loud = [t for t, b in zip(case, before, strict=True) if t.since == first or t.opening.subject or t.rank < min(b)]
    joined = [t for t in loud if t.since > first]
    left = [t for t in case if t.closed is None] or [t for t in case if t.closed == max(ends)]
    quiet = [] if any(t in loud for t in left) else left
    for step in STEPS:
        same = [t for t in case if step not in REPEATED or t not in joined]
        dues = [(t.dues[step], t) for t in loud if t in same and step in t.dues]
        asked = [(due, t) for due, t in dues if t.closed is None or due <= t.closed]
        if dues and not asked:
            so_far = min(due for due, _ in dues)
            asked = [(max(t.dues[step], so_far), t) for t in quiet if step in t.dues]
        if asked := [(due, t) for due, t in asked if t.sent < sweep]:
            due, alert = min(asked, key=lambda one: (one[0], one[1].opening.alert_id))
            yield _Asked(step, due, _done(case, step, first), alert, same)
    for one in (t for t in case if t.sent < sweep):
        alone = one.opening.payload["recipients"] == ["csm"]
        for step in (*(REPEATED if one in joined else ()), "review"):
            if step not in one.dues or (one.closed is not None and one.dues[step] > one.closed):
                continue
            done = _done(case, step, one.since) if step in REPEATED else one.done.get(step)
            assessed = one.done.get("assess") if step == "review" and alone else None
            yield _Asked(step, one.dues[step], min(filter(None, (done, assessed)), default=None), one, [one])


def _done(case: Sequence[_Trigger], step: str, since: datetime) -> datetime | None:
    """When people first took a step for one of the alerts since then."""
    return min((t.done[step] for t in case if step in t.done and t.done[step] >= since), default=None)


def people(history: Sequence[LedgerEvent], log: Path) -> list[Change]:
    """What people did about each alert of the cases in the log."""
    ids = {e.alert_id[:8]: e.alert_id for e in history}
    found = []
    for line in dict.fromkeys(log.read_text().splitlines()):
        act = json.loads(line)
        at = datetime.fromisoformat(act["at"])
        kinds = FULFILS.get(act["act"], (act["act"],))
        found += [Change(at, ids[alert], kind, at) for alert in act["alerts"] for kind in kinds]
    return found


def dues_of(event: LedgerEvent) -> dict[str, datetime]:
    """The deadlines that an event gives to its alert."""
    return {step: datetime.fromisoformat(due) for step, due in event.payload.get("due", {}).items()}


def written(event: LedgerEvent) -> datetime:
    """When it was written: by a sweep or a person at once, by the day's run hours after midnight.

    A sweep opens and closes alerts of events, and closes those of accounts that left.
    """
    gone = event.kind == "closed" and "under contract" in event.payload["reason"]
    by_day = event.kind in ("opened", "released", "closed") and event.by == PIPELINE and event.rule not in BY_SWEEP
    return event.as_of + (DAILY_AT * HOUR if by_day and not gone else timedelta(0))


def _hour_after(at: datetime) -> datetime:
    """The first full hour at an instant or after it."""
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + HOUR
