"""Settings of the models: every number with its default and unit."""

from typing import Annotated, Literal

from pydantic import Field

from keepwell.models.settings.effects import EffectSettings, ForecastSettings, SubjectSettings, UpliftSettings
from keepwell.models.settings.explaining import ImportanceSettings
from keepwell.models.settings.grading import AuditSettings, GradeSettings, InsightSettings
from keepwell.models.settings.monitoring import DriftSettings, EarlyWarningSettings, EstimateSettings
from keepwell.models.settings.training import (
    CandidateSettings,
    InputSettings,
    PolicySettings,
    RefitSettings,
    SegmentSettings,
    SplitSettings,
    TreatedSettings,
    TripwireSettings,
    WeightSettings,
)
from keepwell.values.setting_types import (
    Section,
)


class ModelSettings(Section):
    """Settings of training, grading, monitoring and effects."""

    outcomes: Annotated[tuple[Literal["churn", "expansion", "advocacy"], ...], Field(min_length=1)] = Field(
        ("churn", "expansion", "advocacy"), description="outcomes for which `quarterly` trains models"
    )
    split: SplitSettings = SplitSettings()
    inputs: InputSettings = InputSettings()
    candidates: CandidateSettings = CandidateSettings()
    policy: PolicySettings = PolicySettings()
    refit: RefitSettings = RefitSettings()
    audit: AuditSettings = AuditSettings()
    tripwires: TripwireSettings = TripwireSettings()
    insights: InsightSettings = InsightSettings()
    weights: WeightSettings = WeightSettings()
    importance: ImportanceSettings = ImportanceSettings()
    drift: DriftSettings = DriftSettings()
    estimate: EstimateSettings = EstimateSettings()
    early_warning: EarlyWarningSettings = EarlyWarningSettings()
    treated: TreatedSettings = TreatedSettings()
    segments: SegmentSettings = SegmentSettings()
    effects: EffectSettings = EffectSettings()
    subjects: SubjectSettings = SubjectSettings()
    uplift: UpliftSettings = UpliftSettings()
    grades: GradeSettings = GradeSettings()
    forecast: ForecastSettings = ForecastSettings()
