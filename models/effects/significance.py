"""Which effects are significant enough to lead to a suggestion or a rank, with multiple testing accounted for (MON-4).

Many kinds, causes and segments are tested, and one in ten intervals around no effect excludes 0. Suggestions and ranks
rest on effects whose false discovery rate is bounded (Benjamini and Hochberg 1995). Those over all causes and segments
are a family of their own, one for each outcome: what is asked first is not diluted by its parts.
"""

import numpy as np
import pandas as pd
import scipy

from keepwell.models.effects.effect_table import ALL

PREFER, DROP, RECONSIDER, UNCLEAR, FEW = "prefer", "drop", "reconsider", "unclear", "too few"
"""Helps; harms; helps less than the smallest effect that matters; inconclusive; too few subjects."""


def q_values(table: pd.DataFrame, confidence: float, min_overlap: float) -> pd.Series:
    """The q-value (smallest false discovery rate) of each effect; NaN without an estimate or comparable subjects."""
    judged = table[table["effect"].notna() & (table["overlap"] >= min_overlap)]
    p = pd.Series(2.0 * scipy.stats.norm.sf(np.abs(judged["effect"]) / errors(judged, confidence)), index=judged.index)
    whole = (judged["root_cause"] == ALL) & (judged["segment"] == ALL)
    found = [
        pd.Series(scipy.stats.false_discovery_control(own), own.index) for own in (p[whole], p[~whole]) if len(own)
    ]
    return (pd.concat(found) if found else p).astype("float64").reindex(table.index)


def errors(table: pd.DataFrame, confidence: float) -> pd.Series:
    """The standard error of each effect, from its interval."""
    half: pd.Series = (table["high"] - table["low"]) / 2.0
    return half / scipy.stats.norm.ppf((1.0 + confidence) / 2.0)


def verdict(effect: float, low: float, high: float, q: float, *, enough: bool, good: float, rate: float) -> str:
    """The verdict on an effect. `good`: the smallest effect that matters, with the sign that is good.

    A significant effect helps or harms, whatever its size. To call one small or inconclusive takes enough subjects.
    """
    if np.isnan(q):
        return FEW
    if q <= rate and min(low, high) * max(low, high) > 0:
        return PREFER if effect * good > 0 else DROP
    if not enough:
        return FEW
    best = high if good > 0 else low
    return RECONSIDER if best / good < 1.0 else UNCLEAR


def ranks(table: pd.DataFrame, confidence: float) -> pd.Series:
    """1 for the best kind of a root cause, segment and outcome, of those that help significantly; else missing.

    A kind stands behind another only where the difference between them is significant: equals share their rank. Effects
    of kinds have the untreated in common, so that the error of a difference is, if anything, overstated.
    """
    helping = table[(table["verdict"] == PREFER) & (table["kind"] != ALL)]
    size, error = helping["effect"].abs(), errors(helping, confidence)
    z = scipy.stats.norm.ppf((1.0 + confidence) / 2.0)
    found = pd.Series(pd.NA, table.index, dtype="Int64")
    for rows in helping.groupby(["root_cause", "segment", "estimand"]).groups.values():
        for row in rows:
            ahead = (size[rows] - size[row]) / np.hypot(error[rows], error[row]) > z
            found[row] = 1 + int(ahead.sum())
    return found
