"""Unpenalized logistic regression on one number, by Newton's method: for one weighting of the rows, or for many.

And, of any logistic regression, errors that are clustered by account, and shrinkage by them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
STEPS = 30
ENOUGH = 1e-6
"""Size of a step after which there is no further one."""
FARTHEST = 30.0
"""Log odds are kept within this of 0, so that no exponential overflows."""
FLAT = 1e-12
"""Determinant, as a share of its largest possible value, below which the two unknowns are not told apart by it."""


def line(x: Floats, y_true: Floats, sample_weight: Floats) -> tuple[float, float]:
    """Intercept and slope for one weighting of the rows."""
    intercept, slope = lines(x, sample_weight * y_true, sample_weight)
    return float(intercept), float(slope)


def lines(x: Floats, positive: Floats, weight: Floats) -> Floats:
    """Intercepts and slopes, in the last axis.

    `x`: a number of each group of rows; `weight`, `positive`: the weight of all rows of the group, and of those with
    the outcome, one line of them per weighting. Where `x` is constant, the smallest intercept and slope are taken.
    """
    powers = np.stack([np.ones_like(x), x, x * x])
    found = np.zeros((*weight.shape[:-1], 2))
    beta, positive, weight = found.reshape(-1, 2), positive.reshape(-1, len(x)), weight.reshape(-1, len(x))
    left = np.arange(len(beta))
    for _ in range(STEPS):
        step = _step(powers, positive, weight, beta[left])
        beta[left] += step
        going = ~(np.abs(step).max(axis=1) < ENOUGH)
        if not going.any():
            break
        if not going.all():
            left, positive, weight = left[going], positive[going], weight[going]
    return found


def clustered(columns: Floats, beta: Floats, y_true: Floats, sample_weight: Floats, accounts: NDArray[Any]) -> Floats:
    """Covariance of the coefficients `beta` of a logistic regression on `columns` (a row per row), over accounts.

    An account's months share an outcome, so accounts are what is drawn (sandwich: Liang and Zeger 1986).
    """
    expected = 1.0 / (1.0 + np.exp(-(columns @ beta)))
    curvature = columns.T @ (columns * (sample_weight * expected * (1.0 - expected))[:, None])
    place = np.unique(accounts, return_inverse=True)[1]
    pulls = np.stack([np.bincount(place, sample_weight * (y_true - expected) * side) for side in columns.T])
    inverse = np.linalg.pinv(curvature)
    found: Floats = inverse @ (pulls @ pulls.T) @ inverse
    return found


def shrunk_to_zero(estimate: Floats, covariance: Floats, spreads: Floats) -> Floats:
    """The posterior mean of coefficients expected around 0, with standard deviations `spreads` (Morris 1983)."""
    prior = np.diag(spreads**2)
    found: Floats = prior @ np.linalg.solve(prior + covariance, estimate)
    return found


def _step(powers: Floats, positive: Floats, weight: Floats, beta: Floats) -> Floats:
    """Newton's step of each weighting: its curvature's inverse times its gradient."""
    probability = beta @ powers[:2]
    np.maximum(probability, -FARTHEST, out=probability)
    np.minimum(probability, FARTHEST, out=probability)
    np.exp(np.negative(probability, out=probability), out=probability)
    np.reciprocal(np.add(probability, 1.0, out=probability), out=probability)
    expected = weight * probability
    gradient = (positive - expected) @ powers[:2].T
    np.subtract(1.0, probability, out=probability)
    curvature = np.multiply(expected, probability, out=expected) @ powers.T
    first, mixed, second = curvature.T
    determinant = first * second - mixed * mixed
    clear = determinant > FLAT * first * second
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.stack([second * gradient[:, 0] - mixed * gradient[:, 1],
                         first * gradient[:, 1] - mixed * gradient[:, 0]], axis=1) / determinant[:, None]  # fmt: skip
    for at in np.flatnonzero(~clear):
        both = np.array([[first[at], mixed[at]], [mixed[at], second[at]]])
        step[at] = np.linalg.lstsq(both, gradient[at], rcond=FLAT)[0]
    return step
