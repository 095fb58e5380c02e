"""Settings of alert rules that a company writes itself, and of the deadlines of any rule (ALR-2, ALR-6)."""

from typing import Any, Literal

from pydantic import Field, model_validator

from keepwell.values.setting_types import Days, Hours, Number, Positive, Section

Role = Literal["csm", "manager", "director", "finance", "executive", "product", "technical", "data owner", "ml owner"]
"""Who can be notified, or own an action."""


class Clocks(Section):
    """Hours from the notification of an alert to the deadline of each step."""

    acknowledge_hours: Hours = Field(2, description="hours to acknowledge")
    assess_hours: Hours = Field(4, description="hours to assess")
    plan_hours: Hours = Field(24, description="hours to record a plan")
    contact_hours: Hours = Field(48, description="hours to contact the customer")
    follow_up_hours: Hours = Field(72, description="hours to follow up")


class Test(Section):
    """One question about a field: compared with a number, or by how much it moved within some days."""

    field: str = Field(description="a published feature, a component as component_NAME, health, or a probability")
    op: Literal["<", "<=", ">", ">=", "==", "!="] | None = Field(None, description="comparison with `value`")
    value: Number | None = Field(None, description="the number that it is compared with")
    drop: Positive | None = Field(None, description="minimum fall from the highest stored value of `within_days`")
    rise: Positive | None = Field(None, description="minimum rise from the lowest stored value of `within_days`")
    within_days: Days = Field(30, description="days of stored values that a drop or rise looks back on")

    @model_validator(mode="after")
    def _one_question(self) -> "Test":
        if (self.op is None) != (self.value is None):
            raise ValueError("give `op` and `value` together")
        if sum(given is not None for given in (self.op, self.drop, self.rise)) != 1:
            raise ValueError("give exactly one of `op` with `value`, `drop`, or `rise`")
        return self


class OwnRule(Section):
    """An alert rule of the company."""

    all: tuple[Test, ...] = Field((), description="tests that must all hold")
    any: tuple[Test, ...] = Field((), description="tests of which at least one must hold")
    for_days: Days = Field(1, description="days in a row on which it must hold, by the published scores")
    kind: Literal["risk", "opportunity"] = Field("risk", description="what it announces; an opportunity is no alarm")
    severity: Literal["critical", "warning"] = Field("warning", description="severity of its alerts")
    recipients: tuple[Role, ...] = Field(("csm",), description="roles that it notifies", min_length=1)
    clocks: Clocks | None = Field(None, description="deadlines of its own; empty: those of `alerts.clocks`")
    words: str = Field("", description="what it says to a CSM; empty: its name")

    @model_validator(mode="after")
    def _asks_something(self) -> "OwnRule":
        if not self.all and not self.any:
            raise ValueError("give `all` or `any`: a rule without tests asks nothing")
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it asks about, each once."""
        return tuple(dict.fromkeys(test.field for test in (*self.all, *self.any)))

    @property
    def look_back_days(self) -> int:
        """How many days before a date its answer may depend on."""
        moved = [test.within_days for test in (*self.all, *self.any) if test.op is None]
        return self.for_days - 1 + max(moved, default=0)

    @property
    def definition(self) -> dict[str, Any]:
        """What it asks, without whom it tells and in which words."""
        return self.model_dump(mode="json", include={"all", "any", "for_days"})
