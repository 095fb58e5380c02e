"""What the account pays for, for how long, and what is being negotiated."""

import math
from functools import partial

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate, derived

DAYS_PER_YEAR = 365.25
_contract = partial(derived, "contracts", component=None, direction=0)
_deals = partial(
    aggregate, "opportunities", unit="deals", lookback_days=180, empty=0, null="No opportunities in the data"
)


@_contract(unit="reporting currency per year", null="No contract", words="ARR {money}")
def contract_value(row: ir.Table) -> ir.Value:
    """ARR over live contracts."""
    return row.arr


@_contract(unit="seats", null="Not sold by seat", words="{value:,.0f} paid seat{s}", zero="No paid seats")
def paid_seats(row: ir.Table) -> ir.Value:
    """Seats over live contracts."""
    return row.seats


@_contract(unit="days", null="No contract", words="Customer for {duration}", zero="Customer since today")
def tenure(row: ir.Table) -> ir.Value:
    """Days under contract without a gap longer than the grace."""
    return row.tenure_days


@_contract(
    unit="months",
    null="Open-ended, or the renewal date is unknown",
    words="Renews in {ahead}",
    zero="Renews today",
)
def months_to_renewal(row: ir.Table) -> ir.Value:
    """Months until the agreed end: urgency, which enters risk and priority, never health (HLT-1)."""
    return row.renewal_on.delta(row.today, unit="day") / (DAYS_PER_YEAR / 12)


@derived(
    "contracts",
    unit="share",
    direction=1,
    component="commercial",
    null="No ARR a year ago",
    words="ARR {change} from a year ago",
)
def arr_change(row: ir.Table) -> ir.Value:
    """Relative change of ARR against 365 days ago (a setting), at constant currency."""
    return (row.arr - row.arr_before) / row.arr_before.nullif(0)


@_deals(
    direction=-1,
    component="commercial",
    words="{value:.0f} deal{s} lost in 180 days",
    zero="No deals lost in 180 days",
)
def lost_deals_180d(opportunities: Rows) -> ir.Value:
    """Opportunities that were lost in the last 180 days."""
    return opportunities.opportunity_id.nunique(where=opportunities.stage == "lost")


@_deals(
    direction=0,
    component=None,
    words="{value:.0f} deal{s} in proposal or negotiation in 180 days",
    zero="No deals in proposal or negotiation in 180 days",
)
def negotiations_180d(opportunities: Rows) -> ir.Value:
    """Opportunities that reached proposal or negotiation in the last 180 days: negotiation signals."""
    return opportunities.opportunity_id.nunique(where=opportunities.stage.isin(("proposal", "negotiation")))


@_contract(unit="-1..1", null="No contract", words="Time of year {value:+z.2f} (1 at new year, -1 at midsummer)")
def season(row: ir.Table) -> ir.Value:
    """Place in the year as cos(2 pi day / 365.25): 1 at new year, -1 at midsummer of the northern half."""
    return (row.today.day_of_year().cast("float64") * (2 * math.pi / DAYS_PER_YEAR)).cos()


@_contract(unit="0/1", null="No contract", words="On a trial", zero="Not on a trial")
def on_trial(row: ir.Table) -> ir.Value:
    """1 where every live contract is a trial."""
    return (row.paid_live == 0).ifelse(1.0, ibis.literal(0.0))
