"""A flow under Prefect, from the command line: under the server that is named, or an ephemeral one (OUT-3)."""

import logging
import os
from pathlib import Path
from typing import Any

from keepwell.flows.configuration.settings import load_settings
from keepwell.tasks.connections.prefect_api import address, asked, gone, healthy
from keepwell.tasks.errors import KeepwellError


def run_under_prefect(name: str, config: Path, out: Path, *, debug: bool, **parameters: Any) -> Any:
    """Run a flow now; its result, or its own error. Unreachable where the server does not answer, or stops to."""
    retries = load_settings(config).retries
    # Prefect reads these when it is imported; by itself it would try every request for a minute, each up to a minute.
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", str(retries.attempts - 1))
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", str(retries.silence_seconds))
    from keepwell.flows.deployments import FLOWS

    url = address()
    if url:
        asked(healthy, url, retries)
    if not debug:
        _in_one_line_each()
    try:
        return FLOWS[name](config=str(config), out=str(out), **parameters)
    except Exception as error:
        if url and (lost := gone(error, url)):
            raise lost from None
        raise


def _in_one_line_each() -> None:
    """Prefect logs what a person has to mend without a traceback, and is silent about logs that it cannot send."""
    logging.raiseExceptions = False
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, KeepwellError) or type(error).__module__.startswith(("httpx", "prefect")):
        record.exc_info = None
    return True
