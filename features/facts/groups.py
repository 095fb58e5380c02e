"""Groups of companies: what subsidiaries do counts for the account that signs and pays for them."""

from collections.abc import Mapping
from datetime import datetime

import ibis
import pyarrow as pa

from keepwell.features.facts.chains import live_on
from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.known import Facts
from keepwell.features.facts.succession import SuccessionRules

ROLLED_UP = (
    "usage", "tickets", "invoices", "surveys", "touchpoints", "contacts", "opportunities", "advocacy", "quarantine",
)  # fmt: skip
"""Tables of what an account does, owes and says. Attributes, contracts and churn stay where they are recorded."""
PAYERS = pa.schema({AS_OF: pa.timestamp("us"), "account_id": pa.string(), "payer": pa.string()})
HIGHEST = 50
"""Levels of parents that are walked: an end for those who are their own parent."""


def rolled_up(facts: Facts, rules: SuccessionRules, *, looking_back: bool = False) -> Facts:
    """The facts with every row of a subsidiary under no contract at the nearest parent that is; else as they are.

    By parents and contracts as known at as_of: who joins a group moves there, with its past, once its own contract is
    over, and a subsidiary with a contract of its own is a customer of its own. `looking_back`, for what was done years
    before as_of: whoever ever had a contract was a customer of its own.
    """
    payers = payers_of(facts, rules, looking_back=looking_back)
    if not any(payers.values()):
        return facts
    rows = [(at, account, payer) for at, own in payers.items() for account, payer in own.items()]
    listed = pa.Table.from_pylist([dict(zip(PAYERS.names, row, strict=True)) for row in rows], PAYERS)
    return facts.with_payers(ibis.memtable(listed), ROLLED_UP)


def payers_of(facts: Facts, rules: SuccessionRules, *, looking_back: bool = False) -> dict[datetime, dict[str, str]]:
    """The account that pays at each instant, by the subsidiaries under no contract themselves; empty without groups."""
    accounts = facts["accounts"]
    named = accounts.filter(accounts.parent_id.notnull()).select(*KEY, "parent_id").to_pyarrow().to_pandas()
    if named.empty:
        return {}
    contracts = facts.chains(rules)
    counted = contracts if looking_back else contracts.filter(live_on(contracts, contracts.as_of.date()))
    paying = counted.select(*KEY).distinct().to_pyarrow().to_pandas()
    by_instant = {at: set(own) for at, own in paying.groupby(AS_OF)["account_id"]}
    return {
        at.to_pydatetime(): _payers(
            dict(zip(own["account_id"], own["parent_id"], strict=True)), by_instant.get(at, set())
        )
        for at, own in named.groupby(AS_OF)
    }


def _payers(parents: Mapping[str, str], paying: set[str]) -> dict[str, str]:
    found = {account: _payer(account, parents, paying) for account in parents if account not in paying}
    return {account: payer for account, payer in sorted(found.items()) if payer is not None}


def _payer(account: str, parents: Mapping[str, str], paying: set[str]) -> str | None:
    """The nearest parent under contract; None where there is none."""
    for _ in range(HIGHEST):
        account = parents.get(account, "")
        if account in paying:
            return account
    return None
