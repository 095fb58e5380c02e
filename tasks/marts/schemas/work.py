"""Outreach, interventions, success plans, and what they changed."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, TEXTS, WHOLE, Mart

OUTREACH_QUEUE = Mart(
    "outreach_queue", "account to contact", ("account_id",),
    {
        **ACCOUNT,
        "name": (TEXT, "what people call it"),
        "segment": (TEXT, "segment known at as_of"),
        "csm": (TEXT, "who calls; the owner where nobody has room"),
        "owner": (TEXT, "whose account it is: whom the data names, else who had it last, else who was given it"),
        "handover": (TEXT, "what changed hands since the last queue, who lends a call, or that the account waits"),
        "priority": (WHOLE, "1 is called first: the order of at_stake"),
        "at_stake": (NUMBER, "arr x risk x severity x urgency, in `currency`: it orders, it is no forecast"),
        "arr": (NUMBER, "annual recurring revenue, as in health_scores"),
        "currency": (TEXT, "reporting currency"),
        "risk": (NUMBER, "churn risk 0-1; where the model says none, what stands in for it"),
        "risk_from": (TEXT, "model; band: the median of its band; health: no model, the points that health lacks"),
        "decline": (NUMBER, "health points that the customer's own values cost within a month; empty: not known"),
        "severity": (NUMBER, "weight 0-1 of the decline"),
        "urgency": (NUMBER, "1, and more the nearer the renewal"),
        "health": (NUMBER, "effective health 0-100"),
        "band": (TEXT, "critical or at_risk; any other where the model flags it"),
        "tier": (TEXT, "immediate or outreach; empty for unknown"),
        "scheduled_at": (INSTANT, "when the call begins; empty: it waits, nobody has room, or it is held out"),
        "held_out": (FLAG, "whether a lot left it alone, so that it shows what calls are worth"),
        "minutes": (WHOLE, "how long it takes"),
        "strategy": (TEXT, "the playbook's action, and why it answers the cause"),
        "strategy_owner": (TEXT, "role that does it"),
        "talking_points": (TEXTS, "what was seen, and what to bring up"),
        "support_needs": (TEXTS, "team that is needed, and for what"),
    },
)  # fmt: skip

INTERVENTIONS = Mart(
    "interventions", "intervention that had begun", ("intervention_id",),
    {
        "intervention_id": (TEXT, "the intervention"),
        **ACCOUNT,
        "kind": (TEXT, "technical_fix, training, support, executive, commercial, or a word of work.kinds"),
        "root_cause": (TEXT, "what it was for: a word of work.causes, or as the source says; empty: not known"),
        "started_at": (INSTANT, "when it began"),
        "ended_at": (INSTANT, "when it was over; empty: it runs, or nobody said"),
        "outcome": (TEXT, "worked, failed or stopped; empty: it runs, or nobody said"),
        "by": (TEXT, "who began it"),
        "note": (TEXT, "what there was to say"),
        "recorded_in": (TEXT, "ledger, or source: the canonical table"),
    },
)  # fmt: skip

SUCCESS_PLANS = Mart(
    "success_plans", "target of a success plan", ("plan_id",),
    {
        "plan_id": (TEXT, "the target"),
        **ACCOUNT,
        "metric": (TEXT, "a published feature, or health"),
        "baseline": (NUMBER, "the metric when it was planned; empty: not known then"),
        "target": (NUMBER, "the value that is wanted"),
        "rising": (FLAG, "whether it is met at or above the target, else at or below"),
        "due": (DAY, "by which day"),
        "status": (TEXT, "open, met, missed or dropped"),
        "settled_by": (TEXT, "person, or values: those published for the due day or before; empty: open"),
        "value": (NUMBER, "the reading that it stands by; empty: none since it was planned"),
        "valued_on": (DAY, "day of that reading"),
        "owner": (TEXT, "who sees to it"),
        "planned_at": (INSTANT, "when it was planned"),
        "progressed_at": (INSTANT, "when a person last said something new of it"),
        "note": (TEXT, "what was said last"),
    },
)  # fmt: skip

STRATEGY_EFFECTS = Mart(
    "strategy_effects", "kind of intervention, root cause, segment and estimand",
    ("kind", "root_cause", "segment", "estimand"),
    {
        "kind": (TEXT, "kind of intervention, or `all`"),
        "root_cause": (TEXT, "root cause as recorded with it, or `all`"),
        "segment": (TEXT, "segment, or `all`"),
        "estimand": (TEXT, "mean effect on the treated, or difference by random assignment: churn, log usage"),
        "outcome": (TEXT, "churned or use_after"),
        "effect": (NUMBER, "of churn as a chance, of usage on the log scale; empty where too few allow no estimate"),
        "low": (NUMBER, "lower bound of its interval"),
        "high": (NUMBER, "upper bound"),
        "treated": (WHOLE, "accounts that were worked on"),
        "comparable": (WHOLE, "untouched accounts of their kind"),
        "enough": (FLAG, "the least effect worth knowing would be found; without it nothing is ranked"),
        "needed": (WHOLE, "treated accounts with which it would be found"),
        "overlap": (NUMBER, "share of the treated for whom there are untouched accounts of their kind"),
        "naive": (NUMBER, "the plain difference, whoever was chosen"),
        "naive_low": (NUMBER, "lower bound of its interval"),
        "naive_high": (NUMBER, "upper bound"),
        "rank": (WHOLE, "1 is the best kind for the cause and segment, among those with enough cases"),
        "q_value": (NUMBER, "share of false ones among all effects that are as sure (Benjamini and Hochberg)"),
        "verdict": (TEXT, "prefer, drop, reconsider, unclear, or too few"),
        "says": (TEXT, "power, overlap, the plain difference and what cannot be known, in sentences"),
    },
)  # fmt: skip

LEARNINGS = Mart(
    "learnings", "suggestion or learning, for the CS director", ("topic", "rank"),
    {
        "topic": (TEXT, "strategy: rests on an effect; playbook: on what was done"),
        "rank": (WHOLE, "the surest first"),
        "verdict": (TEXT, "prefer, drop or reconsider; learnt, gap or unused"),
        "kind": (TEXT, "kind of intervention, or `all`"),
        "root_cause": (TEXT, "root cause, or `all`"),
        "segment": (TEXT, "segment, or `all`"),
        "text": (TEXT, "in words; nothing is changed by it"),
        "actions": (TEXTS, "actions of the playbook that begin such work"),
    },
)  # fmt: skip

ESCALATIONS = Mart(
    "escalations", "account and reason for which an executive is asked", ("account_id", "reason", "subject"),
    {
        "rank": (WHOLE, "1 is the largest ARR"),
        **ACCOUNT,
        "name": (TEXT, "what people call it"),
        "segment": (TEXT, "segment known at as_of"),
        "csm": (TEXT, "owner"),
        "arr": (NUMBER, "annual recurring revenue, in the reporting currency"),
        "health": (NUMBER, "effective health 0-100"),
        "band": (TEXT, "band of health"),
        "tier": (TEXT, "tier of the response"),
        "churn_risk": (NUMBER, "probability 0-1 of churn within the horizon (90 days); empty without a model"),
        "renewal_on": (DAY, "agreed end of the contract"),
        "reason": (TEXT, "alert: a step was missed; plan: a target was missed; intervention: it failed"),
        "subject": (TEXT, "id of the alert, the plan or the intervention"),
        "since": (INSTANT, "when the alert opened, the target was due, or the work ended"),
        "what": (TEXT, "what happened"),
        "asked": (TEXT, "what is asked of the executive"),
        "asked_of": (TEXT, "the people of that role, or the role"),
        "answer_by": (DAY, "by when"),
    },
)  # fmt: skip

UPLIFT = Mart(
    "uplift", "account that work might keep; empty unless a test allows the ranking", ("account_id",),
    {
        **ACCOUNT,
        "rank": (WHOLE, "1 keeps most ARR"),
        "gained": (NUMBER, "fall of the chance to churn by work; below 0 it does harm"),
        "chance": (NUMBER, "chance to churn without it"),
        "arr": (NUMBER, "annual recurring revenue, in the reporting currency"),
        "arr_kept": (NUMBER, "gained x arr"),
        "leave_alone": (FLAG, "work is told to do harm"),
    },
)  # fmt: skip
