"""Days as sentences show them: "June 24", with the year where it is another; tables show ISO dates."""

from datetime import date, datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def spoken_day(day: date, today: date | None = None) -> str:
    """`June 24`; `June 24, 2025` beside a `today` of another year."""
    year = f", {day.year}" if today is not None and day.year != today.year else ""
    return f"{MONTHS[day.month - 1]} {day.day}{year}"


def spoken_minute(at: datetime) -> str:
    """`June 24, 14:00 UTC`: a deadline or an event close by."""
    return f"{spoken_day(at)}, {at:%H:%M} UTC"
