"""Scores of accounts: health, factors, features, predictions."""

from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, NUMBER, TEXT, WHOLE, Mart

HEALTH_SCORES = Mart(
    "health_scores", "account under contract", ("account_id",),
    {
        **ACCOUNT,
        "name": (TEXT, "what people call it"),
        "status": (TEXT, "active, or leaving once notice is known"),
        "segment": (TEXT, "segment known at as_of"),
        "csm": (TEXT, "owner; the default owner where the data names none"),
        "arr": (NUMBER, "annual recurring revenue over live contracts, trials 0, in `currency`"),
        "currency": (TEXT, "reporting currency"),
        "high_value": (FLAG, "top share of the book by ARR, or above the set ARR"),
        "renewal_on": (DAY, "agreed end of the contract; empty where open-ended or not known"),
        "health": (NUMBER, "effective health 0-100, high is good; empty when coverage is too low"),
        "health_computed": (NUMBER, "health before any override"),
        "override_by": (TEXT, "who set the health; empty where it is the computed one"),
        "override_reason": (TEXT, "why"),
        "override_until": (DAY, "day from which it no longer stands"),
        "band": (TEXT, "critical <50, at_risk 50 to <70, stable 70 to 80, healthy >80, unknown"),
        "tier": (TEXT, "immediate, outreach or automated; empty for unknown"),
        "tier_reason": (TEXT, "what put it there"),
        "tier_since": (DAY, "when it entered the tier, by the stored scores"),
        "coverage": (NUMBER, "share of the score's weight that rests on known values, 0-1"),
        "health_prev": (NUMBER, "stored health nearest at or before one month earlier"),
        "change": (NUMBER, "health less health_prev"),
        "change_flagged": (FLAG, "the change is beyond the flag (15 points)"),
        "change_definition": (NUMBER, "part of the change: how values become points"),
        "change_weights": (NUMBER, "part of the change: weights"),
        "change_data": (NUMBER, "part of the change: values"),
        "change_coverage": (NUMBER, "part of the change: what is known"),
        "change_override": (NUMBER, "part of the change: overrides"),
        **{f"component_{c}": (NUMBER, f"points 0-100 of {c}; empty where nothing is known") for c in COMPONENTS},
        "churn_risk": (NUMBER, "probability 0-1 of churn within the horizon (90 days); empty without a model"),
        "expansion_probability": (NUMBER, "probability 0-1 of expansion within 180 days; empty without a model"),
        "advocacy_probability": (NUMBER, "probability 0-1 of advocacy within 180 days; empty without a model"),
        "factor_1": (TEXT, "leading factor in words"),
        "factor_2": (TEXT, "second factor"),
        "factor_3": (TEXT, "third factor"),
        "next_action": (TEXT, "from the playbook"),
        "action_owner": (TEXT, "who does it"),
        "action_due": (DAY, "by when"),
        "summary": (TEXT, "all of it in one line"),
    },
)  # fmt: skip

FACTORS = Mart(
    "factors", "account, kind and rank", ("account_id", "kind", "rank"),
    {
        **ACCOUNT,
        "rank": (WHOLE, "1 explains most; every measure of the score has a rank, of the model only what is cited"),
        "kind": (TEXT, "health: parts of the score; model: what raises the risk most"),
        "feature": (TEXT, "the measure, or the feature that the model was given"),
        "version": (WHOLE, "version of the feature"),
        "definition": (TEXT, "hash of all that turns the value into points"),
        "component": (TEXT, "the component that it belongs to"),
        "value": (NUMBER, "the feature's value; for a carried one the last that was observed"),
        "reference": (NUMBER, "median of the segment's peers, where it has any; model: the typical account's"),
        "scale": (NUMBER, "robust standard deviation of the peers, on the log scale"),
        "points": (NUMBER, "points 0-100 of the value"),
        "confidence": (NUMBER, "how much of its weight counts in the score, 0-1"),
        "coverage": (NUMBER, "how much of its weight counts as known, 0-1"),
        "weight": (NUMBER, "weight within the component"),
        "component_weight": (NUMBER, "weight of the component for this segment"),
        "contribution": (NUMBER, "points that it gives, summing to health_computed; model: log odds, or chance, added"),
        "pull": (NUMBER, "points that it adds or takes against a typical account"),
        "observed_on": (DAY, "as_of at which the value was last observed"),
        "text": (TEXT, "in words, for the factors that are shown"),
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
        "alias": (TEXT, "champion, or challenger: it is compared"),
        "probability": (NUMBER, "calibrated probability 0-1 of the outcome within its horizon"),
        "threshold": (NUMBER, "from which on the account is flagged, by the policy of its group; empty: nobody is"),
        "flagged": (FLAG, "at or above the threshold"),
        "acting": (FLAG, "it decides on this account: the champion, or the challenger where the account is assigned"),
    },
)  # fmt: skip
