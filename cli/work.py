"""`keepwell work`: calls, root causes, interventions, success plans and follow-ups, as people record them (MON-3)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.alerts import By, Note, ledger_call, ledger_list, no_ledger, none_of
from keepwell.cli.dates import DAY, Now, instant, planned
from keepwell.cli.options import run_of, show_table, show_totals
from keepwell.cli.terminal import print_lines
from keepwell.playbook.settings import WorkSettings

if TYPE_CHECKING:
    import pandas as pd

    from keepwell.playbook.interventions.records import WorkEvent
    from keepwell.tasks.ledger.store import Ledger
    from keepwell.tasks.ledger.work_entries import Desk

app = typer.Typer(
    help="Record work: calls, root causes, interventions, success plans, follow-ups.", no_args_is_help=True
)

WORDS = WorkSettings()


def _one_of(what: str, words: Sequence[str], setting: str) -> str:
    """The help of an option that takes one of the words of a setting."""
    return f"{what}: {', '.join(words[:-1])} or {words[-1]}; your own words are {setting} of pipeline.toml."


Account = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account's id, its name, or words of it that no other has.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id, or enough of its beginning to be unique.")]
OwnId = Annotated[str, typer.Option("--id", help="Your own id. Default: a generated one.")]
Cause = Annotated[str, typer.Option(help=_one_of("Root cause", WORDS.causes, "work.causes"))]
Due = Annotated[datetime, typer.Option(formats=DAY, callback=planned, help="Due date.")]
Alerts = Annotated[
    bool, typer.Option("--alerts/--no-alerts", help="Also record this step for the account's open alerts.")
]


@app.command()
def call(
    account: Account, by: By,
    outcome: Annotated[
        str,
        typer.Option(
            help=_one_of(
                "Result of the call", (*WORDS.reached, *WORDS.not_reached), "work.reached and work.not_reached"
            )
        ),
    ],
    note: Note = "", now: Now = None, alerts: Alerts = True,
) -> None:  # fmt: skip
    """Record a call. If it reached the customer, the account's open alerts count as contacted."""
    _record(now, by, alerts, what="call", account=account, outcome=outcome, note=note)


@app.command()
def cause(account: Account, by: By, cause: Cause, note: Note = "", now: Now = None) -> None:
    """Record why the account is at risk."""
    _record(now, by, what="cause", account=account, cause=cause, note=note)


@app.command()
def start(
    account: Account, by: By,
    kind: Annotated[str, typer.Option(help=_one_of("Kind of intervention", WORDS.kinds, "work.kinds"))],
    cause: Cause = "", note: Note = "", own: OwnId = "", now: Now = None,
) -> None:  # fmt: skip
    """Start an intervention; prints its id."""
    _record(now, by, what="start", account=account, kind=kind, cause=cause, note=note, id=own)


@app.command()
def end(
    intervention: Id, by: By,
    result: Annotated[str, typer.Option(help="worked, failed or stopped.")],
    note: Note = "", now: Now = None,
) -> None:  # fmt: skip
    """End an intervention. If recorded again, the last result counts."""
    _record(now, by, what="end", id=intervention, result=result, note=note)


@app.command()
def plan(
    account: Account, by: By, due: Due,
    metric: Annotated[str, typer.Option(help="A published feature, or `health`.")],
    target: Annotated[float, typer.Option(help="Target value.")],
    owner: Annotated[str, typer.Option(help="Who owns the target. Default: --by.")] = "",
    note: Note = "", own: OwnId = "", now: Now = None, alerts: Alerts = True,
) -> None:  # fmt: skip
    """Set a target of a success plan. The account's open alerts count as planned."""
    about = {"metric": metric, "target": target, "due": due.date(), "owner": owner}
    _record(now, by, alerts, what="plan", account=account, note=note, id=own, **about)


@app.command()
def progress(
    plan: Id, by: By,
    value: Annotated[float | None, typer.Option(help="Current value, where it is not in the marts.")] = None,
    status: Annotated[str, typer.Option(help="met, missed or dropped; open: decided by the published values.")] = "",
    note: Note = "", now: Now = None,
) -> None:  # fmt: skip
    """Update a target: value, status or note."""
    _record(now, by, what="progress", id=plan, value=value, status=status, note=note)


@app.command("follow-up")
def follow_up(account: Account, by: By, due: Due, note: Note = "", now: Now = None) -> None:
    """Record a follow-up promised for a day."""
    _record(now, by, what="follow-up", account=account, due=due.date(), note=note)


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="CSV or parquet file; its columns are the options of these commands.")],
    by: Annotated[str, typer.Option("--by", help="Who did it, for rows without a name.")] = "",
    now: Now = None, alerts: Alerts = True,
) -> None:  # fmt: skip
    """Import work from a file: all rows, or none if one has an error. Importing it again adds nothing."""
    from keepwell.tasks.ledger.work_file import events_of

    _written(now, alerts, lambda desk: events_of(file, desk, by))


@app.command()
def done(
    by: By,
    week: Annotated[
        datetime, typer.Option(formats=DAY, callback=planned, help="Any day of the month.")
    ],
    note: Note = "", now: Now = None,
) -> None:  # fmt: skip
    """Sign off the month's calls: all are recorded, and week 3 can finish."""
    from keepwell.flows.month.week_3_interventions import sign_off

    at = instant(now)
    retries = run_of(at.date()).settings.retries
    new, first = ledger_call(at, lambda ledger: sign_off(ledger, week.date(), at, by, note, retries))
    print_lines(
        f"signed off by {by}: the calls before {first} are recorded" if new else f"{first} was already signed off"
    )


@app.command("list")
def show(
    now: Now = None,
    owner: Annotated[str, typer.Option(help="Only this person's work.")] = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only open work.")] = False,
) -> None:
    """List interventions, success plan targets and follow-ups, first due first."""
    at = instant(now)

    def rows(ledger: "Ledger") -> "pd.DataFrame":
        from keepwell.tasks.marts.work import work_list

        return work_list(ledger.work(at), run_of(at.date()).marts, at, open_only=open_only)

    table = ledger_list(at, rows)
    own = table[table["owner"] == owner] if owner and len(table) else table
    nothing = "no open work" if open_only else "no recorded work"
    show_table(own, none_of(owner, set(table["owner"]), nothing) if len(table) else nothing)


def _record(now: datetime | None, by: str, alerts: bool = True, **said: Any) -> None:
    """Record one thing; ConfigError names the option that is wrong."""

    def one(desk: "Desk") -> "list[WorkEvent]":
        from keepwell.tasks.errors import ConfigError
        from keepwell.tasks.ledger.work_entries import Entry, Refused

        try:
            return [desk.event(Entry(at=at, by=by, **said))]
        except Refused as mistake:
            raise ConfigError(f"{mistake.column}: {mistake}") from mistake

    at = instant(now)
    _written(at, alerts, one)


def _written(now: datetime | None, alerts: bool, events: "Callable[[Desk], list[WorkEvent]]") -> None:
    """Record what `events` gives, and say what came of it."""
    at = instant(now)
    run = run_of(at.date())

    def read(ledger: "Ledger") -> "list[WorkEvent]":
        from keepwell.tasks.ledger.work_entries import Desk

        return events(Desk(run.marts, ledger, run.settings.work, at, run.settings.schedule.plan_ahead_days))

    def written(ledger: "Ledger") -> Any:
        from keepwell.tasks.ledger.work import record, summary_of

        found = read(ledger)
        return summary_of(found, record(ledger, found, at, answer=alerts))

    if no_ledger(at):  # what is refused makes none
        from keepwell.tasks.ledger.store import Ledger

        read(Ledger.open("sqlite://"))
    show_totals(ledger_call(at, written), None)
