"""Great Expectations' Data Docs, fit to keep: the counts of whole tables, keys beside values, no foreign server."""

import hashlib
import html
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from keepwell.tasks.checks.results import CheckResult
from keepwell.tasks.checks.verdicts import Verdict, from_json, to_json
from keepwell.tasks.files.scratch import scratch_folder

INDEX, ABOUT = "index.html", "verdicts.json"
STYLE = Path(__file__).parent / "data_docs.css"
FOREIGN = re.compile(
    r"""<script\b[^>]*\bsrc=["']https?:[^>]*>\s*</script>|<link\b[^>]*\bhref=["']https?:[^>]*>|<img\b[^>]*\bsrc=["']https?:[^>]*>"""
    r"""|<footer>.*?</footer>|url\(['"]?https?:[^)]*\)""",
    re.DOTALL,
)
"""What Great Expectations' templates load from elsewhere; text of customers cannot match, it is escaped."""


@dataclass(frozen=True)
class Site:
    """The folder of Data Docs, with the verdicts given for it and what its pages show; None: none is kept."""

    folder: Path | None
    verdicts: Mapping[str, Verdict]
    drawn_as_of: str = ""
    shows: str = ""

    @classmethod
    def at(cls, folder: Path | None) -> "Site":
        """The site as an earlier run left it; one that is not whole counts as none."""
        try:
            if folder is None or not (folder / INDEX).is_file():
                return cls(folder, {})
            said = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            return cls(folder, from_json(said["verdicts"]), said["drawn_as_of"], said["shows"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(folder, {})

    def show(
        self,
        results: Mapping[str, Sequence[CheckResult]],
        run: str,
        verdicts: Mapping[str, Verdict],
        draw: Callable[[Path], None],
    ) -> None:
        """Bring the site up to this run: `draw` makes its pages in a new folder where a result has changed.

        A failure leaves the old site.
        """
        if self.folder is None:
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        shows = _content(results)
        # Runs of different dates may come here at once; their folders' names differ, the place they go to does not.
        with (
            FileLock(self.folder.parent / ".data-docs.lock"),
            scratch_folder(self.folder.parent, ".data-docs-") as work,
        ):
            new, drawn = work / "new", run
            if shows == self.shows and self.folder.is_dir():
                drawn = self.drawn_as_of
                shutil.copytree(self.folder, new)
            else:
                draw(new)
                _made_fit(new)
            (new / INDEX).write_text(_index(new, results, run, drawn))
            about = {"drawn_as_of": drawn, "shows": shows, "verdicts": to_json(verdicts)}
            (new / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
            if self.folder.exists():
                self.folder.rename(work / "old")
            new.rename(self.folder)


def _content(results: Mapping[str, Sequence[CheckResult]]) -> str:
    """A hash of what people look for on the pages: which rules are broken by which rows, and which are not judged.

    Of a rule that no row breaks the numbers and bounds change daily and say nothing new, of a stale table its age.
    """
    whole = {
        name: [asdict(r) if r.broken or r.failed_rows else (r.rule, r.column, r.severity, r.not_judged) for r in found]
        for name, found in results.items()
    }
    for result in (r for found in whole.values() for r in found if isinstance(r, dict)):
        if result.pop("rows") is None:
            del result["observed"]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:32]


def _made_fit(site: Path) -> None:
    """The pages without what they load from elsewhere, in our style."""
    for page in site.rglob("*.html"):
        page.write_text(FOREIGN.sub("", page.read_text()).replace("</head>", _style(), 1))
    for picture in site.rglob("*.gif"):
        picture.unlink()


def _style() -> str:
    return f"<style>{STYLE.read_text()}</style></head>"


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


def _index(site: Path, results: Mapping[str, Sequence[CheckResult]], run: str, drawn: str) -> str:
    """The front page: one line per table. Great Expectations' own is drawn by scripts from foreign servers."""
    since = "" if drawn == run else f"<p>The pages are of {drawn}: no result has changed since.</p>"
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
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{_style()}<body>'
        f"<h1>Data checks as of {run}</h1>{since}<table>{''.join(lines)}</table></body></html>\n"
    )


def _not_judged(results: Sequence[CheckResult]) -> str:
    """The rules that could not be judged, each with the reason, folded away."""
    if not results:
        return ""
    named = [(r.rule + (f" of {r.column}" if r.column else ""), r.not_judged or "") for r in results]
    items = "".join(f"<li>{html.escape(rule)}: {html.escape(why)}</li>" for rule, why in named)
    return f"<details><summary>{len(results)} not judged</summary><ul>{items}</ul></details>"
