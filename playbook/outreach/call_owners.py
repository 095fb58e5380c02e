"""Who calls: an account keeps its owner, and every handover is listed (MON-2).

The owner is the CSM in the data. If the data names nobody, or somebody who has left, the account stays with its last
owner, else goes to the colleague of its segment with the most capacity. A CSM whose week is full keeps the accounts;
colleagues make the calls.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from keepwell.playbook.settings import OutreachSettings

WAITS, HELD_OUT = "waiting: no CSM has capacity", "held out at random: no call this week"
WAITS_SHARED = "waiting: no colleague of the segment has capacity (outreach.share_across_segments is off)"
WAITS_ALONE = "waiting: {owner} has no capacity (outreach.share_calls is off)"


@dataclass(frozen=True)
class Asked:
    """An account to contact: its segment, and its CSM in the data."""

    account_id: str
    segment: str
    csm: str


@dataclass(frozen=True)
class Team:
    """The CSMs on duty: the segments of their accounts, and how many calls each can make."""

    segments: Mapping[str, frozenset[str]]
    room: Mapping[str, int]
    nobody: str = ""

    def colleagues(self, segment: str) -> list[str]:
        """CSMs with accounts of the segment; all CSMs if nobody has any."""
        return [csm for csm, own in self.segments.items() if segment in own] or list(self.segments)


@dataclass(frozen=True)
class Before:
    """Who owned and who called each account at the last queue."""

    owner: Mapping[str, str]
    caller: Mapping[str, str]


@dataclass(frozen=True)
class Assigned:
    """Who owns an account and who calls; `csm` is the owner if nobody calls, `handover` explains changes."""

    account_id: str
    owner: str
    csm: str
    waits: bool
    handed_over: bool
    handover: str | None


def segments_of(
    accounts: pd.DataFrame, as_of: date, default: str, settings: OutreachSettings
) -> dict[str, frozenset[str]]:
    """The segments of each CSM on duty; the default owner only if the data names no one else."""
    gone = {csm for csm, day in settings.unavailable_from.items() if day <= as_of}
    found = {str(csm): frozenset(own.dropna().astype(str)) for csm, own in accounts.groupby("csm")["segment"]}
    working = {csm: own for csm, own in found.items() if csm not in gone and csm != default}
    return working or {csm: own for csm, own in found.items() if csm == default}


def assigned(
    queue: Sequence[Asked], team: Team, before: Before, settings: OutreachSettings, held_out: Collection[str] = ()
) -> list[Assigned]:
    """Owner and caller of each account of the queue, in its order (first priority first); `held_out` has no caller.

    An account that would be called without a hold-out is called with one, too: capacity can only grow.
    """
    owned = _owners(queue, team, before)
    asked = [one for one in queue if one.account_id not in held_out]
    called = _callers(asked, {account: owner for account, (owner, _) in owned.items()}, team, before, settings)
    free = sum(team.room.values()) > len(called)
    waits = WAITS if not free else WAITS_SHARED if settings.share_calls else WAITS_ALONE
    return [
        _assigned(
            one, *owned[one.account_id], called.get(one.account_id),
            HELD_OUT if one.account_id in held_out else waits, team,
        )
        for one in queue
    ]  # fmt: skip


def _assigned(
    one: Asked, owner: str, handed: str | None, caller: str | None, why_not: str, team: Team
) -> Assigned:  # fmt: skip
    account, lent = one.account_id, None
    if caller is not None and caller != owner:
        other = "" if one.segment in team.segments[caller] else f"; {caller} has no other account of {one.segment}"
        lent = f"{caller} calls this week: {owner} has no capacity{other}"
    waits = why_not.format(owner=owner) if caller is None else None
    said = "; ".join(text for text in (handed, lent, waits) if text) or None
    return Assigned(account, owner, caller or owner, caller is None, handed is not None, said)


def _owners(queue: Sequence[Asked], team: Team, before: Before) -> dict[str, tuple[str, str | None]]:
    """The owner of each account, and its handover, if any."""
    found: dict[str, tuple[str, str | None]] = {}
    load: Counter[str] = Counter()
    for one in queue:
        last = before.owner.get(one.account_id)
        owner = next((csm for csm in (one.csm, last) if csm in team.segments), None)
        if owner is not None:
            found[one.account_id] = owner, _handed(last or owner, owner, team)
            load[owner] += 1
    for one in queue:
        if one.account_id not in found:
            owner = min(team.colleagues(one.segment), key=lambda csm: (load[csm] - team.room[csm], csm))
            found[one.account_id] = owner, _handed(before.owner.get(one.account_id, one.csm), owner, team)
            load[owner] += 1
    return found


def _handed(last: str, owner: str, team: Team) -> str | None:
    """The handover in words; None if the owner is unchanged."""
    if last == owner:
        return None
    if last == team.nobody:
        return f"assigned to {owner}: the data names no CSM"
    return f"handed over from {last}" + ("" if last in team.segments else ", who has left")


def _callers(
    queue: Sequence[Asked], owners: Mapping[str, str], team: Team, before: Before, settings: OutreachSettings
) -> dict[str, str]:
    """Who calls each account within everybody's capacity; accounts without capacity are left out.

    Own accounts come before those of colleagues, so that helping never costs an owner a call.
    """
    left = Counter(team.room)
    found: dict[str, str] = {}
    for one in queue:
        owner = owners[one.account_id]
        if left[owner] > 0:
            found[one.account_id] = owner
            left[owner] -= 1
    rounds = [team.colleagues, lambda _: list(team.segments)] if settings.share_across_segments else [team.colleagues]
    for among in rounds if settings.share_calls else ():
        for one in queue:
            free = [csm for csm in among(one.segment) if left[csm] > 0]
            if one.account_id not in found and free:
                last = before.caller.get(one.account_id)
                caller = last if last in free else min(free, key=lambda csm: (-left[csm], csm))
                found[one.account_id] = caller
                left[caller] -= 1
    return found
