"""The effect of an intervention on the treated accounts, and whether there are enough subjects to report it (MON-4).

With random assignment it is the plain difference between the sides. Otherwise the treated are compared with comparable
untreated accounts, adjusted by doubly_robust.py for all covariates recorded before; what was not recorded cannot be
adjusted for. Whether there are enough subjects depends on precision alone, never on whether an effect was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from threadpoolctl import threadpool_limits

from keepwell.models.effects.doubly_robust import Adjusted, Bools, adjusted
from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.effects import EffectSettings
from keepwell.models.settings.training import InputSettings
from keepwell.models.training.inputs import prepared, varied

UNOBSERVED = (
    "Unobserved confounding cannot be ruled out: what people knew and did not record may have influenced both who was "
    "treated and the outcome."
)
RANDOMIZED = "Treatment was assigned at random, so the plain difference is the effect."
NONE = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Outcome:
    """An outcome: its column among the subjects, its label, the smallest effect that matters, which direction is good.

    A binary outcome is a share, any other a number; subjects without a value have not matured and are left out.
    `min_effect` of a share is relative to the share of the untreated: 0.5 is a halving.
    """

    column: str
    label: str
    binary: bool
    min_effect: float
    high_is_good: bool


def outcomes_of(rules: EffectSettings, churn_days: int = 90, usage_days: int = 28) -> tuple[Outcome, Outcome]:
    """The two outcomes of SPEC MON-4, churn and usage: columns `churned` and `use_after` (log change)."""
    return (
        Outcome(
            "churned",
            f"churn within {churn_days} days",
            binary=True,
            min_effect=rules.min_churn_change,
            high_is_good=False,
        ),
        Outcome(
            "use_after",
            f"log usage of {usage_days} days",
            binary=False,
            min_effect=rules.min_usage_effect,
            high_is_good=True,
        ),
    )


@dataclass(frozen=True)
class Effect:
    """The effect with its interval (none where subjects are too few for an estimate), and the data behind it.

    `naive`: the unadjusted difference. `treated`, `comparable`: accounts. `overlap`: share of the treated that have
    comparable untreated subjects. `smallest`: the smallest effect that matters, in the outcome's unit; `needed`: as
    many treated accounts detect it. `notes`: all of it in sentences.
    """

    estimand: str
    effect: Estimate
    naive: Estimate
    treated: int
    comparable: int
    overlap: float
    smallest: float
    needed: int
    enough: bool
    notes: tuple[str, ...]


def effect(
    subjects: pd.DataFrame,
    outcome: Outcome,
    numeric_features: Sequence[str],
    categorical_features: Sequence[str],
    rules: EffectSettings,
    inputs: InputSettings,
    *,
    randomized: bool = False,
) -> Effect:
    """The mean effect on the treated, in the unit of the outcome.

    `subjects`: account_id, treated (bool), the outcome, and the features as known before the treatment.
    """
    sides = _Sides.of(subjects[subjects[outcome.column].notna()], outcome)
    naive = sides.difference(rules)
    value, comparable, overlap, fits = naive, sides.untreated, 1.0, sides.allow(outcome, rules)
    if fits and not randomized:
        with threadpool_limits(1):
            x = _inputs(sides.rows, numeric_features, categorical_features, inputs)
            found = adjusted(x, sides.treated, sides.y, rules.penalty, rules.max_weight, binary=outcome.binary)
        value = sides.bounded(found.value, found.influence, found.effective, rules)
        comparable, overlap = sides.comparable(found), float((found.odds[sides.treated] <= rules.max_weight).mean())
        fits = min(found.effective, comparable) >= rules.min_treated
    needed = _needed(value if fits else None, sides, outcome, rules)
    enough = fits and overlap >= rules.min_overlap and needed <= sides.with_treatment
    notes = _sentences(sides, naive, overlap, needed, outcome, rules, enough=enough, fits=fits, randomized=randomized)
    kind = "difference by random assignment" if randomized else "mean effect on the treated"
    return Effect(f"{kind}: {outcome.label}", value if fits else NONE, naive, sides.with_treatment, comparable, overlap,
                  sides.smallest(outcome), needed, enough, notes)  # fmt: skip


@dataclass(frozen=True)
class _Sides:
    """The subjects whose outcome is known: their rows, which were treated, and the outcome of each."""

    rows: pd.DataFrame
    treated: Bools
    y: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, outcome: Outcome) -> "_Sides":
        return cls(rows, rows["treated"].to_numpy(dtype=bool), rows[outcome.column].to_numpy(dtype=float))

    @property
    def with_treatment(self) -> int:
        return int(self.rows.loc[self.treated, "account_id"].nunique())

    @property
    def untreated(self) -> int:
        return int(self.rows.loc[~self.treated, "account_id"].nunique())

    def rate(self) -> float:
        """The mean of the untreated's outcome; as if one more had it and one had not, so that it is never 0."""
        untreated = self.y[~self.treated]
        return float((untreated.sum() + 1.0) / (len(untreated) + 2.0))

    def smallest(self, outcome: Outcome) -> float:
        """The smallest effect that matters, in the outcome's unit."""
        return outcome.min_effect * (self.rate() if outcome.binary else 1.0)

    def allow(self, outcome: Outcome, rules: EffectSettings) -> bool:
        """Whether both sides have enough accounts and, for a binary outcome, enough outcomes for an estimate."""
        if min(self.with_treatment, self.untreated) < rules.min_treated:
            return False
        outcomes = [int(self.y[side].sum()) for side in (self.treated, ~self.treated)]
        return not outcome.binary or min(outcomes) >= rules.min_outcomes

    def difference(self, rules: EffectSettings) -> Estimate:
        """Mean of the treated less mean of the untreated."""
        if min(self.with_treatment, self.untreated) < 2:
            return NONE
        influence, value = np.zeros(len(self.y)), 0.0
        for side, sign in ((self.treated, 1.0), (~self.treated, -1.0)):
            mean = float(self.y[side].mean())
            influence[side] = sign * (self.y[side] - mean) / side.sum()
            value += sign * mean
        return self.bounded(value, influence, float(min(self.with_treatment, self.untreated)), rules)

    def bounded(self, value: float, influence: Floats, effective: float, rules: EffectSettings) -> Estimate:
        """The value with a Student's t interval from the influence, summed per account."""
        per_account = np.bincount(pd.factorize(self.rows["account_id"])[0], influence)
        variance = np.square(per_account).sum() * len(per_account) / (len(per_account) - 1)
        half = scipy.stats.t.ppf((1.0 + rules.confidence) / 2.0, max(effective - 1.0, 1.0)) * np.sqrt(variance)
        return Estimate(value, float(value - half), float(value + half))

    def comparable(self, found: Adjusted) -> int:
        """Count of untreated accounts whose odds of being treated lie within the range of the treated."""
        low, high = found.odds[self.treated].min(), found.odds[self.treated].max()
        inside = ~self.treated & (found.odds >= low) & (found.odds <= high)
        return int(self.rows.loc[inside, "account_id"].nunique())


def _inputs(
    rows: pd.DataFrame, numeric_features: Sequence[str], categorical_features: Sequence[str], inputs: InputSettings
) -> Floats:
    """The covariates as standardized and one-hot columns."""
    x: Floats = prepared(varied(rows, numeric_features), categorical_features, inputs).fit_transform(rows)
    return x


def _needed(estimate: Estimate | None, sides: _Sides, outcome: Outcome, rules: EffectSettings) -> int:
    """Treated accounts needed to detect the smallest effect that matters.

    From the interval where there is one; else from the outcome's variance, assuming one untreated account per treated.
    """
    sides_of_interval = scipy.stats.norm.ppf((1.0 + rules.confidence) / 2.0)
    wanted = sides.smallest(outcome) / (sides_of_interval + scipy.stats.norm.ppf(rules.power))
    if estimate is not None:
        error = (estimate.high - estimate.low) / 2.0 / sides_of_interval
        return int(np.ceil(sides.with_treatment * (error / wanted) ** 2))
    if outcome.binary:
        share = (sides.y.sum() + 1.0) / (len(sides.y) + 2.0)
        spread = share * (1.0 - share)
    else:
        spread = float(np.var(sides.y)) if len(sides.y) > 1 else np.nan
    needed = 2.0 * spread / wanted**2
    return max(rules.min_treated, int(np.ceil(needed)) if np.isfinite(needed) else 0)


def _sentences(
    sides: _Sides,
    naive: Estimate,
    overlap: float,
    needed: int,
    outcome: Outcome,
    rules: EffectSettings,
    *,
    enough: bool,
    fits: bool,
    randomized: bool,
) -> tuple[str, ...]:
    """Sentences on power, overlap, the unadjusted difference and unobserved confounding."""
    wanted = f"an effect of {outcome.min_effect:g}"
    if outcome.binary:
        points = 100.0 * sides.smallest(outcome)
        wanted = f"an effect of {points:.1f} points ({outcome.min_effect:.0%} of the untreated's {sides.rate():.1%})"
    power_note = (
        f"{needed:,} treated accounts are needed to detect {wanted} on {outcome.label} with "
        f"a power of {rules.power:.0%}; there are {sides.with_treatment:,} and {sides.untreated:,} untreated ones"
    )
    power = f"{'Enough' if enough else 'Not enough'} subjects: {power_note}."
    if randomized:
        return (power, RANDOMIZED)
    plain = f"The unadjusted difference is {naive.value:+.3f} ({naive.low:+.3f} to {naive.high:+.3f})."
    stood_for = (
        f"{overlap:.0%} of the treated have comparable untreated accounts; for the others the estimate relies on its "
        "outcome model of the untreated."
    )
    return (power, *((stood_for,) if fits else ()), *((plain,) if np.isfinite(naive.value) else ()), UNOBSERVED)
