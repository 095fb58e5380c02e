"""The week's alerts on the stand-up sheet: what was answered, what was missed (WKL-1).

A closing after a contact does not prove that the contact caused it: the sheet lists what happened in which order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keepwell.playbook.alerts.cases import by_step
from keepwell.playbook.alerts.ledger_events import Alert, LedgerEvent, fold

GONE = ("the cause gone", "resolved")
"""How the reason of a closing begins where the pipeline saw that the cause was gone."""
DATA_OWNER = "data owner"
"""Who is notified of alerts about data rather than a customer."""


@dataclass(frozen=True)
class Closing:
    """An alert that closed because its cause was gone, and when the customer had been contacted before, if at all."""

    alert: Alert
    contacted_at: datetime | None
    by: str | None


@dataclass(frozen=True)
class Missed:
    """A missed deadline, and the role it was escalated to."""

    alert: Alert
    step: str
    due_at: datetime
    at: datetime
    escalated_to: str


@dataclass(frozen=True)
class Week:
    """The alerts at as_of: `live` are open, by account; the rest happened in (since, as_of].

    An alert on hold notifies nobody; it has not `opened` before it is released (SRC-5).
    """

    live: Mapping[str, Sequence[Alert]]
    opened: Sequence[Alert]
    closed: Sequence[Closing]
    missed: Sequence[Missed]

    def churn_alerts(self, account_id: str) -> list[Alert]:
        """The open alerts about the customer: all but those about data."""
        return [a for a in self.live.get(account_id, ()) if DATA_OWNER not in a.recipients]


def week_of(history: Sequence[LedgerEvent], since: datetime, as_of: datetime) -> Week:
    """The week's alerts out of the ledger, cut at `as_of`."""
    known = [event for event in history if event.as_of <= as_of]
    alerts = fold(known, as_of)
    live: dict[str, list[Alert]] = defaultdict(list)
    for alert in _in_order(alerts.values()):
        if alert.closed_at is None:
            live[alert.account_id].append(alert)
    return Week(
        dict(live),
        [a for a in _in_order(alerts.values()) if since < a.opened_at <= as_of and a.on_hold_for is None],
        [c for c in closings(known, as_of) if c.alert.closed_at and c.alert.closed_at > since],
        _missed(known, alerts, since),
    )


def closings(history: Sequence[LedgerEvent], as_of: datetime) -> list[Closing]:
    """Every alert that closed with its cause gone by `as_of`."""
    known = [event for event in history if event.as_of <= as_of]
    done = by_step(known, "done")
    found = []
    for alert in _in_order(fold(known, as_of).values()):
        if alert.closed_at is None or not (alert.reason or "").startswith(GONE):
            continue
        contact = done[alert.alert_id].get("contact")
        before = contact is not None and contact.at <= (alert.cause_gone_at or alert.closed_at)
        found.append(Closing(alert, contact.at if contact and before else None, contact.by if contact else None))
    return found


def _missed(known: Sequence[LedgerEvent], alerts: Mapping[str, Alert], since: datetime) -> list[Missed]:
    late = [e for e in known if e.kind == "breached" and e.at > since and e.alert_id in alerts]
    return [
        Missed(
            alerts[e.alert_id], e.payload["step"], datetime.fromisoformat(e.payload["due_at"]), e.at,
            e.payload["escalated_to"],
        )
        for e in sorted(late, key=lambda e: (e.at, e.alert_id, e.payload["due_at"], e.payload["step"]))
    ]  # fmt: skip


def _in_order(alerts: Iterable[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda a: (a.opened_at, a.account_id, a.rule, a.alert_id))
