"""`keepwell withdraw`: take back a run of a wrong date."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from keepwell.cli.alerts import By, Reason
from keepwell.cli.dates import DAY
from keepwell.cli.options import Options, run_of, show_totals
from keepwell.cli.terminal import print_lines


def withdraw(
    as_of: Annotated[datetime, typer.Option("--as-of", formats=DAY, help="The date to take back.")],
    by: By,
    reason: Reason,
    whole_day: Annotated[
        bool, typer.Option("--whole-day", help="Also take back the day's sweeps, recorded work and model changes.")
    ] = False,
) -> None:
    """Take back the run of a date: its marts and reports are removed, its ledger entries are voided, on record."""
    from keepwell.flows.on_demand.withdraw import withdraw

    found = withdraw(run_of(as_of.date()), by, reason, whole_day=whole_day)
    if found.nothing and not Options.json:
        print_lines(f"nothing to take back for {as_of:%Y-%m-%d}")
    else:
        show_totals({name: value for name, value in asdict(found).items() if name != "left"}, None)
    if found.left:
        one = found.left == 1
        remaining = "1 entry" if one else f"{found.left} entries"
        print_lines(
            f"{remaining} of {as_of:%Y-%m-%d} {'remains' if one else 'remain'} (sweeps, recorded work, model changes). "
            f"Take {'it' if one else 'them'} back too with --whole-day.",
            err=True,
        )
