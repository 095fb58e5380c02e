"""A run with a wrong date: refused, or without effect, and a way back (SPEC section 0, ALR-3)."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd
import pytest
import typer

from evaluation.soak_checks import rows_of
from keepwell.cli.dates import believed, planned
from keepwell.cli.main import app
from keepwell.flows.clock import Host, refuse_ahead
from keepwell.sample.write import write_company
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger
from tests.support.running import ROOT, Ran, bytes_of, keepwell

NOON = datetime(2026, 6, 1, 12)
"""The host's clock in these tests."""
NEVER = ("0001-01-01", "9999-12-31", "2099-01-01", "2062-05-05")


class Place:
    """A company, an output folder, and a host on which it is noon of 1 June 2026."""

    def __init__(self, config: Path, out: Path) -> None:
        self.config, self.out = config, out

    def run(self, *arguments: object, clock: datetime = NOON) -> Ran:
        return keepwell("--json", "--config", self.config, "--out", self.out, *arguments, clock=clock)

    def done(self, *arguments: object, clock: datetime = NOON) -> Any:
        ran = self.run(*arguments, clock=clock)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def go_on(self) -> None:
        """What the next hours and the next day bring."""
        tomorrow = NOON + timedelta(days=1)
        self.done("sweep", "--now", "2026-06-01T12:15", clock=tomorrow)
        self.done("daily", "--as-of", "2026-06-02", clock=tomorrow)
        self.done("sweep", "--now", "2026-06-02T12:00", clock=tomorrow)

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.out / 'ledger.db'}"

    def ledger(self) -> Ledger:
        return Ledger.open(self.ledger_url)

    def everything(self) -> tuple[object, ...]:
        """The ledger, row by row, the marts, the reports and the messages."""
        files = {p.name: p.read_bytes() for name in ("messages", "reports") for p in (self.out / name).glob("*")}
        return rows_of(self.ledger_url), bytes_of(self.out), files

    def what_came(self) -> dict[str, Any]:
        """What people and BI see of the day after: events, its marts, its messages."""
        ledger = self.ledger()
        events = [e for e in ledger.history() if e.as_of > NOON]
        ledger.close()
        marts = {n: h for n, h in bytes_of(self.out).items() if "as_of=2026-06-02" in n}
        sent = {
            p.name: p.read_text() for p in (self.out / "messages").glob("2026-06-0[12]T*") if p.name > "2026-06-01T12"
        }
        return {"events": events, "marts": marts, "messages": sent}


def keys_of(messages: Mapping[str, str]) -> set[str]:
    """The identity of each message, which stands at the end of its file's name."""
    return {name.removesuffix(".txt").rpartition("-")[2] for name in messages}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A sample company of 60 accounts, the alerts of a day, and its sweep at noon."""
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 18, 11, folder)
    place = Place(folder / "pipeline.toml", tmp_path_factory.mktemp("out"))
    place.done("daily", "--as-of", "2026-06-01")
    place.done("sweep", "--now", "2026-06-01T05:15")
    place.done("sweep", "--now", "2026-06-01T12:00")
    return place


def copy_of(place: Place, folder: Path) -> Place:
    shutil.copytree(place.out, folder / "out")
    return Place(place.config, folder / "out")


@pytest.fixture
def place(begun: Place, tmp_path: Path) -> Place:
    return copy_of(begun, tmp_path)


@pytest.fixture(scope="module")
def undisturbed(begun: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes where nothing goes wrong."""
    place = copy_of(begun, tmp_path_factory.mktemp("quiet"))
    place.go_on()
    came = place.what_came()
    assert all(came.values())
    return came


@pytest.mark.slow
@pytest.mark.parametrize("at", [*NEVER, "2026-06-02T12:01"])
def test_a_sweep_ahead_of_the_clock_is_refused_and_leaves_everything(place: Place, at: str) -> None:
    """Exit 2 in one sentence; tomorrow is a day and a minute ahead (SPEC section 0, ALR-2)."""
    before = place.everything()
    ran = place.run("sweep", "--now", at)

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "--now" in ran.err
    assert place.everything() == before


@pytest.mark.parametrize("day", [*NEVER, "2026-06-03"])
def test_a_day_ahead_of_the_clock_is_refused_and_leaves_everything(place: Place, day: str) -> None:
    """Exit 2 in one sentence (SPEC section 0)."""
    before = place.everything()
    ran = place.run("daily", "--as-of", day)

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "--as-of" in ran.err
    assert place.everything() == before


@pytest.mark.parametrize("at", ["1970-01-01", "2026-05-05T07:30", "2026-06-01T11:59:59"])
def test_a_sweep_older_than_the_newest_leaves_everything_and_says_so(
    place: Place, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A WARNING with both instants and the remedy, and nothing is written (ALR-3)."""
    before = place.everything()
    ran = place.run("sweep", "--now", at)

    assert ran.code == 0
    assert json.loads(ran.out)["opened"] == json.loads(ran.out)["breached"] == json.loads(ran.out)["sent"] == 0
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert f"this sweep is as of {datetime.fromisoformat(at)}" in warning
    assert "before the newest one (2026-06-01 12:00:00)" in warning
    assert "keepwell withdraw --as-of 2026-06-01" in warning
    assert place.everything() == before


@pytest.mark.slow
@pytest.mark.parametrize(("day", "code"), [("1970-01-01", 3), ("2026-05-31", 0)])
def test_a_day_older_than_the_newest_has_no_effect_on_what_comes_after(
    place: Place, undisturbed: dict[str, Any], day: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, and the right runs after it open, breach and send what they would have (ALR-3)."""
    ran = place.run("daily", "--as-of", day)
    place.go_on()
    came = place.what_came()

    assert ran.code == code, ran.err
    assert f"{day} is before the newest run (2026-06-01)" in caplog.text
    assert (came["events"], came["messages"]) == (undisturbed["events"], undisturbed["messages"])


@pytest.mark.slow
def test_a_first_sweep_before_the_first_contract_is_not_on_record(
    begun: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the next one would open every event since (ALR-3)."""
    early, late = Place(begun.config, tmp_path / "early"), Place(begun.config, tmp_path / "late")
    first = early.run("sweep", "--now", "1970-01-01")
    opened = [place.done("sweep", "--now", "2026-06-01T12:00")["opened"] for place in (early, late)]

    assert first.code == 0
    assert "before the first contract" in caplog.text
    assert opened[0] == opened[1]


@pytest.mark.slow
def test_what_was_forced_is_on_record_and_can_be_taken_back(
    place: Place, undisturbed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Withdrawn, a sweep of 2099 changes nothing of what comes after; without, everything is silent, and says so."""
    forced = place.done("--force", "Ann tries the far future", "sweep", "--now", "2099-01-01T08:00")
    silent = place.run("sweep", "--now", "2026-06-01T12:15")
    taken_back = place.done("withdraw", "--as-of", "2099-01-01", "--whole-day", "--by", "ann", "--reason", "a slip")
    place.go_on()
    came, ledger = place.what_came(), place.ledger()
    decisions = [(d["kind"], d["by"], d["reason"]) for d in ledger.decisions()]
    ledger.close()

    assert forced["breached"] > 0
    assert json.loads(silent.out)["breached"] == 0
    assert "before the newest one (2099-01-01 08:00:00)" in caplog.text
    assert taken_back["events"] >= forced["breached"]
    assert taken_back["runs"] == 1
    assert came == undisturbed
    assert decisions == [("forced", "keepwell sweep", "Ann tries the far future"), ("withdrawn", "ann", "a slip")]


@pytest.mark.slow
def test_within_the_slack_a_run_passes_and_can_be_taken_back(place: Place, undisturbed: dict[str, Any]) -> None:
    """The day of a team east of Greenwich begins before it does in UTC: D 00:00 passes, 14 hours ahead.

    What people were sent meanwhile cannot be unsent, and is not sent again.
    """
    ten = datetime(2026, 6, 1, 10)
    place.done("daily", "--as-of", "2026-06-02", clock=ten)
    place.done("sweep", "--now", "2026-06-02T09:59", clock=ten)
    place.done("withdraw", "--as-of", "2026-06-02", "--whole-day", "--by", "ann", "--reason", "it is June 1st")
    left = list((place.out / "marts").glob("*/as_of=2026-06-02"))
    place.go_on()
    came = place.what_came()

    assert left == []
    assert (came["events"], came["marts"]) == (undisturbed["events"], undisturbed["marts"])
    assert keys_of(came["messages"]) >= keys_of(undisturbed["messages"])


@pytest.mark.slow
def test_a_date_that_was_taken_back_leaves_the_marts_and_can_run_again(place: Place) -> None:
    """Partitions, manifests and reports go, the newest date is that before it, and a rerun publishes the same again."""
    tomorrow = NOON + timedelta(days=1)
    place.done("daily", "--as-of", "2026-06-02", clock=tomorrow)
    before, names = bytes_of(place.out), {p.name for p in (place.out / "reports").glob("*2026-06-02*")}
    history = place.ledger().history()
    found = place.done("withdraw", "--as-of", "2026-06-02", "--by", "ann", "--reason", "a broken export")
    gone = bytes_of(place.out)
    again = place.done("withdraw", "--as-of", "2026-06-02", "--by", "ann", "--reason", "a broken export")
    place.done("daily", "--as-of", "2026-06-02", clock=tomorrow)

    assert names
    assert found["partitions"] > 10
    assert found["reports"] == len(names)
    assert found["runs"] == 1
    assert not any("as_of=2026-06-02" in name for name in gone)
    assert not any(again[name] for name in ("partitions", "reports", "runs", "events", "messages"))
    assert bytes_of(place.out) == before
    assert place.ledger().history() == history
    assert len(place.ledger().decisions()) == 1


KILLED_AT_THE_THIRD_FILE = """
import os, signal, sys
moved = []

def kill(event, args):
    if event == "os.rename" and ".withdrawn" in str(args[1]):
        moved.append(args)
        if len(moved) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
from keepwell.cli.main import main
main()
"""


@pytest.mark.slow
def test_a_withdrawal_that_was_killed_is_ended_by_the_same_command(place: Place) -> None:
    """SIGKILL after the ledger's transaction, among the files: run again, it is on record once (TRU-1)."""
    command = ("--config", place.config, "--out", place.out, "withdraw", "--as-of", "2026-06-01")
    why = ("--by", "ann", "--reason", "a broken export")
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_THE_THIRD_FILE, *command, *why], cwd=ROOT, check=False)
    left = list((place.out / "marts").glob("*/as_of=2026-06-01"))
    place.done(*command[4:], *why)

    assert killed.returncode == -9
    assert left
    assert not list((place.out / "marts").glob("*/as_of=2026-06-01"))
    assert not (place.out / ".withdrawn").exists()
    assert [d["kind"] for d in place.ledger().decisions()] == ["withdrawn"]


@pytest.mark.slow
def test_people_keep_what_they_recorded_unless_the_whole_day_goes(place: Place) -> None:
    """A person's step comes back with its alert when the date is run again (MON-5)."""
    alert = place.done("alerts", "list", "--now", "2026-06-01T12:00")[0]["alert"]
    assert place.run("alerts", "ack", alert, "--by", "ann", "--now", "2026-06-01T12:01").code == 0
    ran = place.run("withdraw", "--as-of", "2026-06-01", "--by", "bob", "--reason", "a broken export")
    hidden = [a for a in place.done("alerts", "list", "--now", "2026-06-01T12:02") if a["alert"] == alert]
    place.done("daily", "--as-of", "2026-06-01")
    (back,) = [a for a in place.done("alerts", "list", "--now", "2026-06-01T12:02") if a["alert"] == alert]

    assert "entries of 2026-06-01 remain" in ran.err
    assert "--whole-day" in ran.err
    assert hidden == []
    assert back["state"] == "acknowledged"


def test_a_snooze_or_a_target_of_another_century_is_refused(place: Place) -> None:
    """`--until` and `--due` are meant to lie ahead, but not so far that dates run out (SPEC section 0)."""
    alert = place.done("alerts", "list", "--now", "2026-06-01T12:00")[0]
    who = ("--by", "ann", "--now", "2026-06-01T12:00")
    asked = [
        place.run("alerts", "snooze", alert["alert"], *who, "--reason", "a slip", "--until", until)
        for until in ("9999-12-31", "2062-06-02")
    ]
    asked.append(place.run("work", "follow-up", alert["account"], *who, "--due", "2062-06-02"))
    csv = place.out / "work.csv"
    rows = [{"what": "follow-up", "account": alert["account"], "at": "2026-06-01", "due": "9999-12-31"}]
    pd.DataFrame(rows).to_csv(csv, index=False)
    imported = place.run("work", "import", csv, *who)

    assert [ran.code for ran in asked] == [2, 2, 2]
    assert all(ran.err.count("\n") == 1 and "--force" in ran.err for ran in asked[1:])
    assert (imported.code, "plan_ahead_days" in imported.err) == (3, True)


def test_the_clock_is_asked_about_every_date_that_a_command_takes() -> None:
    """No option for a day or an instant without its bound; `withdraw` alone takes any date (SPEC section 0)."""
    unbounded = [
        f"{name} {option}" for name, option, callback in dated_options(app, "") if callback not in (believed, planned)
    ]

    assert len(list(dated_options(app, ""))) > 40
    assert unbounded == ["withdraw as_of"]


def dated_options(group: typer.Typer, path: str) -> Iterator[tuple[str, str, object]]:
    """Command, option and callback of everything that is read as a date."""
    for command in group.registered_commands:
        assert command.callback is not None
        hints = get_type_hints(command.callback, include_extras=True)
        for option, hint in hints.items():
            if option != "return" and "datetime" in str(getattr(hint, "__origin__", hint)):
                about = [a for a in getattr(hint, "__metadata__", ()) if hasattr(a, "callback")]
                yield f"{path}{command.name or command.callback.__name__}", option, about[0].callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from dated_options(inner.typer_instance, f"{path}{inner.name} ")


WHO = ["--by", "ann"]
WHY = [*WHO, "--reason", "a test"]
COMMANDS = [
    ["check", "--as-of"], ["weekly", "--as-of"], ["monthly", "--as-of"], ["quarterly", "--as-of"], ["audit", "--as-of"],
    ["account", "A00030", "--as-of"], ["alerts", "list", "--now"], ["crm", "sync", "--as-of"],
    ["model", "off", *WHY, "--as-of"], ["override", "list", "--now"], ["review", "start", *WHO, "--now"],
    ["work", "call", "A00030", *WHO, "--outcome", "reached", "--now"], ["work", "done", *WHO, "--week"],
    ["withdraw", *WHY, "--whole-day", "--as-of"],
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
def test_no_date_breaks_arithmetic(place: Place, command: list[str]) -> None:
    """Whatever the year, forced or not: done, or refused in sentences, never an error without a name (TRU-3)."""
    for day in ("0001-01-01", "1900-01-01", "1970-01-01", "2199-12-31", "9999-12-31"):
        for force in ([], ["--force", "a test"]):
            ran = place.run(*force, *command, day)
            assert ran.code in (0, 2, 3), ran.err
            assert "--debug shows where" not in ran.err


def test_a_run_under_prefect_is_held_to_the_same_clock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that somebody types into Prefect are refused too (SPEC section 0, OUT-3)."""
    from keepwell.flows.deployments import daily, sweeping

    monkeypatch.setattr(Host, "clock", lambda: NOON)
    monkeypatch.setattr(Host, "force", "")
    far = datetime(2099, 1, 1, tzinfo=UTC)
    before = place.everything()
    with pytest.raises(ConfigError, match="the run of 2099-01-01 is 73 years ahead"):
        daily.fn(config=str(place.config), out=str(place.out), as_of=far.date())
    with pytest.raises(ConfigError, match="73 years ahead of this machine's clock"):
        sweeping.fn(config=str(place.config), out=str(place.out), now=far)
    assert place.everything() == before


@pytest.mark.parametrize(
    ("at", "setting", "days", "says"),
    [
        (datetime(2099, 1, 1), "clock_slack_days", 1, ("X 2099-01-01 is 73 years ahead of this machine's clock "
         "(2026-06-01 12:00 UTC); at most 1 day is allowed (schedule.clock_slack_days). Correct the date or the clock. "
         "`keepwell --force REASON ...` runs it all the same and records the reason; then no earlier date can change "
         "alerts any more.")),
        (datetime(2026, 6, 2, 12, 1), "clock_slack_days", 1, "X 2026-06-02 12:01 is more than 1 day ahead of"),
        (datetime(2026, 6, 13), "clock_slack_days", 2, "X 2026-06-13 is 12 days ahead of"),
        (datetime(2027, 6, 1, 12), "clock_slack_days", 1, "X 2027-06-01 12:00 is 12 months ahead of"),
        (datetime(2031, 1, 1), "plan_ahead_days", 1096, ("at most 1,096 days are allowed (schedule.plan_ahead_days). "
         "Correct the date or the clock. `keepwell --force REASON ...` runs it all the same and records the reason.")),
    ],
)  # fmt: skip
def test_what_lies_ahead_is_refused_in_one_sentence_with_its_distance(
    at: datetime, setting: str, days: float, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date as it was typed, how far ahead in days, months or years, the limit, and what forcing it comes to."""
    monkeypatch.setattr(Host, "clock", lambda: datetime(2026, 6, 1, 12))
    monkeypatch.setattr(Host, "force", "")

    with pytest.raises(ConfigError) as refused:
        refuse_ahead("X", at, setting, days)

    assert says in str(refused.value)
