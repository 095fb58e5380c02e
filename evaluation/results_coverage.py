"""`make coverage`: 90% intervals of a model's metrics cover the population's value about nine times in ten (MOD-4).

One model is trained once. Hundreds of worlds, each with its own seed, are graded as a quarterly run grades; the
population is all worlds together. Writes docs/reference/results/intervals.md; nothing is typed in.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from keepwell.models.grading.intervals import Estimate
from keepwell.models.grading.metrics import METRICS, WEIGHT, graded, top
from keepwell.models.training.trial import _graded
from tests.support import worlds
from tests.support.running import ROOT
from tests.support.worlds import SETTINGS, churned_in

PAGE = ROOT / "docs" / "reference" / "results" / "intervals.md"
BOUNDED = ("roc_auc", "recall", "brier_skill", "calibration_slope", "observed_to_expected")
BESIDE = ("pr_auc", "brier", "precision", "f1", "lift")
LOW, HIGH = 0.85, 0.95


@dataclass(frozen=True)
class Coverage:
    """One metric: the population's value, and the interval from each world."""

    name: str
    truth: float
    intervals: Sequence[Estimate]

    @property
    def covered(self) -> int:
        """Number of worlds whose interval covers the truth."""
        return sum(e.low <= self.truth <= e.high for e in self.intervals)

    def row(self) -> str:
        """A line of the table."""
        count = len(self.intervals)
        share = self.covered / count
        about = binomtest(self.covered, count).proportion_ci(0.95, method="wilson")
        width = sum(e.high - e.low for e in self.intervals) / count
        above, below = (sum(side) / count for side in zip(*((e.low > self.truth, e.high < self.truth)
                                                            for e in self.intervals), strict=True))  # fmt: skip
        bound = f"{LOW:.0%} to {HIGH:.0%}" if self.name in BOUNDED else ""
        bounds_held = ("holds" if LOW <= share <= HIGH else "**falls short**") if bound else ""
        return (
            f"| `{self.name}` | {self.truth:.3f} | {width:.3f} | {below:.1%} | {above:.1%} | {share:.1%} "
            f"| {about.low:.1%} to {about.high:.1%} | {bound} | {bounds_held} |"
        )


def coverage(found: Sequence[pd.DataFrame]) -> list[Coverage]:
    """How often each metric's interval covers its value on all worlds together; a tenth of each month is flagged."""
    estimates = [_graded(w.assign(**{WEIGHT: 1.0}), "churned", SETTINGS) for w in found]
    share = SETTINGS.policy.capacity_share
    flagged = [w.assign(flagged=top(w["chance"].to_numpy(), w["as_of"].to_numpy(), share)) for w in found]
    everything = pd.concat(flagged, ignore_index=True)
    population = graded(*(everything[column].to_numpy() for column in ("churned", "chance", "flagged")))
    return [
        Coverage(name, float(METRICS[name](population)), [e[name] for e in estimates]) for name in (*BOUNDED, *BESIDE)
    ]


def page(found: Sequence[pd.DataFrame], candidate: str) -> str:
    """The page, in Markdown."""
    rules, coverages = SETTINGS.candidates, coverage(found)
    lost = sorted(map(churned_in, found))
    bounds_held = sum(LOW * len(found) <= f.covered <= HIGH * len(found) for f in coverages if f.name in BOUNDED)
    seeds = [int(w["world"].iloc[0]) for w in found]
    months = worlds.GRADED
    how = (
        f"{len(found)} worlds (seeds {seeds[0]} to {seeds[-1]}) of {worlds.ACCOUNTS} accounts, graded on {len(months)} "
        f"months from {months[0]} to {months[-1]}, with {lost[0]} to {lost[-1]} churned accounts each, median "
        f"{lost[len(lost) // 2]} (a world with fewer than {worlds.MIN_CHURNED} does not count). The model is the "
        f"same in all, what serves after a quarter: {candidate}, selected and fitted again on every matured month of a "
        f"company of {worlds.TRAINING_ACCOUNTS:,} accounts x {worlds.TRAINING_MONTHS} months (seed "
        f"{worlds.TRAINING_SEED}). The intervals are the product's own: "
        f"{rules.replicates} draws of accounts, confidence {rules.confidence:.0%}. The truth is the metric on all "
        f"{sum(map(len, found)):,} rows together; flagged is the riskiest {SETTINGS.policy.capacity_share:.0%} of each "
        "world's month. ECE is biased upward and is reported without an interval."
    )
    return "\n".join(
        [
            "# Do 90% intervals cover the truth?",
            "",
            "Written by `make coverage`; edit the code instead.",
            "",
            how,
            "",
            "| metric | truth | mean width | interval below it | above it | covered | 95% interval of that | bound | |",
            "|---|---|---|---|---|---|---|---|---|",
            *(one.row() for one in coverages),
            "",
            f"{bounds_held} of {len(BOUNDED)} bounds hold.",
            "",
        ]
    )


def main() -> None:
    """Train once, generate, grade, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "coverage")
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    found = list(worlds.worlds(arguments.worlds, arguments.work))
    text = page(found, worlds.fixed_model(arguments.work).name)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
