"""Settings of importance."""

from pydantic import Field

from keepwell.values.setting_types import (
    Count,
    Repeats,
    Section,
    Share,
)


class ImportanceSettings(Section):
    """How permutation importance is measured."""

    repeats: Repeats = Field(5, description="times that a feature is shuffled")
    accounts: Count = Field(2000, description="accounts of the test months that are used, at most")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
