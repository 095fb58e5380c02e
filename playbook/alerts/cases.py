"""One case per account: its live alerts with one set of deadlines, one owner, one message (ALR-7).

A case opens with its first live alert and closes with its last. Its deadlines are the tightest of the alerts that open
it. An alert that joins later and is louder (more severe than any before, or an event) asks for acknowledgment and
assessment again, from its own time; any other joins without deadlines. A review deadline stays that of its own alert.
An alert about the pipeline is a case of its own, and none of an account's.

Cases follow from the ledger's alerts alone, so those of an older ledger have theirs too: alerts of an account belong
together where their lives overlap. A day's run writes as of midnight what it finds hours later, and may so put an alert
before the one that opened a case: the id of every alert's own case names the case that it belongs to
(`Case.answers_to`).

The clocks are those of the alerts that are open: of a closed one only what fell due before it closed is asked for.
Where the louder ones are all closed, the deadlines of the others count.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import pyarrow as pa

from keepwell.playbook.alerts.ledger_events import (
    BOOK,
    SEVERITIES,
    STATES,
    STEPS,
    Alert,
    LedgerEvent,
    fold,
    short_hash,
)

REPEATED = ("ack", "assess")
"""The steps that a louder alert asks for again."""


@dataclass(frozen=True)
class Deadline:
    """A step that a case asks for: the alert whose deadline it is, what was done, and whether a miss is on record.

    `by`, `note`: of who did it; None while nobody did.
    """

    step: str
    due: datetime
    alert: Alert
    done_at: datetime | None = None
    by: str | None = None
    missed: bool = False

    @property
    def late(self) -> bool:
        """Whether the step was taken late, or not at all."""
        return self.done_at is None or self.done_at > self.due


@dataclass(frozen=True)
class Case:
    """The alerts of an account that belong together, in the order in which they opened, and what they ask for."""

    case_id: str
    triggers: tuple[Alert, ...]
    deadlines: tuple[Deadline, ...]

    @property
    def account_id(self) -> str:
        return self.triggers[0].account_id

    def answers_to(self, named: str) -> bool:
        """Whether the beginning of an id names this case, or one of its alerts."""
        return any(i.startswith(named) for a in self.triggers for i in (a.alert_id, case_id_of(a.alert_id)))

    @property
    def live(self) -> tuple[Alert, ...]:
        """The alerts that are open."""
        return tuple(filter(is_open, self.triggers))

    @property
    def opened_at(self) -> datetime:
        return self.triggers[0].opened_at

    @property
    def changed_at(self) -> datetime:
        return max(a.changed_at for a in self.triggers)

    @property
    def closed_at(self) -> datetime | None:
        """When the last alert closed; None while one is open."""
        return None if self.live else max(a.closed_at for a in self.triggers if a.closed_at is not None)

    @property
    def owner(self) -> str:
        """Who owns it: the CSM of the account when its newest alert opened."""
        return self.triggers[-1].owner

    @property
    def severity(self) -> str:
        """The most severe of its triggers."""
        return min((a.severity for a in self.triggers), key=SEVERITIES.index)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every role that one of its triggers notifies."""
        return tuple(dict.fromkeys(role for a in self.triggers for role in a.recipients))

    @property
    def missing_since(self) -> datetime | None:
        """Since when the account is missing from the contracts, so that deadlines pause; also if it closed so."""
        since = [a.missing_since for a in remaining(self.triggers)]
        return max((at for at in since if at), default=None) if since and all(since) else None

    @property
    def snoozed_until(self) -> datetime | None:
        """When its snooze ends; None while an open alert is awake."""
        until = [a.snoozed_until for a in self.live]
        return min((at for at in until if at), default=None) if until and all(until) else None

    @property
    def breached(self) -> bool:
        return any(a.breached for a in self.triggers)

    @property
    def open_deadlines(self) -> list[Deadline]:
        """The steps that nobody has taken, the next first."""
        return sorted((d for d in self.deadlines if d.done_at is None), key=lambda d: (d.due, d.step))

    @property
    def state(self) -> str:
        """As of an alert: by its last step; open again where a louder alert waits to be acknowledged."""
        if not self.live:
            return "closed"
        if self.missing_since is not None:
            return "held"
        if self.snoozed_until is not None:
            return "snoozed"
        if self.account_id == BOOK:
            return self.triggers[0].state
        waiting = {d.step for d in self.deadlines if d.done_at is None}
        repeated = [STEPS.index(step) for step in REPEATED if step in waiting]
        reached = [STEPS.index(d.step) + 1 for d in self.deadlines if d.done_at and d.step in STEPS]
        return STATES[min(repeated)] if repeated else STATES[max(reached, default=0)]


def cases_of(history: Sequence[LedgerEvent], as_of: datetime, unsent: Collection[str] = ()) -> list[Case]:
    """Every case as it stood at `as_of`, closed ones too, in the order in which they opened.

    `unsent`: alerts of which no message has left, so that they ask for nothing yet.
    """
    alerts = fold(history, as_of).values()
    known = [event for event in history if event.as_of <= as_of]
    done, missed = by_step(known, "done"), by_step(known, "breached")
    found = [
        Case(case_id, tuple(own), tuple(_deadlines(own, done, missed, unsent)))
        for case_id, own in by_case(alerts).items()
    ]
    return sorted(found, key=lambda case: (case.opened_at, case.case_id))


def cases_at(history: Sequence[LedgerEvent], as_of: datetime) -> list[Case]:
    """The cases of the mart: open at `as_of`, or changed in the day before; by account."""
    since = as_of - timedelta(days=1)
    visible = [c for c in cases_of(history, as_of) if c.account_id != BOOK and (c.live or c.changed_at > since)]
    return sorted(visible, key=lambda case: (case.account_id, case.opened_at, case.case_id))


def by_case(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """The alerts of each case, as they opened; those on hold for a data alert belong to none yet."""
    found: dict[str, list[Alert]] = {}
    notified = sorted((a for a in alerts if a.on_hold_for is None), key=_in_order)
    for account, own in groupby(notified, key=lambda a: a.account_id):
        current: list[Alert] = []
        for alert in own:
            if account == BOOK or not any(a.closed_at is None or a.closed_at > alert.opened_at for a in current):
                current = found.setdefault(case_id_of(alert.alert_id), [])
            current.append(alert)
    return found


def live_cases(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """The alerts of the open case of each account that has one, as they opened."""
    found = by_case(alerts).values()
    return {own[0].account_id: own for own in found if own[0].account_id != BOOK and any(map(is_open, own))}


def is_open(alert: Alert) -> bool:
    """Whether it is not closed."""
    return alert.closed_at is None


def remaining(own: Collection[Alert]) -> list[Alert]:
    """The open alerts of a case; of a closed case those that closed last."""
    last = max((a.closed_at for a in own if a.closed_at is not None), default=None)
    return [a for a in own if is_open(a)] or [a for a in own if a.closed_at == last]


def case_id_of(alert_id: str) -> str:
    """The id of the case that an alert opens."""
    return short_hash("case", alert_id)


def is_louder(subject: str | None, severity: str, before: Iterable[str]) -> bool:
    """Whether an alert that joins others asks for a response of its own: an event, or more severe than all of them.

    `before`: their severities.
    """
    return subject is not None or SEVERITIES.index(severity) < min(map(SEVERITIES.index, before))


def due_steps(alert: Alert) -> Iterator[tuple[str, datetime]]:
    """Each step of an alert with its deadline."""
    for step in (*STEPS, "review"):
        due = getattr(alert, f"due_{step}")
        if due is not None:
            yield step, due


def by_step(history: Iterable[LedgerEvent], kind: str) -> Mapping[str, Mapping[str, LedgerEvent]]:
    """The events of a kind by alert and step."""
    found: dict[str, dict[str, LedgerEvent]] = defaultdict(dict)
    for event in history:
        if event.kind == kind:
            found[event.alert_id][event.payload["step"]] = event
    return found


Steps = Mapping[str, Mapping[str, LedgerEvent]]


def _deadlines(own: Sequence[Alert], done: Steps, missed: Steps, unsent: Collection[str]) -> Iterator[Deadline]:
    """What the alerts of one case ask for together."""
    first, left = own[0].opened_at, remaining(own)
    louder = [
        a
        for n, a in enumerate(own)
        if a.opened_at == first or is_louder(a.subject, a.severity, (b.severity for b in own[:n]))
    ]
    again = [a for a in louder if a.opened_at > first]
    others = [] if any(a in louder for a in left) else left
    for step in STEPS:
        joined = again if step in REPEATED else []
        asking = [a for a in louder if a not in joined]
        if dues := _asked(step, asking, left, others, unsent):
            due, _, alert = min(dues, key=lambda one: one[:2])
            on_record = any(step in missed[a.alert_id] for a in own if a not in joined)
            yield _deadline(step, due, alert, _recorded(own, step, first, done), missed=on_record)
    for alert in own:
        repeated = REPEATED if alert in again else ()
        for step in (*repeated, "review"):
            for due, _, _ in _asked(step, [alert], left, [], unsent):
                event = (
                    _recorded(own, step, alert.opened_at, done) if step in repeated else done[alert.alert_id].get(step)
                )
                yield _deadline(step, due, alert, event, missed=step in missed[alert.alert_id])


def _asked(
    step: str, asking: Iterable[Alert], left: Collection[Alert], others: Iterable[Alert], unsent: Collection[str]
) -> list[tuple[datetime, str, Alert]]:
    """The deadlines of a step that count, with their alerts: of alerts that closed earlier, what was due by then.

    Where that is none, those of `others`, and none of them before it was due so far.
    """
    dues = [(due, a) for a in asking for name, due in due_steps(a) if name == step]
    counted = [(due, a) for due, a in dues if a.closed_at is None or a in left or due <= a.closed_at]
    if dues and not counted:
        so_far = min(due for due, _ in dues)
        counted = [(max(due, so_far), a) for a in others for name, due in due_steps(a) if name == step]
    return [(due, a.alert_id, a) for due, a in counted if a.alert_id not in unsent]


def _deadline(step: str, due: datetime, alert: Alert, event: LedgerEvent | None, *, missed: bool) -> Deadline:
    return Deadline(step, due, alert, event.at if event else None, event.by if event else None, missed)


def _recorded(own: Sequence[Alert], step: str, since: datetime, done: Steps) -> LedgerEvent | None:
    """The first time since then that the step was recorded for one of the alerts."""
    events = [event for a in own if (event := done[a.alert_id].get(step)) and event.at >= since]
    return min(events, key=lambda event: (event.at, event.event_id), default=None)


def _in_order(alert: Alert) -> tuple[str, datetime, str]:
    return alert.account_id, alert.opened_at, alert.alert_id


def case_table(cases: Sequence[Case]) -> pa.Table:
    """The mart `cases` (beside as_of, run_id and code_version)."""
    return pa.Table.from_pylist([case_row(case) for case in cases], schema=CASE_SCHEMA)


def case_row(case: Case) -> dict[str, Any]:
    """The case as a row of the mart."""
    waiting = case.open_deadlines
    dues = {f"due_{step}": min((d.due for d in waiting if d.step == step), default=None) for step in (*STEPS, "review")}
    return {
        "case_id": case.case_id, "account_id": case.account_id, "owner": case.owner, "state": case.state,
        "severity": case.severity, "recipients": ", ".join(case.recipients),
        "triggers": "; ".join(a.detail for a in case.triggers), "trigger_count": len(case.triggers),
        "opened_at": case.opened_at, "changed_at": case.changed_at, **dues,
        "next_step": waiting[0].step if waiting and case.live else None,
        "next_due": waiting[0].due if waiting and case.live else None,
        "breached": case.breached, "snoozed_until": case.snoozed_until, "closed_at": case.closed_at,
        "reason": None if case.live else max(case.triggers, key=lambda a: a.changed_at).reason,
    }  # fmt: skip


_TEXT, _INSTANT = pa.string(), pa.timestamp("us")
CASE_SCHEMA = pa.schema(
    {
        "case_id": _TEXT, "account_id": _TEXT, "owner": _TEXT, "state": _TEXT, "severity": _TEXT, "recipients": _TEXT,
        "triggers": _TEXT, "trigger_count": pa.int64(), "opened_at": _INSTANT, "changed_at": _INSTANT,
        **{f"due_{step}": _INSTANT for step in (*STEPS, "review")}, "next_step": _TEXT, "next_due": _INSTANT,
        "breached": pa.bool_(), "snoozed_until": _INSTANT, "closed_at": _INSTANT, "reason": _TEXT,
    }
)  # fmt: skip
