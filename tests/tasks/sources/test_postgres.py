"""PostgreSQL as a source: the same marts as from parquet, read-only."""

import shutil
from datetime import date
from pathlib import Path

import psycopg
import pytest

from keepwell.sample.write import write_company
from keepwell.tasks.settings import STANDARD_RETRIES
from keepwell.tasks.sources.connect import connect_source, described
from tests.support import postgres
from tests.support.running import Ran, bytes_of, keepwell

pytestmark = pytest.mark.postgres
DAY = "2026-06-01"


@pytest.mark.slow
def test_postgresql_and_parquet_give_equal_marts(postgres_url: str, tmp_path: Path) -> None:
    """250 accounts, the same mappings, two sources: every mart is the same, byte for byte (SRC-2)."""
    company = tmp_path / "company"
    write_company(250, 8, 3, company)
    postgres.load(postgres_url, company)
    other = tmp_path / "other"
    shutil.copytree(company / "sql", other / "sql")
    text = (company / "pipeline.toml").read_text()
    assert 'url = "."' in text
    (other / "pipeline.toml").write_text(text.replace('url = "."', 'url = "${COMPANY_URL}"'))

    parquet = keepwell("--config", company / "pipeline.toml", "--out", tmp_path / "a", "daily", "--as-of", DAY)
    server = keepwell(
        "--config", other / "pipeline.toml", "--out", tmp_path / "b", "daily", "--as-of", DAY, COMPANY_URL=postgres_url
    )

    assert (parquet.code, server.code) == (0, 0), parquet.err + server.err
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_a_mapping_cannot_write_to_the_source(postgres_url: str, tmp_path: Path) -> None:
    """A function with a side effect inside a SELECT is stopped by the read-only session (SRC-2)."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE victim (n int)")
        connection.execute(
            "CREATE FUNCTION sneak() RETURNS text LANGUAGE sql AS 'INSERT INTO victim VALUES (1) RETURNING n::text'"
        )
    company = tmp_path / "company"
    write_company(20, 3, 3, company)
    (company / "sql" / "usage.sql").write_text("SELECT sneak() AS account_id")
    config = company / "pipeline.toml"
    config.write_text(config.read_text().replace('url = "."', f'url = "{postgres_url}"'))

    ran = keepwell("--config", config, "--out", tmp_path / "out", "check", "--as-of", DAY)

    assert ran.code in (2, 3)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM victim").fetchone() == (0,)


def test_a_role_that_may_only_read_is_enough(postgres_url: str, tmp_path: Path) -> None:
    """No right to make temporary tables either: a locked warehouse gives none (SRC-2)."""
    company = tmp_path / "company"
    write_company(60, 6, 3, company)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE locked")
        connection.execute("REVOKE ALL ON DATABASE locked FROM PUBLIC")
        connection.execute("CREATE ROLE onlooker LOGIN")
        connection.execute("GRANT CONNECT ON DATABASE locked TO onlooker")
    locked = f"{postgres_url.rpartition('/')[0]}/locked"
    postgres.load(locked, company)
    with psycopg.connect(locked, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO onlooker")
        connection.execute("REVOKE SELECT ON tickets FROM onlooker")
    config = company / "pipeline.toml"
    url = locked.replace("postgres@", "onlooker@")
    config.write_text(config.read_text().replace('url = "."', f'url = "{url}"'))

    def run(command: str, *arguments: str) -> Ran:
        return keepwell("--config", config, "--out", tmp_path / "out", command, *arguments)

    doctor = run("doctor")
    assert "the mapping of tickets reads `tickets`; missing, or not readable by this user" in doctor.out
    assert doctor.out.count("critical") == 1
    refused = run("check", "--as-of", DAY)
    assert refused.code == 2
    assert "the mapping of tickets cannot be run: permission denied for table tickets. Correct" in refused.err
    with psycopg.connect(locked, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON tickets TO onlooker")
    assert run("check", "--as-of", DAY).code == 0
    begun = keepwell("init", "--url", url, "--to", tmp_path / "begun")
    assert (begun.code, (tmp_path / "begun" / "sql" / "contracts.sql").is_file()) == (0, True), begun.err


def test_two_columns_of_one_name_are_named(postgres_url: str, tmp_path: Path) -> None:
    """PostgreSQL hands both over, and nobody could tell which is meant (SRC-2)."""
    company = tmp_path / "company"
    write_company(20, 3, 3, company)
    config = company / "pipeline.toml"
    config.write_text(config.read_text().replace('url = "."', f'url = "{postgres_url}"'))
    (company / "sql" / "accounts.sql").write_text("SELECT 1 AS account_id, 'a' AS name, 'b' AS name")

    ran = keepwell("--config", config, "--out", tmp_path / "out", "check", "--as-of", DAY)

    assert (ran.code, "the mapping of accounts gives `name` more than once." in ran.err) == (2, True), ran.err


def test_days_are_those_of_utc_whatever_the_server_is_set_to(postgres_url: str, tmp_path: Path) -> None:
    """Also after an error, which takes its transaction back (SRC-2)."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE elsewhere")
        connection.execute("ALTER DATABASE elsewhere SET TimeZone = 'America/New_York'")
    source = connect_source(f"{postgres_url.rpartition('/')[0]}/elsewhere", tmp_path, {}, STANDARD_RETRIES)

    def day() -> object:
        sql = (
            "SELECT ('2026-01-01 00:00+00'::timestamptz)::date AS day, current_setting('transaction_read_only') AS only"
        )
        return described(source, "usage", sql).to_pyarrow().to_pylist()

    assert day() == [{"day": date(2026, 1, 1), "only": "on"}]
    with pytest.raises(psycopg.Error):
        described(source, "usage", "SELECT nothing")
    source.con.rollback()
    assert day() == [{"day": date(2026, 1, 1), "only": "on"}]
    source.disconnect()
