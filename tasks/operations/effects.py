"""Week 4's effects: the subjects of a snapshot, the mart `strategy_effects`, and the ranking by uplift (MON-4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.settings import LabelSettings
from keepwell.models.effects.effect_table import ALL, KEY, effect_table
from keepwell.models.effects.effects import Outcome, outcomes_of
from keepwell.models.effects.significance import q_values, ranks, verdict
from keepwell.models.effects.uplift import Uplift, fit_uplift
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.effects import SubjectSettings
from keepwell.models.training.split import TooLittleData
from keepwell.tasks.learning.training import training_set
from keepwell.tasks.marts.frames import stacked
from keepwell.tasks.operations.subjects import chosen, drawn, draws_of, months_of, with_legacy, with_outcomes
from keepwell.tasks.scoring.score import ScoreSettings
from keepwell.tasks.sources.snapshot import Snapshot

EMPTY = {"account_id": "str", "as_of": "datetime64[us]", "health": "float64"}


@dataclass(frozen=True)
class Subjects:
    """Treated accounts and their controls, with what was known of each before.

    `rows`: account_id, as_of (start of the month), at, treated, kind and root_cause of the work that was done (under
    random assignment a treated one may have none, and a control may have some), the features known before, churned
    (None until matured), use_after (NaN until matured), later (a control on which work began within the horizon).
    `randomized`: assigned at random, with one probability for all. `numeric_features`, `categorical_features`: what is
    adjusted for. `notes`: how they were found, a sentence each. `horizon_days`: within which churn counts.
    """

    rows: pd.DataFrame
    randomized: bool
    numeric_features: tuple[str, ...]
    categorical_features: tuple[str, ...]
    notes: tuple[str, ...]
    horizon_days: int


def find_subjects(
    snapshot: Snapshot,
    facts: Facts,
    work: pd.DataFrame,
    scoring: ScoreSettings,
    labels: LabelSettings,
    rules: SubjectSettings,
    fixed: frozenset[str],
) -> Subjects:
    """Randomly assigned subjects if the settings ask for them and there are any, else flagged accounts."""
    now, draws = facts.as_of, draws_of(facts)
    use_draws = rules.hold_out and len(draws) > 0
    times = draws["drawn_at"] if use_draws else work["started_at"]
    months = months_of(times, now, rules.months)
    book = _book(snapshot, months, now, scoring, labels, fixed)
    flagged_below = scoring.health.bands.at_risk_below if rules.flagged_below is None else rules.flagged_below
    found = drawn(book, work, draws, rules) if use_draws else chosen(book, work, flagged_below, rules)
    rows = with_outcomes(with_legacy(found, facts), work, facts, rules, labels.churn_horizon_days, scoring.money)
    rows = rows.sort_values(["at", "account_id"], ignore_index=True)
    randomized = use_draws and len(set(rows["chance"])) <= 1
    numeric_features = (*rules.numeric_features, *(("chance",) if use_draws and not randomized else ()))
    how = _how(rules, draws, randomized=randomized)
    notes = (*how, *_counts(rows, work, months, labels.churn_horizon_days, randomized_design=use_draws))
    known = tuple(n for n in numeric_features if n in rows), tuple(w for w in rules.categorical_features if w in rows)
    return Subjects(rows, randomized, *known, notes, labels.churn_horizon_days)


def strategy_effects(subjects: Subjects, rules: ModelSettings) -> pd.DataFrame:
    """The mart: each kind x root cause x segment, and any kind together (`all`), by outcome; verdict and q-value.

    Only whether there was work is random: people chose its kind and cause, so that single kinds are adjusted for what
    was known before in either design.
    """
    outcomes = outcomes_of(rules.effects, subjects.horizon_days, rules.subjects.usage_days)
    adjusted_for = (subjects.numeric_features, subjects.categorical_features, rules.effects, rules.inputs)
    anything = subjects.rows.assign(kind=subjects.rows["kind"].where(~subjects.rows["treated"], ALL), root_cause=None)
    whole = effect_table(anything, outcomes, *adjusted_for, randomized=subjects.randomized)
    as_done = subjects.rows[subjects.rows["kind"].notna() | ~subjects.rows["treated"]]
    table = stacked([whole, effect_table(as_done, outcomes, *adjusted_for)])
    if not len(table):
        return table
    effects, signs = rules.effects, {o.column: 1.0 if o.high_is_good else -1.0 for o in outcomes}
    table = table.sort_values(KEY, ignore_index=True)
    table = table.assign(
        q_value=q_values(table, effects.confidence, effects.min_overlap),
        outcome=table["estimand"].map(_outcome_of(outcomes)),
    )
    said = [
        verdict(row.effect, row.low, row.high, row.q_value, enough=row.enough, good=row.smallest * signs[row.outcome],
                rate=rules.subjects.false_discovery_rate)
        for row in table.itertuples()
    ]  # fmt: skip
    table = table.assign(verdict=said)
    return table.assign(rank=ranks(table, effects.confidence))


def uplift_of(subjects: Subjects, rules: ModelSettings) -> Uplift | None:
    """Who is helped and who is harmed by work, estimated on randomly assigned subjects; None without any."""
    if not subjects.randomized:
        return None
    matured = subjects.rows[subjects.rows["churned"].notna()]
    matured = matured.assign(churned=matured["churned"].astype(bool)).reset_index(drop=True)
    return fit_uplift(
        matured, subjects.numeric_features, subjects.categorical_features, rules.uplift, rules.effects, rules.inputs
    )


def ranked_by_uplift(uplift: Uplift | None, book: pd.DataFrame) -> pd.DataFrame:
    """The mart `uplift`: accounts by ARR times the gain from work; empty if its gate does not pass."""
    columns = ["account_id", "rank", "gained", "chance", "arr", "arr_kept", "leave_alone"]
    if uplift is None or uplift.model is None or not len(book):
        return pd.DataFrame(columns=columns)
    gained = uplift.model.gained(book)
    rows = book[["account_id", "arr"]].assign(
        gained=gained, chance=uplift.model.p_churn(book), arr_kept=gained * book["arr"], leave_alone=gained < 0
    )
    ordered = rows.sort_values(["arr_kept", "account_id"], ascending=[False, True], ignore_index=True)
    return ordered.assign(rank=ordered.index + 1)[columns]


def _book(
    snapshot: Snapshot,
    months: Sequence[date],
    now: datetime,
    scoring: ScoreSettings,
    labels: LabelSettings,
    fixed: frozenset[str],
) -> pd.DataFrame:
    """The replayed accounts of these month starts, without their outcomes."""
    nobody = pd.DataFrame(columns=["account_id", "as_of", "health", "segment"]).astype(EMPTY)
    if not months:
        return nobody
    try:
        past = training_set(snapshot, months, now, scoring, labels, fixed).examples
    except TooLittleData:
        return nobody
    outcomes = ["churned_at", "churned", "expanded", "contracted", "advocated", "treated", "untreated_chance"]
    return past.drop(columns=outcomes)


def _how(rules: SubjectSettings, draws: pd.DataFrame, *, randomized: bool) -> tuple[str, ...]:
    """How treated and control accounts are compared, and how the setting and the table of hold-outs matter."""
    if randomized:
        return ("Randomized: accounts assigned to treatment against the hold-out.",)
    comparable = "Flagged accounts that were contacted against comparable flagged accounts that were not."
    if rules.hold_out and len(draws):
        return ("Assignment probabilities differ: the comparison adjusts for them and for what was known before.",)
    if rules.hold_out:
        return (comparable, "`models.subjects.hold_out` is on, but the table hold_outs has no random assignments.")
    if len(draws):
        return (comparable, f"{len(draws):,} random assignments are not used: `models.subjects.hold_out` is off.")
    return (comparable,)


def _counts(
    rows: pd.DataFrame, work: pd.DataFrame, months: Sequence[date], horizon: int, *, randomized_design: bool
) -> tuple[str, ...]:
    """Numbers of subjects, matured ones, interventions that do not count, and controls contacted later."""
    treated, untouched, done = rows[rows["treated"]], rows[~rows["treated"]], rows["kind"].notna()
    begun = work[work["started_at"] >= pd.Timestamp(months[0])] if months else work.iloc[:0]
    accounts, months_seen = rows["account_id"].nunique(), rows["as_of"].nunique()
    unknown = int(rows["churned"].isna().sum())
    found = (
        f"{len(treated):,} treated and {len(untouched):,} untreated, from {accounts:,} accounts in {months_seen} months"
    )
    notes = [f"{found}; {unknown:,} of them have no known outcome yet."]
    missed, crossed = int((rows["treated"] & ~done).sum()), int((~rows["treated"] & done).sum())
    if missed or crossed:
        notes.append(
            f"{missed:,} accounts drawn for treatment have no recorded work, and {crossed:,} of the hold-out were "
            "contacted. The overall effect is that of the assignment, which dilutes the effect of the work itself."
        )
    if outside := len(begun) - int(done.sum()):
        notes.append(
            f"{outside:,} of {len(begun):,} interventions are not counted: the account was not "
            f"{'drawn' if randomized_design else 'flagged at the start of the month'}, was too new or had given "
            "notice, or earlier work was still going on."
        )
    if untouched["later"].any():
        notes.append(
            f"{untouched['later'].mean():.0%} of the untreated were contacted later within {horizon} days: effects "
            "compare work now with no work for now."
        )
    return tuple(notes)


def _outcome_of(outcomes: Sequence[Outcome]) -> Callable[[str], str]:
    """The outcome column of an estimand."""
    return lambda estimand: next(o.column for o in outcomes if estimand.endswith(o.label))
