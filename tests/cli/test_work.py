"""`keepwell work` and week 3 of the month, by command, on a small sample company (MON-3, MON-5)."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from keepwell.cli.options import show_totals
from keepwell.sample.write import write_company
from keepwell.tasks.marts.publish import Stamp, publish
from tests.support.running import Ran, bytes_of, keepwell, mart

QUEUED, SCORED, WEEK = "2026-06-08", "2026-06-14", "2026-06-15"
WORK_MARTS = ("interventions", "success_plans")


@dataclass(frozen=True)
class Place:
    """A company and its output."""

    config: Path
    out: Path

    def run(self, *arguments: object) -> Ran:
        return keepwell("--json", "--config", self.config, "--out", self.out, *arguments)

    def work(self, at: str, *arguments: object, by: str = "ann") -> dict[str, Any]:
        ran = self.run("work", *arguments, "--by", by, "--now", at)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    def refused(self, at: str, *arguments: object) -> str:
        ran = self.run("work", *arguments, "--by", "ann", "--now", at)
        assert ran.code == 2, ran.out
        return ran.err

    def listed(self, at: str, *arguments: object) -> list[dict[str, str]]:
        return json.loads(self.run("work", "list", "--now", at, *arguments).out or "[]")

    def steps(self, account: str, at: str) -> set[str]:
        """The steps taken of the alerts of an account, as its page tells them."""
        page = json.loads(self.run("account", account, "--as-of", at).out)
        return {line["what"] for line in page["lines"] if line["alert_id"] and "opened" not in line["what"]}

    def queue(self) -> list[str]:
        """Accounts to call, first priority first."""
        asked = mart(self.out, "outreach_queue", QUEUED).sort_values("priority")
        return list(asked.loc[asked["scheduled_at"].notna(), "account_id"])

    def marts(self) -> dict[str, str]:
        return {name: v for name, v in bytes_of(self.out).items() if name.startswith(WORK_MARTS)}


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A company with a queue of week 2 (the six least healthy), and the scores and alerts of the day before week 3."""
    folder = tmp_path_factory.mktemp("company")
    write_company(50, 14, 11, folder)
    place = Place(folder / "pipeline.toml", tmp_path_factory.mktemp("out"))
    ran = place.run("daily", "--as-of", SCORED)
    assert ran.code == 0, ran.err
    book = mart(place.out, "health_scores", SCORED).sort_values("health").head(6)
    queue = book[["account_id", "name", "csm"]].assign(priority=range(1, 7), scheduled_at=pd.Timestamp(QUEUED))
    publish(place.out / "marts", date.fromisoformat(QUEUED), {"outreach_queue": queue}, Stamp("r", "c", "s"))
    return place


@pytest.fixture
def place(queued: Place, tmp_path: Path) -> Place:
    """The same with an output of its own."""
    shutil.copytree(queued.out, tmp_path / "out")
    return Place(queued.config, tmp_path / "out")


def alerted(place: Place) -> str:
    """An account with a live alert."""
    return str(mart(place.out, "alerts", SCORED)["account_id"].iloc[0])


@pytest.mark.slow
def test_a_call_that_reached_takes_the_step_of_the_alerts_once_and_says_so(place: Place) -> None:
    """Who spoke to the customer need not say it to the alert too; a call in vain, or --no-alerts, takes no step."""
    account = alerted(place)
    call = ("call", account, "--outcome", "reached", "--note", "will look")
    missed = place.work("2026-06-14T09:00", "call", account, "--outcome", "no_answer")
    apart = place.work("2026-06-14T09:30", *call, "--no-alerts")
    before = place.steps(account, "2026-06-14T10:00")
    first, again = (place.work("2026-06-14T10:00", *call) for _ in range(2))
    rule = mart(place.out, "alerts", SCORED).set_index("account_id").loc[[account], "rule"]

    assert missed == {"recorded": 1, "already recorded": 0, "account": account, "report": None}
    assert "alerts, contact" not in apart
    assert before == set()
    assert len(first["alerts, contact"].split(", ")) == len(rule)
    assert (again["recorded"], again["already recorded"]) == (0, 1)
    assert "alerts, contact" not in again
    assert place.steps(account, "2026-06-14T10:00") == {
        f"Customer contacted ({one.replace('_', ' ')}): will look" for one in rule
    }


def test_a_plan_is_the_step_plan_and_keeps_what_the_metric_was(place: Place) -> None:
    """The baseline is the newest published value; health is wanted from below, silence from above (MON-3)."""
    account = alerted(place)
    due = ("--target", 7, "--due", "2026-07-01")
    said = place.work("2026-06-15", "plan", account, "--metric", "days_since_last_use", *due)
    values = mart(place.out, "features", SCORED).set_index("account_id")["days_since_last_use"]
    row = place.listed("2026-06-16")[0]

    assert said["baseline"] == pytest.approx(values[account], abs=0.005)
    assert "alerts, plan" in said
    assert (said.get("met already") == "yes") == (values[account] <= 7)
    assert (row["what"], row["about"], row["status"], row["owner"]) == (
        "plan", "days_since_last_use <= 7", "open", "ann",
    )  # fmt: skip


def test_an_intervention_is_begun_and_ended_by_its_id_and_a_name_finds_its_account(place: Place) -> None:
    """The id is printed; as much of its beginning as tells it; `--open` and `--owner` narrow the list (MON-3)."""
    book = mart(place.out, "health_scores", SCORED).set_index("account_id")["name"]
    account = place.queue()[0]
    begun = place.work("2026-06-16", "start", book[account].upper(), "--kind", "training", "--cause", "onboarding")
    place.work("2026-06-16", "follow-up", account, "--due", "2026-06-20", "--note", "slides", by="bob")
    running = place.listed("2026-06-17", "--open")

    assert (begun["account"], len(begun["id"])) == (account, 16)
    assert {row["what"]: row["status"] for row in running} == {"intervention": "running", "follow-up": "open"}
    assert "begin" in place.refused("2026-06-18", "end", "zzz", "--result", "worked")
    assert "no intervention begins" in place.refused("2026-06-15T12:00", "end", begun["id"], "--result", "worked")
    place.work("2026-06-18", "end", begun["id"][:6], "--result", "worked")
    assert [row["status"] for row in place.listed("2026-06-19", "--owner", "ann")] == ["worked"]
    assert [row["what"] for row in place.listed("2026-06-19", "--open")] == ["follow-up"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (("call", "ACCOUNT", "--outcome", "no_anser"), "outcome: 'no_anser' is not an allowed value; did you mean"),
        (("cause", "ACCOUNT", "--cause", "prize"), "did you mean `price`"),
        (("start", "ACCOUNT", "--kind", "trainings"), "did you mean `training`"),
        (("plan", "ACCOUNT", "--metric", "helth", "--target", 7, "--due", "2026-07-01"), "did you mean `health`"),
        (("plan", "ACCOUNT", "--metric", "health", "--target", 7, "--due", "2026-06-01"), "due: 2026-06-01 is before"),
        (
            ("plan", "ACCOUNT", "--metric", "health", "--target", 160, "--due", "2026-07-01"),
            "target: 160 is not a health score",
        ),
        (("cause", "Nobody & Co", "--cause", "price"), "account: no account 'Nobody & Co' in the scores"),
        (("progress", "nothing", "--value", 1), "id: no plan begins with"),
    ],
)  # fmt: skip
def test_what_is_no_word_of_the_settings_is_refused_with_the_nearest(
    queued: Place, said: tuple[object, ...], answer: str
) -> None:
    """Exit 2, and nothing is recorded (MON-3, TRU-3)."""
    account = queued.queue()[0]

    assert answer in queued.refused("2026-06-16", *(account if one == "ACCOUNT" else one for one in said))
    assert queued.listed("2026-06-17") == []


def test_an_account_that_is_misspelt_is_answered_with_the_nearest(place: Place) -> None:
    """By name and by id; that the scores are missing is said only where they are (TRU-3)."""
    account = place.queue()[0]
    name = str(mart(place.out, "health_scores", SCORED).set_index("account_id")["name"][account])
    call = ("--outcome", "reached")

    assert f"did you mean `{account}`, {name.lower()}?" in place.refused("2026-06-16", "call", name + "x", *call)
    assert f"did you mean `{account}`?" in place.refused("2026-06-16", "call", account.lower(), *call)
    assert "Run `keepwell daily`" not in place.refused("2026-06-16", "call", "zzzzzz", *call)
    assert "Run `keepwell daily`" in place.refused("2020-01-01", "call", account, *call)


def test_a_list_of_somebody_who_has_nothing_says_of_whom_there_is_something(place: Place) -> None:
    """Half a name is nobody's: the list is not empty, the name is wrong (TRU-3)."""
    place.work("2026-06-16", "start", place.queue()[0], "--kind", "training", by="Ann Lee")
    replies = {
        (what, *more): keepwell("--config", place.config, "--out", place.out, what, "list", *more).out.strip()
        for what in ("work", "alerts")
        for more in (("--now", "2026-06-16", "--owner", "Ann"), ("--now", "2020-01-01", "--owner", "Ann"))
    }

    assert list(replies.values())[:2] == ["no recorded work for 'Ann'; did you mean `Ann Lee`?", "no recorded work"]
    assert list(replies.values())[2].startswith("no open alert for 'Ann'; ")
    assert list(replies.values())[3] == "no open alerts"


def test_totals_are_printed_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """No brackets and quotes of a programming language (REP-1)."""
    show_totals({"days": ("2026-06-01", "2026-06-02"), "warnings": []}, None)

    assert [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()] == ["2026-06-01, 2026-06-02", "none"]


def test_nobody_records_anything_without_a_name(place: Place) -> None:
    """An empty --by, as of a variable that is not set, is a mistake of usage: nothing is recorded (ALR-5)."""
    ran = place.run("work", "done", "--week", "2026-06-15", "--by", " ", "--now", "2026-06-16")
    signed = place.run("work", "done", "--week", "2026-06-15", "--by", " ann ", "--now", "2026-06-16")

    assert (ran.code, "'--by': it is empty" in ran.err) == (2, True)
    assert signed.out == "signed off by ann: the calls before 2026-06-15 are recorded\n"


def test_a_week_is_not_signed_before_its_calls_begin(place: Place) -> None:
    """A month too far by mistake would never wait for anybody's word (MON-5)."""
    ran = place.run("work", "done", "--week", "2026-07-15", "--by", "ann", "--now", "2026-06-20")

    assert ran.code == 2
    assert "its calls begin on 2026-07-08" in ran.err


def rows_of(*accounts: str) -> pd.DataFrame:
    """A file of what was done: a call, a cause, an intervention with an end, a plan with progress."""
    first, second = accounts[:2]
    rows = [
        {"what": "call", "account": first, "at": "2026-06-09T09:00", "outcome": "resolved", "note": "=SUM(A1)"},
        {"what": "cause", "account": first, "at": "2026-06-09T09:10", "cause": "slow_support"},
        {"what": "start", "account": first, "at": "2026-06-09T10:00+02:00", "kind": "support", "id": "CRM-1"},
        {"what": "end", "at": "2026-06-12", "id": "CRM-1", "result": "failed"},
        {"what": "plan", "account": second, "at": "2026-06-09", "metric": "health", "target": "99", "due": "2026-06-14",
         "id": "P-1"},
        {"what": "progress", "at": "2026-06-10", "id": "P-1", "note": "on it"},
    ]  # fmt: skip
    return pd.DataFrame(rows).fillna("").assign(by="cy")


def test_a_file_with_mistakes_records_nothing_and_names_each(place: Place, tmp_path: Path) -> None:
    """Line, column and what would be right; exit 3 (MON-3, TRU-3)."""
    file = tmp_path / "work.csv"
    bad = rows_of(*place.queue())
    bad.loc[0, "outcome"] = "solved"
    bad.loc[2, "at"] = "yesterday"
    bad.loc[4, "target"] = "high"
    bad.loc[5, "at"] = "2027-01-01"
    bad.to_csv(file, index=False)
    ran = place.run("work", "import", file, "--now", "2026-06-14")
    bad.rename(columns={"outcome": "outcom"}).to_csv(file, index=False)
    unknown = place.run("work", "import", file, "--now", "2026-06-14")

    assert (ran.code, unknown.code, place.run("work", "import", tmp_path / "none.csv").code) == (3, 3, 2)
    assert "work.csv: 5 of 6 rows have errors; nothing was recorded." in ran.err
    assert "line 2, column outcome: 'solved' is not an allowed value; did you mean `resolved`?" in ran.err
    assert "line 4, column at: 'yesterday' is not an instant. Write it as 2026-06-09T10:30." in ran.err
    assert "line 5, column id: no intervention begins with 'CRM-1'" in ran.err
    assert "line 6, column target: 'high' is not a number." in ran.err
    assert "line 7, column at: 2027-01-01 00:00 is after 2026-06-14 00:00" in ran.err
    assert "there is no column 'outcom'; did you mean `outcome`?" in unknown.err
    assert place.listed("2026-06-14") == []


def test_a_value_that_its_row_has_no_use_for_is_refused(place: Place, tmp_path: Path) -> None:
    """A cause beside a call would be dropped in silence (MON-3, TRU-3)."""
    rows_of(*place.queue()).assign(cause="price").to_csv(tmp_path / "work.csv", index=False)
    ran = place.run("work", "import", tmp_path / "work.csv", "--now", "2026-06-14")

    assert ran.code == 3
    assert "line 2, column cause: not a column of `call` (it takes: outcome). Record it in a row of its own." in ran.err
    assert "line 3" not in ran.err  # a cause
    assert "line 4" not in ran.err  # an intervention
    assert "line 5, column cause" in ran.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"what;at;by;account;outcome\ncall;2026-06-09;cy;ACCOUNT;reached\n", ""),
        (b"what,at,by,account,outcome\ncall,2026-06-09,cy,ACCOUNT,reached,,\n\n", ""),
        (b"what,at,by,account,outcome,note\ncall,2026-06-09,cy,ACCOUNT,reached,slow, he says\n",
         'line 2 has 7 values, the header 6 columns. Put a value that holds "," in double quotes.'),
        (b"what,at,by,account,outcome\ncall,2026-06-09,Zo\xeb,ACCOUNT,reached\n", "Save it as `CSV UTF-8`"),
    ],
)  # fmt: skip
def test_a_file_as_spreadsheets_write_it(place: Place, tmp_path: Path, text: bytes, says: str) -> None:
    """Semicolons and blank ends are read; a comma too many never moves values to other columns (MON-3, TRU-3)."""
    (tmp_path / "work.csv").write_bytes(text.replace(b"ACCOUNT", place.queue()[0].encode()))
    ran = place.run("work", "import", tmp_path / "work.csv", "--now", "2026-06-14")

    assert ran.code == (3 if says else 0)
    assert says in ran.err
    assert says or json.loads(ran.out)["recorded"] == 1


def test_a_file_is_taken_in_whole_and_adds_nothing_again(place: Place, tmp_path: Path) -> None:
    """CSV and parquet alike, with ids of the file's own; later, after more was published, too (MON-3, MON-5)."""
    rows = rows_of(*place.queue())
    rows.to_csv(tmp_path / "work.csv", index=False)
    typed = rows.assign(target=pd.to_numeric(rows["target"]), due=pd.to_datetime(rows["due"]))
    typed.to_parquet(tmp_path / "work.parquet")
    done = [
        json.loads(place.run("work", "import", tmp_path / name, "--now", at).out)
        for name, at in (("work.csv", "2026-06-14"), ("work.csv", "2026-06-15"), ("work.parquet", "2026-06-15"))
    ]
    listed = {row["id"]: row for row in place.listed("2026-06-15")}

    assert [(one["recorded"], one["already recorded"]) for one in done] == [(6, 0), (0, 6), (0, 6)]
    assert (listed["CRM-1"]["status"], listed["CRM-1"]["about"]) == ("failed", "support, slow_support")
    assert (listed["P-1"]["status"], listed["P-1"]["owner"]) == ("missed", "cy")


@pytest.mark.slow
def test_week_three_waits_for_a_signature_and_keeps_what_people_recorded(place: Place, tmp_path: Path) -> None:
    """What is missing is said until somebody signs; a rerun gives the same bytes (MON-3, MON-5)."""
    first, second, *others = place.queue()
    rows_of(first, second).to_csv(tmp_path / "work.csv", index=False)
    place.run("work", "import", tmp_path / "work.csv", "--now", "2026-06-14")
    place.work("2026-06-14", "plan", first, "--metric", "health", "--target", 1, "--due", "2026-06-20", "--id", "P-2")
    opened = json.loads(place.run("monthly", "--as-of", "2026-06-16", "--week", 3).out)
    page = Path(opened["work"]).read_text()
    before = place.marts()

    assert [opened[name] for name in ("reached", "not_called", "signed_by")] == [1, len(others) + 1, "nobody yet"]
    assert opened["work"].endswith(f"work-{WEEK}-open.html")
    assert f"{len(others) + 1} of {len(others) + 2} planned calls have not reached the customer yet" in page
    plans, done = (mart(place.out, name, WEEK) for name in reversed(WORK_MARTS))
    assert plans[["plan_id", "status"]].to_numpy().tolist() == [["P-1", "missed"], ["P-2", "open"]]
    assert plans["settled_by"].fillna("").tolist() == ["values", ""]
    assert [opened[f"plans_{how}"] for how in ("due", "met", "missed")] == [2, 0, 1]
    own = done.set_index("intervention_id").loc["CRM-1"]
    assert own[["kind", "outcome", "root_cause", "recorded_in"]].tolist() == [
        "support", "failed", "slow_support", "ledger",
    ]  # fmt: skip
    assert f"{own['started_at']:%Y-%m-%d %H:%M}" == "2026-06-09 08:00"
    source = done[done["recorded_in"] == "source"]
    assert len(source) > 0
    assert "technical_fix" in set(source["kind"])
    assert source["started_at"].max() < pd.Timestamp(WEEK, tz="UTC")

    place.work("2026-06-16", "call", second, "--outcome", "reached")
    place.work("2026-06-16", "progress", "P-1", "--status", "met")
    signed = place.run("work", "done", "--week", "2026-06-30", "--by", "lea", "--now", "2026-06-17")
    assert f"signed off by lea: the calls before {WEEK}" in signed.out
    place.work("2026-06-18", "call", others[0], "--outcome", "reached")
    closed = json.loads(place.run("monthly", "--as-of", "2026-06-16", "--week", 3).out)

    assert [closed[name] for name in ("reached", "not_called", "signed_by")] == [2, len(others), "lea"]
    assert [path.name for path in (place.out / "reports").glob("work-*")] == [f"work-{WEEK}.html"]
    assert place.marts() == before


def test_daily_publishes_what_was_done_too(queued: Place) -> None:
    """Under the run_id of the scores of its day, which is the same whichever flow computed them (CONTRACT)."""
    scores, done, plans = (mart(queued.out, name, SCORED) for name in ("health_scores", *WORK_MARTS))

    assert len(done) > 0
    assert set(done["run_id"]) == set(scores["run_id"])
    assert plans.empty


def test_the_account_page_tells_the_work_beside_the_alerts(place: Place) -> None:
    """In order of time; what goes on is listed; nothing from after the page's instant (ALR-5, MON-3)."""
    account = alerted(place)
    place.work("2026-06-15T10:00", "call", account, "--outcome", "reached", "--note", "angry")
    place.work("2026-06-15T10:00", "cause", account, "--cause", "price")
    place.work("2026-06-16", "start", account, "--kind", "commercial")
    page = keepwell("--config", place.config, "--out", place.out, "account", account, "--as-of", "2026-06-16").out
    phrases = [
        "Alert opened", "Customer contacted (", "Call: reached: angry  (ann)", "Root cause: price",
        "Started commercial  (ann)",
    ]  # fmt: skip
    places = [page.index(words) for words in phrases]

    assert places == sorted(places)
    assert page.count("commercial for price, since June 16, ann") == 1
    assert place.run("account", account, "--as-of", "2026-06-14").out.count("Started") == 0
