"""On which accounts does the challenger act? A stable hash of the account's id decides, not a lot (LRN-2)."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BITS = 53  # a float holds so many exactly, so that no place is rounded up to 1


def acted_on(accounts: Iterable[str], outcome: str, version: str, share: float) -> NDArray[np.bool_]:
    """True for each account on which the challenger of this version acts; `share` of them in the long run.

    An account's place depends on itself, the outcome and the version alone: it keeps its arm while the challenger
    stands, a larger share only adds accounts, and outcomes and challengers draw independently of each other.
    """
    return np.array([place(account, outcome, version) < share for account in accounts], dtype=bool)


def place(account: str, outcome: str, version: str) -> float:
    """Where in [0, 1) an account stands, from SHA-256; the same in every run, process and machine."""
    first = hashlib.sha256(f"{outcome}/{version}/{account}".encode()).digest()[:8]
    return (int.from_bytes(first) >> (64 - BITS)) / 2.0**BITS
