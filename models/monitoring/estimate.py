"""A model's figures before outcomes are known, from its calibrated chances alone, and whether to trust them (LRN-4).

Where chances are right, they tell how well they order: each account counts as a loss by its chance and as none by the
rest (confidence-based estimation; Bialek and others 2024). What is assumed: an account with these
features leaves as often as it did in the matured months (no concept shift). Labels that are not there cannot show that
this is so; the newest months whose labels are there can, and they are held against what was foretold for them. A
change younger than those months is not seen by anybody yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, prediction_interval
from keepwell.models.grading.metrics import Floats, Graded, graded, line, log_odds, roc_auc
from keepwell.models.settings.monitoring import EstimateSettings

SEED = 1
MONTH_DAYS = 30.4


@dataclass(frozen=True)
class Check:
    """A figure of the newest matured months beside what had been foretold for them."""

    metric: str
    realised: float
    expected: Estimate
    holds: bool

    @property
    def worse(self) -> bool:
        """Whether it came out worse than foretold: ranked less well, or more losses."""
        ranked = self.metric == "roc_auc"
        return self.realised < self.expected.low if ranked else self.realised > self.expected.high


@dataclass(frozen=True)
class EstimatedMetrics:
    """Figures of months whose outcomes are not known yet; `reasons` say why they are not to be trusted.

    `worse`: those of the reasons that speak against the model too: what came out better than foretold does not.
    """

    months: tuple[pd.Timestamp, ...]
    metrics: Mapping[str, Estimate]
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    worse: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the assumption."""
        return not self.reasons

    @property
    def sentence(self) -> str:
        """What a page says of it."""
        auc = self.metrics["roc_auc"]
        said = (
            f"ROC-AUC of {self.months[0]:%Y-%m} to {self.months[-1]:%Y-%m}, estimated before outcomes are known: "
            f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})."
        )
        return said if self.trusted else f"{said} The estimate is not to be trusted: {'; '.join(self.reasons)}."


@dataclass(frozen=True)
class Line:
    """The line that puts log odds right (Platt 1999), with the covariance of intercept and slope over accounts."""

    beta: Floats
    covariance: Floats


def on_line(odds: Floats, beta: Floats) -> Floats:
    """The chances of these log odds, put right by intercept and slope."""
    right: Floats = 1.0 / (1.0 + np.exp(-(beta[0] + beta[1] * odds)))
    return right


def estimate_metrics(
    rows: pd.DataFrame, horizon_days: int, rules: EstimateSettings, doubts: Sequence[str] = ()
) -> EstimatedMetrics:
    """Figures of the rows without an outcome, by the chances as the rows with one put them right.

    `rows`: account_id, as_of (starts of months), chance, flagged and happened (missing: not matured), of months that
    the model did not learn from. `doubts`: what else speaks against it (`strong_drift`). Intervals hold the noise of
    outcomes and that of the line.
    """
    labeled, unlabeled = rows[rows["happened"].notna()], rows[rows["happened"].isna()]
    span = max(round(horizon_days / MONTH_DAYS), 1)
    checks = _checked(labeled, span, rules)
    reasons = [*doubts, *(_broken(check, labeled, rules) for check in checks or () if not check.holds)]
    if checks is None:
        reasons.append(_too_little(labeled, rules))
    sure = _enough(labeled, rules)
    whole = fitted_line(labeled) if sure else Line(np.array([0.0, 1.0]), np.zeros((2, 2)))
    metrics = _expected(unlabeled, whole, span, rules.replicates, rules.confidence)
    months = tuple(sorted(unlabeled["as_of"].unique()))
    worse = [*doubts, *(_broken(check, labeled, rules) for check in checks or () if check.worse)]
    return EstimatedMetrics(months, metrics, checks or (), tuple(reasons), tuple(worse))


def fitted_line(labeled: pd.DataFrame) -> Line:
    """The line of these rows; rows of one account are one draw (sandwich over accounts, Liang and Zeger 1986)."""
    odds, y_true = log_odds(labeled["chance"].to_numpy(dtype=float)), labeled["happened"].to_numpy(dtype=float)
    beta = np.array(line(odds, y_true, np.ones(len(odds))))
    inputs = np.stack([np.ones_like(odds), odds])
    y_prob = 1.0 / (1.0 + np.exp(-(beta @ inputs)))
    curvature = np.linalg.pinv((inputs * (y_prob * (1.0 - y_prob))) @ inputs.T)
    codes, _ = pd.factorize(labeled["account_id"])
    sums = np.stack([np.bincount(codes, row * (y_true - y_prob)) for row in inputs])
    return Line(beta, curvature @ (sums @ sums.T) @ curvature)


def strong_drift(drift: pd.DataFrame, rules: EstimateSettings) -> list[str]:
    """Doubts that come from a frame of the mart `drift`: the score itself, or many inputs, are other than they were."""
    inputs, scores = (drift[drift["kind"] == kind] for kind in ("input", "score"))
    doubts = [f"the score `{name}` has drifted" for name in scores.loc[scores["drifted"], "name"]]
    drifted = int(inputs["drifted"].sum())
    if drifted > rules.max_drifted_share * len(inputs):
        doubts.append(f"{drifted} of {len(inputs)} inputs have drifted")
    return doubts


def _checked(labeled: pd.DataFrame, span: int, rules: EstimateSettings) -> tuple[Check, ...] | None:
    """The newest matured months against what those before them foretold; None where there are too few of either."""
    newest = sorted(labeled["as_of"].unique())[-rules.check_months :]
    late = labeled["as_of"].isin(newest)
    before, now = labeled[~late], labeled[late]
    if not _enough(before, rules) or not 0 < now["happened"].mean() < 1:
        return None
    expected = _expected(now, fitted_line(before), span, rules.replicates, rules.check_confidence)
    realised = _metrics(_sides(now, now["happened"].to_numpy(dtype=float)))
    return tuple(
        Check(
            name,
            realised[name],
            expected[name],
            _holds(name, realised[name], expected[name], rules),
        )
        for name in ("roc_auc", "losses")
    )


def _holds(name: str, realised: float, expected: Estimate, rules: EstimateSettings) -> bool:
    """Inside the interval, or so near that it does not matter: with many accounts an interval is very narrow."""
    off = abs(realised - expected.value)
    near = off < (rules.min_gap if name == "roc_auc" else rules.min_ratio * expected.value)
    return near or expected.low <= realised <= expected.high


def _broken(check: Check, labeled: pd.DataFrame, rules: EstimateSettings) -> str:
    """Why a check speaks against the estimate."""
    newest = sorted(labeled["as_of"].unique())[-rules.check_months :]
    name, digits = {"roc_auc": ("ROC-AUC", 3), "losses": ("losses", 0)}[check.metric]
    f = check.expected
    return (
        f"{name} of {newest[0]:%Y-%m} to {newest[-1]:%Y-%m} came to {check.realised:.{digits}f} where "
        f"{f.low:.{digits}f} to {f.high:.{digits}f} was foretold"
    )


def _too_little(labeled: pd.DataFrame, rules: EstimateSettings) -> str:
    """What is missing for a check."""
    return (
        f"{int(labeled['happened'].sum())} losses in {labeled['as_of'].nunique()} months have matured since the model "
        f"learnt; more than {rules.check_months} months are needed and {rules.min_outcomes} losses before the newest"
    )


def _enough(labeled: pd.DataFrame, rules: EstimateSettings) -> bool:
    """Whether a line may rest on these rows."""
    churned = int(labeled["happened"].sum())
    varied = labeled["chance"].max() > labeled["chance"].min()
    return bool(varied and rules.min_outcomes <= churned <= len(labeled) - rules.min_outcomes)


def _expected(
    rows: pd.DataFrame, calibration: Line, span: int, replicates: int, confidence: float
) -> dict[str, Estimate]:
    """Expected figures, and their quantiles over draws of the line and of outcomes."""
    rng = np.random.default_rng(SEED)
    ordered = rows.sort_values("chance", kind="stable")
    odds = log_odds(ordered["chance"].to_numpy(dtype=float))
    side = _sides(ordered, on_line(odds, calibration.beta))
    account, _ = pd.factorize(ordered["account_id"])
    month = (ordered["as_of"].dt.year * 12 + ordered["as_of"].dt.month).to_numpy()
    drawn = []
    for beta in rng.multivariate_normal(calibration.beta, calibration.covariance, replicates):
        y_true = drawn_outcomes(on_line(odds, beta), account, month - month.min(), span, rng)
        drawn.append(_metrics(replace(side, y_true=y_true.astype(float))))
    return {
        name: prediction_interval(value, [d[name] for d in drawn], confidence) for name, value in _metrics(side).items()
    }


def drawn_outcomes(
    y_prob: Floats, account: NDArray[np.integer[Any]], month: NDArray[np.integer[Any]], span: int,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:  # fmt: skip
    """Outcomes drawn from the chances: each row's own chance, and rows of one account depend where windows overlap.

    A row of month m looks at the months m to m + span - 1. Each account draws one exponential clock per month; a row
    is a loss where one of its clocks rings before -log(1 - chance) / span, which has just its chance.
    """
    months = int(month.max()) + 1
    clocks = rng.standard_exponential((months + span - 1, int(account.max()) + 1), dtype=np.float32)
    soonest = clocks[:months].copy()
    for later in range(1, span):
        np.minimum(soonest, clocks[later : later + months], out=soonest)
    rang: NDArray[np.bool_] = soonest[month, account] < -np.log1p(-y_prob) / span
    return rang


def _sides(rows: pd.DataFrame, y_true: Floats) -> Graded:
    """The rows ordered by chance; `y_true` may be a chance too."""
    return graded(y_true, rows["chance"].to_numpy(dtype=float), rows["flagged"].to_numpy(dtype=bool))


def _metrics(side: Graded) -> dict[str, float]:
    """Figures that hold for outcomes and, as ratios of expectations, for chances alike; NaN where nobody left."""
    churned, caught = float(side.y_true.sum()), float(side.y_true[side.flagged].sum())
    flagged = int(side.flagged.sum())
    return {
        "roc_auc": roc_auc(side) if 0 < churned < len(side.y_true) else np.nan,
        "precision": caught / flagged if flagged else np.nan,
        "recall": caught / churned if churned else np.nan,
        "losses": churned,
    }
