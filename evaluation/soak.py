"""`make soak`: three months hour by hour, once undisturbed and once killed at fifty random moments.

Writes docs/reference/results/soak.md (ALR-2, ALR-3, MON-5, TRU-1). Nothing is typed in.
"""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic

import numpy as np

from evaluation.soak_checks import (
    churners,
    clocks,
    events_of,
    messages_twice,
    moved_wrongly,
    next_actions,
    rows_of,
    twice,
    two_cases,
    unannounced,
)
from evaluation.soak_script import FIRST_DAY, Place, hours, sweeps
from keepwell.sample.write import write_company
from tests.support.bounds import Bound, table
from tests.support.running import ROOT, bytes_of

PAGE = ROOT / "docs" / "reference" / "results" / "soak.md"
ACCOUNTS, MONTHS, SEED = 150, 18, 11
LAST_DAY = date(2026, 6, 30)
KILLS = 50
KILL_SEED = 1
FIRST_PACE = 1.0
"""Seconds of an hour of the script, before any is done."""
FREE = (-np.inf, np.inf)


@dataclass(frozen=True)
class Killed:
    """How often a run was killed, and the hours of the three months in which that happened."""

    times: int
    at: tuple[int, ...]


def undisturbed(place: Place, last_day: date) -> None:
    """Run the three months through."""
    child = _child(place, last_day)
    _, errors = child.communicate()
    assert child.returncode == 0, errors


def disturbed(place: Place, last_day: date, kills: int) -> Killed:
    """Kill -9 after a random wait and run on, `kills` times; then run to the end.

    Each wait is that for the first of the kills that are left, were they spread evenly over the time that is left at
    the pace so far.
    """
    rng, at, begun, every = np.random.default_rng(KILL_SEED), list[int](), monotonic(), len(hours(last_day))
    while True:
        child = _child(place, last_day)
        assert child.stdout is not None
        child.stdout.readline()
        done = place.hours_done
        pace = (monotonic() - begun) / done if done else FIRST_PACE
        open_ = kills - len(at)
        wait = pace * (every - done) * (1.0 - rng.random() ** (1.0 / open_)) if open_ else None
        try:
            _, errors = child.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            at.append(place.hours_done)
            print(f"kill {len(at)} of {kills}, in hour {at[-1]} of {every}", file=sys.stderr, flush=True)
            continue
        assert child.returncode == 0, errors
        return Killed(len(at), tuple(at))


def _child(place: Place, last_day: date) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "evaluation.soak_script", str(place.folder), str(last_day)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def life(place: Place, last: datetime) -> list[Bound]:
    """The checks on the undisturbed three months, and counts of their events."""
    url, marts = f"sqlite:///{place.out / 'ledger.db'}", place.out / "marts"
    history, of_actions = events_of(place)
    ran, left, actions = clocks(history, place.acts, last), churners(place, last), next_actions(of_actions, marts, last)
    moved = moved_wrongly(history, url, place.acts)
    kinds = {
        kind: sum(e.kind == kind for e in history) for kind in ("opened", "done", "breached", "notified", "closed")
    }
    joined = {how: sum(e.payload.get("joins") == how for e in history) for how in ("louder", "quieter")}
    return [
        *(Bound(f"alerts' events of kind {kind}", *FREE, count, 0) for kind, count in kinds.items()),
        *(Bound(f"alerts that joined a case {how}", *FREE, count, 0) for how, count in joined.items()),
        *(Bound(f"duplicate alerts: {name}", 0, 0, count, 0) for name, count in twice(history, marts).items()),
        Bound("accounts with two open cases at a time", 0, 0, two_cases(place), 0),
        Bound("messages sent twice", 0, 0, messages_twice(url), 0),
        Bound("alerts in no message", 0, 0, unannounced(history, url), 0),
        Bound("deadlines of cases missed", 1, np.inf, ran.missed, 0),
        Bound("of them not recorded at the next sweep", 0, 0, ran.missed - ran.recorded, 0),
        Bound("recorded that were not missed", 0, 0, ran.wrong, 0),
        Bound("alerts delivered late whose deadlines did not move by that", 0, 0, moved, 0),
        Bound("churners of the three months", 1, np.inf, len(left), 0),
        Bound("of them flagged before the loss or after", *FREE, sum(c.flagged for c in left), 0),
        Bound("of them without their whole course on their page", 0, 0, sum(not c.complete for c in left), 0),
        Bound("next actions recommended", *FREE, sum(e.kind == "recommended" for e in of_actions), 0),
        Bound("of them done", *FREE, sum(e.kind == "done" for e in of_actions), 0),
        Bound("of them overdue on their first day", 0, 0, actions.at_once, 0),
        Bound("of them overdue", 1, np.inf, actions.overdue, 0),
        Bound("of these without one escalation, on the first such day", 0, 0, actions.overdue - actions.escalated, 0),
        Bound("accounts with two open actions at a time", 0, 0, actions.two, 0),
    ]  # fmt: skip


def same(one: Place, other: Place) -> list[Bound]:
    """The differences between the ledgers and the marts of two runs."""
    ledgers = [rows_of(f"sqlite:///{place.out / 'ledger.db'}") for place in (one, other)]
    rows = sum(len(found) for found in ledgers[0].values())
    differ = [name for name in ledgers[0] if ledgers[0][name] != ledgers[1].get(name)]
    marts = [bytes_of(place.out) for place in (one, other)]
    files = {name for name in marts[0].keys() | marts[1].keys() if marts[0].get(name) != marts[1].get(name)}
    sent = [{p.name: p.read_bytes() for p in (place.out / "messages").glob("*")} for place in (one, other)]
    return [
        Bound("rows of the ledger", *FREE, rows, 0),
        Bound("tables of the ledger that differ", 0, 0, len(differ), 0),
        Bound("files of the marts", *FREE, len(marts[0]), 0),
        Bound("files of the marts that differ", 0, 0, len(files), 0),
        Bound("messages", *FREE, len(sent[0]), 0),
        Bound("messages that differ or are there once only", 0, 0, len(set(sent[0].items()) ^ set(sent[1].items())), 0),
    ]  # fmt: skip


def page(folder: Path, last_day: date, kills: int) -> str:
    """The page, in Markdown."""
    quiet, struck = Place(folder / "quiet"), Place(folder / "struck")
    for place in (quiet, struck):
        write_company(ACCOUNTS, MONTHS, SEED, place.folder / "company")
    with ThreadPoolExecutor() as both:
        through = both.submit(undisturbed, quiet, last_day)
        killed = both.submit(disturbed, struck, last_day, kills).result()
        through.result()
    last = hours(last_day)[-1]
    days = (last_day - FIRST_DAY) / timedelta(days=1) + 1
    what = (
        f"The sample company ({ACCOUNTS} accounts, {MONTHS} months, seed {SEED}) from {FIRST_DAY} to {last_day}, "
        f"health alone: {sum(map(sweeps, hours(last_day)))} sweeps, one an hour but for outages of three hours, "
        f"{days:.0f} days, the weeks of three months and a review every Monday, each by its command and in order. Half "
        "an hour later CSMs look at the open cases: most answer in time, some late, some stop half-way or never "
        "answer, some snooze a case, close it or one of its alerts; once a day some call about next actions "
        "(evaluation/soak_script.py)."
    )
    struck_at = (
        f"The same, by kill -9 after a random wait and restarted, {killed.times} times, in hours "
        f"{', '.join(map(str, killed.at))} of {len(hours(last_day))}."
    )
    return "\n".join(
        [
            *("# Three months, hour by hour", "", "Written by `make soak`; edit the code instead.", "", what, ""),
            *(*table(life(quiet, last)), ""),
            *("## Killed and restarted", "", struck_at, ""),
            *table([Bound("kills", kills, np.inf, killed.times, 0), *same(quiet, struck)]),
            "",
        ]
    )


def main() -> None:
    """Run, kill, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--last-day", type=date.fromisoformat, default=LAST_DAY)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--to", type=Path, default=PAGE)
    parser.add_argument("--keep", type=Path, help="where what the runs wrote stays; else it goes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(arguments.keep or Path(folder), arguments.last_day, arguments.kills)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
