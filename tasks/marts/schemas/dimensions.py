"""Dimensions for BI."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, NUMBER, TEXT, WHOLE, Mart

DIM_ACCOUNT = Mart(
    "dim_account", "account under contract", ("account_id",),
    {
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "parent_id": (TEXT, "account_id of the parent company"),
        "industry": (TEXT, "industry"),
        "country": (TEXT, "ISO 3166 alpha-2 code"),
        "segment": (TEXT, "segment at as_of"),
        "csm": (TEXT, "CSM who owns the account"),
        "plan": (TEXT, "plan or product"),
        "first_start_on": (DAY, "first day of the first contract"),
    },
)  # fmt: skip
DIM_CSM = Mart(
    "dim_csm", "CSM", ("csm",),
    {
        "csm": (TEXT, "CSM"),
        "accounts": (WHOLE, "accounts owned"),
        "arr": (NUMBER, "their ARR in `currency`"),
        "currency": (TEXT, "reporting currency"),
    },
)  # fmt: skip
DIM_DATE = Mart(
    "dim_date", "day of the as_of's year", ("date",),
    {
        "date": (DAY, "the day"),
        "year": (WHOLE, "year"),
        "quarter": (WHOLE, "1-4"),
        "month": (WHOLE, "1-12"),
        "iso_week": (WHOLE, "1-53"),
        "weekday": (WHOLE, "1 Monday - 7 Sunday"),
        "month_week": (WHOLE, "week of Keepwell's month, 1-4; week 4 lasts to the month's end"),
    },
)  # fmt: skip
