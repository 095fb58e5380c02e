"""`make walk`: the tutorial, from the sample company to a recorded call.

Writes docs/tutorial/first-hour.md with the real output of each command. Nothing is typed in but the commands and the
sentences between them.
"""

import argparse
import tempfile
from pathlib import Path

import duckdb

from evaluation.walk import ACCOUNTS, MONTHS, SEED, Walk
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-hour.md"
INSTALL = """Every command below is real, and so is its output. You need Python 3.11 to 3.13, `make`, and a clone of
this repository ([pip and uv](../how-to/install.md)). In its folder:

```
make install              # the locked dependencies, in .venv
. .venv/bin/activate      # puts `keepwell` on the path
```
"""
QUERY = """SELECT band, count(*) AS accounts, round(sum(arr)) AS arr
FROM health_scores_latest GROUP BY band ORDER BY arr DESC"""
READ_MARTS = f'''```python
import duckdb

duckdb.execute("SET VARIABLE marts = 'out/marts'")
duckdb.execute(open("out/marts/views.sql").read())
query = """
{QUERY}
"""
print(duckdb.sql(query))
```
'''
NEXT = """- Connect your own data: [own warehouse](../how-to/own-warehouse.md).
- Follow a whole month, with calls, plans and a leadership summary: [a month, command by
  command](../how-to/month-walk.md).
- Train models and let a good one act: [models](../how-to/models.md).
- Run everything on a schedule: [schedules](../how-to/schedules.md).
- Read how the score works: [the health score](../explanation/health-score.md).
"""


def company(walk: Walk) -> None:
    """The data, and whether they are good enough."""
    walk.heading("1. A company")
    walk.text(
        "The sample company is invented: accounts, contracts, usage, tickets, invoices, surveys and more, in parquet",
        "files. This takes a few seconds.",
    )
    size = ("--accounts", str(ACCOUNTS), "--months", str(MONTHS), "--seed", str(SEED))
    walk.run("sample", *size, "--to", str(walk.folder / "company"))
    walk.text(
        "`company/pipeline.toml` says where the data is; `company/sql/` holds one SELECT per table. Go there: the",
        "commands below read `pipeline.toml` and write to `out/` in the current folder.",
    )
    walk.page += ["```", "$ cd company", "```", ""]
    walk.heading("2. Is the data good enough?")
    walk.text("The data checks run by themselves before every score. Alone:")
    walk.run("check", "--as-of", "2026-05-01")
    walk.text(
        "A failed critical check ends a run with exit code 3 and one sentence that names table, column and rows. "
        "Warnings and infos are listed with the same; what could not be judged, since a column is not given, is in the "
        "mart `check_results`."
    )


def score(walk: Walk) -> None:
    """The first score, and a look at the marts."""
    walk.heading("3. The first score")
    walk.text("`monthly` scores every account under contract as of a date. A run never looks beyond that date.")
    walk.run("monthly", "--as-of", "2026-05-01")
    walk.text(
        "Open the report in a browser: accounts by band, what changed, and each CSM's accounts with the reasons.",
        "The same numbers are parquet tables, with DuckDB views beside them. In Python, in the folder `company`:",
    )
    walk.page += [READ_MARTS]
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE marts = ?", [str(walk.out / "marts")])
        connection.execute((walk.out / "marts" / "views.sql").read_text())
        walk.page += ["```", str(connection.sql(QUERY)).rstrip(), "```", ""]


def alerts(walk: Walk) -> dict[str, str]:
    """The first alert of low health."""
    walk.heading("4. Alerts")
    walk.text("`daily` scores the day and opens alerts, each with an owner and deadlines.")
    walk.run("daily", "--as-of", "2026-05-04")
    walk.run("alerts", "list", "--now", "2026-05-04T05:30", lines=6)
    walk.text("The CSM acknowledges the first one: the first characters of its id are enough.")
    first = walk.rows("alerts", "list", "--now", "2026-05-04T05:30")[0]
    walk.run("alerts", "ack", first["alert"], "--by", first["owner"], "--now", "2026-05-04T05:40")
    walk.text(
        "The commands here name an instant with `--now`, because the sample company lives in its own calendar. In",
        "daily work you leave it out.",
    )
    return first


def account(walk: Walk, alert: dict[str, str]) -> None:
    """The account page, before and after a call."""
    walk.heading("5. One account")
    walk.run("account", alert["account"], "--as-of", "2026-05-05", lines=60)
    walk.heading("6. A call")
    walk.text(
        "Somebody calls the customer and records it. The call also completes the contact step of the open alerts."
    )
    note, at = "two teams have moved on", "2026-05-05T10:00"
    by = ("--by", alert["owner"])
    walk.run("work", "call", alert["account"], *by, "--outcome", "reached", "--note", note, "--now", at)
    walk.text("It is on the account page from the next day on, and in the marts that the next `daily` publishes.")
    walk.run("account", alert["account"], "--as-of", "2026-05-06", lines=60)


def page(folder: Path) -> str:
    """The page, in Markdown."""
    walk = Walk(folder)
    walk.page += ["# The first hour", "", "Written by `make walk`; edit the code instead.", "", INSTALL]
    company(walk)
    score(walk)
    account(walk, alerts(walk))
    walk.heading("What next")
    return "\n".join([*walk.page, NEXT])


def main() -> None:
    """Run the commands and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PAGE)
    to: Path = parser.parse_args().to
    with tempfile.TemporaryDirectory() as folder:
        text = page(Path(folder))
    to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
