"""A model card: purpose, data, metrics and limits (MOD-9)."""

import pandas as pd

from keepwell.models.grading.intervals import Estimate
from keepwell.models.training.treated import ALL_ROWS, UNTREATED
from keepwell.models.training.trial import BY_POLICY
from keepwell.tasks.learning.quarter import Quarter, TrainingResult

CARD_METRICS = (
    "roc_auc", "pr_auc", "precision", "recall", "brier_skill", "calibration_slope", "observed_to_expected", "ece",
)  # fmt: skip
WHAT = {
    "churn": "gives notice or lets its contract end within {days} days",
    "expansion": "grows its ARR by a tenth or more within {days} days",
    "advocacy": "becomes an advocate (promoter, reference, review, case study) within {days} days",
}
WEAKER = 0.05


def model_card(quarter: Quarter, result: TrainingResult, name: str) -> str:
    """The card of one candidate, as Markdown."""
    days = quarter.horizon_days[result.outcome]
    selection = "selected, registered as challenger" if name == result.trial.selected else "not selected"
    purpose = (
        f"Predicts the probability that an account under contract {WHAT[result.outcome].format(days=days)}. Use it to "
        "rank whom to contact, beside health; not for pricing, not for judging people. It does not show causes."
    )
    parts = [
        [f"# {result.outcome}: {name}, as of {quarter.as_of} ({selection})"],
        [purpose],
        ["## What it rests on"],
        _splits(result),
        [result.trial.counting],
        *([[result.trial.selection]] if name == result.trial.selected else []),
        [f"Snapshot `{quarter.snapshot_id}`, code `{quarter.code_version}`, run `{quarter.run_id}`."],
        ["## How good it is, on the test months"],
        _metrics_table(result, name),
        _slices(result, name),
        *([_segments(result)] if name == result.trial.selected else []),
        *([["## What serves"], _serving(result)] if name == result.trial.selected else []),
        ["## What it cannot know"],
        _limits(quarter, result),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _splits(result: TrainingResult) -> list[str]:
    """The months of each part with rows, accounts and outcomes."""
    lines = ["| part | months | rows | accounts | with the outcome |", "|---|---|---|---|---|"]
    for name, size in result.sizes.items():
        counts = f"{size.rows:,} | {size.accounts:,} | {size.outcomes:,} rows"
        lines.append(f"| {name} | {size.first} to {size.last} | {counts} |")
    return lines


def _serving(result: TrainingResult) -> list[str]:
    """Which fit serves, what calibrated it, and how far it is from the one with the figures above (MOD-11)."""
    trial = result.trial
    if trial.refit is None:
        return [f"The fit above, on the training months: {trial.why_no_refit or 'no refit was made'}."]
    (first, last), out = trial.refit.months, trial.refit.held_out.rows["as_of"]
    agreement = trial.refit.agreement
    said = (
        f"The same candidate fitted again on all matured months, {first} to {last}, {len(trial.refit.rows.rows):,} "
        f"rows. Calibration and thresholds are from probabilities out of fold of {out.min():%Y-%m-%d} to "
        f"{out.max():%Y-%m-%d}, each by a fit on months whose outcomes were known before. The figures above are of the "
        "fit on the training months; on the test months the log odds of the two differ, before calibration, by "
        f"{agreement.shift:+.2f} in the mean, with a standard deviation of {agreement.spread:.2f}."
    )
    return [said, "", trial.refit.season]


def _metrics_table(result: TrainingResult, name: str) -> list[str]:
    """The main metrics beside those of health alone, and those with the examples counted the other way."""
    metrics = result.trial.metrics
    sides = {"this model": metrics[name, "all"], "health alone": metrics["health", "all"]}
    sides |= {f"this model, {way}": metrics[name, way] for way in (ALL_ROWS, UNTREATED) if (name, way) in metrics}
    lines = [f"| figure | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
    lines += [
        f"| {metric} | {' | '.join(_formatted(side[metric]) for side in sides.values())} |" for metric in CARD_METRICS
    ]
    return lines


def _slices(result: TrainingResult, name: str) -> list[str]:
    """Segments where the model is weaker than overall, and segments where this is unknown."""
    metrics = result.trial.metrics
    whole = metrics[name, "all"]["roc_auc"].value
    whole_book = {"all", BY_POLICY, ALL_ROWS, UNTREATED}
    graded = {part: f["roc_auc"] for (n, part), f in metrics.items() if n == name and part not in whole_book}
    weak = [f"{part} ({_formatted(e)})" for part, e in graded.items() if e.value < whole - WEAKER]
    unknown = sorted(set(result.trial.test["segment"].dropna()) - set(graded))
    lines = [f"Weak parts of the book (ROC-AUC more than {WEAKER:g} below the whole): {', '.join(weak) or 'none'}."]
    return lines + ([f"Too few outcomes to grade: {', '.join(unknown)}."] if unknown else [])


def _segments(result: TrainingResult) -> list[str]:
    """Segments with a model of their own, and the result of each comparison."""
    tried = result.trial.segments
    own = ", ".join(tried.loc[tried["adopted"], "segment"]) or "none"
    lines = [f"Segments with a model of their own: {own} (`segments.csv`)."]
    for line in tried.dropna(subset="difference").itertuples():
        found = f"{line.difference:+.3f} ({line.low:+.3f} to {line.high:+.3f})"
        lines.append(f"- {line.segment}: {line.says} than the pooled one, ROC-AUC on validation {found}.")
    return lines


def _limits(quarter: Quarter, result: TrainingResult) -> list[str]:
    """What the metrics do not cover."""
    test = result.trial.test
    treated = pd.Series(test["treated"]).astype("boolean").mean() if "treated" in test else pd.NA
    contacted = "how many of them is not known" if pd.isna(treated) else f"{treated:.0%} of the test rows"
    unripe = quarter.wait_days[result.outcome]
    limits = (
        f"Anything after {quarter.as_of}, and the outcomes of the {unripe} days before it, which have not matured.",
        "What no source table holds: talks nobody noted, budgets, mergers.",
        "Accounts that gave notice, or are too young: they are no examples.",
        f"What would have happened without contact: some were treated after a flag ({contacted}).",
        "Whether its calibration lasts: the slope above says how far it held from validation to test months.",
    )
    return [f"- {limit}" for limit in limits]


def _formatted(estimate: Estimate) -> str:
    bounds = "" if pd.isna(estimate.low) else f" ({estimate.low:.3f} to {estimate.high:.3f})"
    return f"{estimate.value:.3f}{bounds}"
