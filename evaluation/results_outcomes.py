"""`make results`: expansion and advocacy, with champions graded on companies of 60 months (MOD-1, MOD-4).

Writes docs/reference/results/outcomes.md; nothing is typed in. A company that is done stays in a folder: a run that was
stopped goes on from there. Empty it after a change to the sample, to features or to models.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

from evaluation.results_models import NUMERIC_FEATURES, SETTINGS
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.grading.ratios import estimates
from keepwell.models.grading.retention import BASE_RATES, base_rates
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.training.trial import Trial, trial
from keepwell.sample.settings import company_with, with_few_seats
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import first_month, month_starts, splits_of, training_set
from keepwell.tasks.sources.staging import stage
from tests.support.bounds import Bound, table
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "outcomes.md"
MONTHS, SEATS = 60, 4.0
LAST_DAY, NOW = date(2026, 6, 30), datetime(2026, 7, 1)
GRADED = ("expansion", "advocacy")
LABELS, MONEY = LabelSettings(), BookSettings()
TABLES = ("churn_events",)
"""What the sample company records of outcomes, besides contracts and what advocates say."""
SHOWN = {"roc_auc": "ROC-AUC", "recall": "recall at capacity", "brier_skill": "Brier skill",
         "calibration_slope": "calibration slope", "observed_to_expected": "observed / expected"}  # fmt: skip
TRUE_HEALTH = "true health"


def gap_days(outcome: str) -> int:
    """Days until the outcome of the sample company is known."""
    return LABELS.horizon_days(outcome) + MONEY.grace_days(outcome, TABLES)


def examples_of(accounts: int, seed: int) -> pd.DataFrame:
    """The training set of one company on its last day, with the `true_health` of each account-month."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small = with_few_seats(company_with("off", confounder=False), SEATS)
        write_company(accounts, MONTHS, seed, folder, LAST_DAY, small)
        settings = load_settings(folder / "pipeline.toml")
        snapshot = stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")
        run = Run(settings, folder / "out", NOW.date())
        first = first_month(snapshot, NOW, settings.models.split.run_in_days, run.fixed)
        months = month_starts(first, NOW - timedelta(days=min(gap_days(outcome) for outcome in GRADED)))
        found = training_set(snapshot, months, NOW, run.scoring, settings.labels, run.fixed).examples
        truth = pd.read_parquet(folder / "truth" / "account_months.parquet", columns=["account_id", "as_of", "health"])
    truth = truth.assign(as_of=pd.to_datetime(truth["as_of"])).rename(columns={"health": "true_health"})
    return found.merge(truth, on=["account_id", "as_of"], how="left", validate="1:1")


def metrics_of(examples: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    """Every metric of each outcome, long: seed, outcome, candidate, selected, metric, value, low, high."""
    for outcome in GRADED:
        start = time.process_time()
        label = OUTCOMES[outcome]
        splits = splits_of(examples, outcome, gap_days(outcome), SETTINGS.split)
        found = trial(examples, label, splits, NUMERIC_FEATURES, SETTINGS)
        rows = [*_about(found, label), *_metrics(found)]
        frame = pd.DataFrame(rows, columns=["candidate", "metric", "value", "low", "high"])
        print(f"seed {seed}, {outcome}: {found.selected}, {time.process_time() - start:.0f} CPU s", flush=True)
        yield frame.assign(seed=seed, outcome=outcome, selected=frame["candidate"] == found.selected)
    rates = base_rates(examples, "all")
    shares = estimates({metric: rates[metric, "all", "all", "book"] for metric in BASE_RATES}, 1, 0.9)
    yield pd.DataFrame(
        [{"seed": seed, "outcome": metric, "metric": "rate", "value": one.value} for metric, one in shares.items()]
    )


def _about(found: Trial, label: str) -> Iterator[tuple[str, str, float, float, float]]:
    """Sizes of the splits, and how well the true health of the day ranks the test rows."""
    rows, splits = found.test, found.splits
    happened = rows[label].astype(bool)
    there = rows["true_health"].notna()
    auc = float(roc_auc_score(happened[there], rows.loc[there, "true_health"]))
    numbers = {
        "rows": len(rows), "accounts": rows["account_id"].nunique(), "rate": happened.mean(),
        "train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test),
    }  # fmt: skip
    yield TRUE_HEALTH, "roc_auc", auc, float("nan"), float("nan")
    yield from (("", name, float(value), float("nan"), float("nan")) for name, value in numbers.items())


def _metrics(found: Trial) -> Iterator[tuple[str, str, float, float, float]]:
    """The metrics of every candidate on all test rows."""
    for name in found.trained:
        for metric in SHOWN:
            one = found.metrics[name, "all"][metric]
            yield name, metric, one.value, one.low, one.high


def stored(accounts: int, seed: int, work: Path) -> pd.DataFrame:
    """The metrics of one company; read back where they were made before."""
    path = work / f"outcomes-{accounts}-{seed}.parquet"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        pd.concat(metrics_of(examples_of(accounts, seed), seed), ignore_index=True).to_parquet(unfinished)
        unfinished.rename(path)
    return pd.read_parquet(path)


def bounds_of(champions: pd.DataFrame) -> Iterator[Bound]:
    """The bounds that the champions of one outcome have to keep."""
    of: Mapping[str, pd.DataFrame] = dict(iter(champions.groupby("metric")))
    yield Bound("ROC-AUC, lowest lower bound of a company", 0.5, 1.0, of["roc_auc"]["low"].min())
    yield Bound("Brier skill, lowest lower bound of a company", 1e-9, 1.0, of["brier_skill"]["low"].min())
    yield Bound("observed / expected, mean", 0.9, 1.1, of["observed_to_expected"]["value"].mean())
    yield Bound("observed / expected, lowest", 0.8, 1.25, of["observed_to_expected"]["value"].min())
    yield Bound("observed / expected, highest", 0.8, 1.25, of["observed_to_expected"]["value"].max())


def section(found: pd.DataFrame, outcome: str) -> Iterator[str]:
    """One outcome: its champion in each company, what holds, and every candidate."""
    rows = found[found["outcome"] == outcome]
    champions, numbers = rows[rows["selected"].eq(True)], rows[rows["candidate"] == ""]
    size = {metric: part["value"].mean() for metric, part in numbers.groupby("metric")}
    yield from [f"## {outcome.capitalize()}", ""]
    yield (
        f"Within {LABELS.horizon_days(outcome)} days. Trained on {size['train']:.0f} months, chosen and calibrated on "
        f"{size['validation']:.0f}, graded on {size['test']:.0f}; {gap_days(outcome)} days between. Test rows of a "
        f"company, in the mean: {size['rows']:,.0f} of {size['accounts']:,.0f} accounts, {size['rate']:.1%} with the "
        "outcome. Brackets: 90% intervals from a bootstrap over accounts."
    )
    yield from ["", f"| seed | champion | {' | '.join(SHOWN.values())} |", "|---" * (2 + len(SHOWN)) + "|"]
    for (seed, name), of in champions.groupby(["seed", "candidate"]):
        by = of.set_index("metric")
        estimates = [by.loc[metric] for metric in SHOWN]
        cells = [f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in estimates]
        yield f"| {seed} | {name.replace('_', ' ')} | {' | '.join(cells)} |"
    yield from [
        "",
        *table(list(bounds_of(champions))),
        "",
        "| score | ROC-AUC, mean | lowest | highest |",
        "|---|---|---|---|",
    ]
    for name, of in rows[rows["metric"] == "roc_auc"].groupby("candidate", sort=False):
        values = of["value"]
        yield f"| {name.replace('_', ' ')} | {values.mean():.3f} | {values.min():.3f} | {values.max():.3f} |"
    yield ""


def page(found: pd.DataFrame, accounts: int, seeds: Sequence[int]) -> str:
    """The page, in Markdown."""
    rates = found[found["outcome"].isin(list(BASE_RATES))].groupby("outcome")["value"].mean()
    shares = ", ".join(f"{metric.removesuffix('_rate')} {rates[metric]:.1%}" for metric in BASE_RATES)
    how = (
        f"{len(seeds)} companies (seeds {', '.join(map(str, seeds))}) of {accounts:,} accounts x {MONTHS} months to "
        f"{LAST_DAY}, contacts off, as of {NOW.date()}. `{TRUE_HEALTH}` ranks by the latent health of the day, which "
        "drives both outcomes in the generator and stands in no table; `health` is the product's own score."
    )
    said = f"How often each outcome came within its horizon, of all account-months: {shares}. Contraction has no model."
    head = ["# Expansion and advocacy", "", "Written by `make results`; edit the code instead.", "", how, "", said, ""]
    return "\n".join([*head, *(line for outcome in GRADED for line in section(found, outcome))])


def main() -> None:
    """Generate, replay, train, grade, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=2_400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "outcomes")
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    found = pd.concat([stored(arguments.accounts, seed, arguments.work) for seed in arguments.seeds])
    text = page(found, arguments.accounts, arguments.seeds)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
