"""`make results`: is the sample company the world that it is meant to be? Writes docs/results.md; nothing is typed in.

Companies of several seeds are generated, staged and replayed through the product's own features and health score, month
after month, and held against the truth that the generator wrote beside them.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from features.all import FEATURES
from flows.run import Run
from flows.settings import load_settings
from sample.settings import company_with
from sample.truth import HORIZON_DAYS
from sample.write import write_company
from tasks.score import score_book
from tasks.sources import facts_at
from tasks.staging import stage
from tasks.store import Stored
from tests.running import ROOT

PAGE = ROOT / "docs" / "results.md"
MONTHS = 42
LAST_DAY = date(2026, 6, 30)
RUN_IN_MONTHS = 3
"""Before that no table reaches back over the windows of 90 days."""
GRACE_DAYS = 30
LEAST_TENURE_DAYS = 60
TRAIN_SEED = 1000
NUMERIC = [f.name for f in FEATURES.values() if f.published]
WORDS = ("segment", "industry")


@dataclass(frozen=True)
class Bound:
    """One figure of the sample company, and between what it has to lie; without bounds it only stands beside them."""

    name: str
    low: float
    high: float
    value: float
    digits: int = 3

    @property
    def free(self) -> bool:
        """Whether nothing bounds it."""
        return self.low == -np.inf and self.high == np.inf

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.low <= self.value <= self.high

    def row(self) -> str:
        """A line of the table."""
        if self.free:
            return f"| {self.name} | | {self.value:.{self.digits}f} | |"
        said = f"{self.low:g} to {self.high:g}" if self.low > -np.inf else f"at most {self.high:g}"
        return (
            f"| {self.name} | {said} | {self.value:.{self.digits}f} | {'holds' if self.holds else '**falls short**'} |"
        )


def month_starts() -> list[date]:
    """The starts of the months that are pooled: run in, and matured on the last day."""
    last = np.datetime64(LAST_DAY) - HORIZON_DAYS - GRACE_DAYS
    first = np.datetime64(LAST_DAY, "M") - MONTHS + 1 + RUN_IN_MONTHS
    months = np.arange(first, last.astype("datetime64[M]") + 1).astype("datetime64[D]")
    return [day.astype(date) for day in months if day <= last]


def account_months(folder: Path) -> pd.DataFrame:
    """Every month's cohort: features and health as the product has them, the true chance, and who left.

    The cohort of a month is under contract for 60 days and has given no notice.
    """
    settings = load_settings(folder / "pipeline.toml")
    snapshot = stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")
    frames, measures = [], None
    nothing = pd.DataFrame(columns=["account_id", "health", "band", "as_of"])
    for day in month_starts():
        run = Run(settings, folder / "out", day)
        stored = Stored(None, measures, None, None, nothing, ())
        scored = score_book(facts_at(snapshot, run.instant, run.fixed), run.scoring, {}, stored)
        measures = scored.measures
        known = scored.accounts[["account_id", "status", "health", *WORDS]]
        frames.append(scored.features.merge(known, on="account_id").assign(as_of=pd.Timestamp(day)))
    whole = pd.concat(frames, ignore_index=True)
    cohort = whole[(whole["status"] == "active") & (whole["tenure"] >= LEAST_TENURE_DAYS) & whole["health"].notna()]
    return with_truth(cohort, folder)


def with_truth(cohort: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The same with `p_churn` and `churned`; every row of the cohort has its truth."""
    truth = pd.read_parquet(folder / "truth" / "account_months.parquet", columns=["account_id", "as_of", "p_churn"])
    lost = pd.read_parquet(folder / "truth" / "churn.parquet").set_index("account_id")["churned_on"]
    truth["as_of"] = pd.to_datetime(truth["as_of"])
    joined = cohort.merge(truth, on=["account_id", "as_of"], how="inner", validate="1:1")
    on = pd.to_datetime(joined["account_id"].map(lost))
    horizon = pd.Timedelta(days=HORIZON_DAYS)
    return joined.assign(churned=(on >= joined["as_of"]) & (on < joined["as_of"] + horizon))


def company(accounts: int, seed: int) -> pd.DataFrame:
    """The account-months of one company whose CSMs contact nobody."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        write_company(accounts, MONTHS, seed, Path(folder), LAST_DAY, company_with("off", confounder=False))
        frame = account_months(Path(folder))
    print(f"{accounts:,} accounts, seed {seed}: {len(frame):,} rows, {time.monotonic() - start:.0f} s", flush=True)
    return frame


def matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """What a model sees: the published features, segment and industry."""
    words = frame[list(WORDS)].apply(lambda column: column.astype("category").cat.codes)
    return pd.concat([frame[NUMERIC].astype("float64"), words], axis=1)


def boosted(frame: pd.DataFrame) -> tuple[HistGradientBoostingClassifier, list[str]]:
    """A boosting model of churn, one thread of thought: no search, the same settings whatever the world."""
    inputs = matrix(frame)
    varied = list(inputs.columns[inputs.min() < inputs.max()])
    model = HistGradientBoostingClassifier(
        max_iter=500, learning_rate=0.04, max_leaf_nodes=8, min_samples_leaf=200, l2_regularization=5.0,
        max_features=0.3, random_state=1,
    )  # fmt: skip
    return model.fit(inputs[varied], frame["churned"]), varied


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


def figures(seeds: Sequence[pd.DataFrame], train: pd.DataFrame) -> Iterator[Bound]:
    """Every bound of the issue, over the seeds."""
    model, names = boosted(train)
    truth = [auc(f["churned"], f["p_churn"]) for f in seeds]
    health = [auc(f["churned"], -f["health"]) for f in seeds]
    boost = [auc(f["churned"], model.predict_proba(matrix(f)[names])[:, 1]) for f in seeds]
    pooled = pd.concat(seeds, ignore_index=True)
    alone = single_features(pooled)
    rates = pooled.groupby("segment")["churned"].mean()
    best, best_present = alone["whole"].idxmax(), alone["present"].idxmax()
    yield Bound("ROC-AUC of the true chance, mean of the seeds", 0.82, 0.87, float(np.mean(truth)))
    yield Bound("the same, lowest seed", 0.80, 0.88, min(truth))
    yield Bound("the same, highest seed", 0.80, 0.88, max(truth))
    yield Bound(f"best single feature (`{best}`)", -np.inf, 0.72, float(alone["whole"].max()))
    yield Bound(
        f"best single feature where it is present (`{best_present}`)", -np.inf, 0.72, float(alone["present"].max())
    )
    yield Bound("ROC-AUC of `health`, mean of the seeds", 0.65, 0.76, float(np.mean(health)))
    yield Bound("the same, lowest seed", 0.65, 0.76, min(health))
    yield Bound("the same, highest seed", 0.65, 0.76, max(health))
    for segment, low, high in (("enterprise", 0.02, 0.03), ("mid-market", 0.03, 0.04), ("digital-touch", 0.045, 0.055)):
        yield Bound(f"churn within 90 days, {segment}", low, high, float(rates[segment]), digits=4)
    closed = [(b - h) / (t - h) for b, h, t in zip(boost, health, truth, strict=True)]
    yield Bound("share of the gap from `health` to the truth that boosting closes", 0.75, 0.90, float(np.mean(closed)))
    yield Bound("the same, lowest seed", -np.inf, np.inf, min(closed))
    yield Bound("observed / expected by the true chance", 0.95, 1.05, pooled["churned"].sum() / pooled["p_churn"].sum())


def page(bounds: Sequence[Bound], accounts: int, train: int, seeds: Sequence[int], seconds: float) -> str:
    """The page, in Markdown."""
    days, bounded = month_starts(), [b for b in bounds if not b.free]
    how = (
        f"{len(seeds)} companies (seeds {', '.join(map(str, seeds))}) of {accounts:,} accounts x {MONTHS} months, "
        f"contacts off; the {len(days)} months from {days[0]} to {days[-1]} pooled (matured on {LAST_DAY}). "
        f"Boosting is trained on another company of {train:,} accounts (seed {TRAIN_SEED}), on the published features, "
        "segment and industry. `health` is the product's own score with its default weights."
    )
    return "\n".join(
        [
            "# Results",
            "",
            "Written by `make results`; edit the code instead.",
            "",
            "## The sample company",
            "",
            how,
            "",
            "| figure | bound | measured | |",
            "|---|---|---|---|",
            *(bound.row() for bound in bounds),
            "",
            f"{sum(b.holds for b in bounded)} of {len(bounded)} bounds hold; {seconds / 60:.0f} minutes.",
            "",
        ]
    )


def main() -> None:
    """Generate, replay, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--train-accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    start = time.monotonic()
    worlds = [company(arguments.accounts, seed) for seed in arguments.seeds]
    train = company(arguments.train_accounts, TRAIN_SEED)
    bounds = list(figures(worlds, train))
    text = page(bounds, arguments.accounts, arguments.train_accounts, arguments.seeds, time.monotonic() - start)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
