"""The curves of a candidate on its test months: their points, and one picture of all three."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from keepwell.models.grading.metrics import Floats

POINTS = 100
BINS = 10
SIDE = 260
VERSION = "6.4"  # of Vega-Lite
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
CURVES = {
    "precision and recall": ("Recall", "Precision"),
    "ROC": ("Share of those who stayed", "Share of those with the outcome"),
    "calibration": ("Mean predicted probability", "Share with the outcome"),
}
"""Each curve with the titles of its axes."""


def curve_points(y_true: Floats, y_prob: Floats) -> pd.DataFrame:
    """Columns curve, x, y and rows (of a calibration bin), each curve thinned to some points."""
    precision, recall, _ = precision_recall_curve(y_true, y_prob)
    false, true, _ = roc_curve(y_true, y_prob)
    frames = [
        _thinned("precision and recall", recall, precision),
        _thinned("ROC", false, true),
        _bins(y_true, y_prob),
    ]
    return pd.concat(frames, ignore_index=True)


def _thinned(curve: str, x: Floats, y: Floats) -> pd.DataFrame:
    """Some points, evenly spread along each axis on which the curve only rises; first and last among them."""
    order = np.lexsort((y, x))
    x, y, grid = x[order], y[order], np.linspace(0.0, 1.0, POINTS)
    rising = [axis for axis in (x, y) if (np.diff(axis) >= 0).all()]
    at = np.unique(np.concatenate([[0, len(x) - 1], *(np.searchsorted(axis, grid) for axis in rising)]))
    at = at[at < len(x)].astype(int)
    return pd.DataFrame({"curve": curve, "x": x[at], "y": y[at]})


def _bins(y_true: Floats, y_prob: Floats) -> pd.DataFrame:
    """Tenths of the rows by predicted probability: its mean, and the share with the outcome."""
    rows = pd.DataFrame({"x": y_prob, "y": y_true})
    tenth = rows["x"].rank(method="first").mul(BINS / len(rows)).sub(1e-9).astype(int)
    means = rows.groupby(tenth).agg(x=("x", "mean"), y=("y", "mean"), rows=("y", "size")).reset_index(drop=True)
    return means.assign(curve="calibration")[["curve", "x", "y", "rows"]]


def curves_png(points: pd.DataFrame, title: str) -> bytes:
    """The three curves side by side, as a PNG."""
    import vl_convert

    # Vega-Lite as it is: Altair would check each of these small pictures against its schema, at their own price.
    panels = [_panel(points[points["curve"] == curve], curve) for curve in CURVES]
    spec = {"title": title, "hconcat": panels, "config": {"font": FONT}}
    png: bytes = vl_convert.vegalite_to_png(spec, vl_version=VERSION, scale=1.5)
    return png


def _panel(points: pd.DataFrame, curve: str) -> dict[str, Any]:
    """One curve, with a diagonal for a random guess or for perfect calibration."""
    across, up = CURVES[curve]
    top = float(points[["x", "y"]].max().max()) * 1.05 if curve == "calibration" else 1.0
    line = {"type": "line", "order": False, "point": curve == "calibration", "color": "#1f5f8b", "clip": True}
    layers = [_layer(points[["x", "y"]].to_dict("records"), line, across, up, top)]
    if curve != "precision and recall":
        diagonal = {"type": "line", "color": "#9aa3ad", "strokeDash": [4, 4]}
        layers.insert(0, _layer([{"x": 0, "y": 0}, {"x": top, "y": top}], diagonal, across, up, top))
    return {"title": curve, "width": SIDE, "height": SIDE, "layer": layers}


def _layer(records: list[Any], mark: dict[str, Any], across: str, up: str, top: float) -> dict[str, Any]:
    axes = {
        axis: {"field": axis, "type": "quantitative", "title": title, "scale": {"domain": [0, top], "nice": False}}
        for axis, title in (("x", across), ("y", up))
    }
    return {"data": {"values": records}, "mark": mark, "encoding": axes}
