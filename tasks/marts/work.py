"""The marts `interventions` and `success_plans`, and the work list (MON-3)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, time
from pathlib import Path

import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.playbook.interventions.records import (
    PlanTarget,
    WorkEvent,
    follow_ups_at,
    formatted,
    interventions_at,
    plans_at,
)
from keepwell.playbook.interventions.success import Standing, standing
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.ledger.work_entries import mart_of
from keepwell.tasks.marts.schemas.work import INTERVENTIONS, SUCCESS_PLANS

SOURCE = ["intervention_id", "account_id", "started_at", "kind", "root_cause"]
LISTED = ["what", "id", "account", "about", "since", "due", "status", "owner"]


def interventions(events: Sequence[WorkEvent], facts: Facts) -> pd.DataFrame:
    """Interventions of the ledger and the source; where both have one, the ledger's counts."""
    own = [
        {**{n: v for n, v in asdict(i).items() if n != "result"}, "outcome": i.result, "recorded_in": "ledger"}
        for i in interventions_at(events, facts.as_of)
    ]
    ledger = pd.DataFrame(own, columns=list(INTERVENTIONS.columns), dtype=object)
    if "interventions" not in facts:
        return ledger
    source = facts["interventions"].select(*SOURCE).to_pandas()
    source = source[~source["intervention_id"].isin(ledger["intervention_id"])]
    imported = source.assign(kind=source["kind"].str.replace(" ", "_"), recorded_in="source").astype(object)
    return pd.concat([ledger, imported], ignore_index=True) if len(ledger) else imported


class Values:
    """Published metrics, each partition read once; `used` names the partitions and their run_id."""

    def __init__(self, marts: Path, as_of: date) -> None:
        self._marts = marts
        self._days = {mart: [d for d in dates(marts, mart) if d <= as_of] for mart in ("features", "health_scores")}
        self._read: dict[tuple[str, date], pd.DataFrame] = {}

    @property
    def used(self) -> tuple[str, ...]:
        """The partitions that were read, for the run_id of results based on them."""
        named = {f"{mart}/{day}/{frame['run_id'].iloc[0]}" for (mart, day), frame in self._read.items() if len(frame)}
        return tuple(sorted(named))

    def days(self, metric: str) -> Sequence[date]:
        """The days on which a metric may be known."""
        return self._days[mart_of(metric)]

    def value(self, account: str, metric: str, day: date) -> float | None:
        """The metric of an account; None if unknown."""
        mart = mart_of(metric)
        if (mart, day) not in self._read:
            self._read[mart, day] = read(self._marts, mart, day).set_index("account_id")
        frame = self._read[mart, day]
        found = frame[metric].get(account) if metric in frame else None
        return None if found is None or pd.isna(found) else float(found)


def standings(events: Sequence[WorkEvent], values: Values, now: datetime, on: date | None = None) -> list[Standing]:
    """Every target recorded by `now` with its standing on a day (default: the day of `now`)."""
    return [_standing(plan, values, on or now.date()) for plan in plans_at(events, now)]


def graded_plans(events: Sequence[WorkEvent], values: Values, now: datetime) -> list[PlanTarget]:
    """Every target with its graded status and value; one graded by values was settled on its due day."""
    return [
        replace(
            s.plan, status=s.status, value=s.value,
            progressed_at=datetime.combine(s.plan.due, time(0)) if s.settled_by == "values" else s.plan.progressed_at,
        )
        for s in standings(events, values, now)
    ]  # fmt: skip


def _standing(plan: PlanTarget, values: Values, as_of: date) -> Standing:
    return standing(plan, values.days(plan.metric), lambda day: values.value(plan.account_id, plan.metric, day), as_of)


def success_plans(standing: Sequence[Standing]) -> pd.DataFrame:
    """The mart `success_plans`: every target with its grade."""
    rows = [{**asdict(s.plan), **{n: v for n, v in vars(s).items() if n != "plan"}} for s in standing]
    return pd.DataFrame(rows, columns=list(SUCCESS_PLANS.columns), dtype=object)


def work_list(events: Sequence[WorkEvent], marts: Path, now: datetime, *, open_only: bool = False) -> pd.DataFrame:
    """The work list: interventions, targets and follow-ups, the next due first."""
    rows: list[tuple[object, ...]] = [
        ("intervention", i.intervention_id[:8], i.account_id, i.kind + (f", {i.root_cause}" if i.root_cause else ""),
         i.started_at.date(), "", i.result or "running", i.by)
        for i in interventions_at(events, now)
    ]  # fmt: skip
    for s in standings(events, Values(marts, now.date()), now):
        plan, current = s.plan, "" if s.value is None else f" (now {formatted(s.value)})"
        about = f"{plan.metric} {'>=' if plan.rising else '<='} {plan.target:g}{current}"
        since = plan.planned_at.date()
        rows.append(("plan", plan.plan_id[:8], plan.account_id, about, since, plan.due, s.status, plan.owner))
    for f in follow_ups_at(events, now):
        status = "open" if f.due >= now.date() else "past"
        rows.append(("follow-up", "", f.account_id, f.note, f.at.date(), f.due, status, f.by))
    table = pd.DataFrame(rows, columns=LISTED).astype(str)
    listed = table[table["status"].isin(["running", "open"])] if open_only else table
    return listed.sort_values(["due", "since", "account", "id"], ignore_index=True)
