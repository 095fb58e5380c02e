"""The curves of a candidate on its test months: their points, and one picture of all three."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from models.metrics import Floats

POINTS = 200
BINS = 10
SIDE = 260
CURVES = {
    "precision and recall": ("Recall", "Precision"),
    "ROC": ("Share of those who stayed", "Share of those with the outcome"),
    "calibration": ("Mean chance given", "Share with the outcome"),
}
"""Each curve with the titles of its axes."""


def curve_points(happened: Floats, chance: Floats) -> pd.DataFrame:
    """Columns curve, x, y and rows (of a calibration bin), each curve thinned to some points."""
    precision, recall, _ = precision_recall_curve(happened, chance)
    false, true, _ = roc_curve(happened, chance)
    frames = [
        _thinned("precision and recall", recall, precision),
        _thinned("ROC", false, true),
        _bins(happened, chance),
    ]
    return pd.concat(frames, ignore_index=True)


def _thinned(curve: str, x: Floats, y: Floats) -> pd.DataFrame:
    """At most so many points, first and last among them."""
    at = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    return pd.DataFrame({"curve": curve, "x": x[at], "y": y[at]})


def _bins(happened: Floats, chance: Floats) -> pd.DataFrame:
    """Tenths of the rows by their chance: the mean chance, and what happened."""
    rows = pd.DataFrame({"x": chance, "y": happened})
    tenth = rows["x"].rank(method="first").mul(BINS / len(rows)).sub(1e-9).astype(int)
    means = rows.groupby(tenth).agg(x=("x", "mean"), y=("y", "mean"), rows=("y", "size")).reset_index(drop=True)
    return means.assign(curve="calibration")[["curve", "x", "y", "rows"]]


def curves_png(points: pd.DataFrame, title: str) -> bytes:
    """The three curves side by side, as a PNG."""
    import altair as alt
    import vl_convert

    panels = [_panel(points[points["curve"] == curve], curve) for curve in CURVES]
    chart = alt.hconcat(*panels, title=title).configure(font="Liberation Sans, Arial, Helvetica, sans-serif")
    png: bytes = vl_convert.vegalite_to_png(chart.to_dict(validate=False), scale=1.5)
    return png


def _panel(points: pd.DataFrame, curve: str) -> object:
    """One curve; a diagonal where it would say nothing, or be exactly right."""
    import altair as alt

    x, y = CURVES[curve]
    top = float(points[["x", "y"]].max().max()) * 1.05 if curve == "calibration" else 1.0
    scale = alt.Scale(domain=[0, top], nice=False)
    # Numbers go in as plain records: a frame would be inlined with its types guessed.
    records = points[["x", "y"]].to_dict("records")
    shown = alt.Chart(alt.Data(values=records)).encode(
        x=alt.X("x:Q", scale=scale, title=x), y=alt.Y("y:Q", scale=scale, title=y)
    )
    line = shown.mark_line(order=False, point=curve == "calibration", color="#1f5f8b", clip=True)
    layers = [line]
    if curve != "precision and recall":
        ends = alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": top, "y": top}]))
        layers.insert(0, ends.mark_line(color="#9aa3ad", strokeDash=[4, 4]).encode(x="x:Q", y="y:Q"))
    return alt.layer(*layers).properties(width=SIDE, height=SIDE, title=curve)
