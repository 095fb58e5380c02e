"""A sample company with an outage and a renamed event, and its days run one by one: score, decide, keep."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from keepwell.flows.configuration.settings import load_settings
from keepwell.flows.daily_alerts import decide, keep_alerts, planned_at
from keepwell.flows.run import Run
from keepwell.sample.settings import CompanySettings, PlantedSettings
from keepwell.sample.write import write_company
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.sources.staging import stage
from tests.support.running import mart
from tests.support.unchecked import score_unchecked

LAST_DAY = date(2025, 11, 30)
OUTAGE = date(2025, 9, 30)
"""The first day of the outage."""
OUTAGE_MONTHS, NO_OUTAGE = 2, 40
"""Months back to it, and months back to before the record."""
OUTAGE_DAYS = PlantedSettings().outage_days
RENAMED = date(2025, 5, 30)


def written(folder: Path, accounts: int, seed: int, outage_months: int = OUTAGE_MONTHS) -> Path:
    """The company, far from Christmas; its pipeline.toml."""
    planted = PlantedSettings(outage_months=outage_months, renamed_months=6)
    write_company(accounts, 16, seed, folder, LAST_DAY, CompanySettings(planted=planted))
    return folder / "pipeline.toml"


def begun(config: Path, out: Path) -> tuple[Run, Snapshot]:
    """A run of the company, and its data."""
    settings = load_settings(config)
    run = Run(settings, out, OUTAGE)
    return run, stage(settings.source.url, settings.base, settings.mappings, run.snapshots)


def weeks(first: date, last: date) -> Iterator[date]:
    """The days a week apart, the last one included."""
    return (first + timedelta(days=7 * n) for n in range((last - first).days // 7 + 1))


def lived(run: Run, snapshot: Snapshot, days: Iterable[date]) -> pd.DataFrame:
    """The alerts of each day, with its `as_of`, as daily_alerts keeps them; the checks are left out."""
    alerts = []
    for day in days:
        at = replace(run, as_of=day)
        scored = score_unchecked(at, snapshot)
        ledger = Ledger.open(at.ledger_url)
        try:
            keep_alerts(at, scored, ledger, decide(at, scored, ledger, planned_at(at)), list(scored.scored.actions))
        finally:
            ledger.close()
        alerts.append(mart(run.out, "alerts", day).assign(as_of=day))
    return pd.concat(alerts, ignore_index=True)
