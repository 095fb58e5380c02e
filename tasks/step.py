"""A step of a flow: a plain function, which becomes a Prefect task run where a Prefect flow is running.

So a flow body reads and runs as plain Python in the CLI and in tests, and shows its steps and states under a Prefect
server, without being written twice. A step has no retries: what can fail for a moment is tried again where it fails,
under Prefect as without (tasks/connections/retries.py).
"""

import functools
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from keepwell.tasks.masking import masked_errors

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("keepwell")


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function as a step."""
    timed = _timed(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if inside_prefect_flow():
            return _as_task(timed)(*args, **kwargs)
        return timed(*args, **kwargs)

    return run


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


def _as_task(function: Callable[P, R]) -> Callable[P, R]:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    wrapped: Any = task(
        name=function.__name__,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(masked_errors()(function))
    return wrapped
