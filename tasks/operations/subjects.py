"""The subjects of week 4: treated accounts and untreated controls, with what was known of both before (MON-4).

A subject is an account and an instant. `at`: for a treated one, when the work began; for a control, as long after the
start of the month as the work on one of that month's treated, chosen by a hash, so that neither side has to stay longer
than the other to be counted. Under random assignment, `at` is the assignment. A subject has the features of the start
of its month, and the legacy score known by `at`; its outcome is known once it has matured.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import ibis
import numpy as np
import pandas as pd

from keepwell.features.book import by_customer
from keepwell.features.facts.known import Facts
from keepwell.features.outcomes.after import usage_around
from keepwell.features.outcomes.labels import churned_accounts
from keepwell.features.settings import BookSettings
from keepwell.models.settings.effects import SubjectSettings
from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.interventions.records import Intervention

OF_SOURCE = ("intervention_id", "account_id", "started_at", "kind", "root_cause")
SOURCE, NOT_RECORDED = "source", "not_recorded"
DAY = pd.Timedelta(days=1)


def interventions_of(facts: Facts, recorded: Sequence[Intervention]) -> list[Intervention]:
    """Every known intervention, oldest first: those of the ledger and those of the company's own table."""
    given: list[Intervention] = []
    if "interventions" in facts:
        rows = facts["interventions"].select(*OF_SOURCE).to_pandas().astype(object)
        given = [
            Intervention(
                ident, account, kind or NOT_RECORDED, cause or None, at.to_pydatetime(), None, None, SOURCE, ""
            )
            for ident, account, at, kind, cause in rows.where(rows.notna(), None).itertuples(index=False)
        ]
    ours = {one.intervention_id for one in recorded}
    whole = [*recorded, *(one for one in given if one.intervention_id not in ours)]
    known = [replace(one, kind=_plain(one.kind)) for one in whole if one.started_at <= facts.as_of]
    return sorted(known, key=lambda one: (one.started_at, one.intervention_id))


def work_of(interventions: Sequence[Intervention]) -> pd.DataFrame:
    """Interventions as rows: account_id, started_at, kind, root_cause."""
    rows = [(one.account_id, one.started_at, one.kind, one.root_cause) for one in interventions]
    frame = pd.DataFrame(rows, columns=["account_id", "started_at", "kind", "root_cause"], dtype=object)
    started = pd.to_datetime(frame["started_at"]).astype("datetime64[us]")
    return frame.assign(started_at=started, account_id=frame["account_id"].astype("str"))


def _plain(kind: str) -> str:
    """A kind as the settings write it: `Technical fix` is `technical_fix`."""
    return "_".join(kind.strip().lower().split())


def months_of(times: pd.Series, now: datetime, months: int) -> list[date]:
    """Starts of the months that contain any of these times, at most this many months back: only these are replayed."""
    first = pd.Timestamp(now).to_period("M") - months
    found = pd.to_datetime(times).dt.to_period("M")
    return [period.start_time.date() for period in sorted(set(found[found >= first]))]


def draws_of(facts: Facts) -> pd.DataFrame:
    """Every known random assignment: account_id, drawn_at, chance, held_out (None: not recorded)."""
    if "hold_outs" not in facts:
        return pd.DataFrame({"account_id": [], "drawn_at": pd.to_datetime([]), "chance": [], "held_out": []})
    found = facts["hold_outs"].select("account_id", "drawn_at", "chance", "held_out").to_pandas()
    return found.sort_values(["drawn_at", "account_id"], ignore_index=True)


def chosen(book: pd.DataFrame, work: pd.DataFrame, flagged_below: float, rules: SubjectSettings) -> pd.DataFrame:
    """Flagged account-months without recent work: those contacted in the month, and those that were not.

    `book`: account_id, as_of, health, one row per account and start of a month. Adds at, treated, kind, root_cause.
    """
    flagged = book[book["health"] < flagged_below]
    rested = flagged[~_touched(flagged, flagged["as_of"], work, -rules.rest_days, 0)]
    begun = work.assign(as_of=work["started_at"].dt.to_period("M").dt.start_time)
    first = begun.drop_duplicates(["account_id", "as_of"])[["account_id", "as_of", "started_at", "kind", "root_cause"]]
    subjects = rested.merge(first, on=["account_id", "as_of"], how="left").assign(
        treated=lambda rows: rows["started_at"].notna()
    )
    with_work = subjects[subjects["as_of"].isin(subjects.loc[subjects["treated"], "as_of"])]
    return with_work.assign(at=with_work["started_at"].fillna(_as_late(with_work))).drop(columns="started_at")


def drawn(book: pd.DataFrame, work: pd.DataFrame, draws: pd.DataFrame, rules: SubjectSettings) -> pd.DataFrame:
    """The random assignments as subjects: `kind` and `root_cause` are of the work that followed.

    If an assignment does not record who was held out, accounts on which work began within `assignment_days` count as
    treated. If it does, it alone counts, whatever was done: compliance is not random (intention to treat, Hernan and
    Robins 2020, chapter 22).
    """
    at = pd.to_datetime(draws["drawn_at"]).astype("datetime64[us]")
    assignments = draws.assign(at=at, as_of=at.dt.to_period("M").dt.start_time).drop(columns="drawn_at")
    subjects = book.merge(assignments, on=["account_id", "as_of"])
    said = subjects["held_out"].notna()
    days = pd.Series(np.where(said, rules.rest_days, rules.assignment_days), subjects.index) * DAY
    near = subjects.assign(until=subjects["at"] + days).reset_index(names="subject").merge(work, on="account_id")
    near = near[(near["started_at"] >= near["at"]) & (near["started_at"] < near["until"])]
    first = near.drop_duplicates("subject").set_index("subject")
    held_out = subjects["held_out"].fillna(False).astype(bool)
    treated = (said & ~held_out) | (~said & subjects.index.isin(first.index))
    return subjects.drop(columns="held_out").assign(
        treated=treated,
        kind=first["kind"].reindex(subjects.index),
        root_cause=first["root_cause"].reindex(subjects.index),
    )


def with_legacy(subjects: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """The subjects with `legacy`: the company's own newest score known by `at`."""
    if "legacy_scores" not in facts:
        return subjects.assign(legacy=float("nan"))
    scores = facts["legacy_scores"].select("account_id", "known_at", legacy="score").to_pandas()
    scores = _typed(scores, "known_at").sort_values(["known_at", "account_id"])
    by_time = _typed(subjects.drop(columns="legacy", errors="ignore"), "at").sort_values(["at", "account_id"])
    return pd.merge_asof(by_time, scores, left_on="at", right_on="known_at", by="account_id").drop(columns="known_at")


def with_outcomes(
    subjects: pd.DataFrame, work: pd.DataFrame, facts: Facts, rules: SubjectSettings, horizon_days: int,
    money: BookSettings,
) -> pd.DataFrame:  # fmt: skip
    """The subjects that had not churned by `at`, with churned, use_after and later."""
    gone = churned_accounts(facts, money).select("account_id", "churned_at").to_pandas().drop_duplicates()
    gone = gone.assign(churned_at=gone["churned_at"].astype("datetime64[us]"))
    stayed = subjects[~_within(subjects, subjects["as_of"], gone, "churned_at", subjects["at"])].reset_index(drop=True)
    ends = stayed["at"] + horizon_days * DAY
    churned = _within(stayed, stayed["at"], gone, "churned_at", ends).astype(object)
    groups = by_customer(facts, money, looking_back=True)
    matured = ends + money.grace_days("churn", facts) * DAY <= pd.Timestamp(facts.as_of)
    return stayed.assign(
        churned=churned.where(matured, None), use_after=_change_of_use(stayed, groups, rules),
        later=~stayed["treated"] & _within(stayed, stayed["at"], work, "started_at", ends),
    )  # fmt: skip


def _typed(rows: pd.DataFrame, instant: str) -> pd.DataFrame:
    """The rows with account_id and an instant in the types in which they can be joined."""
    return rows.astype({"account_id": "str", instant: "datetime64[us]"})


def _touched(rows: pd.DataFrame, at: pd.Series, work: pd.DataFrame, first: int, last: int) -> pd.Series:
    """Whether work on the account began in [at + first days, at + last days)."""
    return _within(rows, at + first * DAY - pd.Timedelta(microseconds=1), work, "started_at",
                   at + last * DAY - pd.Timedelta(microseconds=1))  # fmt: skip


def _within(rows: pd.DataFrame, after: pd.Series, events: pd.DataFrame, column: str, until: pd.Series) -> pd.Series:
    """Whether an event of the account lies in (after, until]."""
    spans = pd.DataFrame({"account_id": rows["account_id"], "after": after, "until": until, "row": rows.index})
    joined = spans.merge(events[["account_id", column]], on="account_id")
    hit = joined.loc[(joined[column] > joined["after"]) & (joined[column] <= joined["until"]), "row"]
    return pd.Series(rows.index.isin(hit), index=rows.index)


def _as_late(subjects: pd.DataFrame) -> pd.Series:
    """An instant for each subject, as late in its month as the work on one of that month's treated."""
    late = (subjects["started_at"] - subjects["as_of"]).dropna()
    by_month = {month: sorted(of.tolist()) for month, of in late.groupby(subjects["as_of"])}
    found = [
        month + by_month[month][int(short_hash(account, str(month)), 16) % len(by_month[month])]
        for account, month in zip(subjects["account_id"], subjects["as_of"], strict=True)
    ]
    return pd.Series(found, index=subjects.index, dtype="datetime64[us]")


def _change_of_use(subjects: pd.DataFrame, facts: Facts, rules: SubjectSettings) -> pd.Series:
    """Log change of usage after `at` against before, clipped at the bound; NaN until every day after is known."""
    if not len(subjects):
        return pd.Series(dtype="float64")
    asked = ibis.memtable(subjects[["account_id", "at"]].drop_duplicates())
    found = usage_around(asked, facts["usage"], rules.usage_days, counts_events=facts.has("usage", "events"))
    used = (
        subjects[["account_id", "at"]]
        .merge(found.to_pandas(), on=["account_id", "at"], how="left")
        .set_index(subjects.index)
    )
    change = (np.log1p(used["after"]) - np.log1p(used["before"])).clip(-rules.usage_bound, rules.usage_bound)
    known = pd.Timestamp(facts.newest_use) if facts.newest_use else pd.Timestamp.min
    return change.where(subjects["at"].dt.normalize() + rules.usage_days * DAY <= known)
