"""Every feature: importing this module fills the registry."""

from keepwell.features.measures import (
    adoption,
    billing,
    change_points,
    commercial,
    relationship,
    sentiment,
    support,
    usage,
)
from keepwell.features.measures.registry import REGISTRY

MODULES = (usage, change_points, adoption, support, sentiment, relationship, billing, commercial)
FEATURES = REGISTRY

__all__ = ["FEATURES", "MODULES"]
