"""`keepwell actions`: what is to be done about each account by when, and what people say about it (ACT-2)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.alerts import By, Note, Reason, ledger_call, ledger_list, named, none_of, who
from keepwell.cli.dates import Now, instant
from keepwell.cli.options import run_of, show_table
from keepwell.cli.terminal import print_lines

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("id", "account", "name", "arr", "due", "state", "owner", "action", "reason")
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
    """List open actions by due date, the larger account first. `--json` has every column."""
    import pandas as pd

    from keepwell.playbook.next_actions.life import actions_at
    from keepwell.tasks.names import book_at

    at, owners = instant(now), set[str]()
    book = book_at(run_of(at.date()).marts, at)

    def rows(ledger: Any) -> "pd.DataFrame":
        live = [a for a in actions_at(ledger.actions(at), at).values() if a.live]
        owners.update(a.owner for a in live)
        entries = [
            {
                "id": a.action_id[:8], "account": a.account_id, **named(book, a.account_id), "due": a.due_on,
                "state": a.state, "owner": a.owner,
                "action": a.action, "reason": a.reason,
            }
            for a in live if owner in ("", a.owner)
        ]  # fmt: skip
        entries.sort(key=lambda row: (row["due"], -(row["arr"] or 0.0), row["account"]))
        return pd.DataFrame(entries, columns=COLUMNS)

    table = ledger_list(at, rows)
    nothing = none_of(owner, owners, "no open action") if owner and owners else "no open actions"
    people = [
        {
            "id": row["id"], **who(row), "due": [row["due"], row["state"]],
            "action": [row["action"], f"{row['owner']}: {row['reason']}"],
        }
        for row in table.to_dict("records")
    ]  # fmt: skip
    show_table(table, nothing, people)


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
