"""Metrics estimated before outcomes are known, from the calibrated probabilities, and whether to trust them (LRN-4).

Calibrated probabilities imply how well they rank: each account counts as positive with its probability and as negative
with the rest (confidence-based estimation; Bialek and others 2024). The assumption is that accounts with the same
features have the outcome as often as in the matured months (no concept shift). Months without labels cannot show
whether it holds; the newest matured months can, and are compared with what was predicted for them. A change more recent
than those months cannot be seen yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, prediction_interval
from keepwell.models.grading.logistic_line import clustered, line
from keepwell.models.grading.metrics import Floats, Graded, graded, log_odds, roc_auc, weight_of
from keepwell.models.settings.monitoring import EstimateSettings

SEED = 1
MONTH_DAYS = 30.4


@dataclass(frozen=True)
class Check:
    """A metric of the newest matured months against its predicted interval."""

    metric: str
    realised: float
    expected: Estimate
    holds: bool

    @property
    def worse(self) -> bool:
        """Whether it came out worse than predicted: a lower ROC-AUC, or more outcomes."""
        ranked = self.metric == "roc_auc"
        return self.realised < self.expected.low if ranked else self.realised > self.expected.high


@dataclass(frozen=True)
class EstimatedMetrics:
    """Metrics of months whose outcomes are not known yet; `reasons` say why they are not to be trusted.

    `worse`: those of the reasons that speak against the model too; a metric better than predicted does not.
    """

    months: tuple[pd.Timestamp, ...]
    metrics: Mapping[str, Estimate]
    checks: tuple[Check, ...]
    reasons: tuple[str, ...]
    worse: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether no check failed and no reason speaks against the assumption."""
        return not self.reasons

    @property
    def sentence(self) -> str:
        """The sentence for a page: the estimated ROC-AUC, and why not to trust it."""
        auc = self.metrics["roc_auc"]
        said = (
            f"ROC-AUC of {self.months[0]:%Y-%m} to {self.months[-1]:%Y-%m}, estimated before outcomes are known: "
            f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})."
        )
        return said if self.trusted else f"{said} The estimate is not to be trusted: {'; '.join(self.reasons)}."


@dataclass(frozen=True)
class Line:
    """The calibration line in the log odds (Platt 1999), with the covariance of intercept and slope over accounts."""

    beta: Floats
    covariance: Floats


def on_line(odds: Floats, beta: Floats) -> Floats:
    """The probabilities of these log odds, calibrated by intercept and slope."""
    right: Floats = 1.0 / (1.0 + np.exp(-(beta[0] + beta[1] * odds)))
    return right


def estimate_metrics(
    rows: pd.DataFrame, horizon_days: int, rules: EstimateSettings, doubts: Sequence[str] = ()
) -> EstimatedMetrics:
    """Metrics of the rows without an outcome, from probabilities recalibrated on the rows with one.

    `rows`: account_id, as_of (starts of months), chance, flagged, happened (missing: not matured) and, where they
    differ, weight, of months that the model was not trained on. `doubts`: what else speaks against it
    (`strong_drift`). Intervals include the noise of outcomes and of the calibration.
    """
    unlabeled = rows[rows["happened"].isna()]
    labeled = rows[rows["happened"].notna() & (weight_of(rows) > 0)]
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
    """The calibration line of these rows, with its error over accounts."""
    odds, y_true = log_odds(labeled["chance"].to_numpy(dtype=float)), labeled["happened"].to_numpy(dtype=float)
    weight = weight_of(labeled)
    beta, columns = np.array(line(odds, y_true, weight)), np.column_stack([np.ones_like(odds), odds])
    return Line(beta, clustered(columns, beta, y_true, weight, labeled["account_id"].to_numpy()))


def strong_drift(drift: pd.DataFrame, rules: EstimateSettings) -> list[str]:
    """Doubts from a frame of the mart `drift`: the score itself, or many inputs, have drifted."""
    inputs, scores = (drift[drift["kind"] == kind] for kind in ("input", "score"))
    doubts = [f"the score `{name}` has drifted" for name in scores.loc[scores["drifted"], "name"]]
    drifted = int(inputs["drifted"].sum())
    if drifted > rules.max_drifted_share * len(inputs):
        doubts.append(f"{drifted} of {len(inputs)} inputs have drifted")
    return doubts


def _checked(labeled: pd.DataFrame, span: int, rules: EstimateSettings) -> tuple[Check, ...] | None:
    """The newest matured months against the predictions from those before; None where there are too few of either."""
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
    """Inside the interval, or close enough not to matter: with many accounts an interval is very narrow."""
    off = abs(realised - expected.value)
    near = off < (rules.min_gap if name == "roc_auc" else rules.min_ratio * expected.value)
    return near or expected.low <= realised <= expected.high


def _broken(check: Check, labeled: pd.DataFrame, rules: EstimateSettings) -> str:
    """The sentence on a failed check."""
    newest = sorted(labeled["as_of"].unique())[-rules.check_months :]
    name, digits = {"roc_auc": ("ROC-AUC", 3), "losses": ("outcomes", 0)}[check.metric]
    f = check.expected
    return (
        f"{name} of {newest[0]:%Y-%m} to {newest[-1]:%Y-%m} came to {check.realised:.{digits}f} where "
        f"{f.low:.{digits}f} to {f.high:.{digits}f} was predicted"
    )


def _too_little(labeled: pd.DataFrame, rules: EstimateSettings) -> str:
    """The sentence on what is missing for a check."""
    return (
        f"{int(labeled['happened'].sum())} outcomes in {labeled['as_of'].nunique()} months have matured since "
        f"training; more than {rules.check_months} months are needed, with {rules.min_outcomes} outcomes before the "
        "newest"
    )


def _enough(labeled: pd.DataFrame, rules: EstimateSettings) -> bool:
    """Whether these rows are enough to fit the calibration."""
    churned = int(labeled["happened"].sum())
    varied = labeled["chance"].max() > labeled["chance"].min()
    return bool(varied and rules.min_outcomes <= churned <= len(labeled) - rules.min_outcomes)


def _expected(
    rows: pd.DataFrame, calibration: Line, span: int, replicates: int, confidence: float
) -> dict[str, Estimate]:
    """Expected metrics, with quantiles over draws of the calibration and of outcomes."""
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
    """Outcomes drawn from the probabilities; rows of one account are dependent where their windows overlap.

    The window of a row of month m is the months m to m + span - 1. Each account draws one exponential waiting time per
    month; a row has the outcome where one of its times is below -log(1 - probability) / span, which happens with
    exactly its probability.
    """
    months = int(month.max()) + 1
    clocks = rng.standard_exponential((months + span - 1, int(account.max()) + 1), dtype=np.float32)
    soonest = clocks[:months].copy()
    for later in range(1, span):
        np.minimum(soonest, clocks[later : later + months], out=soonest)
    rang: NDArray[np.bool_] = soonest[month, account] < -np.log1p(-y_prob) / span
    return rang


def _sides(rows: pd.DataFrame, y_true: Floats) -> Graded:
    """The rows ordered by probability; `y_true` may be a probability too."""
    y_prob, flagged = rows["chance"].to_numpy(dtype=float), rows["flagged"].to_numpy(dtype=bool)
    return graded(y_true, y_prob, flagged, weight_of(rows))


def _metrics(side: Graded) -> dict[str, float]:
    """Metrics of outcomes or, as ratios of expectations, of probabilities; NaN where undefined."""
    churned, caught, flagged = float(side.positive), float(side.caught), float(side.flagged_total)
    return {
        "roc_auc": float(roc_auc(side)) if 0 < churned < side.total else np.nan,
        "precision": caught / flagged if flagged else np.nan,
        "recall": caught / churned if churned else np.nan,
        "losses": churned,
    }
