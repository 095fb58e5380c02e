"""A group whose contract is at the parent is one customer (section 0, succession)."""

from datetime import datetime

import pytest

from keepwell.features.book import by_customer
from keepwell.features.facts.events import events
from keepwell.features.facts.groups import payers_of, rolled_up
from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings
from tests.support.handmade import MONDAY, Row, ago, company, contract, wide

MIDNIGHT = datetime.fromisoformat(MONDAY)
RULES = BookSettings().succession


def member(account: str, parent: str | None = None, since: str = "2023-01-01") -> Row:
    """A row of accounts."""
    return {"account_id": account, "parent_id": parent, "valid_from": since}


def used(account: str, user: str, days: int = 1) -> Row:
    """A row of usage."""
    return {"account_id": account, "day": ago(days), "user_id": user, "events": 3}


GROUP = [member("group"), member("north", "group"), member("south", "group"), member("deep", "south")]
USE = [used("north", "n"), used("south", "s"), used("deep", "d", 2), used("alone", "x")]


def group(*more: Row, as_of: str = MONDAY, accounts: list[Row] | None = None, **rows: list[Row]) -> Facts:
    """A group that signs and pays at the top, with further contracts."""
    return company(as_of, contracts=[contract("group"), *more], accounts=accounts or GROUP, **rows)


def test_use_tickets_and_contacts_of_subsidiaries_count_for_who_pays() -> None:
    """The largest account is not silent while its subsidiaries work every day (section 0, ALR-1)."""
    tickets = [{"account_id": "deep", "opened_at": ago(3, "09:00"), "priority": "urgent"}]
    contacts = [{"account_id": "north", "since": ago(90), "role": "champion"}]
    facts = by_customer(group(usage=USE, tickets=tickets, contacts=contacts), BookSettings())
    row = wide(facts).loc["group"]

    assert (row["active_users_28d"], row["days_since_last_use"], row["urgent_tickets_90d"]) == (3, 0, 1)
    assert row["stakeholders"] == 1
    found = events(facts, datetime(2024, 3, 1), ["urgent"], {"USD": 1.0}).to_pyarrow().to_pylist()
    assert [(e["account_id"], e["subject"]) for e in found] == [("group", "tickets-1")]


def test_the_setting_leaves_them_apart() -> None:
    """`roll_up_to_parent = false`: a subsidiary without a contract is nobody's (section 0)."""
    facts = by_customer(group(usage=USE), BookSettings(roll_up_to_parent=False))

    assert wide(facts, "active_users_28d").loc["group", "active_users_28d"] == 0


@pytest.mark.parametrize(
    ("contracts", "payers"),
    [
        ([], {"north": "group", "south": "group", "deep": "group"}),
        ([contract("south")], {"north": "group", "deep": "south"}),  # a customer of its own, and of its own below
        ([contract("south", end_on=ago(0))], {"north": "group", "south": "group", "deep": "group"}),  # joined today
        ([contract("south", end_on=ago(-1))], {"north": "group", "deep": "south"}),
        (
            [contract("south", start_on=ago(-1), signed_on=ago(9))],
            {"north": "group", "south": "group", "deep": "group"},
        ),
    ],
)
def test_the_nearest_parent_under_contract_pays(contracts: list[Row], payers: dict[str, str]) -> None:
    """By the contracts that are live on the day (section 0)."""
    assert payers_of(group(*contracts), RULES) == {MIDNIGHT: payers}


def test_who_ever_had_a_contract_was_a_customer_of_its_own() -> None:
    """Looking back from today, the calls with a subsidiary that has left stay its own (section 0, LRN-7)."""
    facts = group(contract("south", end_on=ago(300)))

    assert payers_of(facts, RULES)[MIDNIGHT]["south"] == "group"
    assert payers_of(facts, RULES, looking_back=True) == {MIDNIGHT: {"north": "group", "deep": "south"}}


def test_a_parent_is_that_of_the_day() -> None:
    """Who was bought in March did not belong to the group in February; an undated row tells no past (section 0)."""
    bought = [
        member("group"),
        member("north"),
        member("north", "group", ago(1)),
        {"account_id": "x", "parent_id": "group"},
    ]

    assert payers_of(group(accounts=bought, as_of=ago(1)), RULES) == {}
    assert payers_of(group(accounts=bought), RULES) == {MIDNIGHT: {"north": "group"}}


def test_parents_in_a_circle_and_unknown_ones_end() -> None:
    """Two that are each other's parent, one that is its own, one whose parent nobody knows (section 0)."""
    odd = [member("one", "two"), member("two", "one"), member("self", "self"), member("lost", "nobody")]

    assert payers_of(group(accounts=odd), RULES) == {MIDNIGHT: {}}


def test_without_groups_the_facts_are_the_same() -> None:
    """No table is touched where nobody has a parent (SCL-1)."""
    facts = company(MONDAY, contracts=[contract()], accounts=[member("acme")], usage=[used("acme", "a")])

    assert rolled_up(facts, RULES) is facts
