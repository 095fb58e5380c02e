"""One thread for learning, prediction and grading: on small data, or a busy machine, many cost more than they save."""

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_thread() -> Any:
    """A context in which linear algebra and boosting use one thread."""
    return _libraries().limit(limits=1)


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that have threads; finding them reads the whole memory map, which a short call would feel."""
    return ThreadpoolController()
