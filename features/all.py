"""Every feature: importing this module fills the registry."""

from features import adoption, billing, commercial, relationship, sentiment, support, usage
from features.registry import REGISTRY

MODULES = (usage, adoption, support, sentiment, relationship, billing, commercial)
FEATURES = REGISTRY

__all__ = ["FEATURES", "MODULES"]
