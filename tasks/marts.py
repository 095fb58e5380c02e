"""What is published: every mart with its key and its columns, from which the dictionary is generated."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from features.all import FEATURES
from features.registry import COMPONENTS

TEXT, NUMBER, WHOLE, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
DAY, INSTANT, TEXTS = pa.date32(), pa.timestamp("us", tz="UTC"), pa.list_(pa.string())


@dataclass(frozen=True)
class Mart:
    """One published table: a row per `grain`, ordered by `key`, columns with type and meaning.

    `own_stamps`: its rows come from several runs, and each says which.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: Mapping[str, tuple[pa.DataType, str]]
    own_stamps: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of a file, with the two stamps that every mart carries."""
        return pa.schema([(n, t) for n, (t, _) in {**self.columns, **STAMPS}.items()])


STAMPS: Mapping[str, tuple[pa.DataType, str]] = {
    "run_id": (TEXT, "hash of as_of, settings, code version, snapshot and the stored results used"),
    "code_version": (TEXT, "package version and a hash of the modules that compute"),
}
_ACCOUNT = {"account_id": (TEXT, "the account")}

HEALTH_SCORES = Mart(
    "health_scores", "account under contract", ("account_id",),
    {
        **_ACCOUNT,
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
        **_ACCOUNT,
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
    {**_ACCOUNT, **{f.name: (NUMBER, f"{f.doc} [{f.unit}]") for f in FEATURES.values() if f.published}},
)  # fmt: skip

CHECK_RESULTS = Mart(
    "check_results", "expectation", ("table", "expectation", "column"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "column, where it is about one"),
        "expectation": (TEXT, "rule"),
        "says": (TEXT, "the rule in words"),
        "severity": (TEXT, "critical, warning or info, as in force for this company"),
        "success": (FLAG, "whether it held"),
        "rows": (WHOLE, "rows judged"),
        "failed_rows": (WHOLE, "rows that broke it"),
        "observed": (TEXT, "what was seen, for rules about a whole table"),
        "sample_keys": (TEXTS, "keys of the first rows that broke it"),
        "remedy": (TEXT, "what to do"),
        "reason": (TEXT, "why the severity was overridden"),
    },
)  # fmt: skip

QUARANTINE_MART = Mart(
    "quarantine", "row that a mapping set aside", ("table", "key", "reason", "event_on"),
    {
        "table": (TEXT, "canonical table that it was meant for"),
        "key": (TEXT, "key of the row"),
        "reason": (TEXT, "why it was set aside"),
        **_ACCOUNT,
        "event_on": (DAY, "day of its event"),
    },
)  # fmt: skip

RUNS = Mart(
    "runs", "flow run", ("flow",),
    {
        "flow": (TEXT, "the flow"),
        "status": (TEXT, "done"),
        "rows": (WHOLE, "rows published"),
        "seconds": (NUMBER, "wall-clock seconds"),
        "snapshot_id": (TEXT, "the staged snapshot that it read"),
    },
    own_stamps=True,
)  # fmt: skip

ALERTS = Mart(
    "alerts", "alert open or changed", ("alert_id",),
    {
        "alert_id": (TEXT, "stable id"),
        "account_id": (TEXT, "the account; empty: the whole book (definition_change)"),
        "rule": (TEXT, "the rule that opened it"),
        "subject": (TEXT, "ticket or invoice of an event rule, measure and day of a data alert"),
        "episode": (WHOLE, "how often this condition has opened for the account"),
        "severity": (TEXT, "critical or warning"),
        "detail": (TEXT, "how the cause showed"),
        "known_at": (INSTANT, "when the cause became known"),
        "opened_at": (INSTANT, "when the alert opened"),
        "changed_at": (INSTANT, "when it last changed"),
        "cause_gone_at": (INSTANT, "since when the cause is gone"),
        "state": (TEXT, "open, the last step taken, snoozed, held, closed; of a data alert also released, discarded"),
        "owner": (TEXT, "who answers it"),
        "recipients": (TEXT, "roles that are told"),
        "due_review": (INSTANT, "the rule's own deadline, where it has one"),
        "due_ack": (INSTANT, "acknowledged by"),
        "due_assess": (INSTANT, "assessed by"),
        "due_plan": (INSTANT, "plan documented by"),
        "due_contact": (INSTANT, "customer contacted by"),
        "due_follow_up": (INSTANT, "followed up by"),
        "breached": (FLAG, "a step was late or is missing (mart alert_steps)"),
        "snoozed_until": (INSTANT, "end of the snooze"),
        "closed_at": (INSTANT, "when it closed"),
        "reason": (TEXT, "why it closed, sleeps, or was released or discarded"),
        "digest_id": (TEXT, "the digest that tells it, when many opened at once"),
        "held_by": (TEXT, "alert_id of the data alert that holds it, or held it until it was closed"),
    },
)  # fmt: skip

ALERT_STEPS = Mart(
    "alert_steps", "step taken or missed", ("alert_id", "step"),
    {
        "alert_id": (TEXT, "stable id, as in alerts"),
        **_ACCOUNT,
        "step": (TEXT, "ack, assess, plan, contact, follow_up, or review"),
        "due_at": (INSTANT, "its deadline"),
        "done_at": (INSTANT, "when it was taken; empty: not yet"),
        "by": (TEXT, "who took it"),
        "note": (TEXT, "what there was to say"),
        "breached": (FLAG, "late, or missing at its deadline"),
        "escalated_to": (TEXT, "role that a miss was told to"),
    },
)  # fmt: skip

OUTREACH_QUEUE = Mart(
    "outreach_queue", "account to contact", ("account_id",),
    {
        **_ACCOUNT,
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
        **_ACCOUNT,
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
        **_ACCOUNT,
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

SIGNAL_CATALOGUE = Mart(
    "signal_catalogue", "signal and segment", ("table", "column", "segment"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "the signal"),
        "segment": (TEXT, "segment, or `all`"),
        "source_system": (TEXT, "where it comes from"),
        "update_frequency": (TEXT, "how often it is expected"),
        "accessibility": (TEXT, "accessible, needs integration or absent"),
        "first": (DAY, "first day known"),
        "last": (DAY, "newest day known"),
        "fill_rate": (NUMBER, "share of rows that have it, 0-1"),
        "accounts_share": (NUMBER, "share of the segment's accounts that have any, 0-1"),
        "features": (TEXTS, "features that use it"),
        "blind_spot": (TEXT, "what it does not see"),
    },
)  # fmt: skip

PREDICTIONS = Mart(
    "predictions", "account, outcome and model", ("account_id", "outcome", "model_version"),
    {
        **_ACCOUNT,
        "outcome": (TEXT, "churn, expansion or advocacy"),
        "model_version": (TEXT, "version in MLflow"),
        "alias": (TEXT, "champion, or challenger: it is compared"),
        "probability": (NUMBER, "calibrated probability 0-1 of the outcome within its horizon"),
        "threshold": (NUMBER, "from which on the account is flagged, by the policy of its group; empty: nobody is"),
        "flagged": (FLAG, "at or above the threshold"),
        "acting": (FLAG, "it decides on this account: the champion, or the challenger where the account is assigned"),
    },
)  # fmt: skip

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
        **_ACCOUNT,
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
        **_ACCOUNT,
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
        **_ACCOUNT,
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

STRATEGY_EFFECTS = Mart(
    "strategy_effects", "kind of intervention, root cause, segment and estimand",
    ("kind", "root_cause", "segment", "estimand"),
    {
        "kind": (TEXT, "kind of intervention, or `all`"),
        "root_cause": (TEXT, "root cause as recorded with it, or `all`"),
        "segment": (TEXT, "segment, or `all`"),
        "estimand": (TEXT, "mean effect on the treated, or difference by lot: churn within 90 days, log usage of 28"),
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
        **_ACCOUNT,
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
        **_ACCOUNT,
        "rank": (WHOLE, "1 keeps most ARR"),
        "gained": (NUMBER, "fall of the chance to churn by work; below 0 it does harm"),
        "chance": (NUMBER, "chance to churn without it"),
        "arr": (NUMBER, "annual recurring revenue, in the reporting currency"),
        "arr_kept": (NUMBER, "gained x arr"),
        "leave_alone": (FLAG, "work is told to do harm"),
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
        **_ACCOUNT,
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

WEEKLY_REVIEW = Mart(
    "weekly_review", "item of the week", ("section", "rank"),
    {
        "section": (TEXT, "at_risk (new), success, challenge, need, expansion, learning or figure"),
        "rank": (WHOLE, "1 comes first in its section"),
        "subject": (TEXT, "the alert, intervention, plan, team or figure that it is about"),
        **_ACCOUNT,
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
        **_ACCOUNT,
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

DIM_ACCOUNT = Mart(
    "dim_account", "account under contract", ("account_id",),
    {
        **_ACCOUNT,
        "name": (TEXT, "what people call it"),
        "parent_id": (TEXT, "account_id of the parent company"),
        "industry": (TEXT, "industry"),
        "country": (TEXT, "ISO 3166 alpha-2 code"),
        "segment": (TEXT, "segment known at as_of"),
        "csm": (TEXT, "owner"),
        "plan": (TEXT, "plan or product"),
        "first_start_on": (DAY, "first day of the first contract"),
    },
)  # fmt: skip
DIM_CSM = Mart(
    "dim_csm", "CSM", ("csm",),
    {
        "csm": (TEXT, "the person"),
        "accounts": (WHOLE, "accounts owned"),
        "arr": (NUMBER, "their ARR in `currency`"),
        "currency": (TEXT, "reporting currency"),
    },
)  # fmt: skip
DIM_DATE = Mart(
    "dim_date", "day of the as_of's year", ("date",),
    {
        "date": (DAY, "the day"),
        "year": (WHOLE, "year"),
        "quarter": (WHOLE, "1-4"),
        "month": (WHOLE, "1-12"),
        "iso_week": (WHOLE, "1-53"),
        "weekday": (WHOLE, "1 Monday - 7 Sunday"),
        "month_week": (WHOLE, "week of Keepwell's month, 1-4; week 4 lasts to the month's end"),
    },
)  # fmt: skip

MARTS: Mapping[str, Mart] = {
    m.name: m
    for m in (
        HEALTH_SCORES, FACTORS, FEATURE_MART, PREDICTIONS, ALERTS, ALERT_STEPS, CHECK_RESULTS, QUARANTINE_MART,
        SIGNAL_CATALOGUE, OUTREACH_QUEUE, INTERVENTIONS, SUCCESS_PLANS, STRATEGY_EFFECTS, LEARNINGS, ESCALATIONS,
        UPLIFT,
        WEEKLY_REVIEW, PORTFOLIO, OPPORTUNITIES_MART, FORECAST,
        MODEL_PERFORMANCE, IMPORTANCE, WHAT_IF, PROMOTIONS, INSIGHTS, WEIGHTS, AUDIT, AUDIT_CHURNERS, VALUE, DRIFT,
        LEAD_TIMES, REVIEWS, REVIEW_ANSWERS, REVIEW_FLAGS, RUNS, DIM_ACCOUNT, DIM_CSM, DIM_DATE,
    )
}  # fmt: skip
