"""Alerts and their steps."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, FLAG, INSTANT, TEXT, WHOLE, Mart

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
        **ACCOUNT,
        "step": (TEXT, "ack, assess, plan, contact, follow_up, or review"),
        "due_at": (INSTANT, "its deadline"),
        "done_at": (INSTANT, "when it was taken; empty: not yet"),
        "by": (TEXT, "who took it"),
        "note": (TEXT, "what there was to say"),
        "breached": (FLAG, "late, or missing at its deadline"),
        "escalated_to": (TEXT, "role that a miss was told to"),
    },
)  # fmt: skip
