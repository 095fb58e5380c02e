"""Eighteen months of a small company, enough for a model to be fitted again on all of them."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.training import RefitSettings
from keepwell.models.training.split import Splits
from tests.support.training_rows import QUICK

FEATURES = ("signal", "other")
MONTHS = [month.date() for month in pd.date_range("2024-01-01", periods=18, freq="MS")]
SPLITS = Splits(tuple(MONTHS[:6]), tuple(MONTHS[9:11]), tuple(MONTHS[14:]))
SETTINGS = ModelSettings(
    candidates=QUICK.model_copy(update={"replicates": 20, "max_iter": 30}), refit=RefitSettings(min_months=4)
)


def company(
    accounts: int,
    seed: int,
    per_month: float = 0.0,
    from_month: int = 99,
    shift: float = 0.0,
    season: float = 0.0,
    months: Sequence[date] = MONTHS,
) -> pd.DataFrame:
    """Months of accounts whose risk follows two features; from a month on the level of all moves by `shift`.

    `per_month`: by how much the weight of `other` grows each month, as where a new product changes what matters.
    `season`: how far the log odds of all rise in January and fall in July.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for place, month in enumerate(months):
        signal, other = rng.standard_normal(accounts), rng.standard_normal(accounts)
        level = -2.0 + signal + per_month * place * other + (shift if place >= from_month else 0.0)
        level += season * np.cos(2 * np.pi * (month.month - 1) / 12)
        frames.append(
            pd.DataFrame(
                {
                    "account_id": [f"a{n}" for n in range(accounts)], "as_of": pd.Timestamp(month), "signal": signal,
                    "other": other, "health": 60 - 10 * signal, "segment": "small", "industry": "retail",
                    "country": "DE", "arr": 1000.0, "high_value": False,
                    "churned": rng.random(accounts) < 1 / (1 + np.exp(-level)),
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)
