"""The models against the true probabilities of sample companies: the second part of `make results`, nothing typed in.

One trial per company, as in the quarterly run: trained on the first months, selected and calibrated on later ones,
graded once on the last. The oracle is the true probability on the same rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from evaluation import results_early, results_estimate, results_shuffles
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import HealthSettings, LabelSettings
from keepwell.models.grading.intervals import Estimate, account_draws, interval
from keepwell.models.grading.metrics import Floats, top
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import WeightSettings
from keepwell.models.training.candidates import BASELINES
from keepwell.models.training.inputs import varied
from keepwell.models.training.split import Splits, labeled_rows
from keepwell.models.training.trial import Trial, trial
from keepwell.models.training.weights import tuned_weights, weighted_health
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound, table

SETTINGS = ModelSettings()
HEALTH = HealthSettings()
GAP_DAYS = LabelSettings().churn_horizon_days
"""The sample company records its churn, so that no grace is waited for."""
NUMERIC_FEATURES = [f.name for f in FEATURES.values() if f.published]
CONFIDENCE = 0.90
DRAWS, SEED = 400, 1
WORDS = {"single": "best single feature", "tuned": "tuned weights"}


@dataclass(frozen=True)
class TrainedCompany:
    """One company and its models; `test` has the champion's probability, health and the true probability."""

    examples: pd.DataFrame
    splits: Splits
    trial: Trial

    @cached_property
    def test(self) -> pd.DataFrame:
        """Test rows with every score as a risk, higher is riskier: champion, oracle, health, tuned, single."""
        rows = self.trial.test
        train = labeled_rows(self.examples, "churned", self.splits.train)
        tuned = tuned_weights(train, "churned", COMPONENTS, HEALTH.weights_of, WeightSettings())
        named = {name: y_prob for name, y_prob in self.trial.probabilities.items() if name not in BASELINES}
        health = rows["health"].fillna(rows["health"].median())
        return rows.assign(
            **named, champion=rows["chance"], oracle=rows["p_churn"], health=-health,
            tuned=-weighted_health(rows, tuned.of).fillna(50.0), single=best_single(train, rows),
        )  # fmt: skip

    def auc(self, name: str, rows: pd.DataFrame | None = None) -> float:
        """ROC-AUC of a score on the test rows, or some of them."""
        rows = self.test if rows is None else rows
        return float(roc_auc_score(rows["churned"].astype(bool), rows[name]))

    def closed(self, name: str) -> float:
        """Share of the gap from health to the oracle."""
        health = self.auc("health")
        return (self.auc(name) - health) / (self.auc("oracle") - health)

    def found(self, name: str) -> Floats:
        """Whether each test row is flagged within capacity, as 0 or 1."""
        flags: Floats = top(
            self.test[name].to_numpy(dtype=float), self.test["as_of"].to_numpy(), SETTINGS.policy.capacity_share
        ).astype(float)
        return flags

    def recall(self, name: str) -> float:
        """Share of the churned accounts that is flagged within capacity."""
        left = self.test["churned"].to_numpy(dtype=float)
        return float(np.dot(left, self.found(name)) / left.sum())

    def ahead(self) -> Estimate:
        """Paired interval of the champion's recall less that of health, over draws of accounts."""
        left, codes = self.test["churned"].to_numpy(dtype=float), pd.factorize(self.test["account_id"])[0]
        gain = left * (self.found("champion") - self.found("health"))
        draws = [np.dot(w, gain) / np.dot(w, left) for w in account_draws(codes, np.ones(len(left)), DRAWS, SEED)]
        return interval(gain.sum() / left.sum(), draws, CONFIDENCE)

    def watched(self) -> pd.DataFrame:
        """Every month from the first of validation on, with the champion's probability."""
        rows = self.examples[self.examples["as_of"] >= pd.Timestamp(self.splits.validation[0])]
        return rows.assign(chance=self.trial.graded.probabilities(rows))


def best_single(train: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """The feature that ranks the training rows best by itself, as a risk; a missing value is their median."""
    known = train[NUMERIC_FEATURES].astype("float64")
    filled = known.fillna(known.median())
    left = train["churned"].astype(bool)
    ranks = pd.Series({name: roc_auc_score(left, filled[name]) - 0.5 for name in varied(train, NUMERIC_FEATURES)})
    best = str(ranks.abs().idxmax())
    return np.sign(ranks[best]) * rows[best].astype("float64").fillna(known[best].median())


def trained_on(examples: pd.DataFrame) -> TrainedCompany:
    """The trial of one company."""
    splits = splits_of(examples, "churn", GAP_DAYS, SETTINGS.split)
    found = trial(examples, "churned", splits, NUMERIC_FEATURES, SETTINGS)
    print(f"{found.selected} taken", flush=True)
    return TrainedCompany(examples, splits, found)


def model_sections(worlds: Sequence[pd.DataFrame]) -> Iterator[str]:
    """The section of the page on models, line by line."""
    seeds = [trained_on(world) for world in worlds]
    splits = seeds[0].splits
    yield from ["## The models", ""]
    yield (
        f"Trained on {len(splits.train)} months ({splits.train[0]} to {splits.train[-1]}), chosen and calibrated on "
        f"{len(splits.validation)} ({splits.validation[0]} to {splits.validation[-1]}), graded on {len(splits.test)} "
        f"({splits.test[0]} to {splits.test[-1]}); {GAP_DAYS} days between. Selected by the one-standard-error rule: "
        f"{', '.join(seed.trial.selected for seed in seeds)}. The oracle is the true probability on the same rows."
    )
    yield from ["", *table(list(bounds_of(seeds))), "", "### Early warning, and metrics before outcomes are known", ""]
    watched = [seed.watched() for seed in seeds]
    early = [*results_early.rows_of(watched, splits), *results_estimate.rows_of(watched, splits)]
    yield from [*table([Bound(*figure) for figure in early]), "", "### Nothing to learn", ""]
    yield from [*table(list(results_shuffles.bounds_of(worlds[0]))), "", "### Side by side", ""]
    yield "Mean of the seeds on the test months: ROC-AUC of all accounts and of each segment, recall at capacity, and"
    yield from ["the share of the gap from health to the oracle that is closed.", "", *side_by_side(seeds)]


def bounds_of(seeds: Sequence[TrainedCompany]) -> Iterator[Bound]:
    """Every bound on the champion."""
    closed = np.array([seed.closed("champion") for seed in seeds])
    yield Bound("share of the gap in ROC-AUC that the champion closes, mean of the seeds", 0.65, np.inf, closed.mean())
    yield Bound("lower bound of that mean's 90% interval (t over the seeds)", 0.50, np.inf, lower_bound(closed))
    yield Bound("the same share, lowest seed", -np.inf, np.inf, closed.min())
    recall = {name: np.array([seed.recall(name) for seed in seeds]) for name in ("health", "champion", "oracle")}
    share = (recall["champion"] - recall["health"]).mean() / (recall["oracle"] - recall["health"]).mean()
    yield Bound("share of the gap in recall at capacity, of the means", 0.5, np.inf, float(share))
    for name, values in recall.items():
        yield Bound(f"recall at capacity of {name}, mean", -np.inf, np.inf, float(values.mean()))
    ahead = min(seed.ahead().low for seed in seeds)
    yield Bound("recall of the champion less that of health, lowest lower bound of a seed", 1e-9, np.inf, ahead)
    yield from calibration(seeds)


def calibration(seeds: Sequence[TrainedCompany]) -> Iterator[Bound]:
    """Brier skill, slope, expected calibration error and observed to expected of the champions."""
    of = [seed.trial.metrics[seed.trial.selected, "all"] for seed in seeds]
    slopes = [f["calibration_slope"].value for f in of]
    ratios = [f["observed_to_expected"].value for f in of]
    base = [seed.test["churned"].mean() for seed in seeds]
    yield Bound("Brier skill, lowest lower bound of a seed", 1e-9, 1.0, min(f["brier_skill"].low for f in of))
    yield Bound("calibration slope, lowest seed", 0.8, 1.2, min(slopes))
    yield Bound("calibration slope, highest seed", 0.8, 1.2, max(slopes))
    errors = np.mean([f["ece"].value for f in of]) / np.mean(base)
    yield Bound("expected calibration error over the base rate, of the means", -np.inf, 0.25, float(errors))
    yield Bound("observed / expected, mean of the seeds", 0.90, 1.10, float(np.mean(ratios)))
    yield Bound("observed / expected, lowest seed", 0.75, 1.25, min(ratios))
    yield Bound("observed / expected, highest seed", 0.75, 1.25, max(ratios))


def lower_bound(values: Floats) -> float:
    """Lower bound of the two-sided interval of a mean, by Student's t."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(values.mean() - student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * error)


def side_by_side(seeds: Sequence[TrainedCompany]) -> list[str]:
    """The best feature of the training months, health, tuned weights and every candidate, overall and per segment."""
    names = ["single", "health", "tuned", *(n for n in seeds[0].trial.trained if n not in BASELINES), "oracle"]
    segments = sorted(seeds[0].test["segment"].unique())
    lines = [f"| score | all | {' | '.join(segments)} | recall | closed |", "|---" * (len(segments) + 4) + "|"]
    for name in names:
        book = np.mean([seed.auc(name) for seed in seeds])
        each = [
            np.mean([seed.auc(name, seed.test[seed.test["segment"] == segment]) for seed in seeds])
            for segment in segments
        ]
        recall = np.mean([seed.recall(name) for seed in seeds])
        closed = np.mean([seed.closed(name) for seed in seeds])
        cells = " | ".join(f"{value:.3f}" for value in (book, *each, recall, closed))
        lines.append(f"| {WORDS.get(name, name.replace('_', ' '))} | {cells} |")
    return lines
