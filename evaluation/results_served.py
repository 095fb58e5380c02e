"""What serves, on months that came after it: the last part of `make results`, nothing typed in (MOD-11).

Companies of seeds drawn anew learn from their first 42 months as a quarterly run does; what serves then scores the
months after it, of which it has seen nothing. The oracle is the true probability on the same rows. Each company's
figures are kept in a file, so that a run that was stopped goes on. Writes docs/reference/results/served.md.
"""

import argparse
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from evaluation.results import LAST_DAY, NOW, UNTOUCHED, auc, company, single_features
from evaluation.results_early import RULES as EARLY
from evaluation.results_models import CONFIDENCE, GAP_DAYS, NUMERIC_FEATURES, SETTINGS, lower_bound
from keepwell.models.grading.metrics import Floats
from keepwell.models.monitoring.early_warning import early_warning
from keepwell.models.training.thresholds import threshold_of, within_capacity
from keepwell.models.training.trial import Trial, trial
from keepwell.sample.settings import CompanySettings
from keepwell.tasks.learning.training import splits_of
from tests.support.bounds import Bound, table
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "served.md"
WORK = ROOT / "out" / "served"
TRAINED, AFTER = 42, 9
"""Months of data that training sees, and months after them."""
FLAGS_FIRST = 3
"""Months with flags before the first churner whose lead counts."""
CLOSED = {3_000: 0.70, 5_000: 0.74}
"""Accounts of a company, and the share of the gap that what serves has to close in the mean."""
SEEDS = 10
SEASON, SEASON_TRAINED, AHEAD = (0.6, 1.5), 24, 6
"""Odds of a notice in midsummer and midwinter, times the usual; months of data trained on, and months graded."""
SEASON_ACCOUNTS, SEASON_SEEDS = 5_000, 3
SCORES = ("served", "graded", "oracle", "health")
Metrics = Mapping[str, float]


def trained_at(rows: pd.DataFrame, until: pd.Timestamp) -> Trial:
    """The trial that a quarterly run makes at that instant, of the outcomes that were known by then."""
    matured = rows[rows["as_of"] <= until - pd.Timedelta(days=GAP_DAYS)]
    return trial(matured, "churned", splits_of(matured, "churn", GAP_DAYS, SETTINGS.split), NUMERIC_FEATURES, SETTINGS)


def expected_auc(p_true: Floats, score: Floats) -> float:
    """ROC-AUC of a score where every row churns with its true probability: the AUC without the luck of outcomes."""
    both = np.repeat([1.0, 0.0], len(score))
    weight = np.concatenate([p_true, 1.0 - p_true])
    return float(roc_auc_score(both, np.tile(score, 2), sample_weight=weight))


@dataclass(frozen=True)
class Served:
    """A trial at some instant, and every matured month after it with the scores of what serves."""

    trial: Trial
    until: pd.Timestamp
    rows: pd.DataFrame

    def flagged(self) -> pd.Series:
        """Whether each row is flagged, by the thresholds of what serves."""
        trial, rows, policy = self.trial, self.rows, SETTINGS.policy
        limits = trial.serving.in_season(threshold_of(rows, trial.serving_thresholds, policy), rows)
        return rows["served"] >= within_capacity(rows, rows["served"].to_numpy(), limits, policy)


def served(accounts: int, seed: int, settings: CompanySettings, months: int) -> Served:
    """A company that was trained on its first months, and scored in the months after them."""
    rows = company(accounts, seed, settings, months + AFTER).months
    until = pd.Timestamp(NOW) - pd.DateOffset(months=AFTER)
    found = trained_at(rows, until)
    print(f"{found.selected}; {found.why_no_refit or 'its refit serves'}", flush=True)
    later = rows[rows["as_of"] >= until].reset_index(drop=True)
    later = later.assign(
        served=found.serving.probabilities(later), graded=found.graded.probabilities(later), oracle=later["p_churn"],
        health=-later["health"].fillna(later["health"].median()),
    )  # fmt: skip
    return Served(found, until, later)


def closing(accounts: int, seed: int) -> Metrics:
    """One company's metrics: the gap that is closed, calibration, flags and early warning."""
    found = served(accounts, seed, UNTOUCHED, TRAINED)
    rows, left, p_true = found.rows, found.rows["churned"], found.rows["p_churn"].to_numpy()
    scores = {name: rows[name] for name in ("served", "oracle", "health")}
    warned = early_warning(rows, scores, found.until + pd.DateOffset(months=FLAGS_FIRST), EARLY)
    return {
        "churned": float(left.sum()),
        **{f"auc_{name}": auc(left, rows[name]) for name in SCORES},
        **{f"expected_{name}": expected_auc(p_true, rows[name].to_numpy()) for name in SCORES},
        "auc_feature": float(single_features(rows)["whole"].max()),
        "observed_expected": float(left.sum() / rows["served"].sum()),
        "flagged": float(found.flagged().mean()),
        **{f"early_{name}": warned.metrics[name]["early_share"].value for name in scores},
    }


def seasonal(accounts: int, seed: int) -> Metrics:
    """Of a company with a season, trained on two years: per month ahead what came, what was expected, and the flags."""
    rules = UNTOUCHED.churn.model_copy(update={"season": SEASON})
    found = served(accounts, seed, UNTOUCHED.model_copy(update={"churn": rules}), SEASON_TRAINED)
    rows = found.rows.assign(above=found.flagged(), count=1.0)
    months = rows.groupby(rows["as_of"].dt.strftime("%Y-%m"))[["churned", "served", "above", "count"]].sum().head(AHEAD)
    return {f"{name} {month}": float(months.loc[month, name]) for month in months.index for name in months}


def stored(work: Path, measure: Callable[[int, int], Metrics], accounts: int, seed: int) -> Metrics:
    """The metrics of a company, computed unless they are kept in `work`."""
    place = work / f"{measure.__name__}-{accounts}-{seed}.json"
    if not place.exists():
        metrics = measure(accounts, seed)
        work.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(".part")
        part.write_text(json.dumps(metrics, indent=1))
        part.replace(place)
    found: Metrics = json.loads(place.read_text())
    return found


def bounds_of(found: pd.DataFrame, closed_bound: float) -> Iterator[Bound]:
    """The bounds on companies of one size; `found`: their figures, a row each."""
    free = (-np.inf, np.inf)

    def closed(of: str, score: str = "served") -> Floats:
        gap = found[f"{of}_oracle"] - found[f"{of}_health"]
        share: Floats = ((found[f"{of}_{score}"] - found[f"{of}_health"]) / gap).to_numpy()
        return share

    clean, ratio = closed("expected"), found["observed_expected"]
    yield Bound("share of the gap in ROC-AUC that what serves closes, mean", closed_bound, np.inf, float(clean.mean()))
    yield Bound(f"the same, lower bound of its {CONFIDENCE:.0%} interval (t over companies)", *free, lower_bound(clean))
    yield Bound("the same, lowest company", *free, float(clean.min()))
    yield Bound("the same by the outcomes that came, mean", *free, float(closed("auc").mean()))
    yield Bound("the same by the graded fit, mean", *free, float(closed("expected", "graded").mean()))
    for name in SCORES:
        yield Bound(f"ROC-AUC of {name}, mean", *free, float(found[f"expected_{name}"].mean()))
    ahead = (found["auc_health"] - found["auc_feature"]).to_numpy()
    yield Bound("ROC-AUC of health less that of the best single feature, mean", 0.0, np.inf, float(ahead.mean()))
    yield Bound("observed / expected, mean", 0.93, 1.07, float(ratio.mean()))
    yield Bound("observed / expected, lowest", 0.80, 1.25, float(ratio.min()))
    yield Bound("observed / expected, highest", 0.80, 1.25, float(ratio.max()))
    yield Bound("share of the portfolio that is flagged, mean", *free, float(found["flagged"].mean()))
    early = found[["early_served", "early_oracle", "early_health"]].mean()
    yield Bound(
        "churners flagged 60+ days before notice: share of what serves over that of the true probability, of the means",
        0.80, np.inf, float(early["early_served"] / early["early_oracle"]),
    )  # fmt: skip
    yield Bound("the same of health", *free, float(early["early_health"] / early["early_oracle"]))


def section(accounts: int, seeds: Sequence[int], work: Path) -> Iterator[str]:
    """The section of one size, line by line."""
    found = pd.DataFrame([stored(work, closing, accounts, seed) for seed in seeds])
    lost = sorted(found["churned"].astype(int))
    yield f"## {accounts:,} accounts"
    yield ""
    yield (
        f"{len(seeds)} companies, seeds {', '.join(map(str, seeds))}; {lost[0]:,} to {lost[-1]:,} account-months with "
        "the outcome in each."
    )
    yield from ["", *table(list(bounds_of(found, CLOSED.get(accounts, -np.inf)))), ""]


def season_section(accounts: int, seeds: Sequence[int], work: Path) -> Iterator[str]:
    """The section on companies with a season, line by line."""
    found = pd.DataFrame([stored(work, seasonal, accounts, seed) for seed in seeds]).sum()
    months = pd.DataFrame({tuple(name.split()): value for name, value in found.items()}, index=[0]).T.unstack(0)[0]
    yield "## A year with a season"
    yield ""
    yield (
        f"{len(seeds)} companies of {accounts:,} accounts (seeds {', '.join(map(str, seeds))}) whose odds of a notice "
        f"are {SEASON[0]:g} times the usual in midsummer and {SEASON[1]:g} times at the turn of the year; trained on "
        f"{SEASON_TRAINED} months, graded together on each of the next {AHEAD}. Capacity is "
        f"{SETTINGS.policy.capacity_share:.0%} of the portfolio."
    )
    ratio, above = months["churned"] / months["served"], months["above"] / months["count"]
    bounds = [Bound(f"observed / expected, accounts scored in {of}", 0.85, 1.15, value) for of, value in ratio.items()]
    bounds += [Bound(f"share flagged in {of}", 0.08, 0.12, value) for of, value in above.items()]
    yield from ["", *table(bounds), ""]


def page(sizes: Sequence[int], seeds: Sequence[int], work: Path) -> str:
    """The page, in Markdown."""
    until = (pd.Timestamp(NOW) - pd.DateOffset(months=AFTER)).date()
    how = (
        f"Each company has {TRAINED + AFTER} months up to {LAST_DAY}, contacts off. Trained on what was known on "
        f"{until}, {TRAINED} months after its start, by the same trial as in `keepwell quarterly`; graded on the "
        "months from then on that have matured since. The share of the gap is (ROC-AUC - that of health) / (that of "
        "the true probability - that of health), where a row churns with its true probability, so that no luck of "
        "outcomes is in it; observed / expected, flags and early warning are by the outcomes that came. Seeds are "
        "drawn anew for each run unless they are given."
    )
    parts = [line for accounts in sizes for line in section(accounts, seeds, work)]
    parts += season_section(SEASON_ACCOUNTS, seeds[:SEASON_SEEDS], work)
    head = ["# What serves, on months that it has not seen", "", "Written by `make results`; edit the code instead."]
    return "\n".join([*head, "", how, "", *parts])


def main() -> None:
    """Generate, learn, score what came after, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=list(CLOSED))
    parser.add_argument("--seeds", type=int, nargs="+", help="for every size; drawn anew by default")
    parser.add_argument("--work", type=Path, default=WORK, help="figures of companies that are done")
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    drawn = arguments.seeds or [secrets.randbelow(10**6) for _ in range(SEEDS)]
    text = page(arguments.accounts, drawn, arguments.work)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
