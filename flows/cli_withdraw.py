"""`keepwell withdraw`: the way back from a date that should not be there."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from flows.cli_alerts import By, Reason
from flows.instants import DAY
from flows.options import Options, run_of, show_totals
from flows.terminal import say


def withdraw(
    as_of: Annotated[datetime, typer.Option("--as-of", formats=DAY, help="The date to take back, whichever it is.")],
    by: By,
    reason: Reason,
    whole_day: Annotated[
        bool, typer.Option("--whole-day", help="The sweeps of that day too, and what people recorded as of it.")
    ] = False,
) -> None:
    """Take a date back: it leaves marts and reports, and the ledger reads as if it had not run. This is on record."""
    from flows.withdrawal import withdraw

    found = withdraw(run_of(as_of.date()), by, reason, whole_day=whole_day)
    if found.nothing and not Options.json:
        say(f"nothing of {as_of:%Y-%m-%d} is there to take back")
    else:
        show_totals({name: value for name, value in asdict(found).items() if name != "left"}, None)
    if found.left:
        say(
            f"{found.left} lines of {as_of:%Y-%m-%d} still stand: of sweeps, of what people recorded, of changes to "
            "models. --whole-day takes them back too.",
            err=True,
        )
