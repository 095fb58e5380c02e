"""The playbook: one next action for an account, from its tier and its leading factor."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field, model_validator

from playbook.settings import Action
from playbook.tiers import TIERS


class Playbook(BaseModel, frozen=True, extra="forbid"):
    """The actions, most particular first; the first that applies is taken."""

    action: tuple[Action, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_tier_is_answered(self) -> "Playbook":
        for tier in TIERS:
            if not any(tier in a.tiers and not (a.features or a.components) for a in self.action):
                raise ValueError(f"tier {tier!r} has no action of last resort: add one without features and components")
        return self

    def next_action(self, tier: str, factors: Sequence[tuple[str, str]]) -> Action | None:
        """The first action for the leading factor, else for the next; factors are (feature, component) pairs."""
        for feature, component in (*factors, ("", "")):
            for action in self.action:
                if tier in action.tiers and answers(action, feature, component):
                    return action
        return None


def answers(action: Action, feature: str, component: str) -> bool:
    """Whether the action is about this factor; a general action answers only when no factor found its own."""
    if action.features or action.components:
        return feature in action.features or component in action.components
    return feature == ""


def load_playbook(path: Path) -> Playbook:
    """The playbook of a TOML file; pydantic's ValidationError names what is wrong in it."""
    return Playbook.model_validate(tomllib.loads(path.read_text()))
