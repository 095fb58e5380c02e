"""`keepwell override` and `keepwell note`: a person's health score for a while, and notes (HLT-4)."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.alerts import By, Reason, ledger_call, ledger_list
from keepwell.cli.dates import DAY, Now, instant, planned
from keepwell.cli.options import run_of, show_table, show_totals
from keepwell.cli.terminal import print_lines
from keepwell.values.dates import spoken_day

if TYPE_CHECKING:
    from keepwell.tasks.ledger.store import Ledger

app = typer.Typer(help="Override an account's health score, for a while and with a reason.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or name.")]
Until = Annotated[datetime, typer.Option("--until", formats=DAY, callback=planned, help="The day on which it expires.")]


@app.command("set")
def set_(
    account: Account, by: By, reason: Reason, until: Until,
    health: Annotated[float, typer.Option(min=0, max=100, help="The health score to use instead, 0-100.")],
    now: Now = None,
) -> None:  # fmt: skip
    """Override an account's health score. Band, tier and alerts follow it from the next run on."""
    from keepwell.tasks.ledger.overrides import set_override

    at = instant(now)
    rules = run_of(at.date()).settings.work
    found = _about(
        account, at, lambda ledger, named: set_override(ledger, named, health, until.date(), at, by, reason, rules)
    )
    show_totals(asdict(found), None)


@app.command()
def lift(account: Account, by: By, reason: Reason, now: Now = None) -> None:
    """End an override: the computed health score applies again."""
    from keepwell.tasks.ledger.overrides import lift_override

    at = instant(now)
    override = _about(account, at, lambda ledger, named: lift_override(ledger, named, at, by, reason), create=False)
    print_lines(f"lifted: {override.health:g}, set by {override.by} on {spoken_day(override.at)}")


@app.command("list")
def show(now: Now = None) -> None:
    """List the active overrides."""
    import pandas as pd

    from keepwell.playbook.overrides import overrides_at

    at = instant(now)

    def rows(ledger: "Ledger") -> pd.DataFrame:
        overrides = overrides_at(ledger.work(at), at).values()
        return pd.DataFrame([{k: v for k, v in asdict(o).items() if k != "event_id"} for o in overrides])

    show_table(ledger_list(at, rows), "no active override")


def note(
    account: Account,
    text: Annotated[str, typer.Argument(help="What to know: a merger, a budget freeze, a season.")],
    by: By,
    until: Until,
    now: Now = None,
) -> None:
    """Add a note about an account; it shows in its talking points until it expires."""
    from keepwell.tasks.ledger.overrides import add_note

    at = instant(now)
    _about(account, at, lambda ledger, named: add_note(ledger, named, text, until.date(), at, by))
    print_lines(f"noted; expires on {spoken_day(until)}")


def _about(named: str, at: datetime, call: "Callable[[Ledger, str], Any]", *, create: bool = True) -> Any:
    """The result of a call on the ledger about an account that is given by its id or name."""
    from keepwell.tasks.names import Names

    account = Names(run_of(at.date()).marts, at).account(named)
    return ledger_call(at, lambda ledger: call(ledger, account), create=create)
