"""The book against the one published before: who vanished, how far it moved, ends that never come (SRC-9)."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from keepwell.features.book import book
from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings
from keepwell.tasks.checks.book_watch import NOT_WATCHED, Watched, watch_book
from keepwell.tasks.marts.publish import Stamp, publish
from keepwell.tasks.settings import BookWatchSettings
from tests.support.handmade import Row, company, contract

BEFORE, TODAY = "2026-06-09", "2026-06-10"
MONEY = BookSettings(fx_rates={"EUR": 2.0})
MAPPING, SNAPSHOT = "contracts.sql", "snap"
ACCOUNTS = [f"a{i:02}" for i in range(60)]


def plain(*accounts: str, **more: object) -> list[Row]:
    """A contract each, from 2026-01-01, open-ended unless `more` says otherwise; its id does not move with the rows."""
    return [contract(a, "2026-01-01", **{"contract_id": f"c-{a}", **more}) for a in accounts or ACCOUNTS]


def stored(root: Path, rows: Sequence[Row], day: str = BEFORE, mapping: str = MAPPING, **tables: Sequence[Row]) -> None:
    """Publish the book of these contracts, and keep their snapshot, as a run of that day does."""
    facts = company(day, contracts=rows, **tables)
    columns = ["account_id", "arr", "status", "renewal_on"]
    scores = book(facts, MONEY).select(*columns).to_pandas()
    aside = facts["quarantine"].rename(table="table_name").drop("known_at", "as_of").to_pandas()
    stamp = Stamp("run", "code", f"{SNAPSHOT}-{day}", mapping_id=mapping)
    publish(root / "marts", date.fromisoformat(day), {"health_scores": scores, "quarantine": aside}, stamp)
    folder = root / "snapshots" / f"{SNAPSHOT}-{day}"
    folder.mkdir(parents=True)
    pq.write_table(facts["contracts"].to_pyarrow(), folder / "contracts.parquet")


def watched(root: Path, rows: Sequence[Row] | Facts, day: str = TODAY, **settings: object) -> Watched:
    facts = rows if isinstance(rows, Facts) else company(day, contracts=rows)
    checks = BookWatchSettings(**settings)
    return watch_book(facts, MONEY, root / "marts", root / "snapshots", MAPPING, checks)


def beyond(found: Watched) -> set[str]:
    """The measures that break their rule."""
    pairs = {
        "vanished_share": "vanished_bound", "accounts_move": "accounts_bound", "arr_move": "arr_bound",
        "ends_moved": "rolling_share", "ends_never_reached": "rolling_share",
    }  # fmt: skip
    return {m for m, bound in pairs.items() if m in found.values and abs(found.values[m]) > found.bounds[bound]}


def test_the_same_book_moves_nothing(tmp_path: Path) -> None:
    """Nobody vanished, no share moved; what was read is named (SRC-9)."""
    stored(tmp_path, plain())
    found = watched(tmp_path, plain())

    assert found.values == {"vanished": 0, "vanished_share": 0, "accounts_move": 0, "arr_move": 0}
    assert not found.moved
    assert found.used == ("health_scores/2026-06-09/run",)


def test_half_an_export_is_accounts_that_vanish_and_a_book_that_falls(tmp_path: Path) -> None:
    """Rows that are gone without notice, end or quarantine reason, counted and named (SRC-9, SRC-4)."""
    stored(tmp_path, plain())
    found = watched(tmp_path, plain(*ACCOUNTS[:29]))

    assert beyond(found) == {"vanished_share", "accounts_move", "arr_move"}
    assert found.counts["vanished"] == 31
    assert found.keys["vanished"] == tuple(ACCOUNTS[29:])
    assert found.words["accounts_move"] == "29 accounts after 60 on 2026-06-09"
    assert found.words["arr_move"] == "ARR 34,800 after 72,000 on 2026-06-09"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("today", "vanished"),
    [
        ({"contracts": []}, 1),
        ({"contracts": plain("gone", end_on="2026-06-10")}, 0),
        ({"contracts": plain("gone", ended_on="2026-06-09")}, 0),
        ({"contracts": plain("gone", ended_on="2026-05-20")}, 0),  # noted late
        ({"contracts": [contract("gone", "2024-01-01", "2025-01-01")]}, 1),  # an older term explains nothing
        ({"contracts": [contract("gone", "2026-07-01")]}, 1),
        ({"contracts": [], "churn_events": [{"account_id": "gone", "churned_on": "2026-06-08"}]}, 0),
        ({"contracts": [], "churn_events": [{"account_id": "gone", "churned_on": "2026-01-08"}]}, 1),
        ({"contracts": [], "quarantine": [{"table_name": "contracts", "key": "c-gone", "reason": "test",
                                           "account_id": "gone", "known_at": "2026-01-01"}]}, 0),
        ({"contracts": [], "quarantine": [{"table_name": "contracts", "key": "c-old", "reason": "test",
                                           "account_id": "gone", "known_at": "2026-01-01"}]}, 1),
    ],
)  # fmt: skip
def test_what_explains_that_an_account_is_gone(
    today: Mapping[str, Sequence[Row]], vanished: int, tmp_path: Path
) -> None:
    """An end that has passed since, or a contract set aside since; an older end or an old quarantine row does not."""
    aside = {"table_name": "contracts", "key": "c-old", "reason": "test", "account_id": "gone",
             "known_at": "2026-01-01"}  # fmt: skip
    stored(tmp_path, plain(*ACCOUNTS, "gone"), quarantine=[aside])
    rows = {**today, "contracts": [*plain(), *today["contracts"]]}
    found = watched(tmp_path, company(TODAY, **rows))

    assert found.values["vanished"] == vanished
    assert found.keys["vanished"] == (("gone",) if vanished else ())
    assert beyond(found) == set()


def test_who_had_given_notice_or_whose_term_is_over_may_be_deleted(tmp_path: Path) -> None:
    """By the stored book: a source that lists live contracts alone drops them (SRC-9)."""
    leaving = plain("leaves", notice_on="2026-05-01", end_on="2027-01-01")
    over = plain("over", end_on="2026-06-10")
    stored(tmp_path, [*plain(), *leaving, *over])

    assert watched(tmp_path, plain()).values["vanished"] == 0


def test_a_few_accounts_are_a_finding_and_stop_nothing(tmp_path: Path) -> None:
    """The floor in counts: four of eight are half of a small book, and may be true (SRC-9)."""
    stored(tmp_path, plain(*ACCOUNTS[:8]))
    four, five = watched(tmp_path, plain(*ACCOUNTS[:4])), watched(tmp_path, plain(*ACCOUNTS[:3]))

    assert (four.values["vanished"], beyond(four), four.moved) == (4, set(), True)
    assert beyond(five) == {"vanished_share", "accounts_move", "arr_move"}


def test_one_large_customer_that_leaves_is_no_move_of_the_book(tmp_path: Path) -> None:
    """What fewer than `min_accounts` explain is never too much, however much ARR it is (SRC-9)."""
    large = plain("large", arr=1e6, end_on="2026-06-10")
    stored(tmp_path, [*plain(), *large])
    found = watched(tmp_path, [*plain(), *large])

    assert found.values["arr_move"] < -0.9
    assert beyond(found) == set()


def test_ends_on_one_day_are_a_move_although_each_is_explained(tmp_path: Path) -> None:
    """A third of the book leaves for a day, since its ends are the last day covered: kind A reports it (SRC-9)."""

    def rows() -> list[Row]:
        ends = [r for a in ACCOUNTS[::3] for r in (
            contract(a, "2025-06-11", "2026-06-10", contract_id=f"{a}-1"),
            contract(a, "2026-06-11", "2027-06-10", contract_id=f"{a}-2", signed_on="2026-05-01"),
        )]  # fmt: skip
        return [*plain(*(a for a in ACCOUNTS if a not in ACCOUNTS[::3])), *ends]

    stored(tmp_path, rows())

    assert beyond(watched(tmp_path, rows())) == {"accounts_move", "arr_move"}
    assert watched(tmp_path, rows()).values["vanished"] == 0
    assert beyond(watched(tmp_path, rows(), "2026-06-11")) == set()


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        (plain(arr=120_000.0), {"arr_move"}),
        (plain(arr=12.0), {"arr_move"}),
        (plain(currency="EUR"), {"arr_move"}),
        ([*plain(), *plain(contract_id=None)], {"arr_move"}),
        ([*plain(), *plain(*(f"new-{i}" for i in range(30)))], {"accounts_move", "arr_move"}),
        ([*plain(), *(contract(f"new-{i}", TODAY) for i in range(30))], set()),
        ([*plain(), *(contract(a, TODAY, arr=9e9) for a in ACCOUNTS)], set()),
    ],
    ids=["cents", "thousands", "currency", "twice", "other accounts", "new accounts", "new contracts"],
)
def test_a_rise_that_nothing_begun_since_explains(rows: Sequence[Row], broken: set[str], tmp_path: Path) -> None:
    """Amounts in another unit, contracts that come twice, accounts that were always there; not what is new (SRC-9)."""
    stored(tmp_path, plain())

    assert beyond(watched(tmp_path, rows)) == broken


def test_a_longer_gap_allows_more(tmp_path: Path) -> None:
    """The shares hold per 30 days begun: what is beyond them overnight may be true over three months (SRC-9)."""
    stored(tmp_path, plain(), "2026-03-05")
    rows = [*plain(*ACCOUNTS[:40]), *plain(*ACCOUNTS[40:], end_on="2026-06-01")]
    stored(tmp_path / "overnight", plain())

    assert beyond(watched(tmp_path, rows)) == set()
    overnight = [*plain(*ACCOUNTS[:40]), *plain(*ACCOUNTS[40:], end_on=TODAY)]
    assert beyond(watched(tmp_path / "overnight", overnight)) == {"accounts_move", "arr_move"}


def test_nothing_is_compared_on_the_first_run_or_after_a_mapping_changed(tmp_path: Path) -> None:
    """And that is said; an older date is compared with the nearest one before it (SRC-9)."""
    compared = ("vanished", "vanished_share", "accounts_move", "arr_move")
    stored(tmp_path, plain(), mapping="another")
    first, other = watched(tmp_path, plain("b1"), BEFORE), watched(tmp_path, plain("b1"))

    assert first.none | dict.fromkeys(compared, "no book is published before 2026-06-09") == first.none
    assert first.uncompared is None
    said = "the mapping of contracts or the currencies have changed since 2026-06-09"
    assert other.none | dict.fromkeys(compared, said) == other.none
    assert other.uncompared == said
    assert not set(compared) & {*first.values, *other.values}

    stored(tmp_path, plain(*ACCOUNTS[:20]), "2026-05-01")
    assert watched(tmp_path, plain(*ACCOUNTS[:20]), "2026-06-01").values["vanished"] == 0


def test_contracts_without_a_required_column_are_not_watched(tmp_path: Path) -> None:
    """Another rule names the column; a book of nobody would only hide it."""
    given = {"contracts": ["contract_id", "account_id", "start_on", "currency"]}
    assert watched(tmp_path, company(TODAY, given, contracts=plain())) == NOT_WATCHED


# Ends that never come -------------------------------------------------------------------------------------------------


def rolling(day: str, months: int = 1, accounts: int = 40, **more: object) -> list[Row]:
    """Subscriptions since 2022-01 and later whose end is that of the period that `day` lies in."""
    rows = []
    for i in range(accounts):
        began = pd.Timestamp("2022-01-03") + pd.Timedelta(days=29 * i)
        passed = int((pd.Timestamp(day) - began) / pd.Timedelta(days=30.4 * months))
        end = began + pd.DateOffset(months=months * (passed + 1))
        end = end if end > pd.Timestamp(day) else end + pd.DateOffset(months=months)
        rows.append(contract(f"a{i:02}", str(began.date()), str(end.date()), **{"contract_id": f"c{i}", **more}))
    return rows


def terms(day: str, years: int = 1, accounts: int = 40) -> list[Row]:
    """The same accounts with a contract per term, as a CRM has them."""
    rows = []
    for i in range(accounts):
        start, n = pd.Timestamp("2022-01-03") + pd.Timedelta(days=29 * i), 0
        while start <= pd.Timestamp(day):
            end = start + pd.DateOffset(years=years)
            rows.append(contract(f"a{i:02}", str(start.date()), str(end.date()), contract_id=f"c{i}-{n}"))
            start, n = end, n + 1
    return rows


@pytest.mark.parametrize("months", [1, 3, 12])
def test_the_end_of_the_current_period_is_found_in_one_snapshot(months: int, tmp_path: Path) -> None:
    """Old accounts that never reached an end, all ends within a year ahead: no term (SRC-9)."""
    found = watched(tmp_path, rolling(TODAY, months))

    assert beyond(found) == {"ends_never_reached"}
    assert found.keys["ends_never_reached"][0] == "a00"


def test_cancelled_subscriptions_beside_it_hide_nothing(tmp_path: Path) -> None:
    """Whoever left has an end that passed; survivors never do (SRC-9)."""
    left = [contract(f"x{i}", "2023-01-01", "2025-03-01") for i in range(40)]

    assert beyond(watched(tmp_path, [*rolling(TODAY), *left])) == {"ends_never_reached"}


@pytest.mark.parametrize(
    "rows",
    [
        terms(TODAY), terms(TODAY, 2), terms(TODAY, 3),
        rolling(TODAY, auto_renew=True), rolling(TODAY, accounts=9),
        [contract(f"a{i}", str(date(2024, 1, 1) + timedelta(days=i)), "2026-12-31") for i in range(40)],
        [contract(f"a{i}", "2023-08-01", "2026-07-31") for i in range(40)],
        [contract(f"a{i}", "2020-01-01") for i in range(40)],
        [contract(f"a{i}", "2026-01-01", "2026-07-01") for i in range(40)],
    ],
    ids=["yearly", "two years", "three years", "auto_renew", "few", "one end", "one cohort", "open-ended", "young"],
)  # fmt: skip
def test_agreed_terms_are_no_rolling_ends(rows: Sequence[Row], tmp_path: Path) -> None:
    """Terms that are reached, that renew by themselves, of one length, too few or too young (SRC-9)."""
    assert beyond(watched(tmp_path, rows)) == set()


def test_an_end_that_is_moved_before_it_passes_is_found_by_the_next_month(tmp_path: Path) -> None:
    """Of young accounts, too: of the stored ends that have passed since nearly all were moved (SRC-9)."""

    def monthly(end: str) -> list[Row]:
        return [contract(f"a{i}", "2026-01-01", end, contract_id=f"c{i}") for i in range(20)]

    stored(tmp_path, monthly("2026-06-01"), "2026-05-10")
    found = watched(tmp_path, monthly("2026-07-01"), "2026-06-10")

    assert beyond(found) == {"ends_moved"}
    assert found.words["ends_moved"] == (
        "20 of 20 ends that were stored on 2026-05-10 and have passed since were moved"
    )
    assert beyond(watched(tmp_path, [{**r, "auto_renew": True} for r in monthly("2026-07-01")])) == set()
    kept = [*monthly("2026-06-01"), *(contract(f"a{i}", "2026-06-01", "2026-07-01") for i in range(20))]
    assert watched(tmp_path, kept).values["ends_moved"] == 0
