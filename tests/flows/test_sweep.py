"""`keepwell sweep` and `keepwell alerts`, as a user types them (ALR-2, ALR-3, ALR-5)."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from keepwell.sample.write import write_company
from tests.support.running import Ran, bytes_of, keepwell, mart


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sample company of 200 accounts and the alerts of one day."""
    folder = tmp_path_factory.mktemp("company")
    write_company(200, 18, 11, folder)
    out = tmp_path_factory.mktemp("out")
    ran = keepwell("--config", folder / "pipeline.toml", "--out", out, "daily", "--as-of", "2026-06-01")
    assert ran.code == 0, ran.err
    return folder / "pipeline.toml", out


@pytest.fixture
def place(begun: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The same with an output of its own."""
    config, out = begun
    shutil.copytree(out, tmp_path / "out")
    return config, tmp_path / "out"


def run(place: tuple[Path, Path], *arguments: str) -> Ran:
    config, out = place
    return keepwell("--json", "--config", config, "--out", out, *arguments)


def swept(place: tuple[Path, Path], now: str) -> dict[str, int]:
    ran = run(place, "sweep", "--now", now)
    assert ran.code == 0, ran.err
    found: dict[str, int] = json.loads(ran.out)
    return found


def test_a_sweep_records_each_clock_once(place: tuple[Path, Path]) -> None:
    """Two hours after the day's run, planned at five, every case that nobody has seen is late, once (ALR-2, ALR-7)."""
    listed = json.loads(run(place, "alerts", "list", "--now", "2026-06-01T01:00").out)
    cases = {alert["case"] for alert in listed}
    swept(place, "2026-06-01T05:10")
    before, late, again = (swept(place, f"2026-06-01T{at}") for at in ("06:45", "07:00", "07:00"))

    assert len(listed) > len(cases) > 2
    assert before["breached"] == 0
    assert late["breached"] == len(cases)
    assert (again["breached"], again["opened"]) == (0, 0)


def test_deadlines_start_when_the_message_leaves(place: tuple[Path, Path]) -> None:
    """The first sweep after the day comes at nine: nobody is late at ten, and everybody at eleven (ALR-7)."""
    cases = {alert["case"] for alert in json.loads(run(place, "alerts", "list", "--now", "2026-06-01T01:00").out)}
    found = [swept(place, f"2026-06-01T{at}")["breached"] for at in ("09:00", "10:00", "10:59", "11:00")]

    assert found == [0, 0, 0, len(cases)]


@pytest.mark.slow
def test_event_alerts_open_between_the_days_and_never_twice(place: tuple[Path, Path]) -> None:
    """By sweeps through the day, each event once; the next day's run finds them there (ALR-2, ALR-3)."""
    opened = sum(swept(place, f"2026-06-{day:02}T12:00")["opened"] for day in range(1, 9))
    again = sum(swept(place, f"2026-06-{day:02}T12:00")["opened"] for day in range(1, 9))
    ran = run(place, "daily", "--as-of", "2026-06-02")
    listed = pd.DataFrame(json.loads(run(place, "alerts", "list", "--all", "--now", "2026-06-09").out))
    of_events = listed[listed["rule"].isin(["urgent_ticket", "payment_failure", "billing_dispute"])]

    assert ran.code == 0, ran.err
    assert opened > 0
    assert again == 0
    assert of_events["detail"].is_unique


@pytest.mark.slow
def test_a_response_is_taken_step_by_step_and_shows_in_the_marts(place: tuple[Path, Path]) -> None:
    """Who, when, what: in the ledger, and cut at the day in the marts; of a case, for all its alerts (ALR-2, ALR-5)."""
    swept(place, "2026-06-01T05:15")  # the messages leave: deadlines count from here
    listed = json.loads(run(place, "alerts", "list", "--now", "2026-06-01T05:30").out)
    name = listed[0]["alert"]
    seen = run(place, "alerts", "ack", name, "--by", "ann", "--now", "2026-06-01T05:40")
    called = run(place, "alerts", "contact", name, "--by", "ann", "--note", "called", "--now", "2026-06-01T08:00")
    twice = run(place, "alerts", "contact", name, "--by", "bob", "--now", "2026-06-01T08:30")
    swept(place, "2026-06-01T10:00")
    assert run(place, "daily", "--as-of", "2026-06-02").code == 0
    _, out = place
    alerts, steps = (mart(out, table, "2026-06-02").set_index("alert_id") for table in ("alerts", "alert_steps"))
    (whole,) = [alert for alert in alerts.index if alert.startswith(name)]
    mine = steps.loc[[whole]].set_index("step")

    assert seen.out == "recorded: ack\n"
    assert re.fullmatch(r"recorded: assess, plan, contact(, review)?\n", called.out)
    assert twice.out == "already recorded: nothing changed\n"
    assert alerts.loc[whole, "state"] == "contacted"
    assert (mine.loc["contact", "by"], mine.loc["contact", "note"]) == ("ann", "called")
    assert not mine.loc[["ack", "assess", "contact"], "breached"].any()
    answered = alerts.index[alerts["case_id"] == alerts.loc[whole, "case_id"]]
    others = steps[~steps.index.isin(answered)]
    late = others.loc[others["step"] == "ack", "escalated_to"]
    opened = alerts.loc[alerts["opened_at"] == "2026-06-01", "case_id"]
    assert set(alerts.loc[late.index, "case_id"]) == set(opened) - {alerts.loc[whole, "case_id"]}
    assert (late == "manager").all()
    assert mart(out, "alert_steps", "2026-06-01").empty


@pytest.mark.slow
def test_a_day_run_again_says_what_it_said_whatever_people_did_since(place: tuple[Path, Path]) -> None:
    """The marts of a day are cut at the day (ALR-5, TRU-1)."""
    _, out = place
    before = bytes_of(out, "alerts", "alert_steps")
    swept(place, "2026-06-01T07:30")
    name = json.loads(run(place, "alerts", "list", "--now", "2026-06-01T07:30").out)[0]["alert"]
    asleep = ("snooze", name, "--by", "ann", "--reason", "migrating", "--until")
    said = [
        run(place, "alerts", *arguments, "--now", "2026-06-01T08:00")
        for arguments in (
            ("ack", name, "--by", "ann"), (*asleep, "2026-06-09"), (*asleep, "2026-06-10"),
            ("close", name, "--by", "ann", "--reason", "a test account"),
        )
    ]  # fmt: skip
    assert [ran.code for ran in said] == [0, 0, 2, 0]
    assert "already recorded this for alert" in said[2].err
    assert json.loads(said[1].out)["snoozed_until"] == "2026-06-09 00:00:00"
    assert run(place, "daily", "--as-of", "2026-06-01").code == 0

    assert len(before) == 4
    assert bytes_of(out, "alerts", "alert_steps") == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("ack", "nothing", "--by", "ann"),
            "No id of a case or alert begins with 'nothing' (as of 2026-06-01 01:00 UTC)",
        ),
        (("ack", "", "--by", "ann"), "ids of cases or alerts begin with ''"),
        (("snooze", "0", "--by", "ann", "--reason", "x", "--until", "2026-05-01"), "Give a future instant"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(begun: tuple[Path, Path], arguments, says) -> None:
    """Exit code 2, and what to look at (OUT-5)."""
    ran = run(begun, "alerts", *arguments, "--now", "2026-06-01T01:00")

    assert ran.code == 2
    assert says in ran.err


# The schedule --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sweeps_that_stopped_are_reported_by_the_next_one(place: tuple[Path, Path]) -> None:
    """Two hours after the first that was due: the data owner hears of it, and the alert closes by itself (OUT-3)."""

    def missed(now: str) -> list[str]:
        listed = json.loads(run(place, "alerts", "list", "--now", now).out)
        return [alert["detail"] for alert in listed if alert["rule"] == "run_missed"]

    for now in ("2026-06-01T09:00", "2026-06-01T11:10"):
        swept(place, now)
    in_time = missed("2026-06-01T11:10")
    swept(place, "2026-06-01T13:25")
    late = missed("2026-06-01T13:25")
    for now in ("2026-06-01T13:40", "2026-06-01T13:55"):
        swept(place, now)

    assert in_time == []
    assert late == ["run missed: sweep of 2026-06-01T11:15"]
    assert missed("2026-06-01T13:55") == []


@pytest.mark.slow
def test_the_day_sends_what_waits_where_no_sweep_does(place: tuple[Path, Path]) -> None:
    """Else nobody would hear that the sweeps stopped; while they run, messages leave with them (OUT-3, ALR-4)."""
    messages = place[1] / "messages"

    def sent() -> int:
        return sum(len(file.read_text().splitlines()) for file in messages.rglob("*") if file.is_file())

    for now in ("2026-06-01T09:00", "2026-06-02T04:45"):
        swept(place, now)
    before = sent()
    assert run(place, "daily", "--as-of", "2026-06-02").code == 0
    running = sent()
    ran = run(place, "daily", "--as-of", "2026-06-03")

    assert running == before
    assert ran.code == 0, ran.err
    assert sent() > running
    listed = json.loads(run(place, "alerts", "list", "--now", "2026-06-03T05:30").out)
    assert [a["owner"] for a in listed if a["detail"] == "run missed: sweep of 2026-06-02T05:00"] == ["data owner"]


@pytest.mark.slow
def test_a_missed_run_is_reported_once_until_it_is_made_up(place: tuple[Path, Path]) -> None:
    """Two hours after its planned time, to the data owner; `backfill` makes it up and leaves the rest (OUT-3)."""

    def missed(now: str) -> list[tuple[str, str]]:
        listed = json.loads(run(place, "alerts", "list", "--now", now).out)
        return [(alert["owner"], alert["detail"]) for alert in listed if alert["rule"] == "run_missed"]

    for now in ("2026-06-02T06:45", "2026-06-02T07:00", "2026-06-02T07:15"):
        swept(place, now)
    early, sent = missed("2026-06-02T06:50"), missed("2026-06-02T07:20")
    made_up = run(place, "backfill", "--from", "2026-06-01", "--to", "2026-06-02", "--flow", "daily")
    for now in ("2026-06-02T07:30", "2026-06-02T07:45"):
        swept(place, now)

    assert early == []
    assert sent == [("data owner", "run missed: daily_alerts of 2026-06-02")]
    assert [(row["as_of"][:10], row["status"]) for row in json.loads(made_up.out)] == [
        ("2026-06-01", "there"),
        ("2026-06-02", "done"),
    ]
    assert missed("2026-06-02T07:50") == []


# One account ----------------------------------------------------------------------------------------------------------


def test_one_account_is_shown_from_its_flag_to_what_was_done(place: tuple[Path, Path]) -> None:
    """Score, reasons, course, what happened in order and who did it, what is open: on one page (ACT-1, ALR-5)."""
    listed = json.loads(run(place, "alerts", "list", "--now", "2026-06-01T05:30").out)
    cases = [one["case"] for one in listed]
    alone = next(one for one in listed if cases.count(one["case"]) == 1)
    alert, account = alone["alert"], alone["account"]
    swept(place, "2026-06-01T05:10")
    run(place, "alerts", "ack", alert, "--by", "ann", "--note", "looking", "--now", "2026-06-01T05:40")
    swept(place, "2026-06-01T09:00")
    config, out = place
    page = keepwell("--config", config, "--out", out, "account", account, "--as-of", "2026-06-02")
    shown = json.loads(run(place, "account", account, "--as-of", "2026-06-02").out)
    before = json.loads(run(place, "account", account, "--as-of", "2026-06-01").out)
    mine = [line["what"] for line in shown["lines"] if line["alert_id"].startswith(alert)]
    score = mart(out, "health_scores", "2026-06-01").set_index("account_id").loc[account]

    assert page.code == 0, page.err
    assert [line.split(":")[0] for line in mine][:2] == [
        "Alert opened", f"Alert acknowledged ({alone['rule'].replace('_', ' ')})"
    ]  # fmt: skip
    assert any("Missed: assess" in line and "escalated to manager" in line for line in mine)
    assert not any("Missed: ack" in line for line in mine)
    assert [line["by"] for line in shown["lines"] if "looking" in line["what"]] == ["ann"]
    assert len(before["lines"]) < len(shown["lines"])
    assert shown["summary"] == score["summary"]
    assert str(score["summary"]) in page.out
    assert shown["course"][0]["health"] == pytest.approx(score["health"])
    assert json.loads(run(place, "account", str(score["name"]).upper(), "--as-of", "2026-06-02").out) == shown


@pytest.mark.slow
def test_a_health_that_a_person_set_drives_the_next_day(place: tuple[Path, Path]) -> None:
    """By name, with author, reason and expiry; the page tells it, and a lifted one stands no more (HLT-4)."""
    _, out = place
    book = mart(out, "health_scores", "2026-06-01")
    good = book[(book["health"] > 75) & (book["status"] == "active")].iloc[0]
    about = ("--by", "ann", "--reason", "the sponsor is leaving")
    set_ = ("override", "set", good["name"], "--health", "30", "--until", "2026-06-20", *about)
    done = [
        run(place, *set_, "--now", "2026-06-01T09:00"),
        run(
            place, "note", good["account_id"], "a merger", "--until", "2026-06-20", "--by", "ann", "--now", "2026-06-01"
        ),
        run(place, "daily", "--as-of", "2026-06-02"),
    ]
    row = mart(out, "health_scores", "2026-06-02").set_index("account_id").loc[good["account_id"]]
    alerts = mart(out, "alerts", "2026-06-02")
    page = json.loads(run(place, "account", good["account_id"], "--as-of", "2026-06-02").out)
    listed = json.loads(run(place, "override", "list", "--now", "2026-06-02").out)
    lifted = run(
        place, "override", "lift", good["account_id"], "--by", "bob", "--reason", "x", "--now", "2026-06-02T01:00"
    )

    assert [ran.code for ran in done] == [0, 0, 0], done
    assert (row["health"], row["band"], row["override_by"]) == (30, "critical", "ann")
    assert row["health_computed"] > 60
    assert "health_low" in set(alerts.loc[alerts["account_id"] == good["account_id"], "rule"])
    assert [line["what"].partition(" until")[0] for line in page["lines"] if line["by"] == "ann"] == [
        "Note (expires June 20): a merger",
        "Health overridden to 30",
    ]
    assert [o["account_id"] for o in listed] == [good["account_id"]]
    assert lifted.out == "lifted: 30, set by ann on June 1\n"
    assert json.loads(run(place, "override", "list", "--now", "2026-06-02T02:00").out) == []


def test_an_account_that_is_not_there_is_said(begun: tuple[Path, Path]) -> None:
    """Exit code 2, with what to do (OUT-5)."""
    ran = run(begun, "account", "nobody", "--as-of", "2026-06-02")

    assert ran.code == 2
    assert "no account 'nobody' in the scores" in ran.err
