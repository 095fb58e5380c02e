"""The script of the three months of `make soak`: every flow at its hour, and what people do about each case and action.

`python -m evaluation.soak_script FOLDER LAST_DAY` runs on from the last hour that was completed, so that it may be
killed at any moment. Each command is the one that a user types.
"""

import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from keepwell.playbook.alerts.ledger_events import BOOK, DATA_RULE, RUN_RULE, STATES, STEPS
from keepwell.playbook.next_actions.life import AUTOMATION
from tests.support.running import keepwell

FIRST_DAY = date(2026, 4, 1)
HOUR = timedelta(hours=1)
DAILY_AT, WEEK_AT, WEEKLY_AT, PEOPLE_AT = 5, 6, 7, timedelta(minutes=30)
WEEK_STARTS = (1, 8, 15, 22)
MONDAY = 0
WORK_WEEK = 15
OUTAGE_DAYS, OUTAGE_HOURS = (12, 19, 26), (5, 6, 7)
"""When no sweep runs, so that messages leave late."""

HABITS: Mapping[str, Mapping[str, float]] = {
    "prompt": {"ack": 0.5, "assess": 3, "plan": 20, "contact": 40, "follow-up": 70},
    "late": {"ack": 3, "assess": 9, "plan": 30, "contact": 60, "follow-up": 100},
    "stops": {"ack": 1, "assess": 3},
    "never": {},
    "sleeps": {"ack": 1, "plan": 60, "contact": 80},
    "closes": {"ack": 1, "assess": 3, "plan": 10},
    "trims": {"ack": 1, "assess": 3, "plan": 20, "contact": 70},
    "data": {"ack": 1, "assess": 3},
}
"""Hours after a case opened at which each step is taken, by the CSM's habit with it."""
SHARES = (
    ("prompt",) * 6 + ("late",) * 4 + ("stops",) * 3 + ("never",) * 2 + ("sleeps",) * 2 + ("closes",) + ("trims",) * 3
)
SLEEPS_AT, SLEEPS_FOR, CLOSES_AT, RELEASES_AT, REVIEWS_AT = 8, timedelta(days=2), 30, 20, 12
REPEATED = ("ack", "assess")
"""The steps that an alert asks for again that joins a case."""
CALLS_AT, ONE_IN = 10, 20
CALLS: Sequence[tuple[str, ...]] = (
    *[("work", "call", "{account}", "--outcome", "reached")] * 3,
    ("work", "call", "{account}", "--outcome", "no_answer"),
    ("actions", "done", "{id}"),
    ("actions", "close", "{id}", "--reason", "it is not needed"),
)
"""What people do about an open next action, each on one of so many days."""
TWO_CASES = "two cases"
"""In the log: the account has more than one open case."""
DATA_RULES = (DATA_RULE, RUN_RULE)
Row = Mapping[str, Any]
"""A row of `alerts list` or `actions list`."""


@dataclass(frozen=True)
class Place:
    """A company, what its runs wrote, and how far they came."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def journal(self) -> Path:
        """The file with the number of complete hours."""
        return self.folder / "journal"

    @property
    def hours_done(self) -> int:
        """The number of complete hours; 0 before the first."""
        return int(self.journal.read_text()) if self.journal.exists() else 0

    @property
    def acts(self) -> Path:
        """The log of people's actions, a JSON line each; a rerun of an hour may write a line twice."""
        return self.folder / "acts.jsonl"

    def keepwell(self, *arguments: object) -> str:
        """The output of a command; AssertionError with its message where it fails."""
        ran = keepwell("--config", self.folder / "company" / "pipeline.toml", "--out", self.out, "--json", *arguments)
        assert ran.code == 0, f"keepwell {' '.join(map(str, arguments))}: exit {ran.code}: {ran.err}"
        return ran.out

    def listed(self, now: datetime, *command: str) -> list[Row]:
        """The rows of a list at an instant."""
        rows: list[Row] = json.loads(self.keepwell(*command, "--now", now.isoformat()))
        return rows

    def act(self, *command: str, now: datetime) -> None:
        """A person's command; `work end ACCOUNT` ends what runs there."""
        if command[:2] != ("work", "end"):
            self.keepwell(*command, "--now", now.isoformat())
            return
        for row in self.listed(now, "work", "list", "--open"):
            if row["account"] == command[2] and row["what"] == "intervention":
                self.keepwell("work", "end", row["id"], *command[3:], "--now", now.isoformat())

    def log(self, act: str, alerts: Sequence[Row], now: datetime) -> None:
        """Add a line to the log: what was done, about which case, with which alerts."""
        about = {"account": alerts[0]["account"], "case": alerts[0]["case"], "alerts": [a["alert"] for a in alerts]}
        with self.acts.open("a") as file:
            file.write(json.dumps({"act": act, "at": now.isoformat(), **about}) + "\n")


def hours(last_day: date) -> list[datetime]:
    """Every hour from the first midnight to that after the last day."""
    first = datetime.combine(FIRST_DAY, datetime.min.time())
    return [first + n * HOUR for n in range(24 * ((last_day - FIRST_DAY).days + 1) + 1)]


def sweeps(hour: datetime) -> bool:
    """Whether a sweep runs in an hour."""
    return hour.day not in OUTAGE_DAYS or hour.hour not in OUTAGE_HOURS


def one_hour(place: Place, hour: datetime) -> None:
    """The flows that are scheduled then, the sweep, and half an hour later the people.

    An hour that was killed begins anew. Its sweep comes after the day, whose messages it sends: with the sweep first,
    a day that was killed after it had written them would have them sent by that hour's second sweep, not the next's.
    """
    if hour.hour == DAILY_AT:
        place.keepwell("daily", "--as-of", hour.date())
    if hour.hour == WEEK_AT and hour.day in WEEK_STARTS:
        place.keepwell("monthly", "--as-of", hour.date())
        if hour.day == WORK_WEEK:
            place.keepwell("work", "done", "--by", "Kim", "--week", hour.date(), "--now", hour.isoformat())
    if hour.hour == WEEKLY_AT and hour.weekday() == MONDAY:
        place.keepwell("weekly", "--as-of", hour.date())
    if sweeps(hour):
        place.keepwell("sweep", "--now", hour.isoformat())
    now = hour + PEOPLE_AT
    if hour.hour == CALLS_AT:
        of_calls(place, now)
    cases = cases_in(place.listed(now, "alerts", "list"))
    accounts = Counter(alerts[0]["account"] for alerts in cases.values())
    for case, alerts in cases.items():
        if alerts[0]["account"] != BOOK and accounts[alerts[0]["account"]] > 1:
            place.log(TWO_CASES, alerts, now)
        for act in acts_of(case, alerts, now):
            place.act(*act, now=now)
            if act[0] == "alerts":
                place.log(act[1], alerts, now)


def of_calls(place: Place, now: datetime) -> None:
    """Once a day people call about some of the next actions, which counts for the account's case, or end them."""
    listed = cases_in(place.listed(now, "alerts", "list"))
    for action in place.listed(now, "actions", "list"):
        by, chosen = ("--by", action["owner"]), zlib.crc32(f"{action['id']} {now.date()}".encode()) % ONE_IN
        if action["owner"] == AUTOMATION or chosen >= len(CALLS):
            continue
        place.act(*(part.format(**action) for part in CALLS[chosen]), *by, now=now)
        if "reached" in CALLS[chosen]:
            for alerts in listed.values():
                if alerts[0]["account"] == action["account"]:
                    place.log("contact", alerts, now)


def cases_in(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The open alerts of each case, the oldest first; one on hold belongs to none."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["opened"], row["alert"])):
        if row["case"]:
            found.setdefault(row["case"], []).append(row)
    return found


def acts_of(case: str, alerts: Sequence[Row], now: datetime) -> Iterator[tuple[str, ...]]:
    """What people do about a case in this hour: its owner one step at most, the last that is due.

    An alert that joined later asks to be acknowledged and assessed, where the case's next step is one of these. The
    step comes last, so that whoever was killed before it does all of it again.
    """
    first, awake = alerts[0], [alert for alert in alerts if alert["state"] in STATES]
    of_data = first["rule"] in DATA_RULES
    habit = "data" if of_data else habit_of(case)
    waited = _waited(first, now)
    about = (case, "--by", first["owner"])
    if not awake:
        return
    wanted = (_step_of(habit, alert, now, joined=alert["opened"] > first["opened"]) for alert in awake)
    if step := max(filter(None, wanted), key=STEPS.index, default=None):
        if step == "contact":
            call = ("--outcome", "reached", "--note", habit, "--no-alerts")
            yield ("work", "call", first["account"], *about[1:], *call)
            yield ("work", "start", first["account"], *about[1:], "--kind", "training", "--id", f"V-{first['alert']}")
        if step == "follow_up":
            yield ("work", "end", first["account"], *about[1:], "--result", "worked")
        yield ("alerts", step.replace("_", "-"), *about, "--note", f"{habit} CSM")
    if habit == "prompt" and any(REVIEWS_AT <= _waited(a, now) < REVIEWS_AT + 1 for a in awake):
        yield ("alerts", "review", case, "--by", "the director")
    if first["rule"] == DATA_RULE and waited >= RELEASES_AT:
        yield ("alerts", "release", first["alert"], *about[1:], "--reason", "it is real")
    if habit == "sleeps" and SLEEPS_AT <= waited < SLEEPS_AT + 1:
        until = (now + SLEEPS_FOR).isoformat()
        yield ("alerts", "snooze", *about, "--reason", "they are migrating", "--until", until)
    if habit == "closes" and waited >= CLOSES_AT:
        yield ("alerts", "close", *about, "--reason", "known, and agreed with them")
    if habit == "trims" and waited >= CLOSES_AT and len(alerts) > 1:
        yield ("alerts", "close", first["alert"], *about[1:], "--reason", "the other is what matters")


def _step_of(habit: str, alert: Row, now: datetime, *, joined: bool) -> str | None:
    """The last step that is due for an alert by the habit, if it was not taken yet."""
    due = [step.replace("-", "_") for step, after in HABITS[habit].items() if after <= _waited(alert, now)]
    asked = [step for step in due if not joined or (step in REPEATED and alert["next"] in REPEATED)]
    return asked[-1] if asked and STEPS.index(asked[-1]) >= STATES.index(alert["state"]) else None


def _waited(alert: Row, now: datetime) -> float:
    """Hours since an alert opened."""
    return (now - datetime.fromisoformat(alert["opened"])) / HOUR


def habit_of(case: str) -> str:
    """A CSM's habit with a case follows from its id."""
    return SHARES[zlib.crc32(case.encode()) % len(SHARES)]


def main() -> None:
    """Run on to the end."""
    place, last_day = Place(Path(sys.argv[1])), date.fromisoformat(sys.argv[2])
    every = hours(last_day)
    print("ready", flush=True)
    for number in range(place.hours_done, len(every)):
        one_hour(place, every[number])
        fresh = place.journal.with_suffix(".new")
        fresh.write_text(str(number + 1))
        fresh.replace(place.journal)


if __name__ == "__main__":
    main()
