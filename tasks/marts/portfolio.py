"""The portfolio by segment and band against a week earlier, the expansion pipeline, and candidates (WKL-1, WKL-2)."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from keepwell.features.facts.known import Facts
from keepwell.features.settings import BookSettings
from keepwell.playbook.interventions.standup import Week
from keepwell.playbook.settings import WeeklySettings
from keepwell.playbook.tiers import BANDS
from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.marts.frames import stacked

BEFORE = ["account_id", "name", "status", "segment", "csm", "arr", "health", "band"]
NO_BEFORE = pd.DataFrame(columns=BEFORE)
CANDIDATE = "candidate"


def week_before(
    marts: Path, as_of: date, rules: WeeklySettings
) -> tuple[date | None, pd.DataFrame, tuple[str, ...]]:  # fmt: skip
    """The newest stored scores at least a week old: their date, the book then, and what enters the run_id."""
    latest = as_of - timedelta(days=rules.days)
    found = [
        d for d in dates(marts, "health_scores") if latest - timedelta(days=rules.max_staleness_days) <= d <= latest
    ]
    if not found:
        return None, NO_BEFORE, ()
    book = read(marts, "health_scores", found[-1], [*BEFORE, "run_id"])
    run_id = book["run_id"].iloc[0] if len(book) else "empty"
    return found[-1], book.drop(columns="run_id"), (f"health_scores/{found[-1]}/{run_id}",)


def portfolio(accounts: pd.DataFrame, before: pd.DataFrame, compared_with: date | None, currency: str) -> pd.DataFrame:
    """The mart `portfolio`: accounts and ARR of every segment and band, and the moves within the week."""
    now, then = (f.assign(segment=f["segment"].fillna("no segment").astype(str)) for f in (accounts, before))
    segments = sorted({*now["segment"], *then["segment"]})
    whole = [_by_band(now, then, "all")]
    parts = [_by_band(now[now["segment"] == s], then[then["segment"] == s], s) for s in segments]
    found = stacked([*whole, *parts]).assign(currency=currency, compared_with=compared_with)
    if compared_with is None:
        found[["week_over_week", "arr_week_over_week", "entered", "left"]] = np.nan
    return found


def _by_band(now: pd.DataFrame, then: pd.DataFrame, segment: str) -> pd.DataFrame:
    """One row per band of a segment; an account that changed segment leaves one and enters the other."""
    was = then.set_index("account_id")["band"]
    band = now.set_index("account_id")["band"]
    sums = {
        name: frame.groupby("band")["arr"].agg(["size", "sum"]).reindex(list(BANDS), fill_value=0).astype(float)
        for name, frame in (("now", now), ("then", then))
    }
    other = was.reindex(band.index) != band
    gone = band.reindex(was.index) != was
    return pd.DataFrame(
        {
            "segment": segment,
            "band": list(BANDS),
            "accounts": sums["now"]["size"].to_numpy(),
            "arr": sums["now"]["sum"].to_numpy(),
            "week_over_week": (sums["now"]["size"] - sums["then"]["size"]).to_numpy(),
            "arr_week_over_week": (sums["now"]["sum"] - sums["then"]["sum"]).to_numpy(),
            "entered": band[other].value_counts().reindex(list(BANDS), fill_value=0).to_numpy(),
            "left": was[gone].value_counts().reindex(list(BANDS), fill_value=0).to_numpy(),
        }
    )


def trend(marts: Path, as_of: date, now: pd.DataFrame, weeks: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Accounts and ARR by band in the newest earlier reviews and in this one: as_of, band, accounts, arr."""
    earlier = [d for d in dates(marts, "portfolio") if d < as_of][-weeks:]
    columns = ["segment", "band", "accounts", "arr"]
    frames = {d: read(marts, "portfolio", d, [*columns, "run_id"]) for d in earlier}
    used = tuple(f"portfolio/{d}/{frame['run_id'].iloc[0]}" for d, frame in frames.items() if len(frame))
    whole = stacked(f[f["segment"] == "all"].assign(as_of=d) for d, f in {**frames, as_of: now[columns]}.items())
    return whole[["as_of", "band", "accounts", "arr"]], used


def pipeline(facts: Facts, as_of: date, money: BookSettings, rules: WeeklySettings) -> pd.DataFrame:
    """Expansion deals at as_of: those in progress, and those that ended within the week.

    A value in a currency without a rate, or without a currency, is not known in the reporting currency.
    """
    columns = ["opportunity_id", "account_id", "changed_at", "kind", "stage", "value", "currency", "owner"]
    if "opportunities" not in facts:
        return pd.DataFrame(columns=[*columns, "days_in_stage"])
    rows = facts["opportunities"].select(*columns).to_pandas()
    newest = rows.sort_values(["opportunity_id", "changed_at"]).drop_duplicates("opportunity_id", keep="last")
    age = (pd.Timestamp(as_of) - pd.to_datetime(newest["changed_at"])).dt.total_seconds() / 86_400
    listed = newest["kind"].isin(rules.deals) & (~newest["stage"].isin(rules.closed_stages) | (age <= rules.days))
    deals = newest[listed].assign(days_in_stage=np.floor(age[listed]))
    rates = deals["currency"].map(money.rates()).astype(float)
    value = deals["value"].astype(float) * rates
    return deals.assign(value=value, currency=money.reporting_currency).reset_index(drop=True)


def candidates(
    accounts: pd.DataFrame, features: pd.DataFrame, busy: set[str], rules: WeeklySettings, horizon_days: int
) -> pd.DataFrame:  # fmt: skip
    """Healthy accounts to ask for an expansion, the most promising first: account_id and why.

    By the model's probability times ARR where there is one; else by signs, each said. `busy`: accounts with a churn
    alert or a deal. `horizon_days`: the horizon of the model of expansion.
    """
    able = accounts[(accounts["band"] == "healthy") & (accounts["status"] == "active") & (accounts["arr"] > 0)]
    flagged = able["churn_risk"] >= able["churn_threshold"]
    able = able[~flagged & ~able["account_id"].isin(busy)].merge(features, on="account_id", how="left")
    probability = able["expansion_probability"].astype(float)
    if probability.notna().any():
        ranked = able.assign(
            promise=probability * able["arr"],
            why=[f"{p:.0%} probability of expansion within {horizon_days} days" for p in probability],
        )[probability.notna()]
    else:
        said = [_signs(row, rules) for row in able.to_dict("records")]
        ranked = able.assign(promise=[len(s) for s in said], why=["; ".join(s) for s in said])
        ranked = ranked[ranked["promise"] >= rules.min_signs]
    ordered = ranked.sort_values(["promise", "arr", "account_id"], ascending=[False, False, True])
    return ordered.head(rules.candidates)[["account_id", "why"]].reset_index(drop=True)


def _signs(row: Mapping[object, float], rules: WeeklySettings) -> list[str]:
    """Signs of room to grow, in words; an unknown value is no sign."""
    seats, rise, nps = (row.get(n, np.nan) for n in ("seat_utilisation", "usage_trend", "nps_score_365d"))
    found = {
        f"{seats:.0%} of paid seats active": seats >= rules.seats_used,
        f"usage up {rise:.0%} in 28 days": rise >= rules.usage_rise,
        f"would recommend us (NPS answers {nps:.1f} out of 10)": nps >= rules.promoter_from,
    }
    return [words for words, holds in found.items() if holds]


def opportunities(
    deals: pd.DataFrame, asked: pd.DataFrame, accounts: pd.DataFrame, week: Week, rules: WeeklySettings
) -> pd.DataFrame:
    """The mart `opportunities`: pipeline deals, then candidates; a deal is on hold if its account has a churn alert."""
    about = accounts[
        ["account_id", "name", "segment", "csm", "arr", "expansion_probability", "band", "status", "currency"]
    ]
    ids = CANDIDATE + "/" + asked["account_id"].astype(str)
    new = asked.assign(opportunity_id=ids, stage=CANDIDATE)
    found = stacked([deals.drop(columns="kind"), new])
    if found.empty:
        return found
    # Where no deal is known the candidates stand alone, and are read like a pipeline all the same.
    found = found.reindex(columns=list(dict.fromkeys([*deals.columns.drop(["kind", "currency"]), *new.columns])))
    whole = found.merge(about, on="account_id", how="left")
    owner = whole["owner"].astype(object)
    over = whole["stage"].isin(rules.closed_stages)
    holds = [
        None if done else _hold(a, s, week)
        for a, s, done in zip(whole["account_id"], whole["status"], over, strict=True)
    ]
    return whole.assign(
        owner=owner.where(owner.notna(), whole["csm"]), hold=pd.Series(holds, dtype=object),
        probability=whole["expansion_probability"], currency=accounts["currency"].iloc[0] if len(accounts) else None,
    ).drop(columns=["csm", "expansion_probability", "status"])  # fmt: skip


def _hold(account_id: str, status: object, week: Week) -> str | None:
    """Why no expansion may be offered to the account now (ACT-2)."""
    if alerts := week.churn_alerts(account_id):
        return f"open alert: {', '.join(sorted({a.rule.replace('_', ' ') for a in alerts}))}"
    return "notice given" if status == "leaving" else None
