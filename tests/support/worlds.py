"""Worlds by the hundred for one fixed model: small companies, each of its own seed, replayed by the product's features.

The model and the worlds that are done stay in a folder: a run that was stopped goes on from there. Empty it after a
change to the sample or to features.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from shutil import copytree
from time import process_time

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import LabelSettings
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.trained import Trained
from keepwell.models.training.trial import trial
from keepwell.sample.settings import CompanySettings, company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import month_starts, splits_of, training_set
from keepwell.tasks.sources.staging import stage

NUMERIC_FEATURES = [f.name for f in FEATURES.values() if f.published]
ACCOUNTS, TRAINING_ACCOUNTS = 900, 3_000
TRAINING_SEED, TRAINING_MONTHS = 9_001, 33
FIRST_SEED = 20_001
MIN_CHURNED = 40
TOGETHER = 10
"""Worlds that are staged and replayed at once: most of the cost of a replay is the same for one world as for ten."""
RECORD_MONTHS = 10
AS_OF = date(2026, 7, 1)
GRADED = (date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1))
"""Months that have matured on AS_OF; the record before them fills every window but the year's."""
GRADED_UNTIL = datetime.combine(GRADED[-1], time(0))
RUN_IN_MONTHS = 4
"""Months of the training company's record before its first training month."""
SEATS = 6.0
"""Seats of an account, at most in the mean of its segment: fewer usage rows for the same signals."""
SETTINGS = ModelSettings()


def small_company() -> CompanySettings:
    """The sample company of few seats whose CSMs contact nobody."""
    company = company_with("off", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, SEATS)}) for s in company.segments)
    return company.model_copy(update={"segments": segments})


def examples_of(
    accounts: int, seeds: Sequence[int], months: Sequence[date] = GRADED, record_months: int = RECORD_MONTHS
) -> pd.DataFrame:
    """Features and labels of these months of these worlds, with the column `world` (its seed)."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for seed in seeds:
            write_company(accounts, record_months, seed, folder / str(seed), settings=small_company())
        put_together(folder, seeds)
        settings = load_settings(folder / "pipeline.toml")
        snapshot = stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")
        run = Run(settings, folder / "out", AS_OF)
        past = training_set(snapshot, months, run.instant, run.scoring, settings.labels, run.fixed)
    return past.examples.assign(world=past.examples["account_id"].str.split("/").str[0].astype(int))


def put_together(folder: Path, seeds: Sequence[int]) -> None:
    """The worlds' tables in one source, every id led by the world's seed; no feature looks beyond its own account."""
    copytree(folder / str(seeds[0]) / "sql", folder / "sql")
    (folder / "pipeline.toml").write_text((folder / str(seeds[0]) / "pipeline.toml").read_text())
    for path in (folder / str(seeds[0])).glob("*.parquet"):
        worlds = [_named(pq.read_table(folder / str(seed) / path.name), seed) for seed in seeds]
        pq.write_table(pa.concat_tables(worlds), folder / path.name)


def _named(table: pa.Table, seed: int) -> pa.Table:
    """The table with the seed before every id."""
    for place, column in enumerate(table.column_names):
        if column.endswith("_id"):
            named = pc.binary_join_element_wise(str(seed), table[column], "/")
            table = table.set_column(place, column, named)
    return table


def fixed_model(work: Path) -> Trained:
    """The one model of all worlds, trained once; a run that was stopped resumes with the same model."""
    path = work / "model.joblib"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        joblib.dump(trained_model(), unfinished)
        unfinished.rename(path)
    model: Trained = joblib.load(path)
    return model


def trained_model() -> Trained:
    """What serves after a quarter: the candidate that a trial selects, fitted again on all matured months (MOD-11)."""
    first = pd.Timestamp(AS_OF) - pd.DateOffset(months=TRAINING_MONTHS - RUN_IN_MONTHS)
    rows = examples_of(TRAINING_ACCOUNTS, [TRAINING_SEED], month_starts(first.date(), GRADED_UNTIL), TRAINING_MONTHS)
    gap_days = LabelSettings().churn_horizon_days  # the sample company records its churn: no grace is waited for
    splits = splits_of(rows, "churn", gap_days, SETTINGS.split)
    found = trial(rows, "churned", splits, NUMERIC_FEATURES, SETTINGS)
    assert found.refit is not None, found.why_no_refit
    return found.serving


def worlds(count: int, work: Path) -> Iterator[pd.DataFrame]:
    """Worlds with enough churners, in the order of their seeds: account_id, as_of, churned and the probability."""
    work.mkdir(parents=True, exist_ok=True)
    model, found, seed = fixed_model(work), 0, FIRST_SEED
    while found < count:
        rows = predictions_of(model, range(seed, seed + TOGETHER), work)
        for _, world in rows.groupby("world"):
            if found < count and churned_in(world) >= MIN_CHURNED:
                found += 1
                yield world
        seed += TOGETHER


def churned_in(world: pd.DataFrame) -> int:
    """Accounts that left."""
    return int(world.loc[world["churned"], "account_id"].nunique())


def predictions_of(model: Trained, seeds: Sequence[int], work: Path) -> pd.DataFrame:
    """Rows of these worlds with the fixed model's probability; rows stored earlier are read back."""
    path = work / f"worlds-{seeds[0]}-{seeds[-1]}.parquet"
    if not path.exists():
        start = process_time()
        rows = examples_of(ACCOUNTS, seeds)
        predicted = rows.assign(churned=rows["churned"].astype(bool), chance=model.probabilities(rows))
        unfinished = path.with_suffix(".part")
        predicted[["world", "account_id", "as_of", "churned", "chance"]].to_parquet(unfinished)
        unfinished.rename(path)
        print(f"{path.stem}: {process_time() - start:.0f} CPU s", flush=True)
    return pd.read_parquet(path)
