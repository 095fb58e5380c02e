"""Performance estimated before outcomes are known, against the realized one: metrics for `make results` (LRN-4).

The companies are split into disjoint sets of accounts; each set is a world, with its own outcomes, its own calibration
on the matured months and its own estimate for the test months, as if their outcomes were not known yet. With about
sixty churned accounts in the test months of a world, a perfect estimate would still be off by 0.02 on average.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from keepwell.models.grading.metrics import graded, roc_auc, top
from keepwell.models.monitoring.estimate import EstimatedMetrics, estimate_metrics
from keepwell.models.settings.monitoring import EstimateSettings
from keepwell.models.settings.training import PolicySettings
from keepwell.models.training.split import Splits

WORLDS = 20
HORIZON_DAYS = 90
RULES = EstimateSettings()
CAPACITY = PolicySettings().capacity_share
Row = tuple[str, float, float, float]


def rows_of(companies: Sequence[pd.DataFrame], splits: Splits) -> list[Row]:
    """Name, bounds and value of each metric.

    `companies`: account_id, as_of, churned and chance (of the model trained on `splits.train` and calibrated on
    `splits.validation`), for every month from the first of validation on.
    """
    everybody = sum(company["account_id"].nunique() for company in companies)
    worlds = [
        world
        for company in companies
        for world in parted(company, splits, max(round(WORLDS * company["account_id"].nunique() / everybody), 1))
    ]
    plain = [estimated_and_realised(world, splits) for world in worlds]
    off = np.array([f.metrics["roc_auc"].value - realised for f, realised in plain])
    inside = np.mean([f.metrics["roc_auc"].low <= realised <= f.metrics["roc_auc"].high for f, realised in plain])
    count = f"{len(worlds)} worlds of some {np.mean([w['account_id'].nunique() for w in worlds]):,.0f} accounts"
    return [
        (f"ROC-AUC before labels mature, mean absolute error, {count}", -np.inf, 0.03, float(np.abs(off).mean())),
        ("the same, mean signed error", -0.015, 0.015, float(off.mean())),
        ("share of the worlds with the realised ROC-AUC inside the 90% interval", 0.8, 1.0, float(inside)),
        ("share of them whose estimate is trusted", -np.inf, np.inf, float(np.mean([f.trusted for f, _ in plain]))),
        *(
            (
                f"share said not to be trusted once {share:.0%} of the churn no longer follows the inputs",
                low,
                high,
                value,
            )
            for share, low, high in ((1.0, 1.0, 1.0), (0.5, -np.inf, np.inf), (0.25, -np.inf, np.inf))
            for value in [distrusted(worlds, splits, share)]
        ),
    ]


def parted(company: pd.DataFrame, splits: Splits, sets: int) -> list[pd.DataFrame]:
    """The company's accounts in `sets` disjoint sets, from the first month of validation on."""
    months = company[company["as_of"] >= pd.Timestamp(splits.validation[0])]
    accounts = np.sort(months["account_id"].unique())
    return [months[months["account_id"].isin(accounts[start::sets])].reset_index(drop=True) for start in range(sets)]


def estimated_and_realised(world: pd.DataFrame, splits: Splits) -> tuple[EstimatedMetrics, float]:
    """The estimate for the test months from those before, and their realized ROC-AUC."""
    y_true = world["churned"].astype(float)
    later = world["as_of"] >= pd.Timestamp(splits.test[0])
    flagged = top(world["chance"].to_numpy(), world["as_of"].to_numpy(), CAPACITY)
    estimated = estimate_metrics(world.assign(happened=y_true.where(~later), flagged=flagged), HORIZON_DAYS, RULES)
    nobody = np.zeros(int(later.sum()), dtype=bool)
    found = graded(y_true[later].to_numpy(), world.loc[later, "chance"].to_numpy(), nobody)
    return estimated, float(roc_auc(found))


def distrusted(worlds: Sequence[pd.DataFrame], splits: Splits, share: float) -> float:
    """Share of the worlds whose page says not to trust it, when the world changes after the last validation month."""
    changed = [shifted(world, pd.Timestamp(splits.validation[-1]), share, seed) for seed, world in enumerate(worlds)]
    return float(
        np.mean(["not to be trusted" in estimated_and_realised(world, splits)[0].sentence for world in changed])
    )


def shifted(world: pd.DataFrame, after: pd.Timestamp, share: float, seed: int) -> pd.DataFrame:
    """The same number of churned accounts in each month, but this share of them at random, whatever the inputs."""
    rng = np.random.default_rng(seed)
    churned = world["churned"].to_numpy(dtype=bool).copy()
    for month, rows in sorted(world.groupby("as_of").indices.items()):
        if month > after:
            churned_accounts = rows[churned[rows]]
            spared = churned_accounts[rng.random(len(churned_accounts)) < share]
            churned[spared] = False
            churned[rng.choice(rows[~churned[rows]], len(spared), replace=False)] = True
    return world.assign(churned=churned)
