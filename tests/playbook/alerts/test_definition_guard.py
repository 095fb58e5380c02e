"""A measure that moves for the book at once: what rests on it is held, the rest goes on (SRC-5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest

from keepwell.features.book import book as features_book
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import feature_table
from keepwell.features.settings import HealthSettings
from keepwell.flows.run import Run
from keepwell.playbook.alerts.channels import Background
from keepwell.playbook.alerts.clocks import breaches
from keepwell.playbook.alerts.definition_guard import Watched, episodes, guard_events, is_back, moved
from keepwell.playbook.alerts.ledger_events import DATA_RULE, LedgerEvent, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.messages import messages
from keepwell.playbook.alerts.rules import Condition, Observations
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, GuardSettings, OwnerSettings
from keepwell.tasks.delivery.notify import FILES
from keepwell.tasks.earlier_scores import stored_before
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.alert_responses import decided, respond
from keepwell.tasks.scoring.guard import Rules, guard, watch, windows
from keepwell.tasks.scoring.score import Scored
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from tests.support.outage import OUTAGE, RENAMED, begun, lived, weeks, written
from tests.support.running import bytes_of, keepwell

RULES = GuardSettings()
SETTINGS = AlertSettings()
USE = ("active_days_28d", "active_users_28d", "usage_trend", "active_users_trend")
LOGINS = Watched("logins", 1, "usage", scored=True)
TICKETS = Watched("tickets", -1, "tickets", scored=True)
UNSCORED = Watched("minutes", 1, "usage", scored=False)
MONDAY = datetime(2026, 3, 2)
DAY = timedelta(days=1)


# What counts as a move ------------------------------------------------------------------------------------------------


def book(*shifts: float, accounts: int = 400, noise: float = 0.3, name: str = "logins") -> list[pd.DataFrame]:
    """Features today, a window ago, and so on: customers move by noise, the book by the shift of each window."""
    rng = np.random.default_rng(5)
    level, frames = rng.normal(10, 2, accounts), []
    for shift in shifts:
        level = level - shift
        frames.append(pd.DataFrame({name: level + rng.normal(0, noise, accounts)}))
    return frames


QUIET = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(("shift", "found"), [(-1.0, True), (1.0, True), (0.05, False), (0.0, False)])
def test_a_measure_has_moved_when_most_accounts_move_the_same_way(shift: float, found: bool) -> None:
    """Either way; that customers move up and down is no move (SRC-5)."""
    share = moved(book(0.0, shift, *QUIET[2:]), [LOGINS], RULES).get("logins")

    assert (share is not None) is found
    assert share is None or (share < 0) is (shift < 0)


def test_what_moves_every_week_is_usual() -> None:
    """Days since the last contact grow by seven every week for nearly everybody (SRC-5)."""
    assert not moved(book(*[1.0] * 6), [LOGINS], RULES)
    assert moved(book(1.0, 3.0, -1.0, 1.0, -1.0, 1.0), [LOGINS], RULES)


def test_a_longer_window_is_no_move() -> None:
    """Days since a contact, nine days after the last stored score where others were seven apart (SRC-5)."""
    first, gaps = np.random.default_rng(5).normal(200, 80, 200), [9, 7, 7, 7, 7, 7]
    ages = [sum(gaps[number:]) for number in range(len(gaps) + 1)]
    frames = [pd.DataFrame({"logins": first + age}) for age in ages]
    aging = replace(LOGINS, direction=-1)

    assert moved(frames, [aging], RULES)
    assert not moved(frames, [aging], RULES, gaps)
    stopped = [frames[0] + 9, *frames[1:]]
    assert moved(stopped, [aging], RULES, gaps)["logins"] < 0


def test_few_accounts_or_days_tell_nothing() -> None:
    """Fewer accounts than min_accounts, or fewer stored windows than min_windows: no data alert (SRC-5)."""
    assert not moved(book(0.0, 3.0, *QUIET[2:], accounts=49), [LOGINS], RULES)
    assert not moved(book(0.0, 3.0, 0.0), [LOGINS], RULES)
    assert moved(book(0.0, 3.0, 0.0, 0.0), [LOGINS], RULES)


def test_a_small_book_moves_at_random() -> None:
    """60 accounts, nothing planted: no data alert in 60 draws, though the share is passed in many (SRC-5)."""
    rng = np.random.default_rng(3)
    draws = [[pd.DataFrame({"logins": rng.normal(10, 2, 60)}) for _ in range(4)] for _ in range(60)]
    careless = GuardSettings(min_standard_errors=0)

    assert not any(moved(frames, [LOGINS], RULES) for frames in draws)
    assert sum(bool(moved(frames, [LOGINS], careless)) for frames in draws) > 1


def test_stored_dates_are_taken_a_window_apart() -> None:
    """The newest at least a window older, and none that is two windows older: a gap ends what is known (SRC-5)."""
    days = [date(2026, 3, d) for d in (1, 2, 9, 10, 17, 18, 24, 30)]

    assert windows(days, date(2026, 3, 31), RULES) == [date(2026, 3, 24), date(2026, 3, 17), date(2026, 3, 10),
                                                       date(2026, 3, 2)]  # fmt: skip
    assert windows(days[:4], date(2026, 3, 31), RULES) == []


def test_a_measure_is_back_below_half_the_share() -> None:
    """Against the day before it moved (SRC-5)."""
    before, same, lower = book(0.0, 0.0, 1.0)

    assert is_back(same["logins"], before["logins"], 1, RULES)
    assert not is_back(lower["logins"], before["logins"], 1, RULES)


# One data alert -------------------------------------------------------------------------------------------------------


def raised(history: list[LedgerEvent], day: int, **moves: float) -> list[LedgerEvent]:
    """The guard's events of one day."""
    at = MONDAY + day * DAY
    before = (at - 7 * DAY).date()
    live = episodes(history, at)
    return guard_events(moves, before, live, [LOGINS, TICKETS, UNSCORED], at, "dana", SETTINGS, at)


def test_what_moves_in_the_same_weeks_is_one_data_alert() -> None:
    """It names the first, and what joins has a day of its own; later there is a second one (SRC-5)."""
    first = raised([], 0, logins=-0.6, minutes=-0.5)
    joined = raised(first, 9, tickets=-0.3)
    later = raised([*first, *joined], 40, tickets=-0.3)
    (found,) = episodes([*first, *joined], MONDAY + 9 * DAY)

    assert [e.kind for e in (*first, *joined, *later)] == ["opened", "widened", "opened"]
    assert (first[0].account_id, first[0].rule, first[0].payload["recipients"]) == ("", DATA_RULE, ["data owner"])
    assert "worse for 60% more accounts than better; also moved: minutes" in first[0].payload["detail"]
    assert found.measures == {name: date(2026, 2, 23) for name in ("logins", "minutes")} | {"tickets": date(2026, 3, 4)}


def test_a_decision_covers_its_own_source_only() -> None:
    """What moves after it in another source is a data alert of its own (SRC-5)."""
    history = raised([], 0, logins=-0.6)
    history += decided(history, history[0].alert_id, "discarded", MONDAY + DAY, "dana", "outage", SETTINGS)

    assert [e.kind for e in raised(history, 5, tickets=-0.3)] == ["opened"]
    assert [e.kind for e in raised(history, 5, minutes=-0.3)] == ["widened"]


def test_a_recovery_and_what_is_not_scored_raise_nothing() -> None:
    """What gets better while a data alert of its source lives recovers; health rests on no unscored feature (SRC-5)."""
    history = raised([], 0, logins=-0.6)

    assert [e.kind for e in raised(history, 40, minutes=0.6)] == ["widened"]
    assert raised([], 0, minutes=-0.6) == []


# Held, released, discarded --------------------------------------------------------------------------------------------


@pytest.fixture
def history() -> list[LedgerEvent]:
    """A data alert, and an alert of acme that it holds."""
    found = raised([], 0, logins=-0.6)
    return found + day_of(found, 0, Condition("acme", "health_low", True, "health 41", found[0].alert_id))


def day_of(history: list[LedgerEvent], day: int, *seen: Condition) -> list[LedgerEvent]:
    runs = Runs(MONDAY, max((e.as_of for e in history), default=None))
    at = MONDAY + day * DAY
    return new_events(history, Observations(seen), at, {"acme": "ann", "bolt": "ann"}, SETTINGS, OwnerSettings(), runs)


def test_an_alert_on_hold_notifies_nobody_and_misses_no_deadline(history: list[LedgerEvent]) -> None:
    """No message to the CSM, no clock; the data owner gets one that counts it (SRC-5, ALR-2)."""
    (message,) = messages(history, {e.alert_id: e.payload for e in history}, Background(), FILES)
    (held,) = [a for a in fold(history, MONDAY).values() if a.account_id == "acme"]

    assert held.state == "held"
    assert "1 dependent alert is on hold" in message.body
    assert {e.rule for e in breaches(history, MONDAY + 30 * DAY, AlertSettings())} == {DATA_RULE}


def test_release_opens_what_is_held_from_now_on(history: list[LedgerEvent]) -> None:
    """Clocks from the release, a message to the CSM; the data alert shows the decision (SRC-5)."""
    at = MONDAY + DAY
    new = decided(history, history[0].alert_id, "released", at, "dana", "they do leave", SETTINGS)
    alerts = {a.account_id: a for a in fold([*history, *new], at).values()}
    sent = messages(new, {e.alert_id: e.payload for e in history}, Background(), FILES)

    assert (alerts["acme"].state, alerts["acme"].opened_at, alerts["acme"].due_ack) == ("open", at, at + DAY / 12)
    assert alerts["acme"].on_hold_for is None
    assert alerts[""].state == "released"
    assert [message.title for message in sent] == ["acme: health 41"]


def test_discard_closes_what_is_held_with_the_reason(history: list[LedgerEvent]) -> None:
    """Nobody is notified, nothing is late, and a second decision is refused (SRC-5)."""
    at = MONDAY + DAY
    new = decided(history, history[0].alert_id, "discarded", at, "dana", "an outage", SETTINGS)
    alerts = {a.account_id: a for a in fold([*history, *new], at).values()}

    assert (alerts["acme"].state, alerts["acme"].reason) == ("closed", "discarded: an outage")
    assert alerts[""].state == "discarded"
    assert not messages(new, {e.alert_id: e.payload for e in history}, Background(), FILES)
    with pytest.raises(ConfigError, match="is already decided"):
        decided([*history, *new], history[0].alert_id, "released", at, "dana", "no", SETTINGS)


def test_a_held_alert_opens_by_itself_once_its_cause_stands_alone(history: list[LedgerEvent]) -> None:
    """Without the measure, or after the measure is back: nothing is lost while nobody decides (SRC-5)."""
    still = day_of(history, 1, Condition("acme", "health_low", True, "health 40", history[0].alert_id))
    alone = day_of(history, 1, Condition("acme", "health_low", True, "health 39"))

    assert still == []
    assert [(e.kind, e.payload["reason"]) for e in alone] == [("released", "true without what moved, too")]
    assert day_of([*history, *alone], 1, Condition("acme", "health_low", True, "health 39")) == []


def test_a_day_that_is_stored_no_more_stops_nothing(tmp_path: Path) -> None:
    """The ledger outlives an output folder: what cannot be compared does not stand out, and the day goes on (SRC-5)."""
    before = (MONDAY - 7 * DAY).date()
    seen = watch(HealthSettings())
    history = guard_events({"active_days_28d": -0.6}, before, [], seen, MONDAY, "dana", SETTINGS, MONDAY)
    features = pd.DataFrame({"account_id": ["acme"], **{f.name: [np.nan] for f in FEATURES.values() if f.published}})
    facts = {"tenure_days": 90.0, "health": 70.0, "band": "stable", "churn_risk": np.nan, "churn_threshold": np.nan}
    facts |= {"never_used": False}
    nothing = pd.DataFrame()
    scored = Scored(pd.DataFrame([{"account_id": "acme", **facts}]), features, nothing, nothing, nothing)
    today = MONDAY + DAY
    rules = Rules(SETTINGS, HealthSettings(), "dana", today)

    found = guard(scored, stored_before(tmp_path, today.date(), 30), None, history, tmp_path, today, rules)

    assert found.events == []
    assert [alert.resolved for alert in found.data_alerts] == [True]
    assert {c.on_hold_for for c in found.conditions} == {None}


# The sample's outage --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("company"), 150, 3)


@pytest.fixture(scope="module")
def outage(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Snapshot, pd.DataFrame]]:
    """Its alerts a week apart: two quiet weeks, and the first two of the outage."""
    run, snapshot = begun(company, tmp_path_factory.mktemp("out"))
    return run, snapshot, lived(run, snapshot, weeks(OUTAGE - 14 * DAY, OUTAGE + 14 * DAY))


@pytest.mark.slow
def test_in_the_outage_one_data_alert_holds_what_rests_on_use(outage: tuple[Run, Snapshot, pd.DataFrame]) -> None:
    """None in the quiet weeks; one in the outage; what rests on anything else opens as ever (SRC-5)."""
    _, _, alerts = outage
    data = alerts[alerts["rule"] == DATA_RULE]
    opened = alerts[(alerts["opened_at"].dt.date == alerts["as_of"]) & (alerts["as_of"] > OUTAGE)]

    assert len(data["alert_id"].unique()) == 1
    assert data["as_of"].min() == OUTAGE + 7 * DAY
    assert set(alerts["held_by"].dropna()) == set(data["alert_id"])
    assert set(opened.loc[opened["state"] == "held", "rule"]) >= {"health_low", "no_usage"}
    assert (opened["state"] == "held").sum() > 5
    assert {"urgent_ticket", "payment_failure"} & set(opened.loc[opened["state"] == "open", "rule"])


@pytest.mark.slow
def test_who_was_in_trouble_anyway_is_flagged_all_the_same(outage: tuple[Run, Snapshot, pd.DataFrame]) -> None:
    """Conditions that hold without use too open, and tell (SRC-5)."""
    _, _, alerts = outage
    opened = alerts[(alerts["opened_at"].dt.date == alerts["as_of"]) & (alerts["as_of"] > OUTAGE)]
    conditions = opened[opened["rule"].isin(["health_low", "health_drop", "no_usage"])]

    assert set(conditions["state"]) >= {"open", "held"}


@pytest.mark.slow
def test_a_person_decides_by_command(outage: tuple[Run, Snapshot, pd.DataFrame], company: Path, tmp_path: Path) -> None:
    """After a release what rests on the move opens, after a discard it does not; a rerun adds nothing (SRC-5)."""
    before, snapshot, alerts = outage
    now = OUTAGE + 14 * DAY
    newest = alerts[alerts["as_of"] == now].set_index("alert_id")
    (name,), held = newest.index[newest["rule"] == DATA_RULE], newest.index[newest["state"] == "held"]
    after = {}
    for decision in ("release", "discard"):
        run = replace(before, out=Path(copytree(before.out, tmp_path / decision)))
        command = ("alerts", decision, name[:8], "--by", "dana", "--reason", "known", "--now", f"{now}T09:00")
        ran, again = (keepwell("--config", company, "--out", run.out, *command) for _ in range(2))
        assert (ran.code, again.code) == (0, 2), ran.err
        assert f"held  {len(held)}" in ran.out
        after[decision] = lived(run, snapshot, [now + 7 * DAY]).set_index("alert_id")
    kept = bytes_of(run.out)
    lived(run, snapshot, [now + 7 * DAY])
    opened = {decision: set(found.index[found["opened_at"].dt.date > now]) for decision, found in after.items()}

    assert bytes_of(run.out) == kept
    assert [after[decision].loc[name, "state"] for decision in after] == ["released", "discarded"]
    assert not any((found["state"] == "held").any() for found in after.values())
    assert opened["release"] > opened["discard"]
    assert after["release"].loc[held.intersection(after["release"].index), "due_ack"].notna().all()
    assert not set(held) & set(after["discard"].index[after["discard"]["closed_at"].isna()])


def test_the_renamed_event_moves_breadth_and_not_use(outage: tuple[Run, Snapshot, pd.DataFrame]) -> None:
    """In the week after the renaming, and in no week before it (SRC-5)."""
    run, snapshot, _ = outage
    of_use = {name: FEATURES[name] for name in ("features_used_28d", "adoption_velocity", *USE)}
    frames = {}
    for day in weeks(RENAMED - 21 * DAY, RENAMED + 7 * DAY):
        facts = facts_at(snapshot, datetime.combine(day, datetime.min.time()), run.fixed)
        wide = feature_table(
            facts, features_book(facts, run.settings.money), of_use, run.settings.money.rates()
        ).to_pandas()
        frames[day] = wide.set_index("account_id")
    newest_first = [frames[day] for day in sorted(frames, reverse=True)]
    scored = [w for w in watch(run.settings.health) if w.name in of_use]

    assert set(moved(newest_first, scored, RULES)) == {"features_used_28d", "adoption_velocity"}
    assert moved(newest_first[1:], scored, RULES) == {}


def test_a_held_alert_takes_no_step(history: list[LedgerEvent]) -> None:
    """Its clocks do not run; the message names the data alert (SRC-5)."""

    class Kept:
        def history(self, _: datetime) -> list[LedgerEvent]:
            return history

    (held,) = [e for e in history if e.account_id == "acme"]
    with pytest.raises(ConfigError, match=f"on hold until data alert {history[0].alert_id[:8]}"):
        respond(Kept(), held.alert_id, "ack", MONDAY, "ann")  # type: ignore[arg-type]
