"""Files and addresses that cannot be used: the CONTRACT's exit code and a sentence in plain words (TRU-3)."""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from keepwell.sample.write import write_company
from tests.support.running import keepwell

DAY = "2026-06-30"
INTERNAL = re.compile(
    r"Traceback|NoneType|\b[A-Z]\w+(?:Error|Exception|Warning)\b|\b(?:tasks|flows|features|models|playbook|values)\.\w+\."
    r"|<class|object at 0x|site-packages|set_int_max_str_digits"
    r"|\b(?:duckdb|sqlglot|pydantic|tomllib|psycopg|sqlalchemy)\b\."
)
"""What only programmers know: classes, modules, addresses in memory."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_company(30, 14, 7, folder)
    return folder


def config(folder: Path) -> Path:
    return folder / "pipeline.toml"


def written(name: str, data: bytes | str) -> Callable[[Path], None]:
    """A file of these bytes in place of what is there."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    return write


def added(text: str) -> Callable[[Path], None]:
    """More lines at the end of pipeline.toml."""
    return lambda folder: config(folder).open("a").write(f"\n{text}\n") and None


def first(text: str) -> Callable[[Path], None]:
    """Lines at the beginning of pipeline.toml."""
    return lambda folder: config(folder).write_text(f"{text}\n{config(folder).read_text()}") and None


def source(url: str) -> Callable[[Path], None]:
    """Another source."""

    def change(folder: Path) -> None:
        text = config(folder).read_text()
        config(folder).write_text(re.sub(r'url = "[^"]*"', f'url = "{url}"', text, count=1))

    return change


def folder_instead(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return change


def gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def pipe(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return change


def loop(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name)

    return change


def broken_duckdb(folder: Path) -> None:
    (folder / "company.duckdb").write_bytes(b"not a database" * 1000)
    source("duckdb://company.duckdb")(folder)


def empty_sqlite(folder: Path) -> None:
    sqlite3.connect(folder / "company.sqlite").close()
    source("sqlite://company.sqlite")(folder)


def other_duckdb(folder: Path) -> None:
    duckdb.connect(folder / "company.duckdb").close()
    source("duckdb://company.duckdb")(folder)


def csv_for(table: str, text: bytes) -> Callable[[Path], None]:
    """A table as CSV in place of parquet."""

    def change(folder: Path) -> None:
        (folder / f"{table}.parquet").unlink()
        (folder / f"{table}.csv").write_bytes(text)

    return change


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def playbook(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """A playbook of the company's own."""
    return both(first('playbook = "mine.toml"'), change)


def broken_ledger(folder: Path) -> None:
    (folder / "l.db").write_bytes(b"x" * 5000)
    added(f'[ledger]\nurl = "sqlite:///{folder}/l.db"')(folder)


def duckdb_folder(folder: Path) -> None:
    (folder / "x.duckdb").mkdir()
    source("duckdb://x.duckdb")(folder)


HEAD = b"account_id,day,user_id,feature,events\n"
USAGE = "SELECT account_id, day, user_id, feature, events FROM usage"
DEEP = "(" * 3000 + "1" + ")" * 3000
INPUTS: list[tuple[str, Callable[[Path], None], int, str]] = [
    ("config_not_utf8", written("pipeline.toml", b'[source]\nurl = "caf\xe9"\n'), 2, "pipeline.toml is not UTF-8 text"),
    ("config_utf16", written("pipeline.toml", "[source]".encode("utf-16")), 2, "is not UTF-8 text"),
    ("config_empty", written("pipeline.toml", ""), 2, "source"),
    ("config_folder", folder_instead("pipeline.toml"), 2, "pipeline.toml is a folder"),
    ("config_pipe", pipe("pipeline.toml"), 2, "pipeline.toml is not a file"),
    ("config_loop", loop("pipeline.toml"), 2, "pipeline.toml"),
    ("config_gone", gone("pipeline.toml"), 2, "does not exist"),
    ("config_deep_arrays", first("x = " + "[" * 5000), 2, "is nested deeper than"),
    ("config_deep_tables", first("x = " + "{a=" * 100 + "1" + "}" * 100), 2, "is nested deeper than"),
    ("config_huge_number", first("x = " + "1" * 5000), 2, "thousands of digits"),
    ("config_half_character", first('x = "\\uD800"'), 2, "is not valid TOML"),
    ("config_nul", added('[owners]\ndefault_csm = "a\\u0000b"'), 2, "`owners.default_csm` contains a character"),
    ("config_twice", added('[source]\nurl = "."'), 2, "is not valid TOML"),
    ("config_wrong_kind", added("[alerts]\nclocks = 3"), 2, "alerts.clocks"),
    ("config_year_nought", added("[tiers]\nholidays = [0000-01-01]"), 2, "is not valid TOML"),
    ("config_section_as_text", first('alerts = "all"'), 2, "alerts"),
    ("playbook_not_utf8", playbook(written("mine.toml", b"\xff\xfe")), 2, "mine.toml is not UTF-8 text"),
    ("playbook_folder", playbook(folder_instead("mine.toml")), 2, "mine.toml is a folder"),
    ("playbook_deep", playbook(written("mine.toml", "x=" + "[" * 9999)), 2, "mine.toml is nested deeper than"),
    ("playbook_empty", playbook(written("mine.toml", "")), 2, "action"),
    ("mapping_not_utf8", written("sql/usage.sql", b"SELECT '\xe9' AS feature FROM usage"), 2, "is not UTF-8 text"),
    ("mapping_empty", written("sql/usage.sql", ""), 2, "holds 0 statements"),
    ("mapping_comment", written("sql/usage.sql", "-- later"), 2, "holds 0 statements"),
    ("mapping_folder", folder_instead("sql/usage.sql"), 2, "is a folder"),
    ("mapping_pipe", pipe("sql/usage.sql"), 2, "is not a file"),
    ("mapping_gone", gone("sql/usage.sql"), 2, "does not exist"),
    ("mapping_nul", written("sql/usage.sql", f"{USAGE}\0"), 2, "usage.sql"),
    ("mapping_unparsed", written("sql/usage.sql", "SELEC account_id FROM usage"), 2, "usage.sql"),
    ("mapping_unclosed", written("sql/usage.sql", "SELECT 'a FROM usage"), 2, "usage.sql"),
    ("mapping_deep", written("sql/usage.sql", f"SELECT {DEEP} AS events FROM usage"), 2, "is nested too deeply"),
    ("mapping_no_function", written("sql/usage.sql", USAGE.replace("events", "nope(events) AS events")), 2, "usage"),
    ("mapping_wrong_types", written("sql/usage.sql", USAGE.replace("events", "day + feature AS events")), 2, "usage"),
    ("mapping_ambiguous", written("sql/usage.sql", "SELECT account_id, day FROM usage a, usage b"), 2, "usage"),
    ("mapping_ungrouped", written("sql/usage.sql", "SELECT account_id, sum(events) AS events FROM usage"), 2, "usage"),
    ("mapping_mark_first", written("sql/usage.sql", f"\ufeff{USAGE}"), 0, ""),
    ("source_folder_gone", source("nowhere"), 2, "nowhere"),
    ("source_is_a_file", source("pipeline.toml"), 2, "source.url"),
    ("source_port_text", source("postgres://ann:secret@localhost:port/db"), 2, "source.url"),
    ("source_port_high", source("postgres://ann:secret@localhost:99999/db"), 2, "source.url"),
    ("source_port_negative", source("postgres://ann:secret@localhost:-1/db"), 2, "source.url"),
    ("source_bracket", source("postgres://ann:secret@[::1/db"), 2, "source.url"),
    ("source_duckdb_folder", duckdb_folder, 2, "source.url"),
    ("source_duckdb_broken", broken_duckdb, 3, "company.duckdb"),
    ("source_duckdb_without_tables", other_duckdb, 2, "accounts"),
    ("source_sqlite_without_tables", empty_sqlite, 2, "accounts"),
    ("ledger_port", added('[ledger]\nurl = "postgresql://ann:secret@localhost:port/db"'), 2, "ledger.url"),
    ("ledger_port_high", added('[ledger]\nurl = "postgresql://ann:secret@localhost:99999/db"'), 2, "ledger.url"),
    ("ledger_no_url", added('[ledger]\nurl = "over there"'), 2, "ledger.url"),
    ("ledger_folder", added('[ledger]\nurl = "sqlite:////"'), 2, "ledger.url"),
    ("ledger_no_database", broken_ledger, 2, "ledger.url"),
    ("table_folder", folder_instead("usage.parquet"), 2, "usage"),
    ("table_empty_file", written("usage.parquet", b""), 3, "usage"),
    ("table_text", written("usage.parquet", b"not parquet"), 3, "usage"),
    ("table_pipe", pipe("usage.parquet"), 2, "usage"),
    ("csv_empty", csv_for("usage", b""), 3, "usage"),
    ("csv_not_utf8", csv_for("usage", HEAD + b"A\xff,2026-06-01,u,f,1\n"), 3, "usage"),
    ("csv_open_quote", csv_for("usage", HEAD + b'"A,2026-06-01,u,f,1\nB,2026-06-01,u,f,1\n'),
     3, "usage"),
    ("csv_ragged", csv_for("usage", HEAD + b"A,2026-06-01,u,f,1,9\n"), 3, "usage"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "says"), [one[1:] for one in INPUTS], ids=[one[0] for one in INPUTS])
def test_what_cannot_be_used_ends_with_its_code_and_a_sentence(
    company: Path, tmp_path: Path, change: Callable[[Path], None], code: int, says: str
) -> None:
    """2 for what a person configured, 3 for what the source delivered; no class, no module, no secret (CONTRACT)."""
    folder = tmp_path / "company"
    shutil.copytree(company, folder)
    change(folder)

    command = ("alerts", "list", "--now", DAY) if "ledger.url" in says else ("check", "--as-of", DAY)
    ran = keepwell("--config", config(folder), "--out", tmp_path / "out", *command)

    assert ran.code == code, ran.err
    assert says in ran.err
    assert not INTERNAL.search(ran.err), INTERNAL.search(ran.err)
    assert "secret" not in ran.err
    assert len(ran.err) < 3000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["pipeline.toml", "sql/usage.sql", "usage.parquet"])
def test_what_may_not_be_read_is_named(company: Path, tmp_path: Path, name: str) -> None:
    """A file without rights: exit 2 where a person gave it, 3 where the source did (CONTRACT)."""
    folder = tmp_path / "company"
    shutil.copytree(company, folder)
    (folder / name).chmod(stat.S_IWUSR)

    ran = keepwell("--config", config(folder), "--out", tmp_path / "out", "check", "--as-of", DAY)

    assert ran.code == (3 if name.endswith("parquet") else 2), ran.err
    assert not INTERNAL.search(ran.err)


@pytest.mark.slow
def test_a_command_that_fails_in_the_doctor_says_the_same(company: Path, tmp_path: Path) -> None:
    """The doctor finds what the run refuses, in the same plain words, and ends with 2 (OPS-6)."""
    for number, (name, change, code, _) in enumerate(INPUTS):
        if code != 2 or name.startswith("ledger"):
            continue
        folder = tmp_path / str(number)
        shutil.copytree(company, folder)
        change(folder)
        ran = keepwell("--config", config(folder), "--out", tmp_path / "out", "doctor")
        assert ran.code == 2, (name, ran.out)
        assert not INTERNAL.search(ran.out + ran.err), (name, ran.out, ran.err)
        assert "secret" not in ran.out + ran.err, name
