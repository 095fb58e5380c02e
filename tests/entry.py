"""`keepwell` as a process whose clock stands: `python -m tests.entry ...` (no test may depend on today's date)."""

from datetime import datetime

from flows.cli import main

CLOCK = datetime(2027, 1, 1)
"""After every date that the tests' companies live through."""

if __name__ == "__main__":
    main(clock=lambda: CLOCK)
