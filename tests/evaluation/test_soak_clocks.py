"""The soak's own computation of deadlines: by hand, and beside the product's on random histories (ALR-2, ALR-7)."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from evaluation.soak_clocks import misses
from evaluation.soak_script import DAILY_AT, SLEEPS_FOR
from keepwell.playbook.alerts.cases import by_step, cases_of
from keepwell.playbook.alerts.clocks import breaches, paused, step_events
from keepwell.playbook.alerts.ledger_events import STEPS, LedgerEvent, event_of
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings

MONDAY = datetime(2026, 3, 2)
HOUR, HALF, DAY = timedelta(hours=1), timedelta(minutes=30), timedelta(days=1)
BRISK = AlertSettings(gone_days=1, cool_down_days=1)
"""So that much happens within days."""


class Life:
    """An account hour by hour: the day's run, the sweep, and half an hour later the people, with their log."""

    def __init__(self) -> None:
        self.history: list[LedgerEvent] = []
        self.lines: list[str] = []

    def look(self, hour: datetime, conditions: dict[str, bool], tickets: dict[str, tuple[datetime, bool]]) -> None:
        """The runs of an hour."""
        known = [Occurrence("acme", "urgent_ticket", t, at, at, gone) for t, (at, gone) in tickets.items()]
        if hour.hour == DAILY_AT:
            seen = [Condition("acme", rule, holds, rule) for rule, holds in conditions.items()]
            self._run(
                hour.replace(hour=0), Observations(seen, [o for o in known if o.known_at.date() < hour.date()]), hour
            )
        self._run(hour, Observations([], known), hour)
        self.history += breaches(self.history, hour, BRISK)

    def _run(self, at: datetime, seen: Observations, notified_at: datetime) -> None:
        known = [event for event in self.history if event.as_of <= at]
        self.history += new_events(
            known, seen, at, {"acme": "ann"}, BRISK, OwnerSettings(), Runs(MONDAY - DAY, at), notified_at
        )

    def act(self, act: str, now: datetime, only: str = "") -> None:
        """What a person does about the open case, if there is one; `only`: about the alert of this rule."""
        for case in (c for c in cases_of(self.history, now) if c.live):
            if act == "snooze" and any(a.snoozed_until for a in case.live):
                continue
            done = by_step(self.history, "done")
            for alert in case.live:
                if act == "close" and only in ("", alert.rule):
                    self.history.append(event_of(alert, "closed", now, "ann", {"reason": "agreed"}))
                elif act == "snooze":
                    due = paused(alert, now, now + SLEEPS_FOR, BRISK)
                    about = {"until": (now + SLEEPS_FOR).isoformat(), "reason": "migrating", "due": due}
                    self.history.append(event_of(alert, "snoozed", now, "ann", about))
                elif act != "close":
                    self.history += step_events(alert, done[alert.alert_id], act.replace("-", "_"), now, "ann")
            ids = [alert.alert_id[:8] for alert in case.live]
            line = {"act": act, "at": now.isoformat(), "account": "acme", "case": case.case_id[:8], "alerts": ids}
            self.lines.append(json.dumps(line))

    def missed(self, folder: Path, last: datetime) -> list[tuple[str, float, float]]:
        """By the soak: step, hours to its deadline and to the sweep that records it."""
        log = folder / "acts.jsonl"
        log.write_text("\n".join(self.lines))
        return [
            (step, (due - MONDAY) / HOUR, (at - MONDAY) / HOUR) for _, step, due, at in misses(self.history, log, last)
        ]

    @property
    def recorded(self) -> list[tuple[str, float, float]]:
        """The same by the product."""
        found = [e for e in self.history if e.kind == "breached"]
        due = [datetime.fromisoformat(e.payload["due_at"]) for e in found]
        return [
            (e.payload["step"], (at - MONDAY) / HOUR, (e.as_of - MONDAY) / HOUR)
            for e, at in zip(found, due, strict=True)
        ]


def lived(
    hours: int, rules: Sequence[str], acts: dict[int, Sequence[str]], since: int = 0, ticket: int = 0, first: str = ""
) -> Life:  # fmt: skip
    """A life of so many hours: rules that hold since an hour, a ticket at another (0: none), acts at theirs.

    `first`: a rule that holds from the beginning.
    """
    life = Life()
    for n in range(hours + 1):
        hour = MONDAY + n * HOUR
        tickets = {"T1": (MONDAY + ticket * HOUR, False)} if 0 < ticket <= n else {}
        life.look(hour, dict.fromkeys(rules, n >= since) | ({first: True} if first else {}), tickets)
        if n in acts:
            life.act(acts[n][0], hour + HALF, *acts[n][1:])
    return life


def test_a_case_that_nobody_answers_misses_every_step_once(tmp_path: Path) -> None:
    """Two alerts of one day: one set of deadlines, from the notification at five, and the director's review."""
    life = lived(80, ["health_low", "health_drop"], {})

    expected = [("ack", 7, 7), ("assess", 9, 9), ("plan", 29, 29), ("review", 29, 29), ("contact", 53, 53)]
    assert life.missed(tmp_path, MONDAY + 80 * HOUR) == [*expected, ("follow_up", 77, 77)]


def test_an_event_that_joins_asks_to_be_acknowledged_and_assessed_again(tmp_path: Path) -> None:
    """The plan was made; the ticket's own deadlines are two and four hours, the rest is the case's."""
    life = lived(40, ["health_drop"], {6: ["plan"]}, ticket=30)

    assert life.missed(tmp_path, MONDAY + 40 * HOUR) == [("ack", 32, 32), ("assess", 34, 34), ("review", 34, 34)]


def test_a_more_severe_alert_asks_again_and_another_does_not(tmp_path: Path) -> None:
    """The critical one of the second day after the warning of the first; then the other way round."""
    last = MONDAY + 40 * HOUR
    louder = lived(40, ["no_usage"], {6: ["plan"]}, since=24, first="health_drop")
    quieter = lived(40, ["health_drop"], {6: ["plan"]}, since=24, first="no_usage")

    assert louder.missed(tmp_path, last) == [("ack", 31, 31), ("assess", 33, 33)]
    assert quieter.missed(tmp_path, last) == []


def test_without_the_louder_alert_the_deadlines_of_the_others_count(tmp_path: Path) -> None:
    """The ticket of the evening is closed before its plan was due; the drop of the next day asks for one."""
    life = lived(80, ["health_drop"], {20: ["assess"], 30: ["close", "urgent_ticket"]}, since=24, ticket=20)

    assert life.missed(tmp_path, MONDAY + 80 * HOUR) == [("plan", 53, 53), ("contact", 77, 77)]


def test_a_snooze_moves_what_was_not_due(tmp_path: Path) -> None:
    """Two days; a step that is taken late is missed, too, and recorded by the next sweep."""
    life = lived(90, ["health_drop"], {5: ["ack"], 8: ["snooze"], 59: ["assess"], 60: ["plan"]})

    assert life.missed(tmp_path, MONDAY + 90 * HOUR) == [("assess", 57, 57)]


@pytest.mark.parametrize("seed", range(6))
def test_the_product_records_the_same_whatever_happens(tmp_path: Path, seed: int) -> None:
    """Conditions that come and go, tickets, and people who act, snooze, and close cases or alerts, at random."""
    rng, life = np.random.default_rng(seed), Life()
    tickets: dict[str, tuple[datetime, bool]] = {}
    conditions = dict.fromkeys(("health_low", "health_drop", "no_usage"), False)
    acts = [*(step.replace("_", "-") for step in STEPS), "review", "snooze", "close"]
    for n in range(5 * 24 + 1):
        hour = MONDAY + n * HOUR
        if hour.hour == DAILY_AT:
            conditions = {rule: holds != (rng.random() < 0.4) for rule, holds in conditions.items()}
        if rng.random() < 0.06:
            tickets[f"T{n}"] = (hour - rng.choice([0, 20]) * timedelta(minutes=1), False)
        tickets = {one: (at, gone or rng.random() < 0.02) for one, (at, gone) in tickets.items()}
        life.look(hour, conditions, tickets)
        if rng.random() < 0.2:
            act = rng.choice(acts, p=[0.15] * len(STEPS) + [0.1, 0.05, 0.1])
            life.act(str(act), hour + HALF, str(rng.choice(["", *conditions, "urgent_ticket"])))

    assert Counter(life.missed(tmp_path, MONDAY + 5 * DAY)) == Counter(life.recorded)
    assert life.recorded
