"""`keepwell model`: what people see and do; a refusal is one sentence and exit 1 (LRN-2, MOD-9)."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.daily_alerts import about_models
from keepwell.flows.run import Run
from keepwell.flows.scoring import production_models
from keepwell.tasks.learning.candidates import log_trial
from keepwell.tasks.learning.quarter import TrainingResult
from keepwell.tasks.registry.champion import load
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.registry.versions import MODEL_FILE, SERVING_FILE, outcome_registry
from tests.support.company import staged
from tests.support.partitions import put
from tests.support.running import CLOCK, ROOT, Ran, bytes_of, keepwell, mart
from tests.support.small_models import AS_OF, few, quarter, tracking, trained_result, versions_of

NEEDED = [name for name, table in TABLES.items() if not table.optional]
SHADOWED = AS_OF + timedelta(days=30)
EASY = "[promotion]\nreview_required = false\nmin_slope = 0.5\nmax_slope = 2\nreplicates = 40\n"
OFF = ("off", "--by", "ann", "--reason", "odd scores")
ROLLBACK = ("rollback", "--by", "bob", "--reason", "too many alarms")


@pytest.fixture(scope="module")
def first() -> TrainingResult:
    """A quarter whose logistic model knows more than health."""
    return few(trained_result())


class Company:
    """A configuration and an output folder with one registered challenger that has been in shadow for 31 days."""

    def __init__(self, folder: Path, template: Path, trial: TrainingResult) -> None:
        self.out = folder / "out"
        self.config = folder / "pipeline.toml"
        self.tracking: Tracking = tracking(template, self.out)
        self.says(EASY)
        log_trial(self.tracking, quarter(), trial, None)
        self.shadow("1", AS_OF, SHADOWED)

    def says(self, text: str) -> None:
        """Write the configuration."""
        tables = "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in NEEDED)
        self.config.write_text(f'[source]\nurl = "data"\n{tables}{text}')

    def shadow(self, version: str, *days: date) -> None:
        """What scoring leaves where a version stands beside."""
        for day in days:
            rows = pd.DataFrame({"account_id": ["a"], "outcome": ["churn"], "model_version": [version]})
            put(self.out / "marts", "predictions", day, rows)

    def model(self, *arguments: object, clock: datetime = CLOCK) -> Ran:
        return keepwell("--config", self.config, "--out", self.out, "model", *arguments, clock=clock)

    def promote(self, on: date = SHADOWED, *more: object) -> Ran:
        return self.model("promote", "--as-of", on, "--by", "ann", *more)

    def champion(self, on: date) -> str | None:
        found = load(self.tracking, "churn", "champion", on)
        return found.version if found else None


@pytest.fixture
def company(tmp_path: Path, mlflow_tables: Path, first: TrainingResult) -> Company:
    return Company(tmp_path, mlflow_tables, first)


@pytest.mark.slow
def test_the_tracking_of_a_run_lies_in_its_output_folder(company):
    """Where nothing is set: SQLite and artifacts there (SPEC MOD-9)."""
    run = Run(load_settings(company.config), company.out, AS_OF)

    assert run.tracking == company.tracking


def test_compare_shows_gates_metrics_and_the_smallest_detectable_difference(company):
    """Side by side, before anybody decides anything (LRN-2)."""
    ran = company.model("compare", "--as-of", SHADOWED)

    assert ran.code == 0, ran.err
    assert "churn: version 1 (logistic) against health" in ran.out
    assert "passed  better: ROC-AUC differs from health's by +0." in ran.out
    assert "accounts that had the outcome in 2 months, a difference in ROC-AUC of 0.0" in ran.out
    assert "would be found in 80% of cases" in ran.out
    assert company.champion(SHADOWED) is None


def test_compare_in_json_is_json(company):
    """ECE has no interval: null, not NaN (CONTRACT)."""
    ran = keepwell("--config", company.config, "--out", company.out, "--json", "model", "compare", "--as-of", SHADOWED)
    found = json.loads(ran.out, parse_constant=pytest.fail)

    assert found["gates"][0]["name"] == "better"
    assert found["figures"]["ece"]["version"]["low"] is None


def test_compare_shows_the_arms_only_once_accounts_were_assigned(company):
    """Shadow says nothing of arms; an assignment says who is in them and what must wait (LRN-2)."""
    before = company.model("compare", "--as-of", SHADOWED)
    publish_arms(company.out / "marts", SHADOWED, "1", [f"c{n}" for n in range(4)], [f"o{n}" for n in range(12)])
    after = company.model("compare", "--as-of", SHADOWED)
    said = keepwell("--config", company.config, "--out", company.out, "--json", "model", "compare", "--as-of", SHADOWED)

    assert after.out.startswith(before.out)
    printed = after.out.removeprefix(before.out)
    assert printed.startswith("\nRandomized comparison since May 31: accounts scored by version 1, and the others\n")
    assert re.search(r"accounts +4 +12\n +outcome known +0 +0\n +flagged +0\.000 +1\.000 +-1\.000", printed)
    assert f"No outcome has matured yet: all will be known on {SHADOWED + timedelta(days=120)}." in printed
    assert "churned  " not in printed
    found = json.loads(said.out, parse_constant=pytest.fail)["arms"]
    assert (found["accounts"], found["matured"], found["figures"]["churned"]["version"]) == ([4, 12], [0, 0], None)


@pytest.mark.slow
def test_once_outcomes_have_matured_compare_reads_the_source(company):
    """Who left after being assigned, by what the source knows now; a day earlier nothing is read (LRN-2)."""
    publish_arms(company.out / "marts", AS_OF, "1", ["c0", "c1"], ["o0", "o1"])
    known_on = AS_OF + timedelta(days=120)
    waiting = company.model("compare", "--as-of", known_on - timedelta(days=1))
    contracts = [
        {"contract_id": account, "account_id": account, "start_on": date(2025, 1, 1), "arr": 100.0, "currency": "USD",
         "notice_on": AS_OF + timedelta(days=30) if account == "o0" else None}
        for account in ("c0", "c1", "o0", "o1")
    ]  # fmt: skip
    accounts = [{"account_id": row["account_id"], "valid_from": date(2025, 1, 1)} for row in contracts]
    usage = [{"account_id": "c0", "day": AS_OF, "user_id": "ann", "feature": "edit", "events": 1}]
    staged({"accounts": accounts, "contracts": contracts, "usage": usage}, company.config.parent)
    ran = company.model("compare", "--as-of", known_on)

    assert (waiting.code, ran.code) == (0, 0), ran.err
    assert "No outcome has matured yet" in waiting.out
    assert re.search(r"outcome known +2 +2\n", ran.out)
    assert re.search(r"churned +0\.000 +0\.500 +-0\.500\n +net_arr_lost +0\.000 +0\.500 +-0\.500\n", ran.out)
    assert "With 0 and 1 outcomes in the arms no interval is given" in ran.out


def test_the_share_of_the_settings_is_that_of_the_runs(company):
    """With a share the challenger acts beside health; 0 is the default (LRN-2)."""
    shadow = production_models(Run(load_settings(company.config), company.out, SHADOWED))
    company.says(EASY + "assigned_share = 0.25\n")
    assigned = production_models(Run(load_settings(company.config), company.out, SHADOWED))

    assert [model.share(shadow.serving[0]) for model in (shadow, assigned)] == [0.0, 0.25]
    company.says("[promotion]\nassigned_share = 0.25\n")
    waiting = production_models(Run(load_settings(company.config), company.out, SHADOWED))
    assert waiting.share(waiting.serving[0]) == 0.0


def publish_arms(marts: Path, day: date, version: str, ours: list[str], theirs: list[str]) -> None:
    """What scoring leaves of a date on which a challenger acts beside health, which flags all the others."""
    rows = pd.DataFrame(
        {
            "account_id": [*ours, *theirs], "outcome": "churn", "model_version": version, "alias": "challenger",
            "probability": 0.1, "threshold": 0.3, "flagged": False,
            "acting": [True] * len(ours) + [False] * len(theirs),
        }
    )  # fmt: skip
    health = pd.DataFrame({"account_id": rows["account_id"], "arr": 100.0, "band": "critical"})
    for name, frame in {"predictions": rows, "health_scores": health}.items():
        put(marts, name, day, frame)


def test_promote_makes_the_challenger_champion_and_tells_the_mart(company):
    """From that day on, by name; once more changes nothing (LRN-2, CONTRACT)."""
    ran = company.promote()
    before = bytes_of(company.out)
    again = company.promote()

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("churn: version 1 (logistic) is the champion; ROC-AUC differs from health's by +0.")
    assert again.out == "churn: version 1 is already the champion\n"
    assert bytes_of(company.out) == before
    assert company.champion(SHADOWED) == "1"
    assert company.champion(SHADOWED - timedelta(days=1)) is None
    (row,) = mart(company.out, "promotions", SHADOWED).to_dict("records")
    assert (row["action"], row["version"], row["by"]) == ("promote", "1", "ann")
    assert pd.isna(row["previous"])
    assert outcome_registry(company.tracking.client(), "churn").aliases == {"champion": "1"}


def test_by_default_a_first_promotion_is_refused_for_want_of_a_review(company):
    """Exit 1: what was asked for is not done; the sentence names the gate and the setting (REV-4)."""
    company.says(EASY.replace("review_required = false\n", ""))
    ran = company.promote()

    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("keepwell: churn: version 1 was not promoted: [review] no expert review of this version")
    assert "`review_required = false` under [promotion]" in ran.err
    assert company.champion(SHADOWED) is None
    assert not (company.out / "marts" / "promotions").exists()


def test_a_day_too_early_is_refused(company):
    """30 days side by side (LRN-2)."""
    ran = company.promote(SHADOWED - timedelta(days=1))

    assert ran.code == 1
    assert "[shadow] has run in shadow mode for 1 of 30 days" in ran.err


def test_held_out_rows_that_are_gone_refuse(company):
    """Fails closed (LRN-2)."""
    for path in company.out.rglob("held_out.parquet"):
        path.unlink()

    ran = company.promote()
    assert ran.code == 1
    assert "[better] the held-out rows of version 1 are missing or were changed" in ran.err


@pytest.mark.slow
def test_a_challenger_graded_beside_another_champion_is_refused(company, first):
    """It was compared with nobody who serves now: learn again (LRN-2)."""
    later = AS_OF + timedelta(days=20)
    log_trial(company.tracking, quarter("r2", later), first, None)
    assert company.promote(SHADOWED, "--version", 1).code == 0
    company.shadow("2", later, later + timedelta(days=40))
    day = later + timedelta(days=40)
    ran = company.promote(day)

    assert ran.code == 1
    assert "version 2 was graded beside none, not beside the champion 1: run `keepwell quarterly` again" in ran.err
    assert "`keepwell model rollback` first" in ran.err, "what a champion that cannot be used would need"
    assert company.model("rollback", "--as-of", day, "--by", "bob", "--reason", "it cannot be used").code == 0
    assert company.promote(day).code == 0


def second(company: Company, first: TrainingResult) -> date:
    """A second quarter, graded beside the champion, and in shadow long enough; the day to promote it."""
    on = SHADOWED + timedelta(days=60)
    champion = load(company.tracking, "churn", "champion", on)
    log_trial(company.tracking, quarter("r2", on), first, champion)
    company.shadow("2", on, on + timedelta(days=30))
    return on + timedelta(days=30)


def test_a_rollback_is_one_command(company, first):
    """The one before serves from that day on; both changes stay in the mart and in MLflow (LRN-2)."""
    company.promote()
    day = second(company, first)
    assert company.promote(day).code == 0
    ran = company.model("rollback", "--as-of", day, "--by", "bob", "--reason", "too many alarms")

    assert ran.out == "churn: rolled back from version 2 to version 1\n", ran.err
    assert company.champion(day) == "1"
    assert [(r["action"], r["version"]) for r in mart(company.out, "promotions", day).to_dict("records")] == [
        ("promote", "2"), ("rollback", "1"),
    ]  # fmt: skip
    again = company.model("rollback", "--as-of", day, "--by", "bob", "--reason", "and the other")
    assert again.out == "churn: rolled back from version 1 to health alone\n"
    assert company.champion(day) is None
    none = company.model("rollback", "--as-of", day, "--by", "bob", "--reason", "more")
    assert (none.code, none.err) == (2, "keepwell: churn: there is no champion to roll back.\n")


def test_off_and_on(company):
    """Health alone until somebody switches it on again (MOD-9)."""
    company.promote()
    off = company.model("off", "--as-of", SHADOWED, "--by", "ann", "--reason", "odd scores")
    assert off.out == f"churn: models are off, health alone for runs of {SHADOWED} and later\n"
    assert company.champion(SHADOWED) is None
    assert "no model serves. Switched off by ann" in company.model("list").err

    next_day = SHADOWED + timedelta(days=1)
    assert company.model("on", "--as-of", next_day, "--by", "ann", "--reason", "mended").code == 0
    assert company.champion(SHADOWED) is None
    assert company.champion(next_day) == "1"


def test_list_shows_places_and_what_was_moved_by_hand(company, first):
    """An alias that runs do not follow is said (LRN-2)."""
    company.promote()
    day = second(company, first)
    ran = company.model("list")
    assert [line.split()[:4] for line in ran.out.splitlines()[1:]] == [
        ["churn", "1", "champion", "logistic"], ["churn", "2", "challenger", "logistic"],
    ]  # fmt: skip
    assert re.search(r"0\.\d{3} \(0\.\d{3}-0\.\d{3}\)$", ran.out.splitlines()[1])
    assert ran.err == ""
    assert "challenger" not in company.model("list", "--as-of", SHADOWED).out

    company.tracking.client().set_registered_model_alias("keepwell-churn", "champion", "2")
    assert "the alias champion was moved by hand to version 2; runs use version 1" in company.model("list").err
    assert company.champion(day) == "1"


def test_a_change_before_the_last_one_is_refused(company):
    """It would alter what earlier runs rested on (CONTRACT)."""
    company.promote()
    ran = company.model("off", "--as-of", AS_OF, "--by", "ann", "--reason", "late idea")

    assert ran.code == 2
    assert f"the last change is as of {SHADOWED}" in ran.err


def test_without_a_model_every_command_says_so(company):
    """Exit 2 and what to do, never a traceback (CONTRACT)."""
    for command in ("compare", "promote", "rollback", "off", "on"):
        named = [] if command == "compare" else ["--by", "ann"]
        named += ["--reason", "why"] if command in {"rollback", "off", "on"} else []
        ran = company.model(command, "--as-of", SHADOWED, "--outcome", "advocacy", *named)
        said = (
            f"keepwell: No advocacy model is registered in MLflow at {company.out / 'mlflow.db'} (SQLite). "
            f"Run `keepwell quarterly --as-of {SHADOWED}`.\n"
        )
        assert (ran.code, ran.err) == (2, said), command


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.slow
@pytest.mark.parametrize("name", [MODEL_FILE, SERVING_FILE])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_model_that_cannot_be_loaded_is_not_promoted(company, name, damage):
    """It became champion, and the day after health went on alone: all of it is loaded first (LRN-2)."""
    (file,) = company.out.glob(f"mlartifacts/**/{name}")
    damage(file)
    ran = company.promote()

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("keepwell: churn: version 1 was not promoted: it cannot serve. ")
    assert company.champion(SHADOWED) is None
    assert not (company.out / "marts" / "promotions").exists()
    assert outcome_registry(company.tracking.client(), "churn").events == []


def test_a_version_that_lost_a_tag_is_neither_compared_nor_promoted(company):
    """Nobody can say until when it knows, or what its files were (MOD-9)."""
    company.tracking.client().delete_model_version_tag("keepwell-churn", "1", "sha256")

    for ran in (company.promote(), company.model("compare", "--as-of", SHADOWED)):
        assert (ran.code, ran.err) == (
            1, "keepwell: churn: MLflow has lost tags of version 1: sha256.\n",
        )  # fmt: skip
    assert company.model("list").code == 0


@pytest.mark.slow
def test_a_champion_that_cannot_serve_is_reported(company, first):
    """A rollback and `on` are done all the same: they are how people get out of worse (LRN-2)."""
    company.promote()
    day = second(company, first)
    assert company.promote(day).code == 0
    cut(Path(versions_of(company.tracking)["1"].source) / MODEL_FILE)
    ran = company.model("rollback", "--as-of", day, "--by", "bob", "--reason", "too many alarms")
    on = company.model("on", "--as-of", day, "--by", "bob", "--reason", "calm")

    said = "version 1 cannot serve; scores use health alone. The files of version 1 are not those that were registered."
    assert ran.out.splitlines() == ["churn: rolled back from version 2 to version 1", said]
    assert (ran.code, on.code, on.out.splitlines()[1:]) == (0, 0, [said])


# What MLflow has lost -----------------------------------------------------------------------------------------------


def emptied(company: Company, template: Path) -> None:
    shutil.copy(template, company.out / "mlflow.db")


def truncated(company: Company, _: Path) -> None:
    (company.out / "mlflow.db").write_bytes(b"")


def removed(company: Company, _: Path) -> None:
    (company.out / "mlflow.db").unlink()


def restored(company: Company, _: Path) -> None:
    """A backup of before the last change."""
    (company.out / "before.db").rename(company.out / "mlflow.db")


SCORING = """
import sys
from datetime import date
from pathlib import Path
from keepwell.flows.on_demand.champions import warnings
from keepwell.flows.logs import log_to_stderr
from keepwell.flows.run import Run
from keepwell.flows.scoring import production_models
from keepwell.flows.configuration.settings import load_settings
log_to_stderr()
run = Run(load_settings(Path(sys.argv[1])), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
found = production_models(run)
print(len(found.serving) if found else 0, *warnings(run), sep="\\n")
"""


@pytest.mark.parametrize(
    ("action", "loss"),
    [("promote", emptied), ("promote", truncated), ("promote", removed), ("off", restored), ("off", removed)],
)
@pytest.mark.slow
def test_a_change_that_mlflow_has_lost_is_said_and_no_model_serves(company, mlflow_tables, loss, action):
    """A champion that vanished was a line at DEBUG, and a lost `off` would serve again; the mart knows (MOD-9)."""
    if action == "off":
        assert company.promote().code == 0
    shutil.copy(company.out / "mlflow.db", company.out / "before.db")
    ran = company.promote() if action == "promote" else company.model(*OFF, "--as-of", SHADOWED)
    assert ran.code == 0, ran.err
    loss(company, mlflow_tables)
    # In a process of its own, as MLflow keeps connections to the old file in this one.
    command = [sys.executable, "-c", SCORING, str(company.config), str(company.out), str(SHADOWED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    lost = f"MLflow has lost change {2 if action == 'off' else 1} of its models: by the mart promotions, since "
    lost += f"`{action}` of {SHADOWED} version 1 is champion. Restore MLflow's store from a backup;"
    assert re.search(rf" WARNING churn: no \w+, health alone. {re.escape(lost)}", done.stderr), done.stderr
    kept, *listed = done.stdout.splitlines()
    assert kept == "0"
    assert listed[0].startswith(f"churn: no model serves. {lost}")


def test_a_switch_that_was_lost_before_any_champion_is_said(company, caplog):
    """Who switches off what was never promoted means that no challenger may act either (MOD-9)."""
    assert company.model(*OFF, "--as-of", SHADOWED).code == 0
    (company.out / "mlflow.db").unlink()

    assert production_models(Run(load_settings(company.config), company.out, SHADOWED)) is None
    assert f"since `off` of {SHADOWED} there is no champion. Restore MLflow's store" in caplog.text


def test_days_before_what_was_lost_are_as_they_were(company, caplog):
    """A rerun of an earlier date rests on nothing that came after it (CONTRACT)."""
    company.promote()
    (company.out / "mlflow.db").unlink()
    before = Run(load_settings(company.config), company.out, SHADOWED - timedelta(days=1))

    assert production_models(before) is None
    assert "lost" not in caplog.text


@pytest.mark.slow
def test_a_new_registry_counts_from_the_next_change_on(company, mlflow_tables, first, caplog):
    """Who starts over promotes again, and from that date on the record is that of the new one (MOD-9)."""
    company.promote()
    emptied(company, mlflow_tables)
    company.tracking.client()
    log_trial(company.tracking, quarter(), first, None)
    day = SHADOWED + timedelta(days=1)
    again = company.promote(day)

    assert again.code == 0, again.err
    run = Run(load_settings(company.config), company.out, day)
    assert [model.version for model in production_models(run).serving] == ["1"]
    assert "lost" not in caplog.text


# Alerts about models -------------------------------------------------------------------------------------------------


OUTDATED = (
    "churn: no champion serves. Version 1 was trained on other@1, which is @2 now: retrain it (`keepwell quarterly`)."
)


def wrong(company: Company, day: date) -> list[tuple[str, str]]:
    """What the daily run of a date has to say of the champions: subject and detail."""
    run = Run(load_settings(company.config), company.out, day)
    return [(one.subject, one.detail) for one in about_models(run, production_models(run), [])]


def test_a_champion_of_an_older_definition_is_an_alert_on_the_first_day(company, monkeypatch):
    """It names the feature with both versions and asks for a retrained model; health alone serves (FEA-2, MOD-9)."""
    company.promote()
    before = wrong(company, SHADOWED)
    monkeypatch.setitem(FEATURES, "other", replace(FEATURES["days_since_last_use"], name="other", version=2))
    run = Run(load_settings(company.config), company.out, SHADOWED)

    assert before == []
    assert wrong(company, SHADOWED) == [(f"churn champion, since {SHADOWED}", OUTDATED)]
    assert production_models(run).serving == []


def test_a_model_that_a_person_switched_off_is_no_alert(company):
    """Somebody decided that; and a challenger that cannot serve is in nobody's way."""
    company.promote()
    company.model(*OFF, "--as-of", SHADOWED)

    assert wrong(company, SHADOWED) == []


def test_a_degraded_champion_is_an_alert_until_another_serves(company):
    """By the newest monitoring before the day: that of the day itself may not have run yet (LRN-3, TRU-1)."""
    company.promote()
    seen = pd.DataFrame({"outcome": ["churn"], "alias": "champion", "model_version": "1", "degraded": True})
    put(company.out / "marts", "monitored_models", SHADOWED, seen.assign(reason="ROC-AUC fell"))
    next_day, later = SHADOWED + timedelta(days=1), SHADOWED + timedelta(days=2)

    assert wrong(company, SHADOWED) == []
    assert wrong(company, next_day) == [
        (f"churn version 1, since {next_day}", "churn: the champion (version 1) has degraded: ROC-AUC fell")
    ]
    put(company.out / "marts", "monitored_models", next_day, seen.assign(degraded=False, reason=None))
    assert wrong(company, later) == []
    company.model(*ROLLBACK, "--as-of", next_day)
    assert wrong(company, next_day) == []


# Two changes at once ------------------------------------------------------------------------------------------------

WORKER = """
import sys
import mlflow
import keepwell.flows.on_demand.champions
from tests.support.running import keepwell
print("ready", flush=True)
for line in sys.stdin:
    ran = keepwell(*line.rstrip("\\n").split("\\t"))
    print(ran.code, ran.err.strip(), flush=True)
"""


def worker() -> subprocess.Popen[str]:
    """A process that runs the commands it is given, everything imported before."""
    one = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    assert one.stdout.readline() == "ready\n"
    return one


@pytest.mark.slow
def test_off_and_rollback_at_once_are_both_on_record_or_one_is_refused(company):
    """Two processes, two dates, again and again: one event overwrote the other, and both said it was done (MOD-9)."""
    company.promote()
    client, counts = company.tracking.client(), []
    orders = [(worker(), words, SHADOWED + timedelta(days=n)) for n, words in enumerate((OFF, ROLLBACK), start=1)]
    for _ in range(12):
        for one, words, day in orders:
            options = ("--config", company.config, "--out", company.out)
            one.stdin.write("\t".join(map(str, (*options, "model", *words, "--as-of", day))) + "\n")
        codes = [one.stdout.readline().partition(" ")[0] for one, *_ in orders]
        events = outcome_registry(client, "churn").events[1:]
        counts.append(len(events))

        assert len(events) == codes.count("0") > 0
        assert set(codes) <= {"0", "4"} or codes == ["2", "0"], "a change of before another one is refused"
        shown = [mart(company.out, "promotions", e.as_of)["action"].tolist() for e in events]
        assert shown == [[e.action] for e in events]
        for key in client.get_registered_model("keepwell-churn").tags:
            if key.startswith("event.") and not key.startswith("event.0001"):
                client.delete_registered_model_tag("keepwell-churn", key)
        for _, _, day in orders:
            shutil.rmtree(company.out / "marts" / "promotions" / f"as_of={day}", ignore_errors=True)
    for one, *_ in orders:
        one.communicate()

    assert 1 in counts, "they never met"


@pytest.mark.slow
def test_a_change_as_of_a_wrong_date_is_taken_back(company):
    """It would stop every later change; withdrawn with its day it counts for nothing, and stays on record (LRN-2)."""
    wrong, why = date(2099, 1, 1), ("--by", "ann", "--reason", "the clock was wrong")
    assert company.promote().code == 0
    company.model(*OFF, "--as-of", wrong, clock=datetime(2099, 1, 1))
    stuck = company.model(*OFF, "--as-of", SHADOWED)

    def withdraw(*more: str) -> Ran:
        return keepwell("--config", company.config, "--out", company.out, "withdraw", "--as-of", wrong, *why, *more)

    assert (stuck.code, "keepwell withdraw --as-of 2099-01-01 --whole-day" in stuck.err) == (2, True)
    assert "1 entry of 2099-01-01 remains" in withdraw().err
    assert company.model(*OFF, "--as-of", SHADOWED).code == 2
    assert withdraw("--whole-day").code == 0
    assert company.champion(wrong) == "1"
    assert "nothing to take back for 2099-01-01" in withdraw("--whole-day").out
    assert company.model(*OFF, "--as-of", SHADOWED).code == 0
    assert company.champion(SHADOWED) is None
    rows = pd.read_parquet(company.out / "marts" / "promotions" / f"as_of={wrong}")
    assert rows[["action", "by"]].to_numpy().tolist() == [["off", "ann"], ["withdraw", "ann"]]
