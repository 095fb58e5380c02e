"""The weekly review's page: the stand-up sheet and the portfolio, self-contained HTML, and Markdown for Prefect."""

from pathlib import Path
from typing import Any

from keepwell.playbook.tiers import BANDS
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.operations.week_report import SECTIONS, Row, WeekReport
from keepwell.tasks.reports.charts import COLOURS, forecast_chart, trend_chart
from keepwell.tasks.reports.templates import bounds, html_page, markdown_page


def write_week_report(report: WeekReport, folder: Path) -> Path:
    """The page in `folder`; the file is replaced whole."""
    return write_whole(folder / f"weekly-{report.as_of}.html", as_html(report))


def as_html(report: WeekReport) -> str:
    """One page that needs no network and no script."""
    made = [row for row in [*records(report.graded), report.forecast] if row["method"] != "none"]
    several = len(report.bands) > len(BANDS)
    return html_page(
        "weekly.html",
        **_view(report),
        colours=COLOURS,
        bounds=bounds(report.health),
        trend_chart=trend_chart(report.bands) if several else None,
        forecast_chart=forecast_chart(made) if len(made) > 1 else None,
    )


def as_markdown(report: WeekReport) -> str:
    """The same in short: bands, forecast, the first items of each section."""
    return markdown_page("weekly.md", **_view(report))


def _view(report: WeekReport) -> dict[str, Any]:
    """What the templates print."""
    items = records(report.frames["weekly_review"])
    book = report.frames["portfolio"]
    segments = [s for s in book["segment"].unique() if s != "all"]
    deals = records(report.frames["opportunities"])
    under_way = [d for d in deals if d["stage"] != "candidate" and d["stage"] not in report.rules.closed_stages]
    whole = records(book[book["segment"] == "all"])
    return {
        "report": report,
        "totals": report.totals,
        "sections": {name: (*SECTIONS[name], [i for i in items if i["section"] == name]) for name in SECTIONS},
        "figures": {i["subject"]: i for i in items if i["section"] == "figure"},
        "bands": whole,
        "accounts": sum(row["accounts"] for row in whole),
        "arr": sum(row["arr"] for row in whole),
        "segments": {s: {r["band"]: r for r in records(book[book["segment"] == s])} for s in segments},
        "band_names": BANDS,
        "stages": _by_stage(under_way),
        "deals": sorted(under_way, key=lambda d: (-(d["value"] or 0.0), d["opportunity_id"])),
        "ended": [d for d in deals if d["stage"] in report.rules.closed_stages],
        "forecast": report.forecast,
        "forecast_segments": _made_by_segment(report),
        "graded": records(report.graded)[::-1],
        "inside": report.inside,
        "modelled": any(d["probability"] is not None for d in deals),
    }


def _by_stage(deals: list[Row]) -> list[Row]:
    stages = list(dict.fromkeys(sorted(d["stage"] for d in deals)))
    return [
        {
            "stage": stage, "deals": sum(d["stage"] == stage for d in deals),
            "value": sum(d["value"] or 0.0 for d in deals if d["stage"] == stage),
            "on_hold": sum(d["stage"] == stage and d["hold"] is not None for d in deals),
        }
        for stage in stages
    ]  # fmt: skip


def _made_by_segment(report: WeekReport) -> list[Row]:
    made = report.frames["forecast"]
    return records(made[(made["made_on"] == report.as_of) & (made["segment"] != "all")])
