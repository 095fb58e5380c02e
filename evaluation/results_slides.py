"""How early scores detect a planted slide, by level shift and by fixed thresholds: metrics for `make results` (FEA-8).

A flag is the first month start after a slide began, up to its bottom, at which a score is below its threshold.
Thresholds are set so that every score flags the same share of account-months without a slide; the thresholds in use are
reported too. Months without a slide are those with none within the 26 weeks before.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from keepwell.models.grading.intervals import Estimate, account_draws, interval

KEY = ["account_id", "as_of"]
SHIFT_WINDOW = pd.Timedelta(days=182)
FALSE_SHARE = 0.05
REPLICATES, SEED, CONFIDENCE = 200, 1, 0.90
LINES = {"health": 50.0, "usage_trend": -0.4}
"""The thresholds in use."""
SCORES = {
    "usage_change_point": "the shift of usage",
    "breadth_change_point": "the shift of breadth",
    "usage_trend": "`usage_trend`",
    "health": "`health`",
}


def section(companies: Sequence[tuple[pd.DataFrame, pd.DataFrame]]) -> list[str]:
    """Two tables: the share of slides that each score detects and how soon; the lead of the usage shift over others.

    `companies`: examples (account_id, as_of, tenure_days, churned_at and the scores) and planted slides (account_id,
    began_on, bottom_on, recovered_on) of each.
    """
    named = [(numbered(e, n), numbered(s, n)) for n, (e, s) in enumerate(companies)]
    examples = pd.concat([e for e, _ in named], ignore_index=True)
    # The shift needs 26 weeks: all scores are judged on the same rows.
    examples = examples[(examples["tenure_days"] >= SHIFT_WINDOW.days) & examples[[*SCORES]].notna().any(axis=1)]
    slides = within(pd.concat([s for _, s in named], ignore_index=True), examples)
    still = untouched(examples, pd.concat([s for _, s in named], ignore_index=True))
    marks = [(name, float(still[name].quantile(FALSE_SHARE))) for name in SCORES] + list(LINES.items())
    first = [first_flag(examples, slides, name, line) for name, line in marks]
    lines = [
        f"{len(slides):,} planted slides whose account has a month on each side of the start. A score sees one at the",
        "first month start up to its bottom at which it lies below its line; the lines of the first four give the same",
        "share of false alarms, those of the last two are in use.",
        "",
        "| score | line | seen | median weeks from the start | false alarms |",
        "|---|---|---|---|---|",
    ]
    for (name, line), at in zip(marks, first, strict=True):
        weeks = (at - slides["began_on"]).dt.days / 7
        lines.append(
            f"| {SCORES[name]} | {line:.2f} | {at.notna().mean():.1%} | {weeks.median():.1f} "
            f"| {(still[name] < line).mean():.1%} |"
        )
    later = {f"{SCORES[name]} below {line:.2f}": at for (name, line), at in zip(marks[2:], first[2:], strict=True)}
    return [*lines, "", *leads(slides, first[0], later | {"the loss": slides["churned_at"]})]


def leads(slides: pd.DataFrame, shift: pd.Series, later: Mapping[str, pd.Series]) -> list[str]:
    """The lead of the usage shift over each threshold and over churn: weeks where both occur, and how often."""
    weeks = f"median weeks ({CONFIDENCE:.0%} interval)"
    head = (
        f"| the shift of usage ahead of | slides with both | {weeks} | sees it before, or alone | the other way round |"
    )
    lines = [head, "|---|---|---|---|---|"]
    for label, at in later.items():
        ahead = (at - shift).dt.days / 7
        both = ahead.notna()
        median = median_interval(ahead[both], slides.loc[both, "account_id"])
        sooner = (shift.notna() & at.isna()) | (ahead > 0)
        behind = (at.notna() & shift.isna()) | (ahead < 0)
        lines.append(
            f"| {label} | {both.sum():,} | {median.value:.1f} ({median.low:.1f} to {median.high:.1f}) "
            f"| {sooner.mean():.1%} | {behind.mean():.1%} |"
        )
    return lines


def numbered(rows: pd.DataFrame, company: int) -> pd.DataFrame:
    """The rows of one company, with account ids that are unique across companies."""
    dates = {c: pd.to_datetime(rows[c]) for c in ("as_of", "churned_at", "began_on", "bottom_on", "recovered_on")
             if c in rows}  # fmt: skip
    return rows.assign(account_id=f"{company}-" + rows["account_id"], **dates)


def within(slides: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """The slides whose account has a month on each side of the start, the later before the bottom, with its churn."""
    months = slides.reset_index(names="slide").merge(examples[[*KEY, "churned_at"]], on="account_id")
    before = months[months["as_of"] <= months["began_on"]].groupby("slide").size()
    under = months[(months["as_of"] > months["began_on"]) & (months["as_of"] <= months["bottom_on"])]
    seen = under.groupby("slide")["churned_at"].max()
    with_slide = slides.loc[seen.index.intersection(before.index)]
    return with_slide.assign(churned_at=seen.reindex(with_slide.index))


def untouched(examples: pd.DataFrame, slides: pd.DataFrame) -> pd.DataFrame:
    """The account-months without a slide in the window of the shift."""
    pairs = examples[KEY].reset_index(names="row").merge(slides, on="account_id")
    over = pairs["recovered_on"].fillna(pairs["bottom_on"]) + SHIFT_WINDOW
    touched = pairs.loc[(pairs["began_on"] < pairs["as_of"]) & (pairs["as_of"] < over), "row"]
    return examples.drop(index=touched.unique())


def first_flag(examples: pd.DataFrame, slides: pd.DataFrame, score: str, line: float) -> pd.Series:
    """Per slide, the first month start during it at which the score is below the threshold; NaT: none."""
    low = examples.loc[examples[score] < line, KEY]
    flags = slides.reset_index(names="slide").merge(low, on="account_id")
    under = flags[(flags["as_of"] > flags["began_on"]) & (flags["as_of"] <= flags["bottom_on"])]
    return under.groupby("slide")["as_of"].min().reindex(slides.index)


def median_interval(values: pd.Series, accounts: pd.Series) -> Estimate:
    """A median with its bootstrap interval, over accounts."""
    weeks, codes = values.to_numpy(), pd.factorize(accounts)[0]
    draws = account_draws(codes, np.ones(len(codes), dtype="float64"), REPLICATES, SEED)
    medians = [float(np.median(np.repeat(weeks, weight.astype(int)))) for weight in draws if weight.any()]
    return interval(float(np.median(weeks)), medians, CONFIDENCE)
