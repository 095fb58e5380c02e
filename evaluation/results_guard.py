"""`make guard`: whether churners are still flagged when an outage affects the whole portfolio (SRC-5).

Companies live through the same weeks with an outage and without one. Writes docs/reference/results/guard.md; nothing is
typed in.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from keepwell.features.outcomes.labels import churned_accounts
from keepwell.features.settings import BookSettings
from keepwell.playbook.alerts.ledger_events import DATA_RULE
from keepwell.sample.settings import PlantedSettings
from keepwell.tasks.sources.facts import facts_at
from keepwell.tasks.sources.snapshot import Snapshot
from tests.support.bounds import Bound, table
from tests.support.outage import (
    LAST_DAY,
    NO_OUTAGE,
    OUTAGE,
    OUTAGE_DAYS,
    OUTAGE_MONTHS,
    RENAMED,
    begun,
    lived,
    weeks,
    written,
)
from tests.support.running import ROOT

PAGE = ROOT / "docs" / "reference" / "results" / "guard.md"
ACCOUNTS, SEEDS = 2000, (3, 4)
QUIET_WEEKS, AFTER = 3, timedelta(days=60)
FREE = (-np.inf, np.inf)
OPEN, ON_HOLD, NEITHER = "by an alert that was open", "by alerts on hold alone", "by none"


def lived_through(folder: Path, seed: int, outage_months: int, since: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The alerts of each week around a day, and the accounts that left in the weeks after the outage began."""
    config = written(folder / f"company-{seed}-{outage_months}", ACCOUNTS, seed, outage_months)
    run, snapshot = begun(config, folder / f"out-{seed}-{outage_months}-{since}")
    days = weeks(since - QUIET_WEEKS * timedelta(days=7), since + timedelta(days=OUTAGE_DAYS))
    alerts = lived(run, snapshot, days)
    return alerts, churners(snapshot, run.settings.money)


def churners(snapshot: Snapshot, money: BookSettings) -> pd.DataFrame:
    """Accounts whose churn was known within AFTER of the outage's first day."""
    end = pd.Timestamp(LAST_DAY)
    gone = churned_accounts(facts_at(snapshot, end.to_pydatetime()), money).to_pandas()
    since = pd.Timestamp(OUTAGE)
    return gone[(gone["churned_at"] > since) & (gone["churned_at"] <= since + AFTER)].drop_duplicates("account_id")


def flagged(alerts: pd.DataFrame, gone: pd.DataFrame) -> pd.Series:
    """How each churner was flagged in the last of these weeks in which it was a customer during the outage."""
    during = alerts[(alerts["as_of"] > OUTAGE) & alerts["closed_at"].isna() & (alerts["rule"] != DATA_RULE)]
    found = {}
    for account, left in zip(gone["account_id"], gone["churned_at"], strict=True):
        own = during[(during["account_id"] == account) & (pd.to_datetime(during["as_of"]) < left)]
        states = own.loc[own["as_of"] == own["as_of"].max(), "state"]
        found[account] = NEITHER if states.empty else ON_HOLD if (states == "held").all() else OPEN
    return pd.Series(found, dtype=object)


def shares(flagged_by: pd.Series) -> list[Bound]:
    """The share of the churners per way, with the ends of its 90% interval (Wilson 1927)."""
    bounds = [Bound("churners", *FREE, len(flagged_by), 0)]
    for way in (OPEN, ON_HOLD, NEITHER):
        count = int((flagged_by == way).sum())
        ends = binomtest(count, len(flagged_by)).proportion_ci(0.9, "wilson")
        bounds.append(
            Bound(f"of them flagged {way} ({ends.low:.2f} to {ends.high:.2f})", *FREE, count / len(flagged_by))
        )
    return bounds


def opened(alerts: pd.DataFrame, since: date) -> list[Bound]:
    """The alerts of the weeks after a day: data alerts, alerts on hold and open alerts."""
    new = alerts[(pd.to_datetime(alerts["opened_at"]).dt.date == alerts["as_of"]) & (alerts["as_of"] > since)]
    data, rest = new[new["rule"] == DATA_RULE], new[new["rule"] != DATA_RULE]
    on_hold = rest["state"] == "held"
    return [
        Bound("data alerts", *FREE, len(data), 0),
        Bound("alerts on hold", *FREE, int(on_hold.sum()), 0),
        Bound("alerts opened as usual", *FREE, int((~on_hold).sum()), 0),
    ]


def page(folder: Path, seeds: Sequence[int]) -> str:
    """The page, in Markdown."""
    planted = PlantedSettings()
    what = (
        f"Sample companies of {ACCOUNTS:,} accounts (seeds {', '.join(map(str, seeds))}), scored and decided once a "
        f"week, health alone: {QUIET_WEEKS} quiet weeks, then {OUTAGE_DAYS} days of an outage from {OUTAGE} on: use "
        f"falls to {planted.outage_use:g} of the usual, tickets rise to {planted.outage_tickets:g} times as many. "
        f"Beside it the same companies without it. A churner left within {AFTER.days} days of that day; flagged is who "
        "had a live alert in the last week of these that it saw."
    )
    text = [
        "# An outage, and the accounts that churn in it",
        "",
        "Written by `make guard`; edit the code instead.",
        "",
        what,
        "",
    ]
    raised, ways = [], []
    for months, heading in ((OUTAGE_MONTHS, "With the outage"), (NO_OUTAGE, "Without it")):
        lives = []
        for seed in seeds:
            print(f"{heading}, seed {seed} ...", file=sys.stderr, flush=True)
            lives.append(lived_through(folder, seed, months, OUTAGE))
        flagged_by = pd.concat([flagged(*life).add_prefix(f"{seed}/") for seed, life in zip(seeds, lives, strict=True)])
        ways.append(flagged_by)
        alerts = pd.concat([life[0] for life in lives], ignore_index=True)
        raised.append([int((a["rule"] == DATA_RULE).any()) for a, _ in lives])
        text += [f"## {heading}", "", *table([*opened(alerts, OUTAGE), *shares(flagged_by)]), ""]
    (with_it, without), (during, usual) = raised, ways
    flagged_without = during.reindex(usual.index[usual == OPEN])
    text += [
        "## Those who are flagged without it",
        "",
        *table(shares(flagged_without.fillna(NEITHER))),
        "",
    ]
    print("A renamed event ...", file=sys.stderr, flush=True)
    renamed = [lived_through(folder, seed, NO_OUTAGE, RENAMED)[0] for seed in seeds]
    old, new = planted.renamed
    text += [
        "## A renamed event",
        "",
        f"The same companies without the outage, around {RENAMED}, from when on `{old}` is called `{new}`.",
        "",
        *table(opened(pd.concat(renamed, ignore_index=True), RENAMED)),
        "",
    ]
    text += [
        "## Bounds",
        "",
        *table(
            [
                Bound("companies with the outage that raised a data alert", len(seeds), len(seeds), sum(with_it), 0),
                Bound(
                    "companies with the renamed event that raised one",
                    len(seeds),
                    len(seeds),
                    sum(bool((a["rule"] == DATA_RULE).any()) for a in renamed),
                    0,
                ),
                Bound("companies without either that raised one", 0, 0, sum(without), 0),
            ]
        ),
        "",
    ]
    return "\n".join(text)


def main() -> None:
    """Live through both, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(Path(folder), SEEDS)
    arguments.to.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
