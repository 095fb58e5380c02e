"""What a run talks to over a line: tried again after a failure, with waits that double, then named in one sentence.

Inline and under Prefect alike: steps have no retries of their own, so that nothing is tried nine times (SRC-12, OUT-3).
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from keepwell.tasks.connections.io_errors import io_reason
from keepwell.tasks.errors import Unreachable
from keepwell.tasks.settings import RetrySettings

T = TypeVar("T")
KINDS: Mapping[str, str] = {
    "postgres": "PostgreSQL", "postgresql": "PostgreSQL", "mysql": "MySQL", "duckdb": "DuckDB", "sqlite": "SQLite",
}  # fmt: skip
PORTS: Mapping[str, int] = {"postgres": 5432, "postgresql": 5432, "mysql": 3306, "http": 80, "https": 443}
FILES: Mapping[str, str] = {"duckdb": "", "sqlite": "/"}
"""Databases that are files, and what stands before their path."""
URL = re.compile(
    r"(?P<scheme>[\w+.-]+)://(?:[^:/?@]*(?::(?P<password>[^?]*))?@)?"
    r"(?P<host>\[[^\]]*\]|[^:/?#@]*)(?::(?P<port>\d+))?(?P<rest>.*)"
)
"""As SQLAlchemy reads one: urlsplit takes a password with a slash for a port, and one with a bracket for no URL."""
SHORTEST_PART = 3
SECRET = re.compile("pass|token|secret|key", re.IGNORECASE)

log = logging.getLogger("keepwell")


@dataclass(frozen=True)
class Service:
    """A system at the other end of a line: what it is called, where it is, and what of its URL nobody may read."""

    name: str
    place: str
    secrets: tuple[str, ...] = ()

    @classmethod
    def at(cls, name: str, url: str) -> "Service":
        """The service behind a URL, whatever stands in its password; every driver refuses others."""
        found = URL.match(url)
        if found is None:
            return cls(name, url)
        scheme = found["scheme"].partition("+")[0]
        port = found["port"] or PORTS.get(scheme)
        place = f"{found['host']}:{port}" if port else found["host"]
        if scheme in FILES:
            place = url.partition("://")[2].removeprefix(FILES[scheme])
        kind = f" ({KINDS[scheme]})" if scheme in KINDS else ""
        password = found["password"] or ""
        given = [password, *(value for key, value in parse_qsl(found["rest"].partition("?")[2]) if SECRET.search(key))]
        # A driver that misreads a password repeats a part of it.
        parts = [part for part in re.split(r"[^\w.!$*~-]", password) if len(part) >= SHORTEST_PART]
        return cls(name, place + kind, tuple(filter(None, (*given, *map(unquote, given), *parts))))

    def lost(self, reason: str) -> str:
        """The sentence, but for its end."""
        return f"{self.name} at {self.place} cannot be reached: {self.clean(reason)}"

    def clean(self, text: str) -> str:
        """A driver's words without what is secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return re.sub(r"://[^/@\s]*@", "://", text)


def retried(service: Service, retries: RetrySettings, attempt: Callable[[], T]) -> T:
    """What the attempt gives, made again while its line fails; Unreachable after the last, any other error at once.

    An attempt is repeated as a whole: it must leave nothing behind that a second one would trip over.
    """
    start = time.monotonic()
    for number in range(1, retries.attempts + 1):
        try:
            return attempt()
        except Exception as error:
            reason = io_reason(error)
            if reason is None:
                raise
            said = service.lost(reason)
        if number < retries.attempts:
            wait = retries.wait_seconds * 2 ** (number - 1)
            log.warning("%s. Try %d of %d; the next in %g s.", said, number, retries.attempts, wait)
            time.sleep(wait)
    # Not `from` the driver's error: its text may hold the URL with its password, and Prefect logs what is below.
    tries = f"{retries.attempts} times" if retries.attempts > 1 else "once"
    raise Unreachable(f"{said}. Tried {tries} in {time.monotonic() - start:.0f} s.")


def postgres_options(url: str, retries: RetrySettings) -> dict[str, int]:
    """Time-outs for libpq, but for what the URL names itself.

    A connection that is not made in time ends, and so does one whose other side has vanished without a word.
    """
    third = retries.silence_seconds // 3
    options = {
        "connect_timeout": retries.connect_seconds, "keepalives_idle": third, "keepalives_interval": third,
        "keepalives_count": 2, "tcp_user_timeout": retries.silence_seconds * 1000,
    }  # fmt: skip
    named = dict(parse_qsl(url.partition("?")[2]))
    return {name: value for name, value in options.items() if name not in named}
