"""Expert reviews and audits."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

REVIEWS = Mart(
    "reviews", "expert review, side and statistic", ("review_id", "name", "statistic"),
    {
        "review_id": (TEXT, "review sprint id"),
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "model_version": (TEXT, "MLflow version under review"),
        "scored_on": (DAY, "as_of of the reviewed scores and facts"),
        "began_at": (INSTANT, "when it started"),
        "name": (TEXT, "csm (mean of the reviewers), a reviewer as `csm NAME`, health, model, override; sprint"),
        "statistic": (TEXT, "brier, brier_less_model, brier_saved (by overrides), kappa with ...; accounts, seen"),
        "value": (NUMBER, "value on the sprint's accounts, chosen where scores disagree: not the portfolio"),
        "low": (NUMBER, "lower bound of the interval (bootstrap over accounts); empty without one"),
        "high": (NUMBER, "upper bound"),
        "accounts": (WHOLE, "accounts behind the value"),
        "outcomes": (WHOLE, "accounts with the outcome; empty if no outcome is needed"),
        "signed_by": (TEXT, "who signed off the sprint; empty: not finished"),
        "signed_at": (INSTANT, "when it was signed off"),
    },
)  # fmt: skip

REVIEW_ANSWERS = Mart(
    "review_answers", "expert review, account and reviewer", ("review_id", "account_id", "reviewer"),
    {
        "review_id": (TEXT, "review sprint id"),
        **ACCOUNT,
        "reviewer": (TEXT, "reviewer"),
        "forecast": (NUMBER, "probability 0-1 given before any score was shown"),
        "answered_at": (INSTANT, "when it was answered"),
        "revealed_at": (INSTANT, "when the scores were shown; empty: not yet"),
        "why": (TEXT, "why the account was selected; empty, like all scores, until the sprint is signed off"),
        "health": (NUMBER, "health score 0-100"),
        "health_chance": (NUMBER, "churn probability that such a health score has had"),
        "model_chance": (NUMBER, "probability of the model"),
        "happened": (FLAG, "whether the outcome occurred; empty until known"),
    },
)  # fmt: skip

REVIEW_FLAGS = Mart(
    "review_flags", "flag that a reviewer raised", ("review_id", "flag_id"),
    {
        "review_id": (TEXT, "review sprint id"),
        "flag_id": (TEXT, "flag id"),
        **ACCOUNT,
        "reviewer": (TEXT, "who raised the flag"),
        "flagged_at": (INSTANT, "when it was raised"),
        "kind": (TEXT, "seasonal, segment, feature, note or override"),
        "explanation": (TEXT, "explanation of the reviewer"),
        "chance": (NUMBER, "probability 0-1 that an override sets"),
        "until": (DAY, "when an override expires"),
        "followed_by": (TEXT, "who followed up; empty: not yet"),
        "followed_at": (INSTANT, "when last followed up"),
        "followed": (TEXT, "what was done"),
    },
)  # fmt: skip

AUDIT = Mart(
    "audit", "flags, score, days before and metric", ("flags", "score", "days_before", "metric"),
    {
        "flags": (TEXT, "stock: every score flags the same share of each month; own: each by its own bands"),
        "score": (TEXT, "legacy (as imported), health (replayed), model (trained only on earlier data)"),
        "days_before": (WHOLE, "days before churn at which the score is looked up; empty: a metric of the flags"),
        "metric": (TEXT, "true_positive_rate, miss_rate, false_alarm_rate, flag_rate, age_days, ..._less_legacy"),
        "value": (NUMBER, "value; empty if no account had the score"),
        "low": (NUMBER, "lower bound of the interval (bootstrap over accounts)"),
        "high": (NUMBER, "upper bound"),
        "part": (NUMBER, "numerator: churned accounts, or account-months; empty for a difference"),
        "whole": (NUMBER, "denominator; for a difference, of the score"),
        "not_scored": (WHOLE, "churned accounts, or account-months, without that score; in neither part nor whole"),
    },
)  # fmt: skip

AUDIT_CHURNERS = Mart(
    "audit_churners", "churned account and days before", ("account_id", "churned_at", "days_before"),
    {
        **ACCOUNT,
        "churned_at": (INSTANT, "when the churn became known"),
        "days_before": (WHOLE, "days before churn"),
        "how": (TEXT, "notice, ended or recorded"),
        "segment": (TEXT, "segment then"),
        "arr": (NUMBER, "ARR then, in the reporting currency"),
        "scored_month": (DAY, "month of the replayed scores; empty if the account was in no cohort"),
        "legacy_band": (TEXT, "band of the legacy score, as imported"),
        "legacy": (NUMBER, "legacy score, as imported"),
        "age_legacy": (WHOLE, "age of that score in days"),
        "flagged_legacy": (FLAG, "flagged: among the riskiest of the month by this score; empty: not scored"),
        "health": (NUMBER, "health score, replayed"),
        "age_health": (WHOLE, "age of that score in days"),
        "flagged_health": (FLAG, "flagged: among the riskiest of the month by this score; empty: not scored"),
        "model": (NUMBER, "probability by a model not trained on that month"),
        "age_model": (WHOLE, "age of that score in days"),
        "flagged_model": (FLAG, "flagged: among the riskiest of the month by this score; empty: not scored"),
    },
)  # fmt: skip

VALUE = Mart(
    "value", "metric, period, segment and score", ("metric", "period", "segment", "score"),
    {
        "metric": (TEXT, "gross_ and net_revenue_retention, contraction, churn_rate, surprise_churn ..."),
        "period": (TEXT, "trailing_12_months, a quarter such as 2026-Q2, or the months of the audit"),
        "segment": (TEXT, "segment, or `all`"),
        "score": (TEXT, "legacy, health or model; contacts: as made; book: the whole portfolio"),
        "value": (NUMBER, "value; empty if no account had the score"),
        "low": (NUMBER, "lower bound of the interval (bootstrap over accounts)"),
        "high": (NUMBER, "upper bound"),
        "part": (NUMBER, "numerator: ARR, accounts or account-months; empty for a difference"),
        "whole": (NUMBER, "denominator"),
    },
)  # fmt: skip
