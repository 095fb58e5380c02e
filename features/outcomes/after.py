"""What an account used around an instant: like labels it looks beyond it, and no feature may read it (a test holds)."""

import ibis
import ibis.expr.types as ir


def usage_around(cases: ir.Table, usage: ir.Table, days: int, *, counts_events: bool) -> ir.Table:
    """Actions of the `days` whole days before the day of `at`, and of those after it; 0 where none is known.

    `cases`: account_id, at (an instant), one row each. The day of `at` itself is on neither side. Where the source
    gives no number of events each row of usage is one.
    """
    dated = cases.mutate(of=cases.at.cast("date"))
    joined = usage.join(dated, "account_id")
    distance = joined.day.delta(joined.of, unit="day")
    near = joined.mutate(distance=distance).filter(distance.between(-days, days))
    actions = near.events.fill_null(0).cast("float64") if counts_events else ibis.literal(1.0)
    summed = (
        near.mutate(actions=actions)
        .group_by("account_id", "at")
        .agg(before=ibis._.actions.sum(where=ibis._.distance < 0), after=ibis._.actions.sum(where=ibis._.distance > 0))
    )
    whole = dated.left_join(summed, ["account_id", "at"])
    return whole.select("account_id", "at", before=whole.before.fill_null(0.0), after=whole.after.fill_null(0.0))
