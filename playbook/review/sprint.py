"""The expert review: first a blind forecast, then the scores; what is allowed when (REV-1, REV-3, REV-4).

Everything is an event that is only added; a sprint is what its events fold into. Every instant is UTC without a zone.
Whether an account may still be answered depends on all events, whatever their instant: an earlier `--now` undoes no
reveal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.settings import ReviewSettings

FlagKind = Literal["seasonal", "segment", "feature", "note", "override"]
FLAGS: Mapping[FlagKind, str] = {
    "seasonal": "candidate for a seasonal adjustment",
    "segment": "candidate for a model of its segment",
    "feature": "candidate for a new feature",
    "note": "context that is not in the data",
    "override": "the score is wrong for this account until a date",
}


class NotAllowed(Exception):
    """A step that breaks a rule of the review: one sentence, and what to do instead."""

    exit_code = 2


@dataclass(frozen=True)
class ReviewEvent:
    """One line: who did what in which sprint. `number` counts a sprint's events and is their order."""

    review_id: str
    number: int
    account_id: str
    kind: str
    at: datetime
    by: str
    payload: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.at.tzinfo is not None:
            raise ValueError(f"review event {self.kind}: give instants in UTC without a zone")


@dataclass(frozen=True)
class Answer:
    """One reviewer's forecast for one account, 0..1, and when its scores were revealed."""

    account_id: str
    by: str
    probability: float
    at: datetime
    revealed_at: datetime | None = None


@dataclass(frozen=True)
class Flag:
    """What a reviewer wants done about an account, why, and the follow-up. `probability`, `until`: of an override."""

    flag_id: str
    account_id: str
    by: str
    kind: FlagKind
    note: str
    at: datetime
    probability: float | None = None
    until: date | None = None
    followed_by: str | None = None
    followed_at: datetime | None = None
    followed: str | None = None


@dataclass(frozen=True)
class Sprint:
    """A sprint, folded from its events.

    `accounts`: what was frozen of each when it began, in the order of the questions; see tasks/operations/reviews.py.
    `outcomes_known_on`: the date on which all outcomes are known, `horizon_end` plus any grace.
    """

    review_id: str
    outcome: str
    version: str
    as_of: date
    horizon_end: date
    outcomes_known_on: date
    began: datetime
    by: str
    accounts: Mapping[str, Mapping[str, Any]]
    health_line: str
    answers: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)
    last: Mapping[str, datetime] = field(default_factory=dict)
    events: int = 0
    signed_by: str = ""
    signed_at: datetime | None = None
    signed_note: str = ""

    @property
    def seen(self) -> set[str]:
        """The accounts that somebody forecast and whose scores were then revealed."""
        return {answer.account_id for answer in self.answers.values() if answer.revealed_at is not None}

    def open_for(self, by: str) -> list[str]:
        """The accounts that a reviewer has not answered, in order."""
        return [account for account in self.accounts if (account, by) not in self.answers]


def sprints(history: Iterable[ReviewEvent], up_to: datetime | None = None) -> dict[str, Sprint]:
    """Every sprint by its id, in the order in which they began; of the events up to an instant, that included."""
    found: dict[str, Sprint] = {}
    for event in sorted(history, key=lambda e: (e.review_id, e.number)):
        if up_to is None or event.at <= up_to:
            if event.kind == "started":
                found[event.review_id] = _started(event)
            elif event.review_id in found:
                found[event.review_id] = after(found[event.review_id], event)
    return dict(sorted(found.items(), key=lambda item: (item[1].began, item[0])))


def _started(event: ReviewEvent) -> Sprint:
    given = event.payload
    return Sprint(
        event.review_id, given["outcome"], given["version"], date.fromisoformat(given["as_of"]),
        date.fromisoformat(given["horizon_end"]), date.fromisoformat(given["told_on"]), event.at, event.by,
        {a["account_id"]: a for a in given["accounts"]}, given["health_line"], last={event.by: event.at}, events=1,
    )  # fmt: skip


def after(sprint: Sprint, event: ReviewEvent) -> Sprint:
    """The sprint with its next event."""
    given, key = event.payload, (event.account_id, event.by)
    sprint = replace(sprint, events=event.number, last={**sprint.last, event.by: event.at})
    match event.kind:
        case "answered":
            answer = Answer(event.account_id, event.by, given["chance"], event.at)
            return replace(sprint, answers={**sprint.answers, key: answer})
        case "revealed":
            revealed_answer = replace(sprint.answers[key], revealed_at=event.at)
            return replace(sprint, answers={**sprint.answers, key: revealed_answer})
        case "flagged":
            until = date.fromisoformat(given["until"]) if given["until"] else None
            flag = Flag(
                given["flag_id"], event.account_id, event.by, given["kind"], given["note"], event.at, given["chance"],
                until,
            )  # fmt: skip
            return replace(sprint, flags={**sprint.flags, flag.flag_id: flag})
        case "followed":
            flag = replace(
                sprint.flags[given["flag_id"]], followed_by=event.by, followed_at=event.at, followed=given["note"]
            )
            return replace(sprint, flags={**sprint.flags, flag.flag_id: flag})
        case _:
            return replace(sprint, signed_by=event.by, signed_at=event.at, signed_note=given["note"])


def answered(
    sprint: Sprint, account: str, probability: float, by: str, at: datetime, rules: ReviewSettings
) -> ReviewEvent:  # fmt: skip
    """A forecast; it can be changed until the scores are revealed."""
    _same_account(sprint, account)
    _open(sprint, by, at)
    before = sprint.answers.get((account, by))
    if before is not None and before.revealed_at is not None:
        raise NotAllowed(
            f"{account} was revealed to {by} at {before.revealed_at:%Y-%m-%d %H:%M}: the forecast can no longer change."
        )
    _in_time(sprint, at, rules)
    _check_probability(probability)
    return _event(sprint, account, "answered", at, by, {"chance": probability})


def revealed(sprint: Sprint, account: str, by: str, at: datetime) -> ReviewEvent | None:
    """Reveal the scores of an account to a reviewer who forecast it; None if already revealed."""
    _same_account(sprint, account)
    answer = sprint.answers.get((account, by))
    if answer is None:
        raise NotAllowed(
            f"{by} has not forecast {account} yet: first the forecast (keepwell review answer), then the scores."
        )
    if answer.revealed_at is not None:
        return None
    _in_order(sprint, by, at)
    return _event(sprint, account, "revealed", at, by, {})


def flagged(
    sprint: Sprint, account: str, kind: FlagKind, note: str, by: str, at: datetime,
    rules: ReviewSettings, probability: float | None = None, until: date | None = None,
) -> ReviewEvent:  # fmt: skip
    """A flag with its explanation, by a reviewer who has answered; an override has an expiry and a probability.

    An override without a probability uses its author's forecast.
    """
    _same_account(sprint, account)
    _open(sprint, by, at)
    if not note.strip():
        raise NotAllowed(f"a flag needs an explanation: --note ({kind}: {FLAGS[kind]}).")
    if (account, by) not in sprint.answers:
        raise NotAllowed(
            f"{by} has not forecast {account} yet: first the forecast (keepwell review answer), then the flag."
        )
    if kind != "override" and (probability is not None or until is not None):
        raise NotAllowed("--chance and --until are for overrides only.")
    if kind == "override" and (until is None or until <= at.date()):
        raise NotAllowed("an override needs an expiry: --until with a future date.")
    if kind == "override":
        _in_time(sprint, at, rules)
    if probability is not None:
        _check_probability(probability)
    about = {"kind": kind, "note": note, "chance": probability, "until": str(until) if until else None}
    identity = short_hash(sprint.review_id, sprint.events + 1)
    return _event(sprint, account, "flagged", at, by, {"flag_id": identity, **about})


def followed(sprint: Sprint, flag_id: str, note: str, by: str, at: datetime) -> ReviewEvent:
    """What was done about a flag; allowed after sign-off, and more than once."""
    if not note.strip():
        raise NotAllowed("describe what was done: --note.")
    if at < sprint.flags[flag_id].at:
        raise NotAllowed(f"flag {flag_id} was raised at {sprint.flags[flag_id].at:%Y-%m-%d %H:%M}, after {at}.")
    _in_order(sprint, by, at)
    return _event(sprint, sprint.flags[flag_id].account_id, "followed", at, by, {"flag_id": flag_id, "note": note})


def signed(sprint: Sprint, by: str, note: str, at: datetime, rules: ReviewSettings) -> ReviewEvent:
    """Sign-off of a sprint by a named person; refused while too few accounts were forecast and revealed."""
    _open(sprint, by, at)
    needed = min(rules.min_reviewed, len(sprint.accounts))
    if not by.strip():
        raise NotAllowed("a review is signed off by a named person: --sign NAME.")
    if len(sprint.seen) < needed:
        raise NotAllowed(
            f"review {sprint.review_id} is not finished: {len(sprint.seen)} of {len(sprint.accounts)} accounts were "
            f"forecast and revealed; {needed} are needed (keepwell review next)."
        )
    newest = max(sprint.last.values())
    if at < newest:
        raise NotAllowed(f"the review's newest entry is at {newest:%Y-%m-%d %H:%M}: sign off later than that.")
    return _event(sprint, "", "signed", at, by, {"note": note})


def signature(
    found: Mapping[str, Sprint], outcome: str, version: str, registered: date, before: datetime
) -> Sprint | None:  # fmt: skip
    """The newest sprint of this version that began after its registration and was signed off by an instant."""
    able = [
        sprint
        for sprint in found.values()
        if (sprint.outcome, sprint.version) == (outcome, version)
        and sprint.began.date() >= registered
        and sprint.signed_at is not None
        and sprint.signed_at <= before
    ]
    return able[-1] if able else None


def _same_account(sprint: Sprint, account: str) -> None:
    if account not in sprint.accounts:
        raise NotAllowed(f"{account} is not one of the {len(sprint.accounts)} accounts of review {sprint.review_id}.")


def _open(sprint: Sprint, by: str, at: datetime) -> None:
    if sprint.signed_at is not None:
        raise NotAllowed(
            f"review {sprint.review_id} is closed: {sprint.signed_by} signed off at {sprint.signed_at:%Y-%m-%d %H:%M}."
        )
    _in_order(sprint, by, at)


def _in_time(sprint: Sprint, at: datetime, rules: ReviewSettings) -> None:
    """Forecasts and overrides are graded: a late one would know more than the scores did."""
    closes = sprint.began + timedelta(days=rules.open_days)
    if at > closes:
        raise NotAllowed(
            f"review {sprint.review_id} closed for forecasts and overrides at {closes:%Y-%m-%d %H:%M}. "
            "Start a new one: keepwell review start."
        )


def _check_probability(probability: float) -> None:
    if not 0 <= probability <= 1:
        raise NotAllowed(f"a probability is between 0 and 100, not {100 * probability:g}.")


def _in_order(sprint: Sprint, by: str, at: datetime) -> None:
    """A person's entries go forward in time, and start after the sprint."""
    newest = max(sprint.began, sprint.last.get(by, sprint.began))
    if at < newest:
        raise NotAllowed(f"{by}'s newest entry, or the start of the review, is at {newest:%Y-%m-%d %H:%M}, after {at}.")


def _event(
    sprint: Sprint, account: str, kind: str, at: datetime, by: str, payload: Mapping[str, Any]
) -> ReviewEvent:  # fmt: skip
    return ReviewEvent(sprint.review_id, sprint.events + 1, account, kind, at, by, payload)


def the_sprint(found: Mapping[str, Sprint], named: str) -> Sprint:
    """The sprint whose id begins with this text; the newest if it is empty."""
    if not found:
        raise NotAllowed("there is no review yet: keepwell review start.")
    able: Sequence[Sprint] = [sprint for review_id, sprint in found.items() if review_id.startswith(named)]
    if named and len(able) != 1:
        raise NotAllowed(f"{len(able)} reviews begin with {named!r}. Reviews: {', '.join(found)}.")
    return able[-1]
