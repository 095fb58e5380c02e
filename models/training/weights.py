"""Weights of the health components tuned to churn: never negative, per segment, fitted in time order (HLT-5).

The score keeps its form: the weighted mean of the known components. The weights are those with which the score predicts
churn best in a logistic regression, with a prior around the weights set by hand (maximum a posteriori). A segment's
weights have a prior around those of the whole portfolio, so that little churn hardly moves them (partial pooling).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from keepwell.models.grading.intervals import Estimate, drawn, estimated
from keepwell.models.grading.metrics import Floats, graded, recall, roc_auc, top
from keepwell.models.settings.training import CandidateSettings, WeightSettings

TEN = 10.0
"""Points of health per unit of the fit, which keeps the slope near 1."""
START_SLOPE = 0.5
SEED = 1
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Tuned:
    """Weights of the whole portfolio and of each segment, each summing to 1.

    `own`: segments with enough churn for weights of their own; `churned_accounts`: churned accounts per segment.
    """

    book: Weights
    segments: Mapping[str, Weights]
    own: frozenset[str]
    churned_accounts: Mapping[str, int]

    def of(self, segment: str) -> Weights:
        """The weights of a segment; the portfolio's for an unseen one."""
        return self.segments.get(segment, self.book)


def tuned_weights(
    rows: pd.DataFrame, label: str, components: Sequence[str], by_hand: Callable[[str], Weights], rules: WeightSettings
) -> Tuned:
    """The weights that best predict the outcome of these rows, the training months.

    `rows`: account_id, segment, the label (no row without one) and `component_<name>`, points 0 to 100, NaN where
    unknown. `by_hand`: the active weights of a segment (empty where it has none), summing to 1; their mean over the
    rows is the portfolio's prior.
    """
    names = rows["segment"].fillna("")
    share = names.value_counts(normalize=True).sort_index()
    prior = sum((share[s] * _vector(by_hand(s), components) for s in share.index), np.zeros(len(components)))
    book = _fitted(rows, label, components, prior, rules.spread)
    churned = rows[rows[label].astype(bool)].groupby(names)["account_id"].nunique()
    churned_accounts = {str(s): int(churned.get(s, 0)) for s in share.index}
    own = frozenset(s for s, count in churned_accounts.items() if count >= rules.min_churned_accounts)
    segments = {
        str(s): _named(
            _fitted(rows[names == s], label, components, book, rules.segment_spread) if s in own else book, components
        )
        for s in share.index
    }
    return Tuned(_named(book, components), segments, own, churned_accounts)


def weighted_health(rows: pd.DataFrame, weights: Callable[[str], Weights]) -> pd.Series:
    """The score of each row with its segment's weights: the weighted mean of the known components.

    NaN where no component with a weight is known.
    """
    score = pd.Series(np.nan, rows.index)
    for segment, place in rows.groupby(rows["segment"].fillna("")).groups.items():
        of = weights(str(segment))
        points = rows.loc[place, [f"component_{c}" for c in of]].to_numpy(dtype=float)
        share = np.where(np.isnan(points), 0.0, np.array(list(of.values())))
        total = share.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            score.loc[place] = np.where(total > 0, (share * np.nan_to_num(points)).sum(axis=1) / total, np.nan)
    return score


@dataclass(frozen=True)
class Backtest:
    """Metrics of both scores on the same test rows, `recall` at capacity, and their paired difference `ahead`."""

    rows: int
    churned_accounts: int
    by_hand: Mapping[str, Estimate]
    tuned: Mapping[str, Estimate]
    ahead: Mapping[str, Estimate]


def backtest(
    rows: pd.DataFrame, label: str, by_hand: pd.Series, tuned: pd.Series, capacity_share: float,
    rules: CandidateSettings,
) -> Backtest:  # fmt: skip
    """Hand-set against tuned health on the test months, used for neither; rows that lack one are left out."""
    both = by_hand.notna() & tuned.notna()
    rows = rows[both]
    y_true, months = rows[label].to_numpy(dtype=float), rows["as_of"].to_numpy()
    risks = {"by_hand": -by_hand[both].to_numpy(), "tuned": -tuned[both].to_numpy()}
    sides = {side: graded(y_true, risk, top(risk, months, capacity_share)) for side, risk in risks.items()}
    accounts = rows["account_id"].to_numpy()
    found = drawn(sides, {"roc_auc": roc_auc, "recall": recall}, accounts, rules.replicates, SEED)
    metrics = {side: {n: estimated(v, rules.confidence) for n, v in of.items()} for side, of in found.items()}
    ahead = {n: estimated(v - found["by_hand"][n], rules.confidence) for n, v in found["tuned"].items()}
    return Backtest(len(rows), int(y_true.sum()), metrics["by_hand"], metrics["tuned"], ahead)


def _fitted(rows: pd.DataFrame, label: str, components: Sequence[str], prior: Floats, spread: float) -> Floats:
    """The maximum a posteriori weights given these rows and the prior, summing to 1.

    The months of a churned account repeat one outcome; the likelihood counts it once.
    """
    y_true = rows[label].to_numpy(dtype=float)
    if not 0 < y_true.sum() < len(y_true):
        return prior
    points = rows[[f"component_{c}" for c in components]].to_numpy(dtype=float) / TEN
    known = (~np.isnan(points)).astype(float)
    points = np.nan_to_num(points)
    once = rows.loc[rows[label].astype(bool), "account_id"].nunique() / y_true.sum()
    segments, _ = pd.factorize(rows["segment"].fillna(""))
    size = len(components)

    def objective(given: Floats) -> tuple[float, Floats]:
        """Minus the log posterior, and its gradient by weights, slope and the segments' intercepts."""
        weights, slope, levels = given[:size], given[size], given[size + 1 :]
        total = np.maximum(known @ weights, np.finfo(float).eps)
        score = (points @ weights) / total
        odds = levels[segments] - slope * score
        error = scipy.special.expit(odds) - y_true
        likelihood = np.logaddexp(0.0, odds).sum() - y_true @ odds
        along = (error / total) @ points - (error * score / total) @ known
        # The score does not change when all weights scale alike, so the prior applies to normalized weights.
        shares = weights / weights.sum()
        away = (shares - prior) / spread**2
        return (
            once * likelihood + 0.5 * float(away @ (shares - prior)),
            np.concatenate([
                -once * slope * along + (away - away @ shares) / weights.sum(), [-once * (error @ score)],
                once * np.bincount(segments, error, len(levels)),
            ]),
        )  # fmt: skip

    rate = y_true.mean()
    count = int(segments.max()) + 1
    level = np.log(rate / (1 - rate)) + START_SLOPE * points.sum() / known.sum()
    start = np.concatenate([prior, [START_SLOPE], np.full(count, level)])
    bounds = [(0.0, None)] * (size + 1) + [(None, None)] * count
    found = scipy.optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}
    )
    weights: Floats = found.x[:size]
    return weights / weights.sum()


def _vector(weights: Weights, components: Sequence[str]) -> Floats:
    return np.array([weights[c] for c in components])


def _named(weights: Floats, components: Sequence[str]) -> dict[str, float]:
    return dict(zip(components, map(float, weights), strict=True))
