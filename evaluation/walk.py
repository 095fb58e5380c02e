"""`make walk`: a month of a CS team, command by command.

Writes docs/how-to/month-walk.md with the real output of each command. Nothing is typed in but the
commands and the sentences between them (MON-1..6, WKL-1..2, ALR-2).
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.running import ROOT, keepwell, mart

PAGE = ROOT / "docs" / "how-to" / "month-walk.md"
ACCOUNTS, MONTHS, SEED = 300, 30, 5
WIDTH, LINES = 170, 24


class Walk:
    """A company, and the page so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.page: list[str] = []

    def says(self, *sentences: str) -> None:
        """A paragraph."""
        self.page += [" ".join(sentences), ""]

    def heading(self, text: str) -> None:
        """A section."""
        self.page += [f"## {text}", ""]

    def runs(self, *arguments: str, lines: int = LINES) -> str:
        """A command and what it says, the first lines of it."""
        if arguments[0] == "sample":
            ran = keepwell(*arguments)
        else:
            ran = keepwell("--config", self.folder / "company" / "pipeline.toml", "--out", self.out, *arguments)
        assert ran.code == 0, f"{arguments}: {ran.err}"
        self.shows(f"$ keepwell {' '.join(_quoted(a) for a in arguments)}", ran.out, lines)
        return ran.out

    def asks(self, *arguments: str) -> list[dict[str, str]]:
        """What a command says as JSON, not shown."""
        company = self.folder / "company" / "pipeline.toml"
        ran = keepwell("--json", "--config", company, "--out", self.out, *arguments)
        assert ran.code == 0, f"{arguments}: {ran.err}"
        found: list[dict[str, str]] = json.loads(ran.out)
        return found

    def shows(self, head: str, text: str, lines: int = LINES) -> None:
        """A block, cut to what fits a page."""
        told = text.replace(f"{self.folder}/", "").rstrip().splitlines()
        cut = [line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in told[:lines]]
        more = [f"… {len(told) - lines} lines more"] if len(told) > lines else []
        self.page += ["```", head.replace(f"{self.folder}/", ""), *(line.rstrip() for line in cut), *more, "```", ""]


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument


def week_one(walk: Walk) -> str:
    """The month begins."""
    walk.heading("Week 1: who is in danger, and why")
    walk.says("On the first day the book is scored and the report written that the CSM team reads.")
    walk.runs("monthly", "--as-of", "2026-05-01")
    walk.says(
        "Every day after it the alerts are kept; through the day a sweep opens those of events and runs the clocks."
    )
    walk.runs("daily", "--as-of", "2026-05-04")
    walk.runs("alerts", "list", "--now", "2026-05-04T05:30", lines=8)
    first = walk.asks("alerts", "list", "--now", "2026-05-04T05:30")[0]
    walk.says("A CSM takes the first of them: sees it, knows what it is about, and writes down what will be done.")
    for step, at, note in (
        ("assess", "05:40", "use fell with the old project"),
        ("plan", "06:10", "call the admin, offer the new templates"),
    ):
        walk.runs("alerts", step, first["alert"], "--by", first["owner"], "--note", note, "--now", f"2026-05-04T{at}")
    walk.says("Two hours after the alerts were told the clock of the others has run out: once each, one level up.")
    walk.runs("sweep", "--now", "2026-05-04T07:00")
    return first["account"]


def week_two(walk: Walk) -> None:
    """Whom to call."""
    walk.heading("Week 2: whom to call, who calls, and when")
    walk.runs("monthly", "--as-of", "2026-05-08")
    queue = mart(walk.out, "outreach_queue", "2026-05-08").sort_values("priority")
    top = queue.iloc[0]
    walk.says("The first of the queue (mart `outreach_queue`), as it stands in the calendar of its caller:")
    told = "\n".join(
        [
            f"{top['name']} ({top['account_id']}), {top['segment']}, ARR {top['arr']:,.0f} {top['currency']}",
            f"{top['csm']} calls on {top['scheduled_at']:%Y-%m-%d %H:%M} UTC",
            f"{top['strategy']}",
            *(f"- {point}" for point in top["talking_points"]),
            *(f"needed from {need}" for need in top["support_needs"]),
        ]
    )
    walk.shows(f"priority {top['priority']} of {len(queue)}", told)


def week_three(walk: Walk, account: str) -> None:
    """What was done."""
    walk.heading("Week 3: what was done")
    walk.says(
        "For the account of the alert above: a call, why it is so, what is done about it, and what is to be reached",
        "by when.",
    )
    by, now = ("--by", "Kim"), ("--now", "2026-05-11T10:00")
    walk.runs("work", "call", account, *by, "--outcome", "reached", "--note", "two teams have moved on", *now)
    walk.runs("work", "cause", account, *by, "--cause", "low_adoption", *now)
    walk.runs("work", "start", account, *by, "--kind", "training", *now)
    walk.runs("work", "plan", account, *by, "--metric", "health", "--target", "70", "--due", "2026-06-30", *now)
    walk.runs("work", "follow-up", account, *by, "--due", "2026-05-20", "--note", "did both teams come?", *now)
    walk.says(
        "Whoever kept the rest in a spreadsheet takes it in as a file: all of it, or nothing with the row at fault."
    )
    others = mart(walk.out, "outreach_queue", "2026-05-08")["account_id"].tolist()[1:6]
    rows = [f"call,{a},{o},2026-05-12T09:00,Kim" for a, o in zip(others, ("reached", "no_answer") * 3, strict=False)]
    file = walk.folder / "calls.csv"
    file.write_text("\n".join(["what,account,outcome,at,by", *rows, ""]))
    walk.shows("$ cat calls.csv", file.read_text())
    walk.runs("work", "import", str(file), "--now", "2026-05-12T18:00")
    walk.says("What was asked for in week 2 stands against what was recorded; the page waits for somebody's word.")
    walk.runs("monthly", "--as-of", "2026-05-15")
    walk.runs("work", "done", "--by", "Kim", "--week", "2026-05-15", "--now", "2026-05-16T09:00")


def week_four(walk: Walk, account: str) -> None:
    """What it changed."""
    walk.heading("Week 4: what it changed, and what to do otherwise")
    walk.says("What work changed, with the number of cases that it takes to say so: few accounts tell of no effect.")
    walk.runs("monthly", "--as-of", "2026-05-22", "--week", "4")
    asked = mart(walk.out, "escalations", "2026-05-22")
    if len(asked):
        row = asked.iloc[0]
        told = f"{row['what']}\n{row['asked']}\nAsked of {row['asked_of']} by {row['answer_by']}."
        walk.says("What an executive is asked (mart `escalations`), the first of it:")
        walk.shows(f"{row['name']} ({row['account_id']})", told)
    walk.says("Every Monday there is a review of the week, with a forecast that is graded once the quarter is over.")
    walk.runs("weekly", "--as-of", "2026-05-25", lines=40)
    walk.heading("One account, from its flag to what came of it")
    walk.runs("account", account, "--as-of", "2026-05-26", lines=60)


def page(folder: Path) -> str:
    """The page, in Markdown."""
    walk = Walk(folder)
    walk.page += ["# A month, command by command", "", "Written by `make walk`; edit the code instead.", ""]
    walk.says(
        f"The sample company with {ACCOUNTS} accounts, {MONTHS} months, seed {SEED}; health alone, without a model.",
        "`--config` and `--out` are left out of the commands; long lines and lists are cut.",
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
    """Walk, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments: Sequence[Path] = [parser.parse_args().to]
    with tempfile.TemporaryDirectory() as folder:
        text = page(Path(folder))
    arguments[0].write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
