"""How far an account's rows can be trusted: rows that a mapping set aside lower coverage and never count as silence."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from keepwell.features.facts.columns import KEY
from keepwell.features.facts.known import Facts, Rows, rows_of

TRUST_DAYS = 90


def set_aside_share(facts: Facts) -> pd.DataFrame:
    """Columns as_of, table_name, account_id, share: of the rows of the last 90 days, how many were set aside (0..1)."""
    aside = rows_of(facts, "quarantine", TRUST_DAYS).table
    counted = aside.group_by(*KEY, "table_name").agg(aside=aside.count())
    concerned = set(counted.select("table_name").distinct().to_pyarrow()["table_name"].to_pylist())
    pieces = []
    for source in sorted(name for name in facts.given if name in facts and name in concerned):
        rows: Rows = rows_of(facts, source, TRUST_DAYS)
        if "account_id" in rows.table.columns:
            pieces.append(_accepted(rows, source, counted))
    if not pieces:  # most companies set nothing aside, and one small query says so
        return counted.mutate(share=1.0).drop("aside").to_pandas()
    accepted = ibis.union(*pieces) if len(pieces) > 1 else pieces[0]
    joined = counted.left_join(accepted, [*KEY, "table_name"])
    share = joined.aside / (joined.aside + joined.accepted.fill_null(0))
    return joined.select(*KEY, "table_name", share=share).to_pandas()


def _accepted(rows: Rows, source: str, counted: ir.Table) -> ir.Table:
    """Kept rows per account, only of accounts that had some set aside: for most sources nothing is scanned."""
    wanted = counted.filter(counted.table_name == source).select(*KEY)
    mine = rows.table.semi_join(wanted, KEY)
    return mine.group_by(*KEY).agg(accepted=mine.count()).mutate(table_name=ibis.literal(source))
