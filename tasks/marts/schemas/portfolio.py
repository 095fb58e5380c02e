"""The weekly review, the portfolio, opportunities and the forecast."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

WEEKLY_REVIEW = Mart(
    "weekly_review", "item of the week", ("section", "rank"),
    {
        "section": (TEXT, "at_risk (new), success, challenge, need, expansion, learning, or figure (a metric)"),
        "rank": (WHOLE, "order within the section, 1 first"),
        "subject": (TEXT, "id of the alert, intervention or plan; team; or name of the metric"),
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "owner": (TEXT, "owner"),
        "text": (TEXT, "the item in words"),
        "value": (NUMBER, "ARR of the account or accounts; value of a metric"),
        "unit": (TEXT, "currency of the value, or `share`"),
        "low": (NUMBER, "lower bound of a metric's interval"),
        "high": (NUMBER, "upper bound"),
        "cases": (WHOLE, "number of accounts or cases behind it"),
        "at": (INSTANT, "when it happened"),
    },
)  # fmt: skip

PORTFOLIO = Mart(
    "portfolio", "segment and band", ("segment", "band"),
    {
        "segment": (TEXT, "segment, or `all`"),
        "band": (TEXT, "band of health, or unknown"),
        "accounts": (WHOLE, "accounts under contract"),
        "arr": (NUMBER, "their annual recurring revenue in `currency`"),
        "currency": (TEXT, "reporting currency"),
        "week_over_week": (WHOLE, "change in accounts from a week earlier; empty without earlier scores"),
        "arr_week_over_week": (NUMBER, "change in ARR from a week earlier"),
        "compared_with": (DAY, "as_of of the scores of a week earlier"),
        "entered": (WHOLE, "accounts that entered the band since then"),
        "left": (WHOLE, "accounts that left the band since then"),
    },
)  # fmt: skip

OPPORTUNITIES_MART = Mart(
    "opportunities", "expansion deal, or account that is a candidate for one", ("opportunity_id",),
    {
        "opportunity_id": (TEXT, "deal id; `candidate/` and the account for a candidate"),
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "segment": (TEXT, "segment at as_of; empty for an account without a contract"),
        "stage": (TEXT, "candidate, or the deal's stage: open, proposal, negotiation; won or lost this week"),
        "value": (NUMBER, "value per year in `currency`; empty for a candidate"),
        "currency": (TEXT, "reporting currency"),
        "owner": (TEXT, "deal owner; the CSM for a candidate"),
        "changed_at": (INSTANT, "when it last changed; empty for a candidate"),
        "days_in_stage": (WHOLE, "days since the last change"),
        "arr": (NUMBER, "ARR of the account"),
        "probability": (NUMBER, "probability 0-1 of expansion within 180 days; empty without a model"),
        "band": (TEXT, "band of health of the account"),
        "hold": (TEXT, "why not to sell now: open churn alert, or notice given; empty: go ahead"),
        "why": (TEXT, "why the account is a candidate"),
    },
)  # fmt: skip

FORECAST = Mart(
    "forecast", "forecast and segment", ("made_on", "segment"),
    {
        "made_on": (DAY, "as_of of the forecast: of this partition, or an earlier one whose outcome is now known"),
        "segment": (TEXT, "segment, or `all`; the segments add up to it"),
        "horizon_end": (DAY, "end of the forecast period, inclusive"),
        "method": (TEXT, "model: the champion's probabilities; history: the portfolio's own rates; none: too few data"),
        "accounts": (WHOLE, "accounts in the forecast: under contract at made_on with ARR, no notice given"),
        "arr": (NUMBER, "their ARR in the reporting currency"),
        "accounts_expected": (NUMBER, "accounts expected to churn"),
        "accounts_low": (NUMBER, "lower bound of the interval"),
        "accounts_high": (NUMBER, "upper bound"),
        "arr_expected": (NUMBER, "ARR expected to churn, as of made_on"),
        "arr_low": (NUMBER, "lower bound of the interval"),
        "arr_high": (NUMBER, "upper bound"),
        "confidence": (NUMBER, "confidence of the intervals, 0-1"),
        "accounts_by_chance": (NUMBER, "sum of the probabilities, before the level correction"),
        "level": (NUMBER, "observed over predicted churn of earlier forecasts; of a segment, scaled to add up"),
        "spread": (NUMBER, "relative standard deviation of the level from quarter to quarter"),
        "quarters": (WHOLE, "earlier quarters behind level and spread"),
        "leaving_accounts": (WHOLE, "accounts that had given notice at made_on; not in the forecast"),
        "leaving_arr": (NUMBER, "their ARR"),
        "accounts_actual": (WHOLE, "accounts that churned; empty until known"),
        "arr_actual": (NUMBER, "their ARR as of made_on"),
        "accounts_inside": (FLAG, "whether the churned accounts lie in the interval"),
        "arr_inside": (FLAG, "whether the churned ARR lies in the interval"),
    },
)  # fmt: skip
