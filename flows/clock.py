"""How far ahead of the host's clock an instant may lie (SPEC section 0)."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from keepwell.tasks.errors import ConfigError

MONTHS_FROM_DAYS, YEARS_FROM_MONTHS = 60, 24


def host_clock() -> datetime:
    """The host's clock, in UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Host:
    """The clock that decides what lies ahead, and the reason for forcing an instant ahead of it."""

    clock: Callable[[], datetime] = staticmethod(host_clock)
    force: str = ""


def refuse_ahead(named: str, at: datetime, setting: str, days: float) -> None:
    """ConfigError for an instant more than this many days ahead of the clock, unless forced."""
    clock = Host.clock()
    if at - clock > timedelta(days=days) and not Host.force:
        ahead = (at - clock) / timedelta(days=1)
        whole_day = at.time() == time(0)
        limit = f"{days:,g} day{'' if days == 1 else 's'}"
        afterwards = "; then no earlier date can change alerts any more" if setting == "clock_slack_days" else ""
        raise ConfigError(
            f"{named} {at:{'%Y-%m-%d' if whole_day else '%Y-%m-%d %H:%M'}} is "
            f"{_in_words(ahead) if round(ahead) > days else f'more than {limit}'} ahead of this machine's clock "
            f"({clock:%Y-%m-%d %H:%M} UTC); at most {limit} {'is' if days == 1 else 'are'} allowed "
            f"(schedule.{setting}). Correct the {'date' if whole_day else 'instant'} or the clock. "
            f"`keepwell --force REASON ...` runs it all the same and records the reason{afterwards}."
        )


def _in_words(days: float) -> str:
    """A stretch of time in its usual unit: "45 days", "7 months", "72 years"."""
    months = days / 30.4375
    if days < MONTHS_FROM_DAYS:
        return f"{days:.0f} days"
    return f"{months:.0f} months" if months < YEARS_FROM_MONTHS else f"{months / 12:,.0f} years"
