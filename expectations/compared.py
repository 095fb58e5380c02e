"""Columns that rules judge by comparing a row with others: another spelling of a feature, an amount in another unit."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from keepwell.features.facts.canonical import TABLES
from keepwell.features.facts.known import known_rows

YEAR = timedelta(days=365)
SEPARATORS = r"[^\p{L}\p{N}]"
"""What does not tell two features apart: all but letters and digits."""
MIN_ROWS = 10
"""Contracts of a plan from which on their median says what it costs."""

Tables = Mapping[str, ir.Table]


def with_compared(rows: ir.Table, table: str, names: Collection[str], staged: Tables, as_of: datetime) -> ir.Table:
    """The rows with those columns of COMPARED that are among `names`."""
    for name, (_, build) in COMPARED.get(table, {}).items():
        if name in names:
            rows = build(rows, name, staged, as_of)
    return rows


def letters(feature: ir.StringValue) -> ir.StringValue:
    """What is left of a feature's name when case and separators do not count."""
    return feature.lower().re_replace(SEPARATORS, "")


def several_spellings(features: Sequence[str]) -> bool:
    """Whether two of the names are spellings of one."""
    named = ibis.memtable({"feature": list(features)}, schema={"feature": "string"})
    spelled = named.select(letters=letters(named.feature)).filter(lambda t: t.letters != "")
    return spelled.letters.nunique().to_pyarrow().as_py() < spelled.count().to_pyarrow().as_py()


def _spelled_otherwise(usage: ir.Table, name: str, _: Tables, __: datetime) -> ir.Table:
    """Whether the feature is spelled as more rows spell it but for case and separators."""
    counted = usage.group_by("feature").agg(rows=usage.count()).drop_null("feature")
    spelled = counted.mutate(letters=letters(counted.feature))
    usual = ibis.window(group_by="letters", order_by=[spelled.rows.desc(), "feature"])
    ranked = spelled.filter(spelled.letters != "").mutate(place=ibis.row_number().over(usual))
    others = sorted(ranked.filter(ranked.place > 0).to_pyarrow()["feature"].to_pylist())
    return usage.mutate(**{name: usage.feature.isin(others) if others else ibis.literal(False)})


def _to_plan(contracts: ir.Table, name: str, _: Tables, __: datetime) -> ir.Table:
    """ARR per seat against the median of the same plan and currency; NULL of few contracts."""
    per_seat = contracts.arr / contracts.seats.nullif(0)
    priced = contracts.mutate(_per_seat=(per_seat > 0).ifelse(per_seat, ibis.null()))
    by = ibis.window(group_by=["plan", "currency"])
    known = priced.plan.notnull() & (priced["_per_seat"].count().over(by) >= MIN_ROWS)
    ratio = known.ifelse(priced["_per_seat"] / priced["_per_seat"].median().over(by), ibis.null())
    return priced.mutate(**{name: ratio}).drop("_per_seat")


def _to_invoices(contracts: ir.Table, name: str, staged: Tables, as_of: datetime) -> ir.Table:
    """ARR of the account's live contracts against what it was invoiced within the year before; NULL without either."""
    if "invoices" not in staged:
        return contracts.mutate(**{name: ibis.null().cast("float64")})
    invoices = known_rows(staged["invoices"], TABLES["invoices"], [as_of])
    recent = invoices.filter(invoices.amount > 0, invoices.issued_on >= ibis.literal((as_of - YEAR).date()))
    invoiced = recent.group_by(_account=recent.account_id, _currency=recent.currency).agg(_invoiced=recent.amount.sum())
    ended = ibis.least(contracts.end_on, contracts.ended_on)
    live = (contracts.start_on < ibis.literal(as_of.date())) & (ended > ibis.literal(as_of.date())).fill_null(True)
    arr = (live & (contracts.arr > 0)).ifelse(contracts.arr, ibis.null())
    booked = arr.sum().over(ibis.window(group_by=["account_id", "currency"]))
    with_booked = contracts.mutate(_booked=arr.notnull().ifelse(booked, ibis.null()))
    joined = with_booked.left_join(
        invoiced,
        [with_booked.account_id == invoiced["_account"], with_booked.currency == invoiced["_currency"]],
    )
    return joined.mutate(**{name: joined["_booked"] / joined["_invoiced"]}).select(*contracts.columns, name)


Compare = Callable[[ir.Table, str, Tables, datetime], ir.Table]
COMPARED: Mapping[str, Mapping[str, tuple[tuple[str, ...], Compare]]] = {
    "usage": {"spelled_otherwise": (("feature",), _spelled_otherwise)},
    "contracts": {
        "arr_to_plan": (("arr", "seats", "plan"), _to_plan),
        "arr_to_invoices": (("arr", "currency"), _to_invoices),
    },
}
"""Per canonical table, the columns that compare its rows: what each needs, and how it is added."""
