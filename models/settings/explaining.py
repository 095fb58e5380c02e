"""Settings of importance."""

from pydantic import Field

from keepwell.values.numbers import (
    Count,
    Repeats,
    Section,
    Share,
)


class ImportanceSettings(Section):
    """How it is measured which features a model leans on."""

    repeats: Repeats = Field(5, description="times that a feature is shuffled")
    accounts: Count = Field(2000, description="accounts of the test months that it is measured on, at most")
    confidence: Share = Field(0.90, description="confidence of an interval, 0..1")
