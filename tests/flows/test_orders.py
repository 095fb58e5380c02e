"""A business without contracts: orders become contracts by a stated rule (SRC-2, FEA-3, MOD-1)."""

import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.book import book
from keepwell.features.outcomes.labels import churned_accounts
from keepwell.flows.configuration.settings import Settings, load_settings
from keepwell.sample.orders import FILES, write_orders
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from tests.support.running import ROOT, Ran, keepwell, mart

EXAMPLE = ROOT / "examples" / "orders"
FIRST = "2026-07-01"
JULY = datetime(2026, 7, 1)
Orders = Sequence[tuple[str, str, float, str]]
"""Customer, day, amount and status of orders written out by hand."""


def every(customer: str, days: int, last: str, count: int, amount: float = 100.0) -> Orders:
    """So many delivered orders, the last on that day and one every so many days before."""
    end = date.fromisoformat(last)
    return [(customer, str(end - timedelta(days=days * n)), amount, "delivered") for n in range(count)]


def on(customer: str, *days: str, amount: float = 100.0, status: str = "delivered") -> Orders:
    return [(customer, day, amount, status) for day in days]


def months(year: int, first: int, last: int) -> list[str]:
    return [f"{year}-{month:02}-01" for month in range(first, last + 1)]


BY_HAND = [
    *every("regular", 30, "2026-06-20", 18),
    *on("late", "2026-06-20"), *every("late", 30, "2026-04-10", 12),
    *every("gone", 20, "2026-02-01", 15),
    *on("season", *months(2024, 4, 9), *months(2025, 4, 9), *months(2026, 4, 6)),
    *on("once", "2026-05-15"),
    *on("once-before", "2026-01-10"),
    *every("called-off", 30, "2026-04-01", 12), *on("called-off", "2026-05-10", status="cancelled"),
    *every("merged", 60, "2026-06-05", 9), *every("merged-twin", 60, "2026-05-06", 9),
    *on("young", "2026-05-01", "2026-06-01", amount=200.0),
    *on("twice-a-day", "2026-05-01", "2026-06-01", "2026-06-01"),
    *on("clock", "2026-06-30"),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The example on the orders that are written out by hand."""
    data = tmp_path_factory.mktemp("by_hand")
    orders = pd.DataFrame(BY_HAND, columns=["customer_id", "ordered_on", "amount", "status"]).assign(currency="USD")
    orders.insert(0, "order_id", [f"O{n:03}" for n in range(len(orders))])
    names = sorted(set(orders["customer_id"]))
    into = ["merged" if name == "merged-twin" else None for name in names]
    about = {"name": names, "trade": "retail", "country": "DE", "sales_rep": "kim", "registered_on": "2024-01-01"}
    customers = pd.DataFrame({"customer_id": names, **about, "merged_into": into, "merged_on": None})
    first = orders["order_id"][0]
    tables = {
        "customers": customers,
        "orders": orders,
        "order_lines": pd.DataFrame({"order_id": orders["order_id"], "product_group": "tools", "quantity": 2}),
        "returns": pd.DataFrame(
            [["R1", first, "2026-06-28", 40.0]], columns=["return_id", "order_id", "returned_on", "amount"]
        ),
        "visits": pd.DataFrame(
            [["merged-twin", "2026-06-20", "ann", 3]], columns=["customer_id", "visited_on", "buyer", "pages"]
        ),
        "invoices": pd.DataFrame(
            [["I1", first, "regular", "2026-06-23", "2026-07-23", 100.0, "USD", None]],
            columns=["invoice_id", "order_id", "customer_id", "issued_on", "due_on", "amount", "currency", "paid_on"],
        ),
    }  # fmt: skip
    for name, table in tables.items():
        table.to_csv(data / f"{name}.csv", index=False)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ORDERS_DATA", str(data))
        yield load_settings(EXAMPLE / "pipeline.toml")


@pytest.fixture(scope="module")
def snapshot(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return stage(settings.source.url, settings.base, settings.mappings, tmp_path_factory.mktemp("snapshots"))


def portfolio(snapshot: Snapshot, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """Who is in the book on a day."""
    return book(facts_at(snapshot, as_of), settings.money).to_pandas().set_index("account_id").sort_index()


def test_the_book_is_who_may_still_be_expected(snapshot: Snapshot, settings: Settings) -> None:
    """ARR is the orders of a year; a younger customer's count for the days so far and its usual wait (SRC-2)."""
    found = portfolio(snapshot, settings, JULY)

    assert found["arr"].to_dict() == {
        "clock": 0.0,  # one order alone
        "late": 1100.0,  # June 20, and ten from April 10 back to July 14
        "merged": 1300.0,  # both registrations together: every 30 days
        "once": 0.0,
        "regular": 1300.0,  # 13 orders within 365 days
        "season": 600.0,  # July to September, April to June
        "twice-a-day": 1766.13,  # 300 of 31 days and the 31 until the next one
        "young": 2354.84,  # 400 of the same days
    }
    assert found["tenure_days"]["regular"] == (JULY - datetime(2025, 1, 26)).days
    assert found["renewal_on"].isna().all()
    assert (found["status"] == "active").all()


def test_churn_is_the_day_on_which_an_order_was_expected_and_did_not_come(
    snapshot: Snapshot, settings: Settings
) -> None:
    """Within the grace it is none; one order alone never churns; a season's first winter looks like it (MOD-1)."""
    churned = churned_accounts(facts_at(snapshot, JULY), settings.money).to_pandas()

    assert set(zip(churned["account_id"], churned["churned_at"].dt.date.astype(str), strict=True)) == {
        ("gone", "2026-03-18"),  # 45 days, the least, after February 1
        ("called-off", "2026-05-31"),  # twice 30 days after April 1: what was called off covers nothing
        ("season", "2024-11-02"),  # twice 31 days after September 1; the second winter is usual by then
    }
    assert set(churned["how"]) == {"ended"}


def test_no_day_knows_the_next_order(snapshot: Snapshot, settings: Settings) -> None:
    """The late one is missing from the day after June 9, when it was expected, to the day after its order (FEA-3)."""
    expected, missing, ordered, back = (portfolio(snapshot, settings, datetime(2026, 6, d)) for d in (9, 10, 20, 21))

    assert ["late" in found.index for found in (expected, missing, ordered, back)] == [True, False, False, True]
    assert back["tenure_days"]["late"] == (datetime(2026, 6, 21) - datetime(2025, 5, 15)).days
    assert "gone" in portfolio(snapshot, settings, datetime(2026, 3, 18)).index
    assert "gone" not in portfolio(snapshot, settings, datetime(2026, 3, 19)).index


def test_twins_returns_and_visits_are_the_survivors(snapshot: Snapshot) -> None:
    """A customer registered twice is one account; goods that came back are a credit note (SRC-2)."""
    tables = {name: facts_at(snapshot, JULY)[name].to_pandas() for name in ("accounts", "usage", "invoices")}
    visits = tables["usage"][tables["usage"]["feature"] == "web shop"]
    notes = tables["invoices"][tables["invoices"]["amount"] < 0]

    assert "merged-twin" not in set(tables["accounts"]["account_id"])
    assert visits[["account_id", "user_id", "events"]].values.tolist() == [["merged", "ann", 3]]
    assert notes[["account_id", "amount", "credit_of"]].values.tolist() == [["regular", -40.0, "I1"]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """The commands of README.md: a sample company, its orders, the month."""
    to = tmp_path_factory.mktemp("run")
    made = keepwell("sample", "--accounts", 150, "--months", 26, "--seed", 1, "--to", to / "company")
    assert made.code == 0, made.err
    write_orders(to / "company", to / "data")
    config = shutil.copytree(EXAMPLE, to / "example") / "pipeline.toml"
    command = ("--config", config, "--out", to / "out", "monthly", "--as-of", FIRST)
    return keepwell(*command, ORDERS_DATA=str(to / "data")), to


@pytest.mark.slow
def test_a_month_runs_and_its_output_is_that_of_the_readme(ran: tuple[Ran, Path]) -> None:
    """No critical check fails; the numbers on the page are real (SRC-7)."""
    run, to = ran
    printed = run.out.replace(f"{to}/", "")
    page = (EXAMPLE / "README.md").read_text()
    (shown,) = re.findall(r"^```\n( +as of .*?)```", page, re.DOTALL | re.MULTILINE)

    assert run.code == 0, run.err
    assert printed == shown
    scores = mart(to / "out", "health_scores", FIRST)
    assert scores["health"].notna().mean() > 0.9
    assert scores["factor_1"].notna().mean() > 0.9


@pytest.mark.slow
def test_the_sample_has_what_such_systems_have(ran: tuple[Ran, Path]) -> None:
    """Orders called off, returns, customers registered twice, buyers who came once, seasons; the same bytes again."""
    _, to = ran
    found = {name: pd.read_csv(to / "data" / name) for name in FILES}
    orders = found["orders.csv"]
    per_customer = orders.groupby("customer_id")["order_id"].count()
    by_month = orders.assign(month=pd.to_datetime(orders["ordered_on"]).dt.month).groupby("customer_id")["month"]
    years = orders.assign(year=orders["ordered_on"].str[:4]).groupby("customer_id")["year"].nunique()

    assert set(orders["status"]) == {"delivered", "open", "cancelled"}
    assert len(found["returns.csv"]) > 50
    assert found["customers.csv"]["merged_into"].notna().sum() >= 2
    assert (per_customer[per_customer.index.str.startswith("W")] == 1).all()
    seasonal = by_month.agg(lambda m: m.between(3, 9).all()) & (per_customer > 10) & (years > 1)
    assert seasonal.sum() >= 3
    again = write_orders(to / "company", to / "again")
    assert {n: (again / n).read_bytes() for n in FILES} == {n: (to / "data" / n).read_bytes() for n in FILES}
