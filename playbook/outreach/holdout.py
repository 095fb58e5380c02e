"""Draws by lot: who of those that would be called is left alone, so that it shows what the calls are worth (MON-4).

Only who would have been called is drawn for, and the room that the lot frees goes to those who would have waited: they
are outside of the lot, and everybody on whom it falls is called. A draw is a line of the work ledger; once made it
stands, whatever the settings say later.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.interventions.records import WorkEvent, in_order, work_event

BY = "keepwell"


@dataclass(frozen=True)
class Draw:
    """One account in one lot: `probability` 0-1 to be called, and whether it was `held_out`."""

    event_id: str
    account_id: str
    drawn_at: datetime
    probability: float
    held_out: bool


def random_assignment(accounts: Iterable[str], at: datetime, share: float) -> list[WorkEvent]:
    """A draw for each account: held out with chance `share`, by a hash of account and instant, so that it repeats."""
    return [
        work_event("drawn", a, None, at, at, BY, {"chance": 1.0 - share, "held_out": _number(a, at) < share})
        for a in accounts
    ]


def draws_at(events: Iterable[WorkEvent], as_of: datetime) -> list[Draw]:
    """Every draw, oldest first."""
    return [
        Draw(e.event_id, e.account_id, e.at, e.payload["chance"], e.payload["held_out"])
        for e in in_order(events, as_of, ("drawn",))
    ]


def held_out_at(draws: Sequence[Draw], at: datetime) -> Collection[str]:
    """The accounts that the lot of this instant spared."""
    return frozenset(draw.account_id for draw in draws if draw.drawn_at == at and draw.held_out)


def _number(account: str, at: datetime) -> float:
    """A number of [0, 1) that follows from account and instant alone."""
    return int(short_hash("lot", account, at.isoformat()), 16) / 16**16
