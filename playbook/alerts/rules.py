"""The alert rules: what each looks at, when it holds, whom it notifies, and its deadlines (ALR-1).

A condition rule holds, does not hold, or is unknown (None). An event rule has occurrences, each its own alert.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from keepwell.playbook.alerts.ledger_events import (
    DATA_RULE,
    DEFAULT_COMPANY,
    DEGRADED_RULE,
    MODEL_RULES,
    RISK,
    RUN_RULE,
    STEPS,
    UNUSABLE_RULE,
)
from keepwell.playbook.alerts.own_rules import rule_id
from keepwell.playbook.rule_settings import Clocks
from keepwell.playbook.settings import DATA_OWNER, ML_OWNER, AlertSettings
from keepwell.playbook.working_hours import after
from keepwell.values.points import to_one_decimal


@dataclass(frozen=True)
class Rule:
    """Roles that an alert of this rule notifies, its steps, and the hours of its own review deadline, if any.

    `kind`: risk or opportunity. `clocks`: deadlines of its own. `definition`: what an own rule asks; empty for others.
    """

    name: str
    severity: str
    recipients: tuple[str, ...]
    review_hours: Callable[[AlertSettings], float] | None = None
    steps: tuple[str, ...] = STEPS
    kind: str = RISK
    clocks: Clocks | None = None
    definition: Mapping[str, object] | None = None


# Critical is what the source calls a critical trigger; a drop is only a flag there.
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("no_usage", "critical", ("csm",)),
        Rule("health_low", "critical", ("csm", "director"), lambda settings: settings.health_low_hours),
        Rule("health_drop", "warning", ("csm",)),
        Rule("risk_high", "critical", ("csm",)),
        Rule("payment_failure", "critical", ("csm", "finance")),
        Rule("billing_dispute", "critical", ("csm", "finance")),
        Rule("urgent_ticket", "critical", ("csm",), lambda settings: settings.ticket_review_hours),
        Rule(DATA_RULE, "critical", (DATA_OWNER,), steps=("ack", "assess")),
        Rule(RUN_RULE, "critical", (DATA_OWNER,), steps=("ack", "assess")),
        Rule(DEGRADED_RULE, "warning", (ML_OWNER,), steps=("ack", "assess")),
        Rule(UNUSABLE_RULE, "critical", (ML_OWNER,), steps=("ack", "assess")),
    )
}


def rules_of(settings: AlertSettings) -> Mapping[str, Rule]:
    """The rules with the recipients and clocks that the settings give them, and the company's own, by their ids."""
    built_in = {
        name: replace(
            rule,
            recipients=settings.recipients.get(name, rule.recipients),
            clocks=settings.model_clocks if name in MODEL_RULES else rule.clocks,
        )
        for name, rule in RULES.items()
    }
    own = {
        rule_id(name, rule): Rule(
            rule_id(name, rule), rule.severity, rule.recipients, kind=rule.kind, clocks=rule.clocks,
            definition=rule.definition,
        )
        for name, rule in settings.rules.items()
    }  # fmt: skip
    return built_in | own


@dataclass(frozen=True)
class Standing:
    """Inputs of the condition rules for one account at as_of. None: unknown.

    `health` is the effective one, None in the band `unknown`. `highest_health` is the highest of the stored scores of
    the window and today's; `data_drop` is the part of the change since then that is the account's own data, below zero
    for a fall. `never_used`: nobody of it has ever used the product. `risk` is the champion's, `threshold` where its
    account is flagged.
    """

    account_id: str
    silent_days: float | None
    tenure_days: float
    health: float | None
    highest_health: float | None
    risk: float | None = None
    threshold: float | None = None
    data_drop: float | None = None
    never_used: bool = False


@dataclass(frozen=True)
class Condition:
    """Whether a rule's cause holds for an account; None where unknown. `detail` becomes the text of the alert.

    `on_hold_for`: the data alert that it waits for, if it would not hold without a measure that has moved.
    """

    account_id: str
    rule: str
    holds: bool | None
    detail: str = ""
    on_hold_for: str | None = None


@dataclass(frozen=True)
class Occurrence:
    """One event of an event rule: a row of `features.facts.events.events`. `subject` is the ticket or the invoice.

    `detail` becomes the text of the alert; empty: the rule and the subject.
    """

    account_id: str
    rule: str
    subject: str
    occurred_at: datetime
    known_at: datetime
    resolved: bool
    detail: str = ""


@dataclass(frozen=True)
class Observations:
    """All that one run saw of a company."""

    conditions: Sequence[Condition] = ()
    occurrences: Sequence[Occurrence] = ()
    company: str = DEFAULT_COMPANY


def highest_before(stored: pd.DataFrame, as_of: datetime, settings: AlertSettings) -> pd.DataFrame:
    """The highest stored score of each account in [as_of - drop_window_days, as_of): health_before, and its as_of.

    Unknown scores never count; of equal ones the newest. With `health_computed` in `stored` also computed_before.
    """
    day = pd.to_datetime(stored["as_of"])
    window = (day >= as_of - timedelta(days=settings.drop_window_days)) & (day < as_of) & (stored["band"] != "unknown")
    ordered = stored[window & stored["health"].notna()].sort_values(["account_id", "health", "as_of"])
    newest = ordered.drop_duplicates("account_id", keep="last")
    return newest.drop(columns="band").rename(columns={"health": "health_before", "health_computed": "computed_before"})


def standings(
    accounts: pd.DataFrame, stored: pd.DataFrame, as_of: datetime, settings: AlertSettings,
    data_drops: Mapping[str, float] | None = None, never_used: Collection[str] = (),
) -> list[Standing]:  # fmt: skip
    """One per row of `accounts`, with NaN made None.

    `accounts` holds today's account_id, days_since_last_use, tenure_days, health, band, churn_risk, churn_threshold;
    `stored` the earlier scores: account_id, as_of, health, band. `data_drops`: the data part of the change since the
    highest score, of each account that fell far. `never_used`: accounts of which nobody ever used the product.
    """
    health = accounts.set_index("account_id")["health"].where((accounts["band"] != "unknown").to_numpy())
    before = highest_before(stored, as_of, settings).set_index("account_id")["health_before"]
    highest = pd.concat([health, before.reindex(health.index)], axis=1).max(axis=1)
    columns = zip(
        accounts["account_id"], accounts["days_since_last_use"], accounts["tenure_days"], health, highest,
        accounts["churn_risk"], accounts["churn_threshold"], strict=True,
    )  # fmt: skip
    own = data_drops or {}
    return [
        Standing(
            str(account), _known(silent), float(tenure), _known(now), _known(high), _known(risk), _known(threshold),
            own.get(str(account)), str(account) in never_used,
        )
        for account, silent, tenure, now, high, risk, threshold in columns
    ]  # fmt: skip


def no_usage(standing: Standing, settings: AlertSettings) -> Condition:
    """Silent for `silent_days`, under contract long enough for silence to count."""
    silent = standing.silent_days
    if silent is None:
        return Condition(standing.account_id, "no_usage", None)
    holds = silent >= settings.silent_days and standing.tenure_days >= settings.silent_minimum_tenure_days
    never = f"has never logged in (customer for {standing.tenure_days:.0f} days)"
    detail = never if standing.never_used else f"no usage for {silent:.0f} days"
    return Condition(standing.account_id, "no_usage", holds, detail)


def health_low(standing: Standing, settings: AlertSettings) -> Condition:
    """Health below `health_below`."""
    health, bound = standing.health, settings.health_below
    if health is None:
        return Condition(standing.account_id, "health_low", None)
    return Condition(
        standing.account_id, "health_low", to_one_decimal(health) < bound, f"health {health:.1f}, below {bound:g}"
    )


def health_drop(standing: Standing, settings: AlertSettings) -> Condition:
    """Health at least `drop_points` below the window's highest, of which as much is the account's own data."""
    health, highest, own = standing.health, standing.highest_health, standing.data_drop
    if health is None or highest is None:
        return Condition(standing.account_id, "health_drop", None)
    # 64.1 - 49.1 is 14.999999999999993 in binary; scores are published with six decimals.
    far = round(highest - health, 6) >= settings.drop_points
    detail = f"health {health:.1f}, down from {highest:.1f} within {settings.drop_window_days} days"
    holds = None if far and own is None else far and own is not None and round(-own, 6) >= settings.drop_points
    return Condition(standing.account_id, "health_drop", holds, detail)


def risk_high(standing: Standing, settings: AlertSettings) -> Condition:  # noqa: ARG001 the threshold is the model's
    """Risk at or above the threshold of the account's group; unknown without a model or a threshold."""
    risk, threshold = standing.risk, standing.threshold
    if risk is None or threshold is None:
        return Condition(standing.account_id, "risk_high", None)
    places = 0 if f"{risk:.0%}" != f"{threshold:.0%}" else 1  # 8%, threshold 8% would read as a mistake
    detail = f"churn risk {risk:.{places}%}, threshold {threshold:.{places}%}"
    return Condition(standing.account_id, "risk_high", risk >= threshold, detail)


def conditions(standing: Standing, settings: AlertSettings) -> list[Condition]:
    """Every condition rule's answer for one account."""
    return [rule(standing, settings) for rule in (no_usage, health_low, health_drop, risk_high)]


def due_times(rule: Rule, notified_at: datetime, settings: AlertSettings, owner: str = "") -> dict[str, datetime]:
    """Deadline of each step, in the owner's hours since the notification; `review` if the rule has its own."""
    clocks = rule.clocks or settings.clocks
    hours = {
        "ack": clocks.acknowledge_hours,
        "assess": clocks.assess_hours,
        "plan": clocks.plan_hours,
        "contact": clocks.contact_hours,
        "follow_up": clocks.follow_up_hours,
    }
    if rule.review_hours is not None:
        hours["review"] = rule.review_hours(settings)
    team = settings.hours_of(owner)
    return {step: after(notified_at, given, team) for step, given in hours.items() if step in (*rule.steps, "review")}


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
