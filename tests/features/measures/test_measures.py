"""Every feature, on numbers that can be checked in the head: all cases are accounts of one company, as of MONDAY."""

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from keepwell.features.facts.canonical import OUTCOMES, TABLES
from keepwell.features.measures.all import FEATURES, MODULES
from keepwell.features.measures.registry import COMPONENTS, Feature, companions, used_sources
from keepwell.features.settings import BookSettings
from tests.support.handmade import MONDAY, Row, ago, company, contract, value, wide

PUBLISHED = {name: f for name, f in FEATURES.items() if f.published}


# One row of each table, without its account ---------------------------------------------------------------------------


def used(days: int, user: str | None = "ann", feature: str | None = "edit", events: int | None = 1, **more) -> Row:
    return {"day": ago(days), "user_id": user, "feature": feature, "events": events, **more}


def ticket(days: int, **more) -> Row:
    return {"opened_at": ago(days, "09:00"), **more}


def invoice(days: int, **more) -> Row:
    return {"issued_on": ago(days), "amount": 100.0, "currency": "USD", **more}


def talk(days: int, kind: str = "meeting", **more) -> Row:
    return {"happened_at": ago(days, "09:00"), "kind": kind, **more}


def answer(days: int, score: int | None) -> Row:
    return {"answered_at": ago(days, "09:00"), "score": score}


def person(since: int, role: str = "user", left: int | None = None) -> Row:
    return {"since": ago(since), "role": role, "left_on": None if left is None else ago(left)}


def deal(days: int, stage: str, name: str = "deal") -> Row:
    return {"opportunity_id": name, "changed_at": ago(days, "09:00"), "kind": "expansion", "stage": stage}


# The cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One account: rows by table, and the value that a feature must have; one contract since 2023 unless said."""

    feature: str
    says: str
    expected: float | None
    rows: Mapping[str, Sequence[Row]]

    @property
    def account(self) -> str:
        return f"{self.feature}: {self.says}"


def case(feature: str, says: str, expected: float | None, **rows: Sequence[Row]) -> Case:
    return Case(feature, says, expected, rows)


CASES = [
    # usage
    case("active_days_28d", "two days, one of them twice", 2, usage=[used(1), used(1, "bob"), used(28)]),
    case("active_days_28d", "the 29th day back is out", 1, usage=[used(28), used(29)]),
    case("active_days_28d", "never logged in is 0", 0),
    case("active_days_28d", "a customer for 27 days has no such window yet", None, contracts=[{"start_on": ago(27)}],
         usage=[used(1)]),
    case("active_days_28d", "one for 28 days has", 1, contracts=[{"start_on": ago(28)}], usage=[used(1)]),
    case("active_users_28d", "two people", 2, usage=[used(1), used(2), used(2, "bob")]),
    case("active_users_28d", "used, but no user named", None, usage=[used(1, None)]),
    case("active_users_28d", "not used is 0", 0, usage=[used(40)]),
    case("events_28d", "5 + 7", 7 + 5, usage=[used(1, events=5), used(28, events=7), used(29, events=100)]),
    case("events_28d", "used, but nothing counted", None, usage=[used(1, events=None)]),
    case("events_28d", "not used is 0", 0),
    case("minutes_28d", "1.5 + 2", 3.5, usage=[used(1, minutes=1.5), used(2, minutes=2.0)]),
    case("usage_trend", "20 after 50: down 60%", -0.6, usage=[used(1, events=20), used(29, events=50)]),
    case("usage_trend", "nothing left", -1, usage=[used(56, events=50)]),
    case("usage_trend", "none before", None, usage=[used(28, events=9), used(57, events=9)]),
    case("usage_trend", "a customer for 55 days has no earlier window", None, contracts=[{"start_on": ago(55)}],
         usage=[used(1, events=20), used(50, events=5)]),
    case("usage_trend", "one for 56 days has", 3.0, contracts=[{"start_on": ago(56)}],
         usage=[used(1, events=20), used(50, events=5)]),
    case("active_users_trend", "1 after 2", -0.5, usage=[used(1), used(30), used(30, "bob"), used(31, "bob")]),
    case("active_users_trend", "3 after 2", 0.5,
         usage=[used(1), used(1, "bob"), used(2, "cy"), used(56), used(56, "bob")]),
    case("usage_against_last_year", "30 after 40 in the same four weeks", -0.25,
         usage=[used(28, events=30), used(365, events=15), used(392, events=25), used(393, events=99),
                used(364, events=99)]),
    case("usage_against_last_year", "younger than that", None, contracts=[{"start_on": ago(391)}],
         usage=[used(1, events=30), used(370, events=15)]),
    case("days_since_last_use", "yesterday is 0", 0, usage=[used(1)]),
    case("days_since_last_use", "17 whole days without", 17, usage=[used(18), used(100)]),
    case("days_since_last_use", "never used: silent since the contract began", 40, contracts=[{"start_on": ago(40)}]),
    case("days_since_last_use", "came back: silent since it came back", 10, usage=[used(300)],
         contracts=[{"start_on": ago(800), "end_on": ago(200)}, {"start_on": ago(10)}]),
    case("days_since_last_use", "a renewal is no new beginning", 59, usage=[used(60)],
         contracts=[{"start_on": ago(400), "end_on": ago(35)}, {"start_on": ago(35)}]),
    case("days_since_last_use", "rows set aside are newer: unknown", None, usage=[used(18)],
         quarantine=[{"event_on": ago(5)}]),
    case("days_since_last_use", "rows set aside are older: known", 17, usage=[used(18)],
         quarantine=[{"event_on": ago(30)}]),
    case("days_since_last_use", "all rows set aside is no silence", None, quarantine=[{"event_on": ago(5)}]),
    case("events_per_seat_28d", "60 by 10 seats", 6, contracts=[{"seats": 10}], usage=[used(3, events=60)]),
    case("events_per_seat_28d", "add-on seats count", 3, contracts=[{"seats": 10}, {"seats": 10, "start_on": ago(9)}],
         usage=[used(3, events=60)]),
    case("events_per_seat_28d", "not sold by seat", None, usage=[used(3, events=60)]),
    case("usage_error", "even", 0, usage=[used(14 * n + 1, events=7) for n in range(13)]),
    case("usage_error", "10 and 20 in turn: mean |step| = ln((20 + s) / (10 + s)), s a quarter of the mean",
         math.sqrt(math.pi) / 2 * math.log((20 + 190 / 52) / (10 + 190 / 52)),
         usage=[used(14 * n + 1, events=20 if n % 2 else 10) for n in range(13)]),
    case("usage_error", "a customer for 56 days: 20, 20, 20, 20, and nothing before", 0,
         contracts=[{"start_on": ago(56)}], usage=[used(14 * n + 1, events=20) for n in range(4)]),
    case("active_users_trend_error", "bob stayed, ann and cy came, dan left: root of 3, per 2 before", 3**0.5 / 2,
         usage=[used(1, "ann"), used(1, "bob"), used(9, "cy"), used(30, "bob"), used(31, "dan")]),
    case("active_users_trend_error", "the same people", 0, usage=[used(1), used(30)]),
    case("usual_gap_days", "every other day for 26 weeks: (182 + 7) / (91 + 1)", 189 / 92,
         usage=[used(2 * n + 1) for n in range(91)]),
    case("usual_gap_days", "never used: a week", 7, contracts=[{"start_on": ago(40)}]),
    case("usual_gap_days", "13 weekly days, then 91 silent ones: (91 + 7) / (13 + 1)", 7,
         usage=[used(92 + 7 * n) for n in range(13)]),
    case("one_standard_error", "always", 1),
    case("events_per_use_28d", "6 + 3 + 3 on three uses", 4, usage=[used(1, events=6), used(1, "bob", events=3),
         used(28, events=3), used(29, events=99)]),
    case("events_per_use_28d", "a use without a count is left out", 6, usage=[used(1, events=6), used(2, events=None)]),
    case("events_per_use_28d", "nothing counted", None, usage=[used(1, events=None)]),
    case("events_per_use_28d", "not used says nothing of it", None, usage=[used(29, events=5)]),
    case("events_per_use_28d", "used, and nothing done", 0, usage=[used(1, events=0)]),
    case("usage_change_point", "4 of 50 after 9 of 100: -0.532 x 1.664 / 0.155", -5.71,
         usage=[used(14 * n + 1, events=50 if n < 4 else 100) for n in range(13)]),
    case("usage_change_point", "even", 0, usage=[used(14 * n + 1, events=7) for n in range(13)]),
    case("usage_change_point", "not used", None),
    case("breadth_change_point", "even", 0, usage=[used(14 * n + 1) for n in range(13)]),
    case("breadth_change_point", "2 for 4 after 1 for 9: 0.562 x 1.664 / 0.156", 6.0,
         usage=[used(14 * n + 1, feature=f) for n in range(13) for f in ("ab" if n < 4 else "a")]),
    case("breadth_change_point", "too young a customer", None, contracts=[{"start_on": ago(181)}], usage=[used(1)]),
    # adoption
    case("features_used_28d", "two features", 2, usage=[used(1), used(2, feature="share"), used(30, feature="old")]),
    case("features_used_28d", "not used is 0", 0),
    case("features_used_28d", "used, but no feature named", None, usage=[used(1, feature=None)]),
    case("adoption_velocity", "three after one", 2,
         usage=[used(1), used(2, feature="b"), used(90, feature="c"), used(91), used(180)]),
    case("adoption_velocity", "none after one", -1, usage=[used(180)]),
    case("adoption_velocity_error", "one stayed, two came, one left: root of 3", 3**0.5,
         usage=[used(1, feature="a"), used(1, feature="b"), used(90, feature="c"), used(91, feature="a"),
                used(180, feature="d")]),
    case("adoption_velocity", "none before", None, usage=[used(1), used(181)]),
    case("seat_utilisation", "two of eight", 0.25, contracts=[{"seats": 8}], usage=[used(1), used(1, "bob")]),
    case("seat_utilisation", "more people than seats is 1", 1, contracts=[{"seats": 1}],
         usage=[used(1), used(1, "bob")]),
    case("seat_utilisation", "never logged in is 0", 0, contracts=[{"seats": 8}]),
    case("seat_utilisation", "too young a customer", None, contracts=[{"seats": 8, "start_on": ago(27)}],
         usage=[used(1)]),
    case("time_to_value_days", "first use 12 days in", 12, contracts=[{"start_on": ago(100)}], usage=[used(88)]),
    case("time_to_value_days", "used before the contract is 0", 0, contracts=[{"start_on": ago(100)}],
         usage=[used(120)]),
    case("time_to_value_days", "never used", None),
    case("time_to_value_days", "a customer since before the records begin", None, usage=[used(800)],
         contracts=[{"start_on": "2015-01-01"}]),
    case("onboarding_attendance", "2 of 3 that are recorded", 2 / 3,
         touchpoints=[talk(900, "onboarding", attended=a) for a in (True, True, False, None)]
         + [talk(5, "meeting", attended=False)]),
    case("onboarding_attendance", "no step", None, touchpoints=[talk(5)]),
    # support
    case("tickets_90d", "the 91st day back is out", 2, tickets=[ticket(1), ticket(90), ticket(91)]),
    case("tickets_90d", "no ticket is 0", 0),
    case("tickets_per_seat_90d", "2 by 8 seats", 0.25, contracts=[{"seats": 8}], tickets=[ticket(1), ticket(2)]),
    case("tickets_per_seat_90d", "no ticket is 0", 0, contracts=[{"seats": 8}]),
    case("tickets_per_seat_90d", "not sold by seat", None, tickets=[ticket(1)]),
    case("urgent_tickets_90d", "urgent and critical", 2,
         tickets=[ticket(1, priority=p) for p in ("urgent", "critical", "high", None)]),
    case("urgent_tickets_90d", "no priority known is none known to be urgent", 0, tickets=[ticket(1)]),
    case("escalations_90d", "one with its time, one known since its closing", 2,
         tickets=[ticket(9, escalated_at=ago(8, "09:00")), ticket(9, escalated=True, closed_at=ago(2, "09:00")),
                  ticket(9, escalated=False, closed_at=ago(2, "09:00"))]),
    case("escalations_90d", "one still open without a time is not known yet", 0, tickets=[ticket(9, escalated=True)]),
    case("open_tickets", "one closed, two not", 2,
         tickets=[ticket(9, closed_at=ago(1, "09:00")), ticket(9), ticket(365), ticket(366)]),
    case("oldest_open_ticket_days", "40 days old; the older one is closed", 40,
         tickets=[ticket(40), ticket(3), ticket(80, closed_at=ago(9, "09:00"))]),
    case("oldest_open_ticket_days", "none open is 0", 0, tickets=[ticket(80, closed_at=ago(9, "09:00"))]),
    case("csat_180d", "mean of 2 and 5", 3.5,
         tickets=[ticket(180, csat=2.0, closed_at=ago(9, "09:00")), ticket(9, csat=5.0, csat_at=ago(8, "09:00")),
                  ticket(181, csat=1.0, closed_at=ago(9, "09:00"))]),
    case("csat_180d", "not answered yet", None, tickets=[ticket(9, csat=5.0)]),
    case("hours_to_close_180d", "6 and 12 hours", 9,
         tickets=[ticket(9, closed_at=ago(9, "15:00")), ticket(5, closed_at=ago(5, "21:00")), ticket(1)]),
    case("hours_to_close_180d", "none closed", None, tickets=[ticket(1)]),
    # sentiment
    case("ticket_sentiment_90d", "mean of -0.5 and 0.1", -0.2,
         tickets=[ticket(1, sentiment=-0.5), ticket(90, sentiment=0.1), ticket(91, sentiment=1.0), ticket(2)]),
    case("ticket_sentiment_90d", "no sentiment is not neutral", None, tickets=[ticket(1)]),
    case("ticket_sentiment_trend", "-0.4 after 0.2", -0.6,
         tickets=[ticket(90, sentiment=-0.4), ticket(91, sentiment=0.2)]),
    case("ticket_sentiment_trend", "no earlier one", None, tickets=[ticket(90, sentiment=-0.4)]),
    case("touchpoint_sentiment_90d", "mean of 0.2 and 0.6", 0.4,
         touchpoints=[talk(1, "call", sentiment=0.2), talk(90, "email", sentiment=0.6), talk(91, sentiment=-1.0)]),
    case("nps_score_365d", "mean of 9 and 4", 6.5, surveys=[answer(1, 9), answer(365, 4), answer(366, 0)]),
    case("nps_score_365d", "asked, not answered", None, surveys=[answer(1, None)]),
    case("nps_change", "5 after 9", -4, surveys=[answer(180, 5), answer(181, 9), answer(360, 9), answer(361, 0)]),
    case("nps_change", "no earlier answer", None, surveys=[answer(180, 5)]),
    # relationship
    case("days_since_executive_contact", "a sponsor 45 days ago", 45,
         touchpoints=[talk(45, "call", role="sponsor"), talk(90, role="executive"), talk(2, role="user"),
                      talk(2, "email", role="executive"), talk(3, role="executive", attended=False)]),
    case("days_since_executive_contact", "none on record", None, touchpoints=[talk(2, role="user")]),
    case("meetings_90d", "a call and a meeting; one nobody came to", 2,
         touchpoints=[talk(1, "call"), talk(90, attended=True), talk(2, attended=False), talk(2, "email"), talk(91)]),
    case("meetings_90d", "none is 0", 0),
    case("meeting_attendance_180d", "1 of 2", 0.5,
         touchpoints=[talk(180, attended=True), talk(5, "webinar", attended=False), talk(5), talk(181, attended=True),
                      talk(5, "email", attended=True)]),
    case("meeting_attendance_180d", "none held", None),
    case("email_response_90d", "1 of 4", 0.25,
         touchpoints=[talk(90, "email", answered_at=ago(89)), *(talk(d, "email", attended=False) for d in (1, 2, 3)),
                      talk(91, "email", answered_at=ago(91))]),
    case("email_response_90d", "an answer without a time is not known", 0,
         touchpoints=[talk(9, "email", attended=True)]),
    case("community_posts_90d", "two", 2, touchpoints=[talk(1, "community"), talk(90, "community"), talk(1)]),
    case("community_posts_90d", "none is 0", 0),
    case("engagement_90d", "mean of 0.4 and 0.8", 0.6,
         touchpoints=[talk(1, "call", engagement=0.4), talk(90, engagement=0.8), talk(2)]),
    case("stakeholders", "two of three are still there", 2, contacts=[person(500), person(1), person(400, left=1)]),
    case("stakeholders", "none known is 0", 0),
    case("champion_departures_180d", "a champion and a sponsor", 2,
         contacts=[person(500, "champion", 1), person(500, "sponsor", 180), person(500, "champion", 181),
                   person(500, "user", 3), person(500, "champion")]),
    case("champion_departures_180d", "all still there is 0", 0, contacts=[person(500, "champion")]),
    case("champion_departures_180d", "no contact known says nothing", None),
    # billing
    case("payment_failures_90d", "two, on invoices of any age", 2,
         invoices=[invoice(400, failed_at=ago(90, "00:00")), invoice(9, failed_at=ago(1, "23:59")),
                   invoice(400, failed_at=ago(91, "23:59"))]),
    case("payment_failures_90d", "paid invoices only is 0", 0, invoices=[invoice(9, paid_at=ago(8, "09:00"))]),
    case("payment_failures_90d", "no invoice says nothing", None),
    case("disputes_180d", "one", 1,
         invoices=[invoice(300, disputed_at=ago(180, "09:00")), invoice(300, disputed_at=ago(181, "09:00"))]),
    case("disputes_180d", "no invoice says nothing", None),
    case("days_late_180d", "10 late, 5 early counts 0, 8 unpaid: 6 on average", 6,
         invoices=[invoice(60, due_on=ago(30), paid_at=ago(20, "09:00")),
                   invoice(60, due_on=ago(30), paid_at=ago(35, "09:00")), invoice(60, due_on=ago(8)),
                   invoice(5, due_on=ago(-10))]),
    case("days_late_180d", "without a due date it is due on receipt", 4,
         invoices=[invoice(10, paid_at=ago(6, "09:00"))]),
    case("days_late_180d", "none due yet", None, invoices=[invoice(5, due_on=ago(0))]),
    case("overdue_share", "100 of 400", 0.25,
         invoices=[invoice(50, due_on=ago(1)), invoice(50, due_on=ago(0), amount=200.0),
                   invoice(365, due_on=ago(300), paid_at=ago(2, "09:00")), invoice(366, due_on=ago(300))]),
    case("overdue_share", "all paid is 0", 0, invoices=[invoice(50, due_on=ago(20), paid_at=ago(21, "09:00"))]),
    case("overdue_share", "no amount known", None, invoices=[invoice(50, amount=None)]),
    # commercial
    case("contract_value", "an add-on counts, a trial and an ended one do not", 1500,
         contracts=[{"arr": 1200.0}, {"arr": 300.0, "start_on": ago(9)}, {"arr": 99.0, "trial": True},
                    {"arr": 77.0, "end_on": ago(0)}]),
    case("contract_value", "euros at 1.10", 1320, contracts=[{"arr": 1200.0, "currency": "EUR"}]),
    case("paid_seats", "8 and an add-on of 2", 10, contracts=[{"seats": 8}, {"seats": 2}]),
    case("paid_seats", "not sold by seat", None),
    case("tenure", "since the first of several without a gap", 400,
         contracts=[{"start_on": ago(400), "end_on": ago(35)}, {"start_on": ago(35)}]),
    case("tenure", "a gap within the grace is bridged", 400,
         contracts=[{"start_on": ago(400), "end_on": ago(60)}, {"start_on": ago(30)}]),
    case("tenure", "after a longer gap it starts anew", 29,
         contracts=[{"start_on": ago(400), "end_on": ago(60)}, {"start_on": ago(29)}]),
    case("months_to_renewal", "one year", 12, contracts=[{"end_on": ago(-365)}]),
    case("months_to_renewal", "open-ended", None),
    case("arr_change", "1200 after 1000", 0.2,
         contracts=[{"arr": 1000.0, "end_on": ago(100)}, {"arr": 1200.0, "start_on": ago(100)}]),
    case("arr_change", "no customer a year ago", None, contracts=[{"start_on": ago(364)}]),
    case("arr_change", "only a trial a year ago", None,
         contracts=[{"start_on": ago(380), "end_on": ago(350), "trial": True}, {"start_on": ago(350)}]),
    case("lost_deals_180d", "two lost of three", 2,
         opportunities=[deal(180, "lost", "a"), deal(5, "lost", "b"), deal(4, "lost", "b"), deal(5, "won", "c"),
                        deal(181, "lost", "d")]),
    case("lost_deals_180d", "none is 0", 0),
    case("negotiations_180d", "one deal, two stages", 1,
         opportunities=[deal(20, "proposal"), deal(5, "negotiation"), deal(5, "open", "b")]),
    case("season", "4 March is the 64th day: cos(2 pi 64 / 365.25)", 0.4527),
    case("on_trial", "only a trial", 1, contracts=[{"trial": True}]),
    case("on_trial", "a trial beside a paid contract", 0, contracts=[{"trial": True}, {}]),
]  # fmt: skip

ROUGHLY = {"season": 1e-4, "months_to_renewal": 0.01, "usage_change_point": 0.05, "breadth_change_point": 0.05}
"""Features whose exact value nobody has in the head."""


@pytest.fixture(scope="module")
def computed() -> pd.DataFrame:
    """Every case is an account of one company, beside one whose use gives the newest and the first day on record."""
    rows: dict[str, list[Row]] = {name: [] for name in (*used_sources(FEATURES.values()), "accounts")}
    rows["usage"] += [{"account_id": "busy", "day": ago(1)}, {"account_id": "busy", "day": ago(900)}]
    for each in CASES:
        for name, mine in {"contracts": [{}], **each.rows}.items():
            shape = {"contracts": contract(), "quarantine": {"table_name": "usage", "known_at": ago(0)}}.get(name, {})
            rows[name] += [{**shape, **row, "account_id": each.account} for row in mine]
    rows["contracts"].append(contract("busy", ago(1000)))
    return wide(company(MONDAY, **rows), money=BookSettings(fx_rates={"EUR": 1.1}), also=companions(FEATURES))


@pytest.mark.parametrize("each", CASES, ids=lambda c: c.account)
def test_a_feature_has_the_value_that_its_words_promise(each: Case, computed: pd.DataFrame) -> None:
    """Windows, what counts, what 0 and NULL mean, feature by feature (FEA-1, FEA-2)."""
    found = computed.loc[each.account, each.feature]

    if each.expected is None:
        assert pd.isna(found)
    else:
        assert found == pytest.approx(each.expected, abs=ROUGHLY.get(each.feature, 1e-9))


def test_every_feature_has_a_case() -> None:
    """A feature that nobody worked out by hand is not finished (FEA-1)."""
    assert {each.feature for each in CASES} == {*PUBLISHED, *companions(FEATURES)}
    assert {each.account for each in CASES}
    assert len({each.account for each in CASES}) == len(CASES)


# Sources and columns that are not there -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("source", sorted(used_sources(FEATURES.values()) - {"contracts", "usage", "quarantine"}))
def test_an_absent_source_is_missing_and_not_zero(source: str) -> None:
    """A company without that table: its features are NULL, whatever an account without rows would have (HLT-2)."""
    mine = [name for name, f in PUBLISHED.items() if source in f.sources]
    others = {s: [] for s in used_sources(PUBLISHED.values()) - {"contracts", "usage", source}}

    found = wide(company(MONDAY, contracts=[contract(seats=5)], usage=[], **others))

    assert found[mine].isna().all(axis=None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, f in PUBLISHED.items() if f.needs])
def test_an_absent_column_is_missing_and_not_zero(name: str) -> None:
    """A source without the column says nothing about it, not even for an account without rows (HLT-2)."""
    feature = FEATURES[name]
    source = feature.sources[0]
    columns = TABLES[source].accepted - {c for need in feature.needs for c in need.split("|")}
    rows = {
        "contracts": [contract(seats=5)],
        "usage": [{"account_id": "acme", "day": ago(1)}],
        "touchpoints": [],
        source: [],
    }

    assert value(company(MONDAY, **rows), name) == feature.empty
    assert value(company(MONDAY, given={source: columns}, **rows), name) is None


def test_escalations_are_known_by_their_flag_or_by_their_time() -> None:
    """Either column of the ticket table will do."""
    tickets = [{"account_id": "acme", "opened_at": ago(9, "09:00"), "escalated_at": ago(8, "09:00")}]
    timed = company(MONDAY, {"tickets": {"account_id", "escalated_at"}}, contracts=[contract()], tickets=tickets)

    assert value(timed, "escalations_90d") == 1


def test_a_usage_table_of_days_alone_still_gives_what_it_can() -> None:
    """Days active and silence need no user, feature or count."""
    facts = company(
        MONDAY,
        {"usage": {"account_id", "day"}},
        contracts=[contract(seats=5)],
        usage=[{"account_id": "acme", "day": ago(3)}],
    )
    found = wide(facts).loc["acme"]

    assert (found["active_days_28d"], found["days_since_last_use"]) == (1, 0)
    assert found[["active_users_28d", "seat_utilisation", "events_per_seat_28d", "features_used_28d"]].isna().all()


# The registry ---------------------------------------------------------------------------------------------------------


def test_there_are_twenty_to_fifty_features_that_people_read_and_some_for_models() -> None:
    """FEA-1: those of a health component; what only models see comes on top (decision 55)."""
    assert 20 <= sum(f.component is not None for f in PUBLISHED.values()) <= 50
    assert len(PUBLISHED) <= 60
    assert {f.component for f in PUBLISHED.values()} == {*COMPONENTS, None}


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES.keys())
def test_a_feature_says_what_it_is(feature: Feature) -> None:
    """Name, unit, source, component, direction, null meaning, version, one line of doc (FEA-2)."""
    assert feature.unit
    assert feature.null
    assert feature.doc.endswith(".")
    assert feature.key == f"{feature.name}@{feature.version}"
    assert feature.direction in (-1, 0, 1)
    assert feature.component is None or (feature.component in COMPONENTS and feature.direction)
    assert feature.sources
    assert set(feature.sources) <= {*TABLES, "quarantine"}
    assert feature.build.__module__ in {module.__name__ for module in MODULES}
    phrases = feature.words + feature.well + feature.never + feature.bound
    fields = {name for _, name, _, _ in string.Formatter().parse(phrases) if name}
    assert fields <= {
        "value", "s", "change", "money", "duration", "ahead", "moved", "more", "step", "mood", "turn",
        "days",
    }  # fmt: skip


def test_the_outcome_is_never_an_input() -> None:
    """No feature reads what says who left, the company's own score or what was done about it (HLT-6)."""
    assert not used_sources(FEATURES.values()) & OUTCOMES


def test_the_windows_in_the_names_are_the_windows_that_are_read() -> None:
    """`_28d` reads back 28 days, unless it counts a late column of older rows or nets them."""
    counted_late = {"payment_failures_90d", "disputes_180d", "days_late_180d", "champion_departures_180d"}
    named = {n: f for n, f in FEATURES.items() if n.endswith("d") and n.split("_")[-1][:-1].isdigit()}

    for name, feature in named.items():
        if feature.kind == "aggregate" and name not in counted_late:
            assert feature.lookback_days == int(name.split("_")[-1][:-1])


def test_a_changed_definition_is_a_new_version() -> None:
    """The key under which results are stored holds the version (FEA-2)."""
    feature = FEATURES["usage_trend"]

    assert replace(feature, version=2).key == "usage_trend@2" != feature.key
