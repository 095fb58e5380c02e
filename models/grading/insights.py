"""Insights: groups of accounts that have an outcome more often than the others, with intervals (MOD-7).

Every feature is split at meaningful points: missing against known, zero against more, quartiles and the median; one
category against all others. All splits that were tried count in the false discovery rate. What is found is an
association: it shows where to look, not what would happen if something were changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy

from keepwell.models.grading.intervals import estimated
from keepwell.models.grading.metrics import Floats
from keepwell.models.grading.rates import Bools, drawn_counts
from keepwell.models.settings.grading import InsightSettings

Side = Literal["missing", "known", "zero", "some", "low", "high", "word"]
OTHER: Mapping[Side, Side] = {"missing": "known", "zero": "some", "low": "high"}
NEARLY_HALF = (0.45, 0.55)
QUANTILES = (0.25, 0.5, 0.75)
SEED = 1


@dataclass(frozen=True)
class Contrast:
    """A group of account-months against the others of the same feature.

    `side`: the value is missing or known, is zero or more (at least `threshold`), is `threshold` or lower, is
    `threshold` or higher, or is the category `threshold`. `ratio`: the group's rate of the outcome over that of the
    others, with its interval.
    `q_value`: the smallest false discovery rate at which it would still be found.
    """

    feature: str
    side: Side
    threshold: float | str | None
    ratio: float
    low: float
    high: float
    q_value: float
    with_count: int
    with_outcome: int
    with_accounts: int
    without_count: int
    without_outcome: int
    without_accounts: int

    @property
    def groups(self) -> tuple[int, ...]:
        """The sizes of both groups: features that agree in all of them split the same rows."""
        return (self.with_count, self.with_outcome, self.with_accounts, self.without_count, self.without_outcome)

    @property
    def strength(self) -> float:
        """Distance on the log scale of the ratio's nearer bound from 1; 0 where the interval contains 1."""
        return max(np.log(self.low), -np.log(self.high), 0.0)


@dataclass(frozen=True)
class _Grouping:
    feature: str
    side: Side
    threshold: float | str | None
    group: Bools
    others: Bools
    above: float | None = None
    """The lowest value of the others, for a split between lower and higher."""


def strongest(found: Sequence[Contrast], rules: InsightSettings) -> list[Contrast]:
    """The contrasts to report, strongest first: significant, large enough, one per feature.

    Features that split the same groups (no user, no usage, no active day) are reported once.
    """
    worth = [
        c for c in found if c.q_value <= rules.false_discovery_rate and max(c.ratio, 1 / c.ratio) >= rules.min_ratio
    ]
    ordered = sorted(worth, key=lambda c: (-c.strength, c.feature, c.side, str(c.threshold)))
    firsts = {c.feature: c for c in reversed(ordered)}
    groups = {c.groups: c for c in reversed(ordered) if firsts[c.feature] is c}
    return [c for c in ordered if groups.get(c.groups) is c][: rules.max_insights]


def contrasts(
    rows: pd.DataFrame,
    label: str,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: InsightSettings,
) -> list[Contrast]:
    """Every contrast that was tried and whose two groups are large enough.

    `rows`: account_id, as_of, the label (no row without one) and the features, of training and validation months.
    """
    y_true, accounts = rows[label].to_numpy(dtype=float), rows["account_id"]
    groupings = [
        grouping
        for grouping in _groupings(rows, numeric_features, categorical_features)
        if _large_enough(grouping, accounts, y_true, rules)
    ]
    if not groupings:
        return []
    sides = [mask for grouping in groupings for mask in (grouping.group, grouping.others)]
    counts = drawn_counts(accounts, y_true, sides, rules.replicates, SEED)
    with np.errstate(divide="ignore", invalid="ignore"):  # a draw may have no outcome in a group
        ratios = counts.rates[:, 0::2] / counts.rates[:, 1::2]
    q_values = scipy.stats.false_discovery_control([_p_value(drawn) for drawn in ratios.T], method="by")
    return [
        _contrast(grouping, drawn, float(q), counts.rows[0, 2 * n : 2 * n + 2], counts.outcomes[0, 2 * n : 2 * n + 2],
                  accounts, rules)
        for n, (grouping, drawn, q) in enumerate(zip(groupings, ratios.T, q_values, strict=True))
    ]  # fmt: skip


def _contrast(
    grouping: _Grouping,
    drawn: Floats,
    q: float,
    rows: Floats,
    outcomes: Floats,
    accounts: pd.Series,
    rules: InsightSettings,
) -> Contrast:
    """The contrast of one split. The group is the smaller side; of two halves, the one with more of the outcome."""
    group, others, side, at, ratio = grouping.group, grouping.others, grouping.side, grouping.threshold, drawn
    order = [0, 1]
    share = rows[0] / rows.sum()
    if grouping.side in OTHER and (share > NEARLY_HALF[1] or (share >= NEARLY_HALF[0] and drawn[0] < 1.0)):
        group, others, side, order = grouping.others, grouping.group, OTHER[grouping.side], [1, 0]
        at = grouping.above
        with np.errstate(divide="ignore"):
            ratio = 1.0 / drawn
    estimate = estimated(ratio, rules.confidence)
    (with_count, without_count), (with_outcome, without_outcome) = rows[order], outcomes[order]
    return Contrast(
        grouping.feature, side, at, estimate.value, estimate.low, estimate.high, q,
        int(with_count), int(with_outcome), int(accounts[group].nunique()),
        int(without_count), int(without_outcome), int(accounts[others].nunique()),
    )  # fmt: skip


def _groupings(
    rows: pd.DataFrame, numeric_features: Sequence[str], categorical_features: Sequence[str]
) -> Iterator[_Grouping]:
    """Every split that is tried; splits of the same rows once."""
    months = rows["as_of"]
    for name in numeric_features:
        values = rows[name].astype("float64")
        if _differs_within_a_month(values, months):
            yield from _numeric_groupings(name, values)
    for name in categorical_features:
        values = rows[name]
        for word in sorted(values.dropna().unique()):
            group = (values == word).to_numpy(dtype=bool)
            yield _Grouping(name, "word", str(word), group, values.notna().to_numpy(dtype=bool) & ~group)


def _differs_within_a_month(values: pd.Series, months: pd.Series) -> bool:
    """Whether a feature differs between accounts; otherwise it only separates months."""
    month = values.groupby(months).agg(["min", "max", "count", "size"])
    some_missing = month["count"].between(1, month["size"] - 1)
    return bool((some_missing | (month["min"] < month["max"])).any())


def _numeric_groupings(name: str, values: pd.Series) -> Iterator[_Grouping]:
    missing = values.isna().to_numpy(dtype=bool)
    there = values.dropna()
    yield _Grouping(name, "missing", None, missing, ~missing)
    if len(there) and there.min() == 0.0:
        zero = (values == 0.0).to_numpy(dtype=bool)
        more = there[there > 0.0]
        yield _Grouping(name, "zero", 0.0, zero, ~zero & ~missing, float(more.min()) if len(more) else None)
    edges = {float(there.quantile(share, interpolation="lower")) for share in QUANTILES if len(there)}
    for edge in sorted(edges):
        low = (values <= edge).to_numpy(dtype=bool)
        others = ~low & ~missing
        if others.any() and not (edge == 0.0 == there.min()):
            yield _Grouping(name, "low", edge, low, others, float(values[others].min()))


def _large_enough(grouping: _Grouping, accounts: pd.Series, y_true: Floats, rules: InsightSettings) -> bool:
    return all(
        y_true[mask].sum() >= rules.min_outcomes and accounts[mask].nunique() >= rules.min_accounts
        for mask in (grouping.group, grouping.others)
    )


def _p_value(drawn: Any) -> float:
    """Two-sided p-value of a ratio of 1, by the spread of its logarithm over the draws (Efron and Tibshirani 1993)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(drawn)
    spread = float(np.std(logs[1:][np.isfinite(logs[1:])]))
    return float(2.0 * scipy.stats.norm.sf(abs(logs[0]) / spread)) if spread > 0 else 1.0
