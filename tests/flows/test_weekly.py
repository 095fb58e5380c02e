"""The weekly review (WKL-1, WKL-2): the sheet, the portfolio, the pipeline, and what is published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import Facts, at_each, known_rows
from keepwell.features.settings import BookSettings, HealthSettings
from keepwell.flows import weekly_review as review
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.flows.scoring import ScoredDate, staged
from keepwell.playbook.actions import Playbook
from keepwell.playbook.alerts.clocks import breaches, step_events
from keepwell.playbook.alerts.ledger_events import LedgerEvent, event_of, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Condition, Observations
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.interventions.records import Intervention, interventions_at, plans_at, work_event
from keepwell.playbook.interventions.standup import Week, week_of
from keepwell.playbook.settings import Action, AlertSettings, NeedSettings, OwnerSettings, WeeklySettings
from keepwell.sample.write import write_company
from keepwell.tasks.earlier_scores import FILE
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.marts.portfolio import (
    BEFORE,
    NO_BEFORE,
    candidates,
    opportunities,
    pipeline,
    portfolio,
    week_before,
)
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.operations.intervention_results import RecordedWork, published_effects, rate_of, recorded_work
from keepwell.tasks.operations.standup import Rules, Sources, standup
from keepwell.tasks.operations.week_report import WeekReport
from keepwell.tasks.reports.week import as_html, as_markdown
from tests.support.handmade import company as handmade
from tests.support.handmade import contract
from tests.support.partitions import put
from tests.support.running import bytes_of, keepwell, mart
from tests.support.unchecked import score_unchecked

DAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1)
DEFAULTS = WeeklySettings()
TIERS = ("immediate", "outreach", "automated")
MAILS = Playbook(action=(Action(name="Mail", owner="automation", tiers=TIERS, because="All is well."),))
QUIET = Week({}, [], [], [])
NOBODY = pd.DataFrame(columns=["account_id", "why"])
NO_WORK = RecordedWork([], [], 90, None, None, {})


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def account(name: str, **given: object) -> dict[str, object]:
    """A stable account, with whatever is said otherwise."""
    usual = {
        "account_id": name, "name": name.title(), "status": "active", "segment": "smb", "csm": "Ann", "arr": 1000.0,
        "band": "stable", "tier": "outreach", "health": 75.0, "churn_risk": np.nan, "churn_threshold": np.nan,
        "expansion_probability": np.nan, "advocacy_probability": np.nan, "renewal_on": None,
        "next_action": None, "action_due": None, "currency": "USD",
    }  # fmt: skip
    return {**usual, **given}


def book(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows)


# Alerts of the week ---------------------------------------------------------------------------------------------------


def opened(
    account_id: str,
    at: datetime,
    rule: str = "no_usage",
    so_far: Sequence[LedgerEvent] = (),
    on_hold_for: str | None = None,
) -> LedgerEvent:
    """The opening of an alert, by the rules themselves."""
    seen = Observations([Condition(account_id, rule, True, "why", on_hold_for)], [])
    owners, runs = OwnerSettings(), Runs(ago(90), ago(90))
    new = new_events(list(so_far), seen, at, {account_id: "Ann"}, AlertSettings(), owners, runs)
    return next(event for event in new if event.kind == "opened")


def gone(event: LedgerEvent, at: datetime) -> list[LedgerEvent]:
    """The cause goes, and seven days later the alert closes."""
    closed = {"reason": "the cause gone for 7 days"}
    return [
        event_of(event, "cause_gone", at, "keepwell", {}),
        event_of(event, "closed", at + timedelta(days=7), "keepwell", closed),
    ]


def contacted(event: LedgerEvent, at: datetime) -> list[LedgerEvent]:
    return step_events(fold([event], at)[event.alert_id], (), "contact", at, "Ann")


def test_a_closing_counts_as_answered_only_where_the_contact_came_before_the_cause_went() -> None:
    """What happened in which order (WKL-1): contact then gone; gone then contact; no contact."""
    one, two, three = (opened(name, ago(20)) for name in ("a", "b", "c"))
    history = [
        one, two, three, *contacted(one, ago(15)), *gone(one, ago(10)), *gone(two, ago(10)), *contacted(two, ago(5)),
        *gone(three, ago(10)),
    ]  # fmt: skip

    found = {c.alert.account_id: c.contacted_at for c in week_of(history, ago(7), NOW).closed}

    assert found == {"a": ago(15), "b": None, "c": None}


def test_what_is_older_than_the_week_or_written_after_it_is_not_in_it() -> None:
    """(as_of - 7 days, as_of], by the ledger cut at as_of (WKL-1, ALR-5)."""
    old, at_edge, new, future = (opened(n, at) for n, at in zip("abcd", (ago(8), ago(7), ago(1), ago(-1)), strict=True))
    history = [old, at_edge, new, future, *gone(old, ago(6.5)), *contacted(new, ago(-1))]
    history += breaches([new], ago(-1), AlertSettings())

    week = week_of(history, ago(7), NOW)

    assert [a.account_id for a in week.opened] == ["c"]
    assert week.closed == []  # closes half a day after as_of
    assert week.missed == []
    assert set(week.live) == {"a", "b", "c"}
    assert week.live["c"][0].state == "open"


def test_a_deadline_missed_in_the_week_is_listed_with_whom_it_went_to() -> None:
    """Every breach of the week, none of an earlier one (WKL-1, ALR-2)."""
    new, old = opened("a", ago(2)), opened("b", ago(30))
    history = [new, old, *breaches([old], ago(20), AlertSettings())]
    history += breaches(history, ago(1), AlertSettings())

    missed = week_of(history, ago(7), NOW).missed

    assert {m.alert.account_id for m in missed} == {"a"}
    assert [(m.step, m.escalated_to) for m in missed][:2] == [("ack", "manager"), ("assess", "director")]


# Portfolio and pipeline -----------------------------------------------------------------------------------------------


def test_the_portfolio_adds_up_and_its_changes_are_what_entered_less_what_left() -> None:
    """Accounts and ARR by segment and band, against the book of a week earlier (WKL-2)."""
    before = book(account("a"), account("b", band="healthy"), account("c"), account("moved"))
    now = book(
        account("a", band="at_risk", arr=900.0), account("b", band="healthy"), account("new", band="critical"),
        account("moved", segment="large"),
    )  # fmt: skip

    found = portfolio(now, before, DAY - timedelta(days=7), "USD")

    whole = found[found["segment"] == "all"].set_index("band")
    assert whole["accounts"].to_dict() == {"critical": 1, "at_risk": 1, "stable": 1, "healthy": 1, "unknown": 0}
    assert whole["week_over_week"].to_dict() == {"critical": 1, "at_risk": 1, "stable": -2, "healthy": 0, "unknown": 0}
    assert whole.loc["stable", ["entered", "left", "arr_week_over_week"]].tolist() == [0, 2, -2000.0]
    assert (found["entered"] - found["left"] == found["week_over_week"]).all()
    parts = found[found["segment"] != "all"].groupby("band")[["accounts", "arr", "week_over_week"]].sum()
    assert (parts == whole.loc[parts.index, parts.columns]).all(axis=None)


def test_without_stored_scores_of_a_week_earlier_no_change_is_shown() -> None:
    """Empty, not zero (WKL-2)."""
    found = portfolio(book(account("a")), NO_BEFORE, None, "USD")

    assert found["week_over_week"].isna().all()
    assert found["accounts"].sum() == 2  # of its segment and of all


def deals_at(as_of: datetime, *rows: tuple[object, ...]) -> pd.DataFrame:
    """The pipeline of these changes: deal, account, at, kind, stage, value, currency."""
    columns = ["opportunity_id", "account_id", "changed_at", "kind", "stage", "value", "currency"]
    frame = pd.DataFrame(rows, columns=columns).assign(owner="kim")
    table = ibis.memtable(frame.assign(known_at=frame["changed_at"]))
    facts = Facts((as_of,), {"opportunities": known_rows(table, TABLES["opportunities"], [as_of])}, {}, {})
    return pipeline(facts, as_of.date(), BookSettings(fx_rates={"EUR": 2.0}), DEFAULTS)


def test_the_pipeline_is_cut_at_as_of_and_holds_expansions_under_way_or_just_ended() -> None:
    """Stage, value and last change as known then, in the reporting currency (WKL-2, FEA-3)."""
    found = deals_at(
        NOW,
        ("d1", "a", ago(40), "expansion", "open", 10.0, "EUR"),
        ("d1", "a", ago(12.5), "expansion", "proposal", 20.0, "EUR"),
        ("d1", "a", ago(-1), "expansion", "won", 30.0, "EUR"),
        ("d2", "b", ago(3), "expansion", "won", 5.0, "USD"),
        ("d3", "b", ago(8), "expansion", "lost", 5.0, "USD"),
        ("d4", "b", ago(3), "renewal", "open", 5.0, "USD"),
        ("d5", "c", ago(3), "expansion", "open", 5.0, "JPY"),
    ).set_index("opportunity_id")

    assert found["stage"].to_dict() == {"d1": "proposal", "d2": "won", "d5": "open"}
    assert found.loc["d1", ["value", "currency", "days_in_stage", "owner"]].tolist() == [40.0, "USD", 12, "kim"]
    assert np.isnan(found.loc["d5", "value"])  # no rate: not known


def test_candidates_are_healthy_and_free_and_come_in_the_order_of_their_promise() -> None:
    """By probability x ARR; nobody who leaves, is flagged, has an alert or a deal, or is not healthy (WKL-1, ACT-2)."""
    fit = {"band": "healthy", "expansion_probability": 0.2}
    accounts = book(
        account("small", **fit), account("large", **fit, arr=5000.0),
        account("likely", band="healthy", expansion_probability=0.9),
        account("busy", **fit), account("gone", **fit, status="leaving"), account("stable", expansion_probability=0.9),
        account("flagged", **fit, churn_risk=0.4, churn_threshold=0.3), account("unknown", band="healthy"),
    )  # fmt: skip

    found = candidates(accounts, accounts[["account_id"]], {"busy"}, DEFAULTS, 120)

    assert found["account_id"].tolist() == ["large", "likely", "small"]
    assert found["why"][0] == "20% probability of expansion within 120 days"  # as the settings say


def test_without_a_model_a_candidate_shows_two_signs_and_they_are_said() -> None:
    """Seats in use, rising use, promoters (WKL-1)."""
    accounts = book(account("two", band="healthy"), account("one", band="healthy"), account("nan", band="healthy"))
    features = pd.DataFrame(
        {"account_id": ["two", "one", "nan"], "seat_utilisation": [0.9, 0.95, np.nan], "usage_trend": [0.1, 0.0, 0.5],
         "nps_score_365d": [8.0, 8.9, np.nan]}
    )  # fmt: skip

    found = candidates(accounts, features, set(), DEFAULTS, 120)

    assert found.to_dict("records") == [
        {"account_id": "two", "why": "90% of paid seats active; usage up 10% in 28 days"}
    ]


def test_nothing_is_sold_while_a_churn_alert_is_open() -> None:
    """The deal stays in the pipeline and says why it is on hold; one that ended does not (ACT-2, WKL-2)."""
    week = week_of([opened("a", ago(1))], ago(7), NOW)
    deals = deals_at(
        NOW,
        ("d1", "a", ago(3), "expansion", "open", 1.0, "USD"),
        ("d2", "b", ago(3), "expansion", "open", 1.0, "USD"),
        ("d3", "c", ago(3), "expansion", "open", 1.0, "USD"),
        ("d4", "a", ago(3), "expansion", "won", 1.0, "USD"),
    )
    asked = pd.DataFrame({"account_id": ["e"], "why": ["signs"]})
    accounts = book(account("a"), account("b"), account("c", status="leaving"), account("e", csm="Eve"))

    found = opportunities(deals, asked, accounts, week, DEFAULTS).set_index("opportunity_id")

    holds = found["hold"].where(found["hold"].notna(), None).to_dict()
    assert holds == {"d1": "open alert: no usage", "d2": None, "d3": "notice given", "d4": None, "candidate/e": None}
    assert found.loc["candidate/e", ["stage", "owner"]].tolist() == ["candidate", "Eve"]


# The sheet ------------------------------------------------------------------------------------------------------------


def sheet(accounts: pd.DataFrame, before: pd.DataFrame = NO_BEFORE, **given: object) -> pd.DataFrame:
    sources = Sources(
        NOW, accounts, before, len(before) > 0, {}, NOBODY, QUIET, [], NO_WORK, "USD",
    )  # fmt: skip
    rules = Rules(DEFAULTS, NeedSettings(), OwnerSettings(roles={"product": ("Pat",)}), MAILS)
    return standup(replace(sources, **given), rules)  # type: ignore[arg-type]


def texts(found: pd.DataFrame, section: str) -> dict[str, str]:
    rows = found[found["section"] == section]
    return dict(zip(rows["account_id"].fillna(rows["subject"]), rows["text"], strict=True))


def test_what_to_do_next_says_whether_its_day_has_passed() -> None:
    """An action due weeks ago is reported as overdue, as on the account's page (WKL-1)."""
    was, low = book(account("late"), account("now")), {"band": "at_risk", "health": 60.0, "next_action": "Call"}
    today = book(account("late", **low, action_due=date(2026, 5, 3)), account("now", **low, action_due=DAY))
    shown = texts(sheet(today, was), "at_risk")

    assert shown["late"].endswith("Next: Call (overdue since May 3)")
    assert shown["now"].endswith("Next: Call (by June 1)")


def test_accounts_that_entered_a_band_at_risk_are_listed_and_those_already_there_are_not() -> None:
    """Entered critical or at risk since a week ago, or got worse within them; the most ARR first (WKL-1)."""
    before = book(
        account("fell"), account("worse", band="at_risk"), account("same", band="at_risk"),
        account("better", band="critical"), account("left"), account("quit"), account("quits", status="leaving"),
    )  # fmt: skip
    low = {"band": "at_risk", "health": 60.0}
    now = book(
        account("fell", **low), account("worse", band="critical", health=40.0), account("same", **low),
        account("better", **low), account("new", **low, arr=5000.0), account("quit", **low, status="leaving"),
        account("quits", **low, status="leaving"),
    )  # fmt: skip

    found = sheet(now, before)

    assert list(texts(found, "at_risk")) == ["new", "fell", "worse"]
    assert texts(found, "at_risk")["fell"] == "From stable to at risk, health 75 to 60"
    assert texts(found, "challenge") == {
        "left": "No longer under contract; was stable a week earlier",
        "quit": "Gave notice; was stable a week earlier",
    }
    assert found.loc[found["account_id"] == "left", ["name", "owner", "value"]].iloc[0].tolist() == [
        "Left",
        "Ann",
        1000.0,
    ]


@pytest.mark.parametrize(
    ("detail", "says"),
    [("urgent ticket: T-1", "Alert: urgent ticket: T-1"), ("2 tickets wait", "Alert: urgent ticket: 2 tickets wait")],
)
def test_an_event_whose_detail_says_its_rule_is_not_repeated(detail: str, says: str) -> None:
    """One name, one time (WKL-1)."""
    event = opened("a", ago(2))
    tickets = replace(event, rule="urgent_ticket", payload={**event.payload, "detail": detail})
    low = opened("a", ago(2))
    found = sheet(book(account("a")), week=week_of([tickets, replace(low, alert_id="x")], ago(7), NOW))

    assert says in texts(found, "at_risk")["a"]
    assert "urgent ticket: urgent ticket" not in texts(found, "at_risk")["a"]


def test_an_alert_of_the_week_is_news_even_where_nothing_is_compared() -> None:
    """Opened an alert since a week ago (WKL-1)."""
    found = sheet(book(account("a"), account("b", band="at_risk")), week=week_of([opened("a", ago(2))], ago(7), NOW))

    assert texts(found, "at_risk") == {"a": "Alert: no usage: why"}


def test_an_alert_that_a_data_alert_holds_is_no_news_before_its_release() -> None:
    """An alert on hold notifies nobody; released, it is news of that week (SRC-5, WKL-1)."""
    event = opened("a", ago(9), on_hold_for="d1")
    release = event_of(event, "released", ago(2), "dana", {"reason": "real", "digest_id": None, "due": {}})

    for at, history, listed in ((ago(7), [event], []), (NOW, [event, release], ["a"])):
        week = week_of(history, at - timedelta(days=7), at)
        assert list(texts(sheet(book(account("a")), week=week), "at_risk")) == listed
        assert list(week.live) == ["a"]


def test_each_team_gets_the_accounts_that_need_it_the_most_revenue_first() -> None:
    """Factors of the accounts at risk lead to teams (WKL-1)."""
    low = {"band": "at_risk", "health": 60.0}
    accounts = book(
        account("a", **low), account("b", **low, arr=3000.0), account("c"), account("d", **low, status="leaving")
    )
    factors = {name: [("seat_utilisation", "adoption", f"seats of {name}")] for name in "abcd"}
    factors["a"].append(("disputes_180d", "billing", "2 disputes"))

    found = sheet(accounts, factors=factors)
    needs = found[found["section"] == "need"].set_index("subject")

    assert needs["text"].to_dict() == {
        "product": "Needed for 2 accounts: B: seats of b; A: seats of a",
        "finance": "Needed for 1 account: A: 2 disputes",
    }  # fmt: skip
    assert needs.loc["product", ["owner", "value", "cases"]].tolist() == ["Pat", 4000.0, 2]


def test_work_of_the_week_is_a_success_or_a_challenge_by_its_result() -> None:
    """Interventions that ended, targets met, missed or due and not settled; older ones are not news (WKL-1).

    A target that was met when it was written is no success.
    """

    def begun(name: str, result: str, ended: float) -> list[object]:
        start = work_event(
            "started", name, None, ago(60), ago(60), "Ann", {"kind": "training", "cause": "low_adoption"}
        )
        return [start, work_event("ended", name, start.subject, ago(ended), ago(ended), "Ann", {"result": result})]

    def planned(name: str, due: float, status: str | None = None, was: float | None = None) -> list[object]:
        target = {
            "baseline": was,
            "metric": "active_users",
            "target": 20.0,
            "rising": True,
            "due": ago(due).date().isoformat(),
        }
        plan = work_event("planned", name, None, ago(60), ago(60), "Ann", target)
        said = {"status": status, "value": 22.0}
        return [plan, *([work_event("progressed", name, plan.subject, ago(1), ago(1), "Ann", said)] if status else [])]

    events = [
        *begun("good", "worked", 2), *begun("bad", "failed", 3), *begun("old", "worked", 8), *planned("met", 1, "met"),
        *planned("met before", 1, "met", was=20.0), *planned("late", 2), *planned("due", -5), *planned("past", 30),
        *planned("miss", 30, "missed"),
    ]  # fmt: skip
    work = replace(NO_WORK, interventions=interventions_at(events, NOW), plans=plans_at(events, NOW))
    names = ("good", "bad", "old", "met", "met before", "late", "due", "past", "miss")

    found = sheet(book(*(account(name) for name in names)), work=work)

    assert texts(found, "success") == {
        "good": "Training for low adoption worked",
        "met": "Success plan met: active users 20 by May 31, now 22",
    }
    assert set(texts(found, "challenge")) == {"bad", "late", "miss"}


def test_rates_of_interventions_are_by_account_and_only_where_the_outcome_is_known() -> None:
    """The last intervention of each account whose horizon and grace have passed (WKL-2)."""
    contracts = pd.DataFrame(
        {"contract_id": ["c1", "c2"], "account_id": ["left", "stayed"], "start_on": date(2024, 1, 1), "end_on": None,
         "ended_on": [ago(130).date(), None], "notice_on": None, "trial": False}
    )  # fmt: skip
    days = ["start_on", "end_on", "ended_on", "notice_on"]
    table = ibis.memtable(contracts.astype(dict.fromkeys(days, "datetime64[s]"))).cast(dict.fromkeys(days, "date"))
    facts = Facts((NOW,), {"contracts": at_each(table, [NOW])}, {}, {})
    made = [
        Intervention(f"{name}{days}", name, "training", None, ago(days), None, None, "Ann", "")
        for name, days in (("left", 200), ("left", 140), ("stayed", 300), ("stayed", 125), ("stayed", 20))
    ]

    found = recorded_work(facts, made, [], 90, BookSettings(), DEFAULTS)

    assert found.retained is not None
    assert (found.retained.part, found.retained.whole) == (1, 2)
    assert found.worked is None


def test_what_churn_events_record_is_known_without_the_grace() -> None:
    """95 days after the work the account stayed, or left (WKL-2, section 0)."""
    left = [{"account_id": "left", "churned_on": str(ago(40).date())}]
    facts = handmade(str(NOW), contracts=[contract("left"), contract("stayed")], churn_events=left)
    made = [Intervention(a, a, "training", None, ago(95), None, None, "Ann", "") for a in ("left", "stayed")]

    found = recorded_work(facts, made, [], 90, BookSettings(), DEFAULTS)

    assert found.retained is not None
    assert (found.retained.part, found.retained.whole) == (1, 2)


def test_the_interval_of_a_rate_is_wilsons() -> None:
    """8 of 10 at 90%: 0.541 to 0.931 (Wilson 1927) (WKL-2)."""
    rate = rate_of(pd.Series([True] * 8 + [False] * 2), 0.90)

    assert rate is not None
    assert (round(rate.low, 3), round(rate.high, 3)) == (0.541, 0.931)
    assert rate_of(pd.Series([], dtype=bool), 0.90) is None


def test_published_effects_become_learnings_where_there_are_enough_subjects(tmp_path: Path) -> None:
    """From the newest `strategy_effects`; without enough cases nothing is said (WKL-1, MON-4)."""
    row = {"kind": "training", "root_cause": "low_adoption", "segment": "all", "outcome": "churned", "effect": -0.12,
           "low": -0.2, "high": -0.04, "treated": 45, "enough": True, "run_id": "r1"}  # fmt: skip
    put(
        tmp_path,
        "strategy_effects",
        date(2026, 5, 22),
        pd.DataFrame([row, {**row, "kind": "support", "enough": False}]),
    )

    items, used = published_effects(tmp_path, DAY)

    assert [item["text"] for item in items] == [
        "training for low adoption: churn -12 points (-20 to -4), 45 accounts, estimated on May 22"
    ]
    assert used == ("strategy_effects/2026-05-22/r1",)
    assert published_effects(tmp_path, date(2026, 5, 22)) == ([], ())  # a flow of the same day is no source


# The page -------------------------------------------------------------------------------------------------------------


def report(*rows: dict[str, object], **forecast: object) -> WeekReport:
    accounts = book(*rows)
    made = {
        "made_on": DAY, "segment": "all", "horizon_end": date(2026, 8, 30), "method": "history", "accounts": 10,
        "arr": 1e4, "accounts_expected": 2.0, "accounts_low": 0.0, "accounts_high": 5.0, "arr_expected": 2e3,
        "arr_low": 0.0, "arr_high": 5e3, "confidence": 0.9, "level": 1.0, "spread": 0.1, "quarters": 8,
        "leaving_accounts": 1, "leaving_arr": 5.0,
    }  # fmt: skip
    known = {"accounts_actual": 3.0, "arr_actual": 9e3, "accounts_inside": True, "arr_inside": False}
    earlier = {**made, "made_on": date(2026, 1, 5), "horizon_end": date(2026, 4, 5), **known}
    whole = portfolio(accounts, NO_BEFORE, None, "USD")
    bands = whole[whole["segment"] == "all"][["band", "accounts", "arr"]]
    frames = {
        "weekly_review": sheet(accounts, week=week_of([opened("a", ago(1))], ago(7), NOW)),
        "portfolio": whole,
        "opportunities": opportunities(
            deals_at(NOW, ("d1", "a", ago(3), "expansion", "open", 1.0, "USD")),
            NOBODY, accounts, QUIET, DEFAULTS,
        ),
        "forecast": pd.DataFrame([earlier, {**made, **forecast}]),
    }  # fmt: skip
    dated = pd.concat([bands.assign(as_of=d) for d in (DAY - timedelta(days=7), DAY)])
    return WeekReport(DAY, "USD", DEFAULTS, HealthSettings(), frames, dated, None, "run1")


def test_the_page_is_safe_and_says_how_forecasts_came_out() -> None:
    """Names are data (TRU-4); no script, no network (OUT-5); coverage so far (WKL-2)."""
    html = as_html(report({**account("a"), "name": "<script>alert(1)</script>", "csm": "<b>x"}))

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "http" not in html.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert "lies in the interval in 1 of 1 forecasts, their ARR in 0 of 1" in html
    assert "10 accounts" in html
    assert "<script" not in as_markdown(report({**account("a"), "name": "<script>"}))


def test_candidates_without_any_deal_are_listed(tmp_path: Path) -> None:
    """A company need have no table of opportunities, nor a deal under way (SRC-1, WKL-1)."""
    accounts = book(account("a", band="healthy"))
    deals = pipeline(Facts((NOW,), {}, {}, {}), DAY, BookSettings(), DEFAULTS)
    asked = pd.DataFrame([{"account_id": "a", "why": "recommends us"}])
    found = report(account("a"))
    alone = opportunities(deals, asked, accounts, QUIET, DEFAULTS)
    found = replace(found, frames={**found.frames, "opportunities": alone})

    assert (found.totals["candidates"], found.totals["deals"], found.totals["deals_value"]) == (1, 0, 0)
    assert "No expansion deals are open" in as_html(found)
    assert publish(tmp_path, DAY, {"opportunities": alone}, Stamp("r", "c", "s")) == 1


def test_without_a_forecast_the_page_says_why() -> None:
    """Refused in words (WKL-2)."""
    nothing = dict.fromkeys(("accounts_expected", "accounts_low", "accounts_high", "arr_expected"))
    found = report(account("a"), method="none", **nothing)

    assert "There is no forecast" in as_html(found)
    assert "forecast" in found.totals


# The whole ------------------------------------------------------------------------------------------------------------


FIRST, LAST = date(2026, 1, 19), date(2026, 4, 20)


@dataclass(frozen=True)
class Reviewed:
    """A company's folder, and its last review."""

    folder: Path
    run: Run
    scored: ScoredDate

    def again(self) -> None:
        """Everything of the review but for the score."""
        ledger = Ledger.open(self.run.ledger_url)
        forecast = review.forecast_quarter(self.run, self.scored)
        review.keep_week(self.run, *review.review_week(self.run, self.scored, ledger, forecast))
        ledger.close()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    """A company whose review ran by command, and 13 weeks later by its steps, without the checks' cost."""
    folder = tmp_path_factory.mktemp("weekly")
    write_company(110, 16, 5, folder)
    ran = keepwell("--config", folder / "pipeline.toml", "--out", folder / "out", "weekly", "--as-of", FIRST)
    assert ran.code == 0, ran.err
    (folder / "said.txt").write_text(ran.out)
    (folder / "forecast").write_bytes((folder / "out" / "marts" / "forecast" / f"as_of={FIRST}" / FILE).read_bytes())
    run = Run(load_settings(folder / "pipeline.toml"), folder / "out", LAST)
    found = Reviewed(folder, run, score_unchecked(run, staged(run)))
    found.again()
    return found


@pytest.mark.slow
def test_a_review_prints_its_totals_and_writes_a_page(company: Reviewed) -> None:
    """`keepwell weekly` (WKL-1, WKL-2)."""
    said = (company.folder / "said.txt").read_text()

    assert "forecast accounts" in said
    assert "no outcome known yet" in said
    assert (company.run.out / "reports" / f"weekly-{FIRST}.html").is_file()
    assert set(mart(company.run.out, "runs", FIRST)["flow"]) == {"weekly_review"}


@pytest.mark.slow
def test_a_rerun_gives_the_same_bytes(company: Reviewed) -> None:
    """The same rows, the same run_id, whichever marts of its own date lie there already (TRU-1)."""
    first = bytes_of(company.run.out)
    company.again()

    assert bytes_of(company.run.out) == first


def test_a_later_review_grades_the_forecast_in_its_own_partition(company: Reviewed) -> None:
    """What came stands beside what was forecast; the old partition stays as it was (WKL-2).

    On the 91st day: the company records its churn, and no grace is waited for.
    """
    out = company.run.out
    found = mart(out, "forecast", LAST)
    was = mart(out, "forecast", FIRST).set_index("segment")
    graded = found[found["made_on"] == FIRST].set_index("segment")
    churned = pd.read_parquet(company.folder / "churn_events.parquet")
    at = pd.to_datetime(churned["churned_on"]) + pd.Timedelta(days=1)  # known at the next midnight
    then = mart(out, "health_scores", FIRST).query("status == 'active' and arr > 0")
    end = pd.Timestamp(FIRST) + pd.Timedelta(days=90)
    lost = then[then["account_id"].isin(churned["account_id"][(at > pd.Timestamp(FIRST)) & (at <= end)])]

    assert (company.folder / "forecast").read_bytes() == (
        out / "marts" / "forecast" / f"as_of={FIRST}" / FILE
    ).read_bytes()
    assert was["accounts_actual"].isna().all()
    assert graded.loc["all", "accounts_actual"] == len(lost)
    assert graded.loc["all", "arr_actual"] == pytest.approx(lost["arr"].sum())
    assert graded.loc["all", "accounts_expected"] == was.loc["all", "accounts_expected"]
    assert graded.drop("all")["accounts_actual"].sum() == len(lost)
    made = found[found["made_on"] == LAST].set_index("segment")
    assert made["accounts_actual"].isna().all()
    assert made.drop("all")["accounts"].sum() == made.loc["all", "accounts"]
    assert made.loc["all", "accounts"] == len(mart(out, "health_scores", LAST).query("status == 'active' and arr > 0"))


def test_the_portfolio_is_that_of_the_scores_of_the_date(company: Reviewed) -> None:
    """Accounts and ARR of the book (WKL-2)."""
    whole = mart(company.run.out, "portfolio", LAST).query("segment == 'all'")
    now = mart(company.run.out, "health_scores", LAST)

    assert whole["accounts"].sum() == len(now)
    assert whole["arr"].sum() == pytest.approx(now["arr"].sum())


def test_the_week_before_is_the_newest_score_at_least_a_week_old_and_not_two(tmp_path: Path) -> None:
    """What is compared with goes into the run_id (WKL-2)."""
    for days, name in ((15, "old"), (9, "right"), (6, "young")):
        publish(
            tmp_path, DAY - timedelta(days=days), {"health_scores": book(account(name))[BEFORE]}, Stamp("r", "c", "s")
        )

    day, before, used = week_before(tmp_path, DAY, DEFAULTS)

    assert (day, before["account_id"].tolist(), used) == (date(2026, 5, 23), ["right"], ("health_scores/2026-05-23/r",))
    assert week_before(tmp_path, date(2026, 5, 20), DEFAULTS)[0] is None
