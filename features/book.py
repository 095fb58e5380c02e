"""The book: accounts under contract at as_of, with what their contracts say."""

from datetime import date

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.chains import live_on
from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.exact import exact_sum
from keepwell.features.facts.groups import rolled_up
from keepwell.features.facts.known import Facts, newest_day, rows_of
from keepwell.features.settings import BookSettings


def book(facts: Facts, settings: BookSettings) -> ir.Table:
    """One row per instant and account with a live contract: attributes, ARR, seats, status, tenure, renewal date.

    Contracts come first and attributes are joined to them, so that an account that never logged in, or has no
    attributes at all, is there. Of contracts that follow each other one counts a day: from its start, the one that
    follows. ARR is in the reporting currency (trials count 0). An account is `leaving` when notice is known for every
    paid contract that is live and that nothing without notice follows, or since the company recorded its churn.
    `tenure_days` counts from the start of the cover that lasts to today, or from the return after a recorded churn,
    `observed_days` only the days of it that the usage source knows. The renewal date is the earliest agreed end of a
    chain of contracts, live or signed.
    """
    flagged = _flagged(facts.chains(settings.succession), settings)
    live = flagged.live
    accounts = flagged.group_by(*KEY).agg(
        live_contracts=live.sum(),
        arr=exact_sum(flagged.value, live).fill_null(0.0),
        arr_before=exact_sum(flagged.value, flagged.was_live),
        seats=flagged.seats.sum(where=live),
        plan=flagged.plan.max(where=live),
        first_start_on=flagged.start_on.min(),
        covered_since=flagged.start_on.max(where=flagged.begins_cover),
        paid_live=(live & flagged.paid).sum(),
        paid_without_notice=(live & flagged.paid & flagged.chain_notice_on.isnull()).sum(),
        notice_on=flagged.chain_notice_on.min(where=live),
        renewal_on=flagged.renewal_on.min(where=live | flagged.future),
    )
    leaving = (accounts.paid_live > 0) & (accounts.paid_without_notice == 0)
    covered = accounts.filter(accounts.live_contracts > 0)
    joined = _with_recorded_churn(covered.mutate(leaving=leaving), facts, settings)
    joined = _with_first_use(joined, facts)
    today = joined.as_of.date()
    since = ibis.greatest(joined.covered_since, ibis.coalesce(joined.returned_on, joined.covered_since))
    whole = joined.mutate(
        status=(joined.leaving | joined.gone.fill_null(False)).ifelse("leaving", "active"),
        covered_since=since,
        today=today,
        tenure_days=today.delta(since, unit="day"),
        observed_days=_observed_days(joined, facts, since),
    ).drop("leaving", "gone", "returned_on", "first_used")
    attributes = facts["accounts"].select(*KEY, "parent_id", "industry", "country", "segment")
    labels = facts["account_labels"].select(*KEY, "name", "csm", "email_opt_out")
    return with_columns(with_columns(whole, attributes), labels)


def by_customer(facts: Facts, settings: BookSettings, *, looking_back: bool = False) -> Facts:
    """The facts with what subsidiaries do at the account that pays, where the settings say so."""
    if not settings.roll_up_to_parent:
        return facts
    return rolled_up(facts, settings.succession, looking_back=looking_back)


def _flagged(contracts: ir.Table, settings: BookSettings) -> ir.Table:
    """Contracts with live, was_live (a year ago), future, paid, value and begins_cover.

    `begins_cover`: it follows none, and none of the account's earlier contracts reaches to it, gaps of up to the grace
    bridged.
    """
    today = contracts.as_of.date()
    end = ibis.coalesce(contracts.bridged_until, ibis.literal(date(9999, 12, 31)))
    future = contracts.start_on > today
    order = [contracts.start_on, contracts.contract_id]
    earlier = ibis.window(group_by=KEY, order_by=order, preceding=(None, 1))
    gap = contracts.start_on.delta(end.max().over(earlier), unit="day")
    return contracts.mutate(
        live=live_on(contracts, today),
        was_live=live_on(contracts, today - ibis.interval(days=settings.arr_change_days)),
        future=future,
        paid=~contracts.trial.fill_null(False),
        value=arr_in_reporting_currency(contracts, settings),
        begins_cover=~future & ~contracts.follows & (gap > settings.churn_grace_days).fill_null(True),
    )


def _with_recorded_churn(accounts: ir.Table, facts: Facts, settings: BookSettings) -> ir.Table:
    """The accounts with `gone` where the company recorded their churn, or `returned_on` where they came back since.

    They return with the first contract without notice that starts after the day of the newest record, or, where the
    setting `returns_by` says so, with the first use after it.
    """
    if "churn_events" not in facts:
        return accounts.mutate(gone=ibis.literal(False), returned_on=ibis.null().cast("date"))
    events = facts["churn_events"]
    newest = events.group_by(*KEY).agg(churned_on=events.churned_on.max())
    if settings.returns_by == "usage":
        signs = facts["usage_days"].select(*KEY, on="day")
    else:
        contracts = facts.chains(settings.succession)
        signs = contracts.filter(contracts.chain_notice_on.isnull()).select(*KEY, on="start_on")
    later = signs.filter(signs.on <= signs.as_of.date()).join(newest, KEY).filter(lambda t: t.on > t.churned_on)
    back = later.group_by(*KEY).agg(returned_on=later.on.min())
    said = newest.left_join(back, KEY)
    said = said.select(*KEY, gone=said.returned_on.isnull(), returned_on=said.returned_on)
    return with_columns(accounts, said)


def with_columns(accounts: ir.Table, others: ir.Table) -> ir.Table:
    """The rows with the columns of others that are about the same instant and account."""
    return accounts.left_join(others, KEY).drop(*(f"{name}_right" for name in KEY))


def _with_first_use(accounts: ir.Table, facts: Facts) -> ir.Table:
    """The accounts with `first_used`: the first usage day that the whole source knows at their instant."""
    if "usage" not in facts:
        return accounts.mutate(first_used=ibis.null().cast("date"))
    days = rows_of(facts, "usage", None, rollup="usage_accounts")
    first = days.table.group_by(AS_OF).agg(first_used=days.first_day.min())
    return accounts.left_join(first, AS_OF).drop(f"{AS_OF}_right")


def _observed_days(accounts: ir.Table, facts: Facts, since: ir.Value) -> ir.Value:
    """Days from a date to the newest usage day that the whole source knows, both included; NULL where it knows none.

    Nobody saw what happened before the source's first day: who came earlier is observed from that day on.
    """
    newest = newest_day(facts.newest.get("usage", {}), accounts.as_of)
    seen_since = ibis.greatest(since, accounts.first_used)
    return (newest.delta(seen_since, unit="day") + 1).clip(lower=0)


def arr_in_reporting_currency(contracts: ir.Table, settings: BookSettings) -> ir.Value:
    """ARR per contract at the constant rates of the settings; 0 for a trial.

    A currency without a rate gives NULL here; the checks have refused the run before (rule `currency_has_rate`).
    """
    rates = settings.rates()
    rate = contracts.currency.cases(*rates.items(), else_=ibis.null()).cast("float64")
    return contracts.trial.fill_null(False).ifelse(0.0, contracts.arr * rate)
