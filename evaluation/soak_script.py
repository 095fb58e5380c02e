"""The script of the three months of `make soak`: every flow at its hour, and each CSM's response to each alert.

`python -m evaluation.soak_script FOLDER LAST_DAY` runs on from the last hour that was completed, so that it may be
killed at any moment. Each command is the one that a user types.
"""

import json
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from keepwell.playbook.alerts.ledger_events import DATA_RULE, RUN_RULE, STATES, STEPS
from tests.support.running import keepwell

FIRST_DAY = date(2026, 4, 1)
HOUR = timedelta(hours=1)
DAILY_AT, WEEK_AT, WEEKLY_AT, PEOPLE_AT = 5, 6, 7, timedelta(minutes=30)
WEEK_STARTS = (1, 8, 15, 22)
MONDAY = 0
WORK_WEEK = 15

HABITS: Mapping[str, Mapping[str, float]] = {
    "prompt": {"ack": 0.5, "assess": 3, "plan": 20, "contact": 40, "follow-up": 70},
    "late": {"ack": 3, "assess": 9, "plan": 30, "contact": 60, "follow-up": 100},
    "stops": {"ack": 1, "assess": 3},
    "never": {},
    "sleeps": {"ack": 1, "plan": 60, "contact": 80},
    "closes": {"ack": 1, "assess": 3, "plan": 10},
    "data": {"ack": 1, "assess": 3},
}
"""Hours after an alert opened at which each step is taken, by the CSM's habit with it."""
SHARES = ("prompt",) * 8 + ("late",) * 5 + ("stops",) * 3 + ("never",) * 2 + ("sleeps", "closes")
SLEEPS_AT, SLEEPS_FOR, CLOSES_AT, RELEASES_AT = 4, timedelta(days=2), 30, 20
DATA_RULES = (DATA_RULE, RUN_RULE)


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


def hours(last_day: date) -> list[datetime]:
    """Every hour from the first midnight to that after the last day."""
    first = datetime.combine(FIRST_DAY, datetime.min.time())
    return [first + n * HOUR for n in range(24 * ((last_day - FIRST_DAY).days + 1) + 1)]


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
    place.keepwell("sweep", "--now", hour.isoformat())
    now = hour + PEOPLE_AT
    for alert in json.loads(place.keepwell("alerts", "list", "--now", now.isoformat())):
        for act in acts_of(alert, now):
            place.keepwell(*act)
            with place.acts.open("a") as log:
                log.write(json.dumps({"alert": alert["alert"], "act": act[1], "at": now.isoformat()}) + "\n")


def acts_of(alert: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, ...]]:
    """The steps that the alert's owner takes in this hour, none of them twice."""
    of_data = alert["rule"] in DATA_RULES
    habit = "data" if of_data else habit_of(alert["alert"])
    waited = (now - datetime.fromisoformat(alert["opened"])) / HOUR
    about = (alert["alert"], "--by", alert["owner"], "--now", now.isoformat())
    if alert["state"] not in STATES:
        return
    due = [step for step, after in HABITS[habit].items() if after <= waited]
    if due and STEPS.index(due[-1].replace("-", "_")) >= STATES.index(alert["state"]):
        yield ("alerts", due[-1], *about, "--note", f"{habit} CSM")
        if due[-1] == "contact":
            call = ("--outcome", "reached", "--note", habit, "--no-alerts")
            yield ("work", "call", alert["account"], *about[1:], *call)
            yield ("work", "start", alert["account"], *about[1:], "--kind", "training", "--id", f"V-{alert['alert']}")
        if due[-1] == "follow-up":
            yield ("work", "end", f"V-{alert['alert']}", *about[1:], "--result", "worked")
    if alert["rule"] == DATA_RULE and waited >= RELEASES_AT:
        yield ("alerts", "release", *about, "--reason", "it is real")
    if habit == "sleeps" and SLEEPS_AT <= waited < SLEEPS_AT + 1:
        until = (now + SLEEPS_FOR).isoformat()
        yield ("alerts", "snooze", *about, "--reason", "they are migrating", "--until", until)
    if habit == "closes" and waited >= CLOSES_AT:
        yield ("alerts", "close", *about, "--reason", "known, and agreed with them")


def habit_of(alert: str) -> str:
    """A CSM's habit with an alert follows from the alert."""
    return SHARES[zlib.crc32(alert.encode()) % len(SHARES)]


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
