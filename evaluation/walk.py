"""`make walk`: a month of a CS team, command by command.

Writes docs/how-to/month-walk.md with the real output of each command. Nothing is typed in but the
commands and the sentences between them (MON-1..6, WKL-1..2, ALR-2).
"""

import argparse
import json
import tempfile
from pathlib import Path
from textwrap import wrap

from tests.support.running import ROOT, keepwell, mart

PAGE = ROOT / "docs" / "how-to" / "month-walk.md"
ACCOUNTS, MONTHS, SEED = 300, 30, 5
WIDTH, LINES, WRAP = 170, 24, 118


class Walk:
    """A company, and the page so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.page: list[str] = []

    def text(self, *sentences: str) -> None:
        """Add a paragraph."""
        self.page += [*wrap(" ".join(sentences), WRAP, break_on_hyphens=False, break_long_words=False), ""]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.page += [f"## {text}", ""]

    def run(self, *arguments: str, lines: int = LINES) -> str:
        """Run a command; its first `lines` lines of output go on the page."""
        if arguments[0] == "sample":
            ran = keepwell(*arguments)
        else:
            ran = keepwell("--config", self.folder / "company" / "pipeline.toml", "--out", self.out, *arguments)
        assert ran.code == 0, f"{arguments}: {ran.err}"
        self.block(f"$ keepwell {' '.join(_quoted(a) for a in arguments)}", ran.out, lines)
        return ran.out

    def rows(self, *arguments: str) -> list[dict[str, str]]:
        """The rows that a command prints as JSON; they do not go on the page."""
        company = self.folder / "company" / "pipeline.toml"
        ran = keepwell("--json", "--config", company, "--out", self.out, *arguments)
        assert ran.code == 0, f"{arguments}: {ran.err}"
        found: list[dict[str, str]] = json.loads(ran.out)
        return found

    def block(self, head: str, text: str, lines: int = LINES) -> None:
        """Add a block, shortened to what fits a page."""
        printed = text.replace(f"{self.folder}/", "").rstrip().splitlines()
        short = [line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in printed[:lines]]
        more = [f"… {len(printed) - lines} more lines"] if len(printed) > lines else []
        self.page += ["```", head.replace(f"{self.folder}/", ""), *(line.rstrip() for line in short), *more, "```", ""]


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


def week_one(walk: Walk) -> str:
    """Week 1 and the first days."""
    walk.heading("Week 1: which accounts are at risk, and why")
    walk.text("On the first day of the month Keepwell scores the portfolio and writes the report for the CSM team.")
    walk.run("monthly", "--as-of", "2026-05-01")
    walk.text(
        "Every day it opens and closes alerts. Through the day a sweep opens alerts of events and records missed",
        "deadlines.",
    )
    walk.run("daily", "--as-of", "2026-05-04")
    walk.text("The sweep after it sends the messages; deadlines count from when they leave.")
    walk.run("sweep", "--now", "2026-05-04T05:15")
    walk.run("alerts", "list", "--now", "2026-05-04T05:30", lines=8)
    first = walk.rows("alerts", "list", "--now", "2026-05-04T05:30")[0]
    walk.text("A CSM takes the first alert: acknowledges and assesses it, then documents the plan.")
    for step, at, note in (
        ("assess", "05:40", "usage fell when the old project ended"),
        ("plan", "06:10", "call the admin, offer the new templates"),
    ):
        walk.run("alerts", step, first["alert"], "--by", first["owner"], "--note", note, "--now", f"2026-05-04T{at}")
    walk.text(
        "Two hours after the notification the deadline of the others has passed. Each is escalated once, one level up."
    )
    walk.run("sweep", "--now", "2026-05-04T07:30")
    return first["account"]


def week_two(walk: Walk) -> None:
    """Week 2: the calls."""
    walk.heading("Week 2: whom to call, who calls, and when")
    walk.run("monthly", "--as-of", "2026-05-08")
    queue = mart(walk.out, "outreach_queue", "2026-05-08").sort_values("priority")
    top = queue.iloc[0]
    walk.text("The first account of the queue (mart `outreach_queue`), as the calendar of its caller has it:")
    entry = "\n".join(
        [
            f"{top['name']} ({top['account_id']}), {top['segment']}, ARR {top['arr']:,.0f} {top['currency']}",
            f"{top['csm']} calls on {top['scheduled_at']:%Y-%m-%d %H:%M} UTC",
            f"{top['strategy']}",
            *(f"- {point}" for point in top["talking_points"]),
            *(f"needed from {need}" for need in top["support_needs"]),
        ]
    )
    walk.block(f"priority {top['priority']} of {len(queue)}", entry)


def week_three(walk: Walk, account: str) -> None:
    """Week 3: the work."""
    walk.heading("Week 3: what was done")
    walk.text(
        "For the account of the alert above: a call, its root cause, the intervention, and the target with its due",
        "date.",
    )
    by, now = ("--by", "Kim"), ("--now", "2026-05-11T10:00")
    walk.run("work", "call", account, *by, "--outcome", "reached", "--note", "two teams have moved on", *now)
    walk.run("work", "cause", account, *by, "--cause", "low_adoption", *now)
    walk.run("work", "start", account, *by, "--kind", "training", *now)
    walk.run("work", "plan", account, *by, "--metric", "health", "--target", "70", "--due", "2026-06-30", *now)
    walk.run("work", "follow-up", account, *by, "--due", "2026-05-20", "--note", "did both teams attend?", *now)
    walk.text("Records from a spreadsheet are imported as a file: all rows, or none and the row at fault.")
    others = mart(walk.out, "outreach_queue", "2026-05-08")["account_id"].tolist()[1:6]
    rows = [f"call,{a},{o},2026-05-12T09:00,Kim" for a, o in zip(others, ("reached", "no_answer") * 3, strict=False)]
    file = walk.folder / "calls.csv"
    file.write_text("\n".join(["what,account,outcome,at,by", *rows, ""]))
    walk.block("$ cat calls.csv", file.read_text())
    walk.run("work", "import", str(file), "--now", "2026-05-12T18:00")
    walk.text(
        "Week 3 compares the calls of week 2 with what was recorded; the page stays open until somebody signs it off."
    )
    walk.run("monthly", "--as-of", "2026-05-15")
    walk.run("work", "done", "--by", "Kim", "--week", "2026-05-15", "--now", "2026-05-16T09:00")


def week_four(walk: Walk, account: str) -> None:
    """Week 4: the effect."""
    walk.heading("Week 4: what the work changed, and what to change")
    walk.text("The effect of the work, and how many accounts it takes to measure one: this company has too few.")
    walk.run("monthly", "--as-of", "2026-05-22", "--week", "4")
    escalations = mart(walk.out, "escalations", "2026-05-22")
    if len(escalations):
        row = escalations.iloc[0]
        request = f"{row['what']}\n{row['asked']}\nAsked of {row['asked_of']} by {row['answer_by']}."
        walk.text("The first request to an executive (mart `escalations`):")
        walk.block(f"{row['name']} ({row['account_id']})", request)
    walk.text("Every Monday Keepwell writes the weekly review. Its forecast is graded when the quarter is over.")
    walk.run("weekly", "--as-of", "2026-05-25", lines=40)
    walk.heading("One account, from its first flag to the outcome")
    walk.run("account", account, "--as-of", "2026-05-26", lines=60)


def page(folder: Path) -> str:
    """The page, in Markdown."""
    walk = Walk(folder)
    walk.page += ["# A month, command by command", "", "Written by `make walk`; edit the code instead.", ""]
    walk.text(
        f"The sample company with {ACCOUNTS} accounts, {MONTHS} months, seed {SEED}; health alone, without a model.",
        "The commands leave out `--config` and `--out`; long lines and lists are shortened.",
    )
    company = str(walk.folder / "company")
    size = ("--accounts", str(ACCOUNTS), "--months", str(MONTHS), "--seed", str(SEED))
    ran = keepwell("sample", *size, "--to", company)
    assert ran.code == 0, ran.err
    account = week_one(walk)
    week_two(walk)
    week_three(walk, account)
    week_four(walk, account)
    return "\n".join(walk.page)


def main() -> None:
    """Run the month and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PAGE)
    to: Path = parser.parse_args().to
    with tempfile.TemporaryDirectory() as folder:
        text = page(Path(folder))
    to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
