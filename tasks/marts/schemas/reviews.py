"""Expert reviews and audits."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

REVIEWS = Mart(
    "reviews", "expert review, side and statistic", ("review_id", "name", "statistic"),
    {
        "review_id": (TEXT, "the sprint"),
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "model_version": (TEXT, "version in MLflow that is reviewed"),
        "scored_on": (DAY, "as_of of the scores and facts that it is about"),
        "began_at": (INSTANT, "when it began"),
        "name": (TEXT, "csm (mean of the reviewers), a reviewer as `csm NAME`, health, model, override; sprint"),
        "statistic": (TEXT, "brier, brier_less_model, brier_saved (by overrides), kappa with ...; accounts, seen"),
        "value": (NUMBER, "the figure, on the sprint's accounts: picked where scores disagree, they are not the book"),
        "low": (NUMBER, "lower bound of its interval, from a bootstrap over accounts; empty where it has none"),
        "high": (NUMBER, "upper bound"),
        "accounts": (WHOLE, "accounts that it rests on"),
        "outcomes": (WHOLE, "those with the outcome; empty where no outcome is needed"),
        "signed_by": (TEXT, "who signed the sprint; empty: not finished"),
        "signed_at": (INSTANT, "when"),
    },
)  # fmt: skip

REVIEW_ANSWERS = Mart(
    "review_answers", "expert review, account and reviewer", ("review_id", "account_id", "reviewer"),
    {
        "review_id": (TEXT, "the sprint"),
        **ACCOUNT,
        "reviewer": (TEXT, "who answered"),
        "forecast": (NUMBER, "chance 0-1 that was given before any score was shown"),
        "answered_at": (INSTANT, "when"),
        "revealed_at": (INSTANT, "when the scores were shown; empty: not yet"),
        "why": (TEXT, "why the account was picked; empty, as all scores are, until the sprint is signed"),
        "health": (NUMBER, "health 0-100"),
        "health_chance": (NUMBER, "the chance that such a health has had"),
        "model_chance": (NUMBER, "the model's chance"),
        "happened": (FLAG, "whether the outcome came; empty until it has matured"),
    },
)  # fmt: skip

REVIEW_FLAGS = Mart(
    "review_flags", "flag that a reviewer raised", ("review_id", "flag_id"),
    {
        "review_id": (TEXT, "the sprint"),
        "flag_id": (TEXT, "the flag"),
        **ACCOUNT,
        "reviewer": (TEXT, "who raised it"),
        "flagged_at": (INSTANT, "when"),
        "kind": (TEXT, "seasonal, segment, feature, note or override"),
        "explanation": (TEXT, "in the reviewer's words"),
        "chance": (NUMBER, "chance 0-1 that an override puts in the score's place"),
        "until": (DAY, "when an override expires"),
        "followed_by": (TEXT, "who did something about it; empty: nothing yet"),
        "followed_at": (INSTANT, "when last"),
        "followed": (TEXT, "what was done"),
    },
)  # fmt: skip

AUDIT = Mart(
    "audit", "flags, score, days before and metric", ("flags", "score", "days_before", "metric"),
    {
        "flags": (TEXT, "stock: the same share by every score, the riskiest of each month; own: by its own bands"),
        "score": (TEXT, "legacy, as imported; health, as replayed; model, learnt only from what was told before"),
        "days_before": (WHOLE, "days before the loss at which the score is looked up; empty: about the flags"),
        "metric": (TEXT, "true_positive_rate, miss_rate, false_alarm_rate, flag_rate, age_days, ..._less_legacy"),
        "value": (NUMBER, "the figure; empty where nobody had the score"),
        "low": (NUMBER, "lower bound of its interval, from a bootstrap over accounts"),
        "high": (NUMBER, "upper bound"),
        "part": (NUMBER, "what is divided: losses, or account-months; empty for a difference"),
        "whole": (NUMBER, "what it is divided by; for a difference, of the score"),
        "not_scored": (WHOLE, "losses, or account-months, without that score: in neither part nor whole"),
    },
)  # fmt: skip

AUDIT_CHURNERS = Mart(
    "audit_churners", "loss and days before", ("account_id", "churned_at", "days_before"),
    {
        **ACCOUNT,
        "churned_at": (INSTANT, "when the loss showed"),
        "days_before": (WHOLE, "days before it"),
        "how": (TEXT, "notice, ended or recorded"),
        "segment": (TEXT, "segment known then"),
        "arr": (NUMBER, "ARR then, in the reporting currency"),
        "scored_month": (DAY, "month start of the replayed scores; empty where the account was in no cohort"),
        "legacy_band": (TEXT, "band of the legacy score, as imported"),
        "legacy": (NUMBER, "legacy score, as imported"),
        "age_legacy": (WHOLE, "its age, days"),
        "flagged_legacy": (FLAG, "among the riskiest of the month by it, at the same stock; empty: not scored"),
        "health": (NUMBER, "health, as replayed"),
        "age_health": (WHOLE, "its age, days"),
        "flagged_health": (FLAG, "among the riskiest of the month by it; empty: not scored"),
        "model": (NUMBER, "chance by a model that had not learnt from that month"),
        "age_model": (WHOLE, "its age, days"),
        "flagged_model": (FLAG, "among the riskiest of the month by it; empty: not scored"),
    },
)  # fmt: skip

VALUE = Mart(
    "value", "metric, period, segment and score", ("metric", "period", "segment", "score"),
    {
        "metric": (TEXT, "gross_ and net_revenue_retention, logo_retention, surprise_churn, at_risk_per_contact ..."),
        "period": (TEXT, "trailing_12_months, a quarter such as 2026-Q2, or the months of the audit"),
        "segment": (TEXT, "segment, or `all`"),
        "score": (TEXT, "legacy, health or model; contacts: as they were made; book: of everybody"),
        "value": (NUMBER, "the figure; empty where nobody had the score"),
        "low": (NUMBER, "lower bound of its interval, from a bootstrap over accounts"),
        "high": (NUMBER, "upper bound"),
        "part": (NUMBER, "what is divided: ARR, accounts or account-months; empty for a difference"),
        "whole": (NUMBER, "what it is divided by"),
    },
)  # fmt: skip
