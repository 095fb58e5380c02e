"""How urgently to respond: bands, response tiers and due dates."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import numpy as np

from keepwell.playbook.settings import TierSettings
from keepwell.values.points import to_one_decimal

BANDS = ("critical", "at_risk", "stable", "healthy", "unknown")
"""Of health, worst first."""
TIERS = ("immediate", "outreach", "automated")


def tier(
    health: float | None, risk: float | None, threshold: float | None, settings: TierSettings
) -> tuple[str | None, str | None]:
    """The more urgent of the tiers by health and by risk, and the reasons; (None, None) for unknown health."""
    if health is None:
        return None, None
    health = to_one_decimal(health)
    if health < settings.immediate_below:
        by_health = "immediate"
    elif health <= settings.automated_above:
        by_health = "outreach"
    else:
        by_health = "automated"
    reasons = {by_health: [f"health {health:.1f}"]}
    if risk is not None and threshold is not None and risk >= threshold:
        by_risk = "immediate" if risk >= settings.urgent_risk else "outreach"
        reasons.setdefault(by_risk, []).append(f"risk {risk:.0%}")
    chosen = min(reasons, key=TIERS.index)
    said = [f"{reason} ({name})" for name, given in reasons.items() for reason in given]
    return chosen, "; ".join(said)


def business_day_after(start: date, days: int, holidays: Sequence[date]) -> date:
    """The date `days` business days after `start`, weekends and holidays not counted; 0: the first from `start` on.

    Three business days after a Saturday are Monday, Tuesday, Wednesday.
    """
    closed = [np.datetime64(day) for day in holidays]
    roll: Literal["backward", "forward"] = "backward" if days else "forward"
    moved = np.busday_offset(np.datetime64(start), days, roll=roll, holidays=closed)
    found = moved.astype(object)
    assert isinstance(found, date)
    return found


def due_date(name: str, since: date, within_days: int | None, settings: TierSettings) -> date:
    """When an action recommended on a day is due: by its own deadline, and never later than by the tier's."""
    latest = business_day_after(since, tier_days(name, settings), settings.holidays)
    return latest if within_days is None else min(latest, since + timedelta(days=within_days))


def tier_days(name: str, settings: TierSettings) -> int:
    """The business days that a tier has to act."""
    days = {"immediate": 0, "outreach": settings.outreach_business_days, "automated": settings.automated_business_days}
    return days[name]
