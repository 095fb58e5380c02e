"""Derived columns for rules that no single column can express, for example whether an account exists."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from keepwell.expectations.compared import COMPARED
from keepwell.features.facts.canonical import CONTRACTS, TABLES
from keepwell.features.facts.chains import with_chains
from keepwell.features.facts.customer_tables import EMAIL
from keepwell.features.facts.known import at_each
from keepwell.features.facts.succession import SuccessionRules


@dataclass(frozen=True)
class Derived:
    """A derived column: the columns that it needs, and its expression over rows that are not yet limited to as_of.

    The expression may use other columns too: those that the mapping does not give read NULL.
    """

    needs: tuple[str, ...]
    build: Callable[[ir.Table], ir.Value]


def _agreed_on(contracts: ir.Table) -> ir.Value:
    """The day from which a contract can be cancelled: signed, or begun without a signature."""
    return ibis.least(contracts.signed_on, contracts.start_on)


def _minutes_of_one_user(usage: ir.Table) -> ir.Value:
    """Minutes of rows about one person, who has no more than 1440 a day."""
    return usage.user_id.notnull().ifelse(usage.minutes, ibis.null())


def _csat_undated(tickets: ir.Table) -> ir.Value:
    """Whether an answer has neither its own time nor a closing time: it would never become known."""
    dated = tickets.csat_at.notnull() | tickets.closed_at.notnull()
    return tickets.csat.notnull().ifelse(~dated, ibis.null())


def _escalated_undated(tickets: ir.Table) -> ir.Value:
    """Whether an escalation has neither a time of its own nor a closing: it would never become known."""
    dated = tickets.escalated_at.notnull() | tickets.closed_at.notnull()
    return tickets.escalated.fill_null(False).ifelse(~dated, ibis.null())


def _closed_undated(tickets: ir.Table) -> ir.Value:
    """Whether a ticket is closed nobody knows when: it counts as open."""
    return tickets.closed.fill_null(False).ifelse(tickets.closed_at.isnull(), ibis.null())


def _answer_undated(touchpoints: ir.Table) -> ir.Value:
    """Whether an email is answered nobody knows when: the answer would never become known."""
    answered = (touchpoints.kind == EMAIL) & touchpoints.attended.fill_null(False)
    return answered.fill_null(False).ifelse(touchpoints.answered_at.isnull(), ibis.null())


def _days_to_entry(rows: ir.Table) -> ir.Value:
    """Days from the instant at which a row counts as known to that at which the source stored it."""
    return (rows.loaded_at.epoch_seconds() - rows.known_at.epoch_seconds()) / 86_400


ENTERED = Derived(("loaded_at",), _days_to_entry)
"""What people write down themselves, often afterwards."""

DERIVED: Mapping[str, Mapping[str, Derived]] = {
    "contracts": {"agreed_on": Derived(("start_on",), _agreed_on)},
    "usage": {"minutes_of_one_user": Derived(("user_id", "minutes"), _minutes_of_one_user)},
    "tickets": {
        "csat_undated": Derived(("csat",), _csat_undated),
        "escalated_undated": Derived(("escalated",), _escalated_undated),
        "closed_undated": Derived(("closed",), _closed_undated),
    },
    "touchpoints": {
        "answer_undated": Derived(("attended",), _answer_undated),
        "days_to_entry": ENTERED,
    },
    "opportunities": {"days_to_entry": ENTERED},
    "interventions": {"days_to_entry": ENTERED},
    "notes": {"days_to_entry": ENTERED},
}
"""Per canonical table, the columns that its own rows give."""

CHAINS: Mapping[str, tuple[str, ...]] = {
    "unclear": ("start_on",), "day_late": ("start_on",), "replaces_known": ("replaces",),
    "renewed_unseen": ("auto_renew",),
}  # fmt: skip
"""Columns that contracts have by what follows what (features/facts/chains.py), with those that they need."""

ACCOUNT_IDS: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(table.references) for name, table in TABLES.items()},
    "accounts": ("parent_id",),
}
"""Per canonical table, the columns that name an account; each gets a column `<name>_exists`."""


def with_derived(rows: ir.Table, table: str, given: Collection[str]) -> ir.Table:
    """The rows of one table with their derived columns, as far as the mapping provides the columns that these need."""
    return rows.mutate(
        **{name: d.build(rows) for name, d in DERIVED.get(table, {}).items() if set(d.needs) <= set(given)}
    )


def with_what_follows(rows: ir.Table, table: str, as_of: datetime, rules: SuccessionRules) -> ir.Table:
    """The rows, those of contracts with the columns of CHAINS."""
    if table != CONTRACTS.name:
        return rows
    return with_chains(at_each(rows, [as_of]), rules).select(*rows.columns, *CHAINS)


def with_existence(rows: ir.Table, table: str, given: Collection[str], accounts: ir.Table) -> ir.Table:
    """The rows with `<column>_exists`: whether `accounts` has the id in the column; NULL where it is empty.

    `accounts` is not cut at as_of: a contract is often known before the first day of its account's attributes.
    """
    named = accounts.select(account=accounts.account_id).drop_null("account")
    columns = [column for column in ACCOUNT_IDS[table] if column in given]
    return rows.mutate(**{f"{column}_exists": rows[column].isin(named.account) for column in columns})


def derived_needs(table: str) -> Mapping[str, tuple[str, ...]]:
    """Every derived column of a table with the columns that it needs."""
    own = {name: d.needs for name, d in DERIVED.get(table, {}).items()}
    own |= {name: needs for name, (needs, _) in COMPARED.get(table, {}).items()}
    own |= CHAINS if table == CONTRACTS.name else {}
    return {**own, **{f"{column}_exists": (column,) for column in ACCOUNT_IDS[table]}}
