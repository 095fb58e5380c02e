"""What is on record of accounts that answers a next action: calls, contacts, interventions, messages that left."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from keepwell.playbook.alerts.ledger_events import PIPELINE, LedgerEvent
from keepwell.playbook.interventions.records import WorkEvent, in_order
from keepwell.playbook.next_actions.day import Evidence
from keepwell.playbook.next_actions.life import ActionEvent


def on_record(
    history: Sequence[LedgerEvent], work: Sequence[WorkEvent], actions: Sequence[ActionEvent],
    sent: Mapping[str, datetime], as_of: datetime,
) -> list[Evidence]:  # fmt: skip
    """Everything by `as_of`, oldest first; `sent`: when a message about an action left, by its id."""
    contacts = [e for e in history if e.kind == "done" and e.payload["step"] == "contact" and e.at <= as_of]
    done = in_order(work, as_of, ("called", "started"))
    accounts = {e.action_id: e.account_id for e in actions}
    found = [
        *(Evidence(e.account_id, e.at, e.by) for e in contacts),
        *(Evidence(e.account_id, e.at, e.by) for e in done if e.kind == "called" and e.payload.get("reached", True)),
        *(Evidence(e.account_id, e.at, e.by, e.payload["kind"]) for e in done if e.kind == "started"),
        *(
            Evidence(accounts[action], at, PIPELINE, action_id=action)
            for action, at in sent.items()
            if action in accounts and at <= as_of
        ),
    ]
    return sorted(found, key=lambda e: (e.at, e.account_id, e.by, e.kind or "", e.action_id or ""))
