"""How each score rated churned accounts 30, 60 and 90 days before: legacy, health and model side by side (LRN-5).

The portfolio at each month start is one frame, `panel`: account_id, as_of, segment, arr, churned (NULL until matured),
churned_at, health and model (a probability), to which `as_known` adds the legacy score. The flags of a month are set
`settle_days` after its start and are active until those of the next month. A score that an account did not have stays
NULL: it is counted as not scored, never as missed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from keepwell.models.grading.ratios import Less, Ratio, RatioMetric, estimates
from keepwell.models.settings.grading import AuditSettings
from keepwell.models.settings.training import CandidateSettings

SCORES = ("legacy", "health", "model")
RULES = {"stock": SCORES, "own": SCORES[:2]}
"""Two ways of flagging: the same share by every score, or by the score's own bands, which a model does not have."""
METRIC_KEY = ["flags", "score", "days_before", "metric"]


def as_known(panel: pd.DataFrame, legacy: pd.DataFrame | None, rules: AuditSettings) -> pd.DataFrame:
    """The panel with the newest legacy score known when the month's flags are set: legacy, legacy_band, legacy_on.

    `legacy`: account_id, scored_on, score, band, known_at. Accounts whose notice was known by then leave the panel.
    """
    set_at = instants(panel["as_of"]) + pd.Timedelta(days=rules.settle_days)
    gone = instants(panel["churned_at"]) <= set_at
    book = panel.assign(set_at=set_at)[~gone].sort_values(["set_at", "account_id"], ignore_index=True)
    if legacy is None:
        return book.assign(legacy=np.nan, legacy_band=None, legacy_on=pd.NaT)
    rows = pd.DataFrame(
        {
            "account_id": legacy["account_id"], "known_at": instants(legacy["known_at"]),
            "legacy": legacy["score"].astype(float), "legacy_band": legacy["band"],
            "legacy_on": instants(legacy["scored_on"]),
        }
    ).sort_values(["known_at", "legacy_on"], ignore_index=True)  # fmt: skip
    found = pd.merge_asof(book, rows, left_on="set_at", right_on="known_at", by="account_id").drop(columns="known_at")
    stale = found["set_at"] - found["legacy_on"] > pd.Timedelta(days=rules.oldest_score_days)
    found.loc[stale, ["legacy", "legacy_band", "legacy_on"]] = None
    return found


def with_flags(panel: pd.DataFrame, rules: AuditSettings, share: float, critical_below: float) -> pd.DataFrame:
    """The panel with `stock_SCORE` and `own_SCORE`: flagged or not, NULL for an account without that score.

    `stock`: the riskiest of each month, as many as `share` of the accounts that have the score. A share of the whole
    portfolio would let a score of few accounts flag most of them. `own`: the legacy bands of the settings, health below
    `critical_below`.
    """
    risks = risk(panel, rules)
    scored = panel.groupby("as_of")[list(SCORES)].transform("count")
    stock = np.ceil((share * scored).round(6))  # 0.07 x 100 is 7.000000000000001 in binary
    flags = {f"stock_{score}": riskiest(panel, risks[score], stock[score]) for score in SCORES}
    named = {band.casefold() for band in rules.legacy_flagged_bands}
    bands = panel["legacy_band"].astype("string").str.casefold()
    flags["own_legacy"] = bands.isin(named).astype("boolean").where(bands.notna())
    flags["own_health"] = (panel["health"] < critical_below).astype("boolean").where(panel["health"].notna())
    return panel.assign(**flags)


def risk(panel: pd.DataFrame, rules: AuditSettings) -> Mapping[str, pd.Series]:
    """Each score with its sign such that higher is riskier."""
    return {
        "legacy": -panel["legacy"] if rules.legacy_high_is_good else panel["legacy"],
        "health": -panel["health"],
        "model": panel["model"],
    }


def riskiest(panel: pd.DataFrame, risks: pd.Series, stock: pd.Series) -> pd.Series:
    """Whether a row is among the `stock` riskiest of its month; NULL without a score.

    Ties are broken by a hash of the account, which favors neither old nor large accounts.
    """
    tie_break = pd.util.hash_pandas_object(panel["account_id"].astype(str), index=False)
    order = pd.DataFrame({"as_of": panel["as_of"], "risk": risks.astype(float), "tie_break": tie_break}).sort_values(
        ["as_of", "risk", "tie_break"], ascending=[True, False, True], na_position="last"
    )
    place = order.groupby("as_of").cumcount().reindex(panel.index) + 1
    return (place <= stock).astype("boolean").where(risks.notna())


def looked_up(churned: pd.DataFrame, panel: pd.DataFrame, rules: AuditSettings) -> pd.DataFrame:
    """One row per churned account and number of days before: every score and flag active then, and the score's age.

    `churned`: account_id, churned_at. The active month is the newest one whose flags were set at or before that
    instant; a score older than `oldest_score_days` by then counts as missing.
    """
    days = pd.DataFrame({"days_before": list(rules.days_before)})
    rows = churned.assign(churned_at=instants(churned["churned_at"])).merge(days, how="cross")
    rows["at"] = rows["churned_at"] - pd.to_timedelta(rows["days_before"], unit="D")
    flags = [f"{rule}_{score}" for rule, scores in RULES.items() for score in scores]
    columns = ["account_id", "set_at", "as_of", "segment", "arr", *SCORES, "legacy_band", "legacy_on", *flags]
    found = pd.merge_asof(
        rows.sort_values(["at", "account_id"]), panel[columns].sort_values("set_at"), left_on="at", right_on="set_at",
        by="account_id",
    )  # fmt: skip
    for score in SCORES:
        given = found["legacy_on"] if score == "legacy" else instants(found["as_of"])
        age = (found["at"] - given).dt.days
        fresh = found["legacy_on" if score == "legacy" else score].notna() & (age <= rules.oldest_score_days)
        found[f"age_{score}"] = age.where(fresh).astype("Int64")
        ours = [score, *(flag for flag in flags if flag.endswith(score))]
        ours += ["legacy_band"] if score == "legacy" else []
        found[ours] = found[ours].where(fresh)
    found = found.sort_values(["churned_at", "account_id", "days_before"], ignore_index=True)
    return found.drop(columns=["set_at", "legacy_on"])


def audit_metrics(looked: pd.DataFrame, months: pd.DataFrame, rules: CandidateSettings) -> pd.DataFrame:
    """True-positive, miss and false-alarm rate of each score, and their paired difference to the legacy score.

    `months`: the flags of the matured months of the window. Columns: flags, score, days_before (empty for metrics of
    the flags themselves), metric, value, low, high, part, whole, not_scored. `part` of `whole` is the value of a rate.
    A difference rests on the rows that have both scores.
    """
    metrics: dict[tuple[str, str, int | None, str], RatioMetric] = {}
    missing: dict[tuple[str, str, int | None], int] = {}
    for rule, scores in RULES.items():
        for score in scores:
            for days, rows in [(int(d), r) for d, r in looked.groupby("days_before")]:
                missing[rule, score, days] = int(rows[f"{rule}_{score}"].isna().sum())
                metrics |= {(rule, score, days, name): f for name, f in _of_churners(rows, rule, score).items()}
            missing[rule, score, None] = int(months[f"{rule}_{score}"].isna().sum())
            metrics |= {(rule, score, None, name): f for name, f in _of_flags(months, rule, score).items()}
    return metric_frame(metrics, METRIC_KEY, rules).assign(not_scored=[missing[key[:3]] for key in metrics])


def metric_frame(metrics: Mapping[Any, RatioMetric], names: Sequence[str], rules: CandidateSettings) -> pd.DataFrame:
    """One row per metric: its key under these names, value, low, high, numerator `part` and denominator `whole`.

    A difference has no part, and the whole of its first side.
    """
    rows = []
    for key, estimate in estimates(metrics, rules.replicates, rules.confidence).items():
        metric = metrics[key]
        part, whole = metric.sums if isinstance(metric, Ratio) else (None, metric.one.sums[1])
        rows.append((*key, estimate.value, estimate.low, estimate.high, part, whole))
    return pd.DataFrame(rows, columns=[*names, "value", "low", "high", "part", "whole"])


def _of_churners(rows: pd.DataFrame, rule: str, score: str) -> dict[str, RatioMetric]:
    """True-positive and miss rate among the churned accounts that had the score, and the age of the score."""
    flag, legacy = f"{rule}_{score}", f"{rule}_legacy"
    scored = rows[rows[flag].notna()]
    metrics: dict[str, RatioMetric] = {
        "true_positive_rate": _share(scored, scored[flag]),
        "miss_rate": _share(scored, ~scored[flag]),
        "age_days": Ratio(scored["account_id"], scored[f"age_{score}"], _ones(scored), counted=False),
    }
    if score != "legacy":
        both = scored[scored[legacy].notna()]
        metrics["true_positive_less_legacy"] = Less(_share(both, both[flag]), _share(both, both[legacy]))
    return metrics


def _of_flags(months: pd.DataFrame, rule: str, score: str) -> dict[str, RatioMetric]:
    """False-alarm rate and flag rate; the difference is over the months that have both scores."""
    flag, legacy = f"{rule}_{score}", f"{rule}_legacy"
    scored = months[months[flag].notna()]
    rate = _share(scored, scored[flag])
    metrics: dict[str, RatioMetric] = {"false_alarm_rate": false_alarms(scored, flag), "flag_rate": rate}
    if score != "legacy":
        known = months.groupby("as_of")[[flag, legacy]].transform("count").gt(0).all(axis=1)
        common = months[known].assign(**{name: months.loc[known, name].fillna(False) for name in (flag, legacy)})
        metrics["false_alarm_less_legacy"] = Less(false_alarms(common, flag), false_alarms(common, legacy))
    return metrics


def false_alarms(rows: pd.DataFrame, flag: str) -> Ratio:
    """Share of the flagged accounts that did not churn."""
    flagged = rows[flag].astype(bool)
    return Ratio(rows["account_id"], flagged & ~rows["churned"].astype(bool), flagged)


def _share(rows: pd.DataFrame, part: pd.Series) -> Ratio:
    return Ratio(rows["account_id"], part.astype(bool), _ones(rows))


def _ones(rows: pd.DataFrame) -> pd.Series:
    return pd.Series(1, index=rows.index)


def window(panel: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """The matured months of the panel from `since` on."""
    return panel[(instants(panel["as_of"]) >= since) & panel["churned"].notna()]


def instants(values: pd.Series) -> pd.Series:
    """Dates and timestamps in one unit, so that they can be joined in order of time."""
    return pd.to_datetime(values).astype("datetime64[us]")


def score_names(panel: pd.DataFrame) -> Sequence[str]:
    """The scores that any account in the panel has; a legacy band without a number counts as one."""
    return [score for score in SCORES if panel["legacy_on" if score == "legacy" else score].notna().any()]
