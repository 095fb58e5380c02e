"""Days and instants as people read them: `June 24`, `June 24, 14:00 UTC`. Data and logs keep ISO."""

from datetime import date, datetime


def day_text(on: date, today: date | None = None) -> str:
    """The day as a person writes it, with the year unless it is the year of `today`."""
    year = "" if today is not None and on.year == today.year else f", {on.year}"
    return f"{on:%B} {on.day}{year}"


def minute_text(at: datetime) -> str:
    """An instant in UTC to the minute, without a year: of a deadline or an event close by."""
    return f"{at:%B} {at.day}, {at:%H:%M} UTC"
