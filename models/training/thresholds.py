"""Probability thresholds above which accounts are flagged: by policy, on validation rows, within capacity (MOD-5)."""

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
    """The policy of each row: precision first in the segments named; recall first elsewhere and for high value."""
    cheap = rows["segment"].isin(policy.precision_first) & ~rows["high_value"].astype(bool)
    return pd.Series(np.where(cheap, PRECISION_FIRST, RECALL_FIRST), rows.index)


def choose_thresholds(
    rows: pd.DataFrame, y_true: Floats, y_prob: Floats, policy: PolicySettings, sample_weight: Floats | None = None
) -> dict[str, float]:
    """The probability threshold of each group; infinite where no account of the group is flagged.

    `sample_weight` applies to outcomes; workload is counted in rows.

    Precision first: the lowest threshold at which the flagged have the outcome `precision_lift` times as often as the
    base rate, for at most the capacity's share of the group. Recall first: the lowest that the remaining capacity
    allows, and no lower than needed for `recall_enough`.
    """
    group = policy_group(rows, policy).to_numpy()
    sample_weight = np.ones(len(rows)) if sample_weight is None else sample_weight
    precise, base = group == PRECISION_FIRST, float(np.average(y_true, weights=sample_weight))
    threshold = _precise(
        y_true[precise], y_prob[precise], sample_weight[precise], base * policy.precision_lift, policy.capacity_share
    )
    left = policy.capacity_share * len(rows) - (precise & (y_prob >= threshold)).sum()
    recalled = _recalled((sample_weight * y_true)[~precise], y_prob[~precise], left, policy.recall_enough)
    return {PRECISION_FIRST: threshold, RECALL_FIRST: recalled}


def flagged(rows: pd.DataFrame, y_prob: Floats, thresholds: Thresholds, policy: PolicySettings) -> NDArray[np.bool_]:
    """Which rows are at or above the threshold of their group, as far as the teams can work on them."""
    return y_prob >= within_capacity(rows, y_prob, threshold_of(rows, thresholds, policy), policy)


def within_capacity(rows: pd.DataFrame, y_prob: Floats, limits: Floats, policy: PolicySettings) -> Floats:
    """The thresholds of the rows, raised on the dates on which they would flag more than the teams can work on.

    A threshold is chosen on past months; where the whole portfolio has become riskier, or the level is wrong, it would
    flag a multiple of them. Accounts of equal probability are flagged together or not at all.
    """
    raised = limits.copy()
    for at in rows.groupby("as_of").indices.values():
        raised[at] = np.maximum(limits[at], _lowest(y_prob[at], limits[at], policy))
    return raised


def _lowest(y_prob: Floats, limits: Floats, policy: PolicySettings) -> float:
    """The lowest probability down to which one date's rows at or above their limits are within capacity."""
    size = int(np.ceil(policy.capacity_share * policy.capacity_slack * len(y_prob)))
    above = np.sort(y_prob[y_prob >= limits])[::-1]
    if len(above) <= size:
        return 0.0
    whole = above[:size][above[:size] > above[size]]
    return float(whole[-1]) if len(whole) else NOBODY


def threshold_of(rows: pd.DataFrame, thresholds: Thresholds, policy: PolicySettings) -> Floats:
    """The threshold of each row."""
    found: Floats = policy_group(rows, policy).map(dict(thresholds)).to_numpy(dtype=float)
    return found


def _precise(y_true: Floats, y_prob: Floats, sample_weight: Floats, min_precision: float, share: float) -> float:
    """The lowest threshold with at least `min_precision` that flags at most `share` of the rows."""
    order = np.argsort(-y_prob, kind="stable")
    seen = np.cumsum(sample_weight[order])
    precision = np.cumsum((sample_weight * y_true)[order]) / np.where(seen > 0, seen, 1.0)
    good = np.flatnonzero((precision >= min_precision) & _whole_ties(y_prob[order]))
    good = good[good < np.floor(share * len(order))]
    return float(y_prob[order][good[-1]]) if len(good) else NOBODY


def _recalled(positives: Floats, y_prob: Floats, capacity: float, enough: float) -> float:
    """The lowest threshold within `capacity` rows, and no lower than needed for a recall of `enough`."""
    order = np.argsort(-y_prob, kind="stable")
    recall = np.cumsum(positives[order]) / max(positives.sum(), 1.0)
    fits = np.flatnonzero(_whole_ties(y_prob[order]))
    fits = fits[fits < np.floor(capacity)]
    enough_at = np.flatnonzero(recall[fits] >= enough)
    last = enough_at[0] if len(enough_at) else len(fits) - 1
    return float(y_prob[order][fits[last]]) if len(fits) else NOBODY


def _whole_ties(descending: Floats) -> NDArray[np.bool_]:
    """Whether a row is the last of equal probabilities: only there a threshold can separate rows."""
    return np.append(descending[:-1] != descending[1:], True)[: len(descending)]


def what_if(
    rows: pd.DataFrame, y_true: Floats, y_prob: Floats, policy: PolicySettings, sample_weight: Floats | None = None
) -> pd.DataFrame:
    """Workload and churn caught at each threshold: one row per share of the portfolio, for all and for each group.

    `accounts_per_month` flagged in a mean month, `caught` and `recall` of the churners, `precision`, `arr_caught`: ARR
    of the churners caught in a mean month, in the reporting currency. `sample_weight` counts where outcomes do.
    """
    months = max(rows["as_of"].nunique(), 1)
    group, arr = policy_group(rows, policy).to_numpy(), rows["arr"].to_numpy(dtype=float)
    sample_weight = np.ones(len(rows)) if sample_weight is None else sample_weight
    found: list[dict[str, Any]] = []
    for name in ("all", RECALL_FIRST, PRECISION_FIRST):
        mine = np.ones(len(rows), dtype=bool) if name == "all" else group == name
        positives = (sample_weight * y_true)[mine].sum()
        if not positives:
            continue
        for share in policy.what_if_shares:
            threshold = float(np.quantile(y_prob[mine], 1.0 - share))
            above = mine & (y_prob >= threshold)
            caught, seen = (sample_weight * y_true)[above].sum(), sample_weight[above].sum()
            found.append(
                {
                    "group": name, "share": share, "threshold": threshold, "accounts_per_month": above.sum() / months,
                    "caught": round(caught), "recall": caught / positives,
                    "precision": caught / seen if seen else np.nan,
                    "arr_caught": float((arr * sample_weight * y_true)[above].sum()) / months,
                }
            )  # fmt: skip
    return pd.DataFrame(found)
