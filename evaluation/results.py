"""`make results`: grades the sample company and what is learned from it.

Writes docs/reference/results/sample-company.md; nothing is typed in.

Companies of several seeds are generated, staged and replayed through the product's own features and health score, month
after month, and held against the truth that the generator wrote beside them.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from evaluation import results_jumps, results_slides, results_treated
from evaluation.results_models import GAP_DAYS, model_sections
from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.training import CandidateSettings, InputSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.inputs import varied
from keepwell.sample.settings import CompanySettings, company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import month_starts, training_set
from keepwell.tasks.sources.staging import stage
from tests.support.bounds import Bound, table
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "sample-company.md"
MONTHS = 42
LAST_DAY = date(2026, 6, 30)
NOW = datetime(2026, 7, 1)
UNTOUCHED = company_with("off", confounder=False)
"""The company whose CSMs contact no accounts."""
RUN_IN_MONTHS = 3
"""Earlier months do not have 90 days of data in all tables."""
TRAIN_SEED = 1000
NUMERIC = [f.name for f in FEATURES.values() if f.published]


def pooled_months(months: int = MONTHS) -> list[date]:
    """The starts of the months that are pooled: run in, and matured on the last day."""
    first = np.datetime64(LAST_DAY, "M") - months + 1 + RUN_IN_MONTHS
    open_days = timedelta(days=GAP_DAYS)
    return month_starts(first.astype("datetime64[D]").astype(date), NOW - open_days)


def account_months(folder: Path, months: int = MONTHS) -> pd.DataFrame:
    """Every month's cohort as in a training set, with the true probabilities.

    An account that churned without notice on the first day of a month is still in that day's cohort, but has no
    probability.
    """
    settings = load_settings(folder / "pipeline.toml")
    snapshot = stage(
        settings.source.url, settings.base, settings.mappings, folder / "snapshots", csv=settings.source.csv
    )
    scoring = Run(settings, folder / "out", LAST_DAY).scoring
    examples = training_set(snapshot, pooled_months(months), NOW, scoring, settings.labels).examples
    truth = pd.read_parquet(
        folder / "truth" / "account_months.parquet", columns=["account_id", "as_of", "p_churn", "p0"]
    )
    left_on = pd.read_parquet(folder / "truth" / "churn.parquet").set_index("account_id")["left_on"]
    gone = examples["as_of"] == pd.to_datetime(examples["account_id"].map(left_on))
    cohort = examples[~gone].astype({"churned": bool})
    truth["as_of"] = pd.to_datetime(truth["as_of"])
    joined = cohort.merge(truth, on=["account_id", "as_of"], how="inner", validate="1:1")
    assert len(joined) == len(cohort), f"{len(cohort) - len(joined)} account-months have no truth"
    return joined


@dataclass(frozen=True)
class Company:
    """One company: its account-months with the true probabilities, and the slides that were planted in it."""

    months: pd.DataFrame
    slides: pd.DataFrame


def company(accounts: int, seed: int, settings: CompanySettings = UNTOUCHED, months: int = MONTHS) -> Company:
    """A company written, staged, replayed, and its truth read."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        write_company(accounts, months, seed, Path(folder), LAST_DAY, settings)
        found = Company(
            account_months(Path(folder), months), pd.read_parquet(Path(folder) / "truth" / "slides.parquet")
        )
    took = time.monotonic() - start
    print(f"{accounts:,} accounts, seed {seed}: {len(found.months):,} rows, {took:.0f} s", flush=True)
    return found


def boosted(frame: pd.DataFrame) -> Pipeline:
    """The product's own boosting, with more iterations and larger trees than by default, since there are many rows."""
    rules = CandidateSettings(max_iter=500, max_leaf_nodes=8, min_samples_leaf=200)
    return fitted("boosting", frame, frame["churned"], varied(frame, NUMERIC), InputSettings(), rules)


def auc(churned: pd.Series, score: pd.Series) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(churned, score))


def single_features(frame: pd.DataFrame) -> pd.DataFrame:
    """AUC of each feature alone, in its better direction: over all rows (missing: the median), and where present."""
    rows = {}
    for name in NUMERIC:
        value = frame[name].astype("float64")
        there = value.notna()
        if value.min() < value.max():
            whole = auc(frame["churned"], value.fillna(value.median()))
            present = auc(frame["churned"][there], value[there])
            rows[name] = {"whole": max(whole, 1 - whole), "present": max(present, 1 - present), "fill": there.mean()}
    return pd.DataFrame(rows).T


def bounds_of(worlds: Sequence[pd.DataFrame], train: pd.DataFrame) -> Iterator[Bound]:
    """The bounds that the simulated company has to meet."""
    model = boosted(train)
    seeds = [world[world["health"].notna()] for world in worlds]
    truth = [auc(f["churned"], f["p_churn"]) for f in seeds]
    health = [auc(f["churned"], -f["health"]) for f in seeds]
    boost = [auc(f["churned"], predicted_probability(model, f)) for f in seeds]
    pooled = pd.concat(seeds, ignore_index=True)
    alone = single_features(pooled)
    rates = pooled.groupby("segment")["churned"].mean()
    best, best_present = alone["whole"].idxmax(), alone["present"].idxmax()
    yield Bound("ROC-AUC of the true probability, mean of the seeds", 0.82, 0.87, float(np.mean(truth)))
    yield Bound("the same, lowest seed", 0.80, 0.88, min(truth))
    yield Bound("the same, highest seed", 0.80, 0.88, max(truth))
    yield Bound(f"best single feature (`{best}`)", -np.inf, 0.72, float(alone["whole"].max()))
    yield Bound(
        f"best single feature where it is present (`{best_present}`)", -np.inf, 0.72, float(alone["present"].max())
    )
    yield Bound("ROC-AUC of `health`, mean of the seeds", 0.65, 0.76, float(np.mean(health)))
    ahead = [h - single_features(f)["whole"].max() for h, f in zip(health, seeds, strict=True)]
    yield Bound("`health` less the best single feature of its seed, mean", 1e-9, np.inf, float(np.mean(ahead)))
    yield Bound("the same, lowest seed", 0.65, 0.76, min(health))
    yield Bound("the same, highest seed", 0.65, 0.76, max(health))
    for segment, low, high in (("enterprise", 0.02, 0.03), ("mid-market", 0.03, 0.04), ("digital-touch", 0.045, 0.055)):
        yield Bound(f"churn within 90 days, {segment}", low, high, float(rates[segment]), digits=4)
    closed = [(b - h) / (t - h) for b, h, t in zip(boost, health, truth, strict=True)]
    yield Bound("share of the gap from `health` to the truth that boosting closes", 0.75, 0.90, float(np.mean(closed)))
    yield Bound("the same, lowest seed", -np.inf, np.inf, min(closed))
    yield Bound(
        "observed / expected by the true probability", 0.95, 1.05, pooled["churned"].sum() / pooled["p_churn"].sum()
    )


def page(world: Sequence[Bound], models: Sequence[str], accounts: int, train: int, seeds: Sequence[int]) -> str:
    """The page, in Markdown."""
    days = pooled_months()
    how = (
        f"{len(seeds)} companies (seeds {', '.join(map(str, seeds))}) of {accounts:,} accounts x {MONTHS} months, "
        f"contacts off; the {len(days)} months from {days[0]} to {days[-1]} (matured on {LAST_DAY})."
    )
    boosting = (
        f"All months pooled. Boosting is trained on another company of {train:,} accounts (seed {TRAIN_SEED}), on the "
        "published features, segment and industry. `health` is the product's own score with its default weights."
    )
    head = ["# Results", "", "Written by `make results`; edit the code instead.", "", how, ""]
    company_part = ["## The sample company", "", boosting, "", *table(world), ""]
    return "\n".join([*head, *company_part, *models, ""])


def main() -> None:
    """Generate, replay, train, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--train-accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--treated-seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jumping-seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    companies = [company(arguments.accounts, seed) for seed in arguments.seeds]
    worlds = [c.months for c in companies]
    bounds = list(bounds_of(worlds, company(arguments.train_accounts, TRAIN_SEED).months))
    randomized = results_treated.randomized_company()
    treated = (company(arguments.accounts, seed, randomized).months for seed in arguments.treated_seeds)
    jumps, even = results_jumps.jumping_company(), results_jumps.even_company()
    jumping = (company(arguments.accounts, seed, jumps).months for seed in arguments.jumping_seeds)
    steady = (company(arguments.accounts, seed, even).months for seed in arguments.jumping_seeds[:1])
    models = [
        *model_sections(worlds),
        "",
        "### A slide seen before a threshold",
        "",
        *results_slides.section([(c.months, c.slides) for c in companies]),
        "",
        "### Where four in ten of the flagged are worked on",
        "",
        *table(list(results_treated.bounds_of(treated))),
        "",
        "### Where accounts jump, few use the product and nobody writes tickets",
        "",
        *table(list(results_jumps.bounds_of(jumping, min_gain=0.0))),
        "",
        "### Where as much is done at each use, however an account fares",
        "",
        *table(list(results_jumps.bounds_of(steady, min_gain=-0.003))),
    ]
    text = page(bounds, models, arguments.accounts, arguments.train_accounts, arguments.seeds)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
