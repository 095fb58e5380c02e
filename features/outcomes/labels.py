"""Labels: the outcome of each account. The only module that looks beyond as_of; a test keeps features from reading it.

A label joins two views of one snapshot: the cohort, from what was known at as_of, and its outcome, from what is known
`now`. It is set once its horizon has passed, and the grace where contracts alone tell it (matured), and is NULL before:
churners would be labeled earlier than the accounts that stay, and the churn rate would be too high.
"""

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from keepwell.features.book import arr_in_reporting_currency, by_customer, with_columns
from keepwell.features.facts.columns import AS_OF, KEY
from keepwell.features.facts.exact import exact_sum
from keepwell.features.facts.known import Facts, timestamp
from keepwell.features.settings import BookSettings, LabelSettings

NEVER = date(9999, 12, 31)
DIGITS = 12


def labels(cohort: ir.Table, now: Facts, money: BookSettings, rules: LabelSettings) -> ir.Table:
    """One row per instant and account of the cohort (a book) with its outcomes; NULL until matured.

    `churned` within the horizon of churn, `expanded` and `advocated` within theirs; `advocated` is NULL without both
    tables, surveys and advocacy. `contracted`: its ARR fell within the horizon of churn, and it did not churn in it.
    `treated`: somebody worked on the account after as_of, within the horizon of churn and before it left, or it was
    drawn for treatment. `untreated_chance`: the probability that no draw in that time assigned the account to
    treatment, 1 without a draw. Each is NULL without its table (interventions, hold_outs), or before that was recorded.
    """
    cohort = cohort.select(*KEY, "arr")
    churn = _within(churned_accounts(now, money), "churned_at", cohort, rules.churn_horizon_days)
    first = churn.group_by(*KEY).agg(churned_at=churn.churned_at.min())
    joined = with_columns(cohort, first)
    whole = _mark(joined, _expansions(now, joined, money, rules), "expanded")
    whole = _mark(whole, _contractions(now, joined, money, rules), "contracted")
    whole = _mark(whole, _advocates(by_customer(now, money, looking_back=True), joined, rules), "advocated")
    whole = _mark(whole, _worked_on(now, joined, rules), "treated")
    # Nobody can say who was worked on before that was recorded.
    whole = whole.mutate(treated=now.recorded("interventions", whole.as_of).ifelse(whole.treated, ibis.null()))
    whole = _with_p_untreated(whole, now, rules)
    churn_days = rules.churn_horizon_days + money.grace_days("churn", now)
    contraction_days = rules.churn_horizon_days + money.grace_days("contraction", now)
    expansion_days = rules.expansion_horizon_days + money.grace_days("expansion", now)
    advocacy_days = rules.advocacy_horizon_days + money.grace_days("advocacy", now)
    return whole.select(
        *KEY,
        "churned_at",
        churned=_once_matured(whole.churned_at.notnull(), whole.as_of, churn_days, now),
        expanded=_once_matured(whole.expanded, whole.as_of, expansion_days, now),
        contracted=_once_matured(whole.contracted, whole.as_of, contraction_days, now),
        advocated=_once_matured(whole.advocated, whole.as_of, advocacy_days, now),
        treated=_once_matured(whole.treated, whole.as_of, churn_days, now),
        untreated_chance=_once_matured(whole.untreated_chance, whole.as_of, churn_days, now),
    )


def churned_accounts(now: Facts, money: BookSettings) -> ir.Table:
    """Every known churn: account_id, churned_at (the instant at which it showed), how.

    `recorded`: in the company's own churn_events, where it has that table. Else `notice`: when notice became known on
    every paid contract then live; or `ended`: when the cover by paid contracts ended, unless one follows within the
    grace or notice was given before. What is followed neither ends nor has notice: the notice of a chain is that of its
    last contract. An end younger than the grace does not count yet.
    """
    if "churn_events" in now:
        events = now["churn_events"]
        return events.select("account_id", churned_at=events.known_at, how=ibis.literal("recorded"))
    contracts = now.chains(money.succession)
    paid = contracts.filter(~contracts.trial.fill_null(False))
    spans = paid.mutate(
        end=ibis.coalesce(paid.bridged_until, ibis.literal(NEVER)),
        notice_on=paid.chain_notice_on,
    )
    notices, ends = _notices(spans), _ends(spans, now.today, money.churn_grace_days)
    already_counted = (
        (ends.account_id == notices.account_id)
        & (notices.churned_at > ends.chain_start_on.cast("timestamp"))
        & (notices.churned_at <= ends.churned_at)
    )
    return notices.union(ends.anti_join(notices, already_counted).drop("chain_start_on"))


def _notices(spans: ir.Table) -> ir.Table:
    """Days of notice after which no paid contract of the account is left without one."""
    given = spans.filter(spans.notice_on.notnull()).select("account_id", day="notice_on").distinct()
    live = given.join(spans.select("account_id", "start_on", "notice_on", "end"), "account_id")
    live = live.filter((live.start_on <= live.day) & (live.end > live.day))
    without = (live.notice_on.isnull() | (live.notice_on > live.day)).sum()
    left = live.group_by("account_id", "day").agg(without=without)
    final = left.filter(left["without"] == 0)
    midnight = (final.day + ibis.interval(days=1)).cast("timestamp")
    return final.select("account_id", churned_at=midnight, how=ibis.literal("notice"))


def _ends(spans: ir.Table, today: date, grace_days: int) -> ir.Table:
    """Ends of covers that nothing follows within the grace, with the start of their last chain of contracts."""
    order = [spans.start_on, spans.contract_id]
    until_now = ibis.window(group_by=spans.account_id, order_by=order, preceding=None, following=0)
    reached = spans.mutate(
        reach=spans.end.max().over(until_now),
        next_start=spans.start_on.lead().over(ibis.window(group_by=spans.account_id, order_by=order)),
    )
    gap = reached.next_start.delta(reached.reach, unit="day")
    over = reached.filter(
        (reached.reach <= ibis.literal(today - timedelta(days=grace_days)))
        & (reached.next_start.isnull() | (gap > grace_days))
    )
    return over.select(
        "account_id",
        churned_at=over.reach.cast("timestamp"),
        how=ibis.literal("ended"),
        chain_start_on=over.chain_start_on,
    )


def _expansions(now: Facts, cohort: ir.Table, money: BookSettings, rules: LabelSettings) -> ir.Table:
    """Accounts whose ARR, on the start of some contract within the horizon, is higher than at as_of by the share."""
    spans = _arr_spans(now, money)
    arr = _arr_after(spans, spans.select("account_id", day="start_on"), cohort, rules.expansion_horizon_days)
    joined = arr.join(cohort, KEY)
    return joined.filter((joined.arr > 0) & (joined.later >= joined.arr * (1.0 + rules.expansion_rise)))


def _contractions(now: Facts, cohort: ir.Table, money: BookSettings, rules: LabelSettings) -> ir.Table:
    """Accounts that stay and whose ARR, on some day of the horizon, is lower than at as_of by the share.

    ARR falls where a contract ends, and where a smaller one follows it. What counted twice at as_of, because its end
    was known only later, is no fall: ARR at as_of is the lower of what was known then and what is known now.
    """
    spans = _arr_spans(now, money)
    then = cohort.select(*KEY, day=cohort.as_of.date()).join(spans, "account_id")
    then = then.filter((then.start_on <= then.day) & (then.end > then.day))
    of_then = then.group_by(*KEY).agg(then=exact_sum(then.value))
    days = spans.select("account_id", day="end").union(spans.select("account_id", day="start_on"))
    arr = _arr_after(spans, days, cohort, rules.churn_horizon_days)
    joined = arr.join(cohort.filter(cohort.churned_at.isnull()), KEY)
    joined = joined.join(of_then, KEY)
    fallen = joined.later <= ibis.least(joined.arr, joined.then) * (1.0 - rules.contraction_fall)
    return joined.filter((joined.later > 0) & fallen)


def _arr_spans(now: Facts, money: BookSettings) -> ir.Table:
    """Contracts with value and `end`: those that follow each other one after the other, without a gap between them."""
    contracts = now.chains(money.succession)
    return contracts.select(
        "account_id",
        "start_on",
        value=arr_in_reporting_currency(contracts, money),
        end=ibis.coalesce(contracts.bridged_until, ibis.literal(NEVER)),
    )


def _arr_after(spans: ir.Table, days: ir.Table, cohort: ir.Table, horizon_days: int) -> ir.Table:
    """ARR of each account (`later`) on those days of its own that lie within the horizon."""
    within = _within(days.distinct(), "day", cohort, horizon_days)
    live = within.select(*KEY, "day").join(spans, "account_id")
    live = live.filter((live.start_on <= live.day) & (live.end > live.day))
    return live.group_by(*KEY, "day").agg(later=exact_sum(live.value))


def _advocates(now: Facts, cohort: ir.Table, rules: LabelSettings) -> ir.Table | None:
    """Accounts that spoke for the company within the horizon; None without surveys and advocacy.

    By a promoter's answer, or by a reference, a referral, a case study or a good review, from when it was known.
    """
    found = []
    if "surveys" in now:
        answers = now["surveys"]
        promoters = answers.filter(answers.score >= rules.promoter_from)
        found.append(promoters.select("account_id", at=promoters.answered_at.cast("timestamp")))
    if "advocacy" in now:
        given = now["advocacy"]
        good = given.filter(given.rating.isnull() | (given.rating >= rules.advocate_rating_from))
        found.append(good.select("account_id", at=good.known_at.cast("timestamp")))
    return _within(ibis.union(*found), "at", cohort, rules.advocacy_horizon_days) if found else None


def _worked_on(now: Facts, cohort: ir.Table, rules: LabelSettings) -> ir.Table | None:
    """Accounts contacted, or drawn for treatment, before they left; None where interventions are not recorded."""
    if "interventions" not in now:
        return None
    worked_on = _before_churn(now["interventions"], "started_at", cohort, rules).select(*KEY)
    if "hold_outs" not in now:
        return worked_on
    fell = now["hold_outs"].filter(~now["hold_outs"].held_out)
    return worked_on.union(_before_churn(fell, "drawn_at", cohort, rules).select(*KEY))


def _with_p_untreated(cohort: ir.Table, now: Facts, rules: LabelSettings) -> ir.Table:
    """The cohort with `untreated_chance`: the product over an account's draws of the probability of being held out."""
    if "hold_outs" not in now:
        return cohort.mutate(untreated_chance=ibis.null().cast("float64"))
    drawn = _before_churn(now["hold_outs"], "drawn_at", cohort, rules)
    spared = (1.0 - drawn.chance).clip(lower=0.0, upper=1.0)
    # A product by logarithms, which every engine has; rounded, since the order of a sum is the engine's own.
    product = drawn.mutate(spared=spared).group_by(*KEY).agg(
        certain=(ibis._.spared == 0).any(), product=ibis._.spared.nullif(0.0).ln().sum().exp().round(DIGITS)
    )  # fmt: skip
    joined = with_columns(cohort, product)
    p_untreated = ibis.cases((joined.certain, 0.0), else_=joined.product.fill_null(1.0))
    recorded = now.recorded("hold_outs", joined.as_of)
    return joined.mutate(untreated_chance=recorded.ifelse(p_untreated, ibis.null())).drop("certain", "product")


def _before_churn(rows: ir.Table, column: str, cohort: ir.Table, rules: LabelSettings) -> ir.Table:
    """Rows of the cohort within the horizon of churn and before the account left."""
    begun = _within(rows, column, cohort, rules.churn_horizon_days)
    joined = begun.join(cohort.select(*KEY, "churned_at"), KEY)
    return joined.filter(joined.churned_at.isnull() | (joined[column] < joined.churned_at))


def _within(rows: ir.Table, column: str, cohort: ir.Table, days: int) -> ir.Table:
    """The rows of each account of the cohort in (as_of, as_of + days]; a date counts as its own midnight."""
    known = rows.drop(AS_OF) if AS_OF in rows.columns else rows  # the instant of what is known now
    joined = cohort.select(*KEY).join(known, "account_id")
    at = joined[column].cast("timestamp")
    return joined.filter((at > joined.as_of) & (at <= joined.as_of + ibis.interval(days=days)))


def _mark(cohort: ir.Table, found: ir.Table | None, name: str) -> ir.Table:
    """The cohort with a truth value: whether the account is among those found; NULL where nobody could be."""
    if found is None:
        return cohort.mutate(**{name: ibis.null().cast("boolean")})
    those = found.select(*KEY).distinct().mutate(there=True)
    joined = with_columns(cohort, those)
    return joined.mutate(**{name: joined.there.notnull()}).drop("there")


def _once_matured(label: ir.Value, as_of: ir.Value, days: int, now: Facts) -> ir.Value:
    """The label, or NULL while these days after as_of have not passed."""
    return (as_of <= timestamp(now.as_of - timedelta(days=days))).ifelse(label, ibis.null())
