"""The promotion gates of a challenger, on rows that neither side was trained on; missing evidence fails a gate.

The difference is paired: the same accounts, months and draws for both sides (LRN-2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keepwell.models.grading.intervals import Estimate, drawn, estimated, graded_metrics
from keepwell.models.grading.metrics import Floats, graded, roc_auc, top, weight_of
from keepwell.models.settings.promotion import PromotionSettings

SEED = 1


@dataclass(frozen=True)
class Evidence:
    """The evidence for promoting a challenger.

    `rows`: account_id, as_of, segment, happened, chance (the challenger's), rival (the other side's) and, where they
    differ, weight, of months that neither was trained on; None where there are none: `missing` gives the reason.
    `rival`: the champion, or health where there is none; `first`: no model of this outcome was ever promoted. `shadow`:
    dates that it scored in shadow mode; `outcomes_known_on`: when the outcomes of the last of them will be known.
    `review`: who signed the expert review. `accepted`: the reason a person gave for accepting a suspicious metric.
    """

    rows: pd.DataFrame | None
    rival: str
    against_champion: bool
    first: bool
    shadow: Sequence[date]
    outcomes_known_on: date | None
    missing: str = ""
    review: str = ""
    accepted: str = ""


@dataclass(frozen=True)
class Gate:
    """One named rule, whether the challenger passed it, and the reason in one sentence."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Difference(Estimate):
    """ROC-AUC of the challenger less the rival's, with its interval and standard error."""

    standard_error: float


@dataclass(frozen=True)
class Judgement:
    """Every gate in order, the power of the comparison, and the metrics of both sides by name."""

    gates: Sequence[Gate]
    power: str
    metrics: Mapping[str, tuple[Estimate, Estimate]]

    @property
    def refusals(self) -> list[Gate]:
        """The gates that the challenger did not pass."""
        return [gate for gate in self.gates if not gate.passed]


def judged(evidence: Evidence, rules: PromotionSettings, capacity_share: float) -> Judgement:
    """The result of every gate; without comparable rows only those that need none can pass."""
    rows = _comparable(evidence.rows)
    waiting = [_shadowed(evidence, rules), _reviewed(evidence, rules)]
    if rows is None:
        why = (
            evidence.missing or f"no month that neither was trained on has outcomes to compare with {evidence.rival} on"
        )
        missing = Gate("better", passed=False, reason=why)
        return Judgement([missing, *waiting], "Nothing can be compared.", {})
    metrics = side_by_side(rows, rules, capacity_share)
    rows = rows[weight_of(rows) > 0]
    found = paired(rows, rules)
    gates = [
        _better(evidence, found, rules),
        *(gate(metrics, rules) for gate in (_calibrated, _skilled)),
        _segments(rows, rules),
        _believable(evidence, metrics, rules),
        *waiting,
    ]
    return Judgement(gates, power(rows, found, rules), metrics)


def paired(rows: pd.DataFrame, rules: PromotionSettings) -> Difference:
    """The difference in ROC-AUC over draws of accounts, the same draws for both sides."""
    y_true = rows["happened"].to_numpy(dtype=float)
    nobody = np.zeros(len(rows), dtype=bool)
    sides = {
        side: graded(y_true, rows[side].to_numpy(dtype=float), nobody, weight_of(rows)) for side in ("chance", "rival")
    }
    found = drawn(sides, {"roc_auc": roc_auc}, rows["account_id"].to_numpy(), rules.replicates, SEED)
    ahead = found["chance"]["roc_auc"] - found["rival"]["roc_auc"]
    return Difference(**asdict(estimated(ahead, rules.confidence)), standard_error=float(np.std(ahead[1:])))


def power(rows: pd.DataFrame, found: Difference, rules: PromotionSettings) -> str:
    """The sentence on power: the smallest difference that these rows can detect (normal approximation)."""
    normal = NormalDist()
    low = found.standard_error * (normal.inv_cdf((1 + rules.confidence) / 2) + normal.inv_cdf(rules.power))
    accounts = rows.loc[rows["happened"].astype(bool), "account_id"].nunique()
    return (
        f"With {accounts} accounts that had the outcome in {rows['as_of'].nunique()} months, a difference in ROC-AUC "
        f"of {low:.3f} would be found in {rules.power:.0%} of cases."
    )


def side_by_side(
    rows: pd.DataFrame, rules: PromotionSettings, capacity_share: float
) -> dict[str, tuple[Estimate, Estimate]]:
    """Every metric of the challenger and of the rival, each with its interval."""
    ours, theirs = (_metrics(rows, side, rules, capacity_share) for side in ("chance", "rival"))
    return {name: (ours[name], theirs[name]) for name in ours}


def _metrics(rows: pd.DataFrame, side: str, rules: PromotionSettings, capacity_share: float) -> dict[str, Estimate]:
    y_prob: Floats = rows[side].to_numpy(dtype=float)
    months: NDArray[Any] = rows["as_of"].to_numpy()
    rated = graded(rows["happened"].to_numpy(dtype=float), y_prob, top(y_prob, months, capacity_share), weight_of(rows))
    return graded_metrics(rated, rows["account_id"].to_numpy(), rules.replicates, rules.confidence, SEED)


def _comparable(rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """The rows that both sides scored; None where no row, or every row, has the outcome."""
    if rows is None:
        return None
    both = rows.dropna(subset=["happened", "chance", "rival"])
    return both if 0 < both["happened"].sum() < len(both) else None


def _better(evidence: Evidence, found: Difference, rules: PromotionSettings) -> Gate:
    """Significantly better than health; not worse than a champion by more than the tolerance."""
    bound = -rules.tolerance if evidence.against_champion else 0.0
    reason = (
        f"ROC-AUC differs from {evidence.rival}'s by {found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}); "
        f"the lower bound must be above {bound:+.3f}"
    )
    return Gate("better", found.low > bound, reason)


Metrics = Mapping[str, tuple[Estimate, Estimate]]


def _calibrated(metrics: Metrics, rules: PromotionSettings) -> Gate:
    """Calibration slope and observed over expected within bounds, given their intervals; fails without an interval."""
    slope, observed = metrics["calibration_slope"][0], metrics["observed_to_expected"][0]
    fine = _allowed(slope, rules.min_slope, rules.max_slope, rules.calibration_slack)
    fine = fine and _allowed(observed, rules.min_observed, rules.max_observed, rules.calibration_slack)
    reason = (
        f"calibration slope {_formatted(slope)}, allowed {rules.min_slope:g} to {rules.max_slope:g}; observed over "
        f"expected {_formatted(observed)}, allowed {rules.min_observed:g} to {rules.max_observed:g}"
    )
    reason += "" if fine else f"; significantly outside, or more than {rules.calibration_slack:g} times beyond a bound"
    return Gate("calibrated", fine, reason)


def _allowed(found: Estimate, low: float, high: float, slack: float) -> bool:
    """Not significantly outside the bounds, and not beyond the slack even with few rows. NaN is refused."""
    reaches_inside = found.low <= high and found.high >= low
    return reaches_inside and low / slack <= found.value <= high * slack


def _formatted(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _skilled(metrics: Metrics, rules: PromotionSettings) -> Gate:
    """A better Brier score than the base rate."""
    skill = metrics["brier_skill"][0].value
    return Gate("skilled", skill > rules.min_skill, f"Brier skill {skill:.3f}; more than {rules.min_skill:g} needed")


def _segments(rows: pd.DataFrame, rules: PromotionSettings) -> Gate:
    """No segment is significantly worse by more than the tolerance."""
    worse, unjudged = [], []
    for segment, part in rows.groupby("segment"):
        outcomes = int(part["happened"].sum())
        if min(outcomes, len(part) - outcomes) < rules.segment_outcomes:
            unjudged.append(f"{segment} ({outcomes})")
            continue
        found = paired(part, rules)
        if found.value < -rules.segment_tolerance and found.high < 0:
            worse.append(f"{segment} by {-found.value:.3f} ({-found.high:.3f} to {-found.low:.3f})")
    reason = f"much worse in {', '.join(worse)}" if worse else "no segment is much worse"
    reason += f"; too few outcomes to judge {', '.join(unjudged)}" if unjudged else ""
    return Gate("segments", not worse, reason)


def _believable(evidence: Evidence, metrics: Metrics, rules: PromotionSettings) -> Gate:
    """A metric that is too good counts as a leak until a person gives a reason (MOD-8)."""
    auc = metrics["roc_auc"][0].value
    if auc <= rules.suspicious_auc:
        return Gate("believable", passed=True, reason=f"ROC-AUC {auc:.3f} is not above {rules.suspicious_auc:g}")
    reason = f"ROC-AUC {auc:.3f} is above {rules.suspicious_auc:g}, which usually means a leak"
    reason += f"; accepted: {evidence.accepted}" if evidence.accepted else "; find it, or give a reason to accept it"
    return Gate("believable", bool(evidence.accepted), reason)


def _shadowed(evidence: Evidence, rules: PromotionSettings) -> Gate:
    """Enough days in shadow mode before the challenger acts."""
    days = (max(evidence.shadow) - min(evidence.shadow)).days + 1 if evidence.shadow else 0
    reason = f"has run in shadow mode for {days} of {rules.shadow_days} days"
    if evidence.outcomes_known_on:
        reason += f"; their outcomes will be known on {evidence.outcomes_known_on}, so the metrics use earlier months"
    return Gate("shadow", days >= rules.shadow_days, reason)


def _reviewed(evidence: Evidence, rules: PromotionSettings) -> Gate:
    """The first model of an outcome needs an expert review before it acts (REV-4)."""
    if not evidence.first or not rules.review_required:
        why = "not required by the settings" if not rules.review_required else "required for the first model only"
        return Gate("review", passed=True, reason=f"an expert review is {why}")
    reason = f"signed by {evidence.review}" if evidence.review else (
        "no expert review of this version is signed by then: run `keepwell review start`, then `report --sign NAME` at "
        "its end, or set `review_required = false` under [promotion]"
    )  # fmt: skip
    return Gate("review", bool(evidence.review), reason)
