"""Accounts for an expert review: where risk and health disagree most, and some where they agree (REV-1).

The same rows give the same accounts in the same order, whatever the order of the rows: nothing is random; ties and the
order of the questions follow from a hash of the account's id, which reveals nothing about its scores.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from keepwell.playbook.alerts.ledger_events import short_hash
from keepwell.playbook.settings import ReviewSettings

RISKIER, HEALTHIER, AGREEING = "the model says more likely", "health says more likely", "both agree"
THIRDS = 3


def chosen(book: pd.DataFrame, rules: ReviewSettings, salt: str) -> pd.DataFrame:
    """The accounts of a sprint with `why` and `gap`, in the order in which they are asked.

    `book`: account_id, segment, model and ill (both higher: outcome likelier); rows without one of these are left out.
    A gap is the distance of the two ranks as shares of the book, so that only their order counts. Half of those that
    disagree are of each direction where there are so many; within a direction segments have places by their size.
    """
    able = book.dropna(subset=["model", "ill"]).reset_index(drop=True)
    tie_break = pd.Series([short_hash(salt, account) for account in able["account_id"]], able.index, dtype=object)
    gap = able["model"].rank(pct=True) - able["ill"].rank(pct=True)
    able = able.assign(gap=gap, _tie_break=tie_break)
    total = min(rules.accounts, len(able))
    agreeing = _agreeing(able, round(rules.agreeing_share * total))
    rest = able.drop(agreeing.index)
    upper = _largest_gaps(rest[rest["gap"] > 0], (total - len(agreeing) + 1) // 2)
    lower = _largest_gaps(rest[rest["gap"] <= 0], total - len(agreeing) - len(upper))
    upper = _largest_gaps(rest[rest["gap"] > 0], total - len(agreeing) - len(lower))
    named = [(upper, RISKIER), (lower, HEALTHIER), (agreeing, AGREEING)]
    found = pd.concat([part.assign(why=why) for part, why in named])
    # Another hash than that which picked among those that agree: they would all come first.
    asked = [short_hash(salt, "asked", account) for account in found["account_id"]]
    return found.assign(_tie_break=asked).sort_values("_tie_break", ignore_index=True).drop(columns="_tie_break")


def _agreeing(able: pd.DataFrame, count: int) -> pd.DataFrame:
    """Accounts of the half that agrees more, as many of low, of middle and of high risk."""
    near = able[able["gap"].abs() <= able["gap"].abs().median()].sort_values(["model", "_tie_break"])
    thirds = np.array_split(np.arange(len(near)), THIRDS)
    parts = [near.iloc[third].sort_values("_tie_break") for third in thirds]
    return pd.concat([part.head(places) for part, places in zip(parts, _even(count, parts), strict=True)])


def _largest_gaps(side: pd.DataFrame, count: int) -> pd.DataFrame:
    """The largest gaps of each segment, by its size; what a segment cannot fill goes to the others."""
    ranked = side.assign(_size=side["gap"].abs()).sort_values(["_size", "_tie_break"], ascending=[False, True])
    parts = [part for _, part in ranked.groupby(ranked["segment"].fillna(""), sort=True)]
    places = by_size([len(part) for part in parts], count)
    return pd.concat([ranked.head(0), *(part.head(n) for part, n in zip(parts, places, strict=True))]).drop(
        columns="_size"
    )


def by_size(sizes: Sequence[int], count: int) -> list[int]:
    """`count` places, at most as many as there are, shared out by size; the largest remainders first."""
    count = min(count, sum(sizes))
    quotas = [count * size / max(sum(sizes), 1) for size in sizes]
    places = [int(quota) for quota in quotas]
    last = sorted(range(len(sizes)), key=lambda at: (places[at] - quotas[at], at))
    for at in last[: count - sum(places)]:
        places[at] += 1
    return places


def _even(count: int, parts: Sequence[pd.DataFrame]) -> list[int]:
    """Places shared out evenly; the highest risk has the first of what is left over."""
    short = [count // len(parts) + (at < count % len(parts)) for at in range(len(parts))]
    return short[::-1]
