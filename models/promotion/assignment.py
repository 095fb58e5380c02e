"""Which accounts the challenger acts on, by a stable hash of the account's id (LRN-2)."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BITS = 53  # the precision of a float, so that no place is rounded up to 1


def acted_on(accounts: Iterable[str], outcome: str, version: str, share: float) -> NDArray[np.bool_]:
    """True for each account on which the challenger of this version acts; `share` of them in the long run.

    An account's place depends only on its id, the outcome and the version: it keeps its arm as long as there is this
    challenger, a larger share only adds accounts, and outcomes and challengers draw independently of each other.
    """
    return np.array([place(account, outcome, version) < share for account in accounts], dtype=bool)


def place(account: str, outcome: str, version: str) -> float:
    """The account's position in [0, 1), from SHA-256; the same in every run, process and machine."""
    first = hashlib.sha256(f"{outcome}/{version}/{account}".encode()).digest()[:8]
    return (int.from_bytes(first) >> (64 - BITS)) / 2.0**BITS
