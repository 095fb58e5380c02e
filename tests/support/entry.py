"""`keepwell` as a process whose clock stands, `python -m tests.support.entry`: no test may depend on today's date."""

from datetime import datetime

from keepwell.cli.main import main

CLOCK = datetime(2027, 1, 1)
"""After every date that the tests' companies live through."""

if __name__ == "__main__":
    main(clock=lambda: CLOCK)
