"""A PostgreSQL table with a watermark: a run reads what is new, and has what a whole read gives (SRC-8)."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ibis.expr.types as ir
import numpy as np
import psycopg
import pytest

from keepwell.features.facts.columns import CanonicalTable
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.settings import TableSettings
from keepwell.tasks.sources import extracts, staging
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from tests.support.running import keepwell

pytestmark = pytest.mark.postgres
TODAY = datetime(2026, 6, 1, tzinfo=UTC)
NOW = TODAY + timedelta(hours=7)
MAPPINGS = {
    "accounts": "SELECT id AS account_id, name FROM customers",
    "contracts": "SELECT id AS contract_id, customer AS account_id, begins AS start_on, 1000 AS arr, 'USD' AS currency "
    "FROM deals",
    "usage": "SELECT customer AS account_id, on_day AS day, who AS user_id, clicks AS events, updated_at AS loaded_at "
    "FROM clicks",
}
EVERY = {"usage": TableSettings(sql="usage.sql", watermark="loaded_at", look_back_days=3, whole_read_days=7)}


@pytest.fixture
def source(postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS customers, deals, clicks")
        connection.execute("CREATE TABLE customers (id text, name text)")
        connection.execute("CREATE TABLE deals (id text, customer text, begins date)")
        connection.execute(
            "CREATE TABLE clicks (customer text, on_day date, who uuid, clicks numeric, updated_at timestamptz)"
        )
        connection.execute("INSERT INTO customers VALUES ('a', 'Acme'), ('b', 'Bolt')")
        connection.execute("INSERT INTO deals VALUES ('d1', 'a', '2024-01-01'), ('d2', 'b', '2024-02-01')")
        for day in range(40, 0, -1):
            add(connection, day)
        add(connection, 35, "-infinity", "6f1ed002-ab5c-4b3e-8b1a-000000000000")
        yield connection


def ago(days: float) -> datetime:
    return TODAY - timedelta(days=days)


def add(source: psycopg.Connection, day: float, written: datetime | str | None = None, who: str | None = None) -> None:
    """A day's row, written the morning after it unless said otherwise."""
    at = written if written is not None else ago(day - 1) + timedelta(hours=3)
    source.execute("INSERT INTO clicks VALUES ('a', %s, %s, 5, %s)", [ago(day).date(), who, at])


class Reader:
    """Stages the source again and again; `whole` stages it as if for the first time."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.first = url, folder, 0
        for name, sql in MAPPINGS.items():
            (folder / f"{name}.sql").write_text(sql)

    def read(self, tables: dict[str, TableSettings] | None = None, root: str = "snapshots") -> Snapshot:
        mappings = {name: self.folder / f"{name}.sql" for name in MAPPINGS}
        return stage(self.url, self.folder, mappings, self.folder / root, tables=EVERY if tables is None else tables)

    def whole(self) -> str:
        """The id of what is staged without anything from before."""
        self.first += 1
        return self.read({}, f"whole-{self.first}").id


@pytest.fixture
def reader(postgres_url: str, source: psycopg.Connection, tmp_path: Path) -> Reader:
    return Reader(postgres_url, tmp_path)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "keepwell")
    return caplog


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The host's clock stands at NOW; it is set so many days later."""

    def later(days: int) -> None:
        monkeypatch.setattr(extracts, "utc_now", lambda: NOW.replace(tzinfo=None) + timedelta(days=days))

    later(0)
    return later


def test_a_further_day_reads_the_look_back_and_what_is_new(
    source: psycopg.Connection, reader: Reader, said: pytest.LogCaptureFixture
) -> None:
    """Four mornings are as young as three days; the row that is new comes with them (SRC-8)."""
    reader.read()
    said.clear()
    add(source, 0, ago(0) + timedelta(hours=4))
    again = reader.read()

    assert f"usage: 5 rows read, those since {ago(3).date()}: 1 new, 0 changed, 0 gone." in said.text
    assert again.id == reader.whole()
    assert again.tables["usage"].rows == 42


def test_an_unchanged_table_is_not_staged_again(
    reader: Reader, said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read says so; the tables without a watermark are read as before (SRC-8, SCL-1)."""
    first = reader.read()
    said.clear()
    monkeypatch.setattr(staging, "canonical", _not_of_usage(staging.canonical))
    again = reader.read()

    assert again == first
    assert "usage: 4 rows read" in said.text
    assert f"usage: unchanged since snapshot {first.id}" in said.text


def _not_of_usage(made: Callable[..., ir.Table]) -> Callable[..., ir.Table]:
    def canonical(raw: ir.Table, table: CanonicalTable, **also: ir.Value) -> ir.Table:
        assert table.name != "usage"
        return made(raw, table, **also)

    return canonical


CHANGES = {
    "a row that came late": "INSERT INTO clicks VALUES ('b', %(old)s, NULL, 7, %(now)s)",
    "an old row, corrected": "UPDATE clicks SET clicks = 9, updated_at = %(now)s WHERE on_day = %(old)s",
    "an old row that moved to another day": "UPDATE clicks SET clicks = 8, updated_at = %(now)s WHERE on_day = %(old)s",
    "a young row, corrected silently": "UPDATE clicks SET clicks = 9 WHERE on_day = %(young)s",
    "a young row, deleted": "DELETE FROM clicks WHERE on_day = %(young)s",
    "a row without a time": "INSERT INTO clicks VALUES ('b', %(old)s, NULL, 7, NULL)",
    "a row of the far future": "INSERT INTO clicks VALUES ('b', %(old)s, NULL, 7, '2099-01-01')",
    "a row of no end": "INSERT INTO clicks VALUES ('b', %(old)s, NULL, 7, 'infinity')",
    "the same key with a user": "INSERT INTO clicks VALUES ('a', %(old)s, gen_random_uuid(), 1, %(now)s)",
    "nothing of an hour ago": "DELETE FROM clicks WHERE false",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_watermark_tells_is_repaired_at_once(change: str, source: psycopg.Connection, reader: Reader) -> None:
    """Twice, so that what one read left is there for the next (SRC-8, TRU-1)."""
    reader.read()
    for _ in range(2):
        source.execute(CHANGES[change], {"old": ago(20).date(), "young": ago(2).date(), "now": NOW})
        assert reader.read().id == reader.whole()
        add(source, 0, NOW, "6f1ed002-ab5c-4b3e-8b1a-000000000001")
        assert reader.read().id == reader.whole()
        source.execute(
            "DELETE FROM clicks WHERE who IS NOT NULL AND updated_at > '2000-01-01' OR updated_at > '2098-01-01'"
        )
        reader.read()


def test_a_whole_read_finds_what_the_watermark_does_not_tell(
    source: psycopg.Connection, reader: Reader, said: pytest.LogCaptureFixture, clock: Callable[[int], None]
) -> None:
    """Rows of a month ago: one deleted, two corrected, one added, none of them dated (SRC-8)."""
    reader.read()
    source.execute("DELETE FROM clicks WHERE on_day = %s", [ago(30).date()])
    source.execute("UPDATE clicks SET clicks = 1 WHERE on_day IN (%s, %s)", [ago(31).date(), ago(32).date()])
    source.execute("INSERT INTO clicks VALUES ('b', %s, NULL, 7, %s)", [ago(33).date(), ago(32)])
    assert reader.read().id != reader.whole()
    assert "a whole read" not in said.text

    clock(8)
    assert reader.read().id == reader.whole()

    (warned,) = [record.getMessage() for record in said.records if record.levelname == "WARNING"]
    assert "usage: a whole read found what its watermark `loaded_at` had not told" in warned
    assert "1 new, 2 changed, 1 gone" in warned


def test_a_whole_read_that_finds_nothing_warns_of_nothing(
    source: psycopg.Connection, reader: Reader, said: pytest.LogCaptureFixture, clock: Callable[[int], None]
) -> None:
    """Not of what a read by the watermark would have found as well (SRC-8)."""
    reader.read()
    add(source, 0, NOW)
    source.execute("UPDATE clicks SET clicks = 2, updated_at = %s WHERE on_day = %s", [NOW, ago(30)])
    clock(8)

    assert reader.read().id == reader.whole()
    assert not [record for record in said.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE clicks ALTER COLUMN clicks TYPE integer",
        "ALTER TABLE clicks ALTER COLUMN who TYPE text",
    ],
)
def test_a_column_of_another_type_is_read_anew(change: str, source: psycopg.Connection, reader: Reader) -> None:
    """Old rows and new ones are in the types of today (SRC-8)."""
    reader.read()
    source.execute(change)
    add(source, 0, NOW)

    assert reader.read().id == reader.whole()


def test_another_select_is_read_anew(source: psycopg.Connection, reader: Reader) -> None:
    """What was read by the old one is nothing to go on from (SRC-8)."""
    reader.read()
    (reader.folder / "usage.sql").write_text(f"{MAPPINGS['usage']} WHERE on_day > '{ago(10).date()}'")

    assert reader.read().tables["usage"].rows == 9
    assert reader.read().id == reader.whole()


def test_a_damaged_extract_is_read_anew(reader: Reader, said: pytest.LogCaptureFixture) -> None:
    """Nothing is computed from what is not what was stored (TRU-1)."""
    first = reader.read()
    (file,) = (reader.folder / "snapshots" / extracts.FOLDER).glob("usage-*.parquet")
    file.write_bytes(file.read_bytes()[:-10])

    assert reader.read() == first
    assert "is not what was stored" in said.text


def test_an_extract_that_is_gone_is_read_anew(reader: Reader) -> None:
    """Its note alone is nothing to go on from (TRU-1)."""
    first = reader.read()
    (file,) = (reader.folder / "snapshots" / extracts.FOLDER).glob("usage-*.parquet")
    file.unlink()

    assert reader.read() == first


def test_a_clock_that_was_ahead_puts_off_no_whole_read(
    source: psycopg.Connection, reader: Reader, clock: Callable[[int], None]
) -> None:
    """Set back by a year, the whole read would wait for that long (SRC-8)."""
    clock(365)
    reader.read()
    source.execute("DELETE FROM clicks WHERE on_day = %s", [ago(30).date()])
    clock(0)

    assert reader.read().id == reader.whole()


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz(0)"])
def test_a_watermark_may_be_of_any_kind_that_dates(kind: str, source: psycopg.Connection, reader: Reader) -> None:
    """A day, an instant without a zone, one of whole seconds (SRC-8)."""
    source.execute(f"ALTER TABLE clicks ALTER COLUMN updated_at TYPE {kind}")
    reader.read()
    add(source, 0, NOW)
    source.execute("UPDATE clicks SET clicks = 9, updated_at = %s WHERE on_day = %s", [NOW, ago(20).date()])
    source.execute("DELETE FROM clicks WHERE on_day = %s", [ago(2).date()])

    assert reader.read().id == reader.whole()


def test_a_run_that_dies_after_its_read_is_repaired_by_the_next(
    source: psycopg.Connection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are stored before the snapshot that holds them (TRU-1)."""
    reader.read()
    add(source, 0, NOW)
    with monkeypatch.context() as patched:
        patched.setattr(staging, "store_snapshot", _dies)
        with pytest.raises(KeyboardInterrupt):
            reader.read()

    assert reader.read().id == reader.whole()


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_many_days_of_any_changes_give_what_whole_reads_give(source: psycopg.Connection, reader: Reader) -> None:
    """Rows added, corrected and deleted at random, all within the look-back or dated (SRC-8)."""
    rng = np.random.default_rng(5)
    reader.read()
    for _ in range(12):
        for _ in range(rng.integers(0, 5)):
            given = {"day": ago(int(rng.integers(0, 40))).date(), "now": NOW, "young": ago(2)}
            source.execute(ANY_CHANGE[rng.integers(0, len(ANY_CHANGE))], given)
        assert reader.read().id == reader.whole()


ANY_CHANGE = (
    "INSERT INTO clicks VALUES ('b', %(day)s, gen_random_uuid(), 1, %(now)s)",
    "UPDATE clicks SET clicks = clicks + 1, updated_at = %(now)s WHERE on_day = %(day)s",
    "DELETE FROM clicks WHERE on_day = %(day)s AND updated_at > %(young)s",
    "UPDATE clicks SET who = gen_random_uuid(), updated_at = %(now)s WHERE on_day = %(day)s AND updated_at > %(young)s",
)


@pytest.mark.parametrize(
    ("watermark", "sql", "words"),
    [
        ("changed_at", MAPPINGS["usage"], "which is no date or instant that the mapping gives"),
        ("events", MAPPINGS["usage"], "which is no date or instant that the mapping gives"),
        ("known_at", MAPPINGS["usage"], "which is no date or instant that the mapping gives"),
        (
            "loaded_at",
            MAPPINGS["usage"].replace("updated_at AS", "updated_at::text AS"),
            "which postgres has as string: it cannot compare it",
        ),
        ("loaded_at", MAPPINGS["usage"].replace("customer AS account_id, ", ""), "does not give `account_id`"),
    ],
)
def test_a_watermark_that_is_none_is_refused(watermark: str, sql: str, words: str, reader: Reader) -> None:
    """With the setting's name and what to write (OPS-2, SRC-8)."""
    (reader.folder / "usage.sql").write_text(sql)
    with pytest.raises(ConfigError, match=words) as refused:
        reader.read({"usage": TableSettings(sql="usage.sql", watermark=watermark)})
    assert f"tables.usage.watermark names `{watermark}`" in str(refused.value)


def test_a_day_of_the_command_reads_that_day(
    source: psycopg.Connection,
    postgres_url: str,
    reader: Reader,
    tmp_path: Path,
    said: pytest.LogCaptureFixture,
) -> None:
    """`keepwell check`, as a user types it, on the settings of a table (SRC-8)."""
    tables = "\n".join(f'[tables.{name}]\nsql = "{name}.sql"' for name in MAPPINGS)
    (tmp_path / "pipeline.toml").write_text(
        f'[source]\nurl = "{postgres_url}"\n{tables}\nwatermark = "loaded_at"\nlook_back_days = 1\n'
    )
    source.execute("DELETE FROM clicks WHERE updated_at = '-infinity'")
    read = []
    for _ in range(2):
        ran = keepwell(
            "--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out", "check", "--as-of", str(TODAY.date())
        )
        assert ran.code == 0, ran.err
        read.append([r.getMessage() for r in said.records if "rows read" in r.getMessage()])
        said.clear()
        add(source, 0, NOW)

    assert read == [[], [f"usage: 3 rows read, those since {ago(1).date()}: 1 new, 0 changed, 0 gone."]]
    noted = json.loads((tmp_path / "out" / "snapshots" / extracts.FOLDER / "usage.json").read_text())
    assert noted["file"].startswith("usage-")
