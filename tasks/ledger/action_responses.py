"""What people say about next actions: done, or closed with a reason (ACT-2)."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from keepwell.playbook.next_actions.life import NextAction, action_event, actions_at
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.names import Names


def end_action(
    ledger: Ledger, marts: Path, kind: str, named: str, now: datetime, by: str, about: Mapping[str, Any]
) -> NextAction:
    """Record that a live action is `done` or `closed`; ConfigError where none, or more than one, is named."""
    live = [a for a in actions_at(ledger.actions(now), now).values() if a.live]
    found = [a for a in live if a.action_id.startswith(named)]
    if not found:
        account = Names(marts, now).account(named)
        found = [a for a in live if a.account_id == account]
    if len(found) != 1:
        what = f"{len(found)} open actions' ids begin with {named!r}" if found else f"no open action for {named!r}"
        raise ConfigError(f"{what} (as of {now:%Y-%m-%d %H:%M} UTC). `keepwell actions list` shows them.")
    ledger.record_actions([action_event(found[0].action_id, found[0].account_id, kind, now, by, about)])
    return found[0]
