"""Rows whose true probabilities are known, and every candidate fitted on them."""

import numpy as np
import pandas as pd

from keepwell.models.settings.training import CandidateSettings

NUMERIC_FEATURES = ("signal", "other", "noise")
QUICK = CandidateSettings(n_estimators=20, max_iter=200, max_leaf_nodes=8, max_samples=1.0)


def drawn(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows with two signals (one often missing), their product and noise; the labels; the true probabilities."""
    rng = np.random.default_rng(seed)
    signal, other = rng.standard_normal(rows), rng.standard_normal(rows)
    true = 1 / (1 + np.exp(2.5 - 0.8 * signal - 0.8 * other - 1.5 * signal * other))
    frame = pd.DataFrame(
        {
            "signal": np.where(rng.random(rows) < 0.2, np.nan, signal),
            "other": other,
            "noise": rng.standard_cauchy(rows),
            "health": 70 - 10 * other,
            "segment": rng.choice(["small", "large"], rows),
            "industry": np.where(rng.random(rows) < 0.1, None, "retail"),
            "country": "DE",
            "arr": 1000.0,
            "high_value": False,
        }
    )
    return frame, rng.random(rows) < true, true
