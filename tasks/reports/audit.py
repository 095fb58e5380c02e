"""The audit and value page: self-contained HTML, and the same numbers for the terminal."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from keepwell.models.grading.audit import SCORES
from keepwell.models.settings.all import ModelSettings
from keepwell.tasks.learning.audit import Audit
from keepwell.tasks.learning.audit_facts import TRAILING
from keepwell.tasks.marts.frames import records
from keepwell.tasks.marts.publish import write_whole
from keepwell.tasks.reports.charts import COLOURS, RETENTION_COLOURS, SCORE_COLOURS, interval_chart
from keepwell.tasks.reports.templates import MINUS, NOTHING, html_page

RETENTION = {"gross": "gross_revenue_retention", "net": "net_revenue_retention", "logo": "logo_retention"}
BASE_RATES = {
    "Churn": ("churn_rate", "churn"), "Contraction": ("contraction_rate", "churn"),
    "Expansion": ("expansion_rate", "expansion"), "Advocacy": ("advocacy_rate", "advocacy"),
}  # fmt: skip
"""Each outcome, its base rate and whose horizon it has."""
TABLED = {**RETENTION, "contracted": "contraction"}
Row = dict[str, Any]


def write_audit_page(
    found: Audit, rules: ModelSettings, currency: str, critical_below: float, run_id: str, folder: Path
) -> Path:
    """The page in `folder`; the file is replaced whole."""
    return write_whole(folder / f"audit-{found.as_of}.html", as_html(found, rules, currency, critical_below, run_id))


def as_html(found: Audit, rules: ModelSettings, currency: str, critical_below: float, run_id: str = "") -> str:
    """One page that needs no network and no script."""
    metrics = _index(found.metrics, ["flags", "score", "days_before", "metric"])
    days = sorted(rules.audit.days_before, reverse=True)
    before = [
        {"x": f"{d} days", "series": score, **_bare(metrics["stock", score, d, "true_positive_rate"])}
        for d in days
        for score in found.scores
        if metrics["stock", score, d, "true_positive_rate"]["whole"]
    ]
    whole = found.value[found.value["segment"] == "all"]
    quarters = _quarters(whole)
    retention = [
        {"x": row["period"][2:].replace("-", " "), "series": name, **_bare(row[name])}
        for row in quarters
        for name in RETENTION
    ]
    floor = min([row["low"] or row["value"] for row in retention], default=0.0)
    return html_page(
        "audit.html",
        found=found,
        audit=rules.audit,
        share=rules.policy.capacity_share,
        confidence=rules.candidates.confidence,
        currency=currency,
        critical_below=critical_below,
        run_id=run_id,
        colours=COLOURS,
        days=days,
        outside={d: int(rows["as_of"].isna().sum()) for d, rows in found.churners.groupby("days_before")},
        metrics=metrics,
        value=_index(whole, ["metric", "period", "score"]),
        period=f"last_{rules.audit.months}_months",
        base_rates=BASE_RATES,
        trailing=_retention_by_segment(found.value),
        quarters=quarters,
        surprises=_surprises_by_segment(found.value),
        churners=_churners(found.churners, rules.audit.listed_churners),
        before_chart=interval_chart(before, SCORE_COLOURS, "before churn", 0.0) if before else None,
        quarter_chart=interval_chart(retention, RETENTION_COLOURS, "Quarter", floor) if retention else None,
        rate=rate,
        verdict=verdict,
    )


def rate(metric: Mapping[str, Any] | None, *, difference: bool = False, digits: int = 0) -> str:
    """A share with its interval in percent: `36% (24 to 46)`; a difference in points with its sign."""
    if metric is None or metric["value"] is None:
        return NOTHING
    value, low, high = (
        None if v is None else f"{round(100 * v, digits) + 0.0:{'+' if difference else ''}.{digits}f}"
        for v in (metric["value"], metric["low"], metric["high"])
    )
    unit = " points" if difference else "%"
    return (f"{value}{unit} ({low} to {high})" if low is not None else f"{value}{unit} (no interval)").replace(
        "-", MINUS
    )


def verdict(metric: Mapping[str, Any] | None, *, more_is_better: bool) -> str:
    """Whether a difference to the legacy score is significant, and in which direction."""
    if metric is None or metric["value"] is None:
        return "unknown"
    if metric["low"] is None or metric["low"] <= 0 <= metric["high"]:
        return "no significant difference"
    return "better" if (metric["value"] > 0) == more_is_better else "worse"


def as_data(found: Audit, path: Path) -> dict[str, Any]:
    """Every metric of the audit and of the value page, what is not available, and the path of the page."""
    tables = {
        name: json.loads(table.to_json(orient="records"))
        for name, table in (("audit", found.metrics), ("value", found.value))
    }
    about = {"as_of": str(found.as_of), "losses": found.churned_accounts, **tables, "notes": list(found.notes)}
    return {**about, "report": str(path)}


def as_text(found: Audit, path: Path) -> str:
    """The numbers of the whole portfolio as two tables, then what is not available, and the path of the page."""
    metrics = _index(found.metrics, ["flags", "score", "days_before", "metric"])
    rows = []
    for (flags, score, days, name), metric in metrics.items():
        if name == "true_positive_rate":
            rows.append(
                {
                    "flags": flags, "score": score, "days_before": days, "flagged": rate(metric),
                    "of": f"{metric['part']:.0f}/{metric['whole']:.0f}", "not_scored": metric["not_scored"],
                    "false_alarms": rate(metrics[flags, score, None, "false_alarm_rate"]),
                    "flagged_less_legacy": rate(
                        metrics.get((flags, score, days, "true_positive_less_legacy")), difference=True
                    ),
                }
            )  # fmt: skip
    whole = found.value[found.value["segment"] == "all"].copy()
    texts = [
        rate(
            metric,
            difference=metric["metric"].endswith("_less_legacy"),
            digits=int(metric["score"] == "book" or "per_contact" in metric["metric"]),
        )
        for metric in records(whole)
    ]
    value = whole[["metric", "period", "score"]].assign(figure=texts)
    tables = [pd.DataFrame(rows), value]
    parts = [table.to_string(index=False) if len(table) else "no numbers" for table in tables]
    return "\n\n".join([*parts, *found.notes, f"report  {path}"])


def _index(frame: pd.DataFrame, key: Sequence[str]) -> dict[Any, Row]:
    """Rows by their key, with None for what is missing; days as whole numbers."""
    return {
        tuple(int(row[k]) if isinstance(row[k], float) else row[k] for k in key): row
        for row in records(frame)
    }  # fmt: skip


def _bare(metric: Mapping[str, Any]) -> Row:
    return {name: metric[name] for name in ("value", "low", "high")}


def _by_segment(value: pd.DataFrame, metrics: Mapping[str, tuple[str, str]], period: str | None) -> list[Row]:
    """One row per segment, the whole book first; `metrics`: the column's name to metric and score."""
    rows = value if period is None else value[value["period"] == period]
    index = _index(rows, ["segment", "metric", "score"])
    segments = sorted({segment for segment, _, _ in index}, key=lambda name: (name != "all", name))
    found = [
        {"segment": segment, **{name: index.get((segment, *which)) for name, which in metrics.items()}}
        for segment in segments
    ]
    return [row for row in found if any(row[name] for name in metrics)]


def _retention_by_segment(value: pd.DataFrame) -> list[Row]:
    return _by_segment(value, {name: (metric, "book") for name, metric in TABLED.items()}, TRAILING)


def _surprises_by_segment(value: pd.DataFrame) -> list[Row]:
    return _by_segment(value, {score: ("surprise_churn", score) for score in SCORES}, None)


def _quarters(whole: pd.DataFrame) -> list[Row]:
    """Gross, net and logo retention and contraction of each quarter, in order of time."""
    index = _index(whole, ["period", "metric"])
    periods = sorted({period for period, metric in index if metric in RETENTION.values() and period != TRAILING})
    return [
        {"period": period, **{name: index[period, metric] for name, metric in TABLED.items()}} for period in periods
    ]


def _churners(churners: pd.DataFrame, max_items: int) -> list[Row]:
    """The churned accounts with the largest ARR, each with every score at every look-up."""
    found: dict[tuple[Any, Any], Row] = {}
    for row in records(churners.sort_values(["churned_at", "account_id"])):
        churner = found.setdefault((row["account_id"], row["churned_at"]), {**row, "said": {}, "arr": 0.0})
        churner["arr"] = max(churner["arr"], row["arr"] or 0.0)
        churner["segment"] = churner["segment"] or row["segment"]
        churner["said"][row["days_before"]] = row
    largest = sorted(
        found.values(), key=lambda churner: (-churner["arr"], churner["account_id"], churner["churned_at"])
    )
    return largest[:max_items]
