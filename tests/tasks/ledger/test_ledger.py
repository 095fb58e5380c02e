"""The append-only ledger, on SQLite and on PostgreSQL."""

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from keepwell.playbook.alerts.channels import Message
from keepwell.playbook.alerts.ledger_events import (
    DEFAULT_COMPANY,
    PIPELINE,
    LedgerEvent,
    company_hash,
    event_id,
    short_hash,
)
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Condition, Observations
from keepwell.playbook.alerts.runs import Runs, days_to_run
from keepwell.playbook.crm.diff import CrmEvent
from keepwell.playbook.interventions.records import WorkEvent, work_event
from keepwell.playbook.next_actions.life import action_event
from keepwell.playbook.review.sprint import ReviewEvent
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.migrate import MIGRATIONS, revision_of, revisions
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.ledger.tables import EVENTS, METADATA, RUNS
from keepwell.tasks.ledger.withdrawals import Answered
from keepwell.tasks.marts.schemas.all import MARTS
from tests.support.running import ROOT

DAY = timedelta(days=1)
MONDAY = datetime.fromisoformat("2024-03-04")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty ledger: a file not there yet, or a schema of its own on the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/out/ledger.db"
        return
    address = request.getfixturevalue("postgres_url")
    schema = f"keepwell_{uuid.uuid4().hex}"
    server = sa.create_engine(sa.make_url(address).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
        own = sa.make_url(address).update_query_dict({"options": f"-csearch_path={schema}"})
        yield own.render_as_string(hide_password=False)
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    server.dispose()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()


def event(alert_id: str, kind: str = "opened", as_of: datetime = MONDAY) -> LedgerEvent:
    payload = {"detail": "no usage for 14 days", "recipients": ["csm"], "episode": 1, "digest_id": None}
    identity = event_id(alert_id, kind, as_of, PIPELINE)
    return LedgerEvent(identity, alert_id, "acme", kind, "no_usage", None, as_of, as_of, PIPELINE, payload)


def test_what_was_recorded_is_read_back_in_order(ledger: Ledger) -> None:
    """Every field as it was, to the microsecond; cut at an instant, that instant included (ALR-5)."""
    exact = MONDAY + DAY + timedelta(microseconds=1)
    first = replace(event("a"), subject='T-1 "quoted" ü', at=MONDAY - DAY, by="ann")
    second = event("a", "cause_gone", exact)
    ledger.record("daily_alerts", exact, [second])
    ledger.record("sweep", MONDAY, [first])

    assert ledger.history() == [first, second]
    assert ledger.history(exact) == [first, second]
    assert ledger.history(exact - timedelta(microseconds=1)) == [first]
    assert ledger.history(MONDAY - DAY) == []


def test_each_flow_has_its_first_and_its_newest_run(ledger: Ledger) -> None:
    """Days without an event count as run; another flow's runs do not (ALR-3)."""
    assert ledger.last_run("daily_alerts") is None
    assert ledger.runs("daily_alerts") == Runs(None, None)

    for day in (1, 0, 2):
        ledger.record("daily_alerts", MONDAY + day * DAY, [])
    ledger.record("sweep", MONDAY + 9 * DAY, [])

    assert ledger.last_run("daily_alerts") == MONDAY + 2 * DAY
    assert ledger.runs("daily_alerts") == Runs(MONDAY, MONDAY + 2 * DAY)


def test_recording_a_day_again_changes_nothing(ledger: Ledger) -> None:
    """The number says how many were new; an event that is there keeps its first payload (ALR-3, TRU-1)."""
    assert len(ledger.record("daily_alerts", MONDAY, [event("a"), event("b")])) == 2
    changed = replace(event("a"), payload={"detail": "otherwise"})
    assert len(ledger.record("daily_alerts", MONDAY, [changed, event("b"), event("c")])) == 1

    assert sorted(e.alert_id for e in ledger.history()) == ["a", "b", "c"]
    assert event("a") in ledger.history()


def test_a_failing_insert_leaves_nothing_of_the_day(ledger: Ledger) -> None:
    """One bad event among good ones: no event, no marker, and the day can be run again (TRU-1)."""
    broken = replace(event("z"), account_id=None)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.record("daily_alerts", MONDAY, [event("a"), broken])

    assert ledger.history() == []
    assert ledger.last_run("daily_alerts") is None
    assert len(ledger.record("daily_alerts", MONDAY, [event("a")])) == 1


KILLED_BEFORE_THE_MARKER = """
import os, signal, sys
import sqlalchemy as sa
from keepwell.tasks.ledger.store import Ledger
from tests.tasks.ledger.test_ledger import MONDAY, event

@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def _(connection, cursor, statement, *rest):
    if statement.startswith("INSERT INTO ledger_runs"):
        os.kill(os.getpid(), signal.SIGKILL)

Ledger.open(sys.argv[1]).record("daily_alerts", MONDAY, [event(f"a{i}") for i in range(2000)])
"""


def test_a_kill_between_events_and_marker_leaves_nothing_of_the_day(url: str, ledger: Ledger) -> None:
    """SIGKILL after the events went to the database, before their run was marked (TRU-1)."""
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_MARKER, url], cwd=ROOT, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert ledger.history() == []
    assert len(ledger.record("daily_alerts", MONDAY, [event("a0")])) == 1


RECORDED_AT_A_SIGNAL = """
import sys
import time
from keepwell.tasks.ledger.store import Ledger
from tests.tasks.ledger.test_ledger import MONDAY, event

print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger.open(sys.argv[1])
print(sum(len(ledger.record("daily_alerts", MONDAY, [event(f"a{day}-{i}") for i in range(40)])) for day in range(5)))
"""


@pytest.mark.slow
def test_two_processes_that_record_the_same_day_at_once_leave_one_copy(url: str) -> None:
    """Both create the tables and insert the same events at the same moment; together they add each once (TRU-2)."""
    command = [sys.executable, "-c", RECORDED_AT_A_SIGNAL, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], results
    assert sum(int(out) for out, _ in results) == 200
    ledger = Ledger.open(url)
    assert len(ledger.history()) == 200
    ledger.close()


OPENED_AT_THE_SAME_TIME = """
import sys, time
from keepwell.tasks.ledger.store import Ledger

print("ready", flush=True)
start = float(sys.stdin.readline())
for number in range(50):
    while time.time() < start + 0.08 * number:
        pass
    Ledger.open(f"sqlite:///{sys.argv[1]}/{number}.db").close()
"""


@pytest.mark.slow
def test_two_first_runs_that_open_the_ledger_at_once_both_get_it(tmp_path: Path) -> None:
    """SQLite refuses a second creator on the spot, whatever its timeout: so it has to be asked again (TRU-2)."""
    command = [sys.executable, "-c", OPENED_AT_THE_SAME_TIME, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    start = time.time() + 0.2
    for process in both:
        process.stdin.write(f"{start}\n")
        process.stdin.flush()
    results = [process.communicate(timeout=120) for process in both]

    assert [process.returncode for process in both] == [0, 0], results


def test_a_flow_that_missed_days_makes_them_up_and_a_rerun_adds_nothing(ledger: Ledger) -> None:
    """Run on day 0, then on day 9: what happened in between is written as of its own day, once (ALR-3)."""
    settings = AlertSettings()

    def run(as_of: datetime) -> int:
        last = ledger.last_run("daily_alerts")
        added = 0
        for day in days_to_run(last.date() if last else None, as_of.date(), settings).days:
            at = datetime.combine(day, datetime.min.time())
            seen = Observations([Condition("acme", "no_usage", at == MONDAY, "no usage for 14 days")])
            runs, book = ledger.runs("daily_alerts"), {"acme": "ann"}
            found = new_events(ledger.history(at), seen, at, book, settings, OwnerSettings(), runs)
            added += len(ledger.record("daily_alerts", at, found))
        return added

    assert [run(MONDAY), run(MONDAY + 9 * DAY), run(MONDAY + 9 * DAY), run(MONDAY + 3 * DAY)] == [1, 2, 0, 0]
    assert [(e.kind, (e.as_of - MONDAY).days) for e in ledger.history()] == [
        ("opened", 0),
        ("cause_gone", 1),
        ("closed", 8),
    ]


def test_reviewers_at_once_lose_nothing(ledger: Ledger, url: str) -> None:
    """What a step of a review rests on is read and written under one lock: no two steps take one number (REV-1)."""
    other = Ledger.open(url)

    def steps(place: Ledger, by: str) -> None:
        for _ in range(20):
            place.review(lambda held: [ReviewEvent("r", len(held) + 1, "a", "answered", MONDAY, by, {"chance": 0.5})])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(steps, (ledger, other), ("ann", "bob")))
    read = other.reviews()
    other.close()

    assert [e.number for e in read] == list(range(1, 41))
    assert sum(e.by == "ann" for e in read) == 20
    assert read[0].payload == {"chance": 0.5}


def call(account: str, note: str = "", as_of: datetime = MONDAY) -> WorkEvent:
    return work_event("called", account, None, as_of, MONDAY, "ann", {"outcome": "reached", "note": note})


def test_work_that_was_recorded_is_read_back_in_order_and_once(ledger: Ledger) -> None:
    """Every field as it was, cut at the instant of writing; the same thing written a day later adds nothing (MON-3)."""
    late = call("acme", 'promised "a fix" ü', MONDAY + DAY)

    assert ledger.record_work([late, call("bolt")]) == [late, call("bolt")]
    assert ledger.record_work([call("bolt", as_of=MONDAY + 2 * DAY), call("core")]) == [call("core")]
    assert ledger.record_work([]) == []
    assert ledger.work() == [*sorted([call("bolt"), call("core")], key=lambda e: e.event_id), late]
    assert len(ledger.work(MONDAY + DAY)) == 3
    assert len(ledger.work(MONDAY + DAY - timedelta(microseconds=1))) == 2


def test_a_bad_line_of_work_leaves_none_of_its_file(ledger: Ledger) -> None:
    """All or nothing (MON-3, TRU-1)."""
    with pytest.raises(sa.exc.IntegrityError):
        ledger.record_work([call("acme"), replace(call("bolt"), account_id=None)])

    assert ledger.work() == []


def test_people_who_record_at_once_lose_nothing(ledger: Ledger, url: str) -> None:
    """Two writers, some lines the same: each line is there once (ALR-5)."""
    other = Ledger.open(url)

    def record(place: Ledger, own: str) -> int:
        return sum(len(place.record_work([call(f"a{i}"), call(f"{own}{i}")])) for i in range(20))

    with ThreadPoolExecutor(2) as pool:
        added = list(pool.map(record, (ledger, other), ("b", "c")))
    other.close()

    assert sum(added) == len(ledger.work()) == 60


def test_a_crms_outbox_gives_the_newest_line_of_each_kind(ledger: Ledger) -> None:
    """Each CRM's own, every field as it was, in the order in which they were written (MON-6, ALR-5)."""
    wanted = CrmEvent("hubspot", "account:a", "wanted", "a", "h1", MONDAY, payload={"summary": 'T-1 "quoted" ü'})
    failed = CrmEvent("hubspot", "account:a", "failed", "a", "h1", MONDAY, error="503")
    done = CrmEvent("hubspot", "account:a", "delivered", "a", "h1", MONDAY + DAY, crm_id="7")
    other = replace(wanted, place="salesforce")
    again, later = replace(failed, error="429"), replace(wanted, hash="h2", at=MONDAY + DAY)
    ledger.record_crm([wanted, failed])
    ledger.record_crm([other])
    ledger.record_crm([again, done, later, replace(wanted, key="account:b")])
    ledger.record_crm([])

    assert ledger.crm("hubspot") == [again, done, later, replace(wanted, key="account:b")]
    assert ledger.crm("salesforce") == [other]


def test_the_steps_make_the_tables_that_the_code_writes(ledger: Ledger) -> None:
    """On either database; opening it again takes no step (ALR-5)."""
    with ledger._database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        made = [d for d in compare_metadata(context, METADATA) if d[0] not in {"remove_table", "remove_index"}]
        assert revision_of(connection) == revisions()[-1]

    assert made == []


def test_a_ledger_of_before_the_steps_keeps_its_events(url: str) -> None:
    """Its tables are there already: nothing is lost, and the newer tables come beside (ALR-5)."""
    at_step(url, "0001")
    with engine_of(url).begin() as connection:
        connection.exec_driver_sql("DROP TABLE ledger_version")
    inserted(url, "ledger_events", opened_row("a", MONDAY))
    again = Ledger.open(url)

    assert again.history() == [event("a")]
    assert again.waiting() == []
    again.close()


def test_a_ledger_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """An older program does not write into tables that it does not know (ALR-5)."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger.open(url)
    with ledger._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_version SET version_num = '9999'")
    ledger.close()

    with pytest.raises(ConfigError, match="is at step 9999"):
        Ledger.open(url)


def test_sqlite_is_ready_for_a_reader_beside_a_writer(tmp_path: Path) -> None:
    """Write-ahead log, foreign keys, and a reader that sees the last whole day while the next is written (ALR-5)."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    ledger.record("daily_alerts", MONDAY, [event("a")])
    with ledger._database.engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        connection.execute(sa.insert(RUNS), {"flow": "daily_alerts", "as_of": MONDAY + DAY})
        assert ledger.last_run("daily_alerts") == MONDAY
    assert ledger.last_run("daily_alerts") == MONDAY + DAY
    ledger.close()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ledger.db", "not an SQLAlchemy URL"),
        ("mysql://root:secret@localhost/keepwell", "SQLite or PostgreSQL"),
        ("sqlite:////proc/nowhere/ledger.db", "cannot write to the folder /proc/nowhere"),
    ],
)
def test_a_ledger_that_cannot_be_opened_says_where_and_keeps_the_password(url: str, word: str) -> None:
    """A ConfigError (exit 2) with the remedy, never the password (TRU-3, TRU-5)."""
    with pytest.raises(ConfigError, match=word) as failure:
        Ledger.open(url)
    assert "secret" not in str(failure.value)


def message(key: str, at: datetime = MONDAY) -> Message:
    return Message(key, "file", "a title", f"a body\n\nMessage {key}.", at)


def test_what_was_withdrawn_reads_as_never_written_and_can_be_written_again(ledger: Ledger) -> None:
    """Events, marker and unsent messages of the instant; all rows stay, and it works a second time (ALR-5)."""
    before = event("a", as_of=MONDAY - DAY)
    ledger.record("daily_alerts", MONDAY - DAY, [before])
    call = action_event("x", "acme", "recommended", MONDAY, PIPELINE, {})
    for _ in range(3):
        assert ledger.record("daily_alerts", MONDAY, [event("b")], [message("m")], [call]) == [event("b")]
        assert ledger.actions() == [call]
        assert ledger.record("daily_alerts", MONDAY, [event("b")], [message("m")]) == []
        assert ledger.history() == [before, event("b")]
        assert ledger.last_run("daily_alerts") == MONDAY
        assert [one.message for one in ledger.waiting()] == [message("m")]

        assert ledger.withdraw(MONDAY, MONDAY, "ann", "a slip") == Answered(
            events=1, runs=1, messages=1, work=0, actions=1
        )
        assert ledger.withdraw(MONDAY, MONDAY, "ann", "a slip") == Answered(0, 0, 0, 0, 0)
        assert ledger.history() == [before]
        assert ledger.actions() == []
        assert ledger.last_run("daily_alerts") == MONDAY - DAY
        assert ledger.waiting() == []
    assert len(ledger.decisions()) == 3
    with ledger._database.engine.connect() as connection:
        kept = [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in (EVENTS, RUNS)]
    assert kept == [4, 4]


def test_the_right_instant_may_say_what_a_withdrawn_one_said(ledger: Ledger) -> None:
    """A step is missed once: that a run of 2099 said so must not keep the right run from it (ALR-2)."""
    far = datetime.fromisoformat("2099-01-01")
    missed = replace(event("a", "breached", far), payload={"step": "ack"})
    right = replace(missed, as_of=MONDAY + DAY, at=MONDAY + DAY)
    ledger.record("sweep", MONDAY, [event("a")])
    ledger.record("sweep", far, [missed])
    assert ledger.record("sweep", MONDAY + DAY, [right]) == []

    ledger.withdraw(far, far, "ann", "a wrong clock")

    assert ledger.record("sweep", MONDAY + DAY, [right]) == [right]
    assert ledger.history() == [event("a"), right]
    assert ledger.runs("sweep") == Runs(MONDAY, MONDAY + DAY)


def test_messages_that_were_sent_stand_and_are_not_sent_again(ledger: Ledger) -> None:
    """What was withdrawn before anybody got it is sent once it is said again, under the same key (ALR-4)."""
    ledger.record("sweep", MONDAY, [event("a")], [message("sent"), message("held")])
    ledger.tried("sent", MONDAY, None)
    assert ledger.withdraw(MONDAY, MONDAY, "ann", "a slip").messages == 1
    ledger.record("sweep", MONDAY, [event("a")], [message("sent"), message("held")])

    assert [one.message.key for one in ledger.waiting()] == ["held"]
    ledger.tried("held", MONDAY, "503")
    ledger.tried("held", MONDAY + DAY, None)
    assert ledger.waiting() == []


def test_people_keep_what_they_recorded_unless_the_whole_day_is_withdrawn(ledger: Ledger) -> None:
    """Their step waits until the alert is opened again; an import is no duplicate of what was taken back (MON-5)."""
    acked = replace(event("a", "snoozed", MONDAY + timedelta(hours=1)), by="ann")
    ledger.record("daily_alerts", MONDAY, [event("a")])
    ledger.record("alerts", MONDAY + timedelta(hours=1), [acked])
    ledger.record_work([call("acme")])
    ledger.withdraw(MONDAY, MONDAY, "bob", "a slip")
    assert ledger.history() == []
    assert ledger.work() == [call("acme")]
    ledger.record("daily_alerts", MONDAY, [event("a")])
    assert ledger.history() == [event("a"), acked]

    ledger.withdraw(MONDAY, MONDAY + timedelta(hours=23), "bob", "all of it", people=True)
    assert ledger.history() == []
    assert ledger.work() == []
    assert ledger.record_work([call("acme")]) == [call("acme")]


def test_a_ledger_of_an_older_version_goes_on_and_a_far_run_is_healed(url: str) -> None:
    """Its rows are the default company's, without a time of writing; a marker of 2099 can be withdrawn (ALR-5)."""
    far = datetime.fromisoformat("2099-01-01")
    at_step(url, "0005")
    for day, alert in ((MONDAY, "a"), (far, "b")):
        inserted(url, "ledger_events", opened_row(alert, day))
        inserted(url, "ledger_runs", {"flow": "sweep", "as_of": day})

    old = Ledger.open(url)
    assert old.last_run("sweep") == far
    assert old.history() == [event("a"), event("b", as_of=far)]
    old.withdraw(far, far, "ann", "a wrong clock")

    assert old.last_run("sweep") == MONDAY
    assert old.history() == [event("a")]
    old.close()


def engine_of(url: str) -> sa.Engine:
    """A connection to the database of a ledger that goes around it."""
    address = sa.make_url(url)
    return sa.create_engine(address.set(drivername="postgresql+psycopg") if "postgres" in url else address)


def at_step(url: str, step: str) -> None:
    """An empty ledger as the version of a step made it."""
    (Path(sa.make_url(url).database or "").parent if "sqlite" in url else Path()).mkdir(exist_ok=True)
    with engine_of(url).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, step)


def inserted(url: str, table: str, row: dict[str, Any]) -> None:
    """A row as an older version wrote it."""
    with engine_of(url).begin() as connection:
        known = METADATA.tables[table].c
        connection.execute(sa.insert(sa.table(table, *(sa.column(name, known[name].type) for name in row))), row)


def opened_row(alert: str, day: datetime) -> dict[str, Any]:
    """The row of an opened alert."""
    return {**vars(event(alert, as_of=day)), "payload": json.dumps(event(alert).payload, sort_keys=True)}


COMPANY = "bolt"


def of_company(ledger: Ledger) -> None:
    """A line of every kind, under ids that the company's own functions give."""
    ids = partial(company_hash, ledger.company)
    opened = replace(event("a"), alert_id=ids("acme", "no_usage", 1), event_id=ids("opened"))
    ledger.record(
        "sweep", MONDAY, [opened], [replace(message("m"), key=ids("m"), about=opened.alert_id)],
        [action_event(ids("action", "acme"), "acme", "done", MONDAY, "ann", {})],
    )  # fmt: skip
    ledger.tried(ids("m"), MONDAY, None)
    answer = ReviewEvent(ids("r"), 1, "a", "answered", MONDAY, "ann", {"chance": 0.5})
    ledger.review(lambda held: [] if held else [answer])
    about = {"outcome": "reached", "note": ""}
    ledger.record_work([work_event("called", "acme", None, MONDAY, MONDAY, "ann", about, ledger.company)])
    ledger.record_crm([CrmEvent("hubspot", "account:a", "wanted", "a", "h1", MONDAY)])
    ledger.accept(MONDAY, "ann", "sold")


def read_all(ledger: Ledger) -> dict[str, Any]:
    """What every reader of a ledger gives."""
    seen_by_review: list[Any] = []
    ledger.review(lambda held: seen_by_review.extend(held) or [])
    return {
        "history": ledger.history(), "runs": ledger.runs("sweep"), "waiting": ledger.waiting(),
        "sent": ledger.sent(MONDAY - DAY), "reviews": ledger.reviews(), "reviewed": seen_by_review,
        "work": ledger.work(), "actions": ledger.actions(), "crm": ledger.crm("hubspot"),
        "accepted": ledger.accepted(), "decisions": ledger.decisions(), "lines": ledger.lines(MONDAY, MONDAY),
    }  # fmt: skip


def test_companies_that_share_a_ledger_never_see_each_other(url: str) -> None:
    """The same accounts on the same day: each reads its own, withdraws its own, writes again (ALR-5)."""
    first, second, third = (Ledger.open(url, company=name) for name in (DEFAULT_COMPANY, COMPANY, "third"))
    empty = read_all(third)
    of_company(first)
    alone = read_all(first)
    assert read_all(second) == empty
    of_company(second)

    assert read_all(first) == alone
    assert read_all(third) == empty
    both = read_all(second)
    assert {name: bool(found) for name, found in both.items()} == {name: bool(found) for name, found in alone.items()}
    assert not {e.event_id for e in both["history"]} & {e.event_id for e in alone["history"]}
    assert not {e.event_id for e in both["work"]} & {e.event_id for e in alone["work"]}

    gone = second.withdraw(MONDAY, MONDAY, "ann", "a slip", people=True)
    assert (gone.events, gone.runs, gone.work, gone.actions) == (1, 1, 1, 1)
    assert read_all(first) == alone
    assert (second.history(), second.last_run("sweep"), second.work(), second.actions()) == ([], None, [], [])
    of_company(second)
    assert {name: read_all(second)[name] for name in ("history", "runs", "work", "actions")} == {
        name: both[name] for name in ("history", "runs", "work", "actions")
    }
    for ledger in (first, second, third):
        ledger.close()


def test_ids_of_the_default_company_follow_from_the_parts_alone() -> None:
    """So that alerts of a ledger without companies live on (ALR-5)."""
    assert company_hash(DEFAULT_COMPANY, "acme", "no_usage", 1) == short_hash("acme", "no_usage", 1)
    assert company_hash("bolt", "acme", "no_usage", 1) != company_hash("acme", "bolt", "no_usage", 1)
    assert len({company_hash(name, "acme", "no_usage", 1) for name in (DEFAULT_COMPANY, "bolt", "third")}) == 3


def test_every_row_keeps_when_it_was_written(ledger: Ledger) -> None:
    """By the database's clock in UTC, in every table; nobody who reads the ledger is given it (ALR-5)."""
    began = datetime.now(UTC).replace(tzinfo=None)
    ledger.record("sweep", MONDAY, [event("a")], [message("m")])
    ledger.tried("m", MONDAY, "503")
    ledger.review(lambda held: [ReviewEvent("r", 1, "a", "answered", MONDAY, "ann", {"chance": 0.5})])
    ledger.record_work([call("acme")])
    ledger.record_actions([action_event("x", "acme", "done", MONDAY, "ann", {})])
    ledger.record_crm([CrmEvent("hubspot", "account:a", "wanted", "a", "h1", MONDAY)])
    ledger.force(MONDAY, "sweep", "a test")
    ledger.withdraw(MONDAY, MONDAY, "ann", "a slip")
    slack = timedelta(minutes=5)
    with ledger._database.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            written = connection.execute(sa.select(table.c.written_at)).scalars().all()
            assert written, table.name
            assert all(began - slack < at < began + slack for at in written), table.name

    assert "written_at" not in {
        f.name for kind in (LedgerEvent, WorkEvent, ReviewEvent, CrmEvent) for f in fields(kind)
    }
    assert "written_at" not in {column for mart in MARTS.values() for column in mart.schema.names}
