"""Where log records go: to stderr with instant and level, and inside a Prefect flow run to that run's logs too."""

import logging
import time
from typing import Any

from keepwell.tasks.masking import mask_logs
from keepwell.tasks.step import inside_prefect_flow, log
from keepwell.values.texts import one_line, visible


def log_to_stderr(level: int = logging.INFO) -> None:
    """What a command does, as it does it, and warnings of libraries in the same form."""
    mask_logs()
    logging.basicConfig(level=logging.WARNING, handlers=[_stderr()])
    log.setLevel(level)


def log_to_prefect() -> None:
    """Called in a flow run: its records go to the run's logs on the server, whatever level Prefect itself logs at.

    Where Prefect started the process (`serve`, a worker), its console has the root of all loggers; ours prints its own
    lines there, so that they look the same everywhere. Calling it again changes nothing.
    """
    mask_logs()
    from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler

    log.setLevel(logging.INFO)
    if not _has(log, APILogHandler):
        to_server = APILogHandler()
        to_server.addFilter(lambda _: inside_prefect_flow())  # outside of a run there is nothing to log it to
        log.addHandler(to_server)
    if log.propagate and _has(logging.getLogger(), PrefectConsoleHandler):
        log.addHandler(_stderr())
        log.propagate = False


class _SafeFormatter(logging.Formatter):
    """One line a record, and nothing in it that a terminal obeys: names and texts of customers are logged too."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 logging's own name
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 the same
        return visible(super().formatException(ei))


def _has(logger: logging.Logger, kind: type[logging.Handler]) -> bool:
    return any(isinstance(handler, kind) for handler in logger.handlers)


def _stderr() -> logging.Handler:
    """Lines such as `2026-06-02T05:00:03Z INFO stage sources: 1.2 s`, in UTC whatever the time zone of the machine."""
    form = _SafeFormatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    return handler
