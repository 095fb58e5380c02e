"""The events of an alert's life, and the alert that they fold into.

Every instant is UTC without a zone. What an alert is, follows from its events alone: nothing here looks at settings, so
that an old day reads the same after a setting has changed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

PIPELINE = "keepwell"
"""Who an event is by when no person did it."""

DATA_RULE = "definition_change"
"""The rule of data alerts, which are about a measure of the whole portfolio (SRC-5)."""

RUN_RULE = "run_missed"
"""The rule of alerts about a scheduled run that did not happen (OUT-3)."""

DEGRADED_RULE, UNUSABLE_RULE = "model_degraded", "model_unusable"
"""The rules of alerts about a champion that got worse, or that cannot serve (LRN-3, MOD-9)."""

MODEL_RULES = frozenset({DEGRADED_RULE, UNUSABLE_RULE})

BOOK = ""
"""The account of an alert about the whole portfolio."""

KINDS = (
    "opened", "released", "notified", "discarded", "snoozed", "done", "cause_gone", "cause_back", "missing", "returned",
    "closed", "breached",
)  # fmt: skip
"""In the order in which events of one instant are read."""

ONCE = frozenset({"opened", "released", "notified", "discarded", "closed", "done", "breached"})
"""Once per alert, and per step where the event is about one."""

STEPS = ("ack", "assess", "plan", "contact", "follow_up")
"""The steps of a response, in order; `review` stands beside them where a rule has a deadline of its own."""

SEVERITIES = ("critical", "warning")
"""Of an alert, most severe first."""

RISK, OPPORTUNITY = "risk", "opportunity"
"""What an alert announces; an opportunity is no alarm."""

STATES = ("open", "acknowledged", "assessed", "planned", "contacted", "followed_up")
"""The state of an alert by the number of steps taken."""


DEFAULT_COMPANY = "default"
"""The company of a ledger that serves one alone."""


def short_hash(*parts: str | int | None) -> str:
    """Sixteen hexadecimal digits that follow from the parts alone."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def company_hash(company: str, *parts: str | int | None) -> str:
    """The id of what is a company's own: two companies in one ledger may have accounts of the same id.

    That of the default company follows from the parts alone.
    """
    return short_hash(*parts) if company == DEFAULT_COMPANY else short_hash("company", company, *parts)


@dataclass(frozen=True)
class LedgerEvent:
    """One line of the ledger: who did what to which alert.

    `as_of` is the instant as of which the line was written, `at` the instant at which the thing happened; a run writes
    both alike, a person may record something afterwards. ValueError for an instant with a zone.
    """

    event_id: str
    alert_id: str
    account_id: str
    kind: str
    rule: str
    subject: str | None
    as_of: datetime
    at: datetime
    by: str
    payload: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is not None or self.at.tzinfo is not None:
            raise ValueError(f"ledger event {self.kind} of alert {self.alert_id}: give instants in UTC without a zone")


def event_id(alert_id: str, kind: str, as_of: datetime, by: str, step: str = "") -> str:
    """Identity of an event: an alert is opened and closed, a step is taken or missed once, whoever does it."""
    about = (step,) if step else ()
    return short_hash(alert_id, kind, *about) if kind in ONCE else short_hash(alert_id, kind, as_of.isoformat(), by)


class About(Protocol):
    """What an event is about: an alert, or one about to be opened."""

    @property
    def alert_id(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def subject(self) -> str | None: ...


def event_of(about: About, kind: str, at: datetime, by: str, payload: Mapping[str, Any]) -> LedgerEvent:
    """The event of something that is written when it happens."""
    identity = event_id(about.alert_id, kind, at, by, payload.get("step", ""))
    return LedgerEvent(identity, about.alert_id, about.account_id, kind, about.rule, about.subject, at, at, by, payload)


@dataclass(frozen=True)
class Alert:
    """An alert, folded from its events; the fields are the columns of the mart `alerts` (see COLUMNS).

    `episode` counts a condition's alerts of one account; an event's alert has a `subject` instead. `known_at` is when
    the cause became knowable. `reason` says why it is closed, snoozed, released or discarded. `breached`: a step was
    late or is missing. `on_hold_for` is the data alert that it waits for: its deadlines and `opened_at` begin when it
    is released. A data alert is `released` or `discarded` once a person has decided, until its measures are back.
    `missing_since`: the account is not in the contracts, and nothing known says why; the alert is on hold, its
    deadlines pause.
    """

    alert_id: str
    account_id: str
    rule: str
    subject: str | None
    episode: int | None
    severity: str
    detail: str
    known_at: datetime
    opened_at: datetime
    changed_at: datetime
    owner: str
    recipients: tuple[str, ...]
    due_ack: datetime | None = None
    due_assess: datetime | None = None
    due_plan: datetime | None = None
    due_contact: datetime | None = None
    due_follow_up: datetime | None = None
    due_review: datetime | None = None
    breached: bool = False
    digest_id: str | None = None
    cause_gone_at: datetime | None = None
    snoozed_until: datetime | None = None
    closed_at: datetime | None = None
    reason: str | None = None
    state: str = "open"
    on_hold_for: str | None = None
    missing_since: datetime | None = None
    kind: str = RISK

    @property
    def cause(self) -> tuple[str, str, str | None]:
        """What the alert is about: account, rule, and the event's subject."""
        return self.account_id, self.rule, self.subject


def fold(history: Iterable[LedgerEvent], as_of: datetime) -> dict[str, Alert]:
    """Every alert by its id as it stood at `as_of`; events written after it, or of an unknown kind, do not count."""
    alerts: dict[str, Alert] = {}
    for event in sorted((e for e in history if e.as_of <= as_of and e.kind in KINDS), key=_reading_order):
        if event.kind == "opened":
            alerts.setdefault(event.alert_id, _opened(event))
        elif event.alert_id in alerts and (alerts[event.alert_id].closed_at is None or event.kind == "breached"):
            alerts[event.alert_id] = _changed(alerts[event.alert_id], event)
    return {alert_id: _awake(alert, as_of) for alert_id, alert in alerts.items()}


def alerts_at(history: Iterable[LedgerEvent], as_of: datetime) -> list[Alert]:
    """The alerts of the mart: open or snoozed at `as_of`, or changed in the day before; by account and rule."""
    since = as_of - timedelta(days=1)
    visible = [a for a in fold(history, as_of).values() if a.closed_at is None or a.changed_at > since]
    return sorted(visible, key=lambda a: (a.account_id, a.rule, a.opened_at, a.alert_id))


def alert_table(alerts: Sequence[Alert]) -> pa.Table:
    """The mart `alerts` (beside as_of, run_id and code_version); recipients are roles joined by a comma."""
    rows = [alert_row(alert) | {"recipients": ", ".join(alert.recipients)} for alert in alerts]
    return pa.Table.from_pylist(rows, schema=ALERT_SCHEMA)


def alert_row(alert: Alert) -> dict[str, Any]:
    """The alert under the names that the mart has for its fields."""
    return {COLUMNS.get(name, name): value for name, value in vars(alert).items()}


def _arrow_type(column: str) -> pa.DataType:
    if column.endswith(("_at", "_until", "_since")) or column.startswith("due_"):
        return pa.timestamp("us")
    return {"episode": pa.int64(), "breached": pa.bool_()}.get(column, pa.string())


COLUMNS = {"on_hold_for": "held_by"}
"""Columns of the mart `alerts` whose field has another name."""
ALERT_SCHEMA = pa.schema([(COLUMNS.get(field.name, field.name), _arrow_type(field.name)) for field in fields(Alert)])


def _reading_order(event: LedgerEvent) -> tuple[datetime, int, str]:
    return event.as_of, KINDS.index(event.kind), event.event_id


def _opened(event: LedgerEvent) -> Alert:
    given, on_hold_for = event.payload, event.payload.get("held_by")
    return Alert(
        alert_id=event.alert_id, account_id=event.account_id, rule=event.rule, subject=event.subject,
        episode=given["episode"], severity=given["severity"], detail=given["detail"],
        known_at=datetime.fromisoformat(given["known_at"]), opened_at=event.at, changed_at=event.as_of,
        owner=given["owner"], recipients=tuple(given["recipients"]), digest_id=given["digest_id"],
        on_hold_for=on_hold_for, state="held" if on_hold_for else "open", kind=given.get("kind", RISK),
        **_due(given["due"]),
    )  # fmt: skip


def _changed(alert: Alert, event: LedgerEvent) -> Alert:
    alert = replace(alert, changed_at=event.as_of)
    match event.kind:
        case "cause_gone" | "cause_back" | "missing" | "returned":
            return _seen(alert, event)
        case "snoozed":
            until = datetime.fromisoformat(event.payload["until"])
            return replace(alert, snoozed_until=until, reason=event.payload["reason"], **_paused(alert, event, until))
        case "done":
            return _stepped(alert, event.payload["step"])
        case "released" | "discarded":
            return _decided(alert, event)
        case "notified" | "breached":
            late = alert.breached or event.kind == "breached"
            return replace(alert, breached=late, **_due(event.payload.get("due", {})))
        case _:
            return replace(alert, closed_at=event.at, reason=event.payload["reason"], state="closed")


def _stepped(alert: Alert, step: str) -> Alert:
    """The alert after a step that was taken."""
    reached = STEPS.index(step) + 1 if step in STEPS else 0
    current = STATES.index(alert.state) if alert.state in STATES else len(STEPS)
    return alert if current == len(STEPS) else replace(alert, state=STATES[max(reached, current)])


def _seen(alert: Alert, event: LedgerEvent) -> Alert:
    """The alert after its cause, or its account, went or came back: while the account is missing deadlines pause."""
    if event.kind in ("cause_gone", "cause_back"):
        return replace(alert, cause_gone_at=event.at if event.kind == "cause_gone" else None)
    if event.kind == "missing":
        return replace(alert, missing_since=event.at)
    since = alert.missing_since or event.at
    return replace(alert, missing_since=None, **_paused(alert, event, event.at, since))


def _decided(alert: Alert, event: LedgerEvent) -> Alert:
    """An alert on hold opens; a data alert takes the decision as its state."""
    about = event.payload
    if alert.on_hold_for is None:
        return replace(alert, state=event.kind, reason=about["reason"])
    opened = replace(alert, state="open", on_hold_for=None, opened_at=event.at, digest_id=about["digest_id"])
    return replace(opened, **_due(about["due"]))


def _due(due: Mapping[str, str]) -> dict[str, Any]:
    return {f"due_{step}": datetime.fromisoformat(at) for step, at in due.items()}


def _paused(alert: Alert, event: LedgerEvent, until: datetime, since: datetime | None = None) -> dict[str, Any]:
    """The deadlines after a pause that an event puts on record, from `since` (its own time) to `until`.

    The event says where they are by the hours of the alert's team (`alerts.clocks.paused`); one of an older ledger does
    not: then they move by what the pause adds to a running snooze.
    """
    if "due" in event.payload:
        return _due(event.payload["due"])
    at = since or event.at
    begins = max(at, alert.snoozed_until or at)
    dues = {f"due_{step}": getattr(alert, f"due_{step}") for step in (*STEPS, "review")}
    return {name: due + max(until - begins, timedelta(0)) for name, due in dues.items() if due and due > at}


def _awake(alert: Alert, as_of: datetime) -> Alert:
    """The alert: on hold for its account's absence, snoozed or awake again."""
    if alert.closed_at is None and alert.missing_since is not None:
        return replace(alert, state="held")
    if alert.closed_at is not None or alert.snoozed_until is None:
        return alert
    if alert.snoozed_until > as_of:
        return replace(alert, state="snoozed")
    return replace(alert, snoozed_until=None, reason=None)
