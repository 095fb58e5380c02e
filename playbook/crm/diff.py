"""What a CRM should hold, what it holds, and the difference between the two (MON-6).

Values are texts: numbers as written here, days as ISO dates, "" for unknown. What people wrote is data: it stays text,
without control characters and truncated, and whoever sends it escapes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.crm.settings import COMPLETED, CrmSettings


@dataclass(frozen=True)
class Wanted:
    """The wanted content of one CRM object. `key`: `account:` and the account's id, else the task's id."""

    key: str
    account_id: str
    values: Mapping[str, str]

    @property
    def is_account(self) -> bool:
        return self.key.startswith("account:")

    @property
    def label(self) -> str:
        """The key, a task's with its account."""
        return self.key if self.is_account else f"{self.key} ({self.account_id})"

    @property
    def hash(self) -> str:
        """Follows from the content alone."""
        return short_hash(self.key, self.account_id, *(f"{name}={self.values[name]}" for name in sorted(self.values)))


@dataclass(frozen=True)
class CrmRecord:
    """An object in the CRM: its id there, our id, the values of our properties, the companies of a task by id."""

    crm_id: str
    key: str
    values: Mapping[str, str]
    companies: tuple[str, ...] = ()


@dataclass(frozen=True)
class CrmEvent:
    """One line of the outbox: what is `wanted`, was `delivered` (reads back equal), or `failed` (`error`).

    `place`: which CRM. `at`: the instant of the run. `payload`: the values, none of what failed.
    """

    place: str
    key: str
    kind: Literal["wanted", "delivered", "failed"]
    account_id: str
    hash: str
    at: datetime
    crm_id: str | None = None
    error: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OutboxEntry:
    """Outbox state of an object: what was wanted last, what was delivered last, and its id in the CRM."""

    wanted: Wanted
    delivered: Wanted | None = None
    crm_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Step:
    """One write. `before`: values in the CRM that change; `theirs`: those that somebody changed there."""

    act: Literal["create", "change", "complete"]
    wanted: Wanted
    company: str
    crm_id: str | None
    before: Mapping[str, str]
    theirs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """What to write, what is up to date, and what a person should look at: kind, key and sentence each."""

    steps: Sequence[Step]
    same: Sequence[tuple[Wanted, str]]
    said: Sequence[tuple[str, str, str]]


def number_there(given: object) -> str:
    """A number of the CRM as `Wanted` writes it; other text unchanged: somebody made the property a text."""
    try:
        return f"{float(str(given)):g}"
    except ValueError:
        return str(given)


def fold_outbox(events: Iterable[CrmEvent]) -> dict[str, OutboxEntry]:
    """Outbox state by key; `events`: the newest of each kind, in the order in which they were written."""
    outbox: dict[str, OutboxEntry] = {}
    for e in events:
        about, content = outbox.get(e.key), Wanted(e.key, e.account_id, dict(e.payload))
        if e.kind == "wanted":
            outbox[e.key] = OutboxEntry(content, about.delivered, about.crm_id) if about else OutboxEntry(content)
        elif e.kind == "delivered":
            outbox[e.key] = OutboxEntry(about.wanted if about else content, content, e.crm_id)
        elif about:
            outbox[e.key] = OutboxEntry(about.wanted, about.delivered, about.crm_id, e.error)
    return outbox


def difference(
    wanted: Sequence[Wanted], companies: Sequence[CrmRecord], tasks: Sequence[CrmRecord],
    outbox: Mapping[str, OutboxEntry], settings: CrmSettings,
) -> Difference:  # fmt: skip
    """What to write so that the CRM holds what is wanted; companies by our account_id, tasks by our id.

    Nothing is written to a company that is not there or is there twice, nor to its tasks. A task that was completed
    there stays completed, and one that was deleted there stays away unless the settings want it back.
    """
    by_account, by_key = _grouped(companies), _grouped(tasks)
    steps, same, said = [], [], []
    for want in wanted:
        there = by_account[want.account_id]
        if len(there) != 1:
            if want.is_account and (any(want.values.values()) or there):
                said.append(_not_one(want, there))
            continue
        found = there if want.is_account else by_key[want.key]
        about = outbox.get(want.key)
        if len(found) > 1:
            said.append(
                ("duplicate", want.label, f"{len(found)} tasks in the CRM have this id: {_ids(found)}. Keep one.")
            )
        elif found:
            step, note = _step(want, found[0], there[0].crm_id, about)
            said += [("completed there", want.label, note)] if note else []
            if step:
                steps.append(step)
            else:
                same.append((want, found[0].crm_id))
        elif about and about.crm_id and not settings.recreate_deleted:
            said.append(
                (
                    "deleted",
                    want.label,
                    f"task {about.crm_id} was deleted in the CRM. To recreate it, set crm.recreate_deleted.",
                )
            )
        else:
            steps.append(Step("create", want, there[0].crm_id, None, {}))
    return Difference(steps, same, said)


def _step(want: Wanted, found: CrmRecord, company: str, about: OutboxEntry | None) -> tuple[Step | None, str]:
    """What to write to an existing object, and a note about it."""
    before = {name: found.values.get(name, "") for name, value in want.values.items()}
    changed = {name: there for name, there in before.items() if there != want.values[name]}
    note = ""
    if changed.get("status") == COMPLETED:
        changed.pop("status")
        note = "completed in the CRM, still open in Keepwell. Record what was done, or reopen it in the CRM."
    if not want.is_account and company not in found.companies:
        changed["company"] = ", ".join(found.companies)
    delivered = about.delivered.values if about and about.delivered else {}
    theirs = tuple(n for n, there in changed.items() if n in delivered and there != delivered[n])
    if not changed:
        return None, note
    completes = "status" in changed and want.values["status"] == COMPLETED
    return Step("complete" if completes else "change", want, company, found.crm_id, changed, theirs), note


def _not_one(want: Wanted, there: Sequence[CrmRecord]) -> tuple[str, str, str]:
    if there:
        return (
            "duplicate",
            want.key,
            f"{len(there)} companies in the CRM have this id: {_ids(there)}. Nothing is written.",
        )
    return "unknown", want.key, "no company in the CRM has this id. Keepwell does not create companies."


def _grouped(records: Iterable[CrmRecord]) -> defaultdict[str, list[CrmRecord]]:
    found: defaultdict[str, list[CrmRecord]] = defaultdict(list)
    for one in records:
        found[one.key].append(one)
    return found


def _ids(records: Iterable[CrmRecord]) -> str:
    return ", ".join(sorted(one.crm_id for one in records))
