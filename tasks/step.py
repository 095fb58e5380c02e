"""A step of a flow: a plain function, which becomes a Prefect task run where a Prefect flow is running.

So a flow body reads and runs as plain Python in the CLI and in tests, and shows its steps, retries and states under a
Prefect server, without being written twice.
"""

import functools
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("keepwell")
IO_ERRORS = (OSError, ConnectionError, TimeoutError)


def step(retries: int = 0, delay_seconds: float = 5.0) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function as a step. `retries` is for input and output only: any other error fails at once."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        timed = _timed(function)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            if inside_prefect_flow():
                return _as_task(timed, retries, delay_seconds)(*args, **kwargs)
            return timed(*args, **kwargs)

        return run

    return mark


def _timed(function: Callable[P, R]) -> Callable[P, R]:
    """The function, saying when it begins and how long it took."""
    name = function.__name__.replace("_", " ")

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        start = time.monotonic()
        log.info("%s ...", name)
        result = function(*args, **kwargs)
        log.info("%s: %.1f s", name, time.monotonic() - start)
        return result

    return run


def inside_prefect_flow() -> bool:
    """Whether a Prefect flow run is going on here; never imports Prefect, which takes a second."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def _as_task(function: Callable[P, R], retries: int, delay_seconds: float) -> Callable[P, R]:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    wrapped: Any = task(
        name=function.__name__,
        retries=retries,
        retry_delay_seconds=delay_seconds,
        retry_condition_fn=_is_io,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(function)
    return wrapped


def _is_io(_task: object, _task_run: object, state: Any) -> bool:
    """Whether a failed state came from input or output."""
    try:
        state.result()
    except IO_ERRORS:
        return True
    except Exception:  # noqa: BLE001 whatever else it was, trying again will not help
        return False
    return False
