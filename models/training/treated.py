"""Examples that somebody worked on before their outcome was told, and how much the others count for (MOD-1).

Work keeps accounts: with the treated among the examples, the chance of those that nobody works on is told too low. Left
out they are missed just where the chance is high. Where a lot decided who was treated, each untreated example counts by
the inverse of its chance to stay so: then the untreated stand for all (inverse probability of censoring weighting,
Robins and Rotnitzky 1992; Hernan and Robins 2020, chapter 12).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from keepwell.models.grading.metrics import Floats
from keepwell.models.settings.training import TreatedSettings

OUTCOME = "churned"
"""The label over whose horizon `treated` and `untreated_chance` are told."""
ALL_ROWS, UNTREATED = "treated and untreated", "untreated only"


@dataclass(frozen=True)
class Counted:
    """How much each example counts, 0 for one that does not; `note` it in a sentence.

    `other`: how much each would count the other way, by its name; None where nobody can say who was treated.
    """

    sample_weight: Floats
    randomized: bool
    note: str
    other: tuple[str, Floats] | None


def counted(examples: pd.DataFrame, label: str, rules: TreatedSettings) -> Counted:
    """The untreated by the inverse of their chance where a lot gives it for every example, else all examples alike.

    `examples` may have `treated` and `untreated_chance`. Work that no lot decided on leaves an example out unweighted.
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
