"""Every way in which one contract follows another: contracts in, book and labels out (section 0, succession).

Each way is an account of one company. Days are counted from MONDAY, the day of the book; a contract is worth 1200 a
year and has the plan `pro` unless its row says otherwise. docs/explanation/contracts.md has the same list in words.
"""

import time
from dataclasses import dataclass
from datetime import datetime

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from keepwell.features.book import book
from keepwell.features.facts.chains import CHAINED, READ, chained, with_chains
from keepwell.features.facts.succession import SuccessionRules
from keepwell.features.facts.terms import Terms
from keepwell.features.outcomes.labels import churned_accounts, labels
from keepwell.features.settings import BookSettings, LabelSettings
from tests.support.handmade import MONDAY, Row, ago, company, contract, facts_of, snapshot, wide

AT = datetime(2024, 3, 4)
MONEY = BookSettings(fx_rates={"EUR": 1.2})
NO, GONE, GREW, FELL = (False, False, False), (True, False, False), (False, True, False), (False, False, True)
SAID = {"signed_on": ago(10)}


def day(number: int) -> str:
    """The date so many days after MONDAY."""
    return ago(-number)


@dataclass(frozen=True)
class Way:
    """Contracts as (start, end, further columns), in days from MONDAY; `after`: churned, expanded, contracted."""

    says: str
    contracts: tuple[tuple[int | str, int | str | None, dict[str, object]], ...]
    arr: float | None
    status: str | None
    renewal: int | str | None
    after: tuple[bool, bool, bool] | None

    def rows(self) -> list[Row]:
        """The rows of the account that is named as the way."""
        found = []
        for number, (start, end, more) in enumerate(self.contracts):
            about = {name: day(v) if isinstance(v, int) and name.endswith("_on") else v for name, v in more.items()}
            if "replaces" in about:
                about["replaces"] = f"{self.says}-{about['replaces']}"
            about = {"plan": "pro", "contract_id": f"{self.says}-{number}", **about}
            found.append(contract(self.says, _day(start), None if end is None else _day(end), **about))
        return found


def _day(given: int | str) -> str:
    return day(given) if isinstance(given, int) else given


def way(says, *contracts, arr=1200.0, status="active", renewal=60, after=NO) -> Way:
    """A way; by default its first contract is alone in the book and nothing happens afterwards."""
    return Way(says, contracts, arr, status, renewal, after)


def a(**more: object):
    """The contract before: ten months old, two to go."""
    return (-300, 60, more)


def b(start: int, end: int | None = None, **more: object):
    """The contract after, for a year."""
    return (start, start + 365 if end is None else end, more)


AUTO = {"auto_renew": True}
WAYS = (
    way("nothing follows", a(), after=GONE),
    way("renewed on the day, signed ahead", a(), b(60, **SAID), renewal=425),
    way("renewed on the day, known from its start", a(), b(60)),
    way("renewed 30 days late", a(), b(90)),
    way("renewed 31 days late", a(), b(91), after=GONE),
    way("other plan, 7 days before the end", a(), b(53, plan="max", **SAID), renewal=418),
    way("other plan, 8 days before the end", a(), b(52, plan="max", **SAID), after=GREW),
    way("same plan, 90 days before the end", a(), b(-30), renewal=335),
    way("same plan, 91 days before the end", a(), b(-31), arr=2400.0, after=FELL),
    way("neither names a plan, 90 days before", a(plan=None), b(-30, plan=None), renewal=335),
    way("one names a plan, 90 days before", a(), b(-30, plan=None), arr=2400.0, after=FELL),
    way("early for half the ARR", a(), b(-30, arr=600.0), arr=600.0, renewal=335),
    way("early for less than half", a(), b(-30, arr=599.0), arr=1799.0, after=FELL),
    way("early for twice the ARR", a(), b(-30, arr=2400.0), arr=2400.0, renewal=335),
    way("early for more than twice", a(), b(-30, arr=2401.0), arr=3601.0, after=FELL),
    way("early, other plan", a(), b(-30, plan="max"), arr=2400.0, after=FELL),
    way("an add-on of the same plan that ends with it", a(), (-30, 60, {}), arr=2400.0, after=GONE),
    way("an add-on in the middle of the term", (-100, 265, {}), b(-5, arr=300.0, plan="x"), arr=1500.0, renewal=265),
    way("an add-on to come", (-100, 265, {}), (30, 265, {"arr": 120.0}), renewal=265, after=GREW),
    way("a smaller add-on to come", (-100, 265, {}), (30, 265, {"arr": 119.0}), renewal=265),
    way("open-ended beside open-ended", (-300, None, {}), (-30, None, {"plan": "x"}), arr=2400.0, renewal=None),
    way("price rise of a tenth", a(), b(60, arr=1320.0), after=GREW),
    way("price rise of less", a(), b(60, arr=1319.0)),
    way("price fall of a tenth", a(), b(60, arr=1080.0), after=FELL),
    way("price fall of less", a(), b(60, arr=1081.0)),
    way("renewed by itself", ("2023-01-29", "2024-01-29", AUTO), renewal="2025-01-29"),
    way("ran out, nothing renews it", ("2023-01-29", "2024-01-29", {}), arr=None),
    way("renewed by itself for two years", ("2020-02-01", "2022-02-01", AUTO), renewal="2026-02-01"),
    way("renewed by itself every month", ("2023-10-31", "2023-11-30", AUTO), renewal="2024-03-31"),
    way("renewed by itself every 45 days", ("2024-01-01", "2024-02-15", AUTO), renewal="2024-03-31"),
    way("last days that renew themselves", ("2022-03-01", "2023-02-28", AUTO), renewal="2025-02-28"),
    way("renewed by itself, then notice", ("2023-01-29", "2024-01-29", {**AUTO, "notice_on": -10}), status="leaving",
        renewal="2025-01-29"),
    way("notice before it would renew itself", ("2023-01-29", "2024-01-29", {**AUTO, "notice_on": "2023-12-01"}),
        arr=None),
    way("renewed by itself, ends early", ("2023-01-29", "2024-01-29", {**AUTO, "ended_on": 40}), renewal="2025-01-29",
        after=GONE),
    way("a trial does not renew itself", ("2024-01-01", "2024-01-15", {**AUTO, "trial": True}), arr=None),
    way("would renew itself, has a new paper", a(**AUTO), b(60, **SAID), renewal=425),
    way("would renew itself, has a new paper of another plan 7 days before", a(**AUTO), b(53, plan="max", **SAID),
        renewal=418),
    way("renewed itself, new paper of its kind within the grace", (-380, -15, AUTO), b(-5), renewal=360),
    way("renewed itself, an add-on within the grace", (-380, -15, AUTO), b(-5, plan="x", arr=300.0), arr=1500.0,
        renewal="2025-02-18"),
    way("replaced at its second renewal", ("2021-02-01", "2022-02-01", AUTO),
        ("2024-02-01", "2025-02-01", {"plan": "max", "arr": 3000.0}), arr=3000.0, renewal="2025-02-01"),
    way("an add-on beside one that renews itself", ("2021-02-01", "2022-02-01", AUTO),
        ("2023-06-10", "2024-06-10", {"plan": "x", "arr": 300.0}), arr=1500.0, renewal="2024-06-10"),
    way("replaced within the term, named", (-300, 200, {}), b(-10, plan="max", arr=1500.0, replaces=0), arr=1500.0,
        renewal=355),
    way("replaced within the term, the old one ended", (-300, 200, {"ended_on": -10}),
        b(-10, plan="max", arr=1500.0), arr=1500.0, renewal=355),
    way("the old one ended 7 days after", (-300, 200, {"ended_on": -3}), b(-10, plan="max", arr=1500.0), arr=1500.0,
        renewal=355),
    way("ended early, next start at the agreed end", (-300, 60, {"ended_on": -200}), b(60, **SAID), arr=None),
    way("replaced within the term, nothing says so", (-300, 200, {}), b(-10, plan="max", arr=1500.0), arr=2700.0,
        renewal=200),
    way("smaller from within the term, named", (-300, 200, {}), b(30, arr=600.0, replaces=0), renewal=200, after=FELL),
    way("one chain across a pause", (-300, 10, {"chain_id": "x"}), b(80, chain_id="x"), renewal=10),
    way("a pause of the same length", (-300, 10, {}), b(80), renewal=10, after=GONE),
    way("named across a pause", (-300, 10, {}), b(80, replaces=0), renewal=10),
    way("came back", (-800, -400, {}), b(-100), renewal=265),
    way("every month a row", (-60, -30, {}), (-30, 0, {}), (0, 30, {}), (30, 60, {}), (60, 91, {}), (91, 121, {}),
        (121, 151, {}), renewal=30),
    way("every month a row, until it stops", (-30, 0, {}), (0, 30, {}), (30, 60, {}), renewal=30, after=GONE),
    way("three years", (-300, 795, {}), renewal=795),
    way("open-ended", (-300, None, {}), renewal=None),
    way("open-ended, notice", (-300, None, {"notice_on": -5}), status="leaving", renewal=None),
    way("open-ended, notice to come", (-300, None, {"notice_on": 30}), renewal=None, after=GONE),
    way("open-ended, notice, the next one signed", (-300, None, {"notice_on": -5}), b(20, **SAID), renewal=385),
    way("open-ended, notice, the next one long after", (-300, None, {"notice_on": -5}), b(26, **SAID),
        status="leaving", renewal=391, after=GREW),
    way("open-ended, ended and replaced", (-300, None, {"ended_on": 30}), b(45), renewal=None),
    way("notice, then a renewal", a(notice_on=-10), b(60, signed_on=-3), renewal=425),
    way("notice, then a renewal that is not signed yet", a(notice_on=-10), b(60), status="leaving"),
    way("notice on the renewal too", a(), b(60, signed_on=-30, notice_on=-5), status="leaving", renewal=425),
    way("notice on the renewal to come", a(), b(60, signed_on=-30, notice_on=45), renewal=425, after=GONE),
    way("a renewal that never began", a(), b(60, ended_on=60, **SAID), renewal=425, after=GONE),
    way("trial to paid", (-20, 10, {"trial": True}), b(10), arr=0.0, renewal=10),
    way("trial to paid before its end", (-20, 40, {"trial": True}), b(-5), renewal=360),
    way("paid to trial", a(), (58, 100, {"trial": True}), after=GONE),
    way("a trial of something else beside", a(), (-5, 20, {"trial": True, "plan": "x"}), b(60), renewal=20),
    way("two become one", a(), a(arr=600.0, plan="x"), b(57, arr=1800.0, **SAID), arr=1800.0, renewal=422),
    way("two, and one follows for the first alone", a(), a(arr=4800.0, plan="x"), b(57, **SAID), arr=6000.0,
        after=FELL),
    way("one becomes two", a(), b(57, arr=800.0), b(57, arr=400.0, plan="x")),
    way("each of two is renewed", a(), a(arr=300.0, plan="x"), b(60, **SAID), b(60, arr=300.0, plan="x", **SAID),
        arr=1500.0, renewal=425),
    way("one of two is renewed", a(), (-300, 50, {"arr": 1100.0, "plan": "x"}), b(60, arr=1200.0, **SAID), arr=2300.0,
        renewal=50, after=FELL),
    way("two that renew themselves, one has a new paper", a(**AUTO), a(arr=300.0, plan="x", **AUTO), b(60, **SAID),
        arr=1500.0, renewal=60),
    way("other currency at the same worth", a(), b(-30, arr=1000.0, currency="EUR"), renewal=335),
    way("other currency, worth too little", a(), b(-30, arr=499.0, currency="EUR"), arr=1798.8, after=FELL),
    way("names a contract that nobody knows", a(), b(60, replaces="?", **SAID), renewal=425),
)  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, object]]:
    """What the company's book and labels say of every way."""
    tables = snapshot({"contracts": [row for each in WAYS for row in each.rows()]})
    now = facts_of(tables, day(400))
    cohort = book(facts_of(tables, MONDAY), MONEY)
    about = cohort.select("account_id", "arr", "status", "renewal_on").to_pandas()
    outcomes = labels(cohort, now, MONEY, LabelSettings()).to_pandas()
    outcomes = outcomes[["account_id", "churned", "expanded", "contracted"]]
    return about.merge(outcomes, on="account_id").set_index("account_id").to_dict("index")


@pytest.mark.parametrize("each", WAYS, ids=[each.says for each in WAYS])
def test_a_way_in_which_one_contract_follows_another(each: Way, found) -> None:
    """Book, ARR, notice, renewal date, churn, expansion and contraction agree on the chain (section 0, succession)."""
    account = found.get(each.says)
    if each.arr is None:
        assert account is None
        return
    assert account is not None
    renewal = account["renewal_on"]
    assert account["arr"] == pytest.approx(each.arr)
    assert account["status"] == each.status
    assert (None if pd.isna(renewal) else str(pd.Timestamp(renewal).date())) == (
        None if each.renewal is None else _day(each.renewal)
    )
    assert (account["churned"], account["expanded"], account["contracted"]) == each.after


# What the table of ways does not show ---------------------------------------------------------------------------------


def held(as_of: str, *contracts: Row, **rows: list[Row]) -> pd.Series | None:
    """The row of acme in the book of a day; None where it is not in it."""
    mine = [{**contract(plan="pro"), **row} for row in contracts]
    found = wide(company(as_of, contracts=mine, **rows), "contract_value")
    return found.loc["acme"] if len(found) else None


def test_a_chain_counts_once_a_day_and_what_follows_counts_from_its_start() -> None:
    """The day before the renewal its old price, from its start the new one, on no day both (section 0, ARR)."""
    rows = [
        {"end_on": day(20)},
        {"start_on": day(10), "end_on": day(375), "arr": 1800.0, "signed_on": ago(5), "seats": 5},
    ]

    arr = {number: held(day(number), *rows)["arr"] for number in (0, 9, 10, 19, 20, 374)}

    assert arr == {0: 1200.0, 9: 1200.0, 10: 1800.0, 19: 1800.0, 20: 1800.0, 374: 1800.0}
    assert held(day(375), *rows) is None


def test_a_replacement_is_doubled_until_its_end_is_known_where_nothing_names_it() -> None:
    """`ended_on` is known a day after it: `replaces` tells at once (section 0, succession)."""
    old, new = {"end_on": day(200), "ended_on": day(0)}, {"contract_id": "new", "start_on": day(0), "end_on": day(365)}

    assert held(day(0), old, new)["arr"] == 2400.0
    assert held(day(1), old, new)["arr"] == 1200.0
    assert held(day(0), {"contract_id": "old", **old}, {**new, "replaces": "old"})["arr"] == 1200.0


def test_tenure_counts_from_the_start_of_the_chain_and_anew_after_a_loss() -> None:
    """A gap within the grace, and a link that the source names, go on; a return begins anew (section 0, churn)."""
    before = {"contract_id": "old", "start_on": day(-500), "end_on": day(-200)}

    def tenure(start: int, **more: object) -> int:
        return int(held(MONDAY, before, {"start_on": day(start), **more})["tenure_days"])

    assert [tenure(-170), tenure(-169), tenure(-100, replaces="old")] == [500, 169, 500]


def test_arr_of_a_year_ago_is_that_of_the_chain() -> None:
    """What was renewed early a year ago counted once then too (section 0, ARR)."""
    rows = [{"start_on": day(-700), "end_on": day(-350)}, {"start_on": day(-370), "end_on": day(10)}]

    assert held(MONDAY, *rows)["arr_before"] == 1200.0


def test_a_loss_is_counted_once_by_the_notice_of_the_last_contract_of_a_chain() -> None:
    """Notice is given while the contract before runs; the end of the renewal is no second loss (section 0, churn)."""
    rows = [
        contract(end_on=day(60), plan="pro"),
        contract(start_on=day(60), end_on=day(425), signed_on=day(-30), notice_on=day(45), plan="pro"),
    ]
    found = churned_accounts(company(day(500), contracts=rows), MONEY).to_pandas()

    assert [(str(r.churned_at.date()), r.how) for r in found.itertuples()] == [(day(46), "notice")]


def frame(*rows: Row) -> pd.DataFrame:
    """Contracts as the chains read them."""
    made = [{"contract_id": f"c{n}", **contract(), **row} for n, row in enumerate(rows)]
    whole = pd.DataFrame(made).reindex(columns=list(READ))
    return whole.assign(**{c: pd.to_datetime(whole[c]) for c in READ if c.endswith("_on")})


def test_a_circle_that_a_source_claims_is_no_chain_and_ends() -> None:
    """Two that replace each other, and one that replaces itself, replace nothing (section 0, succession)."""
    rows = frame({"replaces": "c1"}, {"replaces": "c0"}, {"replaces": "c2"})

    assert chained(rows.assign(as_of=AT), SuccessionRules())["followed"].to_pylist() == [False] * 3


def test_contracts_of_other_accounts_follow_nothing() -> None:
    """Neither by date nor by name nor by chain (section 0, succession)."""
    rows = frame(
        {"end_on": "2024-01-01", "chain_id": "x"},
        {"account_id": "bolt", "start_on": "2024-01-01", "replaces": "c0", "chain_id": "x"},
    )
    found = chained(rows.assign(as_of=AT), SuccessionRules())

    assert found["follows"].to_pylist() == [False, False]
    assert found["replaces_known"].to_pylist() == [None, False]


def test_each_is_followed_by_the_nearest() -> None:
    """Of two renewals the one that starts closer, the other is beside it; the order of the rows says nothing."""
    near, far = ({"contract_id": name, "start_on": start} for name, start in (("y", "2024-06-03"), ("x", "2024-06-20")))
    for others in ((near, far), (far, near)):
        found = chained(frame({"end_on": "2024-06-01"}, *others).assign(as_of=AT), SuccessionRules()).to_pandas()
        assert found.loc[found["follows"], "contract_id"].tolist() == ["y"]


def test_instants_together_are_decided_as_each_alone() -> None:
    """In 2024 twelve renewals are rows and one is missing; in 2025 most are missing, and that says nothing (FEA-3)."""
    terms = ({"start_on": "2023-01-01", "end_on": "2024-01-01"}, {"start_on": "2024-01-01", "end_on": "2025-01-01"})
    renewing = [{"account_id": f"a{n}", "auto_renew": True, **terms[0]} for n in range(13)]
    named = [{"replaces": "c0"}, *[{}] * 11]
    rows = frame(*renewing, *({"account_id": f"a{n}", "auto_renew": True, **terms[1], **named[n]} for n in range(12)))
    early, late = rows.assign(as_of=AT), rows[rows["contract_id"] != "c1"].assign(as_of=datetime(2025, 3, 1))

    together = chained(pd.concat([late, early]), SuccessionRules())

    alone = pa.concat_tables([chained(early, SuccessionRules()), chained(late, SuccessionRules())])
    assert together.equals(alone)
    unseen = together.to_pandas().groupby("as_of")["renewed_unseen"].agg(lambda of: int(of.eq(True).sum()))
    assert unseen.tolist() == [1, 0]


def test_no_contracts_make_no_chains() -> None:
    """An empty table stays one."""
    assert chained(frame({}).iloc[:0].assign(as_of=AT), SuccessionRules()).num_rows == 0


def test_a_schema_without_rows_has_the_columns_of_chains() -> None:
    """The signal catalogue reads from the expression alone which columns the book uses (SRC-6)."""
    facts = company(MONDAY, contracts=[])
    schema = ibis.table(facts["contracts"].schema(), name="contracts")

    assert set(CHAINED.names) <= set(with_chains(schema, SuccessionRules()).columns)


def test_the_bounds_are_settings() -> None:
    """`overlap_days`, `renewal_window_days` and the shares move what follows (section 0, succession)."""
    early = frame({"end_on": "2024-06-01"}, {"start_on": "2024-05-01", "arr": 700.0})

    def follows(**rules: float) -> bool:
        return chained(early.assign(as_of=AT), SuccessionRules(**rules))["follows"].to_pylist()[1]

    assert [follows(), follows(window_days=30), follows(min_share=0.6), follows(overlap_days=31, min_share=0.6)] == [
        True, False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "end", "after", "expected"),
    [
        ("2024-01-31", "2024-02-29", "2024-02-28", "2024-02-29"),
        ("2024-01-31", "2024-02-29", "2024-02-29", "2024-03-31"),
        ("2024-01-31", "2024-02-29", "2025-02-27", "2025-02-28"),
        ("2023-03-01", "2024-03-01", "2026-02-28", "2026-03-01"),
        ("2023-03-01", "2024-02-29", "2026-02-28", "2027-02-28"),
        ("2020-02-29", "2021-02-28", "2023-12-01", "2024-02-29"),
        ("2024-01-01", "2024-01-11", "2024-01-30", "2024-01-31"),
        ("2024-01-01", "2024-01-11", "2024-01-31", "2024-02-10"),
        ("2024-01-01", "2027-01-01", "2027-01-01", "2030-01-01"),
    ],
)
def test_a_term_is_renewed_for_its_own_length(start: str, end: str, after: str, expected: str) -> None:
    """Months stay months, from the first start; the last day of a term stays one (section 0, succession)."""
    first, last, on = (np.array([value], dtype="datetime64[D]") for value in (start, end, after))

    assert str(Terms(first, last).end_beyond(on)[0]) == expected


def test_long_records_are_decided_quickly() -> None:
    """100,000 contracts, a row a month, are a matter of seconds (SCL-1)."""
    days = pd.date_range("2020-01-01", periods=51, freq="MS")
    rows = pd.DataFrame(
        [(f"{a}-{n}", f"a{a}", days[n], days[n + 1]) for a in range(2000) for n in range(50)],
        columns=["contract_id", "account_id", "start_on", "end_on"],
    )
    rows = rows.assign(arr=100.0, currency="USD", auto_renew=True).reindex(columns=list(READ))
    rows = rows.assign(ended_on=pd.NaT, notice_on=pd.NaT)
    begun = time.process_time()

    found = chained(rows.assign(as_of=AT), SuccessionRules())

    assert sum(found["followed"].to_pylist()) == 2000 * 49
    assert time.process_time() - begun < 20


# The company's own record of churn ------------------------------------------------------------------------------------


def recorded(as_of: str, *contracts: Row, returns_by: str = "contract", **rows: list[Row]) -> tuple[str, int]:
    """Status and tenure of acme, whose churn the company recorded on the tenth day before MONDAY."""
    events = [{"account_id": "acme", "churned_on": day(-10)}]
    facts = company(as_of, contracts=[contract(), *contracts], churn_events=events, **rows)
    row = wide(facts, "tenure", money=BookSettings(returns_by=returns_by)).loc["acme"]
    return row["status"], int(row["tenure"])


def test_a_recorded_churn_makes_an_account_leaving_from_the_day_it_is_known() -> None:
    """It stays in the book, out of the cohort, from the midnight after (section 0, churn)."""
    assert [recorded(day(d))[0] for d in (-10, -9, 0, 100)] == ["active", "leaving", "leaving", "leaving"]


def test_a_contract_that_starts_after_it_is_a_return_with_a_new_tenure() -> None:
    """One that began before, or on that day, or is only signed, is none (section 0, churn)."""
    assert recorded(MONDAY, contract(start_on=day(-3))) == ("active", 3)
    assert recorded(MONDAY, contract(start_on=day(-10)))[0] == "leaving"
    assert recorded(MONDAY, contract(start_on=day(5), signed_on=day(-4)))[0] == "leaving"
    assert recorded(MONDAY, contract(start_on=day(-3), signed_on=day(-20), notice_on=day(-11)))[0] == "leaving"
    assert recorded(day(5), contract(start_on=day(5), signed_on=day(-4))) == ("active", 0)


def test_use_that_goes_on_is_a_return_where_the_settings_say_so() -> None:
    """`returns_by = "usage"`: where the ends of contracts are not kept (section 0, churn)."""
    use = [{"account_id": "acme", "day": day(d)} for d in (-12, -10, -4, -2)]

    assert recorded(MONDAY, usage=use)[0] == "leaving"
    assert recorded(MONDAY, usage=use, returns_by="usage") == ("active", 4)
    assert recorded(day(-4), usage=use, returns_by="usage")[0] == "leaving"
    assert recorded(MONDAY, contract(start_on=day(-3)), returns_by="usage")[0] == "leaving"
