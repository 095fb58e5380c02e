"""Derived columns for rules that no single column can express, for example whether an account exists."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.canonical import TABLES


@dataclass(frozen=True)
class Derived:
    """A derived column: the columns that it needs, and its expression over rows that are not yet limited to as_of."""

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


DERIVED: Mapping[str, Mapping[str, Derived]] = {
    "contracts": {"agreed_on": Derived(("signed_on",), _agreed_on)},
    "usage": {"minutes_of_one_user": Derived(("user_id", "minutes"), _minutes_of_one_user)},
    "tickets": {"csat_undated": Derived(("csat",), _csat_undated)},
}
"""Per canonical table, the columns that its own rows give."""

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


def with_existence(rows: ir.Table, table: str, given: Collection[str], accounts: ir.Table) -> ir.Table:
    """The rows with `<column>_exists`: whether `accounts` has the id in the column; NULL where it is empty.

    `accounts` is not cut at as_of: a contract is often known before the first day of its account's attributes.
    """
    named = accounts.select(account=accounts.account_id).drop_null("account")
    columns = [column for column in ACCOUNT_IDS[table] if column in given]
    return rows.mutate(**{f"{column}_exists": rows[column].isin(named.account) for column in columns})


def derived_names(table: str, given: Collection[str]) -> frozenset[str]:
    """Names of this table's derived columns."""
    own = {name for name, d in DERIVED.get(table, {}).items() if set(d.needs) <= set(given)}
    return frozenset(own | {f"{column}_exists" for column in ACCOUNT_IDS[table] if column in given})
