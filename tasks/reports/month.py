"""The month's health report for the CSM team: self-contained HTML, and Markdown for Prefect."""

from pathlib import Path
from typing import Any

from keepwell.features.measures.registry import COMPONENTS
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.operations.month_report import MonthReport, at_risk
from keepwell.tasks.reports.charts import COLOURS, arr_chart, health_chart
from keepwell.tasks.reports.templates import bounds, cause, html_page, markdown_page


def write_month_report(report: MonthReport, folder: Path) -> Path:
    """The report as HTML in `folder`; the file is replaced whole."""
    return write_whole(folder / f"health-{report.as_of}.html", as_html(report))


def as_html(report: MonthReport) -> str:
    """One page that needs no network and no script."""
    filled = len(report.bins) > 0
    return html_page(
        "month.html",
        **_view(report),
        colours=COLOURS,
        components=COMPONENTS,
        bounds=bounds(report.health),
        health_chart=health_chart(report.bins, report.health.bands) if filled else None,
        arr_chart=arr_chart(report.bands) if report.arr > 0 else None,
    )


def as_markdown(report: MonthReport) -> str:
    """The same in short: bands, the largest changes, the twenty accounts to contact first."""
    return markdown_page("month.md", **_view(report))


def _view(report: MonthReport) -> dict[str, Any]:
    """What the templates print: frames as rows with None for what is missing, and where in the page each account is."""
    urgent = [{**row, "anchor": f"account-{n}"} for n, row in enumerate(records(report.urgent), start=1)]
    owners = [{**row, "anchor": f"csm-{n}"} for n, row in enumerate(records(report.owners), start=1)]
    moved = [{**row, "cause": cause(row)} for row in records(report.movers)]
    worst: dict[str, list[dict[str, Any]]] = {owner["csm"]: [] for owner in owners}
    flagged = report.urgent[~at_risk(report.urgent)].groupby("csm").size()
    for row in urgent:
        worst[row["csm"]].append(row)
    return {
        "report": report,
        "totals": report.totals,
        "arr_at_risk": float(report.bands.loc[at_risk(report.bands), "arr"].sum()),
        "bands": records(report.bands),
        "bins": records(report.bins),
        "segments": records(report.segments),
        "owners": [
            {**owner, "worst": worst[owner["csm"]], "flagged": int(flagged.get(owner["csm"], 0))} for owner in owners
        ],
        "ranked": [row for row in urgent if row["priority"]],
        "anchors": {row["account_id"]: row["anchor"] for rows in worst.values() for row in rows[: report.max_items]},
        "falls": [row for row in moved if row["change"] < 0],
        "rises": [row for row in reversed(moved) if row["change"] > 0],
        "unknown": records(report.unknown),
        "quarantine": records(report.quarantine),
    }
