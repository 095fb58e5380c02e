"""Scores of accounts: health, factors, features, predictions."""

from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, NUMBER, TEXT, WHOLE, Mart

HEALTH_SCORES = Mart(
    "health_scores", "account under contract", ("account_id",),
    {
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "status": (TEXT, "active, or leaving once notice is given for every paid contract"),
        "segment": (TEXT, "segment at as_of"),
        "csm": (TEXT, "CSM who owns the account; the default owner where the data has none"),
        "arr": (NUMBER, "annual recurring revenue (ARR) of live contracts in `currency`; trials count 0"),
        "currency": (TEXT, "reporting currency"),
        "high_value": (FLAG, "top share of the portfolio by ARR, or above the ARR of the settings"),
        "renewal_on": (DAY, "renewal date: agreed end of the contract; empty if open-ended or unknown"),
        "health": (NUMBER, "health score 0-100 after overrides, high is good; empty if coverage is too low"),
        "health_computed": (NUMBER, "computed health score, before any override"),
        "override_by": (TEXT, "who overrode the health score; empty without an override"),
        "override_reason": (TEXT, "reason of the override"),
        "override_until": (DAY, "day on which the override expires"),
        "band": (TEXT, "band of health: critical <50, at_risk 50 to <70, stable 70 to 80, healthy >80, or unknown"),
        "tier": (TEXT, "response tier: immediate, outreach or automated; empty if health is unknown"),
        "tier_reason": (TEXT, "why the account is in that tier"),
        "tier_since": (DAY, "day on which it entered the tier, by the published scores"),
        "coverage": (NUMBER, "share of the score's weight with a known value, 0-1"),
        "health_prev": (NUMBER, "published health one month earlier, or the nearest before"),
        "change": (NUMBER, "health minus health_prev"),
        "change_flagged": (FLAG, "whether its parts from data and overrides exceed the flag (15 points)"),
        "change_definition": (NUMBER, "part of the change from a new score definition"),
        "change_weights": (NUMBER, "part of the change from new weights"),
        "change_data": (NUMBER, "part of the change from the account's own data"),
        **{f"change_{c}": (NUMBER, f"what the component {c} adds to change_data") for c in COMPONENTS},
        "change_coverage": (NUMBER, "part of the change from more or less known data"),
        "change_override": (NUMBER, "part of the change from overrides"),
        **{f"component_{c}": (NUMBER, f"score 0-100 of the component {c}; empty without data") for c in COMPONENTS},
        "churn_risk": (NUMBER, "probability 0-1 of churn within the horizon (90 days); empty without a model"),
        "expansion_probability": (NUMBER, "probability 0-1 of expansion within 180 days; empty without a model"),
        "advocacy_probability": (NUMBER, "probability 0-1 of advocacy within 180 days; empty without a model"),
        "factor_1": (TEXT, "top reason, as a sentence"),
        "factor_2": (TEXT, "second reason"),
        "factor_3": (TEXT, "third reason"),
        "next_action": (TEXT, "recommended action of the playbook"),
        "action_id": (TEXT, "its id in the mart next_actions; empty while it waits for capacity"),
        "action_recommended_on": (DAY, "day on which it was recommended"),
        "action_owner": (TEXT, "role or person who owns the action"),
        "action_due": (DAY, "due date of the action; empty where nobody is to be contacted yet"),
        "action_state": (TEXT, "open, overdue, queued (no capacity yet), watched (stable), done (awaits its effect)"),
        "summary": (TEXT, "risk, reasons and recommendation in one line"),
    },
)  # fmt: skip

FACTORS = Mart(
    "factors", "account, kind and rank", ("account_id", "kind", "rank"),
    {
        **ACCOUNT,
        "rank": (WHOLE, "1 explains most; every measure of the score has a rank, of the model only its reasons"),
        "kind": (TEXT, "health: measures of the health score; model: what raises the churn risk most"),
        "feature": (TEXT, "feature: measure of the score or input of the model"),
        "version": (WHOLE, "version of the feature"),
        "definition": (TEXT, "hash of the settings that turn the value into points"),
        "component": (TEXT, "component of the feature"),
        "value": (NUMBER, "value of the feature; if carried forward, the last observed value"),
        "reference": (NUMBER, "median of similar accounts (same segment); model: value of its typical account"),
        "scale": (NUMBER, "robust standard deviation of similar accounts, on the log scale; own: the standard error"),
        "points": (NUMBER, "points 0-100 of the value"),
        "confidence": (NUMBER, "share of its weight that counts in the score, 0-1"),
        "coverage": (NUMBER, "share of its weight that counts as known, 0-1"),
        "weight": (NUMBER, "weight within the component"),
        "component_weight": (NUMBER, "weight of the component for this segment"),
        "contribution": (NUMBER, "points, summing to health_computed; model: log odds (or probability) added"),
        "pull": (NUMBER, "points above or below those of a typical value"),
        "observed_on": (DAY, "as_of on which the value was last observed"),
        "text": (TEXT, "the reason as a sentence; empty for measures that are no top reason"),
    },
)  # fmt: skip

FEATURE_MART = Mart(
    "features", "account under contract", ("account_id",),
    {**ACCOUNT, **{f.name: (NUMBER, f"{f.doc} [{f.unit}]") for f in FEATURES.values() if f.published}},
)  # fmt: skip

PREDICTIONS = Mart(
    "predictions", "account, outcome and model", ("account_id", "outcome", "model_version"),
    {
        **ACCOUNT,
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "model_version": (TEXT, "version in MLflow"),
        "alias": (TEXT, "champion, or challenger (in shadow or A/B test)"),
        "probability": (NUMBER, "calibrated probability 0-1 of the outcome within its horizon"),
        "threshold": (NUMBER, "probability from which an account of its group is flagged; empty: no flags"),
        "flagged": (FLAG, "whether the probability is at or above the threshold"),
        "acting": (FLAG, "whether it decides on the account: the champion, or the challenger it is assigned to"),
    },
)  # fmt: skip
