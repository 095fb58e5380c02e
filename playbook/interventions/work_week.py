"""Week 2's plan against what was recorded since: calls, root causes, interventions, plans, follow-ups (MON-3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from keepwell.playbook.alerts.ledger_events import LedgerEvent
from keepwell.playbook.interventions.records import (
    Call,
    FollowUp,
    Intervention,
    SignOff,
    WorkEvent,
    calls_at,
    causes_at,
    follow_ups_at,
    interventions_at,
    signed_at,
)
from keepwell.playbook.interventions.success import Standing

WEEK = timedelta(days=7)
BY_ALERT = "contacted (recorded in the alert)"
"""The outcome of a contact that was recorded as the step of an alert and not as a call."""


@dataclass(frozen=True)
class Asked:
    """An account of week 2's queue; `scheduled_at` is None if no CSM had capacity."""

    account_id: str
    name: str
    csm: str
    priority: int
    scheduled_at: datetime | None


@dataclass(frozen=True)
class Answered:
    """What was recorded about a queued account: the last call that reached it, else the last attempt."""

    asked: Asked
    call: Call | None
    cause: str | None
    begun: tuple[str, ...]

    @property
    def state(self) -> str:
        """State of the call: reached, tried, not_called; waiting if none was planned and none was made."""
        if self.call is None:
            return "waiting" if self.asked.scheduled_at is None else "not_called"
        return "reached" if self.call.reached else "tried"


@dataclass(frozen=True)
class WorkWeek:
    """Week 3: the work since week 2 began (`since`) that was recorded by `until`.

    `until` is when the week was signed off, before that the end of the week. `plans` are the targets due by its end.
    """

    week: date
    since: date
    until: datetime
    answered: Sequence[Answered]
    begun: Sequence[Intervention]
    plans: Sequence[Standing]
    follow_ups: Sequence[tuple[FollowUp, bool]]
    signed: SignOff | None

    def of(self, *states: str) -> list[Answered]:
        """The accounts whose call is in one of these states."""
        return [one for one in self.answered if one.state in states]

    @property
    def without_cause(self) -> list[Answered]:
        """Queued accounts without a recorded root cause."""
        return [one for one in self.answered if one.cause is None]

    @property
    def totals(self) -> Mapping[str, object]:
        """Totals for a summary."""
        status = [plan.status for plan in self.plans]
        return {
            "work_since": str(self.since),
            "calls_planned": sum(one.asked.scheduled_at is not None for one in self.answered),
            "reached": len(self.of("reached")),
            "tried": len(self.of("tried")),
            "not_called": len(self.of("not_called")),
            "without_cause": len(self.without_cause),
            "interventions_begun": len(self.begun),
            "plans_due": len(self.plans),
            **{f"plans_{name}": status.count(name) for name in ("met", "missed")},
            "follow_ups_due": sum(not fulfilled for _, fulfilled in self.follow_ups),
            "signed_by": self.signed.by if self.signed else "nobody yet",
        }


def seen_until(events: Iterable[WorkEvent], week: date) -> datetime:
    """Until when entries count for the week that begins on this day: its sign-off, else its end."""
    signed = signed_at(events, week)
    return signed.at if signed else datetime.combine(week, time(0)) + WEEK


def work_week(
    week: date, asked: Sequence[Asked], events: Sequence[WorkEvent], history: Sequence[LedgerEvent],
    plans: Sequence[Standing], cause_days: int,
) -> WorkWeek:  # fmt: skip
    """The work of the week that begins on `week` (day 15), planned in the week before it."""
    until, since = seen_until(events, week), week - WEEK
    began, end = datetime.combine(since, time(0)), week + WEEK
    every = [*_contacts(history, until), *calls_at(events, until)]
    calls = [c for c in every if c.at >= began]
    running = interventions_at(events, until)
    begun = [one for one in running if one.started_at >= began]
    oldest = until - timedelta(days=cause_days)
    causes = {c.account_id: c.cause for c in causes_at(events, until) if c.at >= oldest}
    causes = {i.account_id: i.root_cause for i in running if i.root_cause and i.started_at >= oldest} | causes
    answered = [
        Answered(
            one, _best_call(c for c in calls if c.account_id == one.account_id), causes.get(one.account_id),
            tuple(i.kind for i in begun if i.account_id == one.account_id),
        )
        for one in asked
    ]  # fmt: skip
    due = [f for f in follow_ups_at(events, until) if f.due < end]
    fulfilled = [(f, any(c.reached and c.account_id == f.account_id and c.at > f.at for c in every)) for f in due]
    return WorkWeek(
        week, since, until, answered, begun, [p for p in plans if p.plan.due < end],
        [(f, k) for f, k in fulfilled if not k or f.due >= since], signed_at(events, week, until),
    )  # fmt: skip


def _contacts(history: Iterable[LedgerEvent], until: datetime) -> list[Call]:
    """Contacts that were recorded as the step of an alert."""
    steps = [e for e in history if e.kind == "done" and e.payload["step"] == "contact" and e.as_of <= until]
    return [Call(e.account_id, e.at, BY_ALERT, str(e.payload.get("note", "")), e.by) for e in steps]


def _best_call(calls: Iterable[Call]) -> Call | None:
    """The call that counts: reached before tried, recorded as a call before an alert step, the last one."""
    return max(calls, key=lambda c: (c.reached, c.outcome != BY_ALERT, c.at), default=None)
