"""What became known after as_of changes nothing: for every feature and every column of the book (FEA-3).

The rules of section 0 are written here a second time, in plain Python, and not taken from the code under test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import Facts, known_rows
from keepwell.features.measures.all import FEATURES
from tests.support.handmade import Row, Snapshot, company, contract, facts_of, snapshot, value, wide

MIDNIGHT, NOON = "2024-03-04T00:00", "2024-03-04T12:00"
LABELS = ["name", "csm", "email_opt_out"]
ACCOUNTS = ("a", "b", "undated")

Rows = Mapping[str, list[dict[str, Any]]]


# When a fact is known, once more --------------------------------------------------------------------------------------


def midnight_after(day: str | None) -> datetime | None:
    return None if day is None else datetime.fromisoformat(day[:10]) + timedelta(days=1)


def instant(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)


ROW_KNOWN: dict[str, Callable[[Row], datetime | None]] = {
    "accounts": lambda r: midnight_after(r["valid_from"]) or instant("1900-01-01"),
    "contracts": lambda r: midnight_after(r["signed_on"]) or instant(r["start_on"]),
    "usage": lambda r: midnight_after(r["day"]),
    "tickets": lambda r: instant(r["opened_at"]),
    "invoices": lambda r: midnight_after(r["issued_on"]),
    "surveys": lambda r: instant(r["answered_at"]),
    "touchpoints": lambda r: instant(r["happened_at"]),
    "contacts": lambda r: midnight_after(r["since"]),
    "opportunities": lambda r: instant(r["changed_at"]),
    "churn_events": lambda r: midnight_after(r["churned_on"]),
    "interventions": lambda r: instant(r["started_at"]),
    "hold_outs": lambda r: instant(r["drawn_at"]),
    "legacy_scores": lambda r: midnight_after(r["scored_on"]),
    "notes": lambda r: instant(r["noted_at"]),
    "quarantine": lambda r: midnight_after(r["event_on"]),
}
LATE_DATES = {"contracts": ("ended_on", "notice_on"), "contacts": ("left_on",)}
LATE_INSTANTS = {
    "tickets": ("first_response_at", "closed_at"),
    "invoices": ("paid_at", "failed_at", "disputed_at", "resolved_at"),
}


def known_at(table: str, row: Row) -> datetime:
    """When the row is known: by its table's rule, or later where it says so itself."""
    rule, own = ROW_KNOWN[table](row), instant(row.get("known_at"))
    assert rule is not None
    return rule if own is None else max(rule, own)


def seen(moment: datetime | None, as_of: str) -> bool:
    return moment is not None and moment <= datetime.fromisoformat(as_of)


# A random company -----------------------------------------------------------------------------------------------------

# Windows begin and end here, and as_of itself is 0; what is negative lies in the future.
EDGES = (-30, -2, -1, 0, 1, 2, 27, 28, 29, 56, 57, 89, 90, 91, 179, 180, 181, 182, 183, 365, 366, 392, 393)
DAYS_AGO = st.one_of(st.sampled_from(EDGES), st.integers(-60, 420))


def _day(days_ago: int) -> str:
    return str(datetime.fromisoformat(MIDNIGHT).date() - timedelta(days=days_ago))


days = DAYS_AGO.map(_day)
instants = st.builds("{}T{}".format, days, st.sampled_from(("00:00", "10:30", "12:00", "23:59:59")))
roles = st.sampled_from(("executive", "sponsor", "champion", "user"))
sentiments = st.none() | st.sampled_from((-0.8, 0.0, 0.6))
counts = st.integers(0, 9)
# A row may be known later than its table's rule says: only then does the cut matter to what lies in a window.
arrival = st.sampled_from((None, None, f"{_day(-1)}T08:00", f"{_day(-40)}T08:00", f"{_day(3)}T08:00"))


def _rows(least: int = 5, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({"account_id": st.sampled_from(ACCOUNTS), "known_at": arrival, **columns})
    return st.lists(row, min_size=least, max_size=least + 4)


TABLE_ROWS = {
    "contracts": _rows(
        start_on=days, end_on=st.none() | days, ended_on=st.none() | days, signed_on=st.none() | days,
        notice_on=st.none() | days, arr=counts.map(float), currency=st.just("USD"), seats=st.none() | counts,
        plan=st.sampled_from(("x", "y")), trial=st.none() | st.booleans(),
    ),
    "usage": _rows(
        12, day=days, user_id=st.sampled_from(("ann", "bob", None)), feature=st.sampled_from(("f", "g")),
        events=st.none() | counts, minutes=st.none() | counts.map(float),
    ),
    "tickets": _rows(
        opened_at=instants, priority=st.sampled_from(("low", "urgent", None)), sentiment=sentiments,
        first_response_at=st.none() | instants, closed_at=st.none() | instants, escalated_at=st.none() | instants,
        escalated=st.none() | st.booleans(), csat_at=st.none() | instants, csat=st.none() | st.sampled_from((1.0, 5.0)),
    ),
    "invoices": _rows(
        issued_on=days, due_on=st.none() | days, amount=counts.map(float), currency=st.just("USD"),
        paid_at=st.none() | instants, failed_at=st.none() | instants, disputed_at=st.none() | instants,
        resolved_at=st.none() | instants,
    ),
    "surveys": _rows(answered_at=instants, score=st.none() | counts, role=roles, sentiment=sentiments),
    "touchpoints": _rows(
        10, happened_at=instants, kind=st.sampled_from(("call", "meeting", "email", "community", "onboarding")),
        role=roles, attended=st.none() | st.booleans(), sentiment=sentiments, engagement=st.none() | st.just(0.5),
    ),
    "contacts": _rows(since=days, role=roles, left_on=st.none() | days),
    "opportunities": _rows(
        opportunity_id=st.sampled_from(("o1", "o2", "o3")), changed_at=instants, kind=st.just("renewal"),
        stage=st.sampled_from(("open", "negotiation", "lost", "won")),
    ),
    "churn_events": _rows(churned_on=days),
    "interventions": _rows(started_at=instants),
    "hold_outs": _rows(drawn_at=instants, chance=st.just(0.4)),
    "legacy_scores": _rows(scored_on=days, score=counts.map(float)),
    "notes": _rows(noted_at=instants),
    "quarantine": _rows(table_name=st.sampled_from(("usage", "tickets")), event_on=days),
}  # fmt: skip
ATTRIBUTES = {c: st.sampled_from((f"{c}-1", f"{c}-2", None)) for c in ("segment", "industry", "country", "csm", "name")}


@dataclass(frozen=True)
class Story:
    """A company as it was recorded early and late; they differ only in what was not known at `as_of`."""

    as_of: str
    early: Rows
    late: Rows


@st.composite
def companies(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    rows = {name: draw(strategy) for name, strategy in TABLE_ROWS.items()}
    # A row for each account that holds whatever the draw: otherwise most random books would be empty.
    for account in ACCOUNTS:
        rows["contracts"].append({**_blank("contracts"), **contract(account, _day(450), seats=5)})
    history = {(a, draw(days)): {c: draw(s) for c, s in ATTRIBUTES.items()} for a in ACCOUNTS[:2] for _ in range(2)}
    rows["accounts"] = [{"account_id": a, "valid_from": on, **values} for (a, on), values in history.items()]
    rows["accounts"].append(
        {"account_id": "undated", "valid_from": None, **{c: draw(s) for c, s in ATTRIBUTES.items()}}
    )
    return {name: [{"id": f"{name}-{n}", **row} for n, row in enumerate(table)] for name, table in rows.items()}


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A company, and the same with everything that is not known yet added, changed, dropped, set or cleared."""
    as_of = draw(st.sampled_from((MIDNIGHT, NOON)))
    early, other = draw(companies()), draw(companies())
    late: dict[str, list[dict[str, Any]]] = {}
    for name, rows in early.items():
        kept = [_completed(draw, name, row, as_of) for row in rows if seen(known_at(name, row), as_of)]
        unseen = [row for row in rows if not seen(known_at(name, row), as_of) and draw(st.booleans())]
        new = [{**row, "id": f"new-{row['id']}"} for row in other[name] if not seen(known_at(name, row), as_of)]
        late[name] = [*reversed(new), *unseen, *kept]
    return Story(as_of, early, late)


def _completed(draw: st.DrawFn, table: str, row: dict[str, Any], as_of: str) -> dict[str, Any]:
    """The row with other values in whatever of it was not known at `as_of`."""
    later = {}
    future_day = st.none() | st.integers(-60, 0).map(_day)
    future_instant = st.none() | st.builds("{}T{}".format, st.integers(-60, -1).map(_day), st.just("08:00"))
    for column in LATE_DATES.get(table, ()):
        if not seen(midnight_after(row[column]), as_of):
            later[column] = draw(future_day)
    for column in LATE_INSTANTS.get(table, ()):
        if not seen(instant(row[column]), as_of):
            later[column] = draw(future_instant)
    if table == "tickets":
        for fact, at in (("escalated", "escalated_at"), ("csat", "csat_at")):
            closed = seen(instant(row["closed_at"]), as_of)  # without a time of its own it would be known by now
            by_closing = row[at] is None and closed
            is_set = row[fact] not in (None, False)
            if not seen(instant(row[at]), as_of) and not (by_closing and is_set):
                later[at] = _day(-3) + "T08:00" if closed else draw(future_instant)
                later[fact] = draw(st.just(True) if fact == "escalated" else st.sampled_from((1.0, 5.0, None)))
    if table == "accounts" and row["valid_from"] is None:  # today's values
        later = {c: draw(s) for c, s in ATTRIBUTES.items()}
    return {**row, **later}


def _blank(table: str) -> dict[str, Any]:
    return {column.name: None for column in TABLES[table].columns}


# The property ---------------------------------------------------------------------------------------------------------


def what_moved(story: Story, *features: str, facts: Callable[[Snapshot, str], Facts] = facts_of) -> set[str]:
    """The features and columns of the book that differ between the early and the late record of a company."""
    before, after = (wide(facts(snapshot(_keyed(rows)), story.as_of), *features) for rows in (story.early, story.late))
    if list(before.index) != list(after.index):
        return {"account_id"}
    moved = set()
    for column in before:
        # Today's values of an undated row may label a report; they are no facts.
        accounts = before.index.drop("undated", errors="ignore") if column in LABELS else before.index
        pairs = zip(before.loc[accounts, column], after.loc[accounts, column], strict=True)
        moved |= {str(column)} if not all(_same(*pair) for pair in pairs) else set()
    return moved


def _same(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    return one == pytest.approx(other, abs=1e-9) if isinstance(one, float) else one == other


def _keyed(rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Rows as the tables have them: the drawn id under the name of the key; rows set aside with their known_at."""
    keyed: dict[str, list[dict[str, Any]]] = {}
    for name, table in rows.items():
        key = TABLES[name].key[0] if name in TABLES else "key"
        keyed[name] = [{key: row["id"], **{k: v for k, v in row.items() if k != "id"}} for row in table]
    for row in keyed.get("quarantine", ()):
        row["known_at"] = known_at("quarantine", row).isoformat()
    return keyed


@given(stories())
@effort(
    max_examples=10, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
def test_nothing_that_became_known_later_moves_a_feature(story: Story) -> None:
    """Rows and late columns known after as_of are added, changed and deleted: no feature, no column moves (FEA-3)."""
    assert what_moved(story) == set()


# The property can see -------------------------------------------------------------------------------------------------


def story_of(table: str, early: dict[str, Any] | None, late: dict[str, Any] | None) -> Story:
    """One account with one contract; the row as it was recorded early and late."""
    record: list[dict[str, list[dict[str, Any]]]] = []
    for row in (early, late):
        rows: dict[str, list[dict[str, Any]]] = {"contracts": [{"id": "c1", **contract("a")}]}
        rows.setdefault(table, []).extend([{"id": "r1", "account_id": "a", **row}] if row else [])
        record.append(rows)
    return Story(MIDNIGHT, *record)


def test_a_feature_that_reads_the_whole_table_is_caught() -> None:
    """The tripwire: usage that arrived late moves the features of whoever forgets the cut, and no others (FEA-3)."""

    def uncut(tables: Snapshot, as_of: str) -> Facts:
        honest = facts_of(tables, as_of)
        return replace(honest, tables={**honest.tables, "usage": tables["usage"]})

    story = story_of("usage", None, {"day": _day(3), "events": 5, "known_at": f"{_day(-1)}T08:00"})

    assert what_moved(story) == set()
    assert {"active_days_28d", "usage_change_point"} <= what_moved(story, facts=uncut) <= set(FEATURES)


@pytest.mark.parametrize(
    ("table", "row", "column", "later", "moved"),
    [
        ("tickets", {"opened_at": f"{_day(9)}T08:00"}, "closed_at", "2024-03-04T00:00:01", "open_tickets"),
        ("tickets", {"opened_at": f"{_day(9)}T08:00"}, "escalated_at", "2024-03-04T00:00:01", "escalations_90d"),
        ("tickets", {"opened_at": f"{_day(9)}T08:00"}, "escalated", True, "escalations_90d"),
        ("tickets", {"opened_at": f"{_day(9)}T08:00"}, "csat", 1.0, "csat_180d"),
        ("invoices", {"issued_on": _day(60), "amount": 5.0}, "paid_at", "2024-03-04T00:00:01", "overdue_share"),
        ("contacts", {"since": _day(60)}, "left_on", _day(0), "stakeholders"),
        ("contracts", contract("a"), "notice_on", _day(0), "notice_on"),
        ("contracts", contract("a", arr=900.0), "ended_on", _day(0), "contract_value"),
    ],
)
def test_a_late_column_that_is_not_hidden_is_caught(table, row, column, later, moved) -> None:
    """The row is known, one fact of it is not: forgetting when that was known moves a feature (FEA-3)."""

    def not_late(tables: Snapshot, as_of: str) -> Facts:
        honest, about = facts_of(tables, as_of), TABLES[table]
        columns = tuple(replace(c, late=None) if c.name == column else c for c in about.columns)
        leaky = known_rows(tables[table], replace(about, columns=columns), honest.as_of)
        return replace(honest, tables={**honest.tables, table: leaky})

    story = story_of(table, dict(row), {**row, column: later})
    features = [moved] if moved in FEATURES else ["contract_value"]

    assert what_moved(story, *features) == set()
    assert moved in what_moved(story, *features, facts=not_late)


# On the boundary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "visible"),
    [("2024-03-03", False), ("2024-03-03T23:59:59", False), ("2024-03-04", True), ("2024-03-04T12:00", True)],
)
def test_a_fact_that_has_only_a_date_is_known_at_the_next_midnight(as_of: str, visible: bool) -> None:
    """Usage, notice, a departure and an arrival of Sunday: invisible all Sunday, there on Monday 00:00 (section 0)."""
    facts = company(
        as_of,
        contracts=[contract(notice_on="2024-03-03")],
        usage=[{"account_id": "acme", "day": "2024-03-03"}],
        contacts=[
            {"account_id": "acme", "since": "2024-03-03", "role": "user"},
            {"account_id": "acme", "since": "2023-01-01", "role": "champion", "left_on": "2024-03-03"},
        ],
    )
    row = wide(facts, "active_days_28d", "champion_departures_180d", "stakeholders").loc["acme"]

    assert row["active_days_28d"] == row["champion_departures_180d"] == int(visible)
    assert row["stakeholders"] == 1  # the one who leaves, then the one who came
    assert row["status"] == ("leaving" if visible else "active")


@pytest.mark.parametrize(
    ("as_of", "known", "counted"),
    [
        ("2024-03-04T09:59:59.999999", 0, 0),
        ("2024-03-04T10:00", 1, 0),
        ("2024-03-04T10:00:00.000001", 1, 1),
        ("2024-06-02T10:00", 1, 1),
        ("2024-06-02T10:00:00.000001", 1, 0),
    ],
)
def test_an_instant_is_visible_at_as_of_and_in_a_window_after_it(as_of: str, known: int, counted: int) -> None:
    """known_at <= as_of, while a window of 90 days is [as_of - 90 d, as_of) (section 0)."""
    facts = company(
        as_of,
        contracts=[contract()],
        tickets=[{"account_id": "acme", "opened_at": "2024-03-04T10:00", "sentiment": 0.5}],
    )

    assert facts["tickets"].count().to_pyarrow().as_py() == known
    assert value(facts, "tickets_90d") == counted
    assert value(facts, "ticket_sentiment_90d") == (0.5 if counted else None)


def test_a_closing_counts_from_its_own_instant() -> None:
    """Closed at 10:00: open a moment before, closed at 10:00 itself (section 0)."""
    tickets = [{"account_id": "acme", "opened_at": "2024-03-01T10:00", "closed_at": "2024-03-04T10:00", "csat": 2.0}]

    def seen_at(as_of: str) -> tuple[float | None, float | None]:
        facts = company(as_of, contracts=[contract()], tickets=tickets)
        return value(facts, "open_tickets"), value(facts, "csat_180d")

    assert [seen_at("2024-03-04T09:59:59"), seen_at("2024-03-04T10:00")] == [(1, None), (0, 2)]


def test_a_row_that_arrived_late_is_known_when_it_arrived() -> None:
    """Usage of January that the source delivered in March colours no score of February (section 0)."""
    use = [{"account_id": "acme", "day": "2024-01-30", "known_at": "2024-03-01T08:00"}]

    def days(as_of: str) -> float | None:
        return value(company(as_of, contracts=[contract()], usage=use), "days_since_last_use")

    assert days("2024-02-05") is None
    assert days("2024-03-02") == 0  # of the newest day on record
