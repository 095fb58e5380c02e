"""The month's report: what CSMs read on day 1 (OUT-5, MON-1), and what hostile names cannot do to it (TRU-4)."""

import re
import shutil
import subprocess
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from keepwell.features.measures.registry import COMPONENTS
from keepwell.playbook.outreach.queue import prioritised
from keepwell.playbook.settings import OutreachSettings
from keepwell.tasks.checks.run import CheckResult
from keepwell.tasks.marts.schemas.scores import HEALTH_SCORES
from keepwell.tasks.operations.month_report import MonthReport, month_report
from keepwell.tasks.reports.charts import BANDS
from keepwell.tasks.reports.month import as_html, as_markdown, write_month_report
from keepwell.tasks.reports.templates import MINUS

DAY = date(2024, 12, 1)
HOSTILE = {
    0: "<script>alert(1)</script>", 1: "=cmd()|' /C calc'!A0", 3: "A | B `c` [d](http://e)", 4: "x" * 90,
    6: 'Quote " onmouseover="x',
}  # fmt: skip
CSMS = ("Ann Ode", "<b>bob</b>", "Chloë")
CHROMIUM = shutil.which("chromium")


BROKEN = CheckResult(
    table="usage", column="events", rule="expect_column_values_to_be_between", requirement="events are not negative",
    severity="warning", success=False, rows=12_345, failed_rows=3, observed="-1, -4",
    sample_keys=("u-1", "<img src=x onerror=alert(1)>", "u-3"), remedy="Ask the owner of the events.", reason=None,
)  # fmt: skip


def account(n: int) -> dict:
    """Health runs from 5 to 98 over the book; some fell, fewer rose, every twentieth is unknown."""
    health = None if n % 20 == 19 else 5 + (n * 37) % 94
    moved = -21.4 if n % 6 == 0 and (health or 99) < 78 else 18.0 if n % 9 == 0 else 1.5
    change = None if health is None else moved
    band = "unknown" if health is None else BANDS[sum(health >= edge for edge in (50, 70, 80.001))]
    return {
        "account_id": f"a-{n:03}", "name": HOSTILE.get(n, f"Company {n}"),
        "status": "leaving" if n == 8 else "active", "segment": ("enterprise", "mid-market", "smb", None)[n % 4],
        "csm": CSMS[n % 3], "arr": 1_000.0 * (1 + (n * 7919) % 400), "high_value": n % 10 == 0,
        "renewal_on": date(2025, 1 + n % 12, 15), "health": health, "health_computed": health, "band": band,
        "tier": "outreach", "coverage": 0.2 if health is None else 0.62, "change": change,
        "health_prev": None if change is None else health - change,
        "change_flagged": None if change is None else abs(change) > 15,
        "change_definition": 0.0, "change_weights": 0.0, "change_override": 0.0,
        **{f"change_{c}": None if change is None else 0.0 for c in COMPONENTS},
        "change_usage": None if change is None else change + 1.0, "change_support": None if change is None else 1.0,
        "churn_risk": None if n % 20 == 19 else 0.9 if n == 3 else 0.02 + (n * 53) % 60 / 100, "churn_threshold": 0.3,
        "change_data": None if change is None else change + 2.0, "change_coverage": None if change is None else -2.0,
        **{f"component_{c}": None if health is None and c in ("billing", "support") else 50.0 for c in COMPONENTS},
        "factor_1": "Usage down 40% over the last 28 days (vs. the 28 before)",
        "factor_2": "2 escalated tickets in 90 days", "factor_3": None,
        "next_action": "Executive business review", "action_owner": CSMS[n % 3],
        "action_due": date(2024, 11, 28) if n % 4 == 0 else date(2024, 12, 8),
    }  # fmt: skip


def book(accounts: int = 60) -> pd.DataFrame:
    return pd.DataFrame([account(n) for n in range(accounts)], columns=[*HEALTH_SCORES.columns, "churn_threshold"])


ASIDE = pd.DataFrame({"table": ["usage"] * 3, "key": list("abc"), "reason": ["day is no date", *["no account"] * 2]})


def report(accounts: int = 60, max_items: int = 100, **changes) -> MonthReport:
    return month_report(
        DAY, "USD", book(accounts).assign(**changes), ASIDE, [BROKEN], run_id="run-7", max_items=max_items
    )


class Page(HTMLParser):
    """Tags, links, ids and text of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [given[name] for _, given in self.attributes if name in given]


def test_names_of_customers_are_shown_and_never_obeyed() -> None:
    """No name, owner or sample key becomes markup, in HTML or in Markdown (TRU-4)."""
    page = Page(as_html(report()))

    assert not {"script", "img", "b"} & set(page.tags)
    assert not any(name.startswith("on") for _, given in page.attributes for name in given)
    assert {*HOSTILE.values(), *CSMS, "<img src=x onerror=alert(1)>"} <= set(page.texts)

    lines = as_markdown(report()).splitlines()
    assert not re.search(r"<(script|b|img)", "\n".join(lines))
    tables = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {4, 6, 10}
    assert "A \\| B \\`c\\` \\[d\\](http://e) (a-003)" in "\n".join(tables)


def test_the_page_needs_no_network_and_no_script() -> None:
    """Nothing is loaded from anywhere; the only addresses are XML namespaces and places in the page (OUT-5)."""
    page = Page(as_html(report()))

    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    addresses = [v for name in ("src", "href", "xlink:href", "action", "style") for v in page.values(name)]
    assert [a for a in addresses if "url(" in a or ":" in a] == []
    assert {a[1:] for a in page.values("href")} <= set(page.values("id"))
    outside = {
        a for a in re.findall(r"https?://[^\"'\s<)]+", as_html(report())) if not a.startswith("http://www.w3.org/")
    }
    assert outside == {"http://e"}, "the text of a customer's name"


def test_every_account_at_risk_is_printed_or_counted() -> None:
    """Each CSM finds all own accounts at risk, or flagged; a long list says how many more are in the mart (MON-1)."""
    whole, short = report(), report(max_items=4)
    at_risk = whole.urgent["account_id"]

    assert at_risk.is_unique
    flagged = book().query("churn_risk >= 0.3 and status == 'active'")["account_id"]
    assert set(at_risk) == {*book().query("band in ('critical', 'at_risk')")["account_id"], *flagged}
    assert len(set(flagged) - set(book().query("band in ('critical', 'at_risk')")["account_id"])) > 3
    printed = _listed(as_html(whole))
    assert len(printed) == len(at_risk)

    cut = as_html(short)
    left = [int(n) for n in re.findall(r"(\d+) more accounts? of <bdi>", cut)]
    assert len(_listed(cut)) == 4 * len(CSMS)
    assert len(_listed(cut)) + sum(left) == len(at_risk)
    assert "marts/health_scores/as_of=2024-12-01" in cut


def _listed(text: str) -> list[str]:
    return re.findall(r'id="account-\d+"', text)


def test_the_order_is_that_of_the_outreach_queue_and_leaving_ones_come_last() -> None:
    """One order for the month: a known notice is shown but has no place in it (MON-1, MON-2)."""
    worst = report().urgent
    queue = prioritised(book(), DAY, OutreachSettings())

    assert list(worst["account_id"]) == [*queue["account_id"], "a-008"]
    shown = re.findall(r'id="account-(\d+)"', as_html(report()))
    assert sorted(map(int, shown)) == list(range(1, len(worst) + 1))
    first = queue.iloc[0]
    rows = [line for line in as_markdown(report()).splitlines() if f"({first['account_id']})" in line]
    assert f"| {first['churn_risk']:.0%} |" in rows[-1], "its churn risk stands beside it"


def test_without_a_model_the_page_names_no_flag() -> None:
    """The order then is by the points missing from health (MON-2)."""
    page = as_html(report(churn_risk=None, churn_threshold=None))

    assert "flagged by the model" not in page
    assert "ARR x points missing from health" in page


def test_a_change_says_whether_the_account_moved_or_the_scoring() -> None:
    """A fall that comes from a new definition is not blamed on the account; a first month has nothing to compare."""
    moved = as_markdown(report())
    redefined = as_markdown(report(change_usage=1.0, change_support=0.0, change_definition=-22.4, change_coverage=0.0))

    assert f"Usage fell: usage {MINUS}20.4, coverage {MINUS}2.0, support +1.0" in moved
    assert "Usage rose: usage +19.0" in moved
    assert f"The score's definition changed, not the account: definition {MINUS}22.4, usage +1.0" in redefined
    assert "No scores from a month earlier yet" in as_markdown(report(change=None, change_flagged=None))


def test_an_unknown_account_says_what_is_missing() -> None:
    """Too little data is neither good nor bad: it is listed with the areas of which nothing is known (MON-1)."""
    page = as_html(report())

    assert len(report().unknown) == 3
    assert page.count(">support, billing</td>") == 3


def test_the_same_book_gives_the_same_bytes(tmp_path: Path) -> None:
    """A rerun replaces the file by the same bytes and leaves nothing beside it (OUT-5, TRU-1)."""
    first = write_month_report(report(), tmp_path / "reports")
    before = first.read_bytes()
    again = write_month_report(report(), tmp_path / "reports")

    assert again.name == "health-2024-12-01.html"
    assert again.read_bytes() == before
    assert [p.name for p in again.parent.iterdir()] == [again.name]


def test_an_empty_book_is_said_not_a_crash() -> None:
    """A company without a live contract gets a page that says so."""
    empty = month_report(DAY, "EUR", book(0), ASIDE.iloc[:0], [])

    assert "No account is under contract." in as_html(empty)
    assert "No account is under contract." in as_markdown(empty)
    assert empty.totals["accounts"] == 0


def test_headings_and_tables_can_be_followed_without_seeing() -> None:
    """Language, headings in order, a scope for every header cell, a text for every chart (OUT-5)."""
    page = Page(as_html(report()))
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h[1-6]", tag)]

    assert page.values("lang") == ["en"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(given.get("scope") in ("col", "row") for tag, given in page.attributes if tag == "th")
    charts = [given for _, given in page.attributes if given.get("role") == "img"]
    assert len(charts) == page.tags.count("svg") == 2
    assert "27 critical" not in charts[0]["aria-label"]
    assert charts[1]["aria-label"].startswith("ARR by band: critical 5,009,000, at risk 2,152,000")


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
def test_a_phone_shows_the_page_without_sideways_scrolling(tmp_path: Path) -> None:
    """Real Chromium, 375 and 1200 px wide: nothing is wider than the screen (OUT-5)."""
    path = write_month_report(report(), tmp_path)
    frames = "".join(f"<iframe src={path.name} style='border:0;width:{w}px'></iframe>" for w in (375, 1200))
    measure = "Array.from(frames, f => f.document.documentElement.scrollWidth).join()"
    outer = tmp_path / "frames.html"
    outer.write_text(f"<body>{frames}<p id=w></p><script>onload = () => {{ w.textContent = {measure} }}</script>")
    quiet = [f"--disable-{name}" for name in ("gpu", "quic", "sync", "background-networking", "component-update")]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    own = [
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--no-first-run",
        "--allow-file-access-from-files",
        profile,
    ]
    asked = [CHROMIUM, *quiet, *own, "--dump-dom", outer.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)

    assert re.findall('<p id="w">(.*?)</p>', done.stdout) == ["375,1200"]
