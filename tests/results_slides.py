"""How early is a planted slide seen, by a shift of level and by the thresholds beside it? Figures for `make results`.

A flag is the first month start after a slide began, up to its bottom, at which a score lies below its line. A line is
set so that the same share of account-months without a slide is flagged by every score; beside it stands the line that
is used today. Months without a slide are those that none has touched within the 26 weeks before (FEA-8).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.metrics import Estimate, account_draws, interval

Figure = tuple[str, float, float, float]
KEY = ["account_id", "as_of"]
REACH = pd.Timedelta(days=182)
FALSE_SHARE = 0.05
REPLICATES, SEED, CONFIDENCE = 200, 1, 0.90
FREE = (-np.inf, np.inf)
LINES = {"health": 50.0, "usage_trend": -0.4}
"""Where those are said to be in danger today."""
SCORES = {
    "usage_change_point": "the shift of use",
    "breadth_change_point": "the shift of breadth",
    "usage_trend": "`usage_trend`",
    "health": "`health`",
}


def figures(companies: Sequence[tuple[pd.DataFrame, pd.DataFrame]]) -> list[Figure]:
    """Name, bounds and value of each figure.

    `companies`: examples (account_id, as_of, tenure_days, churned_at and the scores) and planted slides (account_id,
    began_on, bottom_on, recovered_on) of each.
    """
    named = [(numbered(e, n), numbered(s, n)) for n, (e, s) in enumerate(companies)]
    examples = pd.concat([e for e, _ in named], ignore_index=True)
    # The shift needs 26 weeks: all scores are judged on the same rows.
    examples = examples[(examples["tenure_days"] >= REACH.days) & examples[[*SCORES]].notna().any(axis=1)]
    slides = within(pd.concat([s for _, s in named], ignore_index=True), examples)
    still = untouched(examples, pd.concat([s for _, s in named], ignore_index=True))
    lines = {f"{says} (false alarms {FALSE_SHARE:.0%})": (name, float(still[name].quantile(FALSE_SHARE)))
             for name, says in SCORES.items()}  # fmt: skip
    lines |= {f"{SCORES[name]} below {line:g}": (name, line) for name, line in LINES.items()}
    first = {says: first_flag(examples, slides, name, line) for says, (name, line) in lines.items()}
    found = [("planted slides judged", *FREE, float(len(slides)))]
    for says, (name, line) in lines.items():
        weeks = (first[says] - slides["began_on"]).dt.days / 7
        found += [
            (f"{says}: share of the slides seen before their bottom", *FREE, float(first[says].notna().mean())),
            (f"{says}: median weeks from the start of those seen", *FREE, float(weeks.median())),
            (f"{says}: false alarms, share of account-months without a slide", *FREE,
             float((still[name] < line).mean())),
        ]  # fmt: skip
    return found + leads(slides, first, [*lines])


def leads(slides: pd.DataFrame, first: Mapping[str, pd.Series], lines: Sequence[str]) -> list[Figure]:
    """How far the shift of use is ahead of each threshold and of the loss: in weeks where both come, and how often."""
    shift, found = first[lines[0]], []
    later = {says: first[says] for says in lines[2:]} | {"the loss": slides["churned_at"]}
    for says, at in later.items():
        ahead = (at - shift).dt.days / 7
        both = ahead.notna()
        told = median_interval(ahead[both], slides.loc[both, "account_id"])
        sooner = (shift.notna() & at.isna()) | (ahead > 0)
        behind = (at.notna() & shift.isna()) | (ahead < 0)
        found += [
            (f"weeks from the shift of use to {says}, median of the {both.sum()} slides with both", *FREE, told.value),
            (f"the same, low end of its {CONFIDENCE:.0%} interval", *FREE, told.low),
            ("the same, high end", *FREE, told.high),
            (f"share of the slides that the shift of use sees before {says}, or alone", *FREE, float(sooner.mean())),
            ("share for which it is the other way round", *FREE, float(behind.mean())),
        ]
    return found


def numbered(rows: pd.DataFrame, company: int) -> pd.DataFrame:
    """The rows of one company, its accounts told from those of the others."""
    dates = {c: pd.to_datetime(rows[c]) for c in ("as_of", "churned_at", "began_on", "bottom_on", "recovered_on")
             if c in rows}  # fmt: skip
    return rows.assign(account_id=f"{company}-" + rows["account_id"], **dates)


def within(slides: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """The slides whose account has a month on each side of the start, the later before the bottom; with its loss."""
    months = slides.reset_index(names="slide").merge(examples[[*KEY, "churned_at"]], on="account_id")
    before = months[months["as_of"] <= months["began_on"]].groupby("slide").size()
    under = months[(months["as_of"] > months["began_on"]) & (months["as_of"] <= months["bottom_on"])]
    seen = under.groupby("slide")["churned_at"].max()
    kept = slides.loc[seen.index.intersection(before.index)]
    return kept.assign(churned_at=seen.reindex(kept.index))


def untouched(examples: pd.DataFrame, slides: pd.DataFrame) -> pd.DataFrame:
    """The months of accounts that no slide pulled down within the reach of the shift."""
    pairs = examples[KEY].reset_index(names="row").merge(slides, on="account_id")
    over = pairs["recovered_on"].fillna(pairs["bottom_on"]) + REACH
    touched = pairs.loc[(pairs["began_on"] < pairs["as_of"]) & (pairs["as_of"] < over), "row"]
    return examples.drop(index=touched.unique())


def first_flag(examples: pd.DataFrame, slides: pd.DataFrame, score: str, line: float) -> pd.Series:
    """Per slide, the first month start under way at which the score lies below the line; NaT: none."""
    low = examples.loc[examples[score] < line, KEY]
    flags = slides.reset_index(names="slide").merge(low, on="account_id")
    under = flags[(flags["as_of"] > flags["began_on"]) & (flags["as_of"] <= flags["bottom_on"])]
    return under.groupby("slide")["as_of"].min().reindex(slides.index)


def median_interval(values: pd.Series, accounts: pd.Series) -> Estimate:
    """A median with its bootstrap interval, over accounts."""
    numbers, codes = values.to_numpy(), pd.factorize(accounts)[0]
    draws = account_draws(codes, np.ones(len(codes), dtype="float64"), REPLICATES, SEED)
    medians = [float(np.median(np.repeat(numbers, weight.astype(int)))) for weight in draws if weight.any()]
    return interval(float(np.median(numbers)), medians, CONFIDENCE)
