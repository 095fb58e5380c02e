"""The main job end to end, by the commands that a user types, on the sample company and on RavenStack."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.measures.registry import COMPONENTS
from keepwell.sample.write import write_company
from tests.support.running import RAVENSTACK, ROOT, bytes_of, keepwell, mart

real_data = pytest.mark.skipif(
    not RAVENSTACK.is_dir(), reason=f"RavenStack's data is not at {RAVENSTACK.name} beside the project"
)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company of 120 accounts."""
    folder = tmp_path_factory.mktemp("company")
    write_company(120, 18, 11, folder)
    return folder / "pipeline.toml"


@pytest.fixture(scope="module")
def two_months(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of two monthly runs, one after the other."""
    out = tmp_path_factory.mktemp("out")
    for day in ("2026-05-01", "2026-06-01"):
        ran = keepwell("--json", "--config", company, "--out", out, "monthly", "--as-of", day)
        assert ran.code == 0, ran.err
    return out


@pytest.fixture(scope="module")
def first_day(company: Path, two_months: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and the first daily run of the second month's date."""
    out = tmp_path_factory.mktemp("day") / "out"
    shutil.copytree(two_months, out)
    assert keepwell("--config", company, "--out", out, "daily", "--as-of", "2026-06-01").code == 0
    return out


def test_every_account_under_contract_has_exactly_one_row_scored_or_unknown(two_months: Path) -> None:
    """Contracts come first: one row each, with what the CONTRACT names (SRC-7, MON-1)."""
    scores = mart(two_months, "health_scores", "2026-06-01")

    assert scores["account_id"].is_unique
    assert (scores["health"].isna() == (scores["band"] == "unknown")).all()
    scored = scores[scores["band"] != "unknown"]
    assert scored["health"].between(0, 100).all()
    for column in ("tier", "tier_reason", "summary"):
        assert scored[column].notna().all(), column
    opted_out = scored["next_action"].str.contains("opted out").eq(True)
    assert (scored["action_state"].isna() == opted_out).all()
    assert set(scored["action_state"].dropna()) <= {"open", "watched", "queued"}
    live = scored["action_state"] == "open"
    for column in ("next_action", "action_id", "action_recommended_on", "action_owner", "action_due"):
        assert scored.loc[live, column].notna().all(), column
    assert scored.loc[~live, ["action_id", "action_owner", "action_due"]].isna().all(axis=None)
    assert (pd.to_datetime(scored.loc[live, "action_due"]) >= pd.Timestamp("2026-06-01")).all()
    assert scored.loc[scored["band"] == "critical", "action_state"].eq("open").all()
    assert scored.loc[scored["band"].isin(("critical", "at_risk")), "factor_1"].notna().all()
    assert set(scored["band"]) == {"critical", "at_risk", "stable", "healthy"}
    assert set(scored["tier"]) == {"immediate", "outreach", "automated"}


def test_contributions_sum_to_the_health_and_the_parts_to_its_change(two_months: Path) -> None:
    """In the published tables, as BI reads them (HLT-1, HLT-3)."""
    scores = mart(two_months, "health_scores", "2026-06-01").set_index("account_id")
    factors = mart(two_months, "factors", "2026-06-01")
    factors = factors[factors["kind"] == "health"]

    summed = factors.groupby("account_id")["contribution"].sum()
    assert (summed - scores["health_computed"]).abs().max() < 1e-4  # 34 contributions rounded to six decimals
    parts = ["change_definition", "change_weights", "change_data", "change_coverage", "change_override"]
    changed = scores[scores["change"].notna()]
    assert len(changed) > 50
    assert (changed[parts].sum(axis=1) - changed["change"]).abs().max() < 1e-5
    of_components = changed[[f"change_{component}" for component in COMPONENTS]]
    assert (of_components.sum(axis=1) - changed["change_data"]).abs().max() < 1e-5
    assert (of_components.abs() > 1).sum().min() > 0, "each component moves some account"
    own = changed["change_data"] + changed["change_override"]
    assert (own.abs() > 15).equals(changed["change_flagged"].astype(bool))
    assert mart(two_months, "health_scores", "2026-05-01")["change"].isna().all()


def test_the_month_leaves_a_report_a_catalogue_data_docs_and_a_dictionary(two_months: Path) -> None:
    """What each reader opens is there (MON-1, SRC-3, SRC-6, OUT-1)."""
    for path in (
        "reports/health-2026-06-01.html", "reports/signal-catalogue-2026-06-01.xlsx", "data_docs/index.html",
        "marts/README.md", "marts/views.sql",
    ):  # fmt: skip
        assert (two_months / path).stat().st_size > 0, path
    manifest = json.loads((two_months / "marts/health_scores/as_of=2026-06-01/_manifest.json").read_text())
    assert manifest["rows"] == len(mart(two_months, "health_scores", "2026-06-01"))
    assert (two_months / "snapshots" / manifest["snapshot_id"]).is_dir()
    runs = mart(two_months, "runs", "2026-06-01")
    assert runs["flow"].tolist() == ["monthly_week_1"]


@pytest.mark.slow
def test_a_second_run_gives_the_same_bytes(company: Path, two_months: Path) -> None:
    """Everything under marts but `runs` (TRU-1)."""
    before = bytes_of(two_months)

    assert keepwell("--config", company, "--out", two_months, "monthly", "--as-of", "2026-06-01").code == 0

    assert bytes_of(two_months) == before


@pytest.mark.slow
def test_daily_and_monthly_of_one_date_publish_the_same_scores(two_months: Path, first_day: Path) -> None:
    """The run_id names what was computed, not who asked (CONTRACT)."""
    before = bytes_of(two_months)

    alone = ("alerts/", "alert_steps/", "cases/", "interventions/", "next_actions/", "success_plans/", "views.sql")
    after = {k: v for k, v in bytes_of(first_day).items() if not k.startswith(alone)}
    assert after == {k: v for k, v in before.items() if k != "views.sql"}


@pytest.mark.slow
def test_a_later_week_makes_up_the_earlier_ones(company: Path, tmp_path: Path) -> None:
    """`monthly` of the 16th runs week 1 as of the 1st, week 2 as of the 8th ..., where they have not run (CONTRACT)."""
    done = ("work", "done", "--week", "2026-06-15", "--by", "lea", "--now", "2026-06-20")
    assert keepwell("--config", company, "--out", tmp_path, *done).code == 0
    ran = keepwell("--config", company, "--out", tmp_path, "monthly", "--as-of", "2026-06-16")

    assert ran.code == 0, ran.err
    assert (tmp_path / "reports" / "health-2026-06-01.html").exists()
    assert mart(tmp_path, "runs", "2026-06-08")["flow"].tolist() == ["monthly_week_2"]
    assert len(mart(tmp_path, "outreach_queue", "2026-06-08"))
    assert (tmp_path / "reports" / "work-2026-06-15.html").exists()
    again = keepwell("--config", company, "--out", tmp_path, "monthly", "--as-of", "2026-06-16")
    assert "nothing to do" in again.out


@pytest.mark.slow
def test_missed_days_are_made_up_in_order_and_an_old_day_changes_nothing(
    company: Path, first_day: Path, tmp_path: Path
) -> None:
    """One run after a missed day gives what two runs give; a run of an old date leaves the ledger (ALR-3)."""
    every, late = (shutil.copytree(first_day, tmp_path / name) for name in ("every", "late"))

    def run(out: Path, day: int) -> None:
        assert keepwell("--config", company, "--out", out, "daily", "--as-of", f"2026-06-0{day}").code == 0

    run(every, 2)
    run(every, 3)
    run(late, 3)

    assert bytes_of(every) == bytes_of(late)
    before = bytes_of(late)
    run(late, 2)
    assert bytes_of(late) == before
    opened = pd.concat(mart(every, "alerts", f"2026-06-0{day}") for day in range(1, 4))
    assert len(opened[["alert_id", "opened_at"]].drop_duplicates()) == opened["alert_id"].nunique()
    assert not opened.drop_duplicates("alert_id").duplicated(["account_id", "rule", "subject", "episode"]).any()


@pytest.mark.slow
def test_two_runs_of_one_date_at_once_one_wins_and_the_other_says_so(company: Path, tmp_path: Path) -> None:
    """Exit 4 for the one that came second (TRU-2)."""
    command = [
        sys.executable,
        "-m",
        "tests.support.entry",
        "--config",
        company,
        "--out",
        tmp_path,
        "monthly",
        "--as-of",
        "2026-06-01",
    ]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    lock = tmp_path / ".locks" / "2026-06-01.lock"
    while not lock.exists() and first.poll() is None:
        time.sleep(0.05)

    second = keepwell(*command[3:])
    first.communicate()

    assert (first.returncode, second.code) == (0, 4)
    assert "another run holds 2026-06-01" in second.err


@real_data
def test_ravenstack_has_a_row_for_every_account_under_contract(tmp_path: Path) -> None:
    """A foreign company through the same commands; rows that cannot be true are counted, not dropped (SRC-4, SRC-7)."""
    config = ROOT / "examples" / "ravenstack" / "pipeline.toml"
    run = ("--json", "--config", config, "--out", tmp_path)

    month = keepwell(*run, "monthly", "--as-of", "2024-12-01", RAVENSTACK_DATA=str(RAVENSTACK))

    assert month.code == 0, month.err
    subscriptions = pd.read_csv(RAVENSTACK / "ravenstack_subscriptions.csv")
    live = subscriptions["start_date"].le("2024-12-01") & ~subscriptions["end_date"].lt("2024-12-01")
    scores = mart(tmp_path, "health_scores", "2024-12-01")
    assert sorted(scores["account_id"]) == sorted(subscriptions.loc[live, "account_id"].unique())
    assert (scores["band"] == "unknown").any()
    assert (scores["band"] != "unknown").any()
    aside = mart(tmp_path, "quarantine", "2024-12-01").groupby(["table", "reason"]).size()
    assert aside["tickets", "before_signup"] > 0
    assert aside["usage", "before_first_subscription"] > 0
    assert mart(tmp_path, "check_results", "2024-12-01")["success"].any()


@pytest.mark.slow
@real_data
def test_ravenstack_month_is_that_of_its_readme(tmp_path: Path) -> None:
    """The numbers on the page are real (SRC-7)."""
    example = ROOT / "examples" / "ravenstack"
    call = ("--config", example / "pipeline.toml", "--out", tmp_path, "monthly", "--as-of", "2024-12-01")
    ran = keepwell(*call, RAVENSTACK_DATA=str(RAVENSTACK))
    page = (example / "README.md").read_text()
    (shown,) = re.findall(r"^```\n( +as of .*?)```", page, re.DOTALL | re.MULTILINE)

    assert ran.code == 0, ran.err
    assert ran.out.replace(f"{tmp_path}/", "out/") == shown
    unknown = re.findall(r"unknown  (\d+)", shown)
    assert f"{unknown[0]} accounts are `unknown`" in page


@pytest.mark.slow
@real_data
def test_ravenstack_day_by_day_raises_each_alert_once_and_again_the_same_bytes(tmp_path: Path) -> None:
    """The first run's many alerts go out as one digest; the days after it open only new ones (ALR-3, TRU-1)."""
    config = ROOT / "examples" / "ravenstack" / "pipeline.toml"
    days = ["2024-12-01", "2024-12-02"]

    def run(days: list[str]) -> None:
        for day in days:
            ran = keepwell(
                "--config", config, "--out", tmp_path, "daily", "--as-of", day, RAVENSTACK_DATA=str(RAVENSTACK)
            )
            assert ran.code == 0, ran.err

    run(days)
    before = bytes_of(tmp_path)
    run(days[:1])

    assert bytes_of(tmp_path) == before
    alerts = {day: mart(tmp_path, "alerts", day) for day in days}
    first = alerts[days[0]]
    of_events = first["subject"].notna()
    assert len(set(first.loc[~of_events, "digest_id"])) == 1
    assert first.loc[~of_events, "digest_id"].notna().all()
    assert first.loc[of_events, "digest_id"].isna().all()
    assert len(first) > 50
    seen = pd.concat(alerts.values())
    assert len(seen[["alert_id", "opened_at"]].drop_duplicates()) == seen["alert_id"].nunique()
    assert seen["opened_at"].dt.date.astype(str).isin(days).all()
    conditions = seen[seen["subject"].isna()].drop_duplicates("alert_id")
    assert not conditions.duplicated(["account_id", "rule"]).any()
