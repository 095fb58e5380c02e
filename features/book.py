"""The book: accounts under contract at as_of, with what their contracts say."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings


def book(facts: Facts, settings: BookSettings) -> ir.Table:
    """One row per account with a live contract: attributes, ARR, seats, status, tenure, renewal date.

    Contracts come first and attributes are joined to them, so that an account that never logged in, or has no
    attributes at all, is there. ARR is in the reporting currency (trials count 0). An account is `leaving` when notice
    is known for every paid contract that is live. `tenure_days` counts from the start of the cover that lasts to today,
    `observed_days` only the days of it that the usage source knows. The renewal date is the earliest agreed end of a
    contract, live or signed, that the next signed contract does not follow.
    """
    today = ibis.literal(facts.today)
    flagged = _flagged(facts["contracts"], facts.today, settings)
    live = flagged.live
    accounts = flagged.group_by("account_id").agg(
        live_contracts=live.sum(),
        arr=flagged.value.sum(where=live).fill_null(0.0),
        arr_before=flagged.value.sum(where=flagged.was_live),
        seats=flagged.seats.sum(where=live),
        plan=flagged.plan.max(where=live),
        first_start_on=flagged.start_on.min(),
        covered_since=flagged.start_on.max(where=flagged.begins_cover),
        paid_live=(live & flagged.paid).sum(),
        paid_without_notice=(live & flagged.paid & flagged.notice_on.isnull()).sum(),
        notice_on=flagged.notice_on.min(where=live),
        renewal_on=flagged.end_on.min(where=(live | flagged.future) & ~flagged.followed),
    )
    leaving = (accounts.paid_live > 0) & (accounts.paid_without_notice == 0)
    covered = accounts.filter(accounts.live_contracts > 0).mutate(
        status=leaving.ifelse("leaving", "active"),
        today=today,
        tenure_days=today.delta(accounts.covered_since, unit="day"),
        observed_days=_observed_days(facts, accounts.covered_since),
    )
    attributes = facts["accounts"].select("account_id", "parent_id", "industry", "country", "segment")
    labels = facts["account_labels"].select("account_id", "name", "csm", "email_opt_out")
    joined = covered.left_join(attributes, "account_id").drop("account_id_right")
    return joined.left_join(labels, "account_id").drop("account_id_right")


def _flagged(contracts: ir.Table, today: date, settings: BookSettings) -> ir.Table:
    """Contracts with live, was_live (a year ago), future, paid, value, begins_cover and followed.

    `begins_cover`: none of the account's earlier contracts reaches to it, gaps of up to the grace bridged. `followed`:
    the account's next signed contract starts when this one ends, or within the grace.
    """
    end = ibis.coalesce(ibis.least(contracts.end_on, contracts.ended_on), ibis.literal(date(9999, 12, 31)))
    future = contracts.start_on > today
    order = [contracts.start_on, contracts.contract_id]
    earlier = ibis.window(group_by=contracts.account_id, order_by=order, preceding=(None, 1))
    reached = end.max().over(earlier)
    next_start = contracts.start_on.min(where=future).over(group_by=contracts.account_id)
    gap = next_start.delta(contracts.end_on, unit="day")
    return contracts.mutate(
        live=live_on(contracts, today),
        was_live=live_on(contracts, today - timedelta(days=settings.arr_change_days)),
        future=future,
        paid=~contracts.trial.fill_null(False),
        value=arr_in_reporting_currency(contracts, settings),
        begins_cover=~future
        & (contracts.start_on.delta(reached, unit="day") > settings.churn_grace_days).fill_null(True),
        followed=gap.between(0, settings.churn_grace_days).fill_null(False),
    )


def _observed_days(facts: Facts, since: ir.Value) -> ir.Value:
    """Days from a date to the newest usage day that the whole source knows, both included; NULL where it knows none.

    Nobody saw what happened before the source's first day: who came earlier is observed from that day on.
    """
    newest = facts.newest.get("usage")
    if newest is None:
        return ibis.null().cast("int64")
    seen_since = ibis.greatest(since, facts["usage"].day.min().as_scalar())
    return (ibis.literal(newest).delta(seen_since, unit="day") + 1).clip(lower=0)


def live_on(contracts: ir.Table, day: date) -> ir.Value:
    """True for contracts that covered `day`, by what is known of their end."""
    end = ibis.least(contracts.end_on, contracts.ended_on)
    return (contracts.start_on <= day) & (end.isnull() | (end > day))


def arr_in_reporting_currency(contracts: ir.Table, settings: BookSettings) -> ir.Value:
    """ARR per contract at the constant rates of the settings; 0 for a trial.

    A currency without a rate gives NULL here; the checks have refused the run before (rule `currency_has_rate`).
    """
    rates = settings.rates()
    rate = contracts.currency.cases(*rates.items(), else_=ibis.null()).cast("float64")
    return contracts.trial.fill_null(False).ifelse(0.0, contracts.arr * rate)
