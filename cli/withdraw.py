"""`keepwell withdraw`: the way back from a date that should not be there."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from keepwell.cli.alerts import By, Reason
from keepwell.cli.dates import DAY
from keepwell.cli.options import Options, run_of, show_totals
from keepwell.cli.terminal import print_lines


def withdraw(
    as_of: Annotated[datetime, typer.Option("--as-of", formats=DAY, help="The date to take back, whichever it is.")],
    by: By,
    reason: Reason,
    whole_day: Annotated[
        bool, typer.Option("--whole-day", help="The sweeps of that day too, and what people recorded as of it.")
    ] = False,
) -> None:
    """Take a date back: it leaves marts and reports, and the ledger reads as if it had not run. This is on record."""
    from keepwell.flows.on_demand.withdraw import withdraw

    found = withdraw(run_of(as_of.date()), by, reason, whole_day=whole_day)
    if found.nothing and not Options.json:
        print_lines(f"nothing of {as_of:%Y-%m-%d} is there to take back")
    else:
        show_totals({name: value for name, value in asdict(found).items() if name != "left"}, None)
    if found.left:
        print_lines(
            f"{found.left} lines of {as_of:%Y-%m-%d} still stand: of sweeps, of what people recorded, of changes to "
            "models. --whole-day takes them back too.",
            err=True,
        )
