"""What came of an account, on one line of its page (ACT-1, ALR-5)."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from keepwell.cli.account import as_data, outcome, page, turns
from keepwell.playbook.interventions.records import work_event
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.operations.account import AccountStory, _leaving, account_story

DAYS = [date(2026, 5, day) for day in (1, 8, 15, 22)]
FLAG = (datetime(2026, 5, 5, 9), "no_usage")


def story(flagged: tuple[datetime, str] | None, leaving: date | None, left: date | None) -> AccountStory:
    """A page of which only the outcome matters."""
    return AccountStory("A-1", DAYS[-1], {"status": "active"}, flagged, leaving, left, [], pd.DataFrame(), [], [])


@pytest.mark.parametrize(
    ("flagged", "leaving", "left", "says"),
    [
        (None, None, None, "no alert ever; active"),
        (FLAG, None, None, "first alert on May 5 (no usage); active"),
        (
            FLAG, date(2026, 5, 15), date(2026, 6, 1),
            ("first alert on May 5 (no usage); notice known since May 15; no longer a customer on June 1; "
             "alerted 10 days before"),
        ),
        (
            FLAG, date(2026, 5, 1), None,
            "first alert on May 5 (no usage); notice known since May 1; alerted 4 days too late",
        ),
        (None, None, date(2026, 6, 1), "no alert ever; no longer a customer on June 1"),
    ],
)  # fmt: skip
def test_the_way_from_flag_to_outcome_in_one_sentence(flagged, leaving, left, says) -> None:
    """First flag, notice, end and the days between, as far as they are known; an unflagged churner is reported too."""
    assert outcome(story(flagged, leaving, left)) == says


@pytest.mark.parametrize(
    ("statuses", "since"),
    [
        (["active", "active", "leaving", "leaving"], DAYS[2]),
        (["leaving", "active", "active", "leaving"], DAYS[3]),
        (["leaving", "leaving", "leaving", "leaving"], DAYS[0]),
        (["active", "leaving", "leaving", "active"], None),
    ],
)
def test_a_notice_counts_from_the_last_time_it_became_known(statuses: list[str], since: date | None) -> None:
    """A notice that was taken back is no outcome."""
    assert _leaving(pd.DataFrame({"as_of": DAYS, "status": statuses})) == since


def test_the_course_tells_one_day_a_week_and_whenever_something_turned() -> None:
    """Three months of days fit on a page; no turn is left out (ACT-1)."""
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(30)]
    frame = pd.DataFrame({"as_of": days, "status": "active", "band": "stable", "tier": None, "health": 75.0})
    frame.loc[12:, "band"] = "at_risk"
    frame.loc[13:, "tier"] = "outreach"
    frame.loc[27:, "status"] = "leaving"

    assert [row.as_of.day for row in turns(frame)] == [1, 8, 13, 14, 21, 28, 30]
    assert turns(frame[:0]) == []


def test_a_target_that_values_have_settled_is_no_work_that_goes_on(tmp_path: Path) -> None:
    """Open until its day, then as the published health says, though nobody said a word (MON-3, ACT-1)."""
    planned = work_event(
        "planned", "A-1", None, datetime(2026, 5, 1), datetime(2026, 5, 1), "ann",
        {"metric": "health", "baseline": 40.0, "target": 60.0, "rising": True, "due": "2026-05-15"},
    )  # fmt: skip
    for day, health in ((DAYS[0], 41.0), (DAYS[2], 65.0)):
        score = pd.DataFrame([{"account_id": "A-1", "name": "acme", "status": "active", "health": health}])
        frames = {"health_scores": score, "factors": pd.DataFrame({"account_id": [], "kind": [], "feature": []})}
        publish(tmp_path, day, frames, Stamp("r", "c", "s"))
    before, after = (account_story(tmp_path, [], [planned], "acme", datetime(2026, 5, day)) for day in (14, 16))

    assert before.work == [f"{planned.event_id[:8]}  health at least 60 by May 15, ann"]
    assert after.work == []


def test_an_account_whose_health_is_unknown_has_a_page_in_words(tmp_path: Path) -> None:
    """What is missing is said, and no NaN is printed, for people or for programs (ACT-1)."""
    score = {
        "account_id": "A-1", "name": "Acme", "status": "active", "health": None, "band": "unknown", "arr": 0.0,
        "currency": "USD", "summary": "No usage yet.",
    }  # fmt: skip
    other = {"account_id": "A-2", "name": "Bolt", "tier": "watch", "tier_reason": "x", "segment": "smb", "csm": "ann"}
    frames = {
        "health_scores": pd.DataFrame([score, other]),
        "factors": pd.DataFrame({"account_id": [], "kind": [], "feature": []}),
    }
    for day in DAYS[:3]:
        publish(tmp_path, day, frames, Stamp("r", "c", "s"))

    found = account_story(tmp_path, [], [], "Acme", datetime(2026, 5, 16))

    lines = page(found)
    assert lines[0] == "Acme (A-1), no segment, no CSM, 0 USD, open-ended"
    assert "no tier: not enough data" in lines
    assert [line for line in lines if "health unknown" in line] == [f"  {day}  health unknown" for day in DAYS[:3]]
    assert not [line for line in lines if "nan" in line]
    assert "NaN" not in json.dumps(as_data(found), default=str)
