"""Worlds by the hundred for one fixed model: small companies, each of its own seed, replayed by the product's features.

The model and the worlds that are done stay in a folder: a run that was stopped goes on from there. Empty it after a
change to the sample or to features.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from shutil import copytree

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from keepwell.features.measures.all import FEATURES
from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.run import Run
from keepwell.models.settings.all import ModelSettings
from keepwell.models.training.candidates import fitted, predicted_probability
from keepwell.models.training.choose import calibrated
from keepwell.models.training.inputs import varied
from keepwell.models.training.trained import Trained
from keepwell.sample.settings import CompanySettings, company_with
from keepwell.sample.write import write_company
from keepwell.tasks.learning.training import training_set
from keepwell.tasks.sources.staging import stage

NUMERIC_FEATURES = [f.name for f in FEATURES.values() if f.published]
CANDIDATE = "logistic"
ACCOUNTS, TRAINING_ACCOUNTS = 900, 6_000
TRAINING_SEEDS = (9_001, 9_002)
FIRST_SEED = 20_001
MIN_CHURNED = 40
TOGETHER = 10
"""Worlds that are staged and replayed at once: most of the cost of a replay is the same for one world as for ten."""
RECORD_MONTHS = 10
AS_OF = date(2026, 7, 1)
GRADED = (date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1))
"""Months that have matured on AS_OF; the record before them fills every window but the year's."""
SEATS = 6.0
"""Seats of an account, at most in the mean of its segment: fewer usage rows for the same signals."""
SETTINGS = ModelSettings()


def small_company() -> CompanySettings:
    """The sample company of few seats whose CSMs contact nobody."""
    company = company_with("off", confounder=False)
    segments = tuple(s.model_copy(update={"seats": min(s.seats, SEATS)}) for s in company.segments)
    return company.model_copy(update={"segments": segments})


def examples_of(accounts: int, seeds: Sequence[int]) -> pd.DataFrame:
    """Features and labels of the graded months of these worlds, with the column `world` (its seed)."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for seed in seeds:
            write_company(accounts, RECORD_MONTHS, seed, folder / str(seed), settings=small_company())
        put_together(folder, seeds)
        settings = load_settings(folder / "pipeline.toml")
        snapshot = stage(settings.source.url, settings.base, settings.mappings, folder / "snapshots")
        run = Run(settings, folder / "out", AS_OF)
        past = training_set(snapshot, GRADED, run.instant, run.scoring, settings.labels, run.fixed)
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
    """A model trained on the company of the first seed and calibrated on that of the second."""
    train, validation = (examples_of(TRAINING_ACCOUNTS, [seed]) for seed in TRAINING_SEEDS)
    numeric, label = varied(train, NUMERIC_FEATURES), train["churned"].astype(bool)
    model = fitted(CANDIDATE, train, label, numeric, SETTINGS.inputs, SETTINGS.candidates)
    line = calibrated(predicted_probability(model, validation), validation["churned"].to_numpy(dtype=float))
    return Trained(CANDIDATE, model, line)


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
        start = time.process_time()
        rows = examples_of(ACCOUNTS, seeds)
        predicted = rows.assign(churned=rows["churned"].astype(bool), chance=model.probabilities(rows))
        unfinished = path.with_suffix(".part")
        predicted[["world", "account_id", "as_of", "churned", "chance"]].to_parquet(unfinished)
        unfinished.rename(path)
        print(f"{path.stem}: {time.process_time() - start:.0f} CPU s", flush=True)
    return pd.read_parquet(path)
