"""Models: performance, drift, importance, promotions."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, Mart

MODEL_PERFORMANCE = Mart(
    "model_performance", "outcome, candidate or score, segment, metric and months",
    ("outcome", "version", "segment", "metric", "first_month", "last_month", "estimated"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "the candidate: dummy and health are baselines; champion or challenger: the model watched"),
        "segment": (TEXT, "segment, or `all`"),
        "metric": (TEXT, "roc_auc, recall (at capacity), brier_skill ..."),
        "value": (NUMBER, "the figure on the test months"),
        "low": (NUMBER, "lower bound of its interval, from a bootstrap over accounts; empty where it has none"),
        "high": (NUMBER, "upper bound"),
        "matured": (FLAG, "rests on outcomes that are known"),
        "estimated": (FLAG, "estimated before outcomes are known"),
        "taken": (FLAG, "the simplest candidate that is as good as the best on the validation months"),
        "first_month": (DAY, "first of the months that it is about: those of the test, or one month for itself"),
        "last_month": (DAY, "last of them"),
        "trusted": (FLAG, "of an estimate: nothing speaks against it; empty for what is measured"),
        "reason": (TEXT, "why an estimate is not to be trusted, and in what the model has degraded"),
        "model_version": (TEXT, "version in MLflow of the champion or challenger that is watched"),
    },
)  # fmt: skip

DRIFT = Mart(
    "drift", "outcome, what is watched, statistic and month", ("outcome", "kind", "name", "statistic", "month"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy: of its model"),
        "kind": (TEXT, "input, score or outcome"),
        "name": (TEXT, "the input; chance; rate or losses"),
        "statistic": (TEXT, "psi, base_rate or observed_to_expected"),
        "month": (DAY, "the book that is held against what the model learnt on"),
        "value": (NUMBER, "psi less what chance alone gives; share that left; losses over the sum of the chances"),
        "low": (NUMBER, "lower bound of its interval; empty for psi"),
        "high": (NUMBER, "upper bound"),
        "usual": (NUMBER, "psi that the reference's own months stay within, all but a few"),
        "p_value": (NUMBER, "chance of as much where nothing has changed"),
        "q_value": (NUMBER, "share of false alarms among all that are as sure (Benjamini and Hochberg)"),
        "drifted": (FLAG, "sure, and large enough to matter"),
    },
)  # fmt: skip

LEAD_TIMES = Mart(
    "lead_times", "outcome, score and churner", ("outcome", "score", "account_id", "churned_at"),
    {
        "outcome": (TEXT, "churn"),
        "score": (TEXT, "champion or challenger, health, legacy; random: a lasting number each; always: all flagged"),
        **ACCOUNT,
        "churned_at": (INSTANT, "when its loss showed"),
        "flagged_from": (DAY, "start of the last unbroken flag before; empty where it had none"),
        "lead_days": (WHOLE, "days from there to the loss, up to the cap; 0 without a flag"),
        "early": (FLAG, "flagged early enough (60 days)"),
    },
)  # fmt: skip

PROMOTIONS = Mart(
    "promotions", "change that a person made to an outcome's models", ("outcome", "number"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "number": (WHOLE, "counts the changes of the outcome from the first on"),
        "action": (TEXT, "promote, rollback, off, on or withdraw"),
        "version": (TEXT, "the champion after it, as a version in MLflow; empty: health alone"),
        "previous": (TEXT, "the champion before it"),
        "candidate": (TEXT, "kind of model of the champion after it"),
        "by": (TEXT, "who did it"),
        "reason": (TEXT, "why; for a promotion the comparison that it rests on"),
    },
)  # fmt: skip

WHAT_IF = Mart(
    "what_if", "outcome, group and share of the book", ("outcome", "group", "share"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "the candidate that was taken"),
        "group": (TEXT, "all, recall_first or precision_first: the group of the flagging policy"),
        "share": (NUMBER, "share of the group that would be flagged"),
        "threshold": (NUMBER, "the probability from which on that is so"),
        "accounts_per_month": (NUMBER, "accounts flagged in a mean month: the workload"),
        "caught": (WHOLE, "account-months with the outcome among the flagged, of the validation months"),
        "recall": (NUMBER, "share of those with the outcome that is flagged"),
        "precision": (NUMBER, "share of the flagged with the outcome"),
        "arr_caught": (NUMBER, "their ARR in a mean month, in the reporting currency"),
    },
)  # fmt: skip

INSIGHTS = Mart(
    "insights", "outcome and insight", ("outcome", "rank"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "rank": (WHOLE, "1 is the strongest at the nearer bound of its interval"),
        "feature": (TEXT, "what tells the groups apart"),
        "component": (TEXT, "component of the score that it belongs to, or is nearest to"),
        "team": (TEXT, "who looks into it: product, onboarding, support, marketing, customer success, finance, sales"),
        "text": (TEXT, "in words, with counts; an association, no effect"),
        "group": (TEXT, "missing, known, zero, some, low or high with its bound, or the word"),
        "ratio": (NUMBER, "rate of the outcome in the group over that of the others"),
        "low": (NUMBER, "lower bound of its 90% interval, from a bootstrap over accounts"),
        "high": (NUMBER, "upper bound"),
        "q_value": (NUMBER, "bound on false discoveries at which it would still be told"),
        "with_count": (WHOLE, "account-months of the group"),
        "with_outcome": (WHOLE, "those with the outcome"),
        "with_accounts": (WHOLE, "accounts of the group"),
        "without_count": (WHOLE, "account-months of the others"),
        "without_outcome": (WHOLE, "those with the outcome"),
        "without_accounts": (WHOLE, "accounts of the others"),
    },
)  # fmt: skip

WEIGHTS = Mart(
    "weights", "outcome, segment and component", ("outcome", "segment", "component"),
    {
        "outcome": (TEXT, "the outcome that the weights are tuned to"),
        "segment": (TEXT, "segment, or `all`"),
        "component": (TEXT, "component of the health score"),
        "hand_set": (NUMBER, "weight in force, the components of a segment summing to 1"),
        "tuned": (NUMBER, "weight that the training months suggest; never adopted without a person"),
        "losses": (WHOLE, "accounts that left in the training months"),
        "own": (FLAG, "losses enough for weights of its own; else those of `all`"),
    },
)  # fmt: skip

IMPORTANCE = Mart(
    "importance", "outcome, model and feature", ("outcome", "version", "name"),
    {
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "version": (TEXT, "the model"),
        "name": (TEXT, "the feature"),
        "value": (NUMBER, "ROC-AUC that is lost on the test months when the feature is shuffled among the accounts"),
        "low": (NUMBER, "lower bound of its interval; where it is below 0 the model may do without the feature"),
        "high": (NUMBER, "upper bound"),
    },
)  # fmt: skip
