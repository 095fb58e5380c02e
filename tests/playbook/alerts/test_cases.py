"""One case per account: its triggers, deadlines, steps, escalation, end. Days and hours are written out (ALR-7)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.playbook.alerts.cases import Case, by_step, case_id_of, case_table, cases_of
from keepwell.playbook.alerts.clocks import breaches, notified_late, paused, step_events
from keepwell.playbook.alerts.ledger_events import BOOK, DATA_RULE, RUN_RULE, Alert, LedgerEvent, event_of, fold
from keepwell.playbook.alerts.lifecycle import NO_ABSENCES, Absences, new_events
from keepwell.playbook.alerts.openings import Announcement, Opening, opened_event
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.playbook.working_hours import WorkingHours, after, between

MONDAY = datetime(2026, 3, 2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOOK_OF_ANN = {"acme": "ann", "bolt": "ann"}
DEFAULTS = AlertSettings()


class Company:
    """A ledger in memory: day runs that write as of midnight, sweeps, and people."""

    def __init__(self, settings: AlertSettings = DEFAULTS) -> None:
        self.settings = settings
        self.history: list[LedgerEvent] = []
        self.first = {"daily": MONDAY, "sweep": MONDAY}

    def run(
        self,
        flow: str,
        at: datetime,
        *seen: Condition | Occurrence,
        notified_at: datetime | None = None,
        book: Mapping[str, str] = BOOK_OF_ANN,
        absences: Absences = NO_ABSENCES,
    ) -> list[LedgerEvent]:
        """What a run adds, of the history that it sees."""
        known = [event for event in self.history if event.as_of <= at]
        observed = Observations(
            [one for one in seen if isinstance(one, Condition)], [one for one in seen if isinstance(one, Occurrence)]
        )
        runs = Runs(self.first[flow], at)
        found = new_events(
            known, observed, at, book, self.settings, OwnerSettings(), runs, notified_at, absences=absences
        )
        self.history += found
        return found

    def day(self, day: int, *seen: Condition, hours: float = 0) -> list[LedgerEvent]:
        """The run of a day, as of midnight; people are notified some hours later."""
        at = MONDAY + day * DAY
        return self.run("daily", at, *seen, notified_at=at + hours * HOUR)

    def respond(self, step: str, at: datetime, account: str = "acme") -> None:
        """A step recorded for every live alert of the account's case, as `keepwell alerts STEP` does."""
        done = by_step(self.history, "done")
        for alert in self.case(at, account).live:
            self.history += step_events(alert, done[alert.alert_id], step, at, "ann")

    def snooze(self, at: datetime, until: datetime, account: str = "acme") -> None:
        """The case snoozed, as `keepwell alerts snooze` does."""
        about = {"until": until.isoformat(), "reason": "migrating"}
        for alert in self.case(at, account).live:
            due = paused(alert, at, until, self.settings)
            self.history.append(event_of(alert, "snoozed", at, "ann", about | {"due": due}))

    def close(self, rule: str, at: datetime) -> None:
        """One alert closed by hand."""
        alert = self.alert(rule, at)
        self.history.append(event_of(alert, "closed", at, "ann", {"reason": "agreed with the customer"}))

    def sweep_up(self, at: datetime, unsent: Sequence[str] = ()) -> list[tuple[str, str, str]]:
        """Misses that a sweep puts on record: rule, step, role."""
        found = breaches(self.history, at, self.settings, unsent)
        self.history += found
        return [(e.rule, e.payload["step"], e.payload["escalated_to"]) for e in found]

    def cases(self, at: datetime, account: str = "acme") -> list[Case]:
        return [case for case in cases_of(self.history, at) if case.account_id == account]

    def case(self, at: datetime, account: str = "acme") -> Case:
        """The only open case of an account."""
        (found,) = [case for case in self.cases(at, account) if case.live]
        return found

    def alert(self, rule: str, at: datetime) -> Alert:
        return next(a for a in fold(self.history, at).values() if a.rule == rule)


def low(sign: bool | None = True, account: str = "acme") -> Condition:
    """Critical; its director reviews within 24 hours."""
    return Condition(account, "health_low", sign, "health 41.0, below 50")


def drop(sign: bool | None = True) -> Condition:
    """A warning."""
    return Condition("acme", "health_drop", sign, "health 60.0, down from 80.0 within 30 days")


def silent(sign: bool | None = True) -> Condition:
    """Critical."""
    return Condition("acme", "no_usage", sign, "no usage for 14 days")


def ticket(known_at: datetime, name: str = "T1", resolved: bool = False, account: str = "acme") -> Occurrence:
    """Critical, and an event; the CSM reviews it within 4 hours."""
    return Occurrence(account, "urgent_ticket", name, known_at, known_at, resolved)


def hours_of(case: Case, since: datetime = MONDAY) -> list[tuple[str, float]]:
    """The open deadlines in order: step, hours since an instant."""
    return [(d.step, (d.due - since) / HOUR) for d in case.open_deadlines]


# Opening and joining --------------------------------------------------------------------------------------------------


def test_alerts_that_open_together_have_the_tightest_deadlines() -> None:
    """A warning with an early plan, a critical alert with an early contact: one set, each step the earlier (ALR-7)."""
    company = Company()
    company.day(0, low(), drop())
    slow = {"ack": MONDAY + 3 * HOUR, "plan": MONDAY + 20 * HOUR, "contact": MONDAY + 50 * HOUR}
    due = {step: at.isoformat() for step, at in slow.items()}
    company.history.append(event_of(company.alert("health_drop", MONDAY), "notified", MONDAY, "keepwell", {"due": due}))

    case = company.case(MONDAY)

    assert [alert.rule for alert in case.triggers] == sorted(
        ("health_low", "health_drop"), key=lambda rule: company.alert(rule, MONDAY).alert_id
    )
    assert hours_of(case) == [
        ("ack", 2), ("assess", 4), ("plan", 20), ("review", 24), ("contact", 48), ("follow_up", 72),
    ]  # fmt: skip
    assert (case.severity, case.owner, set(case.recipients)) == ("critical", "ann", {"csm", "director"})


def test_an_alert_that_is_no_louder_joins_without_deadlines_and_as_a_line_of_the_digest() -> None:
    """A critical condition beside a critical one, and a warning: nobody is asked twice (ALR-7)."""
    company = Company()
    company.day(0, low())
    before = hours_of(company.case(MONDAY))
    joined = company.day(1, low(), silent(), drop())

    assert {e.rule: e.payload["joins"] for e in joined} == {"no_usage": "quieter", "health_drop": "quieter"}
    assert len({e.payload["digest_id"] for e in joined} - {None}) == 1
    case = company.case(MONDAY + DAY)
    assert hours_of(case) == before
    assert len(case.triggers) == 3
    assert case.case_id == case_id_of(company.alert("health_low", MONDAY).alert_id)


def test_a_more_severe_alert_asks_again_to_acknowledge_and_assess_from_its_own_time() -> None:
    """Plan, contact and follow-up stay those of the case, and so does what was done; no digest (ALR-7)."""
    company = Company()
    company.day(0, drop())
    company.respond("plan", MONDAY + HOUR)
    assert company.case(MONDAY + HOUR).state == "planned"
    (joined,) = company.day(1, drop(), low())

    assert (joined.payload["joins"], joined.payload["digest_id"]) == ("louder", None)
    case = company.case(MONDAY + DAY)
    assert hours_of(case) == [("ack", 26), ("assess", 28), ("contact", 48), ("review", 48), ("follow_up", 72)]
    assert (case.severity, case.state) == ("critical", "open")
    company.respond("ack", MONDAY + 25 * HOUR)
    assert company.case(MONDAY + 25 * HOUR).state == "acknowledged"
    company.respond("assess", MONDAY + 26 * HOUR)
    assert company.case(MONDAY + 26 * HOUR).state == "planned"


def test_every_event_that_joins_is_answered_by_itself() -> None:
    """A second ticket is no less urgent because of the first: each is acknowledged and reviewed (ALR-7)."""
    company = Company()
    company.run("sweep", MONDAY, ticket(MONDAY))
    company.respond("contact", MONDAY + HOUR)
    later = MONDAY + 10 * HOUR
    (joined,) = company.run("sweep", later, ticket(MONDAY), ticket(later, "T2"))

    assert (joined.payload["joins"], joined.payload["digest_id"]) == ("louder", None)
    assert hours_of(company.case(later), later) == [("ack", 2), ("assess", 4), ("review", 4), ("follow_up", 62)]
    company.respond("assess", later + HOUR)
    assert hours_of(company.case(later + HOUR), later) == [("follow_up", 62)]


def test_two_alerts_that_join_in_one_run_are_compared_with_each_other() -> None:
    """In a warning's case two critical ones open at once: the first asks again, the second adds nothing (ALR-7)."""
    company = Company()
    company.day(0, drop())
    joined = company.day(1, drop(), low(), silent())

    assert sorted(e.payload["joins"] for e in joined) == ["louder", "quieter"]
    asked = [d for d in company.case(MONDAY + DAY).open_deadlines if d.step == "ack" and d.due > MONDAY + DAY]
    assert [d.alert.alert_id for d in asked] == [e.alert_id for e in joined if e.payload["joins"] == "louder"]


def test_alerts_of_two_accounts_are_two_cases() -> None:
    """A case is an account's (ALR-7)."""
    company = Company()
    company.day(0, low(), low(account="bolt"))

    assert {case.account_id for case in cases_of(company.history, MONDAY)} == {"acme", "bolt"}
    assert company.case(MONDAY).case_id != company.case(MONDAY, "bolt").case_id


# Steps and breaches ---------------------------------------------------------------------------------------------------


def test_a_step_is_taken_once_for_the_whole_case() -> None:
    """Recorded for one of its alerts it is done for all of them (ALR-7)."""
    company = Company()
    company.day(0, low(), silent())
    one = company.alert("no_usage", MONDAY)
    company.history += step_events(one, (), "plan", MONDAY + HOUR, "ann")

    case = company.case(MONDAY + HOUR)
    assert [step for step, _ in hours_of(case)] == ["review", "contact", "follow_up"]
    assert {(d.step, d.by, d.done_at) for d in case.deadlines if d.done_at} == {
        (step, "ann", MONDAY + HOUR) for step in ("ack", "assess", "plan")
    }
    assert case.state == "planned"


def test_each_missed_deadline_of_a_case_goes_one_level_further_up() -> None:
    """By the order of the settings, no further than its last role; of two alerts one miss per step (ALR-2, ALR-7)."""
    company = Company(AlertSettings(escalation=("director", "executive")))
    company.day(0, silent(), drop())

    misses = [role for _, _, role in company.sweep_up(MONDAY + 2 * HOUR)]
    misses += [role for _, _, role in company.sweep_up(MONDAY + 5 * HOUR)]
    assert company.sweep_up(MONDAY + 6 * HOUR) == []
    misses += [role for _, _, role in company.sweep_up(MONDAY + 49 * HOUR)]

    assert misses == ["director", "executive", "executive", "executive"]
    assert company.case(MONDAY + 49 * HOUR).breached


def test_a_louder_alert_that_nobody_acknowledges_is_a_breach_of_its_own() -> None:
    """The case was acknowledged a day before; the ticket was not (ALR-7)."""
    company = Company()
    company.day(0, low())
    company.respond("follow_up", MONDAY + HOUR)
    company.run("sweep", MONDAY + DAY, ticket(MONDAY + DAY))

    assert company.sweep_up(MONDAY + DAY + 3 * HOUR) == [
        ("health_low", "review", "manager"), ("urgent_ticket", "ack", "director"),
    ]  # fmt: skip
    assert company.sweep_up(MONDAY + DAY + 3 * HOUR) == []


def test_cases_escalate_apart() -> None:
    """What one account misses is not another's second miss (ALR-7)."""
    company = Company()
    company.day(0, silent(), low(account="bolt"))

    assert [(step, role) for _, step, role in company.sweep_up(MONDAY + 2 * HOUR)] == [("ack", "manager")] * 2


# The end of a case ----------------------------------------------------------------------------------------------------


def test_a_case_closes_with_its_last_alert_and_the_next_one_has_another_id() -> None:
    """One alert closed leaves the case open; a ticket after the end opens a new case (ALR-7)."""
    company = Company()
    company.day(0, low(), silent())
    company.close("health_low", MONDAY + HOUR)
    first = company.case(MONDAY + HOUR)
    assert [alert.rule for alert in first.live] == ["no_usage"]
    company.close("no_usage", MONDAY + 2 * HOUR)

    (closed,) = company.cases(MONDAY + 2 * HOUR)
    assert (closed.case_id, closed.state, closed.closed_at) == (first.case_id, "closed", MONDAY + 2 * HOUR)
    company.run("sweep", MONDAY + 3 * HOUR, ticket(MONDAY + 3 * HOUR))
    assert [case.case_id == first.case_id for case in company.cases(MONDAY + 3 * HOUR)] == [True, False]
    assert hours_of(company.case(MONDAY + 3 * HOUR), MONDAY + 3 * HOUR)[-1] == ("follow_up", 72)


def test_a_closed_case_is_a_row_with_the_reason() -> None:
    """The mart has a row per case, open ones with their next step (ALR-7, OUT-1)."""
    company = Company()
    company.day(0, low(), drop())
    (row,) = case_table(company.cases(MONDAY)).to_pylist()
    company.close("health_low", MONDAY + HOUR)
    company.close("health_drop", MONDAY + 2 * HOUR)
    (after_it,) = case_table(company.cases(MONDAY + 2 * HOUR)).to_pylist()

    assert (row["trigger_count"], row["next_step"], row["next_due"]) == (2, "ack", MONDAY + 2 * HOUR)
    assert (row["reason"], row["closed_at"], row["due_review"]) == (None, None, MONDAY + DAY)
    assert (after_it["reason"], after_it["next_step"]) == ("agreed with the customer", None)


def test_a_day_that_writes_as_of_midnight_joins_what_a_sweep_opened_at_two() -> None:
    """One case, named after its earliest alert; the id of the sweep's message still finds it (ALR-7)."""
    company = Company()
    two = MONDAY + 2 * HOUR
    (opened,) = company.run("sweep", two, ticket(two))
    named = company.case(two).case_id
    assert named == case_id_of(opened.alert_id)
    company.day(0, low(), hours=5)

    case = company.case(MONDAY + 5 * HOUR)
    assert case.case_id == case_id_of(company.alert("health_low", MONDAY).alert_id) != named
    assert all(case.answers_to(text) for text in (named, named[:8], opened.alert_id, case.case_id))
    assert not case.answers_to("another")
    assert hours_of(case) == [
        ("ack", 4), ("assess", 6), ("review", 6), ("ack", 7), ("assess", 9), ("plan", 26), ("review", 29),
        ("contact", 50), ("follow_up", 74),
    ]  # fmt: skip


def older(rule: str, opened: datetime, closed: datetime | None = None) -> list[LedgerEvent]:
    """The events of an alert as a ledger from before cases has them."""
    name = f"{rule}-{opened:%d}"
    due = {step: (opened + hours * HOUR).isoformat() for step, hours in (("ack", 2), ("plan", 24))}
    payload = {"episode": 1, "severity": "critical", "detail": rule, "known_at": opened.isoformat(), "owner": "ann",
               "recipients": ["csm"], "due": due, "digest_id": None}  # fmt: skip
    about = LedgerEvent(f"o-{name}", name, "acme", "opened", rule, None, opened, opened, "keepwell", payload)
    ended = event_of(about, "closed", closed, "keepwell", {"reason": "the cause gone for 7 days"}) if closed else None
    return [about, ended] if ended else [about]


def test_alerts_of_an_older_ledger_form_cases_where_they_overlap() -> None:
    """Its openings have no `notified_at` and no `joins`; what opens when another closes is a new case (ALR-7)."""
    history = [
        *older("health_low", MONDAY, MONDAY + 3 * DAY),
        *older("no_usage", MONDAY + 2 * DAY, MONDAY + 5 * DAY),
        *older("risk_high", MONDAY + 5 * DAY),
    ]
    found = cases_of(history, MONDAY + 6 * DAY)

    assert [[alert.rule for alert in case.triggers] for case in found] == [["health_low", "no_usage"], ["risk_high"]]
    assert [(case.closed_at, case.state) for case in found] == [(MONDAY + 5 * DAY, "closed"), (None, "open")]
    assert notified_late(history, {"risk_high-07": MONDAY + 6 * DAY}, MONDAY + 6 * DAY, DEFAULTS) == []


def test_alerts_about_the_pipeline_are_in_no_accounts_case() -> None:
    """A data alert and a missed run are each by themselves, beside an account's case (ALR-7, SRC-5, OUT-3)."""
    company = Company()
    moved = Opening("data-alert", BOOK, DATA_RULE, "logins", None, "logins moved", MONDAY)
    company.history.append(opened_event(moved, MONDAY, "dana", Announcement(), MONDAY, DEFAULTS))
    company.run("daily", MONDAY, low(), Occurrence(BOOK, RUN_RULE, "daily of 2026-03-01", MONDAY, MONDAY, False))
    found = cases_of(company.history, MONDAY)

    assert sorted(a.rule for case in found for a in case.triggers) == [DATA_RULE, "health_low", RUN_RULE]
    assert {len(case.triggers) for case in found} == {1}
    assert hours_of(company.case(MONDAY))[0] == ("ack", 2)
    assert {d.step for case in company.cases(MONDAY, BOOK) for d in case.deadlines} == {"ack", "assess"}


def test_an_alert_on_hold_is_in_no_case_until_it_is_released() -> None:
    """Nobody has heard of it (ALR-7, SRC-5)."""
    company = Company()
    company.run("daily", MONDAY, Condition("acme", "health_low", True, "health 41.0, below 50", "data-alert"))

    assert company.cases(MONDAY) == []
    company.day(1, low(), hours=5)
    assert hours_of(company.case(MONDAY + DAY), MONDAY + DAY)[0] == ("ack", 7)


# Pauses ---------------------------------------------------------------------------------------------------------------

OFFICE = WorkingHours(clocks="business")
FRIDAY = MONDAY + 4 * DAY


def test_a_snooze_over_a_weekend_leaves_as_many_working_hours_as_before() -> None:
    """Opened on Friday at 15:00, snoozed from 16:00 to Monday 10:00: of four hours to assess three are left (ALR-2)."""
    company = Company(AlertSettings(hours=OFFICE))
    company.run("sweep", FRIDAY + 15 * HOUR, ticket(FRIDAY + 15 * HOUR))
    assert dict(hours_of(company.case(FRIDAY + 15 * HOUR), FRIDAY))["assess"] == 72 + 11
    company.snooze(FRIDAY + 16 * HOUR, FRIDAY + 3 * DAY + 10 * HOUR)

    case = company.case(FRIDAY + 17 * HOUR)
    assert (case.state, case.snoozed_until) == ("snoozed", FRIDAY + 3 * DAY + 10 * HOUR)
    assert hours_of(case, FRIDAY + 3 * DAY) == [
        ("ack", 11), ("assess", 13), ("review", 13), ("plan", 2 * 24 + 17), ("contact", 7 * 24 + 17),
        ("follow_up", 10 * 24 + 17),
    ]  # fmt: skip
    assert company.sweep_up(FRIDAY + 3 * DAY + 10.9 * HOUR) == []
    assert [step for _, step, _ in company.sweep_up(FRIDAY + 3 * DAY + 11 * HOUR)] == ["ack"]


def test_a_snooze_pauses_what_a_closed_alert_of_the_case_has_asked_for() -> None:
    """Its alert was closed before the deadline; while the case is snoozed nobody is late (ALR-2, ALR-7)."""
    company = Company()
    company.day(0, low(), silent())
    company.respond("assess", MONDAY + HOUR)
    for rule, other in (("health_low", "no_usage"), ("no_usage", "health_low")):
        snoozed = Company()
        snoozed.history = list(company.history)
        snoozed.close(rule, MONDAY + 3 * HOUR)
        snoozed.snooze(MONDAY + 4 * HOUR, MONDAY + 10 * DAY)

        assert [alert.rule for alert in snoozed.case(MONDAY + 5 * HOUR).live] == [other]
        assert snoozed.sweep_up(MONDAY + 9 * DAY) == []
        assert ("plan", 10 * 24 + 20) in hours_of(snoozed.case(MONDAY + 9 * DAY))


def test_a_case_is_still_asked_for_what_a_closed_alert_was_late_with() -> None:
    """The deadline passed before it was closed (ALR-2, ALR-7)."""
    company = Company()
    company.day(0, low())
    company.day(1, low(), drop())
    company.close("health_low", MONDAY + 30 * HOUR)

    assert [step for _, step, _ in company.sweep_up(MONDAY + 31 * HOUR)] == ["ack", "assess", "plan", "review"]


def test_when_only_quieter_alerts_are_left_their_own_deadlines_count() -> None:
    """The louder one is closed before anybody was late: an open case always has a next step (ALR-7)."""
    company = Company()
    company.run("sweep", MONDAY, ticket(MONDAY))
    company.run("daily", MONDAY + HOUR, drop())
    company.history.append(
        event_of(company.alert("urgent_ticket", MONDAY), "closed", MONDAY + 1.5 * HOUR, "ann", {"reason": "solved"})
    )

    case = company.case(MONDAY + 1.5 * HOUR)
    assert hours_of(case) == [("ack", 3), ("assess", 5), ("plan", 25), ("contact", 49), ("follow_up", 73)]
    assert [step for _, step, _ in company.sweep_up(MONDAY + 3 * HOUR)] == ["ack"]
    company.close("health_drop", MONDAY + 4 * HOUR)
    assert company.sweep_up(MONDAY + 99 * HOUR) == []


def test_an_account_that_was_missing_when_its_case_closed_was_not_late_meanwhile() -> None:
    """Missing from Monday at 5:00, closed after fourteen days: only what was due before is a breach (ALR-2, SRC-9)."""
    company = Company()
    company.day(0, low())
    company.run("sweep", MONDAY + 5 * HOUR, book={})
    assert [step for _, step, _ in company.sweep_up(MONDAY + 9 * DAY)] == ["ack", "assess"]
    (closed,) = company.run("sweep", MONDAY + 15 * DAY, book={})

    assert closed.kind == "closed"
    assert company.sweep_up(MONDAY + 16 * DAY) == []


TEAM = WorkingHours(
    clocks="business", timezone="Europe/Berlin", holidays=(date(2026, 4, 3), date(2026, 4, 6), date(2026, 10, 26))
)
INSTANTS = st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 10)) | st.datetimes(
    datetime(2026, 10, 20), datetime(2026, 11, 3)
)
"""Around both changes of the clock, Easter and a holiday."""


@given(INSTANTS, st.floats(0, 120))
@effort(max_examples=200, deadline=None)
def test_hours_counted_to_a_deadline_are_the_hours_that_it_was_set_by(start: datetime, hours: float) -> None:
    """`between` is the inverse of `after`, over summer time and holidays (ALR-2)."""
    for rules in (TEAM, WorkingHours(timezone="Europe/Berlin")):
        assert between(start, after(start, hours, rules), rules) == pytest.approx(hours, abs=1e-6)


@given(INSTANTS, st.integers(1, 20), st.integers(1, 8 * 60))
@effort(max_examples=200, deadline=None)
def test_a_deadline_in_working_time_is_found_again_from_its_hours(start: datetime, days: int, minutes: int) -> None:
    """`after` is the inverse of `between` wherever the team works; before the start no hours are left (ALR-2)."""
    local = start.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).date() + days * DAY
    while local.weekday() > 4 or local in TEAM.holidays:
        local += DAY
    opening = datetime.combine(local, TEAM.opens, ZoneInfo("Europe/Berlin")).astimezone(UTC).replace(tzinfo=None)
    end = opening + timedelta(minutes=minutes)

    assert abs(after(start, between(start, end, TEAM), TEAM) - end) < timedelta(milliseconds=1)
    assert between(end, start, TEAM) == 0


# What the pipeline delivered late -------------------------------------------------------------------------------------


def test_deadlines_count_from_when_the_message_left() -> None:
    """Five hours late is five hours more for every step; once, and not for a delay of minutes (ALR-7)."""
    company = Company()
    company.day(0, low(), low(account="bolt"), hours=5)
    ids = {account: company.case(MONDAY, account).live[0].alert_id for account in ("acme", "bolt")}
    left = {ids["acme"]: MONDAY + 10 * HOUR, ids["bolt"]: MONDAY + 5 * HOUR + timedelta(minutes=15)}
    found = notified_late(company.history, left, MONDAY + 10 * HOUR, DEFAULTS)

    assert [(e.account_id, e.kind) for e in found] == [("acme", "notified")]
    company.history += found
    assert hours_of(company.case(MONDAY + 10 * HOUR)) == [
        ("ack", 12), ("assess", 14), ("plan", 34), ("review", 34), ("contact", 58), ("follow_up", 82),
    ]  # fmt: skip
    assert hours_of(company.case(MONDAY + 10 * HOUR, "bolt"))[0] == ("ack", 7)
    assert notified_late(company.history, left, MONDAY + 11 * HOUR, DEFAULTS) == []


def test_a_message_that_left_late_is_late_in_working_hours() -> None:
    """Meant for Friday at 16:00, sent on Monday at 8:00: the two hours to acknowledge are Monday's first (ALR-7)."""
    company = Company(AlertSettings(hours=OFFICE))
    company.run("sweep", FRIDAY + 16 * HOUR, ticket(FRIDAY + 16 * HOUR))
    left = {company.alert("urgent_ticket", FRIDAY + 16 * HOUR).alert_id: FRIDAY + 3 * DAY + 8 * HOUR}
    company.history += notified_late(company.history, left, FRIDAY + 3 * DAY + 8 * HOUR, company.settings)

    assert hours_of(company.case(FRIDAY + 3 * DAY + 8 * HOUR), FRIDAY + 3 * DAY)[0] == ("ack", 11)


def test_a_message_that_leaves_while_the_case_is_snoozed_asks_for_nothing_before_it_ends() -> None:
    """All hours count from the end of the snooze, each once (ALR-2, ALR-7)."""
    company = Company()
    company.day(0, silent())
    company.snooze(MONDAY + 3 * HOUR, MONDAY + 30 * HOUR)
    left = {company.alert("no_usage", MONDAY).alert_id: MONDAY + 5 * HOUR}
    company.history += notified_late(company.history, left, MONDAY + 5 * HOUR, DEFAULTS)

    assert company.sweep_up(MONDAY + 29 * HOUR) == []
    assert hours_of(company.case(MONDAY + 30 * HOUR), MONDAY + 30 * HOUR) == [
        ("ack", 2), ("assess", 4), ("plan", 24), ("contact", 48), ("follow_up", 72),
    ]  # fmt: skip


def test_nobody_is_late_while_no_message_has_left() -> None:
    """And an account whose message has left is (ALR-7)."""
    company = Company()
    company.day(0, silent(), low(account="bolt"))
    unsent = [company.case(MONDAY).live[0].alert_id]

    assert company.sweep_up(MONDAY + 3 * HOUR, unsent) == [("health_low", "ack", "manager")]
    assert company.sweep_up(MONDAY + 3 * HOUR) == [("no_usage", "ack", "manager")]


def test_an_alert_whose_message_waits_asks_nothing_of_a_case_that_people_have_heard_of() -> None:
    """The case was answered; of the ticket that joins nobody has heard (ALR-7)."""
    company = Company()
    company.day(0, silent())
    company.respond("follow_up", MONDAY + HOUR)
    later = MONDAY + 10 * HOUR
    company.run("sweep", later, ticket(later))
    unsent = [company.alert("urgent_ticket", later).alert_id]

    assert company.sweep_up(later + 9 * HOUR, unsent) == []
    assert [step for _, step, _ in company.sweep_up(later + 9 * HOUR)] == ["ack", "assess", "review"]
