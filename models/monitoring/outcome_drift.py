"""Monthly outcome rates against the training months, and outcomes against predictions (LRN-3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy

from keepwell.models.grading.metrics import weight_of
from keepwell.models.settings.monitoring import DriftSettings


@dataclass(frozen=True)
class Rate:
    """Share of rows with the outcome, and the variance of that share over accounts."""

    value: float
    variance: float


def outcome_drift(rows: pd.DataFrame, reference_rate: Rate, rules: DriftSettings) -> pd.DataFrame:
    """Monthly outcome rate against that of the training months, and outcomes over the sum of the probabilities.

    `rows`: account_id, as_of, chance, happened and, where they differ, weight of matured months outside the training
    data; `reference_rate`: that of the training rows. Columns: kind (`outcome`), name, statistic (`base_rate`,
    `observed_to_expected`), month, value, low, high, p_value, q_value, drifted. Neighbouring months share outcomes.
    """
    counted = rows[weight_of(rows) > 0]
    found = [row for month, part in counted.groupby("as_of") for row in _month(month, part, reference_rate, rules)]
    frame = pd.DataFrame(found)
    if frame.empty:
        return frame
    for statistic in frame["statistic"].unique():
        mine = frame["statistic"] == statistic
        frame.loc[mine, "q_value"] = scipy.stats.false_discovery_control(frame.loc[mine, "p_value"].to_numpy())
    sure = frame["q_value"] < rules.false_discovery_rate
    drifted = sure & ((frame["ratio"] - 1.0).abs() >= rules.min_ratio)
    return frame.drop(columns="ratio").assign(drifted=drifted)


def _month(month: pd.Timestamp, rows: pd.DataFrame, reference_rate: Rate, rules: DriftSettings) -> list[dict[str, Any]]:
    """Base rate and observed to expected of one month, with interval and p-value by the normal approximation."""
    weight, y_prob = weight_of(rows), rows["chance"].to_numpy(dtype=float)
    churned = float(weight @ rows["happened"].to_numpy(dtype=float))
    share, rate = churned / weight.sum(), reference_rate.value
    noise = np.sqrt(max(share * (1.0 - share), rate * (1.0 - rate)) * (weight @ weight)) / weight.sum()
    expected, spread = float(weight @ y_prob), float(np.sqrt(weight**2 @ (y_prob * (1.0 - y_prob))))
    wide = float(scipy.stats.norm.ppf((1.0 + rules.confidence) / 2.0))
    return [
        {
            "kind": "outcome", "name": name, "statistic": statistic, "month": month, "value": value,
            "low": max(value - wide * error, 0.0), "high": value + wide * error, "ratio": ratio,
            "p_value": 2.0 * float(scipy.stats.norm.sf(abs(z))),
        }
        for name, statistic, value, error, ratio, z in (
            ("rate", "base_rate", share, noise, share / rate,
             (share - rate) / np.sqrt(noise**2 + reference_rate.variance)),
            ("losses", "observed_to_expected", churned / expected, spread / expected, churned / expected,
             (churned - expected) / spread),
        )
    ]  # fmt: skip


def rate_of(rows: pd.DataFrame) -> Rate:
    """The outcome rate of these rows (account_id, happened, weight), a ratio of sums over accounts (Cochran 1977)."""
    weight = weight_of(rows)
    each = pd.DataFrame({"sum": weight * rows["happened"], "size": weight}).groupby(rows["account_id"])
    sums = each.sum().to_numpy(dtype=float)
    rate = float(sums[:, 0].sum() / sums[:, 1].sum())
    return Rate(rate, float(((sums[:, 0] - rate * sums[:, 1]) ** 2).sum() / sums[:, 1].sum() ** 2))
