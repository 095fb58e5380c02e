"""What `keepwell ... list` shows: names, revenue, the most urgent first, in eighty columns."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from keepwell.sample.write import write_company
from tests.support.running import ROOT, Ran, keepwell, mart

DAY, NOW = "2026-06-01", "2026-06-01T08:00"
OWN_RULE = """
[alerts.rules.quiet]
words = "Quiet for a week"
all = [{field = "days_since_last_use", op = ">", value = 6}]
severity = "warning"
recipients = ["csm"]
"""
COLOR = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sample company of 200 accounts, its alerts of one day, and the deadlines that passed that morning."""
    folder, out = tmp_path_factory.mktemp("company"), tmp_path_factory.mktemp("out")
    write_company(200, 18, 11, folder)
    with (folder / "pipeline.toml").open("a") as config:
        config.write(OWN_RULE)
    for command in (("daily", "--as-of", DAY), ("sweep", "--now", NOW)):
        ran = keepwell("--config", folder / "pipeline.toml", "--out", out, *command)
        assert ran.code == 0, ran.err
    return folder / "pipeline.toml", out


def run(place: tuple[Path, Path], *arguments: str, **environment: str) -> Ran:
    config, out = place
    return keepwell("--config", config, "--out", out, *arguments, **environment)


def test_alerts_have_name_revenue_and_severity_the_most_urgent_first(place: tuple[Path, Path]) -> None:
    """Critical before warning; late before what has time; then the next deadline, then the larger account."""
    listed = json.loads(run(place, "--json", "alerts", "list", "--now", NOW).out)
    book = mart(place[1], "health_scores", DAY).set_index("account_id")

    assert {"alert", "case", "account", "name", "arr", "severity", "rule", "next", "due", "missed", "detail"} <= set(
        listed[0]
    )
    for row in listed:
        assert row["name"] == book.loc[row["account"], "name"]
        assert row["arr"] == pytest.approx(book.loc[row["account"], "arr"])
    order = [("critical", "warning").index(row["severity"]) for row in listed]
    assert order == sorted(order)
    assert len(set(order)) == 2, "both severities are there"
    keys = [(o, row["missed"] == "", row["due"], -row["arr"]) for o, row in zip(order, listed, strict=True)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("what", ["alerts", "actions"])
def test_a_list_fits_eighty_columns_and_loses_nothing(place: tuple[Path, Path], what: str) -> None:
    """Long names and sentences are folded, not cut: every word of a row is printed."""
    listed = json.loads(run(place, "--json", what, "list", "--now", NOW).out)
    shown = run(place, what, "list", "--now", NOW).out

    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(listed) > 5
    words = set(shown.split())
    for row in listed:
        said = (row["name"], row["account"], f"{row['arr']:,.0f}", row["owner"], row.get("detail") or row["action"])
        missing = {word for text in said for word in str(text).rstrip(":").split()} - words
        assert not {word for word in missing if f"{word}:" not in words}, row


def test_a_terminal_gets_colors_and_a_file_none(place: tuple[Path, Path]) -> None:
    """In a real terminal `critical` is red, and the columns follow its width; NO_COLOR, or a file, has none."""
    config, out = map(str, place)
    command = [sys.executable, "-m", "tests.support.entry", "--config", config, "--out", out]

    def on_a_terminal(**environment: str) -> str:
        outer, inner = pty.openpty()
        process = subprocess.Popen(
            [*command, "alerts", "list", "--now", NOW], stdout=inner, stderr=subprocess.DEVNULL, cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "60", **environment},
        )  # fmt: skip
        os.close(inner)
        text = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(outer, 65_536):
                text += part
        os.close(outer)
        assert process.wait(60) == 0
        return text.decode()

    colored = on_a_terminal()

    assert re.search(r"\x1b\[1;31mcritical", colored)
    assert max(len(COLOR.sub("", line)) for line in colored.splitlines()) <= 60
    assert not re.search(r"\x1b\[[\d;]*3\dm", on_a_terminal(NO_COLOR="1"))
    assert "\x1b" not in run(place, "alerts", "list", "--now", NOW).out


def test_a_part_of_a_name_is_taken_where_it_is_nobody_elses(place: tuple[Path, Path]) -> None:
    """The first word of a name that no other account has; of one that several have, all are named."""
    book = mart(place[1], "health_scores", DAY)
    first = book["name"].str.split().str[0]
    alone = book.loc[~first.duplicated(keep=False)].iloc[0]
    word = alone["name"].split()[0]
    last = book["name"].str.split().str[-1].value_counts().idxmax()

    found = run(place, "--json", "account", word.upper(), "--as-of", DAY)
    several = run(place, "account", last, "--as-of", DAY)

    assert found.code == 0, found.err
    assert alone["account_id"] in found.out
    assert several.code == 2
    inside = run(place, "account", word[1:], "--as-of", DAY)
    assert inside.code == 2, "the middle of a word names nobody"
    assert re.search(rf"\d+ accounts have '{last}' in their name: A\d+, A\d+", several.err)
    assert "Give more of it, or the id." in several.err
