"""How much is done each time the product is used: what use says beside its amount.

The amount of use differs between accounts by their habits and their size, which say little of the risk. What a person
does with a feature on a day differs less, so that a change of it shows in four weeks.
"""

import ibis.expr.types as ir

from keepwell.features.facts.known import Rows
from keepwell.features.measures.registry import aggregate
from keepwell.features.measures.scans import LOOKBACK_DAYS, days_of_use


@aggregate(
    "usage",
    rollup="usage_days",
    scan_days=LOOKBACK_DAYS,
    per_account=days_of_use,
    unit="events per use",
    direction=1,
    lookback_days=28,
    component=None,
    needs=("events",),
    null="No actions recorded in 28 days",
    words="{value:,.1f} action{s} per use in 28 days",
    zero="No actions in the use of 28 days",
    compared=",.1f",
)
def events_per_use_28d(days: Rows) -> ir.Value:
    """Actions per use in the last 28 days: per row of usage that counts them (of a day, user and product feature)."""
    return days.events.max() / days.counted.max().nullif(0)
