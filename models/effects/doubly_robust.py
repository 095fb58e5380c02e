"""The doubly robust mean effect on the treated: adjusted for who is treated and for the outcome without treatment.

With e(x) the probability of being treated and m(x) the outcome expected without treatment,

    effect = mean over treated of (y - m(x)) - weighted mean over untreated of (y - m(x))
    weight = min(e / (1 - e), cap)

which is consistent if either model is (augmented inverse weighting: Robins, Rotnitzky and Zhao 1994; for the treated:
Mercatanti and Li 2014). Weights are capped: where nearly all are treated, the outcome model stands in. The influence of
each row includes its effect on both fitted models (stacked estimating equations: Stefanski and Boos 2002), with
residuals widened by leverage (MacKinnon and White 1985). Without either, 90% intervals of a few hundred accounts cover
the truth in 57% to 85% of worlds, cross-fitted or not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from keepwell.models.grading.metrics import Floats

Bools = NDArray[np.bool_]
MAX_LEVERAGE = 0.9
TOLERANCE = 1e-8


@dataclass(frozen=True)
class Fitted:
    """A penalized regression on some rows: its prediction for every row, and the influence of each row on it.

    `slope`: derivative of the mean by the linear predictor; `influence`: rows x coefficients, the intercept first;
    `widened`: residuals over one minus leverage.
    """

    mean: Floats
    slope: Floats
    influence: Floats
    widened: Floats


@dataclass(frozen=True)
class Adjusted:
    """The effect, the influence of each row on it (their squares sum to its variance), and the weights of the rows.

    `odds`: of being treated; `weight`: of the untreated, 0 for the treated.
    """

    value: float
    influence: Floats
    odds: Floats
    weight: Floats

    @property
    def effective(self) -> float:
        """Effective sample size of the weighted untreated rows (Kish 1965)."""
        return float(self.weight.sum() ** 2 / np.square(self.weight).sum())


def adjusted(x: Floats, treated: Bools, y: Floats, penalty: float, max_weight: float, *, binary: bool) -> Adjusted:
    """The mean effect on the treated; `x`: covariates scaled to standard deviation 1, without an intercept."""
    rows = np.column_stack([np.ones(len(x)), x])
    chosen = fitted_line(rows, treated.astype(float), np.ones(len(x), dtype=bool), penalty, binary=True)
    base = fitted_line(rows, y, ~treated, penalty, binary=binary)
    odds = chosen.mean / (1.0 - chosen.mean)
    weight = np.where(treated, 0.0, np.minimum(odds, max_weight))
    share = weight / weight.sum()
    left = y - base.mean
    beside = float(np.dot(share, left))
    value = float(left[treated].mean()) - beside
    count = int(treated.sum())
    own = np.where(treated, (left - beside - value) / count, -share * (base.widened - beside))
    through_base = (rows * base.slope[:, None]).T @ (share - treated / count)
    free = np.where(odds <= max_weight, share * (left - beside), 0.0)
    through_chosen = -rows.T @ free
    influence = own + base.influence @ through_base + chosen.influence @ through_chosen
    return Adjusted(value, influence, odds, weight)


def fitted_line(rows: Floats, y: Floats, among: Bools, penalty: float, *, binary: bool) -> Fitted:
    """A logistic or a linear regression on the rows `among`; the intercept (first column) is not penalized."""
    x = rows[:, 1:]
    if binary:
        model: Any = LogisticRegression(C=1.0 / penalty, solver="newton-cholesky", tol=TOLERANCE)
        model = model.fit(x[among], y[among])
        mean = model.predict_proba(x)[:, 1]
        slope = mean * (1.0 - mean)
    else:
        model = Ridge(alpha=penalty).fit(x[among], y[among])
        mean = model.predict(x)
        slope = np.ones(len(y))
    ridge = np.diag([0.0, *np.full(x.shape[1], penalty)])
    inverse = np.linalg.inv((rows * (among * slope)[:, None]).T @ rows + ridge)
    leverage = np.einsum("ij,jk,ik->i", rows, inverse, rows) * slope * among
    widened = (y - mean) / (1.0 - np.minimum(leverage, MAX_LEVERAGE))
    influence = (rows * (among * widened)[:, None]) @ inverse
    return Fitted(mean, slope, influence, widened)
