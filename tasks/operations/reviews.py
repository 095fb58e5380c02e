"""What an expert review reads and publishes: the scored book, facts in words, outcomes, three marts (REV-1..3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from keepwell.features.facts.known import at_each
from keepwell.features.health.words import in_words
from keepwell.features.measures.all import FEATURES
from keepwell.features.outcomes.labels import labels
from keepwell.features.settings import BookSettings, LabelSettings
from keepwell.models.grading.review import Grade, grades
from keepwell.models.settings.base import OUTCOMES
from keepwell.models.settings.grading import GradeSettings
from keepwell.playbook.review.sprint import Sprint
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from keepwell.tasks.registry.versions import ServingModel

PREDICTIONS = "predictions"
ABOUT = ("name", "status", "segment", "csm", "arr", "currency", "high_value", "renewal_on")
COMPANY = ("industry", "country", "plan", "first_start_on")


@dataclass(frozen=True)
class Outcome:
    """Whether the outcome occurred (1 or 0), and when a churn became known."""

    occurred: float
    at: datetime | None


Outcomes = Mapping[str, Outcome]
"""By account; empty until all have matured."""


def scored_on(marts: Path, outcome: str, version: str, until: date) -> tuple[date, str] | None:
    """The newest date on which a version scored accounts, and that version; default: the challenger."""
    for day in reversed([d for d in dates(marts, PREDICTIONS) if d <= until]):
        rows = read(marts, PREDICTIONS, day, ["outcome", "model_version", "alias"])
        rows = rows[rows["outcome"] == outcome]
        there = rows.sort_values("alias")["model_version"].unique()  # challenger before champion: the newest last
        named = [v for v in there if v == version] if version else list(there[-1:])
        if named:
            return day, str(named[0])
    return None


def scored_book(marts: Path, day: date, outcome: str, version: str) -> pd.DataFrame:
    """Accounts that the version scored: account_id, segment, arr, health, model, and ill (higher: outcome likelier)."""
    said = read(marts, PREDICTIONS, day, ["account_id", "outcome", "model_version", "probability"])
    said = said[(said["outcome"] == outcome) & (said["model_version"] == version)]
    about = read(marts, "health_scores", day, ["account_id", "segment", "arr", "health"])
    book = about.merge(said[["account_id", "probability"]], on="account_id").rename(columns={"probability": "model"})
    return book.assign(ill=-book["health"] if outcome == "churn" else book["health"])


def model_reasons(
    model: "ServingModel", marts: Path, day: date, accounts: Sequence[str], count: int
) -> Mapping[str, list[str]]:
    """Per account, what raises the model's probability most, in words; empty if the model cannot be explained."""
    from keepwell.models.explaining.margin import NotAdditive
    from keepwell.tasks.scoring.reasons import model_factors  # shap takes seconds

    rows = read(marts, "health_scores", day)
    for mart in ("dim_account", "features"):
        more = read(marts, mart, day)
        rows = rows.merge(more[["account_id", *more.columns.difference(rows.columns)]], on="account_id")
    rows = rows[rows["account_id"].isin(accounts)]
    if not set(model.inputs) <= set(rows.columns):
        return {}
    try:
        cited = model_factors(model.trained, rows, pd.Series(model.reference, dtype=object), count)
    except NotAdditive:
        return {}
    return {str(account): list(mine["text"]) for account, mine in cited.groupby("account_id")}


def health_reasons(marts: Path, day: date, accounts: Sequence[str]) -> Mapping[str, list[str]]:
    """Per account, the factors of its health in words, the strongest first."""
    cited = read(marts, "factors", day, ["account_id", "kind", "rank", "text"])
    cited = cited[(cited["kind"] == "health") & cited["text"].notna() & cited["account_id"].isin(accounts)]
    return {str(account): list(mine["text"]) for account, mine in cited.sort_values("rank").groupby("account_id")}


def facts_of(marts: Path, day: date, account: str) -> tuple[dict[str, Any], list[str]]:
    """What is known of an account, without any score: its dimensions, and every known measure in words.

    All accounts list the same measures in the same order, so that neither reveals anything about the score.
    """
    about: dict[str, Any] = {}
    for mart, columns in (("health_scores", ABOUT), ("dim_account", COMPANY)):
        row = read(marts, mart, day, ["account_id", *columns])
        about |= row[row["account_id"] == account][list(columns)].iloc[0].dropna().to_dict()
    known = read(
        marts, "factors", day, ["account_id", "kind", "feature", "component", "value", "reference", "confidence"]
    )
    known = known[(known["kind"] == "health") & (known["account_id"] == account) & (known["confidence"] > 0)]
    known = known[known["feature"].isin(list(FEATURES))].sort_values(["component", "feature"])
    return about, [
        f"{row.component}: {in_words(FEATURES[row.feature], row.value, row.reference)}" for row in known.itertuples()
    ]


def outcomes_of(
    sprint: Sprint, marts: Path, snapshot: Snapshot, now: datetime, fixed: frozenset[str],
    money: BookSettings, rules: LabelSettings,
) -> Outcomes:  # fmt: skip
    """Outcomes of the accounts of a sprint, as known at an instant."""
    if now.date() < sprint.outcomes_known_on:
        return {}
    about = read(marts, "health_scores", sprint.as_of, ["account_id", "arr"])
    mine = about[about["account_id"].isin(list(sprint.accounts))]
    cohort = at_each(ibis.memtable(mine), [datetime.combine(sprint.as_of, time(0))])
    labelled = labels(cohort, facts_at(snapshot, now, fixed), money, rules).to_pandas()
    label = OUTCOMES[sprint.outcome]
    return {
        row.account_id: Outcome(
            float(getattr(row, label)),
            row.churned_at.to_pydatetime() if label == OUTCOMES["churn"] and pd.notna(row.churned_at) else None,
        )
        for row in labelled.dropna(subset=[label]).itertuples()
    }


def graded_rows(sprint: Sprint, outcomes: Outcomes) -> pd.DataFrame:
    """One row per forecast whose scores were revealed (others may still change), as `grades` reads them.

    An override replaces its author's forecast; without a probability it repeats it. Churn already known at the time of
    the forecast grades nobody.
    """
    over = {(f.account_id, f.by): f for f in sprint.flags.values() if f.kind == "override"}
    rows = []
    for key, answer in sprint.answers.items():
        if answer.revealed_at is None:
            continue
        frozen, flag, known = sprint.accounts[answer.account_id], over.get(key), outcomes.get(answer.account_id)
        override = np.nan if flag is None else answer.probability if flag.probability is None else flag.probability
        rows.append(
            {
                "account_id": answer.account_id, "by": answer.by, "forecast": answer.probability,
                "health": _number(frozen["health_chance"]), "model": _number(frozen["model"]), "override": override,
                "happened": np.nan if known is None or (known.at and known.at <= answer.at) else known.occurred,
            }
        )  # fmt: skip
    columns = ["account_id", "by", "forecast", "health", "model", "override", "happened"]
    found = pd.DataFrame(rows, columns=columns).sort_values(["account_id", "by"], ignore_index=True)
    return found.astype(dict.fromkeys(columns[2:], float))


def sprint_metrics(sprint: Sprint, outcomes: Outcomes, rules: GradeSettings) -> list[Grade]:
    """The metrics of a sprint."""
    return grades(graded_rows(sprint, outcomes), rules)


def review_frames(graded_sprints: Iterable[tuple[Sprint, Outcomes, Sequence[Grade]]]) -> dict[str, pd.DataFrame]:
    """The marts `reviews`, `review_answers` and `review_flags` of these sprints, their outcomes and metrics."""
    reviews: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    flags: list[dict[str, Any]] = []
    for sprint, outcomes, found in graded_sprints:
        reviews += _metric_rows(sprint, found)
        answers += [_answer_row(sprint, key, outcomes) for key in sprint.answers]
        flags += flag_rows(sprint)
    return {
        "reviews": pd.DataFrame(reviews), "review_answers": pd.DataFrame(answers), "review_flags": pd.DataFrame(flags)
    }  # fmt: skip


def _metric_rows(sprint: Sprint, found: Sequence[Grade]) -> list[dict[str, Any]]:
    about: dict[str, Any] = {
        "review_id": sprint.review_id, "outcome": sprint.outcome, "model_version": sprint.version,
        "scored_on": sprint.as_of, "began_at": sprint.began, "signed_by": sprint.signed_by or None,
        "signed_at": sprint.signed_at,
    }  # fmt: skip
    size = {"accounts": len(sprint.accounts), "seen": len(sprint.seen)}
    counts: list[dict[str, Any]] = [
        {"name": "sprint", "statistic": name, "value": value} for name, value in size.items()
    ]
    graded: list[dict[str, Any]] = [
        {
            "name": g.name, "statistic": g.statistic, "value": g.estimate.value, "low": g.estimate.low,
            "high": g.estimate.high, "accounts": g.accounts, "outcomes": g.outcomes,
        }
        for g in found
    ]  # fmt: skip
    return [about | row for row in [*counts, *graded]]


def _answer_row(sprint: Sprint, key: tuple[str, str], outcomes: Outcomes) -> dict[str, Any]:
    """A reviewer's forecast, with the scores once the review is signed off."""
    answer, frozen = sprint.answers[key], sprint.accounts[key[0]]
    row: dict[str, Any] = {
        "review_id": sprint.review_id, "account_id": answer.account_id, "reviewer": answer.by,
        "forecast": answer.probability, "answered_at": answer.at, "revealed_at": answer.revealed_at,
    }  # fmt: skip
    if sprint.signed_at is None:
        return row
    known = outcomes.get(answer.account_id)
    return row | {
        "why": frozen["why"], "health": frozen["health"], "health_chance": frozen["health_chance"],
        "model_chance": frozen["model"], "happened": None if known is None else known.occurred > 0,
    }  # fmt: skip


def flag_rows(sprint: Sprint) -> list[dict[str, Any]]:
    """The flags of a sprint in the order in which they were raised, with their follow-ups."""
    return [
        {
            "review_id": sprint.review_id, "flag_id": f.flag_id, "account_id": f.account_id, "reviewer": f.by,
            "flagged_at": f.at, "kind": f.kind, "explanation": f.note, "chance": f.probability, "until": f.until,
            "followed_by": f.followed_by, "followed_at": f.followed_at, "followed": f.followed,
        }
        for f in sprint.flags.values()
    ]  # fmt: skip


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
