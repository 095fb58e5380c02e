"""`keepwell actions`: what is to be done about each account by when, and what people say about it (ACT-2)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.alerts import By, Note, Reason, ledger_call, ledger_list, none_of
from keepwell.cli.dates import Now, instant
from keepwell.cli.options import run_of, show_table
from keepwell.cli.terminal import print_lines

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="List next actions, and say that one is done or not needed.", no_args_is_help=True)

Named = Annotated[
    str,
    typer.Argument(metavar="ACTION", help="The action's id, enough of its beginning to be unique, or the account's."),
]


@app.command("list")
def show(
    now: Now = None,
    owner: Annotated[str, typer.Option(help="Only actions of this person or role.")] = "",
) -> None:
    """List open actions, overdue ones first, then by due date."""
    import pandas as pd

    from keepwell.playbook.next_actions.life import actions_at

    at, owners = instant(now), set[str]()

    def rows(ledger: Any) -> "pd.DataFrame":
        live = [a for a in actions_at(ledger.actions(at), at).values() if a.live]
        owners.update(a.owner for a in live)
        ordered = sorted(live, key=lambda a: (a.due_on, a.account_id))
        entries = [
            {
                "id": a.action_id[:8], "account": a.account_id, "due": a.due_on, "state": a.state, "owner": a.owner,
                "action": a.action, "reason": a.reason,
            }
            for a in ordered if owner in ("", a.owner)
        ]  # fmt: skip
        return pd.DataFrame(entries, columns=["id", "account", "due", "state", "owner", "action", "reason"])

    table = ledger_list(at, rows)
    show_table(table, none_of(owner, owners, "no open action") if owner and owners else "no open actions")


@app.command()
def done(action: Named, by: By, note: Note = "", now: Now = None) -> None:
    """Say that an action is done, where nothing else on record says so (a call, a contact, an intervention)."""
    _ended("done", action, by, {"note": note} if note else {}, now)


@app.command()
def close(action: Named, by: By, reason: Reason, now: Now = None) -> None:
    """Close an action that is not needed, with a reason. The next begins after a while, or in a more urgent tier."""
    _ended("closed", action, by, {"reason": reason}, now)


def _ended(kind: str, named: str, by: str, about: dict[str, str], now: Any) -> None:
    from keepwell.tasks.ledger.action_responses import end_action

    at = instant(now)
    marts = run_of(at.date()).marts
    found = ledger_call(at, lambda ledger: end_action(ledger, marts, kind, named, at, by, about), create=False)
    print_lines(f"{kind}: {found.action} ({found.account_id})")
