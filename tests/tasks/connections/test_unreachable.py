"""A line that fails is tried again, then said in one sentence, exit 1: neither bad data nor settings (SRC-12)."""

import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import production_models
from keepwell.playbook.crm.diff import CrmEvent
from keepwell.playbook.review.sprint import ReviewEvent
from keepwell.sample.write import write_company
from keepwell.tasks.connections.retries import Service
from keepwell.tasks.errors import Unreachable
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.ledger.tables import CRM
from keepwell.tasks.settings import RetrySettings
from keepwell.tasks.sources.connect import SourceConnection
from tests.support import postgres
from tests.support.dropping import Line, line
from tests.support.running import Ran, bytes_of, keepwell
from tests.tasks.ledger.test_ledger import MONDAY, event

DAY = "2026-06-01"
PASSWORD = "hunter2"  # noqa: S105 of nobody
QUICK = RetrySettings(attempts=3, wait_seconds=0.1, connect_seconds=2)
QUICKLY = "\n[retries]\nwait_seconds = 0.1\nconnect_seconds = 2\n"
IN_THE_MIDDLE = 100_000
"""Bytes of the server's within the first long table."""
SOON = 20
"""Seconds in which three tries of two seconds end, whatever else the machine does."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 8, 3, folder)
    return folder


def port_of(url: str) -> int:
    return int(sa.make_url(url).port or 0)


def made(postgres_url: str, name: str) -> str:
    """The URL of a new database on the server."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return sa.make_url(postgres_url).set(database=name).render_as_string()


@pytest.fixture(scope="module")
def source_line(postgres_url: str, company: Path) -> Iterator[tuple[Line, str]]:
    """A line to the company's tables in PostgreSQL, and the source's URL along it."""
    url = made(postgres_url, "source")
    postgres.load(url, company)
    with line(port_of(url)) as found:
        yield found, f"postgresql://postgres:{PASSWORD}@127.0.0.1:{found.port}/source"


@pytest.fixture(scope="module")
def calm(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the day gives where no line fails: from files, with a ledger and an MLflow of its own."""
    folder = tmp_path_factory.mktemp("calm")
    assert daily(configured(company, folder / "company"), folder / "out").code == 0
    return folder / "out"


@pytest.fixture
def ledger_line(postgres_url: str) -> Iterator[tuple[Line, str]]:
    """A line to an empty database for a ledger, and the ledger's URL along it."""
    name = f"ledger_{uuid.uuid4().hex}"
    made(postgres_url, name)
    with line(port_of(postgres_url)) as found:
        yield found, f"postgresql://postgres:{PASSWORD}@127.0.0.1:{found.port}/{name}"


def configured(company: Path, folder: Path, source: str = "", more: str = "") -> Path:
    """A pipeline.toml of the company, with another source or more settings."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(company / "sql", folder / "sql", dirs_exist_ok=True)
    text = (company / "pipeline.toml").read_text()
    config = folder / "pipeline.toml"
    config.write_text(text.replace('url = "."', f'url = "{source or company}"') + QUICKLY + more)
    return config


def daily(config: Path, out: Path, day: str = DAY) -> Ran:
    return keepwell("--config", config, "--out", out, "daily", "--as-of", day)


def refused(there: Line) -> None:
    there.refuse()


def silent(there: Line) -> None:
    there.fall_silent()


def dropped(there: Line) -> None:
    there.cut(IN_THE_MIDDLE, for_ever=True)


def dropped_at_once(there: Line) -> None:
    there.cut(0, for_ever=True)


def tries(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of each try that failed and was made again."""
    found = [record.getMessage() for record in caplog.records if "Try " in record.getMessage()]
    assert all(record.levelno == logging.WARNING for record in caplog.records if record.getMessage() in found)
    return found


def assert_one_sentence(ran: Ran, out: Path, begins: str, seconds: float, caplog: pytest.LogCaptureFixture) -> None:
    """Exit 1, the system and its place, soon; nothing is published, and nothing secret is said (SRC-12, TRU-5)."""
    assert ran.code == 1, ran.err
    (said,) = ran.err.splitlines()
    assert said.startswith(f"keepwell: {begins}"), said
    assert " cannot be reached: " in said
    assert " Tried 3 times in " in said
    assert len(tries(caplog)) == 2
    assert seconds < SOON
    assert not (out / "marts").exists()
    assert PASSWORD not in ran.out + ran.err + caplog.text


@pytest.mark.slow
@pytest.mark.postgres
def test_a_source_dropped_in_the_middle_of_a_table_is_read_again(
    company: Path, calm: Path, source_line: tuple[Line, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same marts as of a calm day, byte for byte, and a word on each try that failed (SRC-12)."""
    there, url = source_line
    there.mend()
    asked = there.connections
    there.cut(IN_THE_MIDDLE, 2 * IN_THE_MIDDLE)
    ran = daily(configured(company, tmp_path / "company", url), tmp_path / "out")

    assert ran.code == 0, ran.err
    assert there.connections - asked == 3
    assert bytes_of(tmp_path / "out") == bytes_of(calm)
    assert tries(caplog) == [
        f"the source at 127.0.0.1:{there.port} (PostgreSQL) cannot be reached: "
        f"server closed the connection unexpectedly. Try {number} of 3; the next in {wait} s."
        for number, wait in ((1, 0.1), (2, 0.2))
    ]
    assert not list((tmp_path / "out" / "snapshots").glob(".staging-*"))


@pytest.mark.postgres
@pytest.mark.parametrize("fail", [refused, silent, dropped])
def test_a_source_that_stays_away_is_no_bad_data(
    company: Path,
    source_line: tuple[Line, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[Line], None],
) -> None:
    """One sentence, exit 1, within seconds; `check_results` says nothing of it (SRC-12)."""
    there, url = source_line
    there.mend()
    fail(there)
    start = time.monotonic()

    ran = daily(configured(company, tmp_path / "company", url), tmp_path / "out")

    begins = f"the source at 127.0.0.1:{there.port} (PostgreSQL)"
    assert_one_sentence(ran, tmp_path / "out", begins, time.monotonic() - start, caplog)


@pytest.mark.slow
def test_a_host_that_takes_no_call_at_all_costs_seconds(
    company: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody accepts, nobody refuses: the packets of a black hole are never answered (SRC-12)."""
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        start = time.monotonic()
        url = f"postgresql://me:{PASSWORD}@127.0.0.1:{full.getsockname()[1]}/none"
        ran = daily(configured(company, tmp_path / "company", url), tmp_path / "out")

    assert_one_sentence(ran, tmp_path / "out", "the source at 127.0.0.1:", time.monotonic() - start, caplog)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("user", "name", "says"),
    [
        ("postgres", "nowhere", "does not exist"),
        ("nobody", "source", "does not exist"),
        ("ann", postgres.GUARDED, "password authentication failed"),
    ],
)
def test_a_server_that_refuses_us_is_asked_once_and_is_a_mistake_in_the_settings(
    company: Path, postgres_url: str, source_line: tuple[Line, str], tmp_path: Path, user: str, name: str, says: str
) -> None:
    """Unknown database, unknown role, wrong password: exit 2, of the source as of the ledger (SRC-12, TRU-5)."""
    there, _ = source_line
    there.mend()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'ann'").fetchone() is None:
            connection.execute("CREATE ROLE ann LOGIN PASSWORD 'another'")
            connection.execute(f"CREATE DATABASE {postgres.GUARDED}")
    url = f"postgresql://{user}:{PASSWORD}@127.0.0.1:{there.port}/{name}"
    asked = there.connections

    source = daily(configured(company, tmp_path / "a", url), tmp_path / "out")
    ledger = daily(configured(company, tmp_path / "b", more=f'[ledger]\nurl = "{url}"\n'), tmp_path / "out")

    assert (source.code, ledger.code) == (2, 2), source.err + ledger.err
    assert there.connections - asked == 2
    for ran in (source, ledger):
        assert says in ran.err
        assert "Check address, name" in ran.err
        assert PASSWORD not in ran.out + ran.err
    assert not (tmp_path / "out" / "marts").exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgres://me:hunter2/4@db/none", "cannot connect to db:5432 (PostgreSQL) (Port could not be cast"),
        ("postgres://me:hunter2[4@db/none", "cannot connect to db:5432 (PostgreSQL) (Invalid"),
    ],
)
def test_a_source_that_cannot_be_addressed_is_a_mistake_in_the_settings(
    company: Path, tmp_path: Path, url: str, says: str
) -> None:
    """Exit 2 at once, without what may be the password (SRC-12, TRU-5)."""
    ran = daily(configured(company, tmp_path / "company", url), tmp_path / "out")

    assert ran.code == 2, ran.err
    assert says in ran.err
    assert PASSWORD not in ran.err


@pytest.mark.parametrize(
    ("url", "place", "secrets"),
    [
        ("postgresql://me:hunter2@db.example/sales", "db.example:5432 (PostgreSQL)", ["hunter2"]),
        (
            "postgresql+psycopg://me:h%40nter2@db:6000/sales?sslmode=require",
            "db:6000 (PostgreSQL)",
            ["h%40nter2", "h@nter2"],
        ),
        ("postgres://me:hunter/2@[::1]:5433/sales", "[::1]:5433 (PostgreSQL)", ["hunter/2", "hunter"]),
        ("postgresql://db/sales?user=me&password=hunter2", "db:5432 (PostgreSQL)", ["hunter2"]),
        ("https://me:hunter2@mlflow.example/path", "mlflow.example:443", ["hunter2"]),
        ("snowflake://me:hunter2@account/db?warehouse=big", "account", ["hunter2"]),
        ("sqlite:////data/ledger.db", "/data/ledger.db (SQLite)", []),
        ("duckdb://data/source.duckdb", "data/source.duckdb (DuckDB)", []),
        ("data", "data", []),
    ],
)
def test_a_service_is_named_by_its_place_and_says_no_secret(url: str, place: str, secrets: list[str]) -> None:
    """Host and port, or the file; what a driver repeats of the URL is cleaned (TRU-5)."""
    found = Service.at("it", url)
    said = found.lost(f"at {url}: {' '.join(secrets)} did not help")

    assert found.place == place
    assert said.startswith(f"it at {place} cannot be reached: ")
    assert not any(secret in said for secret in secrets)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_table_that_is_locked_is_waited_for_and_not_for_ever(
    company: Path, postgres_url: str, source_line: tuple[Line, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A load that holds the table longer than three tries: one sentence, exit 1 (SRC-12)."""
    there, url = source_line
    there.mend()
    with psycopg.connect(sa.make_url(postgres_url).set(database="source").render_as_string()) as load:
        load.execute("LOCK TABLE usage IN ACCESS EXCLUSIVE MODE")
        start = time.monotonic()
        ran = daily(configured(company, tmp_path / "company", url), tmp_path / "out")

    assert_one_sentence(ran, tmp_path / "out", "the source at ", time.monotonic() - start, caplog)
    assert "lock timeout" in ran.err


WRITER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_by_a_writer(file: Path) -> Iterator[subprocess.Popen]:
    """Another process that has a DuckDB file open for writing."""
    command = [sys.executable, "-c", WRITER, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.communicate("done\n")


class AtTheFirstWarning(logging.Handler):
    """Does something once a try has failed."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(logging.WARNING)
        self._act: Callable[[], object] | None = act

    def emit(self, record: logging.LogRecord) -> None:
        if self._act is not None:
            act, self._act = self._act, None
            act()


@contextmanager
def at_the_first_warning(act: Callable[[], object]) -> Iterator[None]:
    handler = AtTheFirstWarning(act)
    logging.getLogger("keepwell").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("keepwell").removeHandler(handler)


@pytest.fixture
def duckdb_file(company: Path, tmp_path: Path) -> Path:
    """The company's tables in a DuckDB file."""
    file = tmp_path / "source.duckdb"
    with duckdb.connect(str(file)) as connection:
        for path in company.glob("*.parquet"):
            connection.execute(f"CREATE TABLE {path.stem} AS SELECT * FROM '{path}'")
    return file


@pytest.mark.slow
def test_a_duckdb_file_that_another_process_writes_is_tried_again(
    company: Path, duckdb_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Released in time it is read; held on to: one sentence with the holder's process, exit 1 (SRC-12)."""
    config = configured(company, tmp_path / "company", f"duckdb://{duckdb_file}")
    with held_by_a_writer(duckdb_file) as writer:
        start = time.monotonic()
        kept_out = daily(config, tmp_path / "out")
        assert_one_sentence(
            kept_out, tmp_path / "out", f"the source at {duckdb_file} (DuckDB)", time.monotonic() - start, caplog
        )
        assert f"(PID {writer.pid})" in kept_out.err
        caplog.clear()
        with at_the_first_warning(lambda: (writer.stdin.write("done\n"), writer.stdin.flush(), writer.wait())):
            let_in = daily(config, tmp_path / "out")

    assert let_in.code == 0, let_in.err
    assert len(tries(caplog)) == 1


def test_a_truncated_duckdb_file_is_bad_data(company: Path, duckdb_file: Path, tmp_path: Path) -> None:
    """Its content is at fault, not the line: exit 3 at once, and `check_results` says so (SRC-12, TRU-3)."""
    whole = duckdb_file.read_bytes()
    duckdb_file.write_bytes(whole[: len(whole) // 2])

    ran = daily(configured(company, tmp_path / "company", f"duckdb://{duckdb_file}"), tmp_path / "out")

    assert ran.code == 3, ran.err
    assert "cannot be read" in ran.err
    assert (tmp_path / "out" / "marts" / "check_results").is_dir()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sql", "code", "says"),
    [
        ("SELECT nothing_like_it(account_id) AS account_id FROM usage", 2, "the mapping of usage cannot be run"),
        ("SELECT account_id, 'x'::text::int AS events, day FROM usage", 3, "the source cannot be read"),
        (
            "SELECT nowhere AS account_id FROM usage",
            3,
            "reads a column that the source's table does not have (it has account_id,",
        ),
        ("SELECT account_id FROM nowhere", 2, "reads a table or file that does not exist"),
    ],
)
def test_what_a_server_finds_wrong_with_a_mapping_is_said_at_once(
    company: Path, source_line: tuple[Line, str], tmp_path: Path, sql: str, code: int, says: str
) -> None:
    """SQL that does not bind is configuration, a value that does not cast is data; neither is tried again (SRC-12)."""
    there, url = source_line
    there.mend()
    config = configured(company, tmp_path / "company", url)
    (config.parent / "sql" / "usage.sql").write_text(sql)
    asked = there.connections

    ran = daily(config, tmp_path / "out")

    assert ran.code == code, ran.err
    assert says in ran.err
    assert there.connections - asked == 1


def test_a_mapping_that_does_not_bind_in_files_is_configuration(company: Path, tmp_path: Path) -> None:
    """The same in DuckDB (SRC-12)."""
    config = configured(company, tmp_path / "company")
    (config.parent / "sql" / "usage.sql").write_text("SELECT nothing_like_it(account_id) AS account_id FROM usage")

    ran = daily(config, tmp_path / "out")

    assert ran.code == 2, ran.err
    assert "the mapping of usage cannot be run" in ran.err


def options_of(descriptor: int) -> tuple[int, int]:
    """Whether a socket asks for signs of life, and after how many milliseconds without one it ends."""
    with socket.socket(fileno=socket.dup(descriptor)) as found:
        alive = found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        return alive, found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)


@pytest.mark.postgres
def test_a_line_that_dies_without_a_word_ends(source_line: tuple[Line, str], ledger_line: tuple[Line, str]) -> None:
    """The kernel asks the other side for signs of life, of the source as of the ledger; the URL may say otherwise."""
    source_line[0].mend()
    source = SourceConnection(source_line[1], Path(), {}, QUICK)
    patient = SourceConnection(f"{source_line[1]}?tcp_user_timeout=90000", Path(), {}, QUICK)
    ledger = Ledger.open(ledger_line[1], QUICK)
    found = [one.read(lambda connection: options_of(connection.con.fileno())) for one in (source, patient)]
    with ledger._database.engine.connect() as connection:
        found.append(options_of(connection.connection.driver_connection.fileno()))
    for one in (source, patient, ledger):
        one.close()

    assert found == [(1, 30_000), (1, 90_000), (1, 30_000)]


# The ledger ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(ledger_line: tuple[Line, str]) -> Iterator[Ledger]:
    opened = Ledger.open(ledger_line[1], QUICK)
    yield opened
    opened.close()


@pytest.mark.postgres
@pytest.mark.parametrize("question", [b"BEGIN", b"INSERT INTO ledger_events", b"INSERT INTO ledger_runs", b"COMMIT"])
def test_a_transaction_whose_line_fails_is_made_again_and_once(
    ledger: Ledger, ledger_line: tuple[Line, str], question: bytes
) -> None:
    """Before it, in it, or with the answer to its commit lost: what was new is said, and there once (SRC-12, TRU-1)."""
    there, _ = ledger_line
    days = [event("a"), event("b")]
    asked = there.connections
    there.lose_answers(question, question)

    assert ledger.record("daily_alerts", MONDAY, days) == days
    assert there.connections - asked == 2
    there.lose_answers(b"SELECT ledger_events")
    assert ledger.history() == days
    assert there.connections - asked == 3
    assert ledger.record("daily_alerts", MONDAY, days) == []


@pytest.mark.postgres
def test_a_review_and_an_outbox_whose_answer_is_lost_are_written_once(
    ledger: Ledger, ledger_line: tuple[Line, str]
) -> None:
    """Neither has a key that would refuse the second copy: the server knows that the first one came (SRC-12)."""
    there, _ = ledger_line
    asked: list[int] = []

    def decide(held: list[ReviewEvent]) -> list[ReviewEvent]:
        asked.append(len(held))
        return [ReviewEvent("r", len(held) + 1, "a", "answered", MONDAY, "ann", {"chance": 0.5})]

    there.lose_answers(b"COMMIT")
    (answered,) = ledger.review(decide)
    there.lose_answers(b"COMMIT")
    line_of = CrmEvent("hubspot", "account:a", "wanted", "a", "h1", MONDAY, payload={})
    ledger.record_crm([line_of, replace(line_of, key="account:b")])

    assert asked == [0]
    assert ledger.reviews() == [answered]
    with ledger._database.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(CRM)).scalar_one() == 2


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("fail", [refused, silent, dropped_at_once])
def test_a_ledger_that_stays_away_stops_the_day_at_once(
    company: Path,
    ledger_line: tuple[Line, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[Line], None],
) -> None:
    """One sentence, exit 1, within seconds, before anything is read or published (SRC-12)."""
    there, url = ledger_line
    fail(there)
    config = configured(company, tmp_path / "company", more=f'[ledger]\nurl = "{url}"\n')
    start = time.monotonic()

    ran = daily(config, tmp_path / "out")

    begins = f"the ledger at 127.0.0.1:{there.port} (PostgreSQL)"
    assert_one_sentence(ran, tmp_path / "out", begins, time.monotonic() - start, caplog)


@pytest.mark.slow
@pytest.mark.postgres
def test_a_day_whose_ledger_is_dropped_on_the_way_publishes_the_same(
    company: Path, calm: Path, ledger_line: tuple[Line, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers to its tables, a question, its events and their commit are lost; the marts are the same (TRU-1)."""
    there, url = ledger_line
    config = configured(company, tmp_path / "company", more=f'[ledger]\nurl = "{url}"\n')
    there.lose_answers(b"COMMIT", b"ledger_work", b"INSERT INTO ledger_events", b"COMMIT")

    ran = daily(config, tmp_path / "out")

    assert ran.code == 0, ran.err
    assert bytes_of(tmp_path / "out") == bytes_of(calm)
    assert len(tries(caplog)) == 4


@pytest.mark.slow
@pytest.mark.postgres
def test_a_ledger_that_somebody_holds_is_waited_for_and_not_for_ever(
    ledger: Ledger, ledger_line: tuple[Line, str]
) -> None:
    """Another program's lock on its table: three tries, then the sentence (SRC-12)."""
    start = time.monotonic()
    with ledger._database.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE ledger_runs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unreachable, match=r"lock timeout. Tried 3 times"):
            ledger.record("daily_alerts", MONDAY, [event("a")])

    assert time.monotonic() - start < SOON
    assert ledger.record("daily_alerts", MONDAY, [event("a")]) == [event("a")]


@pytest.mark.slow
def test_a_sqlite_ledger_that_somebody_holds_is_waited_for_and_not_for_ever(
    company: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is locked for longer than three tries: exit 1; once it is free the day runs (SRC-12)."""
    config, file = configured(company, tmp_path / "company"), tmp_path / "ledger" / "ledger.db"
    config.write_text(config.read_text() + f'[ledger]\nurl = "sqlite:///{file}"\n')
    Ledger.open(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        start = time.monotonic()
        ran = daily(config, tmp_path / "out")
        assert_one_sentence(ran, tmp_path / "out", f"the ledger at {file} (SQLite)", time.monotonic() - start, caplog)
        other.execute("ROLLBACK")

    assert "database is locked" in ran.err
    assert daily(config, tmp_path / "out").code == 0


# MLflow -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("uri", "fail"),
    [("http://ann:hunter2@127.0.0.1:{}", silent), ("postgresql://ann:hunter2@127.0.0.1:{}/mlflow", refused)],
)
def test_a_day_without_mlflow_is_scored_by_health_alone(
    company: Path, calm: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, uri: str, fail: Callable[[Line], None]
) -> None:
    """A dead server or database costs one round of tries, however many models there are; one line says so (LRN-2)."""
    with line(1) as there:
        fail(there)
        more = f'[tracking]\nuri = "{uri.format(there.port)}"\n'
        ran = daily(configured(company, tmp_path / "company", more=more), tmp_path / "out")

    assert ran.code == 0, ran.err
    assert bytes_of(tmp_path / "out") == bytes_of(calm)
    (said,) = (r.getMessage() for r in caplog.records if "health alone" in r.getMessage())
    assert said.startswith(f"no model, health alone. MLflow at 127.0.0.1:{there.port}")
    assert "Tried 3 times" in said
    assert len(tries(caplog)) == 2
    assert PASSWORD not in ran.out + ran.err + caplog.text


@pytest.mark.slow
def test_the_days_that_a_run_makes_up_ask_a_dead_mlflow_once(company: Path, tmp_path: Path) -> None:
    """A fortnight's gap does not wait a fortnight's times for a server that never answers (LRN-2, ALR-3)."""
    with line(1) as there:
        there.fall_silent()
        more = f'[tracking]\nuri = "http://127.0.0.1:{there.port}"\n'
        run = Run(load_settings(configured(company, tmp_path, more=more)), tmp_path / "out", date(2026, 6, 1))
        start = time.monotonic()
        models = [production_models(replace(run, as_of=date(2026, 6, day))) for day in range(1, 15)]

    assert [list(found.serving) for found in models] == [[]] * 14
    assert there.connections == QUICK.attempts
    assert time.monotonic() - start < SOON
