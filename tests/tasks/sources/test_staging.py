"""Staging: any source becomes the same immutable snapshot (SRC-1, SRC-2)."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from keepwell.tasks.errors import ConfigError, DataCheckFailed
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage

ACCOUNTS = "account_id,valid_from,name\n001,2024-01-01,Ann\n002,2024-01-01,Bob\n"
CONTRACTS = (
    "contract_id,account_id,start_on,arr,currency,seats\nc1,001,2024-01-02,1200,USD,3.0\nc2,002,2024-01-02,2400,USD,\n"
)
USAGE = "account_id,day,events\n001,2024-02-01,5\n001,2024-01-31,4\n002,2024-02-01,7\n"
TICKETS = (
    "ticket_id,account_id,opened_at,text\n"
    "t1,001,2024-02-01 09:00:00,This is terrible and nothing works\n"
    "t2,001,2024-02-02 09:00:00,Die Ausfuhr der Daten funktioniert leider immer noch nicht richtig\n"
)


def company(folder: Path, **tables: str) -> dict[str, Path]:
    """CSV files with one plain mapping each."""
    mappings = {}
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
        mappings[name] = folder / f"{name}.sql"
        mappings[name].write_text(f"SELECT * FROM {name}")
    return mappings


def staged(folder: Path, **changes: str) -> Snapshot:
    tables = {"accounts": ACCOUNTS, "contracts": CONTRACTS, "usage": USAGE, **changes}
    return stage(".", folder, company(folder, **tables), folder / "snapshots")


def rows(snapshot: Snapshot, table: str) -> list[dict[str, object]]:
    files = [part.file for part in snapshot.parts(table)]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_ids_stay_text_and_values_take_the_canonical_type(tmp_path: Path) -> None:
    """CSV is read as text and cast: id 001 keeps its zeros, 3.0 seats are 3 (SRC-2)."""
    snapshot = staged(tmp_path)

    contract = rows(snapshot, "contracts")[0]
    assert (contract["account_id"], contract["seats"], contract["arr"]) == ("001", 3, 1200.0)
    assert contract["start_on"] == date(2024, 1, 2)


def test_a_date_is_known_at_the_next_midnight_and_never_earlier_than_the_mapping_says(tmp_path: Path) -> None:
    """known_at is the table's rule, or later where the mapping gives it (section 0)."""
    usage = (
        "account_id,day,events,known_at\n"
        "001,2024-02-01,5,\n001,2024-02-02,5,2024-02-09 12:00:00\n001,2024-02-03,5,2024-01-01\n"
    )

    known = [row["known_at"] for row in rows(staged(tmp_path, usage=usage), "usage")]

    assert known == [datetime(2024, 2, 2), datetime(2024, 2, 9, 12), datetime(2024, 2, 4)]


def test_the_same_content_is_the_same_snapshot_whatever_its_order(tmp_path: Path) -> None:
    """The id follows from the content alone; another value is another snapshot (SRC-2)."""
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir(), (tmp_path / "c").mkdir()
    shuffled = "account_id,day,events\n002,2024-02-01,7\n001,2024-02-01,5\n001,2024-01-31,4\n"

    first, second = staged(tmp_path / "a"), staged(tmp_path / "b", usage=shuffled)
    third = staged(tmp_path / "c", usage=USAGE.replace("7", "8"))

    assert first.id == second.id != third.id
    assert rows(first, "usage") == rows(second, "usage")


def test_a_value_that_does_not_cast_is_counted_with_its_key_and_no_crash(tmp_path: Path) -> None:
    """One bad number among good ones reads NULL and is reported (SRC-2, SRC-4)."""
    snapshot = staged(tmp_path, usage=USAGE.replace("7", "many"))

    assert snapshot.tables["usage"].casts == {"events": (1, ("002|2024-02-01||",))}


@pytest.mark.parametrize(
    ("text", "in_utc"),
    [
        ("2024-02-01 09:00:00", "09:00"),
        ("2024-02-01T09:00:00Z", "09:00"),
        ("2024-02-01T09:00:00+02:00", "07:00"),
        ("2024-02-01 09:00:00-05:30", "14:30"),
    ],
)
def test_a_text_with_an_offset_is_the_instant_that_it_names(tmp_path: Path, text: str, in_utc: str) -> None:
    """Instants keep their offset and become UTC; one without is UTC (SRC-10)."""
    snapshot = staged(tmp_path, tickets=f"ticket_id,account_id,opened_at\nt1,001,{text}\n")

    assert [row["opened_at"] for row in rows(snapshot, "tickets")] == [datetime.fromisoformat(f"2024-02-01 {in_utc}")]


def test_rows_set_aside_are_stored_with_their_reason(tmp_path: Path) -> None:
    """They leave the table and enter the quarantine; nothing is lost (SRC-4)."""
    usage = (
        USAGE.replace("events\n", "events,quarantine_reason\n")
        .replace("4\n", "4,too early\n")
        .replace("5\n", "5,\n")
        .replace("7\n", "7,\n")
    )

    snapshot = staged(tmp_path, usage=usage)

    assert len(rows(snapshot, "usage")) == 2
    (aside,) = rows(snapshot, "quarantine")
    assert (aside["table_name"], aside["reason"], aside["account_id"]) == ("usage", "too early", "001")
    assert (snapshot.tables["usage"].rows, snapshot.tables["usage"].set_aside) == (2, 1)


def test_text_becomes_its_sentiment_and_is_not_stored(tmp_path: Path) -> None:
    """English has a tone, German reads as missing; the words themselves are not staged (FEA-5, TRU-5)."""
    bad, foreign = rows(staged(tmp_path, tickets=TICKETS), "tickets")

    assert bad["sentiment"] < 0
    assert foreign["sentiment"] is None
    assert "text" not in bad


def test_a_column_that_is_not_canonical_is_refused_by_name(tmp_path: Path) -> None:
    """A typing mistake in an optional column must not pass as a missing one (SRC-2)."""
    with pytest.raises(ConfigError, match="`evnts`"):
        staged(tmp_path, usage=USAGE.replace("events", "evnts"))


def test_a_duckdb_file_is_read_and_left_as_it_was(tmp_path: Path) -> None:
    """The connection is read-only (SRC-2)."""
    mappings = company(tmp_path, accounts=ACCOUNTS, contracts=CONTRACTS, usage=USAGE)
    with duckdb.connect(tmp_path / "w.duckdb") as con:
        for name in mappings:
            con.execute(f"CREATE TABLE {name} AS FROM read_csv('{tmp_path}/{name}.csv', all_varchar = true)")
    before = (tmp_path / "w.duckdb").read_bytes()

    from_file = stage("duckdb://w.duckdb", tmp_path, mappings, tmp_path / "s")

    assert from_file.id == stage(".", tmp_path, mappings, tmp_path / "s").id
    assert (tmp_path / "w.duckdb").read_bytes() == before


def test_nothing_half_written_stays_when_staging_fails(tmp_path: Path) -> None:
    """An error in the last table leaves no snapshot and no work folder (TRU-1)."""
    mappings = company(tmp_path, accounts=ACCOUNTS, contracts=CONTRACTS, usage=USAGE)
    (tmp_path / "usage.sql").write_text("SELECT account_id, no_such_column AS day FROM usage")

    with pytest.raises(DataCheckFailed):
        stage(".", tmp_path, mappings, tmp_path / "snapshots")

    assert list((tmp_path / "snapshots").iterdir()) == []


def test_a_row_that_holds_nul_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    """PostgreSQL takes no NUL: the row is counted aside; other control characters are data (SRC-4, TRU-4)."""
    tickets = TICKETS + "t\0003,001,2024-02-03 09:00:00,Fine\nt\x1b[31m4,001,2024-02-04 09:00:00,Fine\n"
    snapshot = staged(tmp_path, tickets=tickets)

    assert [row["ticket_id"] for row in rows(snapshot, "tickets")] == ["t1", "t2", "t\x1b[31m4"]
    (aside,) = rows(snapshot, "quarantine")
    assert (aside["table_name"], aside["key"], aside["account_id"]) == ("tickets", "t\\03", "001")
    assert aside["reason"] == "`ticket_id` holds NUL, which databases cannot store"
    assert snapshot.tables["tickets"].set_aside == 1


@pytest.mark.parametrize("typed", [True, False], ids=["numbers", "texts"])
def test_numbers_are_finite_bounded_and_whole_numbers_whole(tmp_path: Path, typed: bool) -> None:
    """inf, 1e300 and 3.7 seats are counted, of whatever type they come; nan is missing (SRC-10, TRU-3)."""
    kind = "DOUBLE" if typed else "VARCHAR"
    values = ["inf", "-inf", "nan", "1e300", "1e15", "-5", "3.7", "3.0"]
    company(tmp_path, accounts=ACCOUNTS, usage=USAGE, contracts=CONTRACTS)
    listed = ", ".join(f"('c{n}', '{value}')" for n, value in enumerate(values))
    (tmp_path / "contracts.sql").write_text(
        f"SELECT id AS contract_id, '001' AS account_id, '2024-01-02' AS start_on, CAST(v AS {kind}) AS arr, "
        f"'USD' AS currency, CAST(v AS {kind}) AS seats FROM (VALUES {listed}) t (id, v)"
    )
    mappings = {name: tmp_path / f"{name}.sql" for name in ("accounts", "contracts", "usage")}
    snapshot = stage(".", tmp_path, mappings, tmp_path / "snapshots")

    held = {row["contract_id"]: (row["arr"], row["seats"]) for row in rows(snapshot, "contracts")}
    assert [held[f"c{n}"][0] for n in range(8)] == [None, None, None, None, 1e15, -5, 3.7, 3.0]
    assert [held[f"c{n}"][1] for n in range(8)] == [None, None, None, None, 10**15, -5, None, 3]
    assert {name: count for name, (count, _) in snapshot.tables["contracts"].casts.items()} == {"arr": 3, "seats": 4}
