"""`keepwell accept`: a move of the book that is true."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from keepwell.cli.alerts import By, Reason
from keepwell.cli.dates import DAY, believed
from keepwell.cli.options import Options, run_of, show_totals
from keepwell.cli.terminal import print_lines


def accept(
    as_of: Annotated[
        datetime, typer.Option("--as-of", formats=DAY, callback=believed, help="The date whose checks found it.")
    ],
    by: By,
    reason: Reason,
) -> None:
    """Accept that accounts vanished, or that accounts or ARR moved far: the date publishes when it runs again."""
    from keepwell.flows.on_demand.accept import accept

    result = accept(run_of(as_of.date()), by, reason)
    show_totals({name: value for name, value in asdict(result).items() if name != "before"}, None)
    if result.before:
        print_lines(f"{result.as_of} was already accepted by {result.by}", err=True)
    elif not Options.json:
        print_lines(f"Now run {result.as_of} again, for example: keepwell daily --as-of {result.as_of}")
