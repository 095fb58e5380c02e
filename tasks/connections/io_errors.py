"""Which errors are input and output: a line that is refused, dropped, silent or locked (SRC-12).

Such a failure is of the moment and may be tried again. A wrong password, an unknown database, a mapping that does not
bind and data that cannot be read stay as they are, however often they are tried: they are not input and output here.
"""

import errno
import http.client
import re
import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keepwell.tasks.errors import KeepwellError

LENGTH = 200
ERRNOS = frozenset((errno.EIO, errno.ESTALE, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH))
SQLITE_CODES = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PROTOCOL)
)
SQLSTATES = ("08", "40", "53", "55P03", "57", "58")
"""Lost connections, deadlocks, lack of resources, a lock, an operator or a time-out, the system under the server."""
SERVER_MESSAGE = re.compile(r"failed: \w+:  (.*)")
"""What the server itself answered to a connection; libpq's own words have one blank after a colon."""
FOR_NOW = ("starting up", "shutting down", "recovery", "not yet accepting", "too many", "connection slots")
OUR_SIDE = ("no password supplied", "SSL was required", "certificate")
DUCKDB_FILE = ("enough bytes", "Corrupt", "not a valid", "No files found", "No such file", "Permission denied")
"""IO errors of DuckDB that are of the file's content or name."""
STATUSES = (408, 429)
SERVER_ERROR = 500


def io_reason(error: BaseException) -> str | None:
    """Why a service did not answer, in the driver's own words; None for an error of any other kind."""
    reasons = [_said(one) for one in _chain(error) if _is_io(one)]
    return next((reason for reason in reversed(reasons) if reason), type(error).__name__) if reasons else None


def in_words(error: BaseException) -> str:
    """What the driver says of any error, on one line."""
    return next(filter(None, reversed([_said(one) for one in _chain(error)])), type(error).__name__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those inside it, as libraries wrap them; the innermost, which is last, says most."""
    while error is not None and not isinstance(error, KeepwellError):
        yield error
        within = getattr(error, "orig", None) or error.__cause__
        error = within if within or error.__suppress_context__ else error.__context__


def _is_io(error: BaseException) -> bool:
    package = type(error).__module__.partition(".")[0].lstrip("_")
    if judge := DRIVERS.get(package):
        return judge(error)
    if isinstance(error, OSError):
        return _of_the_system(error)
    # Every other driver of a database follows PEP 249 in its names.
    return bool({kind.__name__ for kind in type(error).__mro__} & {"OperationalError", "InterfaceError"})


def _of_the_system(error: OSError) -> bool:
    lost = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
    return not isinstance(error, ssl.SSLCertVerificationError) and (isinstance(error, lost) or error.errno in ERRNOS)


def _postgres(error: Any) -> bool:
    import psycopg

    if state := str(error.sqlstate or ""):
        return state.startswith(SQLSTATES)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    if answer := SERVER_MESSAGE.search(str(error)):
        return any(words in answer[1] for words in FOR_NOW)
    return not any(words in str(error) for words in OUR_SIDE)


def _duckdb(error: Any) -> bool:
    import duckdb

    lost = isinstance(error, duckdb.IOException | duckdb.ConnectionException)
    return lost and not any(words in str(error) for words in DUCKDB_FILE)


def _sqlite(error: Any) -> bool:
    # The first byte is the error, those above it say more.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in SQLITE_CODES


def _sqlalchemy(error: Any) -> bool:
    import sqlalchemy as sa

    return isinstance(error, sa.exc.TimeoutError) or bool(getattr(error, "connection_invalidated", False))


def _answered(error: Any) -> bool | None:
    """Whether the status of an answer is of the moment; None where there was no answer."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return None if status is None else status in STATUSES or status >= SERVER_ERROR


def _requests(error: Any) -> bool:
    import requests

    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.RetryError)
    truncated = requests.exceptions.ChunkedEncodingError
    refused = isinstance(error, requests.exceptions.SSLError)
    return bool(_answered(error)) or (isinstance(error, (*lost, truncated)) and not refused)


def _httpx(error: Any) -> bool:
    import httpx

    wrong = isinstance(error, httpx.UnsupportedProtocol)
    return bool(_answered(error)) or (isinstance(error, httpx.TransportError) and not wrong)


def _urllib3(error: Any) -> bool:
    import urllib3

    return isinstance(error, urllib3.exceptions.TimeoutError | urllib3.exceptions.ProtocolError)


def _http(error: Any) -> bool:
    return isinstance(error, ConnectionError | http.client.IncompleteRead | http.client.BadStatusLine)


def _never(_error: Any) -> bool:
    """MLflow and Ibis wrap what others raised."""
    return False


DRIVERS: Mapping[str, Callable[[Any], bool]] = {
    "psycopg": _postgres, "duckdb": _duckdb, "sqlite3": _sqlite, "sqlalchemy": _sqlalchemy, "requests": _requests,
    "httpx": _httpx, "prefect": _httpx, "urllib3": _urllib3, "http": _http, "mlflow": _never, "ibis": _never,
}  # fmt: skip
"""Which errors of a package are input and output."""


def _said(error: BaseException) -> str:
    """The first line of an error without what the sentence around it says already."""
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    text = str(error).strip().rsplit(" failed: ", 1)[-1]
    first = text.splitlines()[0] if text else ""
    short = re.sub(r"^(FATAL|IO Error|\[Errno -?\d+\]):?\s+|\s*See also .*$", "", first)
    return short.strip().rstrip(".")[:LENGTH]
