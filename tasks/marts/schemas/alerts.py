"""Alerts and their steps."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, FLAG, INSTANT, TEXT, WHOLE, Mart

ALERTS = Mart(
    "alerts", "alert open or changed", ("alert_id",),
    {
        "alert_id": (TEXT, "stable id"),
        "account_id": (TEXT, "account; empty for an alert about the whole portfolio (definition_change)"),
        "rule": (TEXT, "alert rule"),
        "subject": (TEXT, "ticket or invoice of an event alert; measure and day of a data alert"),
        "episode": (WHOLE, "number of times this rule has opened for the account"),
        "severity": (TEXT, "critical or warning"),
        "detail": (TEXT, "what triggered it"),
        "known_at": (INSTANT, "when the trigger became known"),
        "opened_at": (INSTANT, "when the alert opened"),
        "changed_at": (INSTANT, "when it last changed"),
        "cause_gone_at": (INSTANT, "when the trigger went away"),
        "state": (TEXT, "open, last step done, snoozed, held (on hold), closed; data alerts: also released, discarded"),
        "owner": (TEXT, "alert owner"),
        "recipients": (TEXT, "roles that are notified"),
        "due_review": (INSTANT, "the rule's own review deadline, if any"),
        "due_ack": (INSTANT, "deadline to acknowledge"),
        "due_assess": (INSTANT, "deadline to assess"),
        "due_plan": (INSTANT, "deadline to document a plan"),
        "due_contact": (INSTANT, "deadline to contact the customer"),
        "due_follow_up": (INSTANT, "deadline to follow up"),
        "breached": (FLAG, "whether a step was late or is missing (mart alert_steps)"),
        "snoozed_until": (INSTANT, "end of the snooze"),
        "closed_at": (INSTANT, "when it closed"),
        "reason": (TEXT, "why it was closed, snoozed, released or discarded"),
        "digest_id": (TEXT, "digest message that lists it, if many opened at once"),
        "missing_since": (INSTANT, "since when the account is missing from the contracts, which puts it on hold"),
        "held_by": (TEXT, "alert_id of the data alert that puts it on hold, or did until it was closed"),
    },
)  # fmt: skip

ALERT_STEPS = Mart(
    "alert_steps", "step taken or missed", ("alert_id", "step"),
    {
        "alert_id": (TEXT, "stable id, as in alerts"),
        **ACCOUNT,
        "step": (TEXT, "ack, assess, plan, contact, follow_up, or review"),
        "due_at": (INSTANT, "deadline"),
        "done_at": (INSTANT, "when it was done; empty: not yet"),
        "by": (TEXT, "who did it"),
        "note": (TEXT, "note"),
        "breached": (FLAG, "whether it was late, or missing at its deadline"),
        "escalated_to": (TEXT, "role notified of the missed step"),
    },
)  # fmt: skip
