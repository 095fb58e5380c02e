"""Which effects are significant enough to lead to a suggestion, with multiple testing accounted for (MON-4).

Many kinds, causes and segments are tested, and one in ten intervals around no effect excludes 0. Suggestions rest on
effects whose false discovery rate is bounded (Benjamini and Hochberg 1995), among those with enough subjects.
"""

import numpy as np
import pandas as pd
import scipy

PREFER, DROP, RECONSIDER, UNCLEAR, FEW = "prefer", "drop", "reconsider", "unclear", "too few"
"""Helps; harms; helps less than the smallest effect that matters; inconclusive; too few subjects."""


def q_values(table: pd.DataFrame, confidence: float) -> pd.Series:
    """The q-value (smallest false discovery rate) of each effect with enough subjects; NaN for the others."""
    judged = table[table["enough"].astype(bool) & table["effect"].notna()]
    error = (judged["high"] - judged["low"]) / 2.0 / scipy.stats.norm.ppf((1.0 + confidence) / 2.0)
    p = 2.0 * scipy.stats.norm.sf(np.abs(judged["effect"]) / error)
    found = scipy.stats.false_discovery_control(p) if len(p) else []
    return pd.Series(found, index=judged.index, dtype="float64").reindex(table.index)


def verdict(effect: float, low: float, high: float, q: float, *, good: float, rate: float) -> str:
    """The verdict on an effect. `good`: the smallest effect that matters, with the sign that is good."""
    if np.isnan(q):
        return FEW
    if q <= rate and min(low, high) * max(low, high) > 0:
        return PREFER if effect * good > 0 else DROP
    best = high if good > 0 else low
    return RECONSIDER if best / good < 1.0 else UNCLEAR
