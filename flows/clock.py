"""How far ahead of the host's clock an instant may lie (SPEC section 0)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from keepwell.tasks.errors import ConfigError


def host_clock() -> datetime:
    """The host's clock, in UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Host:
    """The clock by which it is judged what lies ahead, and the reason for which an instant ahead of it is meant."""

    clock: Callable[[], datetime] = staticmethod(host_clock)
    force: str = ""


def refuse_ahead(named: str, at: datetime, setting: str, days: float) -> None:
    """ConfigError for an instant more than so many days ahead of the clock, unless it is forced."""
    clock = Host.clock()
    if at - clock > timedelta(days=days) and not Host.force:
        ahead = (at - clock) / timedelta(days=1)
        raise ConfigError(
            f"{named} {at:%Y-%m-%d %H:%M} is {ahead:,.1f} days ahead of this machine's clock ({clock:%Y-%m-%d %H:%M} "
            f"UTC), more than the {days:g} of schedule.{setting}. Correct the instant or the clock; where it is meant, "
            "write `keepwell --force REASON ...`: the reason goes on record."
        )
