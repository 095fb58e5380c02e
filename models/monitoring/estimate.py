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

from keepwell.models.grading.intervals import Estimate, foretold
from keepwell.models.grading.metrics import Floats, Graded, graded, line, log_odds, roc_auc
from keepwell.models.settings.monitoring import EstimateSettings

SEED = 1
MONTH_DAYS = 30.4


@dataclass(frozen=True)
class Check:
    """A figure of the newest matured months beside what had been foretold for them."""

    figure: str
    realised: float
    foretold: Estimate
    holds: bool

    @property
    def worse(self) -> bool:
        """Whether it came out worse than foretold: ranked less well, or more losses."""
        ranked = self.figure == "roc_auc"
        return self.realised < self.foretold.low if ranked else self.realised > self.foretold.high


@dataclass(frozen=True)
class Foretold:
    """Figures of months whose outcomes are not known yet; `reasons` say why they are not to be trusted.

    `worse`: those of the reasons that speak against the model too: what came out better than foretold does not.
    """

    months: tuple[pd.Timestamp, ...]
    figures: Mapping[str, Estimate]
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
        auc = self.figures["roc_auc"]
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


def foretell(rows: pd.DataFrame, horizon_days: int, rules: EstimateSettings, doubts: Sequence[str] = ()) -> Foretold:
    """Figures of the rows without an outcome, by the chances as the rows with one put them right.

    `rows`: account_id, as_of (starts of months), chance, flagged and happened (missing: not matured), of months that
    the model did not learn from. `doubts`: what else speaks against it (`strong_drift`). Intervals hold the noise of
    outcomes and that of the line.
    """
    told, untold = rows[rows["happened"].notna()], rows[rows["happened"].isna()]
    span = max(round(horizon_days / MONTH_DAYS), 1)
    checks = _checked(told, span, rules)
    reasons = [*doubts, *(_broken(check, told, rules) for check in checks or () if not check.holds)]
    if checks is None:
        reasons.append(_too_little(told, rules))
    sure = _enough(told, rules)
    whole = fitted_line(told) if sure else Line(np.array([0.0, 1.0]), np.zeros((2, 2)))
    figures = _expected(untold, whole, span, rules.replicates, rules.confidence)
    months = tuple(sorted(untold["as_of"].unique()))
    worse = [*doubts, *(_broken(check, told, rules) for check in checks or () if check.worse)]
    return Foretold(months, figures, checks or (), tuple(reasons), tuple(worse))


def fitted_line(told: pd.DataFrame) -> Line:
    """The line of these rows; rows of one account are one draw (sandwich over accounts, Liang and Zeger 1986)."""
    odds, happened = log_odds(told["chance"].to_numpy(dtype=float)), told["happened"].to_numpy(dtype=float)
    beta = np.array(line(odds, happened, np.ones(len(odds))))
    inputs = np.stack([np.ones_like(odds), odds])
    chance = 1.0 / (1.0 + np.exp(-(beta @ inputs)))
    curvature = np.linalg.pinv((inputs * (chance * (1.0 - chance))) @ inputs.T)
    codes, _ = pd.factorize(told["account_id"])
    sums = np.stack([np.bincount(codes, row * (happened - chance)) for row in inputs])
    return Line(beta, curvature @ (sums @ sums.T) @ curvature)


def strong_drift(drift: pd.DataFrame, rules: EstimateSettings) -> list[str]:
    """Doubts that come from a frame of the mart `drift`: the score itself, or many inputs, are other than they were."""
    inputs, scores = (drift[drift["kind"] == kind] for kind in ("input", "score"))
    doubts = [f"the score `{name}` has drifted" for name in scores.loc[scores["drifted"], "name"]]
    drifted = int(inputs["drifted"].sum())
    if drifted > rules.max_drifted_share * len(inputs):
        doubts.append(f"{drifted} of {len(inputs)} inputs have drifted")
    return doubts


def _checked(told: pd.DataFrame, span: int, rules: EstimateSettings) -> tuple[Check, ...] | None:
    """The newest matured months against what those before them foretold; None where there are too few of either."""
    newest = sorted(told["as_of"].unique())[-rules.check_months :]
    late = told["as_of"].isin(newest)
    before, now = told[~late], told[late]
    if not _enough(before, rules) or not 0 < now["happened"].mean() < 1:
        return None
    foretold = _expected(now, fitted_line(before), span, rules.replicates, rules.check_confidence)
    realised = _figures(_sides(now, now["happened"].to_numpy(dtype=float)))
    return tuple(
        Check(name, realised[name], foretold[name], _holds(name, realised[name], foretold[name], rules))
        for name in ("roc_auc", "losses")
    )


def _holds(name: str, realised: float, foretold: Estimate, rules: EstimateSettings) -> bool:
    """Inside the interval, or so near that it does not matter: with many accounts an interval is very narrow."""
    off = abs(realised - foretold.value)
    near = off < (rules.min_gap if name == "roc_auc" else rules.min_ratio * foretold.value)
    return near or foretold.low <= realised <= foretold.high


def _broken(check: Check, told: pd.DataFrame, rules: EstimateSettings) -> str:
    """Why a check speaks against the estimate."""
    newest = sorted(told["as_of"].unique())[-rules.check_months :]
    name, digits = {"roc_auc": ("ROC-AUC", 3), "losses": ("losses", 0)}[check.figure]
    f = check.foretold
    return (
        f"{name} of {newest[0]:%Y-%m} to {newest[-1]:%Y-%m} came to {check.realised:.{digits}f} where "
        f"{f.low:.{digits}f} to {f.high:.{digits}f} was foretold"
    )


def _too_little(told: pd.DataFrame, rules: EstimateSettings) -> str:
    """What is missing for a check."""
    return (
        f"{int(told['happened'].sum())} losses in {told['as_of'].nunique()} months have matured since the model "
        f"learnt; more than {rules.check_months} months are needed and {rules.min_outcomes} losses before the newest"
    )


def _enough(told: pd.DataFrame, rules: EstimateSettings) -> bool:
    """Whether a line may rest on these rows."""
    losses = int(told["happened"].sum())
    varied = told["chance"].max() > told["chance"].min()
    return bool(varied and rules.min_outcomes <= losses <= len(told) - rules.min_outcomes)


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
        happened = drawn_outcomes(on_line(odds, beta), account, month - month.min(), span, rng)
        drawn.append(_figures(replace(side, happened=happened.astype(float))))
    return {name: foretold(value, [d[name] for d in drawn], confidence) for name, value in _figures(side).items()}


def drawn_outcomes(
    chance: Floats, account: NDArray[np.integer[Any]], month: NDArray[np.integer[Any]], span: int,
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
    rang: NDArray[np.bool_] = soonest[month, account] < -np.log1p(-chance) / span
    return rang


def _sides(rows: pd.DataFrame, happened: Floats) -> Graded:
    """The rows ordered by chance; `happened` may be a chance too."""
    return graded(happened, rows["chance"].to_numpy(dtype=float), rows["flagged"].to_numpy(dtype=bool))


def _figures(side: Graded) -> dict[str, float]:
    """Figures that hold for outcomes and, as ratios of expectations, for chances alike; NaN where nobody left."""
    losses, caught = float(side.happened.sum()), float(side.happened[side.flagged].sum())
    flagged = int(side.flagged.sum())
    return {
        "roc_auc": roc_auc(side) if 0 < losses < len(side.happened) else np.nan,
        "precision": caught / flagged if flagged else np.nan,
        "recall": caught / losses if losses else np.nan,
        "losses": losses,
    }
