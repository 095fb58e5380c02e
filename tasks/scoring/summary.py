"""What a day shows of an account's next action, and the account in one line (ACT-1, ACT-2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from keepwell.features.health.words import mid_sentence
from keepwell.playbook.next_actions.day import Recommended
from keepwell.values.dates import spoken_day

ACTION_COLUMNS = (
    "next_action", "action_id", "action_recommended_on", "action_owner", "action_due", "action_state",
)  # fmt: skip


@dataclass(frozen=True)
class NextStep:
    """What to do next, since when, who does it, by when, and how it stands; the fields are ACTION_COLUMNS."""

    action: str | None = None
    action_id: str | None = None
    recommended_on: date | None = None
    owner: str | None = None
    due: date | None = None
    state: str | None = None


def next_step(found: Recommended, *, opted_out: bool = False) -> NextStep:
    """What a day shows of an account's action: with a date only while it is live."""
    action = found.action
    if action is None:
        return NextStep("No automated email (opted out)") if opted_out else NextStep(found.queued, state=found.state)
    if not action.live:
        return NextStep(None, action.action_id, state=found.state)
    return NextStep(
        action.action, action.action_id, action.recommended_on, action.owner, action.due_on, found.state
    )  # fmt: skip


def summary(row: Any, factors: Sequence[str], step: NextStep, today: date) -> str:
    """One line: risk (or notice, or health without a model; who set it), key factors, what is recommended by when.

    `row`: the scored account, with churn_risk, health, band, status, renewal_on and override_by.
    """
    said = f"health {row.health:.1f}" + (f" set by {row.override_by}" if row.override_by else "")
    score = "too little is known for a score" if np.isnan(row.health) else f"{said}, {row.band}"
    if row.status == "leaving":
        ends = f", the contract ends {spoken_day(row.renewal_on, today)}" if pd.notna(row.renewal_on) else ""
        risk = f"notice given{ends} ({score})"
    else:
        risk = f"no model ({score})" if np.isnan(row.churn_risk) else f"{row.churn_risk:.0%}"
    parts = [f"Churn risk: {risk}", f"Key factors: {', '.join(map(mid_sentence, factors)) or 'none stands out'}"]
    return " | ".join([*parts, *_recommendation(step, today)])


def _recommendation(step: NextStep, today: date) -> list[str]:
    match step.state:
        case "watched":
            return ["Watched: nobody needs to contact them"]
        case "done":
            return ["Contacted: the next action waits for its effect"]
        case "queued":
            return [f"Next in line: {step.action}"]
        case _:
            return [f"Recommended: {step.action}{_within(step.due, today)}"] if step.action else []


def _within(due: date | None, today: date) -> str:
    if due is None:
        return ""
    days = (due - today).days
    if days < 0:
        return f" (was due {due}, escalated)"
    return " today" if days == 0 else f" within {days} day{'s' if days > 1 else ''}"
