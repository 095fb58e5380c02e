"""Every mart, by name; the dictionary is generated from it."""

from collections.abc import Mapping

from keepwell.tasks.marts.schemas.alerts import ALERT_STEPS, ALERTS, CASES, NEXT_ACTIONS
from keepwell.tasks.marts.schemas.base import Mart
from keepwell.tasks.marts.schemas.checks import CHECK_RESULTS, QUARANTINE_MART, RUNS, SIGNAL_CATALOGUE
from keepwell.tasks.marts.schemas.dimensions import DIM_ACCOUNT, DIM_CSM, DIM_DATE
from keepwell.tasks.marts.schemas.models import (
    DRIFT,
    IMPORTANCE,
    INSIGHTS,
    LEAD_TIMES,
    MODEL_PERFORMANCE,
    MONITORED_MODELS,
    PROMOTIONS,
    WEIGHTS,
    WHAT_IF,
)
from keepwell.tasks.marts.schemas.portfolio import FORECAST, OPPORTUNITIES_MART, PORTFOLIO, WEEKLY_REVIEW
from keepwell.tasks.marts.schemas.reviews import AUDIT, AUDIT_CHURNERS, REVIEW_ANSWERS, REVIEW_FLAGS, REVIEWS, VALUE
from keepwell.tasks.marts.schemas.scores import FACTORS, FEATURE_MART, HEALTH_SCORES, PREDICTIONS
from keepwell.tasks.marts.schemas.work import (
    ESCALATIONS,
    INTERVENTIONS,
    LEARNINGS,
    OUTREACH_QUEUE,
    STRATEGY_EFFECTS,
    SUCCESS_PLANS,
    UPLIFT,
)

MARTS: Mapping[str, Mart] = {
    m.name: m
    for m in (
        HEALTH_SCORES, FACTORS, FEATURE_MART, PREDICTIONS, ALERTS, ALERT_STEPS, CASES, NEXT_ACTIONS,
        CHECK_RESULTS, QUARANTINE_MART,
        SIGNAL_CATALOGUE, OUTREACH_QUEUE, INTERVENTIONS, SUCCESS_PLANS, STRATEGY_EFFECTS, LEARNINGS, ESCALATIONS,
        UPLIFT,
        WEEKLY_REVIEW, PORTFOLIO, OPPORTUNITIES_MART, FORECAST,
        MODEL_PERFORMANCE, IMPORTANCE, WHAT_IF, PROMOTIONS, INSIGHTS, WEIGHTS, AUDIT, AUDIT_CHURNERS, VALUE, DRIFT,
        LEAD_TIMES, MONITORED_MODELS, REVIEWS, REVIEW_ANSWERS, REVIEW_FLAGS, RUNS, DIM_ACCOUNT, DIM_CSM, DIM_DATE,
    )
}  # fmt: skip
