"""Facts of several dates at once are those of each date alone: rows, features, labels and trust (FEA-3, SCL-1)."""

from datetime import datetime

import pandas as pd
import pytest

from keepwell.features.book import book, by_customer
from keepwell.features.facts.known import Facts
from keepwell.features.facts.trust import set_aside_share
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import feature_table
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.tasks.sources.facts import facts_at, facts_at_each
from tests.support.handmade import MONDAY, InMemory, Row, ago, contract, snapshot

MONEY = BookSettings()
DATES = [datetime.fromisoformat(ago(days)) for days in (400, 160, 100, 40, 1, 0)]
ACCOUNTS = ("acme", "bolt", "child")


def _both(**row: object) -> list[Row]:
    """The row for each of two accounts that sign for themselves."""
    return [{"account_id": name, **row} for name in ("acme", "bolt")]


ROWS: dict[str, list[Row]] = {
    "accounts": [
        *({"account_id": name, "valid_from": ago(900), "segment": "small"} for name in ACCOUNTS),
        {"account_id": "acme", "valid_from": ago(90), "segment": "large"},
        {"account_id": "child", "valid_from": ago(50), "segment": "small", "parent_id": "acme"},
    ],
    "contracts": [
        contract("acme", ago(800), ago(70)), contract("acme", ago(70), ago(-295)),
        contract("bolt", ago(500), ago(-20), signed_on=ago(510), notice_on=ago(30)),
    ],
    "churn_events": [{"account_id": "bolt", "churned_on": ago(130)}],
    "usage": [
        {"account_id": name, "day": ago(days), "user_id": f"u{days % 3}", "feature": f"f{days % 5}", "events": days}
        for name in ACCOUNTS for days in range(2, 420, 7)
    ],
    "tickets": [
        *_both(opened_at=ago(120, "09:00"), closed_at=ago(60, "09:00"), priority="urgent", csat=2.0),
        {"account_id": "child", "opened_at": ago(95, "08:00"), "priority": "low"},
    ],
    "invoices": _both(issued_on=ago(170), due_on=ago(150), amount=100.0, currency="USD")
    + _both(issued_on=ago(110), due_on=ago(90), amount=50.0, currency="USD", first_failed_at=ago(85, "10:00"))
    + _both(issued_on=ago(45), amount=-120.0, currency="USD"),
    "contacts": _both(contact_id="ann", since=ago(300), role="champion", left_on=ago(50))
    + _both(contact_id="ann", since=ago(80), role="sponsor", left_on=ago(50)),
    "surveys": _both(answered_at=ago(200, "12:00"), score=9) + _both(answered_at=ago(20, "12:00"), score=4),
    "touchpoints": _both(happened_at=ago(140, "12:00"), kind="call", role="executive", attended=True),
    "opportunities": _both(opportunity_id="o1", changed_at=ago(150, "12:00"), stage="proposal", kind="expansion")
    + _both(opportunity_id="o1", changed_at=ago(35, "12:00"), stage="lost", kind="expansion"),
    "interventions": _both(started_at=ago(90, "12:00"), kind="training"),
    "quarantine": [
        {"table_name": "usage", "account_id": "acme", "key": f"k{days}", "reason": "x", "event_on": ago(days),
         "known_at": ago(days - 1)}
        for days in (150, 30)
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def company() -> InMemory:
    return InMemory(snapshot(ROWS), {})


def _of(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in an order of their own."""
    keys = [name for name in ("as_of", "account_id", "table_name") if name in frame]
    return frame.sort_values(keys, ignore_index=True).sort_index(axis="columns")


def _features(facts: Facts) -> pd.DataFrame:
    also = [name for name, feature in FEATURES.items() if not feature.published]
    of = by_customer(facts, MONEY)
    return feature_table(of, book(of, MONEY), FEATURES, MONEY.rates(), also=also).to_pandas()


def test_features_of_many_dates_are_those_of_each(company: InMemory) -> None:
    """Credits, roles, parents, late columns, returns after a churn: each is of its own date."""
    alone = pd.concat([_features(facts_at(company, at)) for at in DATES])

    found = _of(_features(facts_at_each(company, DATES)))

    pd.testing.assert_frame_equal(found, _of(alone), check_dtype=False)
    moves = found.groupby("account_id")[[n for n, f in FEATURES.items() if f.kind == "aggregate"]].nunique().max()
    assert (moves > 1).mean() > 0.7  # what is the same at every date could be that of any


def test_labels_of_many_dates_are_those_of_each(company: InMemory) -> None:
    """Each cohort's horizon begins at its own date, and ends there too."""
    now = facts_at(company, datetime.fromisoformat(MONDAY))
    cohorts = [book(facts_at(company, at), MONEY) for at in DATES]
    alone = pd.concat([labels(cohort, now, MONEY, LabelSettings()).to_pandas() for cohort in cohorts])

    found = labels(book(facts_at_each(company, DATES), MONEY), now, MONEY, LabelSettings()).to_pandas()

    pd.testing.assert_frame_equal(_of(found), _of(alone), check_dtype=False)
    assert len(set(found.groupby("as_of")["churned"].count())) > 1  # matured, and not yet


def test_trust_of_many_dates_is_that_of_each(company: InMemory) -> None:
    """Rows that were set aside count for 90 days."""
    alone = pd.concat([set_aside_share(facts_at(company, at)) for at in DATES])

    found = set_aside_share(facts_at_each(company, DATES))

    pd.testing.assert_frame_equal(_of(found), _of(alone), check_dtype=False)
    assert len(set(found["share"])) > 1
