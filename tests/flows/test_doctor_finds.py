"""`keepwell doctor` finds in one pass what other commands refuse one by one (SRC-2, SRC-12, CONTRACT `doctor`)."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from keepwell.playbook.doctor import Diagnosis
from keepwell.sample.write import write_company
from keepwell.tasks.ledger.migrate import VERSION_TABLE
from keepwell.tasks.ledger.store import Ledger
from tests.support import postgres
from tests.support.running import ROOT, Ran, keepwell, keepwell_process

DAY = "2026-06-30"


@dataclass(frozen=True)
class Place:
    """A company that is to be broken."""

    company: Path
    out: Path

    @property
    def config(self) -> Path:
        return self.company / "pipeline.toml"

    def sql(self, **mappings: str) -> None:
        """Other mappings, by table."""
        for table, text in mappings.items():
            (self.company / "sql" / f"{table}.sql").write_text(text)

    def add(self, text: str) -> None:
        """More lines at the end of pipeline.toml."""
        self.config.write_text(f"{self.config.read_text()}\n{text}\n")

    def replace(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new, 1))

    def source(self, url: str) -> None:
        self.replace('url = "."', f'url = "{url}"')

    def without(self, table: str, *columns: str) -> str:
        """The mapping of a table without some columns, to be written by `sql`."""
        lines = (self.company / "sql" / f"{table}.sql").read_text().splitlines()
        return "\n".join(line for line in lines if line.strip().rstrip(",") not in columns)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 14, 7, folder)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Place:
    shutil.copytree(made, tmp_path / "company")
    return Place(tmp_path / "company", tmp_path / "out")


def findings(ran: Ran) -> list[Diagnosis]:
    return [Diagnosis(**one) for one in json.loads(ran.out)]


def doctor(place: Place, **environment: str) -> tuple[Ran, list[str]]:
    """The command, and what it calls critical."""
    ran = keepwell("--json", "--config", place.config, "--out", place.out, "doctor", **environment)
    return ran, [f"{one.subject}: {one.message}" for one in findings(ran) if one.severity == "critical"]


def assert_reported(critical: list[str], faults: list[tuple[str, ...]]) -> None:
    """Every fault has a line of its own that holds its parts, and there are no other lines."""
    left = list(critical)
    for parts in faults:
        found = [line for line in left if all(part in line for part in parts)]
        assert found, f"{parts} in none of:\n" + "\n".join(left)
        left.remove(found[0])
    assert not left


# The broken configurations --------------------------------------------------------------------------------------------


def mapping_files(place: Place) -> None:
    (place.company / "sql" / "usage.sql").unlink()
    (place.company / "sql" / "contacts.sql").write_bytes(b"SELECT '\xff' AS contact_id FROM contacts")
    place.sql(
        tickets="SELECT * FROM tickets; DROP TABLE tickets", surveys="DROP TABLE surveys", invoices="SELEC a FROM b",
        notes="-- not written yet",
    )  # fmt: skip


def mapping_columns(place: Place) -> None:
    place.sql(
        usage="SELECT account_id AS acount_id, day, 1 AS zzz FROM usage",
        contracts=place.without("contracts", "arr", "currency"),
        tickets="SELECT opned_at AS opened_at, t.prioriti, account_id FROM tickets t WHERE state = 'x' ORDER BY mood",
    )


def mapping_reads(place: Place) -> None:
    (place.company / "surveys.parquet").unlink()
    path = place.company / "invoices.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    place.sql(
        usage="SELECT u.account_id, u.day FROM usge u JOIN users s ON s.id = u.user_id",
        notes="SELECT note_id, account_id, noted_at FROM read_csv('nowhere.csv')",
        tickets="SELECT ticket_id, account_id, no_such(opened_at) AS opened_at FROM tickets",
        contacts="SELECT contact_id, account_id, since, FROM contacts,,",
    )  # fmt: skip


def unknown_source(place: Place) -> None:
    place.source("snowflak://me:hush@host/db")
    place.sql(usage=place.without("usage", "day"))
    (place.company / "sql" / "tickets.sql").unlink()


def missing_driver(place: Place) -> None:
    place.source("snowflake://me:hush@host/db/schema")
    place.sql(usage=place.without("usage", "day"), tickets="SELECT ticket_id, account_id, opened_at, mood FROM tickets")


def many_settings(place: Place) -> None:
    place.add("""
    [alerts]
    silent_day = 3
    drop_points = "many"
    [health.weights]
    use = 1
    [health.measures.csat_18d]
    weight = 2
    [schedule]
    daily = "5 o clock"
    [models.inputs]
    excluded_features = ["features_used"]
    [checks.overrides."usage.frsh"]
    severity = "info"
    reason = "it comes when it comes"
    [outreach.needs]
    product = ["adopted"]
    """)
    place.sql(usage=place.without("usage", "account_id", "day"))


def tables(place: Place) -> None:
    place.replace('[tables.usage]\nsql = "sql/usage.sql"', '[tables.usage]\nsq = "sql/usage.sql"')
    place.replace("[tables.tickets]", "[tables.ticket]")
    place.replace("[tables.accounts]", "[tables.acounts]")
    place.sql(contracts=place.without("contracts", "arr"))


def unset_environment(place: Place) -> None:
    place.source("postgresql://me:${SOURCE_PASSWORD}@127.0.0.1/company")
    place.add("""
    [ledger]
    url = "postgresql://me:${LEDGER_PASSWORD}@127.0.0.1/ledger"
    [crm]
    kind = "hubspot"
    token = "${HUBSPOT_TOKEN}"
    [messages.channels.team]
    url = "slack://${SLACK_TOKEN}"
    [messages.channels.leads]
    url = "slak://hush"
    """)
    place.sql(usage=place.without("usage", "day"))


def wrong_playbook(place: Place) -> None:
    text = (ROOT / "playbook" / "playbook.toml").read_text()
    for old, new in (
        ('"payment_failures_90d"', '"payment_failure"'), ('components = ["support"]', 'components = ["suport"]'),
        ("within_days = 2", "within_day = 2"),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    (place.company / "mine.toml").write_text(text)
    place.config.write_text('playbook = "mine.toml"\n' + place.config.read_text())
    place.sql(usage=place.without("usage", "day"))


def wrong_channels(place: Place) -> None:
    place.add("""
    [messages.channels.team]
    url = "slakc://hush/hush"
    [messages.channels.leads]
    url = "slack://hush"
    [messages.channels.bus]
    url = "mqtt://me:hush@host/topic"
    [messages.channels.pager]
    url = "hush"
    """)


def other_databases(place: Place) -> None:
    place.add("""
    [ledger]
    url = "mysql://me:hush@host/ledger"
    [tracking]
    uri = "nonsense://me:hush@host/x"
    artifacts = "nonsense://me:hush@host/x"
    """)


def no_place_to_write(place: Place) -> None:
    place.out.write_text("not a folder")
    place.add(f"""
    [ledger]
    url = "sqlite:///{place.out}/ledger/ledger.db"
    [tracking]
    artifacts = "{place.out}/artifacts"
    """)


def duckdb_file(place: Place) -> None:
    place.source("duckdb://company.duckdb")
    place.sql(usage=place.without("usage", "day"), tickets="DROP TABLE tickets")


CHECK, DAILY, SWEEP = ("check", "--as-of", DAY), ("daily", "--as-of", DAY), ("sweep", "--now", f"{DAY}T10:00")
BROKEN: list[tuple[Callable[[Place], None], tuple[str, ...], list[tuple[str, ...]]]] = [
    (
        mapping_files,
        CHECK,
        [
            ("source", "usage.sql", "does not exist", "`sql`"),
            ("source", "contacts.sql", "UTF-8"),
            ("source", "tickets.sql", "2 statements", "one SELECT"),
            ("source", "surveys.sql", "DROP", "one SELECT"),
            ("source", "invoices.sql", "not valid duckdb SQL", "Line 1"),
            ("source", "notes.sql", "0 statements", "Write one"),
        ],
    ),
    (
        mapping_columns,
        CHECK,
        [
            ("source", "usage", "`acount_id` (did you mean `account_id`?)", "`zzz`", "there are"),
            ("source", "usage", "does not give `account_id`"),
            ("source", "contracts", "does not give `arr`, `currency`"),
            (
                "source",
                "tickets.opned_at",
                "`sql/tickets.sql` reads a column",
                "(it has ",
                "opened_at",
                "column_exists",
            ),
            ("source", "tickets.prioriti", "column_exists"),
            ("source", "tickets.state", "column_exists"),
            ("source", "tickets.mood", "column_exists"),
            ("source", "tickets", "`prioriti` (did you mean `priority`?)"),
            ("source", "tickets", "does not give `ticket_id`"),
        ],
    ),
    (
        mapping_reads,
        CHECK,
        [
            ("source", "surveys", "`surveys`", "no file surveys.csv or .parquet"),
            ("source", "invoices", "cannot be read"),
            ("source", "usage", "`usge` (did you mean `usage`?)", "`users`", "usge.csv", "users.csv"),
            ("source", "tickets", "no_such"),
            ("source", "contacts", "syntax error"),
            ("source", "notes.sql", "`read_csv`"),
        ],
    ),
    (
        unknown_source,
        CHECK,
        [
            ("source.url", "`snowflak://`", "did you mean `snowflake`?"),
            ("source", "usage", "does not give `day`"),
            ("source", "tickets.sql", "does not exist"),
        ],
    ),
    (
        missing_driver,
        CHECK,
        [
            ("source.url", "snowflake is not installed", 'pip install "ibis-framework[snowflake]=='),
            ("source", "usage", "does not give `day`"),
            ("source", "tickets", "`mood`"),
        ],
    ),
    (
        many_settings,
        CHECK,
        [
            ("settings", "`alerts.silent_day`", "did you mean `alerts.silent_days`"),
            ("settings", "`alerts.drop_points`", "valid number", "'many'"),
            ("settings", "`health.weights.use`", "no component 'use'"),
            ("settings", "`health.measures.csat_18d`", "did you mean 'csat_180d'"),
            ("settings", "`schedule.daily`", "not a cron expression"),
            ("settings", "`models.inputs.excluded_features`", "'features_used'", "did you mean `features_used_28d`"),
            ("settings", "`checks.overrides.usage.frsh`", "did you mean `usage.fresh`"),
            ("settings", "`outreach.needs.product`", "'adopted'", "did you mean `adoption`"),
            ("source", "usage", "does not give `account_id`, `day`"),
        ],
    ),
    (
        tables,
        CHECK,
        [
            ("settings", "tables.accounts is missing", "every company needs"),
            ("settings", "`tables.acounts`", "did you mean `accounts`"),
            ("settings", "`tables.ticket`", "did you mean `tickets`"),
            ("settings", "`tables.usage.sq`", "did you mean `tables.usage.sql`"),
            ("settings", "`tables.usage.sql`", "required"),
            ("source", "contracts", "does not give `arr`"),
        ],
    ),
    (
        unset_environment,
        CHECK,
        [
            ("settings", "takes ${SOURCE_PASSWORD} from", "Set SOURCE_PASSWORD"),
            ("settings", "Set LEDGER_PASSWORD"),
            ("settings", "Set HUBSPOT_TOKEN"),
            ("settings", "Set SLACK_TOKEN"),
            ("messages.channels.leads", "`slak://`", "did you mean `slack`"),
            ("source", "usage", "does not give `day`"),
        ],
    ),
    (
        wrong_playbook,
        CHECK,
        [
            ("playbook", "mine.toml", "`action.12.within_day`", "did you mean `action.12.within_days`"),
            ("playbook", "'payment_failure'", "did you mean `payment_failures_90d`"),
            ("playbook", "'suport'", "did you mean `support`"),
            ("source", "usage", "does not give `day`"),
        ],
    ),
    (
        wrong_channels,
        SWEEP,
        [
            ("messages.channels.team", "`slakc://`", "did you mean `slack`", "https://appriseit.com"),
            ("messages.channels.leads", "slack", "cannot read it"),
            ("messages.channels.bus", "not installed", 'pip install "paho-mqtt'),
            ("messages.channels.pager", "not a URL"),
        ],
    ),
    (
        other_databases,
        DAILY,
        [
            ("ledger.url", "mysql", "SQLite or PostgreSQL"),
            ("tracking.uri", "`nonsense://`", "there are databricks, http, https, mssql, mysql, postgresql, sqlite"),
            ("tracking.artifacts", "`nonsense://`", "s3"),
        ],
    ),
    (
        no_place_to_write,
        CHECK,
        [
            ("out", "/out:", "Not a directory"),
            ("ledger", "/out/ledger:", "Not a directory"),
            ("artifacts", "/out/artifacts:", "Not a directory"),
        ],
    ),
    (
        duckdb_file,
        CHECK,
        [
            ("source.url", "duckdb://company.duckdb", "no such file"),
            ("source", "usage", "does not give `day`"),
            ("source", "tickets.sql", "DROP"),
        ],
    ),
]


@pytest.mark.parametrize(("break_it", "command", "faults"), BROKEN, ids=[one[0].__name__ for one in BROKEN])
def test_every_fault_is_found_in_one_pass_and_refused_by_the_command_that_meets_it(
    place: Place, break_it: Callable[[Place], None], command: tuple[str, ...], faults: list[tuple[str, ...]]
) -> None:
    """A line for each fault and none besides, exit 2; what a run refuses, doctor has said (SRC-2, CONTRACT)."""
    break_it(place)
    ran, critical = doctor(place)
    refused = keepwell("--config", place.config, "--out", place.out, *command)

    assert ran.code == 2
    assert_reported(critical, faults)
    assert refused.code in (2, 3), refused.err
    assert "Traceback" not in refused.err
    assert "hush" not in ran.out + ran.err + refused.out + refused.err


# Places ---------------------------------------------------------------------------------------------------------------


def test_a_ledger_and_an_mlflow_that_are_newer_than_the_code_are_both_named(place: Place, mlflow_tables: Path) -> None:
    """A database that a later version has written is left alone, exit 2 (ALR-5, CONTRACT `doctor`)."""
    place.out.mkdir()
    shutil.copy(mlflow_tables, place.out / "mlflow.db")
    Ledger.open(f"sqlite:///{place.out / 'ledger.db'}").close()
    for name, table in (("ledger.db", VERSION_TABLE), ("mlflow.db", "alembic_version")):
        with sqlite3.connect(place.out / name) as database:
            assert database.execute(f"UPDATE {table} SET version_num = '9999'").rowcount == 1
        database.close()

    ran, critical = doctor(place)

    assert ran.code == 2
    assert_reported(critical, [("ledger.url", "step 9999", "newer Keepwell"), ("tracking.uri", "step 9999", "MLflow")])
    assert keepwell("--config", place.config, "--out", place.out, *DAILY).code == 2


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (
            '[tracking]\nuri = "mysql+pymysql://me:hush@host/mlflow"\nartifacts = "sftp://me:hush@host/artifacts"',
            [("tracking.uri", "`pymysql`", "pip install pymysql"), ("tracking.artifacts", "pip install paramiko")],
        ),
        (
            '[tracking]\nuri = "mssql+pyodbc://me:hush@host/mlflow"\nartifacts = "s3://bucket"',
            [("tracking.uri", "`pyodbc`", "pip install pyodbc"), ("tracking.artifacts", "pip install boto3")],
        ),
        ('[tracking]\nuri = "mlruns"', [("tracking.uri", "mlruns is no address of MLflow", "sqlite:///FILE")]),
        ('[ledger]\nurl = "sqlite:ledger.db"', [("ledger.url", "is not an SQLAlchemy URL", "sqlite:///FILE")]),
        (
            '[ledger]\nurl = "postgresql://me:hush@127.0.0.1:1/ledger"\n[tracking]\nuri = "http://me:hush@127.0.0.1:1"',
            [("ledger", "127.0.0.1"), ("tracking", "127.0.0.1")],
        ),
    ],
)
def test_what_a_place_lacks_is_named_with_what_to_install_or_to_write(
    place: Place, lines: str, faults: list[tuple[str, ...]]
) -> None:
    """Drivers by their `pip install`, addresses by their form, servers by their place; no secret (TRU-5)."""
    place.add(lines)
    ran, critical = doctor(place)

    assert ran.code == 2
    assert_reported(critical, faults)
    assert "hush" not in ran.out + ran.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "module", "package"),
    [("hubspot", "hubspot", "hubspot-api-client"), ("salesforce", "simple_salesforce", "simple-salesforce")],
)
def test_a_crm_whose_client_is_not_installed_is_named_with_its_package(
    place: Place, kind: str, module: str, package: str
) -> None:
    """The version is the one that Keepwell itself asks for; Keepwell is on no package index (MON-6)."""
    absent = place.company / "absent"  # a machine without the client: its import fails as there
    absent.mkdir()
    (absent / f"{module}.py").write_text(f"raise ModuleNotFoundError('No module named {module}', name='{module}')")
    place.add(f'[crm]\nkind = "{kind}"\nurl = "https://example.my.salesforce.com"\ntoken = "${{CRM_ACCESS}}"')

    ran = keepwell_process(
        "--json", "--config", place.config, "--out", place.out, "doctor", PYTHONPATH=str(absent), CRM_ACCESS="hush"
    )  # fmt: skip

    assert ran.code == 2, ran.err
    (critical,) = [one.message for one in findings(ran) if one.severity == "critical"]
    asked = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if f'"{package}>' in line)
    assert f'pip install "{package}' in critical
    assert all(bound in critical for bound in asked.strip().strip('",').removeprefix(package).split(","))


def test_a_prefect_server_that_the_environment_names_and_that_is_down_is_found(place: Place) -> None:
    """`serve` and --prefect would end there (OUT-3)."""
    ran, critical = doctor(place, PREFECT_API_URL="http://127.0.0.1:1/api")

    assert ran.code == 2
    assert_reported(critical, [("prefect", "PREFECT_API_URL", "cannot be reached")])


# Sources --------------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_each_mapping_of_a_server_is_described_on_its_own_and_none_is_run(postgres_url: str, place: Place) -> None:
    """Missing columns and tables all at once, rights as well; a function with a side effect is not called (SRC-2)."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE doctor")
    url = postgres_url.rpartition("/")[0] + "/doctor"
    postgres.load(url, place.company)
    with psycopg.connect(url, autocommit=True) as connection:
        for sql in (
            "CREATE TABLE victim (n int)",
            "CREATE FUNCTION spoil() RETURNS text LANGUAGE sql AS 'INSERT INTO victim VALUES (1) RETURNING n::text'",
            "CREATE FUNCTION sneak() RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN spoil(); END'",
            "CREATE ROLE reader LOGIN",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "REVOKE SELECT ON invoices FROM reader",
        ):
            connection.execute(sql)
    place.source(url.replace("postgres@", "reader@"))
    place.sql(
        usage="SELECT account_id, dy AS day, mood FROM usage WHERE colour = 'red'",
        tickets="SELECT * FROM tikets JOIN peple USING (id)",
        surveys="SELECT survey_id, account_id, no_such(answered_at) AS answered_at FROM surveys",
        contacts="SELECT spoil() AS contact_id, account_id, since FROM contacts",
        notes="SELECT sneak() AS note_id, account_id, noted_at, note FROM notes",
    )

    ran, critical = doctor(place)

    assert ran.code == 2
    assert_reported(
        critical,
        [
            ("usage.dy", "column_exists"),
            ("usage.mood", "column_exists"),
            ("usage.colour", "column_exists"),
            ("usage", "gives a column", "`mood`"),
            ("tickets", "`tikets` and `peple`", "missing"),
            ("surveys", "no_such"),
            ("invoices", "`invoices`", "not readable"),
            ("notes", "read-only"),
        ],
    )
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM victim").fetchone() == (0,)
    assert keepwell("--config", place.config, "--out", place.out, *CHECK).code in (2, 3)


def test_a_server_that_is_down_hides_no_mapping(place: Place) -> None:
    """What a SELECT names by itself is judged without the server; a star says nothing (SRC-2, SRC-12)."""
    place.source("postgresql://me:hush@127.0.0.1:1/company")
    place.sql(
        usage='SELECT account_id AS Account_ID, now() AS "Mood" FROM usage',
        tickets="SELECT t.*, 1 AS mood FROM tickets t",
        contacts="SELECT contact_id, FROM WHERE",
    )

    ran, critical = doctor(place)

    assert_reported(
        critical,
        [
            ("source", "127.0.0.1"),
            ("usage", "gives a column", "`mood`"),
            ("usage", "does not give `day`"),
            ("contacts.sql", "not valid postgres SQL"),
        ],
    )
    assert "hush" not in ran.out + ran.err


def test_a_file_that_is_a_database_is_looked_at_like_a_server_and_is_not_made(place: Place) -> None:
    """SQLite itself would make one that is not there; a file that is no database is said to be none (SRC-2)."""
    place.sql(usage="SELECT account_id, dy AS day, colour AS user_id FROM usage")
    text = place.config.read_text()
    with sqlite3.connect(place.company / "company.sqlite") as database:
        database.execute("CREATE TABLE usage (account_id TEXT, day TEXT)")
    database.close()

    def critical(url: str) -> list[str]:
        place.config.write_text(text.replace('url = "."', f'url = "{url}"'))
        return doctor(place)[1]

    missing, found = critical("sqlite://none.sqlite"), critical("sqlite://company.sqlite")
    none = critical("duckdb://pipeline.toml")

    assert_reported(missing, [("source.url", "sqlite://none.sqlite", "no such file")])
    assert not (place.company / "none.sqlite").exists()
    assert_reported(none, [("source.url", "cannot be read", "pipeline.toml")])
    assert_reported(
        found,
        [
            ("usage.dy", "column_exists"),
            ("usage.colour", "column_exists"),
            *((f"`{path.stem}`", "missing") for path in place.company.glob("sql/*.sql") if path.stem != "usage"),
        ],
    )


# Settings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        (b"[source\n", "not valid TOML"),
        (b"# \xff\n", "not UTF-8"),
        (b'source = "postgresql://me:hush@host/db"\n', "`source`"),
        (b'[source]\nurl = ["postgresql://me:hush@host/db"]\n', "`source.url`"),
        (b'tables = 3\n[source]\nurl = "."\n', "`tables`"),
        (b'[source]\nurl = "."\n[health]\nmeasures = 3\nweights = "x"\n', "`health.measures`"),
    ],
)
def test_a_file_of_which_little_can_be_made_out_is_said_with_the_rest(
    place: Place, text: bytes | None, message: str
) -> None:
    """No traceback and no secret; the output folder is looked at all the same (CONTRACT `doctor`, TRU-5)."""
    place.config.unlink()
    if text is not None:
        place.config.write_bytes(text)
    place.out.write_text("not a folder")

    ran, critical = doctor(place)
    refused = keepwell("--config", place.config, "--out", place.out, *CHECK)

    assert ran.code == refused.code == 2
    assert [line for line in critical if message in line]
    assert [line for line in critical if line.startswith("out: ")]
    assert message in refused.err
    assert "hush" not in ran.out + ran.err + refused.err


def test_a_required_column_weighs_what_the_company_says_that_it_weighs(place: Place) -> None:
    """With its severity lowered in writing the lack is a warning, and `check` goes on (SRC-3)."""
    place.sql(tickets=place.without("tickets", "opened_at"))
    place.add("""
    [checks.overrides."tickets.column_exists"]
    severity = "warning"
    reason = "tickets are not dated for now"
    """)

    ran, critical = doctor(place)

    assert ran.code == 0, critical
    assert [one.message for one in findings(ran) if one.severity == "warning" and one.subject == "source"] == [
        "the mapping of tickets (`sql/tickets.sql`) does not give `opened_at`, which the table requires. Add it."
    ]


def test_a_mistake_that_may_only_follow_from_another_is_not_reported(place: Place) -> None:
    """An unreadable value is reported once, without the contradictions of its default (CONTRACT `doctor`)."""
    place.add("""
    [health.bands]
    critical_below = "low"
    at_risk_below = 40
    [alerts.guard]
    share = 0.1
    back_share = 0.2
    colour = "red"
    [messages.channels.team]
    url = "json://localhost"
    kinds = ["opend", "closd"]
    """)

    _, critical = doctor(place)

    assert_reported(
        critical,
        [
            ("`health.bands.critical_below`", "'low'"),
            ("unknown key `alerts.guard.colour`",),
            ("`alerts.guard`", "back_share must not be above share"),
            ("`messages.channels.team.kinds.0`", "'opend'"),
            ("`messages.channels.team.kinds.1`", "'closd'"),
        ],
    )


@pytest.mark.slow
def test_what_doctor_calls_well_is_taken_by_check(place: Place) -> None:
    """Neither a setting nor a mapping stops the run (CONTRACT `doctor`)."""
    place.add("""
    [checks.overrides."usage.fresh"]
    severity = "info"
    reason = "the warehouse is loaded once a month"
    [models.inputs]
    excluded_features = ["active_days_28d"]
    [outreach.needs]
    product = ["adoption", "usage"]
    """)
    ran, critical = doctor(place)
    checked = keepwell("--config", place.config, "--out", place.out, *CHECK)

    assert (ran.code, critical) == (0, [])
    assert checked.code == 0, checked.err
