"""What the events of the work ledger fold into: calls, causes, interventions, plans, follow-ups, sign-offs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from playbook.work import (
    WorkEvent,
    calls_at,
    causes_at,
    follow_ups_at,
    interventions_at,
    plans_at,
    signed_at,
    work_event,
)

MONDAY = datetime.fromisoformat("2024-03-04")
DAY = timedelta(days=1)


def on(day: int, what: str, subject: str | None = None, /, written: int | None = None, **payload: Any) -> WorkEvent:
    """What ann did on a day after Monday for acme; `written` where she wrote it down later."""
    at = MONDAY + day * DAY
    return work_event(what, "acme", subject, at if written is None else MONDAY + written * DAY, at, "ann", payload)


def test_what_begins_is_its_own_subject_and_the_same_thing_has_one_id() -> None:
    """Written again later it is the same line; another word is another (MON-3, MON-5)."""
    begun = on(0, "started", kind="training")

    assert begun.subject == begun.event_id == on(0, "started", written=5, kind="training").event_id
    assert on(0, "started", kind="support").event_id != begun.event_id
    assert on(0, "called", outcome="reached").subject is None
    with pytest.raises(ValueError, match="UTC without a zone"):
        work_event("called", "acme", None, MONDAY.replace(tzinfo=UTC), MONDAY, "ann", {})


def test_nothing_is_seen_before_it_was_written_or_happened() -> None:
    """Marts fed by the ledger are cut at as_of, that instant included (ALR-5)."""
    events = [on(0, "called", outcome="reached", written=2), on(1, "called", outcome="no_answer", reached=False)]

    assert calls_at(events, MONDAY + 1 * DAY) == calls_at(events[1:], MONDAY + 9 * DAY)
    assert [(c.outcome, c.reached) for c in calls_at(events, MONDAY + 2 * DAY)] == [
        ("reached", True),
        ("no_answer", False),
    ]
    assert calls_at(events, MONDAY) == []


def test_an_intervention_has_its_own_cause_else_the_one_found_of_the_account_by_its_end() -> None:
    """The one that stood when it began, else the first found before it ended; a later one is of something else."""
    first = on(1, "started", kind="training")
    causes = [on(0, "caused", cause="price"), on(3, "caused", cause="budget"), on(9, "caused", cause="merger")]
    end = on(5, "ended", first.subject, result="worked")
    own = on(1, "started", kind="support", cause="slow_support")

    def cause(*events: WorkEvent) -> str | None:
        return interventions_at([first, *events], MONDAY + 20 * DAY)[0].root_cause

    assert cause(*causes, end) == "price"
    assert cause(*causes[1:], end) == "budget"
    assert cause(causes[2], end) is None
    assert cause(causes[2]) == "merger"
    assert [i.root_cause for i in interventions_at([own, *causes], MONDAY + DAY)] == ["slow_support"]
    assert [c.cause for c in causes_at(causes, MONDAY + 4 * DAY)] == ["price", "budget"]


def test_an_intervention_runs_until_it_is_ended_and_the_last_end_counts() -> None:
    """Somebody may correct how it ended; as of before, it still ran (MON-3)."""
    begun = on(0, "started", kind="training", note="two sessions")
    ends = [on(4, "ended", begun.subject, result="failed"), on(6, "ended", begun.subject, result="worked")]

    def ended(day: int) -> tuple[Any, ...]:
        found = interventions_at([*ends, begun], MONDAY + day * DAY)[0]
        return found.ended_at, found.result, found.note

    assert ended(3) == (None, None, "two sessions")
    assert ended(5) == (MONDAY + 4 * DAY, "failed", "two sessions")
    assert ended(6) == (MONDAY + 6 * DAY, "worked", "two sessions")


def test_a_plan_is_what_was_planned_and_what_was_said_since() -> None:
    """A value leaves the status, a status the value; progress of a plan that nobody knows is not told (MON-3)."""
    plan = on(0, "planned", metric="health", baseline=40.0, target=60, rising=True, due="2024-06-01")
    said = [
        on(2, "progressed", plan.subject, value=50),
        on(3, "progressed", plan.subject, status="dropped", note="sold"),
    ]

    def of(day: int) -> tuple[Any, ...]:
        found = plans_at([plan, *said, on(2, "progressed", "unknown", value=1)], MONDAY + day * DAY)
        return next((p.status, p.value, p.note) for p in found)

    assert [of(day) for day in (0, 2, 3)] == [("open", None, ""), ("open", 50, ""), ("dropped", 50, "sold")]
    whole = plans_at([plan], MONDAY)[0]
    assert (whole.metric, whole.baseline, whole.target, whole.rising) == ("health", 40.0, 60, True)
    assert (whole.due, whole.owner, whole.plan_id) == (date(2024, 6, 1), "ann", plan.subject)


def test_follow_ups_stand_by_their_day_and_a_week_is_signed_once() -> None:
    """The first who signed is named; another week is another week (MON-5)."""
    events = [
        on(0, "follow_up", due="2024-03-20", note="send slides"),
        on(1, "follow_up", due="2024-03-08"),
        on(4, "signed", "2024-03-08"),
        work_event("signed", "", "2024-03-08", MONDAY + 5 * DAY, MONDAY + 5 * DAY, "bob", {}),
    ]
    signed = signed_at(events, date(2024, 3, 8), MONDAY + 9 * DAY)

    assert [f.due.day for f in follow_ups_at(events, MONDAY + 9 * DAY)] == [8, 20]
    assert signed is not None
    assert (signed.by, signed.at) == ("ann", MONDAY + 4 * DAY)
    assert signed_at(events, date(2024, 3, 8), MONDAY + 3 * DAY) is None
    assert signed_at(events, date(2024, 4, 8), MONDAY + 9 * DAY) is None
