"""Who may be missing from the book: an end, a notice or a quarantine reason of theirs is known (SRC-9)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import ibis
import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.tasks.earlier_scores import dates, manifest, read

SCORES, ASIDE = "health_scores", "quarantine"
NOTED_LATE = timedelta(days=30)
COLUMNS = ("account_id", "arr", "status", "renewal_on", "run_id")


@dataclass(frozen=True)
class StoredBook:
    """The book published as of `day`: account_id, arr, status, renewal_on; and contracts that were set aside then."""

    day: date
    accounts: pd.DataFrame
    set_aside: frozenset[str]
    mapping_id: str
    used: tuple[str, ...]


def stored_book(marts: Path, before: date) -> StoredBook | None:
    """The newest book published before a date; None where there is none."""
    earlier = [day for day in dates(marts, SCORES) if day < before]
    if not earlier:
        return None
    day = earlier[-1]
    accounts = read(marts, SCORES, day, COLUMNS)
    aside = read(marts, ASIDE, day, ("table", "key")) if day in dates(marts, ASIDE) else None
    keys = frozenset(aside.loc[aside["table"] == "contracts", "key"]) if aside is not None else frozenset()
    run_id = str(accounts["run_id"].iloc[0]) if len(accounts) else "empty"
    about = manifest(marts, SCORES, day)
    return StoredBook(day, accounts, keys, str(about.get("mapping_id", "")), (f"{SCORES}/{day}/{run_id}",))


def departures(facts: Facts, stored: StoredBook | None) -> dict[str, date]:
    """By account: an end, churn event or set-aside contract explains its absence if it was last seen before this day.

    An end may be noted late; one long before the account was last seen is that of an earlier term. With the stored book
    also accounts whose rows are gone, and which then had given notice or had an end that has passed.
    """
    contracts, today = facts["contracts"], facts.today
    end = ibis.least(contracts.end_on, contracts.ended_on)
    over = [contracts.select("account_id", left=end)]
    if "churn_events" in facts:
        over.append(facts["churn_events"].select("account_id", left="churned_on"))
    left: dict[str, date] = {}
    for rows in over:
        passed = rows.filter(rows.left <= ibis.literal(today))
        for row in passed.group_by("account_id").agg(left=passed.left.max()).to_pyarrow().to_pylist():
            until = row["left"] + NOTED_LATE
            left[row["account_id"]] = max(until, left.get(row["account_id"], until))
    aside = facts["quarantine"]
    keys = aside.filter(aside.table_name == "contracts").select("account_id", "key").to_pyarrow().to_pylist()
    known = stored.set_aside if stored else frozenset()
    now = [row["account_id"] for row in keys if row["account_id"] and row["key"] not in known]
    return left | dict.fromkeys([*now, *(_announced(stored, today) if stored else [])], today + NOTED_LATE)


def unexplained(gone: Iterable[str], left: Mapping[str, date], stored: StoredBook) -> set[str]:
    """Accounts of the stored book that are gone and that nothing known explains."""
    return {account for account in gone if left.get(account, stored.day) <= stored.day}


def last_seen(stored: StoredBook | None) -> dict[str, date]:
    """The day of the stored book by account."""
    return dict.fromkeys(stored.accounts["account_id"], stored.day) if stored else {}


def _announced(stored: StoredBook, today: date) -> list[str]:
    """Accounts that had given notice by the stored book, or whose renewal date has passed since."""
    renewal = pd.to_datetime(stored.accounts["renewal_on"])
    passed = (renewal > pd.Timestamp(stored.day)) & (renewal < pd.Timestamp(today + timedelta(days=1)))
    return list(stored.accounts.loc[(stored.accounts["status"] == "leaving") | passed, "account_id"])
