"""Great Expectations' Data Docs, fit to keep: the counts of whole tables, keys beside values, no foreign server."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from keepwell.tasks.checks.results import CheckResult
from keepwell.tasks.files.scratch import scratch_folder

STYLE = Path(__file__).parent / "data_docs.css"
FOREIGN = re.compile(
    r"""<script\b[^>]*\bsrc=["']https?:[^>]*>\s*</script>|<link\b[^>]*\bhref=["']https?:[^>]*>|<img\b[^>]*\bsrc=["']https?:[^>]*>"""
    r"""|<footer>.*?</footer>|url\(['"]?https?:[^)]*\)""",
    re.DOTALL,
)
"""What Great Expectations' templates load from elsewhere; text of customers cannot match, it is escaped."""


def replace_docs(
    docs: Path, build: Callable[[Path], None], results: Mapping[str, Sequence[CheckResult]], run: str
) -> None:
    """Build a site in a new folder beside `docs` and put it in its place; a failure leaves the old one."""
    docs.parent.mkdir(parents=True, exist_ok=True)
    # Runs of different dates may come here at once; their folders' names differ, the place they go to does not.
    with (
        FileLock(docs.parent / ".data-docs.lock"),
        scratch_folder(docs.parent, ".data-docs-") as work,
    ):
        new = work / "new"
        build(new)
        style = f"<style>{STYLE.read_text()}</style></head>"
        for page in new.rglob("*.html"):
            page.write_text(FOREIGN.sub("", page.read_text()).replace("</head>", style, 1))
        for picture in new.rglob("*.gif"):
            picture.unlink()
        (new / "index.html").write_text(_index(new, results, run, style))
        if docs.exists():
            docs.rename(work / "old")
        new.rename(docs)


def displayed_counts(result: CheckResult, seen: Sequence[str]) -> dict[str, Any]:
    """The result of one expectation as its page shows it: counted over the whole table, with keys beside values.

    The pages print values as they are, so they are escaped here.
    """
    if result.rows is None or result.failed_rows is None:
        return {"observed_value": result.observed} if result.observed else {}
    percent = 100 * result.failed_rows / result.rows if result.rows else 0.0
    return {
        "element_count": result.rows,
        "unexpected_count": result.failed_rows,
        "unexpected_percent": percent,
        "unexpected_percent_total": percent,
        "unexpected_percent_nonmissing": percent,
        "partial_unexpected_list": [html.escape(value) for value in seen],
    }


def _index(site: Path, results: Mapping[str, Sequence[CheckResult]], run: str, style: str) -> str:
    """The front page: one line per table. Great Expectations' own is drawn by scripts from foreign servers."""
    lines = []
    for name, found in results.items():
        page = next(site.glob(f"validations/{name}/**/*.html")).relative_to(site)
        broken, unjudged = [r for r in found if r.broken], [r for r in found if r.success is None]
        rules = ", ".join(f"{html.escape(r.rule)} ({r.severity})" for r in broken)
        state = f'<span class="broken">&#10007; {rules}</span>' if broken else '<span class="held">&#10003; held</span>'
        lines.append(
            f'<tr><td><a href="{page}">{name}</a></td><td>{len(found) - len(unjudged)} expectations</td>'
            f"<td>{state}{_not_judged(unjudged)}</td></tr>"
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Data checks as of {run}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{style}<body>'
        f"<h1>Data checks as of {run}</h1><table>{''.join(lines)}</table></body></html>\n"
    )


def _not_judged(results: Sequence[CheckResult]) -> str:
    """The rules that could not be judged, each with the reason, folded away."""
    if not results:
        return ""
    named = [(r.rule + (f" of {r.column}" if r.column else ""), r.not_judged or "") for r in results]
    items = "".join(f"<li>{html.escape(rule)}: {html.escape(why)}</li>" for rule, why in named)
    return f"<details><summary>{len(results)} not judged</summary><ul>{items}</ul></details>"
