"""Lead times of the flags, compared with the true probability and with health: metrics for `make results`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from keepwell.models.monitoring.early_warning import EarlyWarning, early_warning
from keepwell.models.settings.monitoring import EarlyWarningSettings
from keepwell.models.training.split import Splits

RULES = EarlyWarningSettings()
Row = tuple[str, float, float, float]


def rows_of(companies: Sequence[pd.DataFrame], splits: Splits) -> list[Row]:
    """Name, bounds and value of each metric.

    `companies`: account_id, as_of, churned_at, health, p_churn and chance (of a model trained and calibrated on months
    up to the last of validation); only later months have flags, and churners count from the first test month on.
    """
    found = [by_score(company, splits) for company in companies]
    share = {name: np.array([f.metrics[name]["early_share"].value for f in found]) for name in found[0].metrics}
    days = {name: np.mean([f.metrics[name]["median_lead_days"].value for f in found]) for name in share}
    together = pooled(companies, splits).differences["health"]
    names = {
        "champion": "the champion",
        "health": "`health`",
        "random": "a lasting random number",
        "always": "flagging everybody always",
        "oracle": "the true probability",
    }
    free = (-np.inf, np.inf)
    return [
        ("churners flagged 60+ days before notice: the champion's share over the true probability's, mean of the seeds",
         0.70, np.inf, float(np.mean(share["champion"] / share["oracle"]))),
        ("the same, lowest seed", *free, float(np.min(share["champion"] / share["oracle"]))),
        ("the champion's share less that of `health`, all seeds, lower bound of its paired 90% interval",
         1e-9, 1.0, together.low),
        ("the same, value", *free, together.value),
        *((f"share flagged 60+ days before notice by {says}, mean of the seeds", *free, float(share[name].mean()))
          for name, says in names.items()),
        *((f"median lead of {says} in days, mean of the seeds", *free, float(days[name]))
          for name, says in names.items() if name not in {"random", "always"}),
        ("share of the portfolio that is flagged, largest seed", -np.inf, RULES.capacity_share,
         max(f.metrics["champion"]["workload"].value for f in found)),
    ]  # fmt: skip


def by_score(company: pd.DataFrame, splits: Splits) -> EarlyWarning:
    """Lead times on the months after validation, with the same rule for every score."""
    rows = company[company["as_of"] > pd.Timestamp(splits.validation[-1])].reset_index(drop=True)
    scores = {"champion": rows["chance"], "health": -rows["health"], "oracle": rows["p_churn"]}
    return early_warning(rows, scores, pd.Timestamp(splits.test[0]), RULES)


def pooled(companies: Sequence[pd.DataFrame], splits: Splits) -> EarlyWarning:
    """Lead times of all companies' churners; ranks are within the pool of a month, an account is one of its company."""
    named = [company.assign(account_id=f"{n}-" + company["account_id"]) for n, company in enumerate(companies)]
    return by_score(pd.concat(named, ignore_index=True), splits)
