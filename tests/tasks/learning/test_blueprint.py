"""The blueprint page: five signals and why, metrics and their lift, bands as they turned out, blind spots (MOD-10)."""

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keepwell.features.measures.all import FEATURES
from keepwell.features.settings import HealthSettings
from keepwell.models.grading.insights import contrasts
from keepwell.models.settings.grading import InsightSettings
from keepwell.tasks.learning.blueprint import Blueprint, blueprint
from keepwell.tasks.learning.blueprint_tables import DERIVED, blind_spots, weighed
from keepwell.tasks.reports.blueprint import as_html, write_blueprint
from tests.tasks.reports.test_report import Page

DAY = date(2025, 12, 1)
CHROMIUM = shutil.which("chromium")
RULES = InsightSettings(min_accounts=20, replicates=40)
NUMERIC_FEATURES = ["usage_trend", "seat_utilisation", "nps_change", "tickets_per_seat_90d", "urgent_tickets_90d"]
HOSTILE, BOLD = "<script>alert(1)</script>", "<b>script</b>"
IMPORTANCE = pd.DataFrame(
    {
        "name": ["season", *NUMERIC_FEATURES, "segment"],
        "value": [0.0, 0.03, 0.02, 0.01, 0.005, 0.002, 0.02],
        "low": [-0.01, 0.02, 0.01, 0.0, 0.0, 0.0, 0.01],
        "high": [0.01, 0.04, 0.03, 0.02, 0.01, 0.01, 0.03],
    }
)
CATALOGUE = pd.DataFrame(
    [
        ("invoices", "paid_at", "all", ["days_late_180d"], "absent: no invoices (Invoices, their payment)"),
        ("surveys", "score", "all", ["nps_change"], "only-engaged-customers bias: 31% of accounts have this signal"),
        ("surveys", "comment", "all", ["nps_change"], "only-engaged-customers bias: 31% of accounts have this signal"),
        ("surveys", "role", "all", [], "empty on 99% of rows"),
        ("surveys", "score", "small", ["nps_change"], "only-engaged-customers bias: 5% of accounts have this signal"),
        ("tickets", "escalated_at", "all", ["escalations_90d"], "empty on 98% of rows (not escalated)"),
        ("churn_events", "reason", "all", [], "kept from every score: an outcome, or a consequence of one"),
    ],
    columns=["table", "column", "segment", "features", "blind_spot"],
)


def past(accounts: int = 600, months: int = 6) -> pd.DataFrame:
    """Examples in which falling use and bad health come before a loss; trend and NPS are often missing."""
    rng = np.random.default_rng(1)
    size = accounts * months
    trend = rng.normal(0, 0.3, size)
    segment = np.repeat(rng.choice([HOSTILE, BOLD], accounts), months)
    probability = np.where(trend < -0.25, 0.3, 0.05) * np.where(segment == BOLD, 1.4, 0.6)
    health = np.clip(70 + 40 * trend + rng.normal(0, 10, size), 0, 100)
    return pd.DataFrame(
        {
            "account_id": np.repeat([f"a{n}" for n in range(accounts)], months),
            "as_of": np.tile(pd.date_range("2025-01-01", periods=months, freq="MS"), accounts),
            "segment": segment,
            "churned": rng.random(size) < probability,
            "health": np.where(rng.random(size) < 0.05, np.nan, health),
            "usage_trend": trend,
            "seat_utilisation": rng.random(size),
            "nps_change": np.where(rng.random(size) < 0.5, np.nan, rng.normal(0, 1, size)),
            "tickets_per_seat_90d": rng.exponential(0.3, size),
            "urgent_tickets_90d": rng.poisson(0.3, size).astype(float),
            "treated": None,
        }
    )


def page_of(examples: pd.DataFrame, importance: pd.DataFrame = IMPORTANCE, **about: str) -> Blueprint:
    found = contrasts(examples, "churned", NUMERIC_FEATURES, ["segment"], RULES) if len(examples) else []
    return blueprint(
        DAY, examples, importance, found, CATALOGUE, FEATURES, HealthSettings(), RULES, 90, **about
    )  # fmt: skip


@pytest.fixture(scope="module")
def churn_page() -> Blueprint:
    return page_of(past(), model="boosting", run_id="run-7")


def test_five_signals_by_weight_each_with_what_was_seen(churn_page: Blueprint) -> None:
    """In the order of importance, with its interval; the insight says why, or that it tells nothing alone (MOD-10)."""
    text = " ".join(Page(as_html(churn_page)).texts)

    assert list(churn_page.signals["name"]) == [
        "usage_trend",
        "seat_utilisation",
        "segment",
        "nps_change",
        "tickets_per_seat_90d",
    ]
    assert "usage down" in churn_page.signals.loc[0, "why"]
    assert churn_page.signals["why"].isna().any()
    assert "No group stands out by itself" in text
    assert "0.0200 to 0.0400" in text


def test_at_least_three_derived_metrics_with_the_lift_of_their_worst_fifth(churn_page: Blueprint) -> None:
    """The rate of churn in the worst fifth over that of all with a value, counted from the rows (MOD-10)."""
    rows = past()
    worst = rows["usage_trend"] <= rows["usage_trend"].quantile(0.2)
    first = churn_page.derived.iloc[0]

    assert set(DERIVED) <= set(FEATURES)
    assert all(FEATURES[name].direction != 0 for name in DERIVED)
    assert len(churn_page.derived) >= 3
    assert first["name"] == "usage_trend"
    assert abs(first["rows"] - worst.sum()) <= 1
    assert first["lift"] == pytest.approx(rows.loc[worst, "churned"].mean() / rows["churned"].mean(), rel=0.01)
    assert first["lift_low"] < first["lift"] < first["lift_high"]


def test_bands_stand_beside_the_churn_that_followed(churn_page: Blueprint) -> None:
    """Every account-month is in one band; unknown health is a band of its own (MOD-10)."""
    rows = past()
    critical = churn_page.bands.set_index("band").loc["critical"]

    assert list(churn_page.bands["band"]) == ["critical", "at_risk", "stable", "healthy", "unknown"]
    assert churn_page.bands["rows"].sum() == len(rows)
    assert churn_page.bands["outcomes"].sum() == rows["churned"].sum()
    assert critical["outcomes"] == rows.loc[rows["health"].round(1) < 50, "churned"].sum()
    assert critical["rate"] > 2 * churn_page.bands.set_index("band").loc["healthy", "rate"]


def test_blind_spots_are_those_of_signals_in_use(churn_page: Blueprint) -> None:
    """Said once per table; what is rightly empty or kept out by design is none; absent tables by name (MOD-10)."""
    assert blind_spots(CATALOGUE).to_dict("records") == [
        {"table": "surveys", "columns": "score, comment",
         "spot": "only-engaged-customers bias: 31% of accounts have this signal"},
    ]  # fmt: skip
    assert churn_page.absent == ("invoices",)


def test_without_a_model_the_page_says_so_and_ranks_signals_alone() -> None:
    """Health alone goes on, and so does the page (MOD-2, MOD-10)."""
    page = page_of(past(), IMPORTANCE.head(0), refused="150 accounts had the outcome; 200 are needed.")
    text = " ".join(" ".join(Page(as_html(page)).texts).split())

    assert page.signals.loc[0, "name"] == "usage_trend"
    assert "There is no model: 150 accounts had the outcome; 200 are needed." in text
    assert "Importance" not in text


def test_where_nothing_is_sure_yet_the_weights_of_health_stand_in() -> None:
    """Five signals all the same, each with what it weighs as set by hand; a measure without values weighs nothing."""
    few = past(30, 2)
    page = page_of(few.assign(nps_change=np.nan), IMPORTANCE.head(0))
    weights = weighed(few, FEATURES, HealthSettings())

    assert list(page.signals["name"]) == [
        "usage_trend",
        "seat_utilisation",
        "urgent_tickets_90d",
        "tickets_per_seat_90d",
    ]
    assert page.signals.loc[0, "why"].startswith("Weighs ")
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["urgent_tickets_90d"] == pytest.approx(2 * weights["tickets_per_seat_90d"])


def test_a_company_whose_first_month_has_not_matured_gets_a_page() -> None:
    """Nothing to tell yet is said, not crashed on (MOD-10)."""
    text = as_html(page_of(past().head(0), IMPORTANCE.head(0), refused="No month has matured."))

    assert "No month has a known outcome yet" in text
    assert "nan" not in text.lower().replace("finance", "")


def test_the_page_needs_no_network_and_obeys_no_name(churn_page: Blueprint) -> None:
    """No script, nothing loaded, and the name of a segment is text (OUT-5, TRU-4)."""
    html = as_html(churn_page)
    page = Page(html)

    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert {a[1:] for a in page.values("href")} <= set(page.values("id"))
    assert all(a.startswith("http://www.w3.org/") for a in re.findall(r"https?://[^\"'\s<)]+", html))
    assert any(HOSTILE in said or BOLD in said for said in page.texts)
    assert "b" not in page.tags


def test_the_same_frames_give_the_same_page(tmp_path: Path) -> None:
    """Fixed seeds; writing again replaces it (CONTRACT)."""
    first = write_blueprint(page_of(past(), model="boosting"), tmp_path)
    before = first.read_bytes()

    assert first.name == "blueprint-2025-12-01.html"
    assert write_blueprint(page_of(past(), model="boosting"), tmp_path).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [first.name]


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
def test_a_phone_shows_the_page_without_sideways_scrolling(churn_page: Blueprint, tmp_path: Path) -> None:
    """Real Chromium, 375 and 1200 px wide: nothing is wider than the screen (OUT-5)."""
    path = write_blueprint(churn_page, tmp_path)
    frames = "".join(f"<iframe src={path.name} style='border:0;width:{w}px'></iframe>" for w in (375, 1200))
    measure = "Array.from(frames, f => f.document.documentElement.scrollWidth).join()"
    outer = tmp_path / "frames.html"
    outer.write_text(f"<body>{frames}<p id=w></p><script>onload = () => {{ w.textContent = {measure} }}</script>")
    options = ["--disable-gpu", "--headless", "--hide-scrollbars", "--no-sandbox", "--no-first-run"]
    options += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]
    asked = [CHROMIUM, *options, "--dump-dom", outer.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)

    assert re.findall('<p id="w">(.*?)</p>', done.stdout) == ["375,1200"]
