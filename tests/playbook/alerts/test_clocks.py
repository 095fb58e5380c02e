"""The clocks of the response: due, taken, missed, moved up, in calendar and business hours (ALR-2)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from keepwell.flows.configuration.settings import ScheduleSettings
from keepwell.playbook.alerts.cases import by_step, due_steps
from keepwell.playbook.alerts.clocks import STEP_SCHEMA, breaches, step_events, step_table, steps_at
from keepwell.playbook.alerts.ledger_events import STEPS, Alert, LedgerEvent, event_of, fold
from keepwell.playbook.alerts.lifecycle import Absences, new_events
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.playbook.working_hours import WorkingHours, after, works

MONDAY = datetime(2026, 3, 2)
HOUR = timedelta(hours=1)
DEFAULTS = AlertSettings()


def ledger(**settings: object) -> list[LedgerEvent]:
    """One alert of each kind, of two accounts, opened on Monday at midnight."""
    seen = Observations(
        [Condition("acme", "health_low", holds=True, detail="health 41.0, below 50")],
        [Occurrence("bolt", "urgent_ticket", "T1", MONDAY, MONDAY, resolved=False)],
    )
    return new_events(
        [], seen, MONDAY, dict.fromkeys(("acme", "bolt"), "ann"), AlertSettings(**settings), OwnerSettings(), Runs()
    )


def alert(history: list[LedgerEvent], rule: str, at: datetime = MONDAY) -> Alert:
    return next(a for a in fold(history, at).values() if a.rule == rule)


def missed(history: list[LedgerEvent], rule: str, now: datetime) -> list[tuple[str, str]]:
    """What a sweep records of one rule's alert: step and role."""
    found = [e for e in breaches(history, now, DEFAULTS) if e.rule == rule]
    return [(e.payload["step"], e.payload["escalated_to"]) for e in found]


def test_a_clock_that_ran_out_is_recorded_once_and_goes_one_level_up() -> None:
    """Manager, then director, then executive; a second look finds nothing new (ALR-2)."""
    history = ledger()
    assert missed(history, "urgent_ticket", MONDAY + 1.9 * HOUR) == []
    first = breaches(history, MONDAY + 2 * HOUR, DEFAULTS)
    assert {(e.payload["step"], e.payload["escalated_to"], e.at) for e in first} == {
        ("ack", "manager", MONDAY + 2 * HOUR)
    }
    assert {e.payload["due_at"] for e in first} == {(MONDAY + 2 * HOUR).isoformat()}
    history += first
    assert breaches(history, MONDAY + 3 * HOUR, DEFAULTS) == []
    assert missed(history, "urgent_ticket", MONDAY + 24 * HOUR) == [
        ("assess", "director"), ("review", "executive"), ("plan", "executive"),
    ]  # fmt: skip
    assert alert(history, "urgent_ticket", MONDAY + 3 * HOUR).breached
    assert not alert(history, "urgent_ticket", MONDAY + HOUR).breached


def test_the_clocks_run_from_when_people_are_notified_and_the_alert_from_midnight() -> None:
    """The run of a day speaks as of midnight and is planned for five: nobody was late before (ALR-2)."""
    seen = Observations([Condition("acme", "health_low", holds=True, detail="health 41.0, below 50")])
    first_run = ScheduleSettings().plan().first("daily", MONDAY)
    opened = new_events([], seen, MONDAY, {"acme": "ann"}, AlertSettings(), OwnerSettings(), Runs(), first_run)

    assert first_run == MONDAY + 5 * HOUR
    assert alert(opened, "health_low").opened_at == MONDAY
    assert breaches(opened, first_run + 2 * HOUR - timedelta(seconds=1), DEFAULTS) == []
    assert missed(opened, "health_low", first_run + 2 * HOUR) == [("ack", "manager")]


@pytest.mark.parametrize(
    ("cron", "first"), [("0 5 * * *", 5), ("0 0 * * *", 0), ("30 6 * * 2", 30.5), ("0 5 * * 1-5", 5)]
)
def test_the_first_planned_time_is_at_the_instant_or_after_it(cron: str, first: float) -> None:
    """As Prefect plans it; a day without a run is reported with the next one (OUT-3)."""
    assert ScheduleSettings(daily=cron).plan().first("daily", MONDAY) == MONDAY + first * HOUR


def test_a_later_step_fulfils_the_earlier_ones() -> None:
    """Who has called the customer has seen the alert, in time or late (ALR-2)."""
    history = ledger()
    low = alert(history, "health_low")
    history += step_events(low, (), "contact", MONDAY + 3 * HOUR, "ann", "called")

    steps = {s.step: s for s in steps_at(history, MONDAY + 3 * HOUR) if s.alert_id == low.alert_id}
    assert set(steps) == {"ack", "assess", "plan", "contact"}
    assert {s.done_at for s in steps.values()} == {MONDAY + 3 * HOUR}
    assert (steps["contact"].by, steps["contact"].note, steps["ack"].note) == ("ann", "called", None)
    assert alert(history, "health_low", MONDAY + 3 * HOUR).state == "contacted"
    assert missed(history, "health_low", MONDAY + 99 * HOUR) == [
        ("ack", "manager"), ("review", "director"), ("follow_up", "executive"),
    ]  # fmt: skip


def test_a_step_is_taken_once_whoever_is_second() -> None:
    """Nothing is overwritten: the first acknowledgement stands (ALR-5)."""
    history = ledger()
    low = alert(history, "health_low")
    first = step_events(low, (), "ack", MONDAY + HOUR, "ann")
    at_once = step_events(low, (), "ack", MONDAY + HOUR, "bob")

    assert [e.event_id for e in first] == [e.event_id for e in at_once]
    assert step_events(low, {"ack"}, "ack", MONDAY + 2 * HOUR, "bob") == []


def test_an_assessment_reviews_a_ticket_but_not_what_the_director_must_have() -> None:
    """CSM review within 4 h is the CSM's; the director's 24 h are not (ALR-1)."""
    history = ledger()
    steps = {rule: [e.payload["step"] for e in step_events(alert(history, rule), (), "assess", MONDAY, "ann")]
             for rule in ("urgent_ticket", "health_low")}  # fmt: skip

    assert steps == {"urgent_ticket": ["ack", "assess", "review"], "health_low": ["ack", "assess"]}


def snoozed(of: Alert, at: datetime, until: datetime) -> LedgerEvent:
    return event_of(of, "snoozed", at, "ann", {"until": until.isoformat(), "reason": "migrating"})


def test_the_clocks_stand_still_while_an_alert_sleeps() -> None:
    """What was due stays late; what was not moves by the length of the snooze, recorded once or twice (ALR-3)."""
    history = ledger()
    low = alert(history, "health_low")
    history += [
        snoozed(low, MONDAY + 3 * HOUR, MONDAY + 13 * HOUR),
        snoozed(low, MONDAY + 5 * HOUR, MONDAY + 23 * HOUR),
    ]
    after_it = dict(due_steps(alert(history, "health_low", MONDAY + 6 * HOUR)))

    assert (after_it["ack"], after_it["assess"]) == (MONDAY + 2 * HOUR, MONDAY + 24 * HOUR)
    assert after_it["follow_up"] == MONDAY + 92 * HOUR
    assert missed(history, "health_low", MONDAY + 23.9 * HOUR) == [("ack", "manager")]


def test_what_falls_due_after_a_closing_is_no_breach_and_what_fell_due_before_is() -> None:
    """However late the sweep comes (ALR-2)."""
    history = ledger()
    left = Absences(dict.fromkeys(("acme", "bolt"), MONDAY.date()))
    history += new_events(history, Observations(), MONDAY + 5 * HOUR, {}, AlertSettings(), OwnerSettings(),
                          Runs(MONDAY, MONDAY), absences=left)  # fmt: skip
    found = breaches(history, MONDAY + 99 * HOUR, DEFAULTS)

    assert {e.payload["step"] for e in found} == {"ack", "assess", "review"}
    assert {e.rule for e in found if e.payload["step"] == "review"} == {"urgent_ticket"}
    history += found
    assert alert(history, "health_low", MONDAY + 99 * HOUR).breached


def test_what_falls_due_while_the_account_is_missing_is_no_breach() -> None:
    """The clocks of an alert on hold pause where they stood (ALR-2, SRC-9)."""
    history = ledger()
    history += new_events(history, Observations(), MONDAY + 5 * HOUR, {}, AlertSettings(), OwnerSettings(),
                          Runs(MONDAY, MONDAY))  # fmt: skip

    found = breaches(history, MONDAY + 99 * HOUR, DEFAULTS)

    assert {e.payload["step"] for e in found} == {"ack", "assess", "review"}
    assert alert(history, "health_low", MONDAY + 99 * HOUR).state == "held"


def test_the_mart_of_steps_has_its_columns_without_steps() -> None:
    """An empty day is a table with every column of the CONTRACT (OUT-1)."""
    history = ledger()
    history += breaches(history, MONDAY + 2 * HOUR, DEFAULTS)

    assert step_table([]).schema == step_table(steps_at(history, MONDAY + 2 * HOUR)).schema == STEP_SCHEMA


# Business hours -------------------------------------------------------------------------------------------------------

BERLIN = WorkingHours(clocks="business", timezone="Europe/Berlin", holidays=(date(2026, 4, 3), date(2026, 4, 6)))


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-03-02T08:00", 2, "2026-03-02T10:00"),  # Monday 09:00 in Berlin, which is the opening
        ("2026-03-02T15:00", 4, "2026-03-03T11:00"),  # an hour is left of Monday, three are Tuesday's
        ("2026-03-06T18:00", 2, "2026-03-09T10:00"),  # Friday evening: Monday
        ("2026-03-27T15:00", 2, "2026-03-30T08:00"),  # over the change to summer time: the opening is at 07:00 UTC
        ("2026-04-02T14:00", 2, "2026-04-07T08:00"),  # Good Friday and Easter Monday
        ("2026-03-02T08:00", 24, "2026-03-04T16:00"),  # three working days
    ],
)
def test_business_hours_pass_only_while_the_team_works(start: str, hours: float, due: str) -> None:
    """In the team's time zone, without its weekends and holidays (ALR-2)."""
    assert after(datetime.fromisoformat(start), hours, BERLIN) == datetime.fromisoformat(due)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), st.floats(0.1, 200), st.floats(0, 50))
@effort(max_examples=200, deadline=None)
def test_a_deadline_lies_in_working_time_and_hours_add_up(start: datetime, hours: float, more: float) -> None:
    """Always later than the start, on a working day within its hours; first some, then more hours, is both at once."""
    due = after(start, hours, BERLIN)
    local = due.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))

    assert due > start
    assert works(local.date(), BERLIN)
    assert BERLIN.opens <= local.time() <= BERLIN.closes
    apart = after(due, more, BERLIN) - after(start, hours + more, BERLIN)
    assert abs(apart) < timedelta(seconds=1) or more == 0


def test_a_team_has_hours_of_its_own() -> None:
    """The owner's team decides; everybody else has the hours of all (ALR-2)."""
    settings = AlertSettings(teams={"emea": {"csms": ["ann"], "hours": BERLIN}})
    opened = ledger(teams={"emea": {"csms": ["ann"], "hours": BERLIN}})

    assert settings.hours_of("ann") == BERLIN
    assert settings.hours_of("bob") == WorkingHours()
    assert alert(opened, "health_low").due_ack == datetime(2026, 3, 2, 10)


@pytest.mark.parametrize(
    ("given_", "says"),
    [({"timezone": "Berlin"}, "no IANA time zone"), ({"opens": "18:00"}, "must lie at least an hour before closes")],
)
def test_hours_that_cannot_be_worked_are_refused(given_: dict[str, str], says: str) -> None:
    """By name, when the configuration is read."""
    with pytest.raises(ValidationError, match=says):
        WorkingHours(**given_)


# Whatever happens in whatever order -----------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.tuples(st.floats(0, 120), st.sampled_from([*STEPS, "review", "sweep"])), max_size=25
)  # fmt: skip


@given(ACTIONS)
@effort(max_examples=300, deadline=None)
def test_every_step_is_in_time_or_recorded_as_missed(actions: list[tuple[float, str]]) -> None:
    """After a last sweep: one breach for every step that was late or never came, none for those in time (ALR-2)."""
    history = ledger()
    low = alert(history, "health_low")
    for hours, action in sorted(actions):
        now = MONDAY + hours * HOUR
        new = breaches(history, now, DEFAULTS) if action == "sweep" else step_events(
            low, by_step(history, "done")[low.alert_id], action, now, "ann"
        )  # fmt: skip
        history += new
    last = MONDAY + 121 * HOUR
    history += breaches(history, last, DEFAULTS)

    done, found = by_step(history, "done")[low.alert_id], by_step(history, "breached")[low.alert_id]
    for step, due in due_steps(low):
        in_time = step in done and done[step].at <= due
        assert (step in found) != in_time
    assert len({e.event_id for e in history}) == len(history)
    assert breaches(history, last, DEFAULTS) == []
