"""The playbook: one next action for an account, from everything known about it (ACT-2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field, model_validator

from keepwell.playbook.settings import Action
from keepwell.playbook.tiers import TIERS
from keepwell.values.setting_types import Section

ANYWHERE = Action(name="anything", owner="csm", tiers=TIERS, because="an action without conditions")


@dataclass(frozen=True)
class Situation:
    """What an action is chosen by: tier, leading factors as (feature, component), and further conditions.

    `renewal_days`: days to the renewal, None if unknown. `risk`, `expansion`, `advocacy`: probabilities 0-1, None
    without a model. `alarmed`: whether the account has an open alert. `leaving`: whether its notice is known.
    `never_used`: whether nobody of the account has ever used the product.
    """

    tier: str
    factors: Sequence[tuple[str, str]] = ()
    segment: str | None = None
    renewal_days: int | None = None
    risk: float | None = None
    expansion: float | None = None
    advocacy: float | None = None
    alarmed: bool = False
    leaving: bool = False
    never_used: bool = False


class Playbook(Section):
    """The actions, most specific first; the first that applies is chosen."""

    action: tuple[Action, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_tier_is_answered(self) -> "Playbook":
        for tier in TIERS:
            if not any(tier in a.tiers and is_last_resort(a) for a in self.action):
                raise ValueError(
                    f"tier {tier!r} has no fallback action: add one without features, components and conditions"
                )
        return self

    def next_action(self, situation: Situation) -> Action | None:
        """The first action for who leaves or never came; else for the leading factor, for the next, and for none."""
        for action in self.action:
            if (action.leaving or action.never_used) and applies(action, situation):
                return action
        for feature, component in (*situation.factors, ("", "")):
            for action in self.action:
                if applies(action, situation) and answers(action, feature, component):
                    return action
        return None

    @property
    def grows(self) -> bool:
        """Whether any action is an upsell or a reference."""
        return any(action.grows for action in self.action)


def answers(action: Action, feature: str, component: str) -> bool:
    """Whether the action is about this factor; a general action answers only when no factor found its own."""
    if action.features or action.components:
        return feature in action.features or component in action.components
    return feature == ""


def reason_of(action: Action | None, factors: Sequence[tuple[str, str, str]]) -> str | None:
    """Why it is recommended: the text of the factor that it answers, else of the leading one; None without factors.

    `factors` are feature, component and text, the leading one first.
    """
    if action is not None and action.leaving:
        return "the customer gave notice"
    if action is not None and action.never_used:
        return "nobody there has used the product yet"
    answered = (text for f, c, text in factors if action is not None and answers(action, f, c))
    return next(answered, factors[0][2] if factors else None)


def applies(action: Action, situation: Situation) -> bool:
    """Whether tier, segment, renewal, probabilities and open alerts allow the action."""
    probabilities = (
        (action.risk_from, situation.risk), (action.expansion_from, situation.expansion),
        (action.advocacy_from, situation.advocacy),
    )  # fmt: skip
    days = situation.renewal_days
    return (
        situation.tier in action.tiers
        and (not action.segments or situation.segment in action.segments)
        and (action.renewal_within_days is None or (days is not None and 0 <= days <= action.renewal_within_days))
        and all(low is None or (value is not None and value >= low) for low, value in probabilities)
        and not (action.grows and (situation.alarmed or situation.leaving))
        and (action.leaving is None or action.leaving == situation.leaving)
        and (action.never_used is None or action.never_used == situation.never_used)
    )


def is_last_resort(action: Action) -> bool:
    """Whether the action is a fallback: it answers everything in its tiers."""
    return not (action.features or action.components) and wherever(action, ANYWHERE)


def wherever(wide: Action, narrow: Action) -> bool:
    """Whether the conditions of one action hold wherever those of the other do, regardless of tiers and factors."""
    segments = not wide.segments or (narrow.segments and set(narrow.segments) <= set(wide.segments))
    days, near = wide.renewal_within_days, narrow.renewal_within_days
    renewal = days is None or (near is not None and near <= days)
    minimums = (
        (wide.risk_from, narrow.risk_from), (wide.expansion_from, narrow.expansion_from),
        (wide.advocacy_from, narrow.advocacy_from),
    )  # fmt: skip
    likely = all(low is None or (high is not None and high >= low) for low, high in minimums)
    course = all(
        getattr(wide, name) in (None, getattr(narrow, name)) for name in ("leaving", "never_used")
    )  # fmt: skip
    return bool(segments) and renewal and likely and course and (narrow.grows or not wide.grows)
