"""The training set: the book of every month, features as known then, and each account's outcome once it is known.

It is a function of one snapshot, the settings and `now`, so that it can be rebuilt from the snapshot's id (MOD-3).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pandas as pd

from keepwell.features.book import book
from keepwell.features.facts.columns import AS_OF
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import LabelSettings
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.settings.training import SplitSettings
from keepwell.models.training.split import Splits, TooLittleData, split_months
from keepwell.tasks.scoring.measured import measured, wide_books
from keepwell.tasks.scoring.score import ScoreSettings
from keepwell.tasks.sources.facts import NOTHING, at_once, facts_at, facts_at_each
from keepwell.tasks.sources.snapshot import Snapshot


@dataclass(frozen=True)
class TrainingSet:
    """`examples`: one row per account and month, ordered by both.

    Columns: account_id, as_of, status, segment, industry, country, arr, high_value, the published features, health,
    coverage, component_<name> (points; NaN where nothing is known), churned, expanded, contracted, advocated (NULL: not
    matured, or unknown), treated, and untreated_chance (NULL where draws were not recorded).
    """

    snapshot_id: str
    now: datetime
    examples: pd.DataFrame


def published_features(excluded_features: Sequence[str]) -> list[str]:
    """The published features except the excluded ones."""
    return [f.name for f in FEATURES.values() if f.published and f.name not in excluded_features]


def training_set(
    snapshot: Snapshot,
    months: Sequence[date],
    now: datetime,
    scoring: ScoreSettings,
    rules: LabelSettings,
    fixed: frozenset[str] = frozenset(),
    recorded: Mapping[str, pd.DataFrame] = NOTHING,
    outcomes: pd.DataFrame | None = None,
) -> TrainingSet:
    """Features and labels of these months. Accounts that gave notice, and those too young, are no examples (MOD-2).

    `recorded`: what the ledger adds, for who was treated (tasks/ledger/recorded.py). `outcomes`: the labels, where
    `labeled_accounts` has already given them.
    """
    if outcomes is None:
        outcomes = labeled_accounts(snapshot, months, now, scoring, rules, fixed, recorded)
    frames = list(_months(snapshot, months, outcomes, scoring, fixed))
    if not frames:
        raise TooLittleData("No month has an account that was under contract for long enough to learn from.")
    examples = pd.concat(frames, ignore_index=True).sort_values(["as_of", "account_id"], ignore_index=True)
    return TrainingSet(snapshot.id, now, examples)


def labeled_accounts(
    snapshot: Snapshot, months: Sequence[date], now: datetime, scoring: ScoreSettings, rules: LabelSettings,
    fixed: frozenset[str] = frozenset(), recorded: Mapping[str, pd.DataFrame] = NOTHING,
) -> pd.DataFrame:  # fmt: skip
    """The accounts of each month that are examples, with their labels: account_id, as_of, and as in `training_set`.

    Without the features, which cost most. Who gave notice, or is too young, is no example.
    """
    known_now = facts_at(snapshot, now, fixed, recorded)
    frames = []
    for some in at_once(snapshot, [datetime.combine(month, time(0)) for month in months]):
        accounts = book(facts_at_each(snapshot, some, fixed), scoring.money)
        able = accounts.filter((accounts.status == "active") & (accounts.tenure_days >= rules.min_tenure_days))
        frames.append(labels(able, known_now, scoring.money, rules).to_pandas())
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[AS_OF])
    return found.rename(columns={AS_OF: "as_of"})


def _months(
    snapshot: Snapshot, months: Sequence[date], outcomes: pd.DataFrame, scoring: ScoreSettings, fixed: frozenset[str]
) -> Iterator[pd.DataFrame]:
    """One frame per month. Health is replayed: each month may carry over values from the month before."""
    measures = None
    by_month = dict(iter(outcomes.groupby("as_of")))
    for some in at_once(snapshot, [datetime.combine(month, time(0)) for month in months]):
        for wide in wide_books(facts_at_each(snapshot, some, fixed), scoring):
            found = measured(wide, scoring, {}, measures)
            measures = found.measures
            as_of = pd.Timestamp(wide.as_of)
            if as_of not in by_month:
                continue
            about = found.scores.reset_index()[
                ["account_id", "status", "segment", "industry", "country", "arr", "high_value", "tenure_days", "health",
                 "coverage", *(f"component_{c}" for c in COMPONENTS)]
            ]  # fmt: skip
            outcome = by_month[as_of].drop(columns="as_of")
            whole = about.merge(found.features, on="account_id").merge(outcome, on="account_id", validate="1:1")
            yield whole.assign(as_of=as_of)


def first_month(snapshot: Snapshot, now: datetime, run_in_days: int, fixed: frozenset[str] = frozenset()) -> date:
    """The first month start with usage data for that many days before it."""
    day = facts_at(snapshot, now, fixed)["usage"].day.min().to_pyarrow().as_py()
    if day is None:
        raise TooLittleData("There is no usage row to learn from.")
    later = day + timedelta(days=run_in_days)
    return (later.replace(day=1) + timedelta(days=31)).replace(day=1) if later.day > 1 else later


def month_starts(first: date, last: datetime) -> list[date]:
    """Starts of the months from `first` on, up to `last`."""
    return [start.date() for start in pd.date_range(first, last, freq="MS")]


def splits_of(examples: pd.DataFrame, outcome: str, gap_days: int, rules: SplitSettings) -> Splits:
    """The months of each part for one outcome; TooLittleData names what is missing (MOD-2)."""
    labeled = examples.dropna(subset=OUTCOMES[outcome])
    had = labeled.groupby("account_id")[OUTCOMES[outcome]].agg(lambda label: bool(label.any()))
    with_it, without = int(had.sum()), int((~had).sum())
    if min(with_it, without) < rules.min_accounts:
        raise TooLittleData(
            f"{with_it} accounts had the outcome and {without} did not; {rules.min_accounts} of each are needed "
            "(models.split.min_accounts)."
        )
    months = sorted({stamp.date() for stamp in labeled["as_of"]})
    return split_months(months, gap_days, rules)
