"""What people did about accounts: calls, root causes, interventions, success plans, follow-ups (MON-3).

Everything is an event that is only added; calls, interventions and plans are what the events fold into. Every instant
is UTC without a zone. Nothing here looks at settings, so that old work reads the same after a setting has changed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY, company_hash

KINDS = (
    "called", "caused", "started", "ended", "planned", "progressed", "follow_up", "signed",
    "overridden", "lifted", "noted", "drawn",
)  # fmt: skip
"""In the order in which events of one instant are read."""

RESULTS = ("worked", "failed", "stopped")
"""Results of an intervention."""

STATUSES = ("open", "met", "missed", "dropped")
"""Statuses of a success plan's target."""

LOOKED_UP = frozenset({"reached", "baseline", "rising", "chance", "held_out"})
"""Parts of a payload that follow from settings or published marts: no part of an event's identity."""


@dataclass(frozen=True)
class WorkEvent:
    """One line of the work ledger: who did what for which account.

    `subject` is the intervention's or the plan's id, the week that `signed` is about, else None. `as_of` is the instant
    at which the line was written, `at` the instant at which the thing happened. ValueError for an instant with a zone.
    """

    event_id: str
    account_id: str
    kind: str
    subject: str | None
    as_of: datetime
    at: datetime
    by: str
    payload: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is not None or self.at.tzinfo is not None:
            raise ValueError(f"work event {self.kind} of {self.account_id}: give instants in UTC without a zone")


@dataclass(frozen=True)
class Call:
    """A call or an attempt; `reached`: whether it reached the customer."""

    account_id: str
    at: datetime
    outcome: str
    note: str
    by: str
    reached: bool = True


@dataclass(frozen=True)
class RootCause:
    """Why an account is at risk, as a person found."""

    account_id: str
    cause: str
    note: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Intervention:
    """What the team did about an account. `root_cause`: its own, else the one found of the account by its end."""

    intervention_id: str
    account_id: str
    kind: str
    root_cause: str | None
    started_at: datetime
    ended_at: datetime | None
    result: str | None
    by: str
    note: str


@dataclass(frozen=True)
class PlanTarget:
    """A target of a success plan: a metric's value by a date.

    `rising`: whether the target is met from below. `baseline`: the metric when it was planned. `value` (of `valued_at`)
    and `status` are what a person recorded last; a target without a recorded status is graded by published values.
    """

    plan_id: str
    account_id: str
    metric: str
    baseline: float | None
    target: float
    rising: bool
    due: date
    status: str
    value: float | None
    owner: str
    planned_at: datetime
    progressed_at: datetime | None
    note: str
    valued_at: datetime | None = None


@dataclass(frozen=True)
class FollowUp:
    """A follow-up promised for a day."""

    account_id: str
    due: date
    note: str
    at: datetime
    by: str


@dataclass(frozen=True)
class SignOff:
    """A person's sign-off that the calls of a week are recorded; `week` is its first day."""

    week: date
    at: datetime
    by: str
    note: str


def work_event(
    kind: str, account: str, subject: str | None, as_of: datetime, at: datetime, by: str, payload: Mapping[str, Any],
    company: str = DEFAULT_COMPANY,
) -> WorkEvent:  # fmt: skip
    """The event; its id follows from what happened, not from when it was written: writing it again adds nothing.

    What begins something (`started`, `planned`) without a subject gets its own id as subject.
    """
    said = (f"{name}={payload[name]}" for name in sorted(payload.keys() - LOOKED_UP))
    identity = company_hash(company, kind, account, subject, at.isoformat(), by, *said)
    begins = kind in ("started", "planned") and subject is None
    return WorkEvent(identity, account, kind, identity if begins else subject, as_of, at, by, payload)


def calls_at(events: Iterable[WorkEvent], as_of: datetime) -> list[Call]:
    """Every call, oldest first."""
    return [
        Call(e.account_id, e.at, e.payload["outcome"], e.payload.get("note", ""), e.by, e.payload.get("reached", True))
        for e in _until(events, as_of, "called")
    ]


def causes_at(events: Iterable[WorkEvent], as_of: datetime) -> list[RootCause]:
    """Every root cause that was found, oldest first; the last of an account counts."""
    return [
        RootCause(e.account_id, e.payload["cause"], e.payload.get("note", ""), e.at, e.by)
        for e in _until(events, as_of, "caused")
    ]


def follow_ups_at(events: Iterable[WorkEvent], as_of: datetime) -> list[FollowUp]:
    """Every follow-up that was promised, the first due first."""
    found = [
        FollowUp(e.account_id, date.fromisoformat(e.payload["due"]), e.payload.get("note", ""), e.at, e.by)
        for e in _until(events, as_of, "follow_up")
    ]
    return sorted(found, key=lambda f: (f.due, f.account_id, f.at))


def signed_at(events: Iterable[WorkEvent], week: date, as_of: datetime | None = None) -> SignOff | None:
    """The first sign-off of this week by an instant (None: at any time); None without one."""
    signed = [e for e in _until(events, as_of, "signed") if e.subject == week.isoformat()]
    return SignOff(week, signed[0].at, signed[0].by, signed[0].payload.get("note", "")) if signed else None


def interventions_at(events: Iterable[WorkEvent], as_of: datetime) -> list[Intervention]:
    """Every intervention as of an instant, oldest first; the first start and the last end of an id count."""
    known = list(events)
    ended = {e.subject: e for e in _until(known, as_of, "ended")}
    begun = {e.subject: e for e in reversed(_until(known, as_of, "started"))}
    causes = causes_at(known, as_of)
    return [_intervention(e, ended.get(e.subject), causes) for e in reversed(begun.values())]


def plans_at(events: Iterable[WorkEvent], as_of: datetime) -> list[PlanTarget]:
    """Every target of a success plan as recorded, oldest first."""
    known = list(events)
    first = {str(e.subject): e for e in reversed(_until(known, as_of, "planned"))}
    plans = {plan_id: _planned(e) for plan_id, e in reversed(first.items())}
    for event in _until(known, as_of, "progressed"):
        if (plan := plans.get(str(event.subject))) is not None:
            plans[plan.plan_id] = _progressed(plan, event)
    return list(plans.values())


def in_order(events: Iterable[WorkEvent], as_of: datetime | None, kinds: Collection[str]) -> list[WorkEvent]:
    """The events of these kinds that were written and had happened by `as_of` (all for None), as they happened."""
    seen = [e for e in events if e.kind in kinds and (as_of is None or max(e.as_of, e.at) <= as_of)]
    return sorted(seen, key=lambda e: (e.at, e.as_of, KINDS.index(e.kind), e.event_id))


def _until(events: Iterable[WorkEvent], as_of: datetime | None, kind: str) -> list[WorkEvent]:
    return in_order(events, as_of, (kind,))


def _intervention(begun: WorkEvent, ended: WorkEvent | None, causes: Sequence[RootCause]) -> Intervention:
    return Intervention(
        intervention_id=str(begun.subject), account_id=begun.account_id, kind=begun.payload["kind"],
        root_cause=begun.payload.get("cause") or _cause_of(begun, ended, causes), started_at=begun.at,
        ended_at=ended.at if ended else None, result=ended.payload["result"] if ended else None, by=begun.by,
        note=begun.payload.get("note", ""),
    )  # fmt: skip


def _cause_of(begun: WorkEvent, ended: WorkEvent | None, causes: Sequence[RootCause]) -> str | None:
    """The account's cause when it began, else the first that was found before it ended."""
    own = [cause for cause in causes if cause.account_id == begun.account_id]
    before = [cause.cause for cause in own if cause.at <= begun.at]
    later = [cause.cause for cause in own if cause.at > begun.at and (ended is None or cause.at <= ended.at)]
    return before[-1] if before else later[0] if later else None


def _planned(event: WorkEvent) -> PlanTarget:
    given = event.payload
    return PlanTarget(
        plan_id=str(event.subject), account_id=event.account_id, metric=given["metric"],
        baseline=given.get("baseline"), target=given["target"], rising=given["rising"],
        due=date.fromisoformat(given["due"]), status="open", value=None, owner=given.get("owner") or event.by,
        planned_at=event.at, progressed_at=None, note=given.get("note", ""),
    )  # fmt: skip


def _progressed(plan: PlanTarget, event: WorkEvent) -> PlanTarget:
    """The plan with a person's update; what the update leaves out stays."""
    said = {name: event.payload[name] for name in ("value", "status") if event.payload.get(name) is not None}
    valued_at = event.at if "value" in said else plan.valued_at
    note = event.payload.get("note") or plan.note
    return replace(plan, progressed_at=event.at, valued_at=valued_at, note=note, **said)


def formatted(value: float) -> str:
    """A value as people read it: 48.15 and not 48.147429, 1,200 and 0.0123."""
    return f"{value:.3g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")
