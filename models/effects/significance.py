"""Which effects may lead to a suggestion: sure enough for all that were looked at together (MON-4).

Many kinds, causes and segments are looked at, and one in ten intervals of nothing leaves 0 out. Suggestions rest on
effects whose share of false ones is bounded (Benjamini and Hochberg 1995), among those with enough cases.
"""

import numpy as np
import pandas as pd
from scipy import stats

PREFER, DROP, RECONSIDER, UNCLEAR, FEW = "prefer", "drop", "reconsider", "unclear", "too few"
"""Does good; does harm; does less good than is worth knowing; cannot be told; too few cases to tell."""


def q_values(table: pd.DataFrame, confidence: float) -> pd.Series:
    """The bound on false discoveries at which each effect with enough cases would still be told; NaN for the others."""
    judged = table[table["enough"].astype(bool) & table["effect"].notna()]
    error = (judged["high"] - judged["low"]) / 2.0 / stats.norm.ppf((1.0 + confidence) / 2.0)
    p = 2.0 * stats.norm.sf(np.abs(judged["effect"]) / error)
    found = stats.false_discovery_control(p) if len(p) else []
    return pd.Series(found, index=judged.index, dtype="float64").reindex(table.index)


def verdict(effect: float, low: float, high: float, q: float, *, good: float, rate: float) -> str:
    """What an effect with its interval allows to say. `good`: the least effect worth knowing, with its good sign."""
    if np.isnan(q):
        return FEW
    if q <= rate and min(low, high) * max(low, high) > 0:
        return PREFER if effect * good > 0 else DROP
    best = high if good > 0 else low
    return RECONSIDER if best / good < 1.0 else UNCLEAR
