"""`keepwell account`: everything about one account on one page, from its first alert to its outcome."""

import json
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.alerts import ledger_call
from keepwell.cli.dates import MINUTES, believed, instant
from keepwell.cli.options import Options, run_of
from keepwell.cli.terminal import print_json, print_lines
from keepwell.values.dates import spoken_day

if TYPE_CHECKING:
    import pandas as pd

    from keepwell.tasks.operations.account import AccountStory

MAX_DAYS_BETWEEN_ROWS = 7
"""Days after which the history lists the health again, even where nothing changed."""


def account(
    named: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or name.")],
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=MINUTES, callback=believed, help="Date or instant in UTC. Default: now."),
    ] = None,
) -> None:
    """Show one account: health, risk, reasons, next action, history, and open alerts and work."""
    from keepwell.tasks.operations.account import account_story

    at = instant(as_of)
    marts = run_of(at.date()).marts
    story = ledger_call(
        at, lambda ledger: account_story(marts, ledger.history(at), ledger.work(at), named, at), create=False
    )
    if Options.json:
        print_json(as_data(story))
    else:
        print_lines(*page(story))


def as_data(story: "AccountStory") -> dict[str, Any]:
    """The account as data, for a program."""
    return {
        "account_id": story.account_id, "as_of": story.as_of, **story.facts, "flagged": story.flagged,
        "leaving": story.leaving, "left": story.left,
        "reasons": story.reasons, "course": json.loads(story.course.to_json(orient="records", date_format="iso")),
        "lines": [vars(line) for line in story.lines], "live": [alert.alert_id for alert in story.live],
        "work": story.work,
    }  # fmt: skip


def outcome(story: "AccountStory") -> str:
    """First alert, notice and end of the contract, with the days between, as far as they are known."""
    parts = [
        f"first alert on {spoken_day(story.flagged[0], story.as_of)} ({story.flagged[1].replace('_', ' ')})"
        if story.flagged
        else "no alert ever"
    ]
    gone = story.leaving or story.left
    if story.leaving:
        parts.append(f"notice known since {spoken_day(story.leaving, story.as_of)}")
    if story.left:
        parts.append(f"no longer a customer on {spoken_day(story.left, story.as_of)}")
    if gone is None:
        parts.append(str(story.facts["status"]))
    elif story.flagged:
        days = (gone - story.flagged[0].date()).days
        parts.append(f"alerted {days} days before" if days >= 0 else f"alerted {-days} days too late")
    return "; ".join(parts)


def known(value: Any) -> str:
    """A text of a mart; empty where it is missing, which a column may write as NaN."""
    return value if isinstance(value, str) else ""


def turns(course: "pd.DataFrame") -> list[Any]:
    """The dates to list: the first, the last, one per week, and each change of status, band or tier."""
    rows = list(course.itertuples())
    selected = rows[:1]
    for before, row in pairwise(rows):
        turned = (row.status, row.band, known(row.tier)) != (before.status, before.band, known(before.tier))
        if turned or row is rows[-1] or (row.as_of - selected[-1].as_of).days >= MAX_DAYS_BETWEEN_ROWS:
            selected.append(row)
    return selected


def page(story: "AccountStory") -> list[str]:
    """The page, line by line: what it is, why, what to do, history, events, open alerts and work."""
    f = story.facts
    segment, csm = f["segment"] or "no segment", f["csm"] or "no CSM"
    arr = "ARR unknown" if f["arr"] is None else f"{f['arr']:,.0f} {f['currency']}"
    tier = f"{f['tier']}: {f['tier_reason']}" if f["tier"] else "no tier: not enough data"
    renewal = f"renewal {f['renewal_on']}" if f["renewal_on"] is not None else "open-ended"
    lines = [
        f"{f['name']} ({story.account_id}), {segment}, {csm}, {arr}, {renewal}",
        f"as of {story.as_of}: {outcome(story)}",
        "", f["summary"] or "not enough data for a health score", tier,
        "", "Why",
        *(f"  {reason}" for reason in story.reasons), "", "History",
    ]  # fmt: skip
    for row in turns(story.course):
        health = "unknown" if row.health != row.health else f"{row.health:5.1f}  {known(row.band):<9}"
        risk = "" if row.churn_risk != row.churn_risk else f"  risk {row.churn_risk:.0%}"
        leaving = "  leaving" if row.status == "leaving" else ""
        lines.append(f"  {row.as_of}  health {health} {known(row.tier):<12}{risk}{leaving}".rstrip())
    lines += ["", "Events"] if story.lines else ["", "No alerts and no recorded work."]
    lines += [f"  {line.at:%Y-%m-%d %H:%M}  {line.alert_id[:8]:8}  {line.what}  ({line.by})" for line in story.lines]
    lines += ["", "Open alerts"] if story.live else ["", "No open alerts."]
    lines += [
        f"  {a.alert_id[:8]}  {a.rule}  {a.state}, since {a.opened_at:%Y-%m-%d %H:%M}, {a.owner}" for a in story.live
    ]
    lines += ["", "Open work", *(f"  {one}" for one in story.work)] if story.work else []
    return lines
