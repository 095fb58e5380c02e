"""Dimension tables for BI: accounts, CSMs, dates."""

from datetime import date

import pandas as pd

from keepwell.tasks.marts.schemas.dimensions import DIM_ACCOUNT


def dim_account(accounts: pd.DataFrame) -> pd.DataFrame:
    """One row per account under contract."""
    return accounts[list(DIM_ACCOUNT.columns)]


def dim_csm(accounts: pd.DataFrame) -> pd.DataFrame:
    """One row per CSM who owns an account."""
    grouped = accounts.groupby("csm").agg(accounts=("account_id", "count"), arr=("arr", "sum"))
    return grouped.reset_index().assign(currency=accounts["currency"].iloc[0] if len(accounts) else None)


def dim_date(as_of: date) -> pd.DataFrame:
    """Every day of the year of as_of."""
    days = pd.date_range(f"{as_of.year}-01-01", f"{as_of.year}-12-31")
    iso = days.isocalendar()
    return pd.DataFrame(
        {
            "date": days, "year": days.year, "quarter": days.quarter, "month": days.month,
            "iso_week": iso["week"].to_numpy(), "weekday": days.day_of_week + 1,
            "month_week": [month_week(d.day) for d in days],
        }
    )  # fmt: skip


def month_week(day: int) -> int:
    """Week n begins on day 1 + 7(n-1); week 4 lasts to the month's end."""
    return min(4, (day - 1) // 7 + 1)
