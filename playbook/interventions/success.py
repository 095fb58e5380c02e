"""Status of a success plan's target: as a person recorded, else by its metric when it fell due (MON-3)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from keepwell.playbook.interventions.records import PlanTarget


@dataclass(frozen=True)
class Standing:
    """A target with its status: open, met, missed or dropped; decided by `person`, by `values`, or None.

    `value` is the reading that it was graded by, of an open one the newest; `valued_on` is its day.
    """

    plan: PlanTarget
    status: str
    settled_by: str | None
    value: float | None
    valued_on: date | None


def standing(
    plan: PlanTarget, published: Sequence[date], value_on: Callable[[date], float | None], as_of: date
) -> Standing:
    """The target with its status; `published` are the days, in order, for which `value_on` may know the metric.

    Once due, the last reading since it was planned up to the due day counts, without one the first after it. A value
    that a person gave is a reading of its day. A target without any reading stays open.
    """
    on, value = reading(plan, published, value_on, as_of)
    if plan.status != "open":
        return Standing(plan, plan.status, "person", value, on)
    if as_of < plan.due or value is None:
        return Standing(plan, "open", None, value, on)
    return Standing(plan, "met" if reached(plan, value) else "missed", "values", value, on)


def reached(plan: PlanTarget, value: float) -> bool:
    """Whether a value meets the target, the target itself included."""
    return value >= plan.target if plan.rising else value <= plan.target


def reading(
    plan: PlanTarget, published: Sequence[date], value_on: Callable[[date], float | None], as_of: date
) -> tuple[date | None, float | None]:
    """The day and the value by which the target is graded as of a day."""
    said = plan.valued_at.date() if plan.valued_at is not None else None
    days = {day for day in published if plan.planned_at.date() < day <= as_of} | ({said} if said else set())
    in_time, late = sorted((d for d in days if d <= plan.due), reverse=True), sorted(d for d in days if d > plan.due)
    values = ((day, plan.value if day == said else value_on(day)) for day in (*in_time, *late))
    return next(((day, value) for day, value in values if value is not None), (None, None))
