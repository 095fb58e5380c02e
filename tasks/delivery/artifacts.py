"""Prefect artifacts of a flow run: tables and Markdown reports. Does nothing outside of a Prefect flow."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

import pandas as pd

from keepwell.playbook.crm.diff import Difference
from keepwell.playbook.interventions.work_week import Asked, WorkWeek
from keepwell.tasks.operations.leadership import Leadership
from keepwell.tasks.operations.month_report import MonthReport
from keepwell.tasks.operations.week_report import WeekReport
from keepwell.tasks.reports.month import as_markdown
from keepwell.tasks.reports.templates import markdown_text
from keepwell.tasks.reports.week import as_markdown as week_as_markdown
from keepwell.tasks.step import inside_prefect_flow
from keepwell.values.dates import spoken_day

ACCOUNT_COLUMNS = ("account_id", "name", "csm", "arr", "health", "change", "band", "tier", "next_action", "action_due")
ALERT_COLUMNS = ("alert_id", "account_id", "rule", "severity", "state", "owner", "opened_at", "detail")
QUEUE_COLUMNS = ("priority", "account_id", "name", "csm", "scheduled_at", "strategy", "handover", "arr", "risk")
SHEET_COLUMNS = ("section", "rank", "account_id", "name", "owner", "text", "value")
ESCALATION_COLUMNS = ("account_id", "name", "csm", "arr", "reason", "what", "asked", "asked_of", "answer_by")
ROWS = 50


def show_month(report: MonthReport) -> None:
    """The month's report as Markdown, and its accounts at risk as a table."""
    if not inside_prefect_flow():
        return
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(
        as_markdown(report), key="health-report", description=f"Health report as of {report.as_of}"
    )
    show_table("accounts-at-risk", report.urgent[list(ACCOUNT_COLUMNS)], f"Whom to contact, as of {report.as_of}")
    announce("keepwell.month.scored", dict(report.totals))


def show_alerts(alerts: pd.DataFrame, as_of: date, opened: int) -> None:
    """The day's open alerts as a table."""
    if not inside_prefect_flow():
        return
    show_table("alerts", alerts[list(ALERT_COLUMNS)], f"Alerts as of {as_of}")
    announce("keepwell.day.alerted", {"as_of": str(as_of), "opened": opened, "shown": len(alerts)})


def show_queue(queue: pd.DataFrame, as_of: date) -> None:
    """The first calls of the week as a table."""
    if not inside_prefect_flow():
        return
    show_table("outreach-queue", queue[list(QUEUE_COLUMNS)], f"Whom to call, as of {as_of}")
    announce("keepwell.month.queued", {"as_of": str(as_of), "accounts": len(queue)})


def show_week(report: WeekReport) -> None:
    """The week's totals and first items as Markdown, and the stand-up sheet as a table."""
    if not inside_prefect_flow():
        return
    from prefect.artifacts import create_markdown_artifact

    said = f"Weekly review as of {report.as_of}"
    create_markdown_artifact(week_as_markdown(report), key="weekly-review", description=said)
    show_table("stand-up-sheet", report.frames["weekly_review"][list(SHEET_COLUMNS)], said)
    announce("keepwell.week.reviewed", dict(report.totals))


def show_work(week: WorkWeek) -> None:
    """Planned calls that have not reached the customer, as a table."""
    if not inside_prefect_flow():
        return
    asked = [one.asked for one in week.of("not_called", "tried")]
    frame = pd.DataFrame([vars(one) for one in asked], columns=[field.name for field in fields(Asked)])
    show_table("calls-not-made", frame, f"Calls planned on {spoken_day(week.since)} that have not reached the customer")
    announce("keepwell.month.worked", dict(week.totals))


def show_results(summary: Leadership) -> None:
    """Week 4's requests to executives as a table, and its suggestions as Markdown."""
    if not inside_prefect_flow():
        return
    from prefect.artifacts import create_markdown_artifact

    lines = [markdown_text(one.text) for one in (*summary.suggestions, *summary.learnings)]
    create_markdown_artifact(
        "\n".join(f"- {line}" for line in lines) or "No suggestions.", key="suggestions",
        description=f"Suggestions to the CS director as of {summary.as_of}",
    )  # fmt: skip
    asked = pd.DataFrame(list(summary.escalations), columns=list(ESCALATION_COLUMNS))
    show_table("escalations", asked, f"Requests to executives as of {summary.as_of}")
    announce("keepwell.month.told", dict(summary.totals))


def show_crm(found: Difference, as_of: date) -> None:
    """What was synced to the CRM, as a table."""
    if not inside_prefect_flow():
        return
    rows = [(s.act, s.wanted.account_id, s.wanted.key, ", ".join(s.before)) for s in found.steps]
    frame = pd.DataFrame(rows, columns=["act", "account_id", "object", "changes"])
    show_table("crm", frame, f"Synced to the CRM as of {as_of}")
    announce("keepwell.crm.told", {"as_of": str(as_of), "steps": len(rows), "to_look_at": len(found.said)})


def show_degraded(alerts: Mapping[str, str], as_of: date) -> None:
    """Models that have degraded: a sentence each as Markdown, and an event each."""
    if not alerts or not inside_prefect_flow():
        return
    from prefect.artifacts import create_markdown_artifact

    lines = "\n".join(f"- {sentence}" for sentence in alerts.values())
    create_markdown_artifact(lines, key="degraded-models", description=f"Models that have degraded as of {as_of}")
    for outcome, sentence in alerts.items():
        announce("keepwell.model.degraded", {"as_of": str(as_of), "outcome": outcome, "reason": sentence})


def show_table(key: str, frame: pd.DataFrame, description: str) -> None:
    """The first rows of a frame as a table artifact, every value as text."""
    from prefect.artifacts import create_table_artifact

    rows = frame.head(ROWS).astype("string").fillna("")
    create_table_artifact(table=rows.to_dict("records"), key=key, description=description)


def announce(event: str, payload: dict[str, object]) -> None:
    """A Prefect event, on which automations can act."""
    from prefect.events import emit_event

    emit_event(event, resource={"prefect.resource.id": "keepwell"}, payload=payload)
