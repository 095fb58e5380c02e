"""Daily alerts: the rules, and the life of an alert over days. Books and days are written out by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import ibis
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.facts.canonical import QUARANTINE, TABLES
from keepwell.features.facts.events import events
from keepwell.features.facts.known import Facts, known
from keepwell.playbook.alerts.ledger_events import ALERT_SCHEMA, Alert, LedgerEvent, alert_table, alerts_at, event_id
from keepwell.playbook.alerts.lifecycle import NO_ABSENCES, Absences, new_events
from keepwell.playbook.alerts.rules import RULES, Condition, Observations, Occurrence, Standing, conditions, standings
from keepwell.playbook.alerts.runs import Runs, days_to_run, events_since
from keepwell.playbook.settings import AlertSettings, OwnerSettings

DAY = timedelta(days=1)
MONDAY = datetime.fromisoformat("2024-03-04")
DEFAULTS = AlertSettings()
BUSY = Standing("acme", silent_days=0, tenure_days=400, health=80, highest_health=80)


# What a rule says ----------------------------------------------------------------------------------------------------


def answer(rule: str, **facts: float | None) -> bool | None:
    """One rule's answer for an account that is well but for `facts`."""
    return {c.rule: c.holds for c in conditions(replace(BUSY, **facts), DEFAULTS)}[rule]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"silent_days": 13}, False),
        ({"silent_days": 14}, True),
        ({"silent_days": 40, "tenure_days": 13}, False),
        ({"silent_days": 14, "tenure_days": 14}, True),
        ({"silent_days": None}, None),
    ],
)
def test_silence_counts_from_the_fourteenth_day_under_contract(facts, expected) -> None:
    """No usage for 14+ consecutive days, contract at least 14 days old; unknown without enough data (ALR-1)."""
    assert answer("no_usage", **facts) is expected


@pytest.mark.parametrize(("health", "expected"), [(50, False), (49.9, True), (None, None)])
def test_health_is_low_below_fifty(health, expected) -> None:
    """Health below 50; 50 itself is at risk, not critical; band unknown is unknown (ALR-1)."""
    assert answer("health_low", health=health, highest_health=health) is expected


@pytest.mark.parametrize(
    ("risk", "threshold", "expected"),
    [(0.099, 0.1, False), (0.1, 0.1, True), (None, 0.1, None), (0.9, None, None)],
)
def test_risk_is_high_from_the_threshold_on(risk, threshold, expected) -> None:
    """At or above the threshold of the account's group; unknown without a model, or where it flags nobody (ALR-1)."""
    assert answer("risk_high", risk=risk, threshold=threshold) is expected


@pytest.mark.parametrize(
    ("highest", "health", "expected"),
    [(80, 65.1, False), (80, 65, True), (64.1, 49.1, True), (70, 70, False), (80, None, None)],
)
def test_a_drop_is_fifteen_points_below_the_highest(highest, health, expected) -> None:
    """15 or more below the window's highest, whatever binary fractions make of 64.1 - 49.1 (ALR-1)."""
    own = None if health is None else health - highest
    assert answer("health_drop", highest_health=highest, health=health, data_drop=own) is expected


@pytest.mark.parametrize(("data_drop", "expected"), [(-15.0, True), (-14.9, False), (3.0, False), (None, None)])
def test_a_drop_is_one_of_the_accounts_own_data(data_drop, expected) -> None:
    """What coverage, weights or a definition took opens nothing; unknown where the stored measures are gone (ALR-1)."""
    assert answer("health_drop", highest_health=83.4, health=62.0, data_drop=data_drop) is expected


def test_the_highest_score_is_sought_in_the_last_thirty_days_and_today() -> None:
    """Stored scores count in [as_of - 30 d, as_of) and not when unknown; a missing value is None, not NaN (ALR-1)."""
    today = pd.DataFrame(
        [
            ("acme", 3.0, 400, 60.0, "at_risk", 0.2, 0.1),
            ("bolt", None, 20, 41.0, "unknown", None, None),
            ("cask", 0.0, 5, 90.0, "healthy", 0.2, None),
        ],
        columns=[
            "account_id", "days_since_last_use", "tenure_days", "health", "band", "churn_risk", "churn_threshold",
        ],
    )  # fmt: skip
    stored = pd.DataFrame(
        [
            ("acme", MONDAY - 31 * DAY, 99.0, "healthy"),
            ("acme", MONDAY - 30 * DAY, 75.0, "stable"),
            ("acme", MONDAY - 2 * DAY, 98.0, "unknown"),
            ("acme", MONDAY, 97.0, "healthy"),
        ],
        columns=["account_id", "as_of", "health", "band"],
    )

    assert standings(today, stored, MONDAY, DEFAULTS) == [
        Standing("acme", 3.0, 400.0, 60.0, 75.0, 0.2, 0.1),
        Standing("bolt", None, 20.0, None, None, None, None),
        Standing("cask", 0.0, 5.0, 90.0, 90.0, 0.2, None),
    ]


# Which events there are ----------------------------------------------------------------------------------------------


def facts_of(as_of: datetime, **rows: Sequence[Mapping[str, object]]) -> Facts:
    """What is known at `as_of` of tickets and invoices; their rows' `known_at` follows from the table's rule."""
    snapshot = {"accounts": _table({c.name: c.type for c in TABLES["accounts"].staged}, [])}
    snapshot["quarantine"] = _table({c.name: c.type for c in QUARANTINE}, [])
    for name, given_rows in rows.items():
        table = _table({c.name: c.type for c in TABLES[name].staged}, given_rows)
        snapshot[name] = table.mutate(known_at=TABLES[name].known.of(table).cast("timestamp"))
    columns = {name: frozenset().union(*given_rows) for name, given_rows in rows.items() if given_rows}
    return known(snapshot, [as_of], {}, columns)


def _table(schema: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> ibis.Table:
    return ibis.memtable([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def seen_events(facts: Facts, since: datetime) -> list[Occurrence]:
    found = events(facts, since, DEFAULTS.ticket_priorities, {"USD": 1.0}).to_pyarrow().to_pylist()
    return sorted((Occurrence(**row) for row in found), key=lambda o: (o.rule, o.subject))


def test_an_urgent_ticket_is_an_event_from_its_opening_until_it_is_known_to_be_closed() -> None:
    """Priority urgent or critical, known in (since, as_of]; the closing counts once it is known (ALR-1)."""

    def ticket(name: str, priority: str | None, opened_at: datetime, closed_at: datetime | None = None):
        return {
            "ticket_id": name,
            "account_id": "acme",
            "priority": priority,
            "opened_at": opened_at,
            "closed_at": closed_at,
        }

    facts = facts_of(
        MONDAY,
        tickets=[
            ticket("high", "high", MONDAY - DAY / 2),
            ticket("none", None, MONDAY - DAY / 2),
            ticket("at-since", "urgent", MONDAY - DAY),
            ticket("open", "urgent", MONDAY - DAY / 2),
            ticket("closed", "critical", MONDAY - DAY / 2, MONDAY - DAY / 4),
            ticket("closes-later", "critical", MONDAY - DAY / 2, MONDAY + DAY),
            ticket("at-as-of", "urgent", MONDAY),
            ticket("later", "urgent", MONDAY + timedelta(microseconds=1)),
        ],
    )

    assert {o.subject: o.resolved for o in seen_events(facts, MONDAY - DAY)} == {
        "at-as-of": False,
        "closed": True,
        "closes-later": False,
        "open": False,
    }


def test_a_raised_priority_is_an_event_of_its_own_instant() -> None:
    """Opened long ago or not: urgent from when it became so, in the ledger and on the clocks (ALR-1, section 0)."""
    raised, opened = datetime(2024, 3, 4, 10), {"old": 12 * DAY, "new": 3 * DAY, "lowered": 3 * DAY}
    tickets = [
        {
            "ticket_id": name,
            "account_id": "acme",
            "opened_at": raised - age,
            "priority": "urgent",
            "priority_at": raised,
        }
        for name, age in opened.items()
    ]
    tickets[2] |= {"priority": "low"}
    now = raised + timedelta(minutes=15)

    assert seen_events(facts_of(raised - timedelta(seconds=1), tickets=tickets), MONDAY - 20 * DAY) == []
    found = seen_events(facts_of(now, tickets=tickets), now - DAY)
    assert [(o.subject, o.occurred_at, o.known_at) for o in found] == [(n, raised, raised) for n in ("new", "old")]

    new = new_events([], Observations((), found), now, {"acme": "ann"}, DEFAULTS, OwnerSettings(), Runs())
    alerts = alerts_at(new, now)
    assert [(a.subject, a.known_at, a.opened_at) for a in alerts] == [(n, raised, now) for n in ("new", "old")]
    assert {a.due_review for a in alerts} == {raised + timedelta(hours=4)}
    assert {a.due_ack for a in alerts} == {raised + timedelta(hours=2)}


def test_what_the_pipeline_delivers_late_does_not_count_against_people() -> None:
    """Within `prompt_minutes` deadlines count from the event, later from the notification (ALR-1, ALR-7)."""

    def due_after(minutes: int, **settings: int) -> timedelta:
        now = MONDAY + timedelta(minutes=minutes)
        about = AlertSettings(**settings)
        seen = Observations((), [ticket(MONDAY)])
        (alert,) = alerts_at(new_events([], seen, now, {"acme": "ann"}, about, OwnerSettings(), Runs()), now)
        return alert.due_review - MONDAY

    hours = timedelta(hours=4)
    assert [due_after(m) for m in (0, 15, 16)] == [hours, hours, hours + timedelta(minutes=16)]
    assert due_after(10, prompt_minutes=0) == hours + timedelta(minutes=10)


def test_a_failure_and_a_dispute_of_one_invoice_are_two_events() -> None:
    """Known when they happened, but not before the invoice is; payment settles only what came before it (ALR-1)."""
    noon = MONDAY - DAY / 2
    invoice = {"account_id": "acme", "issued_on": date(2024, 2, 1)}
    facts = facts_of(
        MONDAY,
        invoices=[
            invoice | {"invoice_id": "both", "failed_at": noon, "disputed_at": noon},
            invoice | {"invoice_id": "issued-same-day", "issued_on": noon.date(), "failed_at": noon},
            invoice | {"invoice_id": "paid", "failed_at": noon, "paid_at": noon + DAY / 4},
            invoice | {"invoice_id": "paid-before", "disputed_at": noon, "paid_at": noon - DAY},
            invoice | {"invoice_id": "settled", "disputed_at": noon, "resolved_at": noon + DAY / 4},
            invoice | {"invoice_id": "fails-later", "failed_at": MONDAY + DAY},
        ],
    )

    found = seen_events(facts, MONDAY - DAY)

    assert [(o.rule, o.subject, o.known_at, o.resolved) for o in found] == [
        ("billing_dispute", "both", noon, False),
        ("billing_dispute", "paid-before", noon, False),
        ("billing_dispute", "settled", noon, True),
        ("payment_failure", "both", noon, False),
        ("payment_failure", "issued-same-day", MONDAY, False),
        ("payment_failure", "paid", noon, True),
    ]


def test_a_company_without_tickets_and_invoices_has_no_events() -> None:
    """Optional sources may be absent, or lack the column (SRC-1)."""
    ticket = {"ticket_id": "t", "account_id": "acme", "opened_at": MONDAY - DAY / 2}

    assert seen_events(facts_of(MONDAY), MONDAY - DAY) == []
    assert seen_events(facts_of(MONDAY, tickets=[ticket]), MONDAY - DAY) == []


# An alert's life -----------------------------------------------------------------------------------------------------


class Days:
    """A ledger in memory, and the runs of days 0, 1, 2 ... (MONDAY is day 0)."""

    def __init__(self, book: Mapping[str, str | None] | None = None, **settings: object) -> None:
        self.book = {"acme": "ann"} if book is None else book
        self.settings = AlertSettings(**settings)
        self.written: dict[str, LedgerEvent] = {}
        self.runs = Runs()

    @property
    def history(self) -> list[LedgerEvent]:
        return list(self.written.values())

    def run(
        self,
        day: int,
        seen: Observations,
        book: Mapping[str, str | None] | None = None,
        absences: Absences = NO_ABSENCES,
    ) -> list[LedgerEvent]:
        """What the run of a day added."""
        as_of, book = MONDAY + day * DAY, self.book if book is None else book
        found = new_events(
            self.history, seen, as_of, book, self.settings, OwnerSettings(), self.runs, absences=absences
        )
        added = [event for event in found if event.event_id not in self.written]
        self.written |= {event.event_id: event for event in added}
        first, last = self.runs.first or as_of, self.runs.last or as_of
        self.runs = Runs(min(first, as_of), max(last, as_of))
        return added

    def mart(self, day: float) -> list[Alert]:
        return alerts_at(self.history, MONDAY + day * DAY)


SIGNS = {"!": True, ".": False, "?": None}


def said(account: str, sign: str, rule: str = "no_usage") -> Condition:
    return Condition(account, rule, SIGNS[sign], "no usage for 14 days")


def story(signs: str, **settings: object) -> list[str]:
    """What happened on which day. One sign per day: `!` the cause is there, `.` gone, `?` unknown.

    `x`: its contract ended that day; `o`: the account is not in the contracts, and nobody knows why; `a`: the same, and
    a person accepted it.
    """
    days = Days(**settings)
    happened = []
    for day, sign in enumerate(signs):
        today = (MONDAY + day * DAY).date()
        if sign in "xoa":
            left = {"acme": today} if sign == "x" else {"acme": today - 90 * DAY}
            seen, accepted = {"acme": today - DAY}, {today: "lea"} if sign == "a" else {}
            added = days.run(day, Observations(), {}, Absences(left, seen, accepted))
        else:
            added = days.run(day, Observations([said("acme", sign)]))
        happened += [f"{day} {event.kind}" for event in added]
    return happened


def ticket(known_at: datetime, name: str = "T1", account: str = "acme", resolved: bool = False) -> Occurrence:
    return Occurrence(account, "urgent_ticket", name, known_at, known_at, resolved)


def test_a_lasting_condition_is_one_alert() -> None:
    """Opened on the first day, and nothing more while it lasts (ALR-3)."""
    assert story("..!!!!!!!!!!") == ["2 opened"]


def test_an_alert_closes_when_its_cause_is_gone_for_seven_days() -> None:
    """Day 1 sees it gone; day 7 is too early, day 8 closes (ALR-3)."""
    assert story("!.......") == ["0 opened", "1 cause_gone"]
    assert story("!........") == ["0 opened", "1 cause_gone", "8 closed"]


def test_a_cause_that_comes_back_in_time_is_the_same_alert() -> None:
    """Gone for three days and back: still one alert, and the seven days begin anew (ALR-3)."""
    assert story("!...!.......") == ["0 opened", "1 cause_gone", "4 cause_back", "5 cause_gone"]


def test_after_a_closing_the_condition_rests_for_the_cool_down_and_then_opens_a_new_episode() -> None:
    """Closed on day 8: days 9 to 21 open nothing, day 22 opens the second episode (ALR-3)."""
    assert story("!........" + "!" * 13)[3:] == []
    assert story("!........" + "!" * 14)[3:] == ["22 opened"]

    days = Days()
    for day, sign in enumerate("!........" + "!" * 14):
        days.run(day, Observations([said("acme", sign)]))
    (second,) = days.mart(22)
    (first,) = days.mart(0)
    assert (first.episode, second.episode) == (1, 2)
    assert first.alert_id != second.alert_id


def test_unknown_neither_opens_nor_closes() -> None:
    """Unknown days change nothing; the first known day after them decides (section 0, ALR-3)."""
    assert story("???") == []
    assert story("!" + "?" * 30) == ["0 opened"]
    assert story("!." + "?" * 30) == ["0 opened", "1 cause_gone"]
    assert story("!.??????????.") == ["0 opened", "1 cause_gone", "12 closed"]
    assert story("!.??????????!") == ["0 opened", "1 cause_gone", "12 cause_back"]


def test_an_alert_closes_when_its_account_leaves_the_book() -> None:
    """With the reason in words; within the cool-down of the closing nothing opens again (ALR-3)."""
    assert story("!x!!") == ["0 opened", "1 closed"]

    days = Days()
    days.run(0, Observations([said("acme", "!")], [ticket(MONDAY)]))
    days.run(1, Observations(), {}, Absences(left={"acme": MONDAY.date() + DAY}))
    assert [(a.rule, a.state, a.reason) for a in days.mart(1)] == [
        ("no_usage", "closed", "the account is no longer under contract"),
        ("urgent_ticket", "closed", "the account is no longer under contract"),
    ]
    assert days.mart(2) == []


def test_a_missing_row_closes_no_alert() -> None:
    """On hold, and the same alert when the row is back: at once, without a cool-down (SRC-9, ALR-3)."""
    assert story("!oo!!") == ["0 opened", "1 missing", "3 returned"]
    assert story("!o.") == ["0 opened", "1 missing", "2 returned"]
    assert story("!oo!" + "." * 9) == ["0 opened", "1 missing", "3 returned", "4 cause_gone", "11 closed"]


def test_an_alert_of_a_missing_account_closes_when_that_is_explained_accepted_or_old() -> None:
    """An end that is known by now, a person's word, or 14 days (a setting); and then no cool-down (SRC-9)."""
    assert story("!oox") == ["0 opened", "1 missing", "3 closed"]
    assert story("!ooa") == ["0 opened", "1 missing", "3 closed"]
    assert story("!a") == ["0 opened", "1 closed"]
    assert story("!" + "o" * 14) == ["0 opened", "1 missing"]
    assert story("!" + "o" * 15) == ["0 opened", "1 missing", "15 closed"]
    assert story("!" + "o" * 15 + "!") == ["0 opened", "1 missing", "15 closed", "16 opened"]
    assert story("!ooo", missing_days=2) == ["0 opened", "1 missing", "3 closed"]


def test_an_alert_of_a_missing_account_is_on_hold_and_its_deadlines_pause() -> None:
    """State `held` with `missing_since`; back after two days, what was not due yet is due two days later (SRC-9)."""
    days = Days(silent_minimum_tenure_days=0)
    days.run(0, Observations([said("acme", "!")]))
    (before,) = days.mart(0)
    days.run(1, Observations(), {}, Absences(left={"acme": date(2020, 1, 1)}, seen={"acme": MONDAY.date()}))
    (held,) = days.mart(1)
    days.run(3, Observations([said("acme", "!")]))
    (after,) = days.mart(3)

    assert (held.state, held.missing_since, held.reason) == ("held", MONDAY + DAY, None)
    assert (after.state, after.missing_since, after.alert_id) == ("open", None, before.alert_id)
    assert before.due_follow_up is not None
    assert before.due_follow_up > MONDAY + DAY
    assert after.due_follow_up == before.due_follow_up + 2 * DAY
    assert (after.due_ack, after.opened_at) == (before.due_ack, before.opened_at)


def test_an_account_out_of_the_book_opens_nothing() -> None:
    """Neither a condition nor an event of one (ALR-1)."""
    assert Days().run(0, Observations([said("gone", "!")], [ticket(MONDAY, account="gone")])) == []


def test_the_first_run_opens_conditions_of_that_day_and_events_of_the_last_day() -> None:
    """History before the first run is not news (ALR-3)."""
    old, new = ticket(MONDAY - DAY, "old"), ticket(MONDAY - DAY / 2, "new")
    opened = Days().run(0, Observations([said("acme", "!")], [old, new]))

    assert [(e.rule, e.subject) for e in opened] == [("no_usage", None), ("urgent_ticket", "new")]


@pytest.mark.parametrize(
    ("known_on_day", "arrives_on_day", "opens"),
    [(9.5, 10, True), (4, 10, True), (3, 10, False), (-0.5, 3, True), (-1, 3, False)],
)
def test_an_event_that_arrives_late_still_opens(known_on_day, arrives_on_day, opens) -> None:
    """Known within the last 7 days, and not before the day before the first run (ALR-3)."""
    days = Days()
    for day in range(arrives_on_day):
        days.run(day, Observations())

    late = ticket(MONDAY + known_on_day * DAY)
    assert bool(days.run(arrives_on_day, Observations((), [late]))) is opens


def test_the_events_of_a_gap_that_is_not_made_up_open_all_the_same() -> None:
    """60 days without a run: an event known on day 20 opens on day 60, though it is older than the lookback (ALR-3)."""
    days = Days()
    days.run(0, Observations())
    days.run(10, Observations())
    in_the_gap, before_it_but_late = ticket(MONDAY + 20 * DAY, "gap"), ticket(MONDAY + 6 * DAY, "late")

    assert [e.subject for e in days.run(60, Observations((), [in_the_gap, before_it_but_late]))] == ["gap", "late"]


def test_without_a_lookback_the_events_since_the_last_run_open() -> None:
    """A lookback of 0 days forgoes what comes late, not what is new (ALR-3)."""
    days = Days(event_lookback_days=0)
    days.run(0, Observations())
    new, late = ticket(MONDAY + DAY / 2, "new"), ticket(MONDAY, "late")

    assert [e.subject for e in days.run(1, Observations((), [new, late]))] == ["new"]


def test_each_event_is_its_own_alert_and_never_two() -> None:
    """Two tickets, two alerts; the same invoice failing again is the same alert (ALR-3)."""
    failed = Occurrence("acme", "payment_failure", "I1", MONDAY, MONDAY, resolved=False)
    again = replace(failed, occurred_at=MONDAY + 3 * DAY, known_at=MONDAY + 3 * DAY)
    days = Days()

    assert len(days.run(0, Observations((), [failed, ticket(MONDAY, "T1"), ticket(MONDAY, "T2")]))) == 3
    assert days.run(3, Observations((), [again])) == []


def test_an_event_alert_closes_when_resolved_for_seven_days_and_never_opens_again() -> None:
    """A closed ticket that is opened again in time keeps its alert; after the closing it stays closed (ALR-3)."""
    days = Days()
    happened = []
    for day, resolved in enumerate([False, True, False, *[True] * 8, False]):
        happened += [f"{day} {e.kind}" for e in days.run(day, Observations((), [ticket(MONDAY, resolved=resolved)]))]

    assert happened == ["0 opened", "1 cause_gone", "2 cause_back", "3 cause_gone", "10 closed"]


def test_a_run_reads_events_back_to_the_oldest_that_a_live_alert_is_about() -> None:
    """Otherwise a ticket closed after a month would never close its alert (ALR-3)."""
    days = Days()
    days.run(0, Observations((), [ticket(MONDAY)]))
    for day in range(1, 30):
        days.run(day, Observations())
    month_later = MONDAY + 30 * DAY

    assert events_since(days.history, month_later, DEFAULTS, days.runs) < MONDAY
    assert events_since([], month_later, DEFAULTS, days.runs) == month_later - 7 * DAY


def test_a_rerun_adds_nothing_and_new_facts_of_the_day_still_open() -> None:
    """The same day again, with one more ticket that had been missing: one more alert, no duplicate (ALR-3)."""
    days = Days()
    seen = Observations([said("acme", "!")], [ticket(MONDAY)])

    assert len(days.run(0, seen)) == 2
    assert days.run(0, seen) == []
    assert [e.subject for e in days.run(0, replace(seen, occurrences=[ticket(MONDAY), ticket(MONDAY, "T2")]))] == ["T2"]


def test_a_rerun_that_finds_one_more_in_a_storm_adds_it_to_the_digest() -> None:
    """Ten of twenty accounts were a storm; the eleventh, seen by a rerun, belongs to it (ALR-3)."""
    accounts = [f"a{i:02}" for i in range(20)]
    days = Days(book=dict.fromkeys(accounts, "ann"))
    days.run(0, Observations([said(account, "!") for account in accounts[:10]]))
    days.run(0, Observations([said(account, "!") for account in accounts[:11]]))

    assert len({alert.digest_id for alert in days.mart(0)}) == 1
    assert len(days.mart(0)) == 11


def test_two_flows_that_find_the_same_event_open_it_once() -> None:
    """A sweep after midnight opened it first; the daily run as of midnight writes the very same line (ALR-2, ALR-3)."""
    seen, runs = Observations((), [ticket(MONDAY)]), Runs()
    by_sweep, by_daily = (
        new_events([], seen, at, {"acme": "ann"}, DEFAULTS, OwnerSettings(), runs) for at in (MONDAY + DAY / 96, MONDAY)
    )

    assert [e.event_id for e in by_sweep] == [e.event_id for e in by_daily]


def test_a_run_changes_an_alert_at_most_once() -> None:
    """A rerun whose data now says otherwise leaves what the day has said until tomorrow (ALR-3)."""
    days = Days(cool_down_days=0, gone_days=0)
    days.run(0, Observations([said("acme", "!")]))
    assert days.run(0, Observations([said("acme", ".")])) == []

    days.run(1, Observations([said("acme", ".")]))
    assert [e.kind for e in days.run(2, Observations([said("acme", ".")]))] == ["closed"]
    assert days.run(2, Observations([said("acme", "!")])) == []
    assert [e.kind for e in days.run(3, Observations([said("acme", "!")]))] == ["opened"]


def test_a_run_older_than_the_newest_changes_nothing() -> None:
    """Whatever it sees (ALR-3)."""
    days = Days(book={"acme": "ann", "bolt": "ben"})
    days.run(5, Observations([said("acme", "!")]))

    assert days.run(4, Observations([said("acme", "."), said("bolt", "!")], [ticket(MONDAY)])) == []


@pytest.mark.parametrize(
    ("last_run", "as_of", "days", "explained"),
    [
        (None, 10, [10], False),
        (9, 10, [10], False),
        (10, 10, [10], False),
        (7, 10, [8, 9, 10], False),
        (0, 32, list(range(1, 33)), False),
        (0, 33, [33], True),
        (12, 10, [10], True),
    ],
)
def test_missed_days_are_made_up_in_order(last_run, as_of, days, explained) -> None:
    """All of them, unless more than 31 were missed: then only the day itself, and it is said (ALR-3)."""
    first = MONDAY.date()
    found = days_to_run(None if last_run is None else first + last_run * DAY, first + as_of * DAY, DEFAULTS)

    assert found.days == tuple(first + day * DAY for day in days)
    assert (found.explanation is not None) is explained


@pytest.mark.parametrize(
    ("opened", "book", "is_digest"),
    [(50, 1000, False), (51, 1000, True), (10, 50, False), (11, 50, True), (9, 20, False), (10, 20, True)],
)
def test_a_storm_becomes_one_digest(opened, book, is_digest) -> None:
    """More than 50, or more than 20% of the book and at least 10: each is opened, all carry one digest (ALR-3)."""
    accounts = [f"a{i:04}" for i in range(book)]
    days = Days(book=dict.fromkeys(accounts, "ann"))
    days.run(0, Observations([said(account, "!") for account in accounts[:opened]]))
    digests = [alert.digest_id for alert in days.mart(0)]

    assert len(digests) == opened
    assert len(set(digests)) == 1
    assert (digests[0] is not None) is is_digest


def snoozed(alert: Alert, at: datetime, until: datetime) -> LedgerEvent:
    return LedgerEvent(
        event_id(alert.alert_id, "snoozed", at, "ann"), alert.alert_id, alert.account_id, "snoozed", alert.rule,
        alert.subject, at, at, "ann", {"until": until.isoformat(), "reason": "migrating until Thursday"},
    )  # fmt: skip


def test_a_snoozed_alert_sleeps_until_its_time_and_remains_one_alert() -> None:
    """Snoozed from day 1.5 to day 3, with a reason; the cause lasts and opens nothing beside it (ALR-3)."""
    days = Days()
    days.run(0, Observations([said("acme", "!")]))
    event = snoozed(days.mart(0)[0], MONDAY + 1.5 * DAY, MONDAY + 3 * DAY)
    days.written[event.event_id] = event
    for day in (1, 2, 3):
        assert days.run(day, Observations([said("acme", "!")])) == []

    assert [(a.state, a.reason) for day in (1, 2, 3) for a in days.mart(day)] == [
        ("open", None),
        ("snoozed", "migrating until Thursday"),
        ("open", None),
    ]


def test_a_snoozed_alert_whose_cause_is_gone_closes() -> None:
    """Asleep or not, what is over is closed, and the closing's reason stands (ALR-3)."""
    days = Days()
    days.run(0, Observations([said("acme", "!")]))
    event = snoozed(days.mart(0)[0], MONDAY + DAY / 2, MONDAY + 30 * DAY)
    days.written[event.event_id] = event
    for day in range(1, 9):
        days.run(day, Observations([said("acme", ".")]))

    assert [(a.state, a.reason) for a in days.mart(8)] == [("closed", "the cause gone for 7 days")]


def test_what_is_written_after_a_closing_changes_nothing() -> None:
    """A person who snoozes what a run has just closed does not bring it back (ALR-3)."""
    days = Days()
    days.run(0, Observations([said("acme", "!")]))
    days.run(1, Observations(), {}, Absences(left={"acme": MONDAY.date() + DAY}))
    (closed,) = days.mart(1)
    event = snoozed(closed, MONDAY + 1.5 * DAY, MONDAY + 9 * DAY)
    days.written[event.event_id] = event

    assert days.mart(2) == []
    assert alerts_at(days.history, MONDAY + 1.75 * DAY) == [closed]


# What the mart says --------------------------------------------------------------------------------------------------


def test_an_alert_names_owner_recipients_and_when_each_step_is_due() -> None:
    """Calendar hours from opening; director within 24 h, ticket review 4 h; no CSM: default owner (ALR-1)."""
    days = Days(book={"acme": None})
    known_at = MONDAY - DAY / 2
    days.run(0, Observations([said("acme", "!", "health_low")], [ticket(known_at)]))
    low, urgent = days.mart(0)

    assert (low.owner, low.recipients, low.severity) == ("unassigned", ("csm", "director"), "critical")
    assert [getattr(low, f"due_{step}") - MONDAY for step in ("ack", "assess", "plan", "contact", "follow_up")] == [
        timedelta(hours=hours) for hours in (2, 4, 24, 48, 72)
    ]
    assert low.due_review == MONDAY + timedelta(hours=24)
    assert (urgent.recipients, urgent.due_review) == (("csm",), MONDAY + timedelta(hours=4))
    assert urgent.opened_at - urgent.known_at == DAY / 2


def test_billing_alerts_go_to_csm_and_finance() -> None:
    """Payment failure or billing dispute -> CSM and finance (ALR-1)."""
    assert {RULES[rule].recipients for rule in ("payment_failure", "billing_dispute")} == {("csm", "finance")}


def test_publishing_an_old_date_again_gives_the_same_rows() -> None:
    """Whatever has been written since: the mart is cut at as_of (ALR-5, TRU-1)."""
    days = Days()
    marts = []
    for day, sign in enumerate("!........"):
        days.run(day, Observations([said("acme", sign)]))
        marts.append(days.mart(day))

    assert [days.mart(day) for day in range(9)] == marts
    assert [a.state for mart in marts for a in mart] == ["open"] * 8 + ["closed"]


def test_the_mart_has_the_same_columns_without_alerts() -> None:
    """An empty day is a table with every column of the CONTRACT (OUT-1)."""
    days = Days()
    days.run(0, Observations([said("acme", "!")]))

    assert alert_table([]).schema == alert_table(days.mart(0)).schema == ALERT_SCHEMA
    assert alert_table(days.mart(0)).to_pylist()[0]["recipients"] == "csm"
    assert set(ALERT_SCHEMA.names) >= {
        "alert_id", "account_id", "rule", "subject", "severity", "opened_at", "state", "owner", "recipients", "due_ack",
        "due_assess", "due_plan", "due_contact", "due_follow_up", "breached", "snoozed_until", "closed_at", "reason",
    }  # fmt: skip


def test_instants_with_a_zone_are_refused() -> None:
    """The ledger's instants are UTC without a zone; a mixture would neither sort nor hash (ALR-5)."""
    zoned = pd.Timestamp(MONDAY, tz="Europe/Berlin").to_pydatetime()
    with pytest.raises(ValueError, match="UTC without a zone"):
        LedgerEvent("e", "a", "acme", "opened", "no_usage", None, zoned, zoned, "keepwell", {})


# Whatever the order of runs ------------------------------------------------------------------------------------------

ACCOUNTS = ("acme", "bolt", "cask")
LENGTH = 20
PACE = {
    "gone_days": 2, "cool_down_days": 3, "storm_minimum": 2, "storm_share": 0.5, "event_lookback_days": 2,
    "catch_up_days": LENGTH,
}  # fmt: skip
histories = st.tuples(*(st.text("!.?xo", min_size=LENGTH, max_size=LENGTH) for _ in ACCOUNTS))
tickets = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.floats(-2, LENGTH), st.floats(0, LENGTH)),
    max_size=6,
    unique_by=lambda t: t[1],
)


def look(days: Days, day: int, signs: Sequence[str], opened: Sequence[tuple[str, float, float]]) -> list[LedgerEvent]:
    """Run one day of a world in which each account has its signs and each ticket is known and closed at its times.

    On `x` its contract has ended, on `o` its rows are missing.
    """
    lines = dict(zip(ACCOUNTS, signs, strict=True))
    book = {account: "ann" for account, line in lines.items() if line[day] not in "xo"}
    before = [(MONDAY.date() + n * DAY, a, line[n]) for n in range(day + 1) for a, line in lines.items()]
    left = {account: on for on, account, sign in before if sign == "x"}
    seen = {account: on for on, account, sign in before[: -len(lines)] if sign not in "xo"}
    there = [said(a, line[day]) for a, line in zip(ACCOUNTS, signs, strict=True) if a in book]
    events_known = [
        ticket(MONDAY + known_on * DAY, f"T{number}", account, resolved=known_on + lasts <= day)
        for number, (account, known_on, lasts) in enumerate(opened)
        if known_on <= day
    ]
    return days.run(day, Observations(there, events_known), book, Absences(left, seen))


@pytest.mark.slow
@given(histories, tickets, st.lists(st.integers(0, LENGTH - 1), max_size=12))
@effort(max_examples=150, deadline=None)
def test_reruns_and_catch_ups_in_any_order_give_what_running_each_day_once_gives(signs, opened, asked) -> None:
    """Days asked for in any order, forwards, backwards and twice: the same events, to the byte (ALR-3, TRU-1)."""
    once, anyhow = Days(**PACE), Days(**PACE)
    for day in range(LENGTH):
        look(once, day, signs, opened)
    for as_of in (0, *asked, LENGTH - 1):
        last = None if anyhow.runs.last is None else anyhow.runs.last.date()
        for day in days_to_run(last, MONDAY.date() + as_of * DAY, anyhow.settings).days:
            look(anyhow, (day - MONDAY.date()).days, signs, opened)

    assert anyhow.written == once.written


@given(histories)
@effort(max_examples=100, deadline=None)
def test_a_condition_has_at_most_one_live_alert_and_rests_between_episodes(signs) -> None:
    """Alerts of one account and rule follow each other after the cool-down, and open only on known causes (ALR-3)."""
    days = Days(**PACE)
    for day in range(LENGTH):
        for event in look(days, day, signs, []):
            sign = signs[ACCOUNTS.index(event.account_id)][day]
            assert (event.kind, sign) in {
                ("opened", "!"), ("cause_back", "!"), ("cause_gone", "."), ("closed", "."), ("closed", "x"),
                ("missing", "o"), ("closed", "o"), ("returned", "!"), ("returned", "."), ("returned", "?"),
            }  # fmt: skip
        live = [alert.account_id for alert in days.mart(day) if alert.closed_at is None]
        assert len(live) == len(set(live))
    missed = {e.alert_id for e in days.history if e.kind == "missing"}
    for account in ACCOUNTS:
        kinds = [e for e in days.history if e.account_id == account and e.kind in {"opened", "closed"}]
        for before, after in pairwise(kinds):
            assert before.kind != after.kind
            rested = before.alert_id in missed or after.as_of - before.as_of >= 3 * DAY
            assert after.kind == "closed" or rested
