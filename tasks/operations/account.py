"""One account as of a date: the published score, its reasons, its history, and the work done (ACT-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.playbook.alerts.ledger_events import Alert, LedgerEvent, fold
from keepwell.playbook.interventions.records import WorkEvent
from keepwell.playbook.interventions.story import Line, alert_lines, open_work, work_lines
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.marts.work import Values, graded_plans
from keepwell.tasks.names import SCORES, Names

FACTS = ("name", "segment", "csm", "arr", "currency", "status", "renewal_on", "tier", "tier_reason", "next_action",
         "action_owner", "action_due", "action_state", "summary")  # fmt: skip
COURSE = ("status", "health", "band", "tier", "churn_risk")


@dataclass(frozen=True)
class AccountStory:
    """`as_of`: date of the newest score. `facts`: FACTS of that day, None where missing.

    `left`: the first date without a score. `flagged`: the first alert ever and its rule; `leaving`: the first of the
    newest scores in a row with a known notice. `reasons`: the published factors, the model's first. `course`: COURSE by
    published date. `lines`: events of the ledger. `live`: the open alerts. `work`: open work, a line each.
    """

    account_id: str
    as_of: date
    facts: dict[str, Any]
    flagged: tuple[datetime, str] | None
    leaving: date | None
    left: date | None
    reasons: Sequence[str]
    course: pd.DataFrame
    lines: Sequence[Line]
    live: Sequence[Alert]
    work: Sequence[str] = ()


def account_story(
    marts: Path, history: Sequence[LedgerEvent], work: Sequence[WorkEvent], named: str, now: datetime
) -> AccountStory:
    """The account of this id, or of exactly this name; ConfigError if no score up to the date has it."""
    days = [day for day in dates(marts, SCORES) if day <= now.date()]
    account = Names(marts, now).account(named)
    rows = [
        found.assign(as_of=day)
        for day in days
        if len(found := _rows(marts, SCORES, day, account, ["account_id", *FACTS, *COURSE]))
    ]
    course = pd.concat(rows, ignore_index=True)
    newest = rows[-1].iloc[0]
    later = [day for day in days if day > newest["as_of"]]
    factors = _rows(marts, "factors", newest["as_of"], account, ["account_id", "kind", "rank", "text"])
    texts = factors.dropna(subset="text").sort_values(["kind", "rank"], ascending=[False, True])
    alerts = [a for a in fold(history, now).values() if a.account_id == account]
    live = [a for a in alerts if a.closed_at is None]
    plans = graded_plans([event for event in work if event.account_id == account], Values(marts, now.date()), now)
    first = min(((a.opened_at, a.rule) for a in alerts), default=None)
    return AccountStory(
        account, newest["as_of"], _facts(newest), first, _leaving(course),
        later[0] if later else None, list(dict.fromkeys(texts["text"])), course[["as_of", *COURSE]],
        sorted([*alert_lines(history, account, now), *work_lines(work, account, now)], key=lambda line: line.at),
        sorted(live, key=lambda a: (a.opened_at, a.alert_id)), open_work(work, plans, account, now),
    )  # fmt: skip


def _facts(score: "pd.Series[Any]") -> dict[str, Any]:
    """The facts of a score; what is missing is None, and no NaN, which neither a person nor JSON reads."""
    return {name: None if pd.isna(score[name]) else score[name] for name in dict.fromkeys(FACTS)}


def _leaving(course: pd.DataFrame) -> date | None:
    """The published date since which the account is known to leave; None if the newest does not say so."""
    others = course.index[course["status"] != "leaving"]
    since = course.loc[course.index > others.max()] if len(others) else course
    return since["as_of"].iloc[0] if len(since) else None


def _rows(marts: Path, mart: str, day: date, account: str, columns: Sequence[str]) -> pd.DataFrame:
    frame = read(marts, mart, day, list(dict.fromkeys(columns)))
    return frame[frame["account_id"] == account]
