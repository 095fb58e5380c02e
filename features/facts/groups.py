"""Groups of companies: what subsidiaries do counts for the account that signs and pays for them."""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.chains import live_on
from keepwell.features.facts.known import Facts
from keepwell.features.facts.rollups import ROLLUPS
from keepwell.features.facts.succession import SuccessionRules

ROLLED_UP = (
    "usage", *ROLLUPS, "tickets", "invoices", "surveys", "touchpoints", "contacts", "opportunities", "quarantine",
)  # fmt: skip
"""Tables of what an account does, owes and says. Attributes, contracts and outcomes stay where they are recorded."""
HIGHEST = 50
"""Levels of parents that are walked: an end for those who are their own parent."""


def rolled_up(facts: Facts, rules: SuccessionRules, *, looking_back: bool = False) -> Facts:
    """The facts with every row of a subsidiary under no contract at the nearest parent that is; else as they are.

    By parents and contracts as known at as_of: who joins a group moves there, with its past, once its own contract is
    over, and a subsidiary with a contract of its own is a customer of its own. `looking_back`, for what was done years
    before as_of: whoever ever had a contract was a customer of its own.
    """
    payers = payers_of(facts, rules, looking_back=looking_back)
    if not payers:
        return facts
    moved = ibis.memtable(
        {"account_id": list(payers), "payer": list(payers.values())}, schema={"account_id": "string", "payer": "string"}
    )
    return facts.with_rows({name: _moved(facts[name], moved) for name in ROLLED_UP if name in facts})


def payers_of(facts: Facts, rules: SuccessionRules, *, looking_back: bool = False) -> dict[str, str]:
    """The account that pays, by the subsidiaries that are under no contract themselves; empty without groups."""
    accounts = facts["accounts"]
    named = accounts.filter(accounts.parent_id.notnull()).select("account_id", "parent_id").to_pyarrow().to_pydict()
    parents = dict(zip(named["account_id"], named["parent_id"], strict=True))
    if not parents:
        return {}
    contracts = facts.chains(rules)
    counted = contracts if looking_back else contracts.filter(live_on(contracts, facts.today))
    paying = set(counted.select("account_id").distinct().to_pyarrow()["account_id"].to_pylist())
    found = {account: _payer(account, parents, paying) for account in parents if account not in paying}
    return {account: payer for account, payer in sorted(found.items()) if payer is not None}


def _payer(account: str, parents: Mapping[str, str], paying: set[str]) -> str | None:
    """The nearest parent under contract; None where there is none."""
    for _ in range(HIGHEST):
        account = parents.get(account, "")
        if account in paying:
            return account
    return None


def _moved(rows: ir.Table, moved: ir.Table) -> ir.Table:
    """The rows with the payer as their account."""
    joined = rows.left_join(moved.select(subsidiary="account_id", payer="payer"), rows.account_id == moved.account_id)
    there = joined.mutate(account_id=ibis.coalesce(joined.payer, joined.account_id))
    return there.select(*rows.columns)
