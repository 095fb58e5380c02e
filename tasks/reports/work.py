"""The page of week 3 for the CSM team: what was asked for, what was recorded, what is missing (MON-3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from keepwell.playbook.interventions.records import formatted
from keepwell.playbook.interventions.work_week import Answered, Asked, WorkWeek
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.reports.charts import COLOURS
from keepwell.tasks.reports.templates import html_page

ASKED = (
    "Are the calls of the week recorded (`keepwell work call`, `work import`)? Who says so? "
    "`keepwell work done --week D --by NAME` is the same."
)


def asked_in(marts: Path, day: date) -> list[Asked]:
    """The queue of week 2 without held-out accounts, first priority first; empty if week 2 has not run."""
    if day not in dates(marts, "outreach_queue"):
        return []
    queue = read(marts, "outreach_queue", day).sort_values("priority")
    if "held_out" in queue:  # a mart of before has no such column
        queue = queue[queue["held_out"].isna() | (queue["held_out"] == 0)]
    at = pd.to_datetime(queue["scheduled_at"], utc=True).dt.tz_localize(None)
    return [
        Asked(str(account), str(name) if pd.notna(name) else str(account), str(csm), int(priority),
              None if pd.isna(when) else when.to_pydatetime())
        for account, name, csm, priority, when in zip(
            queue["account_id"], queue["name"], queue["csm"], queue["priority"], at, strict=True
        )
    ]  # fmt: skip


def page_path(folder: Path, week: date, *, signed: bool) -> Path:
    """Path of a week's page; until somebody signs off, its name marks it as open."""
    return folder / (f"work-{week}.html" if signed else f"work-{week}-open.html")


def write_work_page(week: WorkWeek, run_id: str, folder: Path, names: Mapping[str, str]) -> Path:
    """The page in `folder`, replaced whole; the open one goes when the signed one is there. `names`: of accounts."""
    path = write_whole(page_path(folder, week.week, signed=week.signed is not None), as_html(week, run_id, names))
    if week.signed is not None:
        page_path(folder, week.week, signed=False).unlink(missing_ok=True)
    return path


def as_html(week: WorkWeek, run_id: str, names: Mapping[str, str]) -> str:
    """One page that needs no network and no script; an account that `names` has not goes by its id."""
    return html_page(
        "work.html",
        week=week,
        totals=week.totals,
        run_id=run_id,
        names=names,
        formatted=formatted,
        colours=COLOURS,
        missing=by_csm(week.of("not_called", "tried")),
        reached=week.of("reached"),
        causeless=by_csm(week.without_cause),
    )


def by_csm(answered: Iterable[Answered]) -> dict[str, list[Answered]]:
    """The accounts of each CSM, both in order."""
    found: dict[str, list[Answered]] = defaultdict(list)
    for one in answered:
        found[one.asked.csm].append(one)
    return dict(sorted(found.items()))
