"""What the events of the work ledger fold into: calls, causes, interventions, plans, follow-ups, sign-offs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from keepwell.playbook.alerts.ledger_events import LedgerEvent
from keepwell.playbook.interventions.records import (
    WorkEvent,
    calls_at,
    causes_at,
    follow_ups_at,
    formatted,
    interventions_at,
    plans_at,
    signed_at,
    work_event,
)
from keepwell.playbook.interventions.success import standing
from keepwell.playbook.interventions.work_week import Asked, WorkWeek, work_week
from keepwell.tasks.reports.work import as_html

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
    """A value leaves the status, a status the value; progress on an unknown plan is ignored (MON-3)."""
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


# How a target is graded -----------------------------------------------------------------------------------------------


def graded(
    readings: dict[int, float | None], as_of: int, *said: WorkEvent, target: float = 60, **more: Any
) -> tuple[str, str | None, float | None]:
    """A plan of Monday, due on day 10, as it stands on a day; `readings` are published by day."""
    due = str((MONDAY + 10 * DAY).date())
    planned = on(0, "planned", "p", metric="health", target=target, due=due, **{"rising": True, **more})
    published = {(MONDAY + day * DAY).date(): value for day, value in readings.items()}
    now = MONDAY + as_of * DAY
    plan = plans_at([planned, *said], now)[0]
    found = standing(plan, sorted(published), published.get, now.date())
    return found.status, found.settled_by, found.value


@pytest.mark.parametrize(
    ("readings", "as_of", "expected"),
    [
        ({5: 70.0}, 9, ("open", None, 70.0)),
        ({5: 70.0, 10: 50.0, 11: 90.0}, 20, ("missed", "values", 50.0)),
        ({5: 70.0, 9: None, 11: 10.0}, 20, ("met", "values", 70.0)),
        ({0: 70.0, 12: 60.0, 13: 10.0}, 20, ("met", "values", 60.0)),
        ({0: 70.0, 12: 60.0}, 11, ("open", None, None)),
        ({5: 59.999}, 10, ("missed", "values", 59.999)),
    ],
)
def test_a_target_is_graded_by_the_last_value_up_to_its_day_else_by_the_first_after(
    readings: dict[int, float | None], as_of: int, expected: tuple[Any, ...]
) -> None:
    """Not before it is due, never by what was known when it was planned; nothing known leaves it open (MON-3)."""
    assert graded(readings, as_of) == expected


def test_a_target_that_falls_is_met_from_above() -> None:
    """Tickets at most 3 (MON-3)."""
    assert graded({9: 3.0}, 10, target=3, rising=False) == ("met", "values", 3.0)
    assert graded({9: 4.0}, 10, target=3, rising=False)[0] == "missed"


def test_what_a_person_says_of_a_target_stands() -> None:
    """A status over any value; a value counts as a reading of its day; `open` gives it back to the values (MON-3)."""
    met, again = on(3, "progressed", "p", status="met"), on(4, "progressed", "p", status="open")
    value = on(8, "progressed", "p", value=75)

    assert graded({10: 10.0}, 20, met) == ("met", "person", 10.0)
    assert graded({10: 10.0}, 20, met, again) == ("missed", "values", 10.0)
    assert graded({5: 10.0}, 20, value) == ("met", "values", 75)
    assert graded({5: 10.0, 9: 12.0}, 20, value) == ("missed", "values", 12.0)


# The week -------------------------------------------------------------------------------------------------------------

WEEK = date(2024, 3, 11)


def asked(account: str, scheduled: bool = True) -> Asked:
    return Asked(account, f"{account} & <Co>", "ann", 1, MONDAY + DAY if scheduled else None)


def week_of(*events: WorkEvent, history: tuple[LedgerEvent, ...] = ()) -> WorkWeek:
    names = ("acme", "bolt", "core")
    queue = [asked(name) for name in names] + [asked("late", scheduled=False)]
    return work_week(WEEK, queue, events, history, [], 90)


def test_a_call_is_made_when_it_reached_and_the_telling_one_is_shown() -> None:
    """Reached before tried, the last first, none from before the queue; a wait is no missing call (MON-3)."""
    week = week_of(
        work_event("called", "core", None, MONDAY, MONDAY - DAY, "bob", {"outcome": "reached", "reached": True}),
        on(2, "called", outcome="no_answer", reached=False),
        on(1, "called", outcome="reached", reached=True, note="first"),
        work_event("called", "bolt", None, MONDAY, MONDAY, "bob", {"outcome": "refused", "reached": False}),
    )
    states = {one.asked.account_id: one.state for one in week.answered}

    assert states == {"acme": "reached", "bolt": "tried", "core": "not_called", "late": "waiting"}
    assert week.answered[0].call is not None
    assert week.answered[0].call.note == "first"
    totals = week.totals
    assert [totals[name] for name in ("calls_planned", "reached", "tried", "not_called")] == [3, 1, 1, 1]


def test_a_contact_that_an_alert_tells_of_is_a_call() -> None:
    """Who took the alert's step need not say it twice; a step that another fulfilled is none of its own (ALR-2)."""

    def contact(**more: Any) -> LedgerEvent:
        at = MONDAY + DAY
        payload = {"step": "contact", **more}
        return LedgerEvent("e", "a", "core", "done", "no_usage", None, at, at, "cy", payload)

    assert week_of(history=(contact(note="spoke"),)).totals["reached"] == 1
    assert week_of(history=(contact(step="plan"),)).totals["reached"] == 0


def test_what_is_written_after_the_signature_is_not_on_the_page_before_it_everything_of_the_week_is() -> None:
    """Signed on day 9: a call written on day 10 does not count; unsigned it does, to the week's end (MON-5)."""
    signed = on(9, "signed", WEEK.isoformat())
    late = on(2, "called", outcome="reached", reached=True, written=10)
    too_late = on(2, "called", outcome="reached", reached=True, written=15)

    assert week_of(late).totals["reached"] == 1
    assert week_of(too_late).totals["reached"] == 0
    assert week_of(late, signed).totals["reached"] == 0
    assert week_of(late, signed).totals["signed_by"] == "ann"
    assert week_of(late).totals["signed_by"] == "nobody yet"


def test_causes_interventions_and_follow_ups_of_the_week() -> None:
    """A cause of an intervention is one too; an old cause says nothing; a reached call keeps a promise (MON-3)."""
    old = work_event("caused", "bolt", None, MONDAY - 99 * DAY, MONDAY - 99 * DAY, "bob", {"cause": "price"})
    week = week_of(
        on(1, "started", kind="training", cause="onboarding"),
        old,
        on(0, "follow_up", due="2024-03-12"),
        on(1, "called", outcome="reached", reached=True),
        on(2, "follow_up", due="2024-03-13", note="slides"),
        on(2, "follow_up", due="2024-03-18"),
    )

    assert [one.asked.account_id for one in week.without_cause] == ["bolt", "core", "late"]
    assert week.answered[0].begun == ("training",)
    assert [(f.due.day, kept) for f, kept in week.follow_ups] == [(12, True), (13, False)]
    assert week.totals["follow_ups_due"] == 1


def test_a_promise_that_was_kept_in_an_earlier_month_is_due_no_more() -> None:
    """A call before week 2 keeps it too; one that nobody kept stays due (MON-3)."""
    kept, lost = on(-60, "follow_up", due="2024-01-12"), on(-40, "follow_up", due="2024-02-02")

    week = week_of(kept, on(-55, "called", outcome="reached", reached=True), lost)

    assert [(f.due, done) for f, done in week.follow_ups] == [(date(2024, 2, 2), False)]


def test_the_page_says_what_is_missing_and_shows_names_as_they_are() -> None:
    """Names and notes are data: escaped (TRU-4). Signed, it says by whom (MON-5)."""
    note = on(1, "called", outcome="reached", reached=True, note="<script>alert(1)</script>")
    page = as_html(week_of(note), "run", {})
    signed = as_html(week_of(note, on(5, "signed", WEEK.isoformat(), note="all in")), "run", {})

    assert "2 of 3 planned calls have" in page
    assert "bolt &amp; &lt;Co&gt;" in page
    assert "<Co>" not in page + signed
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Signed off by <bdi>ann</bdi>" in signed
    assert "all in" in signed


def test_the_page_names_the_accounts_of_interventions_and_promises_too() -> None:
    """Nobody knows an account by its id; one that no score names has nothing else (MON-3)."""
    week = week_of(on(1, "started", kind="training"), on(2, "follow_up", due="2024-03-13", note="slides"))
    account = week.begun[0].account_id

    assert as_html(week, "run", {account: "Pine & Sons"}).count("Pine &amp; Sons") == 2
    assert "Pine" not in as_html(week, "run", {})


@pytest.mark.parametrize(
    ("value", "says"), [(48.147429, "48.15"), (60.0, "60"), (1234.5, "1,234.5"), (0.01234, "0.0123"), (0, "0")]
)
def test_a_value_is_printed_as_people_read_it(value: float, says: str) -> None:
    """48.147429 is more than anybody knows of a health (MON-3)."""
    assert formatted(value) == says
