"""The chains of contracts as known at an instant: what each covers, what follows it, and how its chain ends.

Who is under contract, for how much, who leaves, when an account renews: whatever reads contracts reads them here.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from ibis.expr.operations import UnboundTable

from keepwell.features.facts.columns import AS_OF
from keepwell.features.facts.succession import NOBODY, Contracts, Succession, SuccessionRules, succession
from keepwell.features.facts.terms import Counts, Days, Flags, Terms

READ = (
    "contract_id", "account_id", "start_on", "end_on", "ended_on", "notice_on", "arr", "currency", "plan", "trial",
    "auto_renew", "replaces", "chain_id",
)  # fmt: skip
"""The columns that decide which contract follows which."""
DECIDE = ("start_on", "end_on", "ended_on", "notice_on", "plan", "auto_renew", "replaces", "chain_id")
"""Those of them that say which; ids tell rows apart, and ARR is a bound alone."""
CHAINED = pa.schema(
    {
        AS_OF: pa.timestamp("us"), "contract_id": pa.string(), "term_end": pa.date32(), "covers_until": pa.date32(),
        "bridged_until": pa.date32(), "followed": pa.bool_(), "follows": pa.bool_(), "chain_start_on": pa.date32(),
        "renewal_on": pa.date32(), "chain_notice_on": pa.date32(), "day_late": pa.bool_(), "unclear": pa.bool_(),
        "replaces_known": pa.bool_(), "renewed_unseen": pa.bool_(),
    }
)  # fmt: skip
"""`term_end`: the agreed end, after tacit renewals. `covers_until`: the first day on which it counts no longer, NULL
where that is open: it ended, or what follows it began. `bridged_until`: the same, drawn on to what follows it after a
gap. `followed`, `follows`: whether a contract follows it, and whether it follows one. `chain_start_on`: the start of
the first contract of its chain; `renewal_on`, `chain_notice_on`: agreed end and notice of the last. `day_late`: it
starts one day after the end that it follows; NULL where it follows none. `unclear`: renewal or add-on, nothing tells.
`replaces_known`: the contract that it names is one of its account; NULL where it names none. `renewed_unseen`: it
counts because it renewed by itself, where the source writes most such renewals as rows; NULL where it never does."""
MIN_RENEWALS = 10
"""Renewals from which on their rows say how a source writes them."""


def with_chains(contracts: ir.Table, rules: SuccessionRules) -> ir.Table:
    """The contracts with the columns of CHAINED; they are few, and which follows which is decided in memory."""
    if contracts.op().find(UnboundTable):
        return _without_rows(contracts)
    there = [name for name in (AS_OF, *READ) if name in contracts.columns]
    rows = contracts.select(*there).to_pyarrow().to_pandas(date_as_object=False).reindex(columns=[AS_OF, *READ])
    joined = contracts.left_join(ibis.memtable(chained(rows, rules)), [AS_OF, "contract_id"])
    return joined.drop(*(name for name in joined.columns if name.endswith("_right")))


def _without_rows(contracts: ir.Table) -> ir.Table:
    """A schema with those columns, each an expression over what decides it, for the signal catalogue."""
    unknown = ibis.struct({name: contracts[name] for name in DECIDE}).isnull().ifelse(ibis.null(), ibis.null())
    kinds = ibis.Schema.from_pyarrow(CHAINED)
    return contracts.mutate(
        **{name: unknown.cast(kinds[name]) for name in CHAINED.names if name not in (AS_OF, "contract_id")}
    )


def live_on(contracts: ir.Table, day: ir.Value) -> ir.Value:
    """True for contracts that counted on `day`: begun, not ended, and not followed by one that had begun."""
    until = contracts.covers_until
    return (contracts.start_on <= day) & (until.isnull() | (until > day))


def chained(rows: pd.DataFrame, rules: SuccessionRules) -> pa.Table:
    """One row of CHAINED per instant and contract_id that names an account and a start.

    `rows` has `as_of` and the columns of READ. All instants are decided in one pass: an account at another instant is
    another account.
    """
    named = rows.dropna(subset=["contract_id", "account_id", "start_on"]).drop_duplicates([AS_OF, "contract_id"])
    frame = named.sort_values([AS_OF, "account_id", "start_on", "contract_id"], ignore_index=True)
    contracts, today = _contracts(frame, rules), _days(frame[AS_OF])
    found = succession(contracts, rules)
    term_end = _term_ends(contracts, found, today)
    end = np.fmin(term_end, contracts.ended_on)
    after, last, first = found.after, _last(found.after), _first(found.after)
    linked = after != NOBODY
    next_start = np.where(linked, contracts.start[after], np.datetime64("NaT"))
    columns = (
        frame[AS_OF], frame["contract_id"], term_end, np.fmin(end, next_start), np.where(linked, next_start, end),
        linked, found.follows, contracts.start[first], term_end[last], contracts.notice_on[last],
        _day_late(contracts, found), found.unclear, _replaces_known(frame, contracts),
        _renewed_unseen(contracts, found, today),
    )  # fmt: skip
    arrays = [pa.array(values, kind, from_pandas=True) for values, kind in zip(columns, CHAINED.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=CHAINED)


def _day_late(rows: Contracts, found: Succession) -> npt.NDArray[np.object_]:
    """Of each contract that follows one, whether a single day lies between; None of others."""
    late = np.full(len(rows), None, dtype=object)
    before = np.flatnonzero(found.after != NOBODY)
    start = rows.start[found.after[before]]
    named = found.end[before] == start  # where the source names what follows, it names no end
    end = np.where(named, np.fmin(rows.agreed, rows.ended_on)[before], found.end[before])
    late[found.after[before]] = start - end == np.timedelta64(1, "D")
    return late


def _replaces_known(frame: pd.DataFrame, rows: Contracts) -> npt.NDArray[np.object_]:
    """Of each contract that names one, whether its account has it; None of others."""
    same = (rows.replaces != NOBODY) & (rows.account[rows.replaces] == rows.account)
    found = same.astype(np.object_)
    found[frame["replaces"].isna().to_numpy()] = None
    return found


def _renewed_unseen(rows: Contracts, found: Succession, today: Days) -> npt.NDArray[np.object_]:
    """Of each contract that renews itself, whether only that keeps it alive, where most others have a row for it."""
    over = rows.renews & (rows.end_on <= today)
    linked = found.after != NOBODY
    seen, unseen = over & linked, over & ~linked
    _, at = np.unique(today, return_inverse=True)
    by_rows = np.bincount(at, seen) >= np.maximum(MIN_RENEWALS, np.bincount(at, unseen))
    return np.where(rows.renews, unseen & by_rows[at], np.full(len(rows), None, dtype=object))


def _contracts(frame: pd.DataFrame, rules: SuccessionRules) -> Contracts:
    """The rows as arrays; a tacit renewal that is certain, by a later notice or end, moves `agreed`."""
    start, end_on, ended_on, notice_on = (_days(frame[c]) for c in ("start_on", "end_on", "ended_on", "notice_on"))
    trial = _true(frame["trial"])
    fixed = ~np.isnat(end_on) & (end_on > start)
    auto = _true(frame["auto_renew"]) & ~trial & fixed
    until = np.where(np.isnat(ended_on), notice_on, ended_on - 1)
    settled = auto & ~np.isnat(until)
    agreed = end_on.copy()
    agreed[settled] = Terms(start[settled], end_on[settled]).end_beyond(until[settled])
    rate = frame["currency"].map(dict(rules.rates)).astype(float)
    value = np.where(trial, 0.0, (frame["arr"].astype(float) * rate).to_numpy(dtype=float))
    return Contracts(
        account=_codes(frame, [AS_OF, "account_id"]), start=start, end_on=end_on, agreed=agreed, ended_on=ended_on,
        notice_on=notice_on, value=value, plan=pd.factorize(frame["plan"])[0].astype(np.int64), trial=trial,
        renews=auto & np.isnat(until),
        replaces=_replaced(frame),
        group=np.where(frame["chain_id"].isna(), NOBODY, _codes(frame, [AS_OF, "account_id", "chain_id"])),
    )  # fmt: skip


def _replaced(frame: pd.DataFrame) -> Counts:
    """The position of the contract that each names at its instant; NOBODY where it names none that is there."""
    naming = frame.loc[frame["replaces"].notna(), [AS_OF, "replaces"]]
    found = np.full(len(frame), NOBODY, dtype=np.int64)
    if naming.empty:
        return found
    places = frame[[AS_OF, "contract_id"]].assign(place=frame.index)
    named = naming.merge(places, how="left", left_on=[AS_OF, "replaces"], right_on=[AS_OF, "contract_id"])
    found[naming.index] = named["place"].fillna(NOBODY).to_numpy(dtype=np.int64)
    return found


def _days(column: pd.Series) -> Days:
    return column.to_numpy().astype("datetime64[D]")


def _true(column: pd.Series) -> Flags:
    found: Flags = column.eq(True).fillna(False).to_numpy(dtype=bool)
    return found


def _codes(frame: pd.DataFrame, columns: Sequence[str]) -> Counts:
    return frame.groupby(list(columns), dropna=False).ngroup().to_numpy(dtype=np.int64)


def _term_ends(rows: Contracts, found: Succession, today: Days) -> Days:
    """The agreed end of each contract: of one that renews itself, that at which it is followed, else the next."""
    linked = found.after != NOBODY
    by_end = linked & (found.end != rows.start[found.after])
    ends: Days = rows.agreed.copy()
    own = rows.renews
    terms = Terms(rows.start[own], rows.end_on[own])
    day = np.where(linked, rows.start[found.after] - 1, today)[own]
    ends[own] = np.where(by_end[own], found.end[own], terms.end_beyond(day))
    return ends


def _last(after: Counts) -> Counts:
    """The position of the last contract of each chain."""
    ends = np.where(after == NOBODY, np.arange(len(after)), after)
    for _ in range(len(after).bit_length()):  # each round doubles the way; a circle that a source claims ends it too
        ends = ends[ends]
    return ends


def _first(after: Counts) -> Counts:
    """The position of the contract with which each chain begins; of a merge, of its earliest part."""
    before = np.full(len(after), NOBODY)
    linked = np.flatnonzero(after != NOBODY)[::-1]
    before[after[linked]] = linked
    return _last(before)
