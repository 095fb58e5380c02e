"""Checks after the three months of `make soak`, on the ledger, the marts, the pages and the script's log.

Deadlines are computed independently: from each alert's opening, the script's own log of people's actions, and the hours
at which sweeps ran; the product's own record of what was late is not used.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from evaluation.soak_script import DAILY_AT, FIRST_DAY, HOUR, STEPS, Place
from keepwell.playbook.alerts.ledger_events import BOOK, PIPELINE, RUN_RULE, Alert, LedgerEvent, fold
from keepwell.playbook.alerts.rules import RULES
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.ledger.store import Ledger

FULFILS = {"plan": ("ack", "assess", "plan"), "contact": STEPS[:4], "follow-up": STEPS, "assess": ("ack", "assess")}
"""Steps that a later one fulfills, by command; the review too where the rule notifies only the CSM."""


BY_SWEEP = ("payment_failure", "billing_dispute", "urgent_ticket", RUN_RULE)


@dataclass(frozen=True)
class Clocks:
    """Clocks that ran out, those of them that the next sweep recorded, and records of clocks that had not run out."""

    ran_out: int
    recorded: int
    wrong: int


@dataclass(frozen=True)
class Churner:
    """The page of an account that churned in the three months."""

    account_id: str
    summary: str
    flagged: bool
    complete: bool


def twice(history: Sequence[LedgerEvent], marts: Path) -> dict[str, int]:
    """Alerts of one cause whose lives overlap, alerts twice in a day's mart, events of one subject opened twice."""
    lives: dict[tuple[str, str, str | None], list[Alert]] = defaultdict(list)
    for alert in fold(history, history[-1].as_of).values():
        lives[alert.cause].append(alert)
    ordered = [sorted(same, key=lambda a: a.opened_at) for same in lives.values()]
    overlap = sum(
        a.closed_at is None or a.closed_at > b.opened_at for same in ordered for a, b in pairwise(same)
    )  # fmt: skip
    again = sum(len(same) - 1 for same in ordered if same[0].subject is not None and same[0].account_id != BOOK)
    ids = [read(marts, "alerts", day, ["alert_id"])["alert_id"] for day in dates(marts, "alerts")]
    return {"overlapping": overlap, "same event": again, "in one mart": sum(int(i.duplicated().sum()) for i in ids)}


def messages_twice(url: str) -> int:
    """Duplicate messages to the same recipient."""
    messages = rows_of(url)["ledger_messages"]
    return len(messages) - len({(m["channel"], m["title"], m["body"]) for m in messages})


def clocks(history: Sequence[LedgerEvent], acts: Path, last: datetime) -> Clocks:
    """Every clock of every alert against what was recorded of it."""
    done, sleeps = _acts(acts)
    closed = {e.alert_id: e.as_of for e in history if e.kind == "closed"}
    recorded = {(e.alert_id, e.payload["step"]): e.as_of for e in history if e.kind == "breached"}
    expected: dict[tuple[str, str], datetime] = {}
    possible: set[tuple[str, str]] = set()
    for opened in (e for e in history if e.kind in ("opened", "released") and e.payload.get("due")):
        short, ends = opened.alert_id[:8], closed.get(opened.alert_id, last)
        for step, due in _dues(opened, sleeps.get(short)):
            alone = step == "review" and RULES[opened.rule].recipients == ("csm",)
            at = done.get((short, "assess" if alone else step))
            if at is not None and at <= due:
                continue
            sweep = _sweep_after(max(due, _written(opened)))
            if due <= ends and sweep <= last:
                expected[opened.alert_id, step] = sweep
            elif due <= ends + DAILY_AT * HOUR:
                # A day's run closes as of midnight, hours after sweeps that saw the alert live.
                possible.add((opened.alert_id, step))
    found = sum(recorded.get(key) == sweep for key, sweep in expected.items())
    return Clocks(len(expected), found, len(recorded.keys() - expected.keys() - possible))


def churners(place: Place, last_day: datetime) -> list[Churner]:
    """Every account whose churn was known within the three months, as `keepwell account` reports it."""
    truth = pd.read_parquet(place.folder / "company" / "truth" / "churn.parquet")
    showed = pd.to_datetime(truth["churned_on"])
    left = truth[(showed > pd.Timestamp(FIRST_DAY)) & (showed < last_day)]
    book = set(read(place.out / "marts", "health_scores", FIRST_DAY, ["account_id"])["account_id"])
    found = []
    for account in sorted(set(left["account_id"]) & book):
        page = json.loads(place.keepwell("account", account, "--as-of", last_day.isoformat()))
        opened = [line for line in page["lines"] if " opened: " in line["what"]]
        outcome = page["leaving"] or page["left"]
        complete = outcome is not None and bool(opened) == (page["flagged"] is not None)
        found.append(Churner(account, f"{page['flagged']} {page['leaving']} {page['left']}", bool(opened), complete))
    return found


def rows_of(url: str) -> dict[str, list[dict[str, object]]]:
    """Every row of every table of a ledger, in an order of their own, but for when it was written."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        found = {n: connection.execute(sa.text(f"SELECT * FROM {n}")).mappings().all() for n in names}
    engine.dispose()
    said = {n: [{k: v for k, v in row.items() if k != "written_at"} for row in rows] for n, rows in found.items()}
    return {name: sorted(rows, key=repr) for name, rows in said.items()}


def history_of(place: Place) -> list[LedgerEvent]:
    """The events of a place's ledger."""
    ledger = Ledger.open(f"sqlite:///{place.out / 'ledger.db'}")
    try:
        return ledger.history()
    finally:
        ledger.close()


def _acts(log: Path) -> tuple[dict[tuple[str, str], datetime], dict[str, tuple[datetime, datetime]]]:
    """By alert and step, when people first took it; by alert, from when until when it slept."""
    done: dict[tuple[str, str], datetime] = {}
    sleeps = {}
    for line in log.read_text().splitlines():
        act = json.loads(line)
        at = datetime.fromisoformat(act["at"])
        if act["act"] == "snooze":
            sleeps[act["alert"]] = (at, datetime.fromisoformat(act["until"]))
        for step in FULFILS.get(act["act"], (act["act"].replace("-", "_"),)):
            done.setdefault((act["alert"], step), at)
    return done, sleeps


def _dues(opened: LedgerEvent, slept: tuple[datetime, datetime] | None) -> Iterator[tuple[str, datetime]]:
    """Each clock of an alert; those that had not run out when it fell asleep run on after it."""
    for step, text in opened.payload["due"].items():
        due = datetime.fromisoformat(text)
        yield step, due + (slept[1] - slept[0]) if slept and due > slept[0] else due


def _written(opened: LedgerEvent) -> datetime:
    """When an opening was written: by a sweep or a person at once, by the day's run hours after midnight."""
    at_once = opened.rule in BY_SWEEP or opened.by != PIPELINE
    return opened.as_of + (timedelta(0) if at_once else DAILY_AT * HOUR)


def _sweep_after(at: datetime) -> datetime:
    """The first sweep at an instant or after it."""
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + HOUR
