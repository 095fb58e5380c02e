"""A small company without a flaw: every canonical table, staged for real from a folder of CSV. Tests break it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.features.facts.canonical import TABLES
from keepwell.tasks.settings import TableSettings
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage

Row = dict[str, Any]
Company = dict[str, list[Row]]

AS_OF = datetime.fromisoformat("2024-06-01")
FIRST_DAY = date(2024, 1, 3)
DAYS = 150
ACCOUNTS = 120
CUSTOMERS = 60  # accounts that have anything; the others can be broken without leaving orphans
ROWS = 600  # of every other table but usage: so many that four broken rows are no outliers
CURRENCIES = ("EUR", "USD")
ROLES = ("executive", "sponsor", "champion", "admin", "user")


def company(*names: str) -> Company:
    """Rows of the named canonical tables, of all without a name; none of them breaks a rule as of AS_OF."""
    builders = {
        "accounts": _account, "contracts": _contract, "tickets": _ticket, "invoices": _invoice, "surveys": _survey,
        "touchpoints": _touchpoint, "contacts": _contact, "opportunities": _opportunity, "churn_events": _churn,
        "advocacy": _advocacy, "interventions": _intervention, "hold_outs": _hold_out,
        "legacy_scores": _legacy_score, "notes": _note,
    }  # fmt: skip
    rows = {
        name: [build(i) for i in range(ACCOUNTS if name == "accounts" else ROWS)] for name, build in builders.items()
    }
    rows["usage"] = [_use(i) for i in range(20 * DAYS)]
    return {name: rows[name] for name in TABLES if name in names or not names}


def staged(
    tables: Mapping[str, Sequence[Row]], folder: Path, columns: Mapping[str, Sequence[str]] | None = None
) -> Snapshot:
    """The tables as CSV files, mapped one to one and staged; `columns` of tables without a row."""
    data, mappings = folder / "data", {}
    data.mkdir(parents=True)
    for name, rows in tables.items():
        names = list(rows[0]) if rows else (columns or {})[name]
        pd.DataFrame(rows, columns=names, dtype=object).to_csv(data / f"{name}.csv", index=False)
        mappings[name] = folder / f"{name}.sql"
        mappings[name].write_text(f"SELECT * FROM {name}")
    return stage(str(data), folder, mappings, folder / "snapshots")


def settings(every: float | None = 1) -> dict[str, TableSettings]:
    """Settings of every table; all are updated every so many days."""
    return {name: TableSettings(sql=f"{name}.sql", expected_every_days=every) for name in TABLES}


def _account_id(i: int) -> str:
    return f"A-{i % CUSTOMERS:03}"


def _day(i: int, of: int = ROWS) -> date:
    """Days spread evenly over the company's life, from the first to the day before AS_OF."""
    return FIRST_DAY + timedelta(days=i * (DAYS - 1) // (of - 1))


def _own_day(i: int) -> date:
    """A day that no other row of the same account has, nor the rows beside it."""
    return FIRST_DAY + timedelta(days=5 + 15 * (i % 10) + i // CUSTOMERS)


def _at(i: int, hours: float = 0) -> datetime:
    return datetime.combine(_day(i), datetime.min.time()) + timedelta(hours=9 + hours)


def _loaded(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(days=1, hours=3)


def _account(i: int) -> Row:
    day = _day(i, ACCOUNTS)
    return {
        "account_id": f"A-{i:03}", "valid_from": day, "name": f"Company {i}",
        "parent_id": "A-000" if i % 5 == 4 else None, "industry": "retail", "country": "DE", "segment": "mid",
        "csm": "kim", "email_opt_out": False, "loaded_at": _loaded(day),
    }  # fmt: skip


def _contract(i: int) -> Row:
    start = _day(i)
    return {
        "contract_id": f"C-{i:03}", "account_id": _account_id(i), "start_on": start,
        "end_on": start + timedelta(days=365), "ended_on": None, "signed_on": start - timedelta(days=1),
        "notice_on": None, "arr": 1000 + 37 * i, "currency": CURRENCIES[i % 2], "seats": 5 + i % 20, "plan": "pro",
        "trial": False, "auto_renew": True, "replaces": None, "chain_id": None, "loaded_at": _loaded(start),
    }  # fmt: skip


def _use(i: int) -> Row:
    day = _day(i, 20 * DAYS)
    return {
        "account_id": _account_id(i % 20), "day": day, "user_id": f"u-{i % 50}", "feature": "reports",
        "events": 1 + i * 7 % 9, "minutes": 5 + i * 13 % 50, "loaded_at": _loaded(day),
    }  # fmt: skip


def _ticket(i: int) -> Row:
    return {
        "ticket_id": f"T-{i:03}", "account_id": _account_id(i), "opened_at": _at(i), "priority": "high",
        "priority_at": None, "closed": True, "sentiment": 0.1, "first_response_at": _at(i, 1),
        "closed_at": _at(i, 2), "escalated_at": _at(i, 1), "escalated": True,
        "csat_at": _at(i, 3), "csat": 4, "loaded_at": _loaded(_day(i)),
    }  # fmt: skip


def _invoice(i: int) -> Row:
    day = _day(i)
    return {
        "invoice_id": f"I-{i:03}", "account_id": _account_id(i), "issued_on": day, "due_on": day + timedelta(days=30),
        "amount": 10_000 + i, "currency": CURRENCIES[i % 2], "paid_at": _at(i, 30), "voided_at": None,
        "credit_of": None, "first_failed_at": _at(i, 20), "failed_at": _at(i, 20),
        "disputed_at": _at(i, 21), "resolved_at": _at(i, 22), "loaded_at": _loaded(day),
    }  # fmt: skip


def _survey(i: int) -> Row:
    return {
        "survey_id": f"S-{i:03}", "account_id": _account_id(i), "answered_at": _at(i), "score": i % 11,
        "role": ROLES[i % 5], "sentiment": -0.2, "loaded_at": _loaded(_day(i)),
    }  # fmt: skip


def _touchpoint(i: int) -> Row:
    return {
        "touchpoint_id": f"P-{i:03}", "account_id": _account_id(i), "happened_at": _at(i),
        "kind": ("call", "meeting", "email", "webinar", "community", "onboarding")[i % 6], "role": ROLES[i % 5],
        "attended": True, "answered_at": _at(i, 1), "milestone": None, "sentiment": 0.3, "engagement": 0.5,
        "scored_at": None, "loaded_at": _loaded(_day(i)),
    }  # fmt: skip


def _contact(i: int) -> Row:
    return {
        "contact_id": f"K-{i:03}", "account_id": _account_id(i), "since": _own_day(i), "role": ROLES[i % 5],
        "left_on": None, "loaded_at": _loaded(_own_day(i)),
    }  # fmt: skip


def _opportunity(i: int) -> Row:
    return {
        "opportunity_id": f"O-{i:03}", "account_id": _account_id(i), "changed_at": _at(i, i / 600), "kind": "renewal",
        "stage": ("open", "proposal", "negotiation", "won", "lost")[i % 5], "value": 500 + 11 * i,
        "currency": CURRENCIES[i % 2], "owner": "kim", "loaded_at": _loaded(_day(i)),
    }  # fmt: skip


def _churn(i: int) -> Row:
    return {
        "churn_id": f"X-{i:03}", "account_id": _account_id(i), "churned_on": _own_day(i), "reason": "price",
        "loaded_at": _loaded(_own_day(i)),
    }  # fmt: skip


def _advocacy(i: int) -> Row:
    return {
        "advocacy_id": f"R-{i:03}", "account_id": _account_id(i), "given_on": _own_day(i), "kind": "review",
        "rating": 4, "loaded_at": _loaded(_own_day(i)),
    }  # fmt: skip


def _intervention(i: int) -> Row:
    return {
        "intervention_id": f"V-{i:03}", "account_id": _account_id(i), "started_at": _at(i), "kind": "training",
        "root_cause": "skills", "loaded_at": _loaded(_day(i)),
    }  # fmt: skip


def _hold_out(i: int) -> Row:
    day = _own_day(i)
    drawn_at = datetime.combine(day, datetime.min.time()) + timedelta(hours=6)
    return {"account_id": _account_id(i), "drawn_at": drawn_at, "chance": 0.4, "loaded_at": _loaded(day)}


def _legacy_score(i: int) -> Row:
    return {
        "account_id": _account_id(i), "scored_on": _own_day(i), "score": 70, "band": "green",
        "loaded_at": _loaded(_own_day(i)),
    }  # fmt: skip


def _note(i: int) -> Row:
    return {
        "note_id": f"N-{i:03}", "account_id": _account_id(i), "noted_at": _at(i), "kind": "merger", "note": "merging",
        "expires_on": _day(i) + timedelta(days=60), "loaded_at": _loaded(_day(i)),
    }  # fmt: skip
