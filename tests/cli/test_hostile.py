"""Hostile texts as names, ids, notes and words of people, through every command that prints (TRU-3, TRU-4)."""

import csv
import html
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import openpyxl
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.cli.terminal import Guarded
from keepwell.sample.write import write_company
from keepwell.values.texts import one_line, storable, visible
from tests.support.hostile import LEGAL, UNSTORABLE, obeyed
from tests.support.running import Ran, keepwell, mart

DAY = "2026-06-30"
NOW = "2026-06-30T18:00"
NAMES = {"ValueError", "TypeError", "KeyError", "UnicodeEncodeError", "DataError", "Traceback", "NoneType"}


@dataclass(frozen=True)
class Place:
    """A company whose names and texts are hostile, and its output."""

    config: Path
    out: Path
    accounts: dict[str, str]

    def run(self, *arguments: object, codes: tuple[int, ...] = (0,)) -> Ran:
        """A command of which nothing reaches the terminal as a command, and which ends as it should."""
        ran = keepwell("--config", self.config, "--out", self.out, *arguments)
        assert obeyed(ran.out + ran.err) == [], arguments
        assert ran.code in codes, (arguments, ran.err)
        assert not [name for name in NAMES if name in ran.err], (arguments, ran.err)
        return ran


def hostile_company(folder: Path) -> dict[str, str]:
    """A sample company in which ids, names, owners and words are hostile texts; accounts by the text's name.

    One ticket, one account and one contact hold NUL.
    """
    write_company(len(LEGAL) + 10, 14, 7, folder)
    accounts = pd.read_parquet(folder / "accounts.parquet")
    ids = sorted(accounts["account_id"].unique())
    texts = dict(zip(ids, LEGAL.values(), strict=False))
    # Ids must differ in their text, so each one is its own text plus the hostile one.
    renamed = {one: f"{one} {text}" for one, text in texts.items()}
    shorter = {one: text[:300] for one, text in renamed.items()}
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        if "account_id" not in table.column_names:
            continue
        frame = table.to_pandas()
        frame["account_id"] = frame["account_id"].map(lambda one: shorter.get(one, one))
        if path.stem == "accounts":
            words = cycle(LEGAL.values())
            frame["name"] = [
                texts.get(one.split(" ")[0], name) for one, name in zip(frame["account_id"], frame["name"], strict=True)
            ]
            for column in ("csm", "industry", "segment"):
                frame[column] = [next(words)[:200] for _ in range(len(frame))]
            if "parent_id" in frame:
                frame["parent_id"] = frame["parent_id"].map(lambda one: shorter.get(one, one))
        for column in {"text", "comment", "note", "stage", "owner", "plan", "reason", "feature"} & set(frame.columns):
            words = cycle(LEGAL.values())
            frame[column] = [value if value is None else f"{value} {next(words)[:200]}" for value in frame[column]]
        if path.stem in ("tickets", "contacts"):
            key = f"{path.stem.removesuffix('s')}_id"
            frame.loc[0, key] = "bad\0id"
        pq.write_table(pa.Table.from_pandas(frame, table.schema.remove_metadata(), preserve_index=False), path)
    return {name: shorter[one] for one, name in zip(ids, LEGAL, strict=False)}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The hostile company after a day of work with it, on each kind of ledger."""
    folder = tmp_path_factory.mktemp("company")
    accounts = hostile_company(folder)
    config = folder / "pipeline.toml"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE hostile")
        config.write_text(config.read_text() + f'\n[ledger]\nurl = "{url.removesuffix("/postgres")}/hostile"\n')
    place = Place(config, tmp_path_factory.mktemp("out"), accounts)
    place.run("daily", "--as-of", "2026-06-29")
    place.run("daily", "--as-of", DAY)
    place.run("sweep", "--now", "2026-06-30T12:00")
    book = set(mart(place.out, "health_scores", DAY)["account_id"])
    somebody = min(book)
    return Place(config, place.out, {name: one if one in book else somebody for name, one in accounts.items()})


@pytest.mark.slow
def test_a_row_that_holds_nul_is_set_aside_and_counted_and_no_run_stops(place: Place) -> None:
    """One ticket stopped every alert on PostgreSQL; now it is in `quarantine`, with its reason (SRC-4, TRU-3)."""
    aside = mart(place.out, "quarantine", DAY)
    nul = aside[aside["reason"].str.contains("NUL")]

    assert set(nul["table"]) == {"tickets", "contacts"}
    assert set(nul["key"].str.partition("|")[0]) == {"bad\\0id"}
    assert len(mart(place.out, "alerts", DAY)) > 0


LONG = ("check", "weekly", "monthly", "audit", "backfill")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("check", "--as-of", DAY), ("weekly", "--as-of", "2026-06-29"), ("monthly", "--as-of", DAY, "--week", 1),
        ("monthly", "--as-of", DAY, "--week", 2), ("monthly", "--as-of", DAY, "--week", 3),
        ("monthly", "--as-of", DAY, "--week", 4), ("alerts", "list", "--now", NOW), ("work", "list", "--now", NOW),
        ("override", "list", "--now", NOW), ("crm", "diff", "--as-of", DAY), ("crm", "sync", "--as-of", DAY),
        ("audit", "--as-of", DAY), ("model", "list"), ("doctor",), ("backfill", "--from", DAY, "--to", DAY),
    ],
    ids=lambda command: "-".join(map(str, command)),
)  # fmt: skip
def test_every_command_shows_hostile_texts_and_obeys_none(
    place: Place, command: tuple[object, ...], request: pytest.FixtureRequest
) -> None:
    """What a terminal would obey is written out, in text and as JSON (TRU-4).

    A flow says its result once it has run: the long ones say it as text on SQLite, as JSON on PostgreSQL.
    """
    codes = (0, 2) if command[0] == "doctor" else (0, 1, 3) if command[0] == "audit" else (0,)
    forms: Sequence[tuple[str, ...]] = ((), ("--json",))
    if command[0] in LONG:
        forms = forms[:1] if "sqlite" in request.node.name else forms[1:]
    for form in forms:
        place.run(*form, *command, codes=codes)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEGAL)
def test_every_word_of_a_person_is_data(place: Place, name: str) -> None:
    """As who did it, note, reason, owner, account: recorded as given, or refused in a sentence (TRU-4)."""
    text, account = LEGAL[name], place.accounts[name]
    by = text.strip() or "x"
    said = ("--by", f"{by} x", "--now", NOW)
    place.run(
        "note",
        account,
        f"-{text}" if not text.startswith("-") else f"x{text}",
        *said,
        "--until",
        "2026-08-01",
        codes=(0, 2),
    )
    place.run("work", "call", account, "--outcome", "reached", "--note", text, *said)
    place.run("work", "start", account, "--kind", "training", "--id", f"{name} {text}"[:500], *said)
    place.run(
        "work", "plan", account, "--metric", "health", "--target", 80, "--due", "2026-07-30", "--owner", text, *said
    )
    place.run("work", "call", account, "--outcome", text, *said, codes=(2,))
    place.run("override", "set", account, "--health", 20, "--reason", f"{text} x", "--until", "2026-07-20", *said)
    page = place.run("account", account, "--as-of", NOW).out
    assert one_line(f"{by} x") in page
    detail = json.loads(place.run("--json", "account", account, "--as-of", NOW).out)
    assert any(f"{by} x" in line["by"] for line in detail["lines"])
    place.run("account", f"nobody {text}", "--as-of", NOW, codes=(2,))
    place.run("alerts", "list", "--owner", text, "--now", NOW)
    place.run("work", "list", "--owner", text, "--now", NOW)
    place.run("alerts", "ack", f"none {text}", *said, codes=(2,))


@pytest.mark.slow
def test_steps_of_alerts_take_hostile_words(place: Place) -> None:
    """Every live alert is answered by somebody with a hostile name, for a hostile reason (ALR-3, TRU-4)."""
    alerts = json.loads(place.run("--json", "alerts", "list", "--now", NOW).out)
    assert alerts
    steps = cycle(["ack", "assess", "plan", "contact", "follow-up", "snooze", "close"])
    for alert, text in zip(alerts, cycle(LEGAL.values()), strict=False):
        step = next(steps)
        more = {"snooze": ("--reason", f"{text} x", "--until", "2026-07-03"), "close": ("--reason", f"{text} x")}
        place.run("alerts", step, alert["alert"], "--by", f"{text} x", "--now", NOW, *more.get(step, ("--note", text)))
    place.run("sweep", "--now", "2026-07-01T12:00")
    place.run("alerts", "list", "--all", "--now", "2026-07-01T12:00")


@pytest.mark.slow
def test_an_import_file_of_hostile_texts_is_taken_in_whole(place: Place, tmp_path: Path) -> None:
    """CSV and parquet, read back as they were given but for blanks around them (MON-3, TRU-4)."""
    rows = [
        {
            "what": "call", "at": "2026-06-30T08:00", "account": account, "outcome": "reached",
            "by": f"{LEGAL[name]} i", "note": LEGAL[name],
        }
        for name, account in place.accounts.items()
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "work.csv", index=False, quoting=csv.QUOTE_ALL)
    pd.DataFrame(rows).to_parquet(tmp_path / "work.parquet")

    first = json.loads(place.run("--json", "work", "import", tmp_path / "work.csv", "--now", NOW).out)
    again = json.loads(place.run("--json", "work", "import", tmp_path / "work.parquet", "--now", NOW).out)
    assert first["recorded"] + first["already recorded"] == len(rows)
    assert again["recorded"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSTORABLE)
def test_what_no_database_can_store_is_refused_in_a_sentence(place: Place, name: str) -> None:
    """NUL and halves of characters, as any argument: exit 2, nothing recorded (TRU-4)."""
    account = next(iter(place.accounts.values()))
    for position in (("--by", UNSTORABLE[name], "--note", "x"), ("--by", "ann", "--note", UNSTORABLE[name])):
        ran = place.run("work", "call", account, "--outcome", "reached", *position, "--now", NOW, codes=(2,))
        assert "is not text in UTF-8" in ran.err


@pytest.mark.slow
def test_pages_escape_spreadsheets_hold_no_formula_and_calendars_no_foreign_line(place: Place) -> None:
    """HTML shows markup as text, .xlsx has texts alone, .ics has one VEVENT a call, file names are ours (TRU-4)."""
    for week in (1, 2):
        place.run("monthly", "--as-of", DAY, "--week", week)
    pages = "".join(page.read_text() for page in (place.out / "reports").rglob("*.html"))
    for text in LEGAL.values():
        assert not re.search(r"<script>alert|<img src=x|<svg/onload", pages)
        assert "{{ 7 * 7 }}" not in pages.replace(html.escape("{{ 7 * 7 }}"), "") or "49" not in text
    for path in (place.out / "reports").rglob("*.xlsx"):
        for row in openpyxl.load_workbook(path).active.iter_rows():
            assert not [cell.coordinate for cell in row if cell.data_type == "f"]
            assert all(cell.quotePrefix for cell in row if str(cell.value).startswith(("=", "+", "-", "@")))
    for path in (place.out / "reports").rglob("*.ics"):
        lines = path.read_bytes().decode().split("\r\n")
        assert (
            lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == sum(line.startswith("UID:") for line in lines)
        )
        assert all(line.isprintable() or not obeyed(line.replace("\u202e", "").replace("\u202c", "")) for line in lines)
        assert re.fullmatch(r"[a-z0-9-]+\.ics", path.name)
    assert all(
        re.fullmatch(r"[\w.=:+-]+", part) for path in place.out.rglob("*") for part in path.relative_to(place.out).parts
    )


@pytest.mark.slow
def test_messages_hold_no_escape_and_no_foreign_header(place: Place) -> None:
    """The title is one line, whatever an account is called: no header of a mail can follow it (TRU-4)."""
    messages = [path.read_text() for path in (place.out / "messages").glob("*.txt")]

    assert messages
    for text in messages:
        assert obeyed(text) == []
        assert not re.search(r"^(Bcc:|keepwell: all is well)", text, re.MULTILINE)


def test_the_list_is_hostile_and_what_is_shown_is_read_back() -> None:
    """Nothing that a terminal obeys is left; JSON reads the escapes back; texts without any stay as they are."""
    assert sum(bool(obeyed(text)) for text in LEGAL.values()) >= 10
    for text in (*LEGAL.values(), *UNSTORABLE.values()):
        assert obeyed(visible(text)) == obeyed(one_line(text)) == []
        assert "\n" not in one_line(text)
        if not obeyed(text):
            assert visible(text) == text
        plain = json.dumps(text, ensure_ascii=False)
        assert json.loads(visible(plain)) == text
        assert storable(text) == (text in LEGAL.values())
        if storable(text):
            assert tomllib.loads(f"x = {visible(plain)}")["x"] == text


def test_a_stream_that_cannot_write_a_character_writes_it_out(tmp_path: Path) -> None:
    """An old terminal in ASCII or Latin-1 ends no run; libraries that would color their output do not."""
    for encoding in ("ascii", "latin-1", "utf-8"):
        with (tmp_path / encoding).open("w", encoding=encoding) as file:
            stream = Guarded(file)
            for text in (*LEGAL.values(), *UNSTORABLE.values()):
                stream.write(text)
            assert not stream.isatty()
        assert obeyed((tmp_path / encoding).read_text(encoding=encoding)) == []
