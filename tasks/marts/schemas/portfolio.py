"""The weekly review, the portfolio, opportunities and the forecast."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

WEEKLY_REVIEW = Mart(
    "weekly_review", "item of the week", ("section", "rank"),
    {
        "section": (TEXT, "at_risk (new), success, challenge, need, expansion, learning or figure"),
        "rank": (WHOLE, "1 comes first in its section"),
        "subject": (TEXT, "the alert, intervention, plan, team or figure that it is about"),
        **ACCOUNT,
        "name": (TEXT, "what people call the account"),
        "owner": (TEXT, "who sees to it"),
        "text": (TEXT, "what there is to say"),
        "value": (NUMBER, "ARR of the account or accounts; of a figure its value"),
        "unit": (TEXT, "currency of the value, or `share`"),
        "low": (NUMBER, "lower bound of the interval of a figure"),
        "high": (NUMBER, "upper bound"),
        "cases": (WHOLE, "accounts or cases that it rests on"),
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
        "week_over_week": (WHOLE, "accounts less those of a week earlier; empty where no scores are stored"),
        "arr_week_over_week": (NUMBER, "the same of ARR"),
        "compared_with": (DAY, "as_of of the scores of a week earlier"),
        "entered": (WHOLE, "accounts that were in another band then, or not in the book"),
        "left": (WHOLE, "accounts that were in this band then and are not now"),
    },
)  # fmt: skip

OPPORTUNITIES_MART = Mart(
    "opportunities", "expansion deal, or account that could be asked", ("opportunity_id",),
    {
        "opportunity_id": (TEXT, "the deal; `candidate/` and the account where there is none yet"),
        **ACCOUNT,
        "name": (TEXT, "what people call the account"),
        "segment": (TEXT, "segment known at as_of; empty for an account that is not in the book"),
        "stage": (TEXT, "candidate, or as the source has it: open, proposal, negotiation; won or lost in the week"),
        "value": (NUMBER, "value per year in `currency`; of a candidate not known"),
        "currency": (TEXT, "reporting currency"),
        "owner": (TEXT, "who works on it; of a candidate the CSM"),
        "changed_at": (INSTANT, "when it last changed; of a candidate empty"),
        "days_in_stage": (WHOLE, "days since then"),
        "arr": (NUMBER, "ARR of the account"),
        "probability": (NUMBER, "probability 0-1 of expansion within 180 days; empty without a model"),
        "band": (TEXT, "band of health of the account"),
        "hold": (TEXT, "why nothing is to be sold now: a churn alert is open, or notice is known; empty: go on"),
        "why": (TEXT, "why the account is a candidate"),
    },
)  # fmt: skip

FORECAST = Mart(
    "forecast", "forecast and segment", ("made_on", "segment"),
    {
        "made_on": (DAY, "as_of of the forecast: that of the partition, or an earlier one that has come out since"),
        "segment": (TEXT, "segment, or `all`; each is forecast by itself, so that they need not add up"),
        "horizon_end": (DAY, "losses until then count, that instant included"),
        "method": (TEXT, "model: calibrated chances of the champion; history: the book's own rates; none: too little"),
        "accounts": (WHOLE, "accounts that it is about: with ARR, under contract at made_on, notice not known"),
        "arr": (NUMBER, "their ARR in the reporting currency"),
        "accounts_expected": (NUMBER, "accounts that are expected to leave"),
        "accounts_low": (NUMBER, "lower bound of the interval"),
        "accounts_high": (NUMBER, "upper bound"),
        "arr_expected": (NUMBER, "ARR that is expected to leave with them, as of made_on"),
        "arr_low": (NUMBER, "lower bound of the interval"),
        "arr_high": (NUMBER, "upper bound"),
        "confidence": (NUMBER, "share of the time that the interval is meant to hold what comes"),
        "accounts_by_chance": (NUMBER, "sum of the chances before they are set to the level"),
        "level": (NUMBER, "losses over the sum of the chances, by what came out earlier"),
        "spread": (NUMBER, "standard deviation of that from quarter to quarter, relative"),
        "quarters": (WHOLE, "earlier quarters that level and spread rest on"),
        "leaving_accounts": (WHOLE, "accounts whose notice was known at made_on: not in the forecast"),
        "leaving_arr": (NUMBER, "their ARR"),
        "accounts_actual": (WHOLE, "accounts that left; empty until it is known"),
        "arr_actual": (NUMBER, "their ARR as of made_on"),
        "accounts_inside": (FLAG, "the interval held the accounts that left"),
        "arr_inside": (FLAG, "the interval held the ARR that left"),
    },
)  # fmt: skip
