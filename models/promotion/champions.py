"""The active model on each date, from recorded promotions and rollbacks, so that a rerun of a date finds the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Alias = Literal["champion", "challenger"]
CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"
Action = Literal["promote", "rollback", "off", "on", "withdraw"]


@dataclass(frozen=True)
class Event:
    """One change that a person made to an outcome's models; it holds for runs of `as_of` and later.

    `version`: the champion after it; empty for none (health alone). A `withdraw` reverts the changes made before it
    as of the same date.
    """

    number: int
    as_of: date
    action: Action
    version: str
    by: str
    reason: str


def champions(events: Sequence[Event], as_of: date) -> list[str]:
    """The champion at a date, last in the list, after those that a rollback would bring back, newest last."""
    succession: list[str] = []
    for event in standing(events, as_of):
        if event.action == "promote":
            succession.append(event.version)
        elif event.action == "rollback":
            succession = succession[:-1]
    return succession


def serving(events: Sequence[Event], as_of: date) -> Event | None:
    """The event that switched models off; None while they may serve."""
    switches = [e for e in standing(events, as_of) if e.action in {"off", "on"}]
    return switches[-1] if switches and switches[-1].action == "off" else None


def challenger(versions: Mapping[str, date], events: Sequence[Event], as_of: date) -> str | None:
    """The newest version that may challenge the champion: known by then, newer, and never promoted.

    `versions`: each version with the date up to which it has data.
    """
    succession = champions(events, as_of)
    promoted = {e.version for e in standing(events, as_of) if e.action == "promote"}
    youngest = int(succession[-1]) if succession else 0
    able = [v for v, known in versions.items() if known <= as_of and v not in promoted and int(v) > youngest]
    return max(able, key=int, default=None)


def standing(events: Sequence[Event], as_of: date) -> list[Event]:
    """The changes up to a date that were not withdrawn, in order."""
    withdrawn = {e.as_of: e.number for e in sorted(events, key=lambda e: e.number) if e.action == "withdraw"}
    found = [e for e in events if e.as_of <= as_of and e.number > withdrawn.get(e.as_of, 0)]
    return sorted(found, key=lambda e: e.number)
