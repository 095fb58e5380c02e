"""The charts of the reports, as SVG to be put into a page: no script, no network, the same bytes for the same rows."""

from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from keepwell.features.settings import Bands
from keepwell.playbook.tiers import BANDS

# At least 4:1 on white, and distinguishable by people who see no red or no green; charts name the bands as well.
COLOURS: Mapping[str, str] = {
    "critical": "#a61b29", "at_risk": "#c2570c", "stable": "#4a7a9c", "healthy": "#23785a", "unknown": "#727a85",
}  # fmt: skip
SCORE_COLOURS: Mapping[str, str] = {
    "legacy": COLOURS["unknown"], "health": COLOURS["healthy"], "model": COLOURS["at_risk"],
}  # fmt: skip
RETENTION_COLOURS: Mapping[str, str] = {
    "gross": COLOURS["stable"], "net": COLOURS["healthy"], "logo": COLOURS["unknown"],
}  # fmt: skip
GAP = 0.2  # points on each side of a bar
WIDTH = 320  # small enough that the letters can still be read on a phone
INK, FAINT = "#4b5563", "#d7dce2"  # the style sheet turns both around in the dark
_CONFIG = {
    "background": "transparent",
    "view": {"stroke": None},
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": INK, "titleColor": INK,
        "gridColor": FAINT, "domainColor": FAINT, "tickColor": FAINT, "labelPadding": 5,
    },
    "text": {"fontSize": 12, "fill": INK},
}  # fmt: skip


def health_chart(bins: pd.DataFrame, bands: Bands) -> Markup:
    """Accounts by health, in the colours of the bands, whose names and bounds stand above."""
    import altair as alt

    edges = [0.0, bands.critical_below, bands.at_risk_below, bands.healthy_above, 100.0]
    middles = [
        {"middle": (low + high) / 2, "band": band.replace("_", " ")}
        for band, low, high in zip(BANDS, edges, edges[1:], strict=False)
    ]
    rows = [
        {**row, "low": row["low"] + GAP, "high": row["high"] - GAP, "order": BANDS.index(row["band"])}
        for row in bins.to_dict("records")
    ]
    axis = alt.Axis(values=sorted({*edges, 25.0}), grid=False, title="Health, points")
    x = alt.X("low:Q", scale=alt.Scale(domain=[0, 100], nice=False, padding=0), axis=axis)
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("sum(accounts):Q", stack="zero", axis=alt.Axis(tickMinStep=1, tickCount=5, title="Accounts")),
            color=_colour("band"),
            order="order:Q",
        )
    )
    bounds = alt.Chart(alt.Data(values=[{"at": e} for e in edges[1:-1]]))
    rules = bounds.mark_rule(color=INK, strokeDash=[3, 3], opacity=0.7).encode(x="at:Q")
    names = (
        alt.Chart(alt.Data(values=middles)).mark_text(fontSize=11).encode(x="middle:Q", y=alt.value(-9), text="band:N")
    )
    return _svg((bars + rules + names).properties(width=WIDTH, height=180))


def arr_chart(bands: pd.DataFrame) -> Markup:
    """ARR by band, each bar with its amount and share."""
    import altair as alt

    total = float(bands["arr"].sum()) or 1.0
    rows = [
        {
            "band": row["band"].replace("_", " "), "key": row["band"], "arr": float(row["arr"]),
            "says": f"{row['arr']:,.0f} ({row['arr'] / total:.0%})",
        }
        for row in bands.to_dict("records")
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("band:N", sort=[r["band"] for r in rows], axis=alt.Axis(title=None, domain=False, ticks=False)),
        # Room at the right for the figure of the longest bar.
        x=alt.X("arr:Q", axis=None, scale=alt.Scale(domain=[0, 1.7 * max(r["arr"] for r in rows) or 1])),
    )
    bars = base.mark_bar(size=22).encode(color=_colour("key"))
    values = base.mark_text(align="left", dx=6).encode(text="says:N")
    return _svg((bars + values).properties(width=WIDTH - 20, height=180))


def rates_chart(bands: pd.DataFrame) -> Markup:
    """Observed churn rate of each band with its interval; columns band, rate, low, high."""
    import altair as alt

    rows = [
        {
            "band": row["band"].replace("_", " "), "key": row["band"], "rate": row["rate"], "low": row["low"],
            "high": row["high"], "says": f"{row['rate']:.1%}",
        }
        for row in bands.to_dict("records")
    ]  # fmt: skip
    highest = max(row["high"] if row["high"] == row["high"] else row["rate"] for row in rows) or 1.0
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("band:N", sort=[r["band"] for r in rows], axis=alt.Axis(title=None, domain=False, ticks=False)),
    )
    x = alt.X("rate:Q", axis=None, scale=alt.Scale(domain=[0, 1.25 * highest]))
    bars = base.mark_bar(size=22).encode(x=x, color=_colour("key"))
    spans = base.mark_rule(color=INK, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    values = base.mark_text(align="left", dx=6).encode(x="high:Q", text="says:N")
    return _svg((bars + spans + values).properties(width=WIDTH - 20, height=180))


def importance_chart(signals: pd.DataFrame) -> Markup:
    """What each signal carries, with its interval; columns name, value, low, high."""
    import altair as alt

    rows = [
        {"name": row["name"].replace("_", " "), **{k: row[k] for k in ("value", "low", "high")}}
        for row in signals.to_dict("records")
    ]
    axis = alt.Axis(title=None, domain=False, ticks=False, labelLimit=150)
    base = alt.Chart(alt.Data(values=rows)).encode(y=alt.Y("name:N", sort=[r["name"] for r in rows], axis=axis))
    bars = base.mark_bar(size=18, color=COLOURS["stable"]).encode(
        x=alt.X("value:Q", axis=alt.Axis(tickCount=4, grid=False, title="Importance"))
    )
    spans = base.mark_rule(color=INK, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return _svg((bars + spans).properties(width=WIDTH - 130, height=180))


def interval_chart(
    rows: Sequence[Mapping[str, object]], colours: Mapping[str, str], x_title: str, low: float
) -> Markup:
    """Shares with their intervals. `rows`: x (in the order to be shown), series, value, low and high.

    The scale begins at `low`, for shares that are all near 1.
    """
    import altair as alt

    places = list(dict.fromkeys(row["x"] for row in rows))
    names = [name for name in colours if any(row["series"] == name for row in rows)]
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    legend = alt.Legend(title=None, orient="top", labelFontSize=12, labelColor=INK, symbolType="circle", symbolSize=60)
    axis = alt.Axis(format=".0%", title=None, tickCount=5)
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("x:N", sort=places, axis=alt.Axis(title=x_title, labelAngle=0)),
        xOffset=alt.XOffset("series:N", sort=names),
        color=alt.Color("series:N", scale=scale, legend=legend),
    )
    y = alt.Scale(domainMin=low, zero=low == 0, nice=True)
    intervals = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=y, axis=axis), y2="high:Q")
    points = base.mark_circle(size=55, opacity=1).encode(y=alt.Y("value:Q", scale=y, axis=axis))
    return _svg((intervals + points).properties(width=WIDTH, height=200))


def trend_chart(bands: pd.DataFrame) -> Markup:
    """Accounts by band from review to review, stacked; columns as_of, band, accounts."""
    import altair as alt

    rows = [
        {"as_of": f"{row['as_of']:%d %b}", "band": row["band"], "accounts": row["accounts"],
         "order": BANDS.index(row["band"])}
        for row in bands.sort_values("as_of").to_dict("records")
    ]  # fmt: skip
    places = list(dict.fromkeys(row["as_of"] for row in rows))
    axis = alt.Axis(title=None, labelAngle=0, labelOverlap=True, domain=False, ticks=False)
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("as_of:N", sort=places, axis=axis, scale=alt.Scale(paddingInner=0.15)),
            y=alt.Y("accounts:Q", stack="zero", axis=alt.Axis(tickMinStep=1, tickCount=5, title="Accounts")),
            color=_colour("band"),
            order="order:Q",
        )
    )
    return _svg(bars.properties(width=WIDTH, height=180))


def forecast_chart(made: Sequence[Mapping[str, object]]) -> Markup:
    """Accounts that were expected to leave, with the interval, and those that left; rows of the mart `forecast`."""
    import altair as alt

    rows = [
        {
            "made_on": str(row["made_on"])[2:], "low": row["accounts_low"], "high": row["accounts_high"],
            "expected": row["accounts_expected"], "actual": row.get("accounts_actual"),
        }
        for row in made
    ]  # fmt: skip
    axis = alt.Axis(title="Forecast made on", labelAngle=0, labelOverlap=True)
    x = alt.X("made_on:N", sort=[row["made_on"] for row in rows], axis=axis)
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    y = alt.Y("low:Q", axis=alt.Axis(title="Accounts that leave", tickCount=5))
    spans = base.mark_rule(color=COLOURS["stable"], strokeWidth=2).encode(y=y, y2="high:Q")
    points = base.mark_circle(color=COLOURS["stable"], size=45, opacity=1).encode(y="expected:Q")
    known = alt.Chart(alt.Data(values=[row for row in rows if row["actual"] is not None]))
    came = known.mark_point(color=COLOURS["critical"], size=55, shape="cross", filled=True, opacity=1)
    return _svg((spans + points + came.encode(x=x, y="actual:Q")).properties(width=WIDTH, height=180))


def effects_chart(rows: Sequence[Mapping[str, object]], title: str, unit: str) -> Markup:
    """Effects and their intervals beside zero. `rows`: name, value, low, high, `sure` (hollow where it is false)."""
    import altair as alt

    names, both = [row["name"] for row in rows], [True, False]
    axis = alt.Axis(title=None, domain=False, ticks=False, labelLimit=150)
    stroke = alt.Color("sure:N", legend=None, scale=alt.Scale(domain=both, range=[COLOURS["stable"], INK]))
    fill = alt.Fill("sure:N", legend=None, scale=alt.Scale(domain=both, range=[COLOURS["stable"], "#ffffff"]))
    base = alt.Chart(alt.Data(values=list(rows))).encode(y=alt.Y("name:N", sort=names, axis=axis), color=stroke)
    x = alt.X("low:Q", axis=alt.Axis(title=title, tickCount=5, labelExpr=f"datum.label + '{unit}'"))
    spans = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(size=70, opacity=1, strokeWidth=2).encode(x="value:Q", fill=fill)
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=INK, strokeDash=[3, 3]).encode(x="at:Q")
    return _svg((zero + spans + points).properties(width=WIDTH - 50, height=26 * len(rows) + 10))


def _colour(field: str) -> object:
    import altair as alt

    return alt.Color(f"{field}:N", legend=None, scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())))


def _svg(chart: object) -> Markup:
    """The chart as an SVG element; the page around it gives its text alternative."""
    import vl_convert

    spec = chart.configure(**_CONFIG).to_dict()  # type: ignore[attr-defined]
    return Markup(vl_convert.vegalite_to_svg(spec))  # noqa: S704 - the renderer escapes its texts
