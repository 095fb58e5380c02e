"""Treated examples (contacted before their outcome was known), and the sample weights of the untreated ones (MOD-1).

Contacts retain accounts: with the treated among the examples, the probability without a contact is predicted too low.
Leaving them out removes examples just where risk is high. Where treatment was assigned at random, each untreated
example is weighted by the inverse of its probability of being untreated, so that the untreated represent all (inverse
probability of censoring weighting, Robins and Rotnitzky 1992; Hernan and Robins 2020, chapter 12).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.training import TreatedSettings

OUTCOME = "churned"
"""The label whose horizon the columns `treated` and `untreated_chance` refer to."""
ALL_ROWS, UNTREATED = "treated and untreated", "untreated only"


@dataclass(frozen=True)
class Counted:
    """The sample weight of each example, 0 for one that does not count; `note` explains it in a sentence.

    `other`: name and sample weights of the alternative weighting; None where it is unknown which were treated.
    """

    sample_weight: Floats
    randomized: bool
    note: str
    other: tuple[str, Floats] | None


def counted(examples: pd.DataFrame, label: str, rules: TreatedSettings) -> Counted:
    """Inverse probability weights of the untreated where random assignment gives them for all, else equal weights.

    `examples` may have `treated` and `untreated_chance`. The alternative weighting without random assignment leaves out
    the treated and weights the others equally.
    """
    alike = np.ones(len(examples))
    if label != OUTCOME or "treated" not in examples or examples["treated"].isna().any():
        return Counted(alike, randomized=False, note="All examples have equal weight, treated or not.", other=None)
    untreated = ~examples["treated"].to_numpy(dtype=bool)
    share = f"{1.0 - untreated.mean():.1%} of them treated"
    if "untreated_chance" not in examples or examples["untreated_chance"].isna().any():
        note = (
            f"All examples have equal weight, {share}; no random assignment gives the probability of being untreated."
        )
        return Counted(alike, randomized=False, note=note, other=(UNTREATED, untreated.astype(float)))
    p_untreated = examples["untreated_chance"].to_numpy(dtype=float)
    inverse_probability = 1.0 / np.maximum(p_untreated, 1.0 / rules.max_weight)
    capped = int((untreated & (p_untreated * rules.max_weight < 1.0)).sum())
    sample_weight = np.where(untreated, inverse_probability, 0.0)
    note = (
        f"Of {len(examples):,} examples, {share}, only the untreated count, weighted by the inverse probability "
        f"of being untreated: up to {sample_weight.max():.1f}, {capped:,} of them capped at {rules.max_weight:g}; the "
        f"weights sum to {sample_weight.sum():,.0f}."
    )
    return Counted(sample_weight, randomized=True, note=note, other=(ALL_ROWS, alike))
