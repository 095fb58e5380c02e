"""Random assignment: some accounts that would be called are held out, to measure the effect of calls (MON-4).

Only accounts that would be called are assigned. Calls freed by the hold-out go to accounts that would have waited,
which are outside of the experiment; every account assigned to treatment is called. An assignment is a line of the work
ledger and never changes, whatever the settings are later.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY, short_hash
from keepwell.playbook.interventions.records import WorkEvent, in_order, work_event

BY = "keepwell"


@dataclass(frozen=True)
class Draw:
    """Assignment of one account: `probability` 0-1 to be called, and whether it is `held_out`."""

    event_id: str
    account_id: str
    drawn_at: datetime
    probability: float
    held_out: bool


def random_assignment(
    accounts: Iterable[str], at: datetime, share: float, company: str = DEFAULT_COMPANY
) -> list[WorkEvent]:
    """An assignment per account: held out with probability `share`, by a hash of account and instant, so it repeats."""
    return [
        work_event("drawn", a, None, at, at, BY, {"chance": 1.0 - share, "held_out": _number(a, at) < share}, company)
        for a in accounts
    ]


def draws_at(events: Iterable[WorkEvent], as_of: datetime) -> list[Draw]:
    """Every assignment, oldest first."""
    return [
        Draw(e.event_id, e.account_id, e.at, e.payload["chance"], e.payload["held_out"])
        for e in in_order(events, as_of, ("drawn",))
    ]


def held_out_at(draws: Sequence[Draw], at: datetime) -> Collection[str]:
    """The accounts held out by the assignment of this instant."""
    return frozenset(draw.account_id for draw in draws if draw.drawn_at == at and draw.held_out)


def _number(account: str, at: datetime) -> float:
    """A number in [0, 1) that follows from account and instant alone."""
    return int(short_hash("lot", account, at.isoformat()), 16) / 16**16
