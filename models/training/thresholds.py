"""Above which chance an account is flagged: by policy, on validation rows, within what the teams can do (MOD-5)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.training import PolicySettings

RECALL_FIRST, PRECISION_FIRST = "recall_first", "precision_first"
NOBODY = float("inf")
Thresholds = Mapping[str, float]


def policy_group(rows: pd.DataFrame, policy: PolicySettings) -> pd.Series:
    """What comes first for each row: precision in the segments named, recall elsewhere and for high-value accounts."""
    cheap = rows["segment"].isin(policy.precision_first) & ~rows["high_value"].astype(bool)
    return pd.Series(np.where(cheap, PRECISION_FIRST, RECALL_FIRST), rows.index)


def thresholds(
    rows: pd.DataFrame, happened: Floats, chances: Floats, policy: PolicySettings, weight: Floats | None = None
) -> dict[str, float]:
    """The threshold of each group, in chances; infinite where nobody of it is to be flagged.

    `weight`: for how many rows each stands where losses are counted; work is counted in rows.

    Precision first: the lowest at which the flagged leave `precision_lift` times as often as the base rate, for at most
    the capacity's share of the group. Recall first: the lowest for which what capacity is left suffices, and no lower
    than needed for `recall_enough`.
    """
    group = policy_group(rows, policy).to_numpy()
    weight = np.ones(len(rows)) if weight is None else weight
    precise, base = group == PRECISION_FIRST, float(np.average(happened, weights=weight))
    cut = _precise(
        happened[precise], chances[precise], weight[precise], base * policy.precision_lift, policy.capacity_share
    )
    left = policy.capacity_share * len(rows) - (precise & (chances >= cut)).sum()
    recalled = _recalled((weight * happened)[~precise], chances[~precise], left, policy.recall_enough)
    return {PRECISION_FIRST: cut, RECALL_FIRST: recalled}


def flagged(rows: pd.DataFrame, chances: Floats, cuts: Thresholds, policy: PolicySettings) -> NDArray[np.bool_]:
    """Which rows are at or above the threshold of their group."""
    return chances >= cut_of(rows, cuts, policy)


def cut_of(rows: pd.DataFrame, cuts: Thresholds, policy: PolicySettings) -> Floats:
    """The threshold of each row."""
    found: Floats = policy_group(rows, policy).map(dict(cuts)).to_numpy(dtype=float)
    return found


def _precise(happened: Floats, chances: Floats, weight: Floats, least: float, share: float) -> float:
    """The lowest chance from which on at least so large a share left, among at most so many."""
    order = np.argsort(-chances, kind="stable")
    seen = np.cumsum(weight[order])
    precision = np.cumsum((weight * happened)[order]) / np.where(seen > 0, seen, 1.0)
    good = np.flatnonzero((precision >= least) & _whole_ties(chances[order]))
    good = good[good < np.floor(share * len(order))]
    return float(chances[order][good[-1]]) if len(good) else NOBODY


def _recalled(losses: Floats, chances: Floats, capacity: float, enough: float) -> float:
    """The lowest chance from which on there are no more than capacity, and no lower than for recall enough."""
    order = np.argsort(-chances, kind="stable")
    recall = np.cumsum(losses[order]) / max(losses.sum(), 1.0)
    fits = np.flatnonzero(_whole_ties(chances[order]))
    fits = fits[fits < np.floor(capacity)]
    enough_at = np.flatnonzero(recall[fits] >= enough)
    last = enough_at[0] if len(enough_at) else len(fits) - 1
    return float(chances[order][fits[last]]) if len(fits) else NOBODY


def _whole_ties(descending: Floats) -> NDArray[np.bool_]:
    """Where a run of equal chances ends: only there a threshold can cut."""
    return np.append(descending[:-1] != descending[1:], True)[: len(descending)]


def what_if(
    rows: pd.DataFrame, happened: Floats, chances: Floats, policy: PolicySettings, weight: Floats | None = None
) -> pd.DataFrame:
    """Thresholds against workload and what would be caught: one row per share of the book, for all and each group.

    `accounts_per_month` flagged in a mean month, `caught` and `recall` of the losses, `precision`, `arr_caught`: ARR of
    the losses caught in a mean month, in the reporting currency. `weight`: for how many rows each stands where losses
    are counted.
    """
    months = max(rows["as_of"].nunique(), 1)
    group, arr = policy_group(rows, policy).to_numpy(), rows["arr"].to_numpy(dtype=float)
    weight = np.ones(len(rows)) if weight is None else weight
    found: list[dict[str, Any]] = []
    for name in ("all", RECALL_FIRST, PRECISION_FIRST):
        mine = np.ones(len(rows), dtype=bool) if name == "all" else group == name
        losses = (weight * happened)[mine].sum()
        if not losses:
            continue
        for share in policy.what_if_shares:
            cut = float(np.quantile(chances[mine], 1.0 - share))
            above = mine & (chances >= cut)
            caught, seen = (weight * happened)[above].sum(), weight[above].sum()
            found.append(
                {
                    "group": name, "share": share, "threshold": cut, "accounts_per_month": above.sum() / months,
                    "caught": round(caught), "recall": caught / losses, "precision": caught / seen if seen else np.nan,
                    "arr_caught": float((arr * weight * happened)[above].sum()) / months,
                }
            )  # fmt: skip
    return pd.DataFrame(found)
