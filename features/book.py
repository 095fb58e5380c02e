"""The book: accounts under contract at as_of, with what their contracts say."""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.chains import live_on
from keepwell.features.facts.exact import exact_sum
from keepwell.features.facts.groups import rolled_up
from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings


def book(facts: Facts, settings: BookSettings) -> ir.Table:
    """One row per account with a live contract: attributes, ARR, seats, status, tenure, renewal date.

    Contracts come first and attributes are joined to them, so that an account that never logged in, or has no
    attributes at all, is there. Of contracts that follow each other one counts a day: from its start, the one that
    follows. ARR is in the reporting currency (trials count 0). An account is `leaving` when notice is known for every
    paid contract that is live and that nothing without notice follows, or since the company recorded its churn.
    `tenure_days` counts from the start of the cover that lasts to today, or from the return after a recorded churn,
    `observed_days` only the days of it that the usage source knows. The renewal date is the earliest agreed end of a
    chain of contracts, live or signed.
    """
    today = ibis.literal(facts.today)
    flagged = _flagged(facts.chains(settings.succession), facts.today, settings)
    live = flagged.live
    accounts = flagged.group_by("account_id").agg(
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
    since = ibis.greatest(joined.covered_since, ibis.coalesce(joined.returned_on, joined.covered_since))
    whole = joined.mutate(
        status=(joined.leaving | joined.gone.fill_null(False)).ifelse("leaving", "active"),
        covered_since=since,
        today=today,
        tenure_days=today.delta(since, unit="day"),
        observed_days=_observed_days(facts, since),
    ).drop("leaving", "gone", "returned_on")
    attributes = facts["accounts"].select("account_id", "parent_id", "industry", "country", "segment")
    labels = facts["account_labels"].select("account_id", "name", "csm", "email_opt_out")
    described = whole.left_join(attributes, "account_id").drop("account_id_right")
    return described.left_join(labels, "account_id").drop("account_id_right")


def by_customer(facts: Facts, settings: BookSettings, *, looking_back: bool = False) -> Facts:
    """The facts with what subsidiaries do at the account that pays, where the settings say so."""
    if not settings.roll_up_to_parent:
        return facts
    return rolled_up(facts, settings.succession, looking_back=looking_back)


def _flagged(contracts: ir.Table, today: date, settings: BookSettings) -> ir.Table:
    """Contracts with live, was_live (a year ago), future, paid, value and begins_cover.

    `begins_cover`: it follows none, and none of the account's earlier contracts reaches to it, gaps of up to the grace
    bridged.
    """
    end = ibis.coalesce(contracts.bridged_until, ibis.literal(date(9999, 12, 31)))
    future = contracts.start_on > today
    order = [contracts.start_on, contracts.contract_id]
    earlier = ibis.window(group_by=contracts.account_id, order_by=order, preceding=(None, 1))
    gap = contracts.start_on.delta(end.max().over(earlier), unit="day")
    return contracts.mutate(
        live=live_on(contracts, today),
        was_live=live_on(contracts, today - timedelta(days=settings.arr_change_days)),
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
    newest = events.group_by("account_id").agg(churned_on=events.churned_on.max())
    if settings.returns_by == "usage":
        signs = facts["usage_days"].select("account_id", on="day")
    else:
        contracts = facts.chains(settings.succession)
        signs = contracts.filter(contracts.chain_notice_on.isnull()).select("account_id", on="start_on")
    later = signs.filter(signs.on <= facts.today).join(newest, "account_id").filter(lambda t: t.on > t.churned_on)
    back = later.group_by("account_id").agg(returned_on=later.on.min())
    said = newest.left_join(back, "account_id")
    said = said.select("account_id", gone=said.returned_on.isnull(), returned_on=said.returned_on)
    return accounts.left_join(said, "account_id").drop("account_id_right")


def _observed_days(facts: Facts, since: ir.Value) -> ir.Value:
    """Days from a date to the newest usage day that the whole source knows, both included; NULL where it knows none.

    Nobody saw what happened before the source's first day: who came earlier is observed from that day on.
    """
    newest = facts.newest.get("usage")
    if newest is None:
        return ibis.null().cast("int64")
    seen_since = ibis.greatest(since, facts["usage_days"].day.min().as_scalar())
    return (ibis.literal(newest).delta(seen_since, unit="day") + 1).clip(lower=0)


def arr_in_reporting_currency(contracts: ir.Table, settings: BookSettings) -> ir.Value:
    """ARR per contract at the constant rates of the settings; 0 for a trial.

    A currency without a rate gives NULL here; the checks have refused the run before (rule `currency_has_rate`).
    """
    rates = settings.rates()
    rate = contracts.currency.cases(*rates.items(), else_=ibis.null()).cast("float64")
    return contracts.trial.fill_null(False).ifelse(0.0, contracts.arr * rate)
