"""Days as sentences show them: "June 24", with the year where it is another; tables show ISO dates."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def spoken_day(day: date, today: date | None = None) -> str:
    """`June 24`; `June 24, 2025` beside a `today` of another year."""
    year = f", {day.year}" if today is not None and day.year != today.year else ""
    return f"{MONTHS[day.month - 1]} {day.day}{year}"


def spoken_minute(at: datetime, zone: str = "UTC") -> str:
    """`June 24, 16:00 CEST`: a deadline or an event close by, in a time zone; the instant is UTC without a zone."""
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return f"{spoken_day(local.date())}, {local:%H:%M %Z}"
