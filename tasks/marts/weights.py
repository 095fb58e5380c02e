"""Tuned weights beside the hand-set ones: the mart `weights`, their backtest, and the settings to adopt them.

Nothing here changes a score. A person who agrees pastes the lines into pipeline.toml, where the change is reviewed and
shows as `change_weights` in the next scores (HLT-3, HLT-5).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import HealthSettings
from keepwell.models.settings.training import CandidateSettings, WeightSettings
from keepwell.models.training.split import Splits, labeled_rows
from keepwell.models.training.weights import Backtest, Tuned, Weights, backtest, tuned_weights, weighted_health
from keepwell.values.texts import visible

VERSION = "health_tuned"
BOOK = "all"


@dataclass(frozen=True)
class Tuning:
    """Tuned weights of one outcome and their results on the test months against the hand-set ones."""

    tuned: Tuned
    graded: Backtest
    splits: Splits


def tune(
    examples: pd.DataFrame, label: str, splits: Splits, health: HealthSettings, rules: WeightSettings,
    capacity_share: float, grading: CandidateSettings,
) -> Tuning:  # fmt: skip
    """Tuned on the training months, evaluated on the test months, both scores on the same rows."""
    train, test = (labeled_rows(examples, label, months) for months in (splits.train, splits.test))
    tuned = tuned_weights(train, label, COMPONENTS, health.weights_of, rules)
    by_hand = weighted_health(test, health.weights_of)
    return Tuning(
        tuned, backtest(test, label, by_hand, weighted_health(test, tuned.of), capacity_share, grading), splits
    )


def weights_frame(outcome: str, health: HealthSettings, tuned: Tuned) -> pd.DataFrame:
    """One row per segment (`all`: the book) and component; columns of the mart."""
    segments: Sequence[str] = [s for s in tuned.segments if s]
    rows = [
        {
            "outcome": outcome, "segment": segment or BOOK, "component": component,
            "hand_set": health.weights_of(segment)[component],
            "tuned": (tuned.of(segment) if segment else tuned.book)[component],
            "losses": tuned.churned_accounts[segment] if segment else sum(tuned.churned_accounts.values()),
            "own": segment in tuned.own or not segment,
        }
        for segment in ("", *segments) for component in COMPONENTS
    ]  # fmt: skip
    return pd.DataFrame(rows)


def backtest_frame(outcome: str, tuning: Tuning) -> pd.DataFrame:
    """Rows of the mart `model_performance`: the tuned score's advantage, on the same test rows and draws."""
    rows = [
        {
            "outcome": outcome, "version": VERSION, "segment": BOOK, "metric": f"{name}_ahead_of_health",
            "value": ahead.value, "low": ahead.low, "high": ahead.high, "matured": True, "estimated": False,
            "taken": False, "first_month": tuning.splits.test[0], "last_month": tuning.splits.test[-1],
        }
        for name, ahead in tuning.graded.ahead.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def as_toml(tuned: Tuned) -> str:
    """The lines of pipeline.toml that would adopt the weights, each with the number of churned accounts behind it."""
    lines = ["[health.weights]", *_lines(tuned.book)]
    for segment in sorted(tuned.own - {""}):
        quoted = visible(json.dumps(segment, ensure_ascii=False))  # what JSON escapes, TOML reads
        lines += ["", f"[health.segment_weights.{quoted}]  # {tuned.churned_accounts[segment]} accounts left"]
        lines += _lines(tuned.of(segment))
    return "\n".join(lines) + "\n"


def _lines(weights: Weights) -> list[str]:
    return [f"{name} = {weight:.3f}" for name, weight in weights.items()]


def tuned_in_words(tuning: Tuning) -> str:
    """The tuned score's gain on months that it was not tuned on, and why its rival is not the candidate `health`."""
    by_hand, tuned, ahead = tuning.graded.by_hand, tuning.graded.tuned, tuning.graded.ahead
    auc, found = ahead["roc_auc"], ahead["recall"]
    return (
        f"Tuned weights: ROC-AUC {tuned['roc_auc'].value:.3f} against {by_hand['roc_auc'].value:.3f} by hand "
        f"(difference {auc.value:+.3f}, {auc.low:+.3f} to {auc.high:+.3f}); recall at capacity "
        f"{tuned['recall'].value:.3f} against {by_hand['recall'].value:.3f} (difference {found.value:+.3f}, "
        f"{found.low:+.3f} to {found.high:+.3f}), on {tuning.graded.rows:,} account-months with "
        f"{tuning.graded.churned_accounts:,} losses. By hand is the weighted mean of all known components, each "
        "account-month counted once; the candidate `health` is the published score, unknown at low coverage."
    )
