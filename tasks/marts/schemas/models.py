"""Models: performance, drift, importance, promotions."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

MODEL_PERFORMANCE = Mart(
    "model_performance", "outcome, candidate or score, segment, metric and months",
    ("outcome", "version", "segment", "metric", "first_month", "last_month", "estimated"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "candidate (dummy and health are baselines), or champion or challenger if monitored"),
        "segment": (TEXT, "segment, or `all`"),
        "metric": (TEXT, "roc_auc, recall (at capacity), brier_skill ..."),
        "value": (NUMBER, "value on the test months"),
        "low": (NUMBER, "lower bound of the interval (bootstrap over accounts); empty without one"),
        "high": (NUMBER, "upper bound"),
        "matured": (FLAG, "computed from known outcomes"),
        "estimated": (FLAG, "estimated before outcomes are known"),
        "taken": (FLAG, "whether this candidate was selected: the simplest that is as good as the best on validation"),
        "first_month": (DAY, "first month evaluated: of the test period, or a single month"),
        "last_month": (DAY, "last month evaluated"),
        "trusted": (FLAG, "of an estimate: no check speaks against it; empty for a measured value"),
        "reason": (TEXT, "why an estimate is not trusted, or how the model has degraded"),
        "model_version": (TEXT, "MLflow version of the monitored champion or challenger"),
    },
)  # fmt: skip

DRIFT = Mart(
    "drift", "outcome, what is watched, statistic and month", ("outcome", "kind", "name", "statistic", "month"),
    {
        "outcome": (TEXT, "outcome of the model: churn, expansion or advocacy"),
        "kind": (TEXT, "input, score or outcome"),
        "name": (TEXT, "name of the input; `chance`: the predicted probability; `rate`, `losses`: of the outcome"),
        "statistic": (TEXT, "psi, base_rate or observed_to_expected"),
        "month": (DAY, "month whose portfolio is compared with the training data"),
        "value": (NUMBER, "PSI minus its expected sampling noise; outcome rate; observed over expected outcomes"),
        "low": (NUMBER, "lower bound of the interval; empty for psi"),
        "high": (NUMBER, "upper bound"),
        "usual": (NUMBER, "PSI that most of the reference's own months stay below"),
        "p_value": (NUMBER, "p-value: probability of such a value without a change"),
        "q_value": (NUMBER, "false discovery rate (Benjamini and Hochberg)"),
        "drifted": (FLAG, "whether the change is significant and large enough to matter"),
    },
)  # fmt: skip

MONITORED_MODELS = Mart(
    "monitored_models", "outcome", ("outcome",),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "alias": (TEXT, "champion; challenger before the first promotion"),
        "model_version": (TEXT, "its MLflow version"),
        "degraded": (FLAG, "whether something speaks against it: drift, or metrics below those at acceptance"),
        "reason": (TEXT, "what does, in words; empty where nothing does"),
    },
)  # fmt: skip

LEAD_TIMES = Mart(
    "lead_times", "outcome, score and churner", ("outcome", "score", "account_id", "churned_at"),
    {
        "outcome": (TEXT, "churn"),
        "score": (TEXT, "champion, challenger, health or legacy; random and always are baselines"),
        **ACCOUNT,
        "churned_at": (INSTANT, "when the account churned (became known)"),
        "flagged_from": (DAY, "start of the last uninterrupted flag before churn; empty without one"),
        "lead_days": (WHOLE, "days from there to churn, up to the cap; 0 without a flag"),
        "early": (FLAG, "whether flagged early enough (60 days)"),
    },
)  # fmt: skip

PROMOTIONS = Mart(
    "promotions", "change that a person made to an outcome's models", ("outcome", "number"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "number": (WHOLE, "running number of the change of this outcome"),
        "action": (TEXT, "promote, rollback, off, on or withdraw"),
        "version": (TEXT, "MLflow version of the new champion; empty: health score alone"),
        "previous": (TEXT, "previous champion"),
        "candidate": (TEXT, "candidate (kind of model) of the new champion"),
        "by": (TEXT, "who did it"),
        "reason": (TEXT, "reason; for a promotion the comparison behind it"),
    },
)  # fmt: skip

WHAT_IF = Mart(
    "what_if", "outcome, group and share of the portfolio", ("outcome", "group", "share"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "selected candidate"),
        "group": (TEXT, "group of the flagging policy: all, recall_first or precision_first"),
        "share": (NUMBER, "share of the group flagged"),
        "threshold": (NUMBER, "probability threshold that flags this share"),
        "accounts_per_month": (NUMBER, "accounts flagged per month on average (workload)"),
        "caught": (WHOLE, "true positives: flagged account-months with the outcome, validation months"),
        "recall": (NUMBER, "recall: share of outcomes that are flagged"),
        "precision": (NUMBER, "precision: share of the flagged with the outcome"),
        "arr_caught": (NUMBER, "ARR of the true positives per month on average, in the reporting currency"),
    },
)  # fmt: skip

INSIGHTS = Mart(
    "insights", "outcome and insight", ("outcome", "rank"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "rank": (WHOLE, "1 is the strongest, by the bound of the interval nearer to 1"),
        "feature": (TEXT, "feature that separates the groups"),
        "component": (TEXT, "component of the feature, or the closest one"),
        "team": (TEXT, "team for it: product, onboarding, support, marketing, customer success, finance, sales"),
        "text": (TEXT, "the insight in words, with counts; an association, not an effect"),
        "group": (TEXT, "missing, known, zero, some, low or high with its bound, or the category"),
        "ratio": (NUMBER, "outcome rate of the group divided by that of the others"),
        "low": (NUMBER, "lower bound of the 90% interval (bootstrap over accounts)"),
        "high": (NUMBER, "upper bound"),
        "q_value": (NUMBER, "false discovery rate (Benjamini and Hochberg)"),
        "with_count": (WHOLE, "account-months of the group"),
        "with_outcome": (WHOLE, "of these with the outcome"),
        "with_accounts": (WHOLE, "accounts of the group"),
        "without_count": (WHOLE, "account-months of the others"),
        "without_outcome": (WHOLE, "of these with the outcome"),
        "without_accounts": (WHOLE, "accounts of the others"),
    },
)  # fmt: skip

WEIGHTS = Mart(
    "weights", "outcome, segment and component", ("outcome", "segment", "component"),
    {
        "outcome": (TEXT, "outcome that the weights are tuned for"),
        "segment": (TEXT, "segment, or `all`"),
        "component": (TEXT, "component of the health score"),
        "hand_set": (NUMBER, "active weight; the weights of a segment sum to 1"),
        "tuned": (NUMBER, "weight suggested by the training months; a person decides"),
        "losses": (WHOLE, "churned accounts in the training months"),
        "own": (FLAG, "whether the segment has enough churned accounts for its own weights; else those of `all`"),
    },
)  # fmt: skip

IMPORTANCE = Mart(
    "importance", "outcome, model and feature", ("outcome", "version", "name"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "the model"),
        "name": (TEXT, "the feature"),
        "value": (NUMBER, "permutation importance: ROC-AUC lost on the test months when the feature is shuffled"),
        "low": (NUMBER, "lower bound of the interval; below 0 the model may not need the feature"),
        "high": (NUMBER, "upper bound"),
    },
)  # fmt: skip
