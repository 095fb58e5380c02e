"""What the model cites for an account, in words: rows of the mart `factors` of kind "model" (ACT-1)."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_number

from features.all import FEATURES
from features.words import in_words
from models.explain import explained, top_reasons
from models.training import Trained

SAME_FOR_ALL = ("season",)
"""What the calendar says of the whole book at once is no reason for one account."""
COLUMNS = (
    "account_id", "rank", "kind", "feature", "version", "component", "value", "reference", "contribution", "text",
)  # fmt: skip


def model_factors(trained: Trained, accounts: pd.DataFrame, reference: pd.Series, count: int) -> pd.DataFrame:
    """What raises each account's chance most: up to `count` rows per account, ordered by account and rank.

    `accounts`: account_id and all that the model reads; `reference`: its typical account, from models.explain. Rows are
    independent: one account alone gives what the whole book gives for it (ACT-3).
    """
    if accounts.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = accounts.set_index("account_id")
    cited = top_reasons(trained, rows, explained(trained, rows, reference), reference, count, SAME_FOR_ALL)
    known = [FEATURES.get(name) for name in cited["feature"]]
    texts = [
        reason_in_words(*given)
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


def reason_in_words(name: str, value: Any, reference: Any) -> str:
    """One cited feature in words, with its number and window; of a word its name: "segment: digital-touch"."""
    feature = FEATURES.get(name)
    if feature is None:
        shown = "not known" if pd.isna(value) else f"{value:.1f}" if is_number(value) else str(value)
        return f"{name}: {shown}"
    # A value better than usual may still raise the risk: "executive contact 3 days ago", never "none in 3 days".
    number, usual = (np.nan if pd.isna(side) else float(side) for side in (value, reference))
    return in_words(feature, number, usual, well=feature.direction * (number - usual) > 0, against="typical")
