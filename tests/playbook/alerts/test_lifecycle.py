"""Whatever happens in whatever order: no alert twice, none lost, one case per account, every missed deadline found.

(ALR-2, ALR-3, ALR-5, ALR-6, ALR-7.) What must hold is worked out from the lines of the ledger, hour by hour, and not by
the code that is tested.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keepwell.playbook.alerts.cases import Case, by_step, cases_of, due_steps
from keepwell.playbook.alerts.clocks import breaches, notified_late, paused, step_events
from keepwell.playbook.alerts.ledger_events import KINDS, STEPS, Alert, LedgerEvent, event_of, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.openings import Announcement, released
from keepwell.playbook.alerts.own_rules import is_own, name_of, rule_id
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs, days_to_run, events_since
from keepwell.playbook.rule_settings import OwnRule
from keepwell.playbook.settings import AlertSettings, OwnerSettings, Team
from keepwell.playbook.working_hours import WorkingHours

START = datetime(2026, 3, 2)
NEVER = datetime(9999, 1, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACCOUNTS = {"acme": "ann", "bolt": "bob"}
BERLIN = WorkingHours(
    clocks="business", timezone="Europe/Berlin", holidays=(date(2026, 3, 6), date(2026, 3, 19), date(2026, 3, 30))
)
"""The hours of ann's team, over the change to summer time on March 29; bob's run around the clock."""
IDLE = {
    rule_id("idle", one): one
    for one in (OwnRule.model_validate({"all": [{"field": "seats", "op": "<", "value": n}]}) for n in (3, 5))
}
"""Two definitions of one own rule; a warning, unlike the others."""
SIGNS = ("health_low", *IDLE)
ACCOUNT, SIGN = st.sampled_from(sorted(ACCOUNTS)), st.sampled_from(SIGNS)
DAILY, SWEEP = "daily", "sweep"
AGAIN = ("ack", "assess")
HOURS = {"ack": 2, "assess": 4, "plan": 24, "contact": 48, "follow_up": 72}
REVIEW = {"health_low": {"review": 24}, "urgent_ticket": {"review": 4}}


def in_office(hour: datetime) -> bool:
    """Whether ann's team works in the hour that begins then."""
    local = hour.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin"))
    return local.weekday() < 5 and 9 <= local.hour < 17 and local.date() not in BERLIN.holidays


WORKED = [0, *accumulate(in_office(START + n * HOUR) for n in range(1000 * 24))]
"""Working hours of ann's team in the first n hours since START."""


def worked(start: datetime, end: datetime, owner: str) -> float:
    """The hours between two instants by the owner's clock, counted one by one; every instant here is a whole hour."""
    first, last = ((at - START) / HOUR for at in (start, end))
    assert first == int(first)
    assert last == int(last)
    return WORKED[int(last)] - WORKED[int(first)] if owner == "ann" else last - first


def is_due(due: datetime, start: datetime, hours: float, owner: str) -> bool:
    """Whether this is the first instant at which that many hours have passed."""
    return worked(start, due, owner) == hours == worked(start, due - HOUR, owner) + 1


@dataclass(frozen=True)
class Life:
    """An alert off hold, as the ledger's lines have it."""

    alert_id: str
    account: str
    event: bool
    severity: str
    opened: datetime
    due: dict[str, datetime]
    closed: datetime = NEVER


def lives(written: Iterable[LedgerEvent]) -> list[Life]:
    """Every alert that people were notified of, in the order in which they opened."""
    found: dict[str, Life] = {}
    opened = {e.alert_id: e for e in written if e.kind == "opened"}
    for e in sorted(written, key=lambda e: (e.as_of, KINDS.index(e.kind), e.event_id)):
        due = {step: datetime.fromisoformat(at) for step, at in e.payload.get("due", {}).items()}
        life = found.get(e.alert_id)
        if e.kind == "released" or (e.kind == "opened" and "held_by" not in e.payload):
            severity = opened[e.alert_id].payload["severity"]
            found[e.alert_id] = Life(e.alert_id, e.account_id, e.subject is not None, severity, e.at, due)
        elif life is not None and life.closed == NEVER:
            found[e.alert_id] = replace(
                life, due=life.due | due, closed=e.at if e.kind == "closed" else life.closed
            )  # fmt: skip
    return sorted(found.values(), key=lambda life: (life.account, life.opened, life.alert_id))


def grouped(alerts: Iterable[Life]) -> list[list[Life]]:
    """Alerts of an account whose lives overlap, directly or through others."""
    found: list[list[Life]] = []
    for life in alerts:
        joins = found and found[-1][0].account == life.account and max(a.closed for a in found[-1]) > life.opened
        found = [*found[:-1], [*found[-1], life]] if joins else [*found, [life]]
    return found


def asking(group: list[Life]) -> tuple[list[Life], list[Life]]:
    """The alerts that opened the case, and the louder ones that joined: each an event, or more severe than before."""
    opening = [a for a in group if a.opened == group[0].opened]
    later = group[len(opening) :]
    critical = [a for a in group if a.severity == "critical"]
    return opening, [a for a in later if a.event or (critical and a is critical[0])]


class Company(RuleBasedStateMachine):
    """A ledger, two flows that may die before they write, people who answer, tickets and messages that come late."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START + HOUR
        self.written: dict[str, LedgerEvent] = {}
        self.runs = {DAILY: Runs(), SWEEP: Runs()}
        self.idle: str | None = next(iter(IDLE))
        self.tickets: dict[str, tuple[str, datetime]] = {}
        self.resolved: dict[str, datetime] = {}
        self.moves: list[tuple[datetime, bool]] = [(START, False)]
        self.signs = {(account, sign): [(START, False)] for account in ACCOUNTS for sign in SIGNS}
        self.mail = True
        self.sent: dict[str, datetime] = {}
        self.named: dict[str, set[str]] = {}
        self.snoozes: list[tuple[str, datetime, datetime]] = []

    @initialize(days=st.sampled_from([0, 3, 24]), signs=st.sets(st.tuples(ACCOUNT, SIGN)))
    def first_day(self, days: int, signs: set[tuple[str, str]]) -> None:
        """The ledger's life begins, perhaps shortly before summer time: only events of the day before it open."""
        self.now += days * DAY
        for account, sign in signs:
            self.signs[account, sign].append((START, True))
        self._daily(lives=True)
        self._sweep(lives=True)

    # The world

    @rule(hours=st.integers(1, 12) | st.integers(13, 300))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(account=ACCOUNT, sign=SIGN)
    def a_condition_turns(self, account: str, sign: str) -> None:
        turns = self.signs[account, sign]
        turns.append((self.now, not turns[-1][1]))

    @rule(definition=st.sampled_from([None, *IDLE]))
    def the_own_rule_is_removed_or_defined(self, definition: str | None) -> None:
        self.idle = definition

    @rule()
    def a_measure_moves_or_is_back(self) -> None:
        """From now on what opens rests on it, until it is back."""
        self.moves.append((self.now, not self.moves[-1][1]))

    @rule(account=ACCOUNT, seen=st.booleans())
    def a_ticket_comes(self, account: str, seen: bool) -> None:
        """Seen by a sweep at once, or by whichever flow comes first."""
        self.tickets[f"T{len(self.tickets)}"] = (account, self.now)
        if seen:
            self._sweep(lives=True)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def a_ticket_is_closed(self, data: Any) -> None:
        self.resolved.setdefault(data.draw(st.sampled_from(sorted(self.tickets))), self.now)

    @rule()
    def the_mail_server_fails_or_works_again(self) -> None:
        self.mail = not self.mail

    # The flows

    @rule(hour=st.integers(5, 20))
    def a_day_begins(self, hour: int) -> None:
        """As it should: the day's run, and a sweep after it."""
        self.now = self._midnight() + DAY + hour * HOUR
        self._daily(lives=True)
        self._sweep(lives=True)

    @rule(lives=st.booleans())
    def daily(self, lives: bool) -> None:
        self._daily(lives)

    @rule(lives=st.booleans())
    def sweep(self, lives: bool) -> None:
        self._sweep(lives)

    @rule(back=st.integers(1, 6))
    def an_old_day_runs_again(self, back: int) -> None:
        at = self._midnight() - back * DAY
        if at >= START:
            self._run(DAILY, at, lives=True)

    # The people

    @precondition(lambda self: self._answerable())
    @rule(data=st.data(), step=st.sampled_from([*STEPS, "review"]))
    def somebody_answers(self, data: Any, step: str) -> None:
        """For every live alert of a case."""
        done = by_step(self.written.values(), "done")
        for alert in self._drawn_case(data):
            self._write(step_events(alert, done[alert.alert_id], step, self.now, "ann"))

    @precondition(lambda self: self._answerable())
    @rule(data=st.data(), hours=st.integers(1, 30) | st.integers(31, 120))
    def somebody_snoozes(self, data: Any, hours: int) -> None:
        """A case: each alert has as many hours left afterwards as it has now, or after a snooze that is running."""
        until = self.now + hours * HOUR
        for alert in self._drawn_case(data):
            due = paused(alert, self.now, until, self._settings())
            about = {"until": until.isoformat(), "reason": "migrating", "due": due}
            event = event_of(alert, "snoozed", self.now, "ann", about)
            last = [end for name, _, end in self.snoozes if name == alert.alert_id][-1:]
            begins = max([self.now, *last])
            if event.event_id not in self.written:
                assert set(due) == {step for step, at in due_steps(alert) if at > self.now}
                for step, at in due.items():
                    left = worked(begins, getattr(alert, f"due_{step}"), alert.owner)
                    assert is_due(datetime.fromisoformat(at), max(begins, until), left, alert.owner)
                self.snoozes.append((alert.alert_id, self.now, until))
            self._write([event])

    @precondition(lambda self: self._answerable())
    @rule(data=st.data())
    def somebody_closes_one_alert(self, data: Any) -> None:
        alert = data.draw(st.sampled_from(self._answerable()))
        self._write([event_of(alert, "closed", self.now, "ann", {"reason": "agreed"})])

    @rule(real=st.booleans())
    def somebody_decides_on_what_is_on_hold(self, real: bool) -> None:
        """Released or discarded."""
        for a in self._live():
            if a.on_hold_for is not None:
                ended = event_of(a, "closed", self.now, "dana", {"reason": "discarded: outage"})
                opened = released(a, self.now, "dana", "real", Announcement(), self.now, self._settings())
                self._write([opened if real else ended])

    # What must hold

    @invariant()
    def nothing_lives_twice(self) -> None:
        """One alert per ticket; one live alert per account and rule, whatever the definition of an own rule."""
        alerts = list(fold(self.written.values(), self.now).values())
        events = [a.cause for a in alerts if a.subject is not None]
        live = [(a.account_id, name_of(a.rule), a.subject) for a in alerts if a.closed_at is None]

        assert len(set(events)) == len(events)
        assert len(set(live)) == len(live)

    @invariant()
    def an_alert_on_hold_has_no_deadlines(self) -> None:
        assert not any(list(due_steps(a)) or a.breached for a in self._live() if a.on_hold_for is not None)

    @invariant()
    def every_live_alert_is_in_one_case_and_every_account_has_one_at_a_time(self) -> None:
        """The cases are those whose lives overlap, and none begins before the one before it has ended."""
        cases = self._cases()
        open_ones = {case.account_id: {a.alert_id for a in case.live} for case in cases if case.live}
        live: dict[str, set[str]] = {}
        for alert in self._answerable():
            live.setdefault(alert.account_id, set()).add(alert.alert_id)

        assert open_ones == live
        assert len([case for case in cases if case.live]) == len(open_ones)
        of_the_ledger = {tuple(a.alert_id for a in group) for group in grouped(lives(self.written.values()))}
        assert {tuple(a.alert_id for a in case.triggers) for case in cases} == of_the_ledger
        for account in ACCOUNTS:
            spans = sorted((c.opened_at, c.closed_at or NEVER) for c in cases if c.account_id == account)
            assert all(ended <= begins for (_, ended), (begins, _) in pairwise(spans))

    @invariant()
    def a_case_answers_to_its_alerts_and_to_what_messages_named(self) -> None:
        """A case that a day's run has closed as of a midnight before is still found by its name."""
        cases = self._cases()
        for case in cases:
            for name in (case.case_id, *(a.alert_id for a in case.triggers)):
                assert [found.case_id for found in cases if found.answers_to(name)] == [case.case_id]
        for alert_id, names in self.named.items():
            for name in names:
                (found,) = [case for case in cases if case.answers_to(name)]
                assert any(a.alert_id == alert_id for a in found.triggers) or not found.live

    def teardown(self) -> None:
        """After two more sweeps and a day that live: nothing is lost; each sweep has looked for missed deadlines."""
        self.mail = True
        self._sweep(lives=True)
        self._daily(lives=True)
        self.now += HOUR
        self._sweep(lives=True)
        alerts = fold(self.written.values(), self.now)

        assert set(self.tickets) <= {a.subject for a in alerts.values()}
        assert breaches(list(self.written.values()), self.now, self._settings()) == []
        if self.idle is None:
            assert not [a for a in alerts.values() if is_own(a.rule) and a.closed_at is None]

    # How

    def _settings(self) -> AlertSettings:
        return AlertSettings(
            gone_days=2, cool_down_days=3, event_lookback_days=2, teams={"emea": Team(csms=("ann",), hours=BERLIN)},
            rules={"idle": IDLE[self.idle]} if self.idle else {},
        )  # fmt: skip

    def _midnight(self) -> datetime:
        return self.now.replace(hour=0)

    def _cases(self) -> list[Case]:
        return cases_of(list(self.written.values()), self.now)

    def _live(self) -> list[Alert]:
        found = fold(self.written.values(), self.now).values()
        return sorted((a for a in found if a.closed_at is None), key=lambda a: a.alert_id)

    def _answerable(self) -> list[Alert]:
        return [a for a in self._live() if a.on_hold_for is None]

    def _drawn_case(self, data: Any) -> list[Alert]:
        """The live alerts of one account: they are its open case."""
        account = data.draw(st.sampled_from(sorted({a.account_id for a in self._answerable()})))
        return [a for a in self._answerable() if a.account_id == account]

    def _conditions(self, at: datetime, history: list[LedgerEvent]) -> list[Condition]:
        """Each account's signs as they were at an instant; of the own rule also a definition that lives on."""
        move = "data-alert" if [moved for when, moved in self.moves if when <= at][-1] else None
        live = {a.rule for a in fold(history, at).values() if a.closed_at is None and self.idle}
        return [
            Condition(account, sign, [holds for when, holds in turns if when <= at][-1], sign,
                      move if sign == "health_low" else None)
            for (account, sign), turns in self.signs.items()
            if sign in {"health_low", self.idle, *live}
        ]  # fmt: skip

    def _daily(self, lives: bool) -> None:
        last = self.runs[DAILY].last
        for day in days_to_run(last.date() if last else None, self._midnight().date(), self._settings()).days:
            self._run(DAILY, datetime.combine(day, datetime.min.time()), lives)

    def _sweep(self, lives: bool) -> None:
        self._run(SWEEP, self.now, lives)

    def _run(self, flow: str, at: datetime, lives: bool) -> None:
        """What the flow would write; nothing of it where it dies before."""
        history, runs, settings = [e for e in self.written.values() if e.as_of <= at], self.runs[flow], self._settings()
        since = events_since(history, at, settings, runs)
        known = [
            Occurrence(account, "urgent_ticket", name, when, when, self.resolved.get(name, at + DAY) <= at)
            for name, (account, when) in self.tickets.items()
            if since < when <= at
        ]
        seen = Observations(self._conditions(at, history) if flow == DAILY else [], known)
        planned = at + 5 * HOUR if flow == DAILY else at
        new = new_events(history, seen, at, ACCOUNTS, settings, OwnerSettings(), runs, planned)
        self._opened_as_it_should_be(new, history)
        if flow == SWEEP:
            new += notified_late([*history, *new], self.sent, at, settings)
            self._late_by_the_hours_of_the_message(new, history)
            unsent = {a.alert_id for a in self._answerable()} - self.sent.keys()
            missed = breaches([*history, *new], at, settings, unsent)
            if lives:
                self._write(new)
                self._every_miss_is_on_record_and_nothing_else(missed, unsent)
            new += missed
        if lives:
            self._write(new)
            for e in new:
                if e.kind in ("opened", "released"):
                    for case in cases_of([e for e in self.written.values() if e.as_of <= at], at):
                        if any(a.alert_id == e.alert_id for a in case.triggers):
                            self.named.setdefault(e.alert_id, set()).add(case.case_id)
            if self.mail:
                self.sent |= {a.alert_id: self.now for a in self._answerable() if a.alert_id not in self.sent}
            if runs.last is None or at >= runs.last:
                self.runs[flow] = Runs(runs.first or at, at)

    def _write(self, events: Iterable[LedgerEvent]) -> None:
        """Lines are added, never changed."""
        for event in events:
            self.written.setdefault(event.event_id, event)

    # What a run may write

    def _opened_as_it_should_be(self, new: list[LedgerEvent], history: list[LedgerEvent]) -> None:
        """Deadlines are so many hours after people are notified; only today's definition of the own rule opens."""
        owners = {e.alert_id: e.payload["owner"] for e in [*history, *new] if e.kind == "opened"}
        for e in new:
            if e.kind in ("opened", "released"):
                hours = HOURS | REVIEW.get(e.rule, {}) if "notified_at" in e.payload else {}
                assert set(e.payload["due"]) == set(hours)
                for step, at in e.payload["due"].items():
                    start = datetime.fromisoformat(e.payload["notified_at"])
                    assert is_due(datetime.fromisoformat(at), start, hours[step], owners[e.alert_id])
                assert not is_own(e.rule) or e.rule == self.idle

    def _late_by_the_hours_of_the_message(self, new: list[LedgerEvent], history: list[LedgerEvent]) -> None:
        """What left late has all its hours from then on, or from the end of a snooze."""
        opened = {e.alert_id: e for e in [*history, *new] if e.kind in ("opened", "released")}
        for e in new:
            if e.kind == "notified":
                hours = HOURS | REVIEW.get(e.rule, {})
                left = max([self.sent[e.alert_id], *(until for name, _, until in self.snoozes if name == e.alert_id)])
                owner = ACCOUNTS[e.account_id]
                assert self.sent[e.alert_id] > datetime.fromisoformat(opened[e.alert_id].payload["notified_at"])
                assert set(e.payload["due"]) == set(hours)
                assert all(
                    is_due(datetime.fromisoformat(at), left, hours[s], owner) for s, at in e.payload["due"].items()
                )

    def _every_miss_is_on_record_and_nothing_else(self, missed: list[LedgerEvent], unsent: set[str]) -> None:
        """A breach is on record if and only if a deadline of a case had passed, while it was open, without the step."""
        before = {(e.alert_id, e.payload["step"]) for e in self.written.values() if e.kind == "breached"}
        done = [(e.alert_id, e.payload["step"], e.at) for e in self.written.values() if e.kind == "done"]
        fresh = {(e.alert_id, e.payload["step"]): e for e in missed}
        assert len(fresh) == len(missed)
        assert not fresh.keys() & before
        for group in grouped(lives(self.written.values())):
            opening, joined = asking(group)
            ids, end = {a.alert_id for a in group}, max(a.closed for a in group)
            left = [a for a in group if a.closed == end]
            louder = {a.alert_id for a in (*opening, *joined)}

            def in_time(step: str, due: datetime, own: Iterable[str], since: datetime) -> bool:
                return any(name in own and one == step and since <= at <= due for name, one, at in done)

            for a in group:
                for step, due in a.due.items():
                    by_itself = step == "review" or (a in joined and step in AGAIN)
                    answered = in_time(
                        step, due, {a.alert_id} if step == "review" else ids, a.opened if by_itself else group[0].opened
                    )
                    counts = {a.alert_id} if by_itself else ids - {j.alert_id for j in joined if step in AGAIN}
                    on_record = {name for name, one in before | fresh.keys() if name in counts and one == step}
                    asks = a.alert_id in louder or step == "review"
                    if asks and due <= min(self.now, a.closed) and not answered and a.alert_id not in unsent:
                        assert on_record
                    if event := fresh.get((a.alert_id, step)):
                        by_then = datetime.fromisoformat(event.payload["due_at"])
                        since = a.opened if by_itself else group[0].opened
                        assert on_record == {a.alert_id}
                        assert a.alert_id not in unsent
                        assert due <= by_then <= min(self.now, a.closed)
                        assert not in_time(step, by_then, {a.alert_id} if step == "review" else ids, since)
                        assert not any(n == a.alert_id and s < by_then < until for n, s, until in self.snoozes)
                        assert asks or not any(one.alert_id in louder for one in left)
                        rivals = [] if by_itself else [r for r in left if r.alert_id in louder - unsent & counts]
                        assert all(by_then <= r.due.get(step, by_then) for r in rivals)
            on_record_before = sum(name in ids for name, _ in before)
            roles = [e.payload["escalated_to"] for e in missed if e.alert_id in ids]
            ladder = ["manager", "director", *["executive"] * (len(before) + len(missed))]
            assert roles == ladder[on_record_before : on_record_before + len(roles)]


TestCompany = Company.TestCase
TestCompany.settings = effort(max_examples=120, stateful_step_count=40, deadline=None)
