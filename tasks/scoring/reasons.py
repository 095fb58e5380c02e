"""What the model cites for an account, in words: rows of the mart `factors` of kind "model" (ACT-1)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_number

from keepwell.features.health.words import TYPICAL, in_words
from keepwell.features.measures.all import FEATURES
from keepwell.models.explaining.explain import explained, top_reasons
from keepwell.models.training.trained import Trained

NO_REASON = ("season", "segment", "industry", "contract_value", "paid_seats")
"""What the calendar says of the whole book, and what an account is: neither happened to it, nobody can change it."""
COLUMNS = (
    "account_id", "rank", "kind", "feature", "version", "component", "value", "reference", "contribution", "text",
)  # fmt: skip


def model_factors(
    trained: Trained, accounts: pd.DataFrame, reference: pd.Series, count: int, currency: str = ""
) -> pd.DataFrame:
    """What raises each account's probability most and is not good news: up to `count` rows each, by account and rank.

    `accounts`: account_id and all that the model reads; `reference`: its typical account, from models.explaining. Rows
    are independent: one account alone gives what the whole book gives for it (ACT-3).
    """
    if accounts.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = accounts.set_index("account_id")
    why = explained(trained, rows, reference)
    without_good_news = replace(
        why, contributions=why.contributions.mask(_good_news(rows[list(why.contributions)], reference), 0.0)
    )
    cited = top_reasons(trained, rows, without_good_news, reference, count, NO_REASON)
    known = [FEATURES.get(name) for name in cited["feature"]]
    texts = [
        reason_in_words(*given, currency)
        for given in zip(cited["feature"], cited["value"], cited["reference"], strict=True)
    ]  # fmt: skip
    frame = cited.rename(columns={"row": "account_id"}).assign(
        kind="model",
        version=pd.Series([f.version if f else None for f in known], dtype="Int64"),
        component=pd.Series([f.component if f else None for f in known], dtype=object),
        text=pd.Series(texts, dtype=object),
        **{side: pd.to_numeric(cited[side], errors="coerce").astype(float) for side in ("value", "reference")},
    )
    return frame[list(COLUMNS)]


def _good_news(rows: pd.DataFrame, reference: pd.Series) -> pd.DataFrame:
    """Which values speak for the account: better than typical, by the direction that their feature is known to have.

    Signals that say the same share their weight, and one of them may end with the wrong sign: "8 active users (typical:
    3)" then raises the risk, correctly beside the others, but is nothing that a CSM could act on.
    """
    better = pd.DataFrame(data=False, index=rows.index, columns=rows.columns)
    for name in rows.columns.intersection(list(FEATURES)):
        usual = pd.to_numeric(pd.Series([reference[name]]), errors="coerce").iloc[0]
        better[name] = FEATURES[name].direction * (pd.to_numeric(rows[name]) - usual) > 0
    return better


def reason_in_words(name: str, value: Any, reference: Any, currency: str = "") -> str:
    """One cited feature in words, with its number and window; of a category its name: "Segment: digital-touch"."""
    feature = FEATURES.get(name)
    if feature is None:
        about = name.replace("_", " ").capitalize()
        if pd.isna(value):
            return f"{about} unknown"
        return f"{about}: {value:.1f}" if is_number(value) else f"{about}: {value}"
    number, usual = (np.nan if pd.isna(side) else float(side) for side in (value, reference))
    return in_words(feature, number, usual, against=TYPICAL, currency=currency)
