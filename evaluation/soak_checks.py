"""Checks after the three months of `make soak`, on the ledger, the marts, the pages and the script's log."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from evaluation.soak_clocks import FAR, dues_of, misses, people, written
from evaluation.soak_script import FIRST_DAY, HOUR, SLEEPS_FOR, TWO_CASES, Place
from keepwell.playbook.alerts.ledger_events import BOOK, Alert, LedgerEvent, fold
from keepwell.playbook.next_actions.life import ActionEvent
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.ledger.store import Ledger

PROMPT = timedelta(minutes=15)
"""A message that leaves later than its deadlines assume moves them."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Clocks:
    """Deadlines that were missed, those of them that the next sweep recorded, and records of others."""

    missed: int
    recorded: int
    wrong: int


@dataclass(frozen=True)
class Churner:
    """The page of an account that churned in the three months."""

    account_id: str
    summary: str
    flagged: bool
    complete: bool


@dataclass(frozen=True)
class Actions:
    """Next actions: overdue on their first day; overdue at all, with one escalation on the first such day; two at once.

    An action and what replaced it with its due date count as one.
    """

    at_once: int
    overdue: int
    escalated: int
    two: int


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


def two_cases(place: Place) -> int:
    """How often an account had two open cases, or an alert without one: in a day's mart, in the list of an hour."""
    lines = [json.loads(line) for line in place.acts.read_text().splitlines()]
    found = len({(line["account"], line["at"]) for line in lines if line["act"] == TWO_CASES})
    for day in dates(place.out / "marts", "cases"):
        cases = read(place.out / "marts", "cases", day, ["account_id", "closed_at"])
        alerts = read(place.out / "marts", "alerts", day, ["account_id", "case_id", "closed_at", "held_by"])
        live = alerts[alerts["closed_at"].isna() & alerts["held_by"].isna() & (alerts["account_id"] != BOOK)]
        found += int(cases.loc[cases["closed_at"].isna(), "account_id"].duplicated().sum())
        pairs = live[["account_id", "case_id"]].drop_duplicates()
        found += int(pairs["account_id"].duplicated().sum()) + int(live["case_id"].isna().sum())
    return found


def messages_twice(url: str) -> int:
    """Duplicate messages to the same recipient, and alerts and actions announced at more than one instant.

    Two lists for the e-mail tool may read alike, weeks apart: each is about an action of its own.
    """
    messages = rows_of(url)["ledger_messages"]
    texts = {(m["channel"], m["title"], str(m["body"]).rpartition("Message ")[0], m["about"]) for m in messages}
    same = len(messages) - len(texts)
    at: dict[str, set[object]] = defaultdict(set)
    for message in messages:
        for one in str(message["about"]).split():
            at[one].add(message["at"])
    return same + sum(len(instants) > 1 for instants in at.values())


def unannounced(history: Sequence[LedgerEvent], url: str) -> int:
    """Alerts that opened, and are in no message."""
    about = {one for message in rows_of(url)["ledger_messages"] for one in str(message["about"]).split()}
    return len({e.alert_id for e in history if "notified_at" in e.payload} - about)


def clocks(history: Sequence[LedgerEvent], log: Path, last: datetime) -> Clocks:
    """The deadlines of every case against what was recorded of them: account, step, due, and the hour of the sweep."""
    expected = Counter(misses(history, log, last))
    recorded = Counter(
        (e.account_id, str(e.payload["step"]), datetime.fromisoformat(e.payload["due_at"]), e.as_of)
        for e in history if e.kind == "breached"
    )  # fmt: skip
    return Clocks(expected.total(), (expected & recorded).total(), (recorded - expected).total())


def moved_wrongly(history: Sequence[LedgerEvent], url: str, log: Path) -> int:
    """Alerts whose first message left late, and their deadlines did not move by as much; or moved without that."""
    rows, closed = rows_of(url), {e.alert_id: written(e) for e in history if e.kind == "closed"}
    left = {m["key"]: datetime.fromisoformat(str(m["tried_at"])) for m in rows["ledger_deliveries"] if m["delivered"]}
    sent: dict[str, datetime] = {}
    for message in rows["ledger_messages"]:
        for one in str(message["about"]).split() if message["key"] in left else ():
            sent[one] = min(left[message["key"]], sent.get(one, FAR))
    naps, expected = [change for change in people(history, log) if change.kind == "snoozed"], {}
    for event in (e for e in history if "notified_at" in e.payload and e.alert_id in sent):
        begins, moved = datetime.fromisoformat(event.payload["notified_at"]), sent[event.alert_id] + HOUR
        if sent[event.alert_id] - begins > PROMPT and closed.get(event.alert_id, FAR) > moved:
            wakes = [n.at + SLEEPS_FOR for n in naps if n.alert_id == event.alert_id and n.at < moved]
            start = max([sent[event.alert_id], *wakes])
            expected[event.alert_id] = moved, {s: d + (start - begins) for s, d in dues_of(event).items()}
    found = {e.alert_id: (e.as_of, dues_of(e)) for e in history if e.kind == "notified"}
    return sum(expected.get(one) != found.get(one) for one in expected.keys() | found.keys())


def next_actions(events: Sequence[ActionEvent], marts: Path, last: datetime) -> Actions:
    """Every action from the day on which it was first recommended to its end."""
    begun: dict[str, ActionEvent] = {}
    ended: dict[str, datetime] = {}
    late: dict[str, list[datetime]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.as_of):
        if event.kind == "recommended":
            begun.setdefault(event.action_id, event)
        elif event.kind in ("done", "replaced", "closed"):
            ended.setdefault(event.action_id, event.as_of)
    counts: dict[str, list[str]] = defaultdict(list)
    for action_id in begun:
        counts[_first_of(action_id, begun)].append(action_id)
    for event in (e for e in events if e.kind == "overdue"):
        late[_first_of(event.action_id, begun)].append(event.as_of)
    at_once = overdue = escalated = 0
    for first, own in counts.items():
        since, due = begun[first].as_of, datetime.fromisoformat(begun[first].payload["due_on"])
        days = [since + n * DAY for n in range((last - since) // DAY)]
        live = [d for d in days if any(begun[one].as_of <= d < ended.get(one, FAR) for one in own)]
        past = [d for d in live if due < d]
        at_once += due < since or since in late[first] or "overdue_on" in begun[first].payload
        overdue += bool(past or late[first])
        escalated += bool(past) and late[first] == past[:1]
    two = 0
    by_account = sorted(begun.values(), key=lambda e: (e.account_id, e.as_of))
    for one, after in pairwise(by_account):
        two += one.account_id == after.account_id and ended.get(one.action_id, FAR) > after.as_of
    for day in dates(marts, "next_actions"):
        rows = read(marts, "next_actions", day)
        new = rows["recommended_on"].astype(str) == str(day)
        at_once += int((new & ((rows["state"] == "overdue") | (rows["due_on"].astype(str) < str(day)))).sum())
        two += int(rows.loc[rows["state"].isin(["open", "overdue"]), "account_id"].duplicated().sum())
    return Actions(at_once, overdue, escalated, two)


def _first_of(action_id: str, begun: Mapping[str, ActionEvent]) -> str:
    """The first action of a row of replacements with one due date."""
    said = begun[action_id].payload
    before = begun.get(said.get("replaces", ""))
    return _first_of(before.action_id, begun) if before and before.payload["due_on"] == said["due_on"] else action_id


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


def events_of(place: Place) -> tuple[list[LedgerEvent], list[ActionEvent]]:
    """The events of alerts, and those of next actions, of a place's ledger."""
    ledger = Ledger.open(f"sqlite:///{place.out / 'ledger.db'}")
    try:
        return ledger.history(), ledger.actions()
    finally:
        ledger.close()
