"""Week 2: whom to call, who calls and when, and the calendars (MON-2). Books are written out by hand."""

import json
import re
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.flows.configuration.settings import ScheduleSettings
from keepwell.playbook.actions import Playbook
from keepwell.playbook.outreach.call_owners import Asked, Before, Team, assigned, segments_of
from keepwell.playbook.outreach.call_times import call_times
from keepwell.playbook.outreach.ics import Call, calendar
from keepwell.playbook.outreach.queue import prioritised, support_needs, talking_points
from keepwell.playbook.settings import Action, AlertSettings, NeedSettings, OutreachSettings
from keepwell.playbook.working_hours import WorkingHours
from keepwell.sample.write import write_company
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.operations.outreach import Rules, file_name, last_queue, outreach_queue, write_calendars
from tests.support.running import ROOT, Ran, bytes_of, keepwell, mart

DAY = date(2026, 6, 8)  # a Monday
DEFAULTS = OutreachSettings()
NOTHING = Before({}, {})
QUEUE = ("outreach_queue", "2026-06-08")


# Priority -------------------------------------------------------------------------------------------------------------


def account(name: str = "acme", **given: object) -> dict[str, object]:
    """An account at risk, with whatever is said otherwise."""
    usual = {
        "account_id": name, "name": name, "status": "active", "segment": "smb", "csm": "Ann", "band": "at_risk",
        "tier": "outreach", "health": 60.0, "change_data": -6.0, "arr": 1000.0, "churn_risk": 0.2,
        "churn_threshold": 0.3, "renewal_on": None,
        "expansion_probability": float("nan"), "advocacy_probability": float("nan"),
    }  # fmt: skip
    return {**usual, **given}


def queue_of(*accounts: dict[str, object]) -> pd.DataFrame:
    return prioritised(pd.DataFrame(accounts), DAY, DEFAULTS).set_index("account_id")


def test_the_queue_holds_who_is_at_risk_critical_or_flagged_and_nobody_who_leaves() -> None:
    """Bands at_risk and critical, or the model's flag; an account whose notice is known is not ranked (MON-2)."""
    found = queue_of(
        account("low", band="critical"),
        account("slow"),
        account("fine", band="healthy"),
        account("flagged", band="healthy", churn_risk=0.3),
        account("unsure", band="unknown", health=None, churn_risk=0.4),
        account("gone", band="critical", status="leaving"),
    )

    assert set(found.index) == {"low", "slow", "flagged", "unsure"}


@pytest.mark.parametrize(
    "more", [{"arr": 1100.0}, {"churn_risk": 0.25}, {"change_data": -9.0}, {"renewal_on": date(2026, 6, 20)}]
)
def test_more_revenue_risk_decline_or_a_near_renewal_comes_first(more: dict[str, object]) -> None:
    """Decline severity x revenue x risk, and time to renewal (MON-2, HLT-1)."""
    found = queue_of(account("alike"), account("more", **more))

    assert found["priority"].to_dict() == {"more": 1, "alike": 2}


def test_the_revenue_at_stake_is_the_product_of_its_parts() -> None:
    """15 of 30 points lost weigh 0.25 + 0.75 x 0.5; a renewal in 45 of 90 days adds half of 0.5 (MON-2)."""
    found = queue_of(account(change_data=-15.0, renewal_on=date(2026, 7, 23), churn_risk=0.4))

    assert found.loc["acme", "at_stake"] == pytest.approx(1000 * 0.4 * 0.625 * 1.25)


def test_what_is_not_known_neither_drops_an_account_nor_lifts_it() -> None:
    """No score of a month ago, no renewal date, a rise: the least weight; a past renewal is not near (MON-2)."""
    found = queue_of(
        account("new", change_data=None),
        account("rising", change_data=5.0),
        account("over", change_data=5.0, renewal_on=date(2026, 6, 1)),
    )

    assert (found["severity"] == 0.25).all()
    assert (found["urgency"] == 1).all()


def test_risk_stands_in_by_band_and_without_a_model_by_health() -> None:
    """An account that the model does not score stands among its band's; health orders alone (issue 5)."""
    beside = queue_of(account("a", churn_risk=0.1), account("b", churn_risk=0.3), account("young", churn_risk=None))
    alone = queue_of(account(churn_risk=None, churn_threshold=None, health=45.0))

    assert beside.loc["young", ["risk", "risk_from"]].tolist() == [0.2, "band"]
    assert beside.loc["a", "risk_from"] == "model"
    assert alone.loc["acme", ["risk", "risk_from"]].tolist() == [0.55, "health"]


# Owners ---------------------------------------------------------------------------------------------------------------


def team(**room: int) -> Team:
    return Team({csm: frozenset({"smb"}) for csm in room}, room, "unassigned")


def hand(queue: list[Asked], of: Team, before: Before = NOTHING, **given: object) -> dict[str, tuple[str, str, object]]:
    """Owner, caller and what is said, by account."""
    found = assigned(queue, of, before, OutreachSettings(**given))
    return {one.account_id: (one.owner, one.csm, one.handover) for one in found}


def test_an_account_keeps_its_owner_and_a_change_is_said() -> None:
    """Whom the data names owns; who was named at the last queue hands over (MON-2)."""
    asked = [Asked("same", "smb", "Ann"), Asked("moved", "smb", "Bob"), Asked("left", "smb", "Bob")]
    before = Before({"same": "Ann", "moved": "Ann", "left": "Zoe"}, {})

    assert hand(asked, team(Ann=9, Bob=9), before) == {
        "same": ("Ann", "Ann", None),
        "moved": ("Bob", "Bob", "handed over from Ann"),
        "left": ("Bob", "Bob", "handed over from Zoe, who has left"),
    }


def test_an_account_of_somebody_who_left_goes_to_the_colleague_with_most_room_and_stays() -> None:
    """Said once; the next queue finds the same owner whatever room the others have (MON-2)."""
    asked = [Asked("a", "smb", "Ann"), Asked("b", "smb", "Zoe"), Asked("c", "smb", "unassigned")]
    first = hand(asked, team(Ann=3, Bob=3))
    later = hand(asked, team(Ann=99, Bob=2), Before({name: owner for name, (owner, _, _) in first.items()}, {}))

    assert first["b"] == ("Bob", "Bob", "handed over from Zoe, who has left")
    assert first["c"] == ("Ann", "Ann", "assigned to Ann: the data names no CSM")
    assert later == {name: (owner, owner, None) for name, (owner, _, _) in first.items()}


def test_a_full_week_lends_calls_to_the_same_colleague_as_before_and_keeps_the_owner() -> None:
    """Over capacity: a hand-over of the call, not of the account; without sharing the account waits (MON-2)."""
    asked = [Asked("a", "smb", "Ann"), Asked("b", "smb", "Ann")]
    lent = hand(asked, team(Ann=1, Bob=5, Cy=4), Before({}, {"b": "Cy"}))
    alone = hand(asked, team(Ann=1, Bob=5), share_calls=False)

    assert lent["b"] == ("Ann", "Cy", "Cy calls this week: Ann has no capacity")
    assert alone["b"] == ("Ann", "Ann", "waiting: Ann has no capacity (outreach.share_calls is off)")


def test_calls_that_are_free_are_lent_across_segments_and_that_is_said() -> None:
    """First within the segment; nobody waits while a call is free, unless a setting says so (MON-2)."""
    asked = [Asked("a", "smb", "Ann"), Asked("b", "smb", "Ann"), Asked("c", "smb", "Ann")]
    both = Team(
        {"Ann": frozenset({"smb"}), "Bob": frozenset({"smb"}), "Eve": frozenset({"mid"})},
        {"Ann": 1, "Bob": 1, "Eve": 9},
    )
    lent, alone = hand(asked, both), hand(asked, both, share_across_segments=False)

    assert lent["b"] == ("Ann", "Bob", "Bob calls this week: Ann has no capacity")
    assert lent["c"] == ("Ann", "Eve", "Eve calls this week: Ann has no capacity; Eve has no other account of smb")
    assert alone["c"] == (
        "Ann", "Ann", "waiting: no colleague of the segment has capacity (outreach.share_across_segments is off)",
    )  # fmt: skip
    assert hand(asked, team(Ann=1))["b"] == ("Ann", "Ann", "waiting: no CSM has capacity")


def test_who_has_left_is_on_no_team_and_the_default_owner_only_where_there_is_no_one_else() -> None:
    """From the day that the settings name (MON-2)."""
    book = pd.DataFrame({"csm": ["Ann", "Bob", "unassigned"], "segment": ["smb", "smb", None]})
    gone = OutreachSettings(unavailable_from={"Bob": DAY})

    assert set(segments_of(book, DAY, "unassigned", gone)) == {"Ann"}
    assert set(segments_of(book, date(2026, 6, 7), "unassigned", gone)) == {"Ann", "Bob"}
    assert set(segments_of(book.tail(1), DAY, "unassigned", gone)) == {"unassigned"}


CSMS = st.sampled_from(["Ann", "Bob", "Cy"])


@given(
    st.lists(st.tuples(st.sampled_from(["smb", "ent"]), CSMS | st.just("gone"), CSMS | st.just("gone")), max_size=20),
    st.tuples(*[st.integers(0, 5)] * 3),
)
@effort(max_examples=150, deadline=None)
def test_nobody_calls_more_than_the_room_and_nobody_waits_beside_room(rows, room) -> None:
    """Whatever the book: each account once, within room, owners on the team, first priority first (MON-2)."""
    segments = {"Ann": frozenset({"smb"}), "Bob": frozenset({"smb", "ent"}), "Cy": frozenset({"ent"})}
    works = Team(segments, dict(zip(segments, room, strict=True)), "unassigned")
    queue = [Asked(str(n), segment, csm) for n, (segment, csm, _) in enumerate(rows)]
    last = {str(n): owner for n, (_, _, owner) in enumerate(rows)}

    found = assigned(queue, works, Before(last, {}), DEFAULTS)
    calls = pd.Series([one.csm for one in found if not one.waits], dtype=object).value_counts()

    assert [one.account_id for one in found] == [one.account_id for one in queue]
    assert all(calls.get(csm, 0) <= works.room[csm] for csm in segments)
    for one, asked in zip(found, queue, strict=True):
        assert one.owner in segments
        assert asked.csm in (one.owner, "gone")
        assert not one.waits or all(calls.get(csm, 0) == works.room[csm] for csm in works.colleagues(asked.segment))
        assert not one.waits or all(
            other.waits or other.csm != other.owner
            for other in found[int(one.account_id) :]
            if other.owner == one.owner
        )


# Call times -----------------------------------------------------------------------------------------------------------


@given(
    st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland", "Asia/Kolkata"]),
    st.integers(1, 12),
    st.integers(10, 120),
)
@effort(max_examples=100, deadline=None)
def test_every_call_lies_whole_within_the_working_hours_and_none_overlap(day, zone, per_day, minutes) -> None:
    """In the team's time zone, on its working days, over summer time too, after the notice (MON-2)."""
    hours = WorkingHours(timezone=zone, holidays=(day + timedelta(days=2),))
    settings = OutreachSettings(calls_per_day=per_day, call_minutes=minutes, calls_per_week=30)
    times = call_times("Ann", day, hours, settings)
    local = [at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)) for at in times]

    assert len(times) <= 30
    for at in local:
        end = at + timedelta(minutes=minutes)
        assert (at.time(), end.time()) >= (hours.opens, hours.opens)
        assert end.time() <= hours.closes
        assert at.weekday() < 5
        assert at.date() != day + timedelta(days=2)
        assert day <= at.date() <= day + timedelta(days=6)
    assert all(at >= datetime(day.year, day.month, day.day, 8) for at in times)
    gaps = [later - at for at, later in pairwise(times)]
    assert all(gap >= timedelta(minutes=minutes + 15) for gap in gaps)
    assert max((sum(a.date() == b.date() for b in local) for a in local), default=0) <= per_day


def test_a_week_holds_the_capacity_and_a_week_of_holidays_less() -> None:
    """15 a week by default, another number for single CSMs; three a day (MON-2)."""
    short = WorkingHours(holidays=(date(2026, 6, 8), date(2026, 6, 9), date(2026, 6, 10)))
    by_name = OutreachSettings(capacity={"Ann": 4})

    assert len(call_times("Ann", DAY, WorkingHours(), DEFAULTS)) == 15
    assert len(call_times("Ann", DAY, short, DEFAULTS)) == 6
    assert len(call_times("Ann", DAY, WorkingHours(), by_name)) == 4
    assert call_times("Ann", DAY, WorkingHours(), DEFAULTS)[0] == datetime(2026, 6, 8, 9, 15)


# The calendar ---------------------------------------------------------------------------------------------------------


def parsed(text: str) -> list[dict[str, str]]:
    """The events of an iCalendar file, read by the letter of RFC 5545: unfold, split, unescape."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    lines = re.sub(r"\r\n[ \t]", "", text).removesuffix("\r\n").split("\r\n")
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    events: list[dict[str, str]] = []
    for line in lines:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif events and name not in ("BEGIN", "END"):
            assert name not in events[-1]
            events[-1][name] = re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == len(events)
    return events


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=120)


@given(TEXTS, TEXTS)
@effort(max_examples=150, deadline=None)
def test_a_calendar_reads_back_what_was_written(summary: str, description: str) -> None:
    """RFC 5545: CRLF, at most 75 octets a line, no character cut in two, text escaped (MON-2)."""
    begins = datetime(2026, 6, 8, 9, 15)
    text = calendar([Call("1@k", begins, begins + timedelta(minutes=45), summary, description)] * 2, begins)

    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    first, second = parsed(text)
    assert first == second
    assert (first["SUMMARY"], first["DESCRIPTION"]) == (summary, description)
    assert (first["DTSTART"], first["DTEND"]) == ("20260608T091500Z", "20260608T100000Z")


def test_a_customers_name_begins_no_event_of_its_own() -> None:
    """Names from customers are data: no line of theirs ends in the file, no control character either (TRU-4)."""
    begins = datetime(2026, 6, 8, 9, 15)
    name = "Acme\r\nEND:VEVENT\r\nBEGIN:VEVENT\x07; DROP, \\n"

    (event,) = parsed(calendar([Call("1@k", begins, begins, name, "")], begins))

    assert event["SUMMARY"] == "Acme\nEND:VEVENT\nBEGIN:VEVENT; DROP, \\n"


def test_a_csms_name_is_no_path() -> None:
    """And two names that look alike have two files (TRU-4)."""
    assert re.fullmatch(r"etc-passwd-[0-9a-f]{6}\.ics", file_name("../../etc/passwd"))
    assert re.fullmatch(r"csm-[0-9a-f]{6}\.ics", file_name("李"))
    assert file_name("Uma O'Brien") != file_name("Uma O Brien")


# What to say, and who is needed ---------------------------------------------------------------------------------------

PAY = Action(
    name="Call finance", owner="finance", tiers=("outreach",), features=("overdue_share",), because="It is cheap.",
    talking_points=("Which payment failed.",),
)  # fmt: skip
REST = Action(name="Call", owner="csm", tiers=("outreach", "immediate"), because="Somebody does.")
MAIL = Action(name="Mail", owner="automation", tiers=("automated",), because="A sign of life.")
RULES = Rules(DEFAULTS, AlertSettings(), Playbook(action=(PAY, REST, MAIL)), "unassigned", "EUR")
FACTORS = [("overdue_share", "billing", "20% overdue"), ("x", "support", "3 open tickets"), ("y", "adoption", "1 of 9")]


def test_talking_points_tell_what_was_seen_and_what_to_bring_up() -> None:
    """From the factors and the playbook (MON-2, ACT-2)."""
    assert talking_points(["20% overdue"], ["a merger (Ann, 2026-06-01)"], PAY, 7.4, 30) == [
        "Health fell 7 points this month.",
        "20% overdue.",
        "Note: a merger (Ann, 2026-06-01)",
        "The contract renews in 30 days.",
        "Which payment failed.",
    ]
    assert talking_points([], [], None, float("nan"), float("nan")) == []


def test_needs_name_the_team_and_for_what() -> None:
    """Technical, product, finance by component, and whoever owns the action (MON-2)."""
    assert support_needs(FACTORS, PAY, NeedSettings()) == {
        "finance": ["Call finance", "20% overdue"],
        "technical": ["3 open tickets"],
        "product": ["1 of 9"],
    }
    assert support_needs([], REST, NeedSettings()) == {}


def test_the_first_priority_is_called_first_and_each_call_has_its_strategy() -> None:
    """One queue, whole: priority, time, strategy, needs; the flagged account without a tier too (MON-2)."""
    book = pd.DataFrame(
        [account("small"), account("large", arr=9000.0), account("odd", band="unknown", tier=None, churn_risk=0.9)]
    )
    found = outreach_queue(book, {"small": FACTORS, "large": [], "odd": []}, NOTHING, DAY, RULES)
    rows = found.set_index("account_id")

    assert found["account_id"].tolist() == ["large", "odd", "small"]
    assert rows["scheduled_at"].is_monotonic_increasing
    assert rows.loc["small", "strategy"] == "Call finance: It is cheap."
    assert rows.loc["small", "support_needs"][0] == "finance: Call finance; 20% overdue"
    assert rows.loc["odd", "strategy"] == "Call: Somebody does."


def test_calendars_of_a_rerun_replace_those_before(tmp_path: Path) -> None:
    """A CSM who has no call any more has no file (MON-5)."""
    book = pd.DataFrame([account("a"), account("b", csm="Bob")])
    for rows in (book, book.head(1)):
        queue = outreach_queue(rows, {"a": [], "b": []}, NOTHING, DAY, RULES)
        write_calendars(queue, tmp_path, datetime(2026, 6, 8))

    assert [path.name for path in tmp_path.iterdir()] == [file_name("Ann")]


# By command -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample company of 80 accounts."""
    folder = tmp_path_factory.mktemp("company")
    write_company(80, 15, 11, folder)
    return folder


def week_two(company: Path, out: Path, day: str) -> Ran:
    config = company / "pipeline.toml"
    return keepwell("--json", "--config", config, "--out", out, "monthly", "--as-of", day, "--week", 2)


@pytest.mark.slow
def test_week_two_publishes_the_queue_with_its_calendars_and_gives_the_same_bytes_again(
    company: Path, tmp_path: Path
) -> None:
    """As of the week's first day, whenever it is run; mart and calendars agree (MON-2, MON-5, TRU-1)."""
    day = "2026-06-08"
    first = week_two(company, tmp_path, "2026-06-12")
    folder, before, queue = tmp_path / "reports" / f"calls-{day}", bytes_of(tmp_path), mart(tmp_path, *QUEUE)
    calendars = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = week_two(company, tmp_path, day)
    calls = queue[queue["scheduled_at"].notna()]
    events = [event for text in calendars.values() for event in parsed(text.decode())]

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert bytes_of(tmp_path) == before
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == calendars
    assert len(calls) > 5
    assert sorted(e["DTSTART"] for e in events) == sorted(f"{at:%Y%m%dT%H%M%SZ}" for at in calls["scheduled_at"])
    assert len({e["UID"] for e in events}) == len(calls) == json.loads(first.out)["calls"]
    assert set(calendars) == {file_name(csm) for csm in calls["csm"]}
    assert queue[["strategy", "strategy_owner", "owner"]].notna().all(axis=None)


def test_the_last_queue_before_the_day_says_who_had_an_account(tmp_path: Path) -> None:
    """From its owner where it was asked for, else from the book of that day; a later queue says nothing (MON-2)."""
    stamp = Stamp("run", "code", "snapshot")
    for day, owner in ((date(2026, 4, 8), "Old"), (date(2026, 5, 8), "Ann"), (DAY, "New")):
        asked = pd.DataFrame(
            {"account_id": ["a", "b"], "owner": owner, "csm": ["Bob", owner], "scheduled_at": [pd.Timestamp(day), None]}
        )
        book = pd.DataFrame({"account_id": ["a", "b", "c"], "csm": ["Zoe", "Zoe", "Cy"]})
        publish(tmp_path, day, {"outreach_queue": asked, "health_scores": book}, stamp)

    before, used = last_queue(tmp_path, DAY)

    assert before == Before({"a": "Ann", "b": "Ann", "c": "Cy"}, {"a": "Bob"})
    assert used == ("outreach_queue/2026-05-08/run", "health_scores/2026-05-08/run")
    assert last_queue(tmp_path, date(2026, 4, 8)) == (NOTHING, ())


def test_the_schedule_begins_every_week() -> None:
    """Weeks begin on days 1, 8, 15 and 22, in the settings' schedule and in prefect.yaml (section 8, OUT-3)."""
    cron = ScheduleSettings().monthly

    assert cron.split()[2] == "1,8,15,22"
    assert f"cron: {cron}\n" in (ROOT / "prefect.yaml").read_text()
