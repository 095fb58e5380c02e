"""The expert review: start, next, answer, reveal, flag, followed, report; all in the ledger (REV-1..4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from keepwell.flows.review_marts import outcomes_by
from keepwell.flows.run import Run
from keepwell.flows.scoring import read_sources
from keepwell.models.grading.review import Grade, HealthLine, health_line
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.split import TooLittleData
from keepwell.playbook.alerts.ledger_events import company_hash
from keepwell.playbook.review.sample import chosen
from keepwell.playbook.review.sprint import (
    Flag,
    FlagKind,
    NotAllowed,
    ReviewEvent,
    Sprint,
    after,
    answered,
    flagged,
    followed,
    revealed,
    signature,
    signed,
    sprints,
    the_sprint,
)
from keepwell.tasks.learning.training import first_month, month_starts, training_set
from keepwell.tasks.ledger.database import missing_file
from keepwell.tasks.operations.reviews import (
    Outcomes,
    facts_of,
    health_reasons,
    model_reasons,
    scored_book,
    scored_on,
    sprint_metrics,
)
from keepwell.tasks.step import step

REASONS = 3


@dataclass(frozen=True)
class Question:
    """What a reviewer sees before the forecast: no scores, no rank, no reason why the account was picked."""

    sprint: Sprint
    account_id: str
    left: int
    about: Mapping[str, Any]
    facts: Sequence[str]


@dataclass(frozen=True)
class Report:
    """A sprint, its metrics, and its outcomes as far as they are known."""

    sprint: Sprint
    metrics: Sequence[Grade]
    outcomes: Outcomes


def start(run: Run, now: datetime, outcome: str, version: str, by: str) -> Sprint:
    """Start a sprint on the newest scores of a version; what it grades is frozen in its first event."""
    rules = run.settings.reviews
    found = scored_on(run.marts, outcome, version, now.date())
    if found is None:
        asked = f"version {version}" if version else "a model"
        raise NotAllowed(
            f"{outcome}: {asked} has no scores by {now.date()}. "
            "Run `keepwell quarterly` for a challenger, then `keepwell daily` to score with it."
        )
    day, number = found
    if (now.date() - day).days > rules.max_score_age_days:
        raise NotAllowed(
            f"{outcome}: the newest scores of version {number} are from {day}. Run `keepwell daily` first."
        )
    outcomes_known_on = day + timedelta(days=run.settings.wait_days(outcome))
    ends = day + timedelta(days=run.settings.labels.horizon_days(outcome))
    identity = company_hash(run.settings.company, outcome, number, str(day), now.isoformat(), by)
    _none_goes_on(run, outcome, number, identity, now)
    accounts, line = frozen(replace(run, as_of=day), outcome, number, identity)
    about = {
        "outcome": outcome, "version": number, "as_of": str(day), "horizon_end": str(ends),
        "told_on": str(outcomes_known_on), "health_line": str(line), "accounts": accounts,
    }  # fmt: skip

    def begin(history: Sequence[ReviewEvent]) -> Sequence[ReviewEvent]:
        there = any(event.review_id == identity for event in history)
        return [] if there else [ReviewEvent(identity, 1, "", "started", now, by, about)]

    return _write(run, begin)[identity]


@step
def frozen(run: Run, outcome: str, version: str, salt: str) -> tuple[list[dict[str, Any]], HealthLine]:
    """The accounts in the order of the questions, each with its scores and reasons; health as a probability."""
    book = scored_book(run.marts, run.as_of, outcome, version)
    picked = chosen(book, run.settings.reviews, salt)
    if picked.empty:
        raise NotAllowed(
            f"{outcome}: no account has both a health score and a probability of version {version} on {run.as_of}."
        )
    line = _health_line(run, outcome)
    names = list(picked["account_id"])
    by_health = health_reasons(run.marts, run.as_of, names)
    by_model = _model_reasons(run, outcome, version, names)
    probabilities = line(picked["health"].to_numpy(dtype=float))
    rows = [
        {
            "account_id": row.account_id, "why": row.why, "health": row.health, "model": row.model,
            "health_chance": float(probability) if np.isfinite(probability) else None,
            "health_reasons": by_health.get(row.account_id, []), "model_reasons": by_model.get(row.account_id, []),
        }
        for row, probability in zip(picked.itertuples(), probabilities, strict=True)
    ]  # fmt: skip
    return rows, line


def _health_line(run: Run, outcome: str) -> HealthLine:
    """Health of past months against outcomes known at the run's date."""
    settings, rules = run.settings, run.settings.models.grades
    snapshot, label = read_sources(run), OUTCOMES[outcome]
    try:
        first = first_month(snapshot, run.instant, settings.models.split.run_in_days, run.fixed)
        months = month_starts(first, run.instant - timedelta(days=settings.wait_days(outcome)))
        found = training_set(
            snapshot, months[-rules.health_months :], run.instant, run.scoring, settings.labels, run.fixed
        ).examples
    except TooLittleData:
        found = pd.DataFrame({"account_id": [], "health": [], label: []})
    return health_line(found.assign(happened=found[label].astype(float)), rules)


def _model_reasons(run: Run, outcome: str, version: str, accounts: Sequence[str]) -> Mapping[str, list[str]]:
    from keepwell.models.promotion.champions import CHALLENGER
    from keepwell.tasks.registry.champion import NoModel, load_version
    from keepwell.tasks.registry.versions import ServingModel, outcome_registry

    def asked(client: Any) -> ServingModel | None:
        registered = outcome_registry(client, outcome)
        known = registered is not None and version in registered.versions
        return (
            load_version(run.tracking, outcome, CHALLENGER, registered.versions[version])
            if registered and known
            else None
        )

    try:
        model = run.tracking.asked(asked) if run.tracking.begun else None
    except NoModel:
        model = None
    if model is None:
        return {}
    return model_reasons(model, run.marts, run.as_of, accounts, REASONS)


def _none_goes_on(run: Run, outcome: str, version: str, identity: str, now: datetime) -> None:
    open_days = timedelta(days=run.settings.reviews.open_days)
    for sprint in _read(run).values():
        same = (sprint.outcome, sprint.version) == (outcome, version) and sprint.review_id != identity
        if same and sprint.signed_at is None and now <= sprint.began + open_days:
            raise NotAllowed(f"review {sprint.review_id} of version {version} is still open: keepwell review next.")


def question(run: Run, by: str, review: str) -> Question | None:
    """The reviewer's next account; None if all are answered."""
    sprint = the_sprint(_read(run), review)
    left = sprint.open_for(by)
    if not left:
        return None
    return Question(sprint, left[0], len(left), *facts_of(run.marts, sprint.as_of, left[0]))


@dataclass(frozen=True)
class Said:
    """The content of a flag before it is recorded."""

    kind: FlagKind
    note: str
    probability: float | None = None
    until: date | None = None


def answer(
    run: Run, account: str, probability: float, by: str, now: datetime, review: str, said: Said | None
) -> Sprint:
    """Record a forecast, and a flag if given: both or none."""
    rules = run.settings.reviews

    def decide(sprint: Sprint) -> Sequence[ReviewEvent]:
        given = answered(sprint, account, probability, by, now, rules)
        if said is None:
            return [given]
        return [
            given,
            flagged(after(sprint, given), account, said.kind, said.note, by, now, rules, said.probability, said.until),
        ]

    return _decided(run, review, decide)


def flag(run: Run, account: str, said: Said, by: str, now: datetime, review: str) -> Flag:
    """Record a flag with its explanation."""
    rules = run.settings.reviews
    sprint = _decided(
        run, review, lambda s: [flagged(s, account, said.kind, said.note, by, now, rules, said.probability, said.until)]
    )
    return list(sprint.flags.values())[-1]


def follow(run: Run, named: str, note: str, by: str, now: datetime) -> Flag:
    """Record what was done about a flag of any sprint."""
    found = {f: s.review_id for s in _read(run).values() for f in s.flags if f.startswith(named)}
    if len(found) != 1:
        raise NotAllowed(f"{len(found)} flags begin with {named!r}. `keepwell review report` lists them.")
    ((flag_id, review),) = found.items()
    return _decided(run, review, lambda sprint: [followed(sprint, flag_id, note, by, now)]).flags[flag_id]


def reveal(run: Run, account: str, by: str, now: datetime, review: str) -> Report:
    """Reveal the scores of an account to a reviewer who forecast it, or of all such accounts; recorded first."""

    def decide(sprint: Sprint) -> Sequence[ReviewEvent]:
        mine = [account] if account else [a for a, who in sprint.answers if who == by]
        events: list[ReviewEvent] = []
        for name in mine:
            event = revealed(sprint, name, by, now)
            if event is not None:
                events.append(event)
                sprint = after(sprint, event)
        return events

    sprint = _decided(run, review, decide)
    return Report(sprint, [], _known_outcomes(run, sprint, now))


def report(run: Run, now: datetime, review: str, sign: str, note: str) -> Report:
    """The sprint's metrics and flags as of an instant; signed off first if a person is given."""
    if sign:
        rules = run.settings.reviews
        sprint = _decided(run, review, lambda s: [signed(s, sign, note, now, rules)])
    else:
        sprint = the_sprint(sprints(_events(run), now), review)
    outcomes = _known_outcomes(run, sprint, now)
    return Report(sprint, sprint_metrics(sprint, outcomes, run.settings.models.grades), outcomes)


def review_of(run: Run, outcome: str, version: str, registered: date) -> str:
    """Who signed off the review of a version by the run's instant; empty without one."""
    found = signature(sprints(_events(run)), outcome, version, registered, run.instant)
    return f"{found.signed_by} (review {found.review_id}, {found.signed_at:%Y-%m-%d %H:%M})" if found else ""


def _known_outcomes(run: Run, sprint: Sprint, now: datetime) -> Outcomes:
    """Outcomes known by an instant; the source is read once they have matured."""
    return outcomes_by(run, sprint, read_sources(run), now) if now.date() >= sprint.outcomes_known_on else {}


def _events(run: Run) -> list[ReviewEvent]:
    """Every step of a review; none, and no ledger is made, where there is none yet."""
    if missing_file(run.ledger_url):
        return []
    ledger = run.open_ledger()
    try:
        return ledger.reviews()
    finally:
        ledger.close()


def _read(run: Run) -> dict[str, Sprint]:
    return sprints(_events(run))


def _write(run: Run, decide: Callable[[Sequence[ReviewEvent]], Sequence[ReviewEvent]]) -> dict[str, Sprint]:
    """All sprints after a step."""
    ledger = run.open_ledger()
    try:
        ledger.review(decide)
        return sprints(ledger.reviews())
    finally:
        ledger.close()


def _decided(run: Run, review: str, decide: Callable[[Sprint], Sequence[ReviewEvent]]) -> Sprint:
    """One sprint after a step that rests on it."""
    name = the_sprint(_read(run), review).review_id
    return _write(run, lambda history: decide(sprints(history)[name]))[name]
