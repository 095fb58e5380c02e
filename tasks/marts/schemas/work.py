"""Outreach, interventions, success plans, and their effects."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, INSTANT, NUMBER, TEXT, TEXTS, WHOLE, Mart

OUTREACH_QUEUE = Mart(
    "outreach_queue", "account to contact", ("account_id",),
    {
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "segment": (TEXT, "segment at as_of"),
        "csm": (TEXT, "CSM who calls; the owner if nobody has capacity"),
        "owner": (TEXT, "CSM who owns the account: from the data, else the last owner, else the assigned one"),
        "handover": (TEXT, "handover since the last queue, loan of a call to another CSM, or waiting"),
        "priority": (WHOLE, "call order by at_stake, 1 first"),
        "at_stake": (NUMBER, "ARR x risk x severity x urgency in `currency`; a ranking score, not a forecast"),
        "arr": (NUMBER, "annual recurring revenue, as in health_scores"),
        "currency": (TEXT, "reporting currency"),
        "risk": (NUMBER, "churn risk 0-1; without a model's, the substitute of risk_from"),
        "risk_from": (TEXT, "model; band: median risk of its band; health: without a model, 1 - health / 100"),
        "decline": (NUMBER, "health points lost to the account's own data within a month; empty: unknown"),
        "severity": (NUMBER, "weight 0-1 of the decline"),
        "urgency": (NUMBER, "factor from 1, larger the closer the renewal"),
        "health": (NUMBER, "health score 0-100"),
        "band": (TEXT, "critical or at_risk; another band if the model flags the account"),
        "tier": (TEXT, "response tier: immediate or outreach; empty if health is unknown"),
        "scheduled_at": (INSTANT, "start of the call; empty: waiting, no capacity, or held out"),
        "held_out": (FLAG, "whether it is in the random hold-out that measures the effect of calls"),
        "minutes": (WHOLE, "length of the call in minutes"),
        "strategy": (TEXT, "recommended action of the playbook, and why it fits"),
        "strategy_owner": (TEXT, "role that owns the action"),
        "talking_points": (TEXTS, "talking points: what was observed, and what to bring up"),
        "support_needs": (TEXTS, "support needed: team and reason"),
    },
)  # fmt: skip

INTERVENTIONS = Mart(
    "interventions", "intervention that had begun", ("intervention_id",),
    {
        "intervention_id": (TEXT, "intervention id"),
        **ACCOUNT,
        "kind": (TEXT, "technical_fix, training, support, executive, commercial, or another of work.kinds"),
        "root_cause": (TEXT, "root cause: one of work.causes, or as in the source; empty: unknown"),
        "started_at": (INSTANT, "when it started"),
        "ended_at": (INSTANT, "when it ended; empty: still running, or not recorded"),
        "outcome": (TEXT, "worked, failed or stopped; empty: still running, or not recorded"),
        "by": (TEXT, "who started it"),
        "note": (TEXT, "note"),
        "recorded_in": (TEXT, "ledger (Keepwell), or source (the canonical table)"),
    },
)  # fmt: skip

SUCCESS_PLANS = Mart(
    "success_plans", "target of a success plan", ("plan_id",),
    {
        "plan_id": (TEXT, "target id"),
        **ACCOUNT,
        "metric": (TEXT, "a published feature, or health"),
        "baseline": (NUMBER, "value of the metric when planned; empty: unknown then"),
        "target": (NUMBER, "target value"),
        "rising": (FLAG, "true: met at or above the target; false: at or below"),
        "due": (DAY, "due date"),
        "status": (TEXT, "open, met, missed or dropped"),
        "settled_by": (TEXT, "person, or values (published by the due date); empty: open"),
        "value": (NUMBER, "latest value that counts; empty: none since it was planned"),
        "valued_on": (DAY, "day of that value"),
        "owner": (TEXT, "owner"),
        "planned_at": (INSTANT, "when it was planned"),
        "progressed_at": (INSTANT, "when a person last recorded progress"),
        "note": (TEXT, "latest note"),
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
        "effect": (NUMBER, "effect on the churn probability, or on log usage; empty if there are too few accounts"),
        "low": (NUMBER, "lower bound of the interval"),
        "high": (NUMBER, "upper bound"),
        "treated": (WHOLE, "treated accounts (contacted)"),
        "comparable": (WHOLE, "comparable untreated accounts"),
        "enough": (FLAG, "whether there are enough accounts to detect the smallest effect that matters"),
        "smallest": (NUMBER, "smallest effect that matters, in the effect's unit; of churn by the untreated's"),
        "needed": (WHOLE, "treated accounts needed to detect it"),
        "overlap": (NUMBER, "share of the treated accounts with comparable untreated ones"),
        "naive": (NUMBER, "difference of means without adjustment"),
        "naive_low": (NUMBER, "lower bound of the interval"),
        "naive_high": (NUMBER, "upper bound"),
        "rank": (WHOLE, "rank of the kind for this cause and segment, 1 is best; of significant help; equals share it"),
        "q_value": (NUMBER, "false discovery rate (Benjamini and Hochberg)"),
        "verdict": (TEXT, "prefer, drop: significant; reconsider: too small to matter; unclear; too few accounts"),
        "says": (TEXT, "power, overlap, unadjusted difference and limits, in sentences"),
    },
)  # fmt: skip

LEARNINGS = Mart(
    "learnings", "suggestion or learning, for the CS director", ("topic", "rank"),
    {
        "topic": (TEXT, "strategy (from an effect) or playbook (from recorded work)"),
        "rank": (WHOLE, "most certain first"),
        "verdict": (TEXT, "prefer, drop or reconsider; learnt, gap or unused"),
        "kind": (TEXT, "kind of intervention, or `all`"),
        "root_cause": (TEXT, "root cause, or `all`"),
        "segment": (TEXT, "segment, or `all`"),
        "text": (TEXT, "the suggestion in words; nothing changes by itself"),
        "actions": (TEXTS, "playbook actions that start such work"),
    },
)  # fmt: skip

ESCALATIONS = Mart(
    "escalations", "account and reason for which an executive is asked", ("account_id", "reason", "subject"),
    {
        "rank": (WHOLE, "1 is the largest ARR"),
        **ACCOUNT,
        "name": (TEXT, "account name"),
        "segment": (TEXT, "segment at as_of"),
        "csm": (TEXT, "CSM who owns the account"),
        "arr": (NUMBER, "annual recurring revenue, in the reporting currency"),
        "health": (NUMBER, "health score 0-100"),
        "band": (TEXT, "band of health"),
        "tier": (TEXT, "response tier"),
        "churn_risk": (NUMBER, "probability 0-1 of churn within the horizon (90 days); empty without a model"),
        "renewal_on": (DAY, "renewal date"),
        "reason": (TEXT, "alert: a step was missed; plan: a target was missed; intervention: it failed"),
        "subject": (TEXT, "id of the alert, the plan or the intervention"),
        "since": (INSTANT, "when the alert opened, the target was due, or the work ended"),
        "what": (TEXT, "what happened"),
        "asked": (TEXT, "request to the executive"),
        "asked_of": (TEXT, "executives asked, or their role"),
        "answer_by": (DAY, "answer due by"),
    },
)  # fmt: skip

UPLIFT = Mart(
    "uplift", "account that contact may save; empty unless a randomized test supports the ranking", ("account_id",),
    {
        **ACCOUNT,
        "rank": (WHOLE, "1 saves most ARR"),
        "gained": (NUMBER, "reduction of the churn probability by contact; below 0: harm"),
        "chance": (NUMBER, "churn probability without contact"),
        "arr": (NUMBER, "annual recurring revenue, in the reporting currency"),
        "arr_kept": (NUMBER, "gained x arr"),
        "leave_alone": (FLAG, "whether contact is predicted to do harm"),
    },
)  # fmt: skip
