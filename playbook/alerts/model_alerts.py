"""Alerts about models: a champion that has degraded, or that cannot serve (LRN-3, MOD-9).

One alert per champion and episode: it stays while the trouble lasts, and closes once it is over or another champion
serves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keepwell.playbook.alerts.ledger_events import BOOK, MODEL_RULES, LedgerEvent, fold
from keepwell.playbook.alerts.rules import Occurrence

SINCE = ", since "


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a champion: the rule, the champion (`churn version 3`), and the reason in words."""

    rule: str
    champion: str
    detail: str


def model_occurrences(found: Iterable[Trouble], history: Sequence[LedgerEvent], as_of: datetime) -> list[Occurrence]:
    """What is wrong with the champions of `as_of`, and what no longer is: of each live alert whether it is over.

    `found`: all that is wrong. A trouble that comes back after its alert closed is a new alert.
    """
    live = {
        (a.rule, str(a.subject).partition(SINCE)[0]): a
        for a in fold(history, as_of).values()
        if a.rule in MODEL_RULES and a.closed_at is None
    }
    now = {(one.rule, one.champion): one for one in found}
    new = [
        Occurrence(BOOK, one.rule, f"{one.champion}{SINCE}{as_of:%Y-%m-%d}", as_of, as_of, False, one.detail)
        for key, one in now.items()
        if key not in live
    ]
    known = [
        Occurrence(BOOK, a.rule, str(a.subject), a.known_at, a.known_at, key not in now) for key, a in live.items()
    ]
    return [*new, *known]
