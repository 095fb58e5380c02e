"""What became known after as_of changes nothing: no feature, no column of the book, no event, no label (FEA-3).

The schema says which columns are late; when a fact is known is written here a second time, in plain Python, and not
taken from the code under test. What is cut is cut by the product itself (tasks/sources/facts.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from keepwell.features.book import book
from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.columns import FIXED, HISTORY, UNDATED, Column
from keepwell.features.facts.events import events
from keepwell.features.facts.known import Facts, at_each
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.features.measures.all import FEATURES
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.tasks.earlier_scores import stored_before
from keepwell.tasks.sources import facts as door
from tests.support.handmade import Row, Snapshot, company, contract, facts_of, snapshot, value, wide
from tests.support.partitions import put

MIDNIGHT, NOON = "2024-03-04T00:00", "2024-03-04T12:00"
LABELS = ["name", "csm", "email_opt_out"]
ACCOUNTS = ("a", "b", "undated")
MONEY, RULES = BookSettings(fx_rates={"EUR": 1.25}), LabelSettings(churn_horizon_days=30, expansion_horizon_days=60)

Rows = Mapping[str, list[dict[str, Any]]]
Known = Callable[[Row], datetime | None]


# When a fact is known, once more --------------------------------------------------------------------------------------


def midnight_after(day: str | None) -> datetime | None:
    return None if day is None else datetime.fromisoformat(day[:10]) + timedelta(days=1)


def instant(at: str | None) -> datetime | None:
    return None if at is None else datetime.fromisoformat(at)


ROW_KNOWN: dict[str, Known] = {
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
    "advocacy": lambda r: midnight_after(r["given_on"]),
    "interventions": lambda r: instant(r["started_at"]),
    "hold_outs": lambda r: instant(r["drawn_at"]),
    "legacy_scores": lambda r: midnight_after(r["scored_on"]),
    "notes": lambda r: instant(r["noted_at"]),
    "quarantine": lambda r: midnight_after(r["event_on"]),
}
LATE: dict[tuple[str, str], Known] = {
    ("contracts", "ended_on"): lambda r: midnight_after(r["ended_on"]),
    ("contracts", "notice_on"): lambda r: midnight_after(r["notice_on"]),
    ("tickets", "priority"): lambda r: instant(r["priority_at"]) or known_at("tickets", r),
    ("tickets", "closed"): lambda r: instant(r["closed_at"]),
    ("tickets", "escalated"): lambda r: instant(r["escalated_at"]) or instant(r["closed_at"]),
    ("tickets", "csat"): lambda r: instant(r["csat_at"]) or instant(r["closed_at"]),
    ("touchpoints", "attended"): lambda r: (
        instant(r["answered_at"]) if r["kind"] == "email" else known_at("touchpoints", r)
    ),
    ("touchpoints", "sentiment"): lambda r: instant(r["scored_at"]) or known_at("touchpoints", r),
    ("touchpoints", "engagement"): lambda r: instant(r["scored_at"]) or known_at("touchpoints", r),
    ("contacts", "left_on"): lambda r: midnight_after(r["left_on"]),
}  # fmt: skip
"""Instants that are not here are known when they come."""
INSTANTS = {
    "tickets": ("priority_at", "first_response_at", "closed_at", "escalated_at", "csat_at"),
    "invoices": ("paid_at", "voided_at", "first_failed_at", "failed_at", "disputed_at", "resolved_at"),
    "touchpoints": ("answered_at", "scored_at"),
}
LATE |= {(table, at): lambda r, at=at: instant(r[at]) for table, names in INSTANTS.items() for at in names}

MOVED = {("tickets", "priority"), ("tickets", "priority_at"), ("invoices", "failed_at")}
"""What a later fact replaces: the past loses the value that it knew, and no feature and no event may show it."""
NOT_YET = {("tickets", "escalated")}
"""Where `no` is what nobody has said yet."""


def known_at(table: str, row: Row) -> datetime:
    """When the row is known: by its table's rule, or later where it says so itself."""
    rule, own = ROW_KNOWN[table](row), instant(row.get("known_at"))
    assert rule is not None
    return rule if own is None else max(rule, own)


def seen(moment: datetime | None, as_of: str) -> bool:
    return moment is not None and moment <= datetime.fromisoformat(as_of)


def late_columns(table: str) -> list[Column]:
    """The late columns of the schema, and of the rules; what has a time first: what it dates is drawn after it."""
    columns = [c for c in TABLES[table].columns if c.late or (table, c.name) in LATE] if table in TABLES else []
    return sorted(columns, key=lambda c: c.type not in ("timestamp", "date"))


def visible(table: str, row: Row, as_of: str) -> dict[str, Any]:
    """What of the row's late columns was known at `as_of`."""
    found = {
        column: row[column] if seen(rule(row), as_of) else None for (of, column), rule in LATE.items() if of == table
    }
    return {c: None if v is False and (table, c) in NOT_YET else v for c, v in found.items()}


def test_every_column_says_whether_it_can_change_after_its_row_exists() -> None:
    """The schema answers for every column, once; the rules above are those of its late columns (section 0)."""
    columns = {(table.name, c.name): c for table in TABLES.values() for c in table.columns}

    assert all(column.known for column in columns.values())
    assert {c.changes for c in columns.values()} == {None, FIXED, HISTORY, UNDATED}
    assert {place for place, column in columns.items() if column.late} == LATE.keys()


@pytest.mark.parametrize("column", [Column("new", "string", "new"), Column("new", "string", "new", changes=FIXED,
                                    late=TABLES["tickets"].column("closed_at").late)])  # fmt: skip
def test_a_column_without_an_answer_is_refused(column: Column) -> None:
    """Neither, or both: nobody knows when its value is known (section 0)."""
    with pytest.raises(ValueError, match="column new: say whether it can change"):
        _ = column.known


# A random company -----------------------------------------------------------------------------------------------------

# Windows begin and end here, and as_of itself is 0; what is negative lies in the future.
EDGES = (-30, -2, -1, 0, 1, 2, 27, 28, 29, 56, 57, 89, 90, 91, 179, 180, 181, 182, 183, 365, 366, 392, 393)


def _day(days_ago: int) -> str:
    return str(datetime.fromisoformat(MIDNIGHT).date() - timedelta(days=days_ago))


Draw = Callable[[Random], Any]
ROLES = ("executive", "sponsor", "champion", "user")
SENTIMENTS = (-0.8, 0.0, 0.6)
# A row may be known later than its table's rule says: only then does the cut matter to what lies in a window.
ARRIVALS = (None, None, f"{_day(-1)}T08:00", f"{_day(-40)}T08:00", f"{_day(3)}T08:00")


def day(rng: Random) -> str:
    return _day(rng.choice(EDGES) if rng.random() < 0.5 else rng.randint(-60, 420))


def an_instant(rng: Random) -> str:
    return f"{day(rng)}T{rng.choice(('00:00', '10:30', '12:00', '23:59:59'))}"


OF_TYPE: dict[str, Draw] = {
    "string": lambda rng: rng.choice("xy"), "int64": lambda rng: rng.randint(0, 9),
    "float64": lambda rng: float(rng.randint(0, 9)), "boolean": lambda rng: rng.random() < 0.5, "date": day,
    "timestamp": an_instant,
}  # fmt: skip
FUTURE: dict[str, Draw] = {
    "date": lambda rng: _day(rng.randint(-60, 0)),
    "timestamp": lambda rng: f"{_day(rng.randint(-60, -1))}T08:00",
}
ONE_OF: dict[tuple[str, str], tuple[Any, ...]] = {
    ("contracts", "currency"): ("USD",), ("usage", "user_id"): ("ann", "bob"), ("tickets", "csat"): (1.0, 5.0),
    ("tickets", "priority"): ("low", "urgent"), ("tickets", "sentiment"): SENTIMENTS,
    ("invoices", "currency"): ("USD", "EUR"), ("invoices", "amount"): (-300.0, -100.0, 0.0, 100.0, 300.0),
    ("invoices", "credit_of"): ("invoices-0", "invoices-1", "elsewhere"), ("surveys", "role"): ROLES,
    ("surveys", "sentiment"): SENTIMENTS, ("touchpoints", "sentiment"): SENTIMENTS, ("touchpoints", "role"): ROLES,
    ("touchpoints", "kind"): ("call", "meeting", "email", "email", "community", "onboarding"),
    ("touchpoints", "engagement"): (0.5,), ("contacts", "contact_id"): ("p1", "p2", "p3", "p4"),
    ("contacts", "role"): ROLES, ("opportunities", "opportunity_id"): ("o1", "o2", "o3"),
    ("opportunities", "stage"): ("open", "negotiation", "lost", "won"), ("hold_outs", "chance"): (0.4,),
}  # fmt: skip
MORE_ROWS = {"usage": 14, "touchpoints": 14, "invoices": 12, "tickets": 10, "quarantine": 6}
ATTRIBUTES = ("segment", "industry", "country", "csm", "name")


def drawn(rng: Random, table: str, column: Column) -> Any:
    """A value of a column, by its type where nothing else is said; NULL is one of them."""
    if not column.required and rng.random() < 0.4:
        return None
    return rng.choice(ONE_OF[table, column.name]) if (table, column.name) in ONE_OF else OF_TYPE[column.type](rng)


def _row(rng: Random, table: str) -> dict[str, Any]:
    """A row of a canonical table, every column of the schema drawn."""
    about = {"account_id": rng.choice(ACCOUNTS), "known_at": rng.choice(ARRIVALS)}
    if table == "quarantine":
        return {**about, "table_name": rng.choice(("usage", "tickets")), "event_on": day(rng)}
    key, text = TABLES[table].key[0], TABLES[table].text
    skipped = {"account_id", text} | ({key} if (table, key) not in ONE_OF else set())
    return {**about, **{c.name: drawn(rng, table, c) for c in TABLES[table].columns if c.name not in skipped}}


@dataclass(frozen=True)
class Story:
    """A company as it was recorded early and late; they differ only in what was not known at `as_of`."""

    as_of: str
    early: Rows
    late: Rows


def a_company(rng: Random) -> dict[str, list[dict[str, Any]]]:
    names = [*(name for name in TABLES if name != "accounts"), "quarantine"]
    rows = {name: [_row(rng, name) for _ in range(MORE_ROWS.get(name, 7))] for name in names}
    # A row for each account that holds whatever the draw: otherwise most random books would be empty.
    for account in ACCOUNTS:
        rows["contracts"].append({**_blank("contracts"), **contract(account, _day(450), seats=5)})
    history = {(a, day(rng)): _attributes(rng) for a in ACCOUNTS[:2] for _ in range(2)}
    rows["accounts"] = [{"account_id": a, "valid_from": on, **values} for (a, on), values in history.items()]
    rows["accounts"].append({"account_id": "undated", "valid_from": None, **_attributes(rng)})
    return {name: [{"id": f"{name}-{n}", **row} for n, row in enumerate(table)] for name, table in rows.items()}


def _attributes(rng: Random) -> dict[str, Any]:
    return {c: rng.choice((f"{c}-1", f"{c}-2", None)) for c in ATTRIBUTES}


def story(seed: int) -> Story:
    """A company, and the same with everything that is not known yet added, changed, dropped, set or cleared."""
    rng = Random(seed)  # noqa: S311
    as_of = rng.choice((MIDNIGHT, NOON))
    early, other = a_company(rng), a_company(rng)
    late: dict[str, list[dict[str, Any]]] = {}
    for name, rows in early.items():
        kept = [_completed(rng, name, row, as_of) for row in rows if seen(known_at(name, row), as_of)]
        unseen = [row for row in rows if not seen(known_at(name, row), as_of) and rng.random() < 0.5]
        new = [{**row, "id": f"new-{row['id']}"} for row in other[name] if not seen(known_at(name, row), as_of)]
        late[name] = [*reversed(new), *unseen, *kept]
    return Story(as_of, early, late)


def _completed(rng: Random, table: str, row: dict[str, Any], as_of: str) -> dict[str, Any]:
    """The row with other values in whatever of it was not known at `as_of`, or may change without a time."""
    later, then = dict(row), visible(table, row, as_of)
    for column in late_columns(table):
        future = FUTURE[column.type](rng) if column.type in FUTURE else drawn(rng, table, column)
        changed = {**later, column.name: rng.choice((None, future))}
        if visible(table, changed, as_of) == then:
            later = changed
    if table == "tickets" and row["priority"] != "urgent" and rng.random() < 0.5:  # raised
        later |= {"priority": "urgent", "priority_at": FUTURE["timestamp"](rng)}
    if table == "invoices" and seen(instant(row["first_failed_at"]), as_of) and rng.random() < 0.5:  # tried again
        later["failed_at"] = FUTURE["timestamp"](rng)
    if table in TABLES:
        later |= {c.name: drawn(rng, table, c) for c in TABLES[table].columns if c.changes == UNDATED}
    if table == "accounts" and row["valid_from"] is None:  # today's values
        later |= _attributes(rng)
    return later


def _blank(table: str) -> dict[str, Any]:
    return {column.name: None for column in TABLES[table].columns}


# The property ---------------------------------------------------------------------------------------------------------


def what_moved(story: Story, *features: str, facts: Callable[[Snapshot, str], Facts] = facts_of) -> set[str]:
    """What differs between the early and the late record of a company: features, the book, facts, events, labels."""
    before, after = (
        _seen_of(snapshot(_keyed(rows)), story.as_of, features, facts) for rows in (story.early, story.late)
    )
    return {name for name in before if _differ(before[name], after[name])}


def _seen_of(
    tables: Snapshot, as_of: str, features: tuple[str, ...], facts: Callable[[Snapshot, str], Facts]
) -> dict[str, list[Any]]:
    """Every column of what a run of `as_of` sees of a company, by name."""
    now = facts(tables, as_of)
    past = datetime.fromisoformat(as_of) - timedelta(days=95)
    cohort = book(facts(tables, past.isoformat()), MONEY)
    frames = {
        "": wide(now, *features, money=MONEY).reset_index(),
        "event.": events(
            now, datetime.fromisoformat(as_of) - timedelta(days=60), ("urgent",), MONEY.rates()
        ).to_pandas(),
        "label.": labels(cohort, now, MONEY, RULES).to_pandas(),
    } | {f"{name}.": rows.to_pandas() for name, rows in now.tables.items()}
    found: dict[str, list[Any]] = {}
    for prefix, frame in frames.items():
        place = prefix.rstrip(".")
        columns = [str(c) for c in frame if not _may_move(place, str(c))]
        keys = [c for c in ("table_name", "account_id", *_key_of(place), "rule", "subject") if c in columns]
        ordered = frame.sort_values(list(dict.fromkeys((*keys, *columns))), key=lambda c: c.astype(str))
        # Today's values of an undated row may label a report; they are no facts.
        dated = ordered if "account_id" not in columns else ordered[ordered["account_id"] != "undated"]
        for column in columns:
            of_labels = column in LABELS or place == "account_labels"
            found[f"{prefix}{column}"] = (dated if of_labels else ordered)[column].tolist()
    return found


def _key_of(table: str) -> tuple[str, ...]:
    return TABLES[table].key if table in TABLES else ("key",)


def _may_move(table: str, column: str) -> bool:
    undated = table in TABLES and column in {c.name for c in TABLES[table].columns if c.changes == UNDATED}
    return undated or (table, column) in MOVED


def _differ(before: list[Any], after: list[Any]) -> bool:
    return len(before) != len(after) or not all(map(_same, before, after))


def _same(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool((pd.isna(one) or one is False) and (pd.isna(other) or other is False))
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


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
def test_nothing_that_became_known_later_moves_a_feature(seed: int) -> None:
    """Rows and late columns known after as_of are added, changed and deleted: nothing that a run sees moves (FEA-3)."""
    assert what_moved(story(seed)) == set()


@given(st.sets(st.integers(-40, 100), max_size=6), st.sets(st.integers(-40, 0), min_size=1, max_size=3))
@effort(max_examples=15, derandomize=True, deadline=None, phases=[Phase.generate])
def test_a_result_stored_for_a_later_day_is_not_seen(earlier: set[int], later: set[int]) -> None:
    """A day that is made again builds on days before it, whatever has been published for later ones (FEA-3, HLT-3)."""
    as_of, number = date.fromisoformat(MIDNIGHT[:10]), count()

    def published(marts: Path, days_ago: set[int]) -> None:
        for days in days_ago:
            health = {"account_id": ["a"], "health": [float(next(number))], "band": ["x"], "run_id": [f"r{days}"]}
            rows = pd.DataFrame(health).assign(health_computed=0.0)
            put(marts, "health_scores", as_of - timedelta(days=days), rows)
            put(marts, "factors", as_of - timedelta(days=days), pd.DataFrame({"kind": ["health"], "day": [days]}))

    with TemporaryDirectory() as folder:
        published(Path(folder), {days for days in earlier if days > 0})
        before = _stored(Path(folder), as_of)
        published(Path(folder), later)
        assert _stored(Path(folder), as_of) == before


def _stored(marts: Path, as_of: date) -> dict[str, Any]:
    """What a run may build on, comparable."""
    found = vars(stored_before(marts, as_of, 30))
    return {name: of.to_dict("list") if isinstance(of, pd.DataFrame) else of for name, of in found.items()}


# The property can see -------------------------------------------------------------------------------------------------


def story_of(table: str, early: dict[str, Any] | None, late: dict[str, Any] | None) -> Story:
    """One account with one contract; the row as it was recorded early and late."""
    record: list[dict[str, list[dict[str, Any]]]] = []
    for row in (early, late):
        rows: dict[str, list[dict[str, Any]]] = {"contracts": [{"id": "c1", **contract("a")}]}
        rows.setdefault(table, []).extend([{"id": "r1", "account_id": "a", **row}] if row else [])
        record.append(rows)
    return Story(MIDNIGHT, *record)


@pytest.mark.slow
def test_a_feature_that_reads_the_whole_table_is_caught() -> None:
    """The tripwire: usage that arrived late moves the features of whoever forgets the cut, and no others (FEA-3)."""

    def uncut(tables: Snapshot, as_of: str) -> Facts:
        honest = facts_of(tables, as_of)
        whole = at_each(tables["usage"], honest.instants)
        return replace(honest, tables={**honest.tables, "usage": whole}, rollups={})

    def uncut_rollups(tables: Snapshot, as_of: str) -> Facts:
        honest = facts_of(tables, as_of)
        whole = {name: rollup.to_store(tables["usage"]).mutate(late=-10_000) for name, rollup in ROLLUPS.items()}
        return replace(honest, rollups=whole)

    story = story_of("usage", None, {"day": _day(3), "events": 5, "known_at": f"{_day(-1)}T08:00"})

    assert what_moved(story) == set()
    for forgetful in (uncut, uncut_rollups):
        moved = {name for name in what_moved(story, facts=forgetful) if "." not in name}
        assert {"active_days_28d", "usage_change_point"} <= moved <= set(FEATURES)


@pytest.mark.slow
def test_a_newest_day_that_nobody_knew_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tripwire: silence is counted to the newest day that the source knew, not to the one it knows now (FEA-3)."""
    story = story_of("usage", {"day": _day(9), "events": 5}, {"day": _day(9), "events": 5})
    late = {"id": "r2", "account_id": "b", "day": _day(3), "events": 5, "known_at": f"{_day(-1)}T08:00"}
    story.late["usage"].append(late)

    assert what_moved(story, "days_since_last_use") == set()

    def of_all_rows(newest: door.Newest, _: str) -> dict[datetime, date]:
        day = newest._facts.rollups["usage_days"].day.max()
        return {datetime.fromisoformat(MIDNIGHT): day.to_pyarrow().as_py()}

    monkeypatch.setattr(door.Newest, "_newest", of_all_rows)
    assert "days_since_last_use" in what_moved(story, "days_since_last_use")


OF_ROW: dict[str, dict[str, Any]] = {
    "contracts": contract("a", arr=900.0), "contacts": {"since": _day(60), "role": "user"},
    "tickets": {"opened_at": f"{_day(9)}T08:00", "priority": "low"}, "invoices": {"issued_on": _day(60), "amount": 5.0},
    "touchpoints": {"happened_at": f"{_day(9)}T08:00", "kind": "email"},
}  # fmt: skip
LATER: dict[tuple[str, str], dict[str, Any]] = {
    ("tickets", "priority"): {"priority": "urgent", "priority_at": "2024-03-04T00:00:01"},
    ("touchpoints", "sentiment"): {"sentiment": 0.5, "scored_at": "2024-03-04T00:00:01"},
    ("touchpoints", "engagement"): {"engagement": 0.5, "scored_at": "2024-03-04T00:00:01"},
}
SHOWN = {("tickets", "priority"): "urgent_tickets_90d", ("invoices", "failed_at"): "event.subject"}
"""What of a column that may lose its past betrays it."""


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), sorted(LATE.keys() - {("tickets", "priority_at")}), ids="-".join)
def test_a_late_column_that_is_not_hidden_is_caught(monkeypatch: pytest.MonkeyPatch, table: str, column: str) -> None:
    """The row is known, one fact of it is not: forgetting when that was known moves what a run sees (FEA-3)."""
    about = TABLES[table]
    value = {"date": _day(0), "timestamp": "2024-03-04T00:00:01", "boolean": True, "float64": 1.0}
    later = LATER.get((table, column), {column: value.get(about.column(column).type)})
    story = story_of(table, OF_ROW[table], {**OF_ROW[table], **later})
    shown = SHOWN.get((table, column), f"{table}.{column}")
    features = ["contract_value"] if "." in shown else [shown]

    assert what_moved(story, *features) == set()
    forgotten = tuple(replace(c, late=None, changes=FIXED) if c.name == column else c for c in about.columns)
    monkeypatch.setitem(TABLES, table, replace(about, columns=forgotten))
    assert shown in what_moved(story, *features)


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
