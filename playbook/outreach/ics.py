"""Calls as an iCalendar file (RFC 5545), which every calendar program reads.

Only what a call needs: VEVENT with UID, DTSTAMP, DTSTART, DTEND, SUMMARY and DESCRIPTION. Instants are UTC, so that no
time zone has to be described. The same calls give the same bytes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keepwell.values.texts import visible

LINE_OCTETS = 75
NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters that a TEXT value may not hold (RFC 5545, 3.1): all but tab and line feed."""


@dataclass(frozen=True)
class Call:
    """One call. `uid` tells a calendar that it has the call already; instants are UTC without a zone."""

    uid: str
    begins: datetime
    ends: datetime
    summary: str
    description: str


def calendar(calls: Sequence[Call], stamped: datetime) -> str:
    """The calls as one VCALENDAR; `stamped` is when they were planned."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Keepwell//Call schedule//EN", "CALSCALE:GREGORIAN"]
    for call in calls:
        lines += [
            "BEGIN:VEVENT", f"UID:{escaped(call.uid)}", f"DTSTAMP:{_instant(stamped)}",
            f"DTSTART:{_instant(call.begins)}", f"DTEND:{_instant(call.ends)}", f"SUMMARY:{escaped(call.summary)}",
            f"DESCRIPTION:{escaped(call.description)}", "END:VEVENT",
        ]  # fmt: skip
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in folded(line))


def escaped(text: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11): what a customer's name holds can end neither the value nor the line."""
    plain = visible(NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    return re.sub(r"([\\;,])", r"\\\1", plain).replace("\n", "\\n")


def folded(line: str) -> Iterator[str]:
    """The line in pieces of at most 75 octets, each after the first begun by a space, no character cut in two."""
    piece = ""
    for character in line:
        if len(f"{piece}{character}".encode()) > LINE_OCTETS:
            yield piece
            piece = " "
        piece += character
    yield piece


def _instant(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%SZ}"
