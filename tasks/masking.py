"""What came from the environment, or is a password, is shown nowhere: each output passes through `masked` (TRU-5).

Values are concealed where they are read. They are masked as they are, encoded as in URLs, JSON and HTML, and by the
part that is secret alone. A value of few characters would tear ordinary words apart: it is masked only in quotes, as
messages repeat what was given, and as the password of a URL; `keepwell doctor` asks for a longer secret.
"""

import html
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote, unquote_plus

UNSET = re.compile(r"\$\{\w+\}")
"""A variable that the environment does not give: its name is no secret."""
SHORTEST = 6
"""Characters from which on a value is masked wherever it stands."""
MASK = "***"
IN_URL = re.compile(r"(?<=://)[^\s/@'\"`]*:[^\s@'\"`]*(?=@)")
"""User and password of a URL, whatever they hold."""
KEYED = re.compile(
    r"(?<=[?&])([\w-]*(?:token|secret|password|passwd|pwd|key|sig|signature)=)([^\s&#'\"`]+)", re.IGNORECASE
)
"""Parts of a URL's query that are secret by their name."""

PARTS = re.compile(r"[^\w.!$*~-]+")

_concealed: set[str] = set()


def conceal(value: str) -> None:
    """From now on a value, and the secrets in it where it is a URL, are masked in whatever this process shows."""
    value = UNSET.sub("", value)
    secrets = secrets_of(value)
    # A driver that misreads a password repeats a part of it.
    parts = (value, *value.splitlines(), *secrets, *(part for one in secrets for part in PARTS.split(one)))
    _concealed.update(form for part in parts for form in _forms(part) if form)


def secrets_of(url: str) -> list[str]:
    """The parts of a URL that are secret: its password, and values of its query that are by their name."""
    passwords = [found.partition(":")[2] for found in IN_URL.findall(url)]
    return [part for part in (*passwords, *(value for _, value in KEYED.findall(url))) if part]


def _forms(value: str) -> set[str]:
    """A value as URLs, JSON, Python and HTML write it."""
    plain = {value, unquote(value), unquote_plus(value)}
    encoded = {
        write(text) for text in plain for write in (quote, quote_plus, html.escape, lambda text: quote(text, safe=""))
    }
    return plain | encoded | {written[1:-1] for text in plain for written in (json.dumps(text), repr(text))}


def masked(text: str) -> str:
    """The text without what is concealed, and without passwords of URLs."""
    concealed_text = _anywhere(frozenset(_concealed)).sub(MASK, text) if _concealed else text
    if "://" not in concealed_text:
        return concealed_text
    return KEYED.sub(rf"\1{MASK}", IN_URL.sub(MASK, concealed_text))


@lru_cache(maxsize=1)
def _anywhere(forms: frozenset[str]) -> re.Pattern[str]:
    """What finds any of them, the longest first; short ones in quotes alone."""
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    found = (re.escape(form) if len(form) >= SHORTEST else rf"(?<=['`]){re.escape(form)}(?=['`])" for form in ordered)
    return re.compile("|".join(found), re.IGNORECASE)


class MaskedRecord(logging.LogRecord):
    """A log record whose message and traceback are masked, whichever handler and library writes it."""

    _traceback: str | None = None

    def getMessage(self) -> str:  # noqa: N802 logging's own name
        return masked(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback, which formatters write once and keep here."""
        return self._traceback

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._traceback = text and masked(text)


def mask_logs() -> None:
    """Every record of this process is masked; calling it again changes nothing."""
    logging.setLogRecordFactory(MaskedRecord)


class _Masked:
    """A text stream that masks what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(masked(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def masked_output() -> Iterator[None]:
    """Within it whatever is printed is masked, also tracebacks and what libraries print; its end forgets the values."""
    before = set(_concealed)
    try:
        with redirect_stdout(_Masked(sys.stdout)), redirect_stderr(_Masked(sys.stderr)):
            yield
    finally:
        _concealed.intersection_update(before)


@contextmanager
def masked_errors() -> Iterator[None]:
    """An error leaves with its text masked: Prefect keeps the text with the run."""
    try:
        yield
    except Exception as error:
        text = str(error)
        if masked(text) == text:
            raise
        raise RuntimeError(f"{type(error).__name__}: {masked(text)}") from None
