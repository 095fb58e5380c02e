"""`keepwell alerts`: list the open alerts and record each step of the response."""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepwell.cli.dates import MINUTES, Now, instant, planned
from keepwell.cli.options import Options, not_blank, run_of, show_table, show_totals
from keepwell.cli.terminal import print_lines

if TYPE_CHECKING:
    import pandas as pd

    from keepwell.playbook.alerts.cases import Case

app = typer.Typer(help="List open alerts and record the response to their cases.", no_args_is_help=True)

Alert = Annotated[
    str, typer.Argument(help="The id of the case, or of one of its alerts, or enough of its beginning to be unique.")
]
By = Annotated[str, typer.Option("--by", callback=not_blank, help="Your name.")]
Note = Annotated[str, typer.Option(help="A note for the record.")]
Reason = Annotated[str, typer.Option(callback=not_blank, help="Why; goes on record.")]

COLUMNS = (
    "alert", "account", "name", "arr", "rule", "severity", "state", "owner", "opened", "case", "next", "due", "missed",
    "detail",
)  # fmt: skip
STEPS = {
    "ack": "Acknowledge the case: you have seen it.",
    "assess": "Record that you know what the case is about.",
    "plan": "Record the plan: what will be done (--note).",
    "contact": "Record that the customer was contacted.",
    "follow-up": "Record the follow-up.",
    "review": "Record the review, for rules with a review deadline of their own.",
}


def none_of(person: str, people: Collection[str], what: str) -> str:
    """A sentence that a person has no entries, with the nearest name: it may be misspelled."""
    from keepwell.tasks.errors import nearest

    return f"{what} for {person!r}" + ("" if person in people else nearest(person, people))


def no_ledger(now: datetime) -> str:
    """That there is no ledger yet, and what makes it; empty where there is one."""
    from keepwell.tasks.ledger.database import missing_file

    run = run_of(now.date())
    missing = missing_file(run.ledger_url)
    setting = "ledger.url" if run.settings.ledger.url else "--out"
    return f"There is no ledger at {missing} yet: `keepwell daily` makes it. Is {setting} right?" if missing else ""


def ledger_call(now: datetime, call: Callable[[Any], Any], *, create: bool = True) -> Any:
    """The result of a call on the ledger. `create`: whether the call may make one; else a missing one is exit 2."""
    from keepwell.tasks.errors import ConfigError

    if not create and (missing := no_ledger(now)):
        raise ConfigError(missing)
    run = run_of(now.date())
    ledger = run.open_ledger()
    try:
        return call(ledger)
    finally:
        ledger.close()


def ledger_list(now: datetime, rows: Callable[[Any], "pd.DataFrame"]) -> "pd.DataFrame":
    """The rows that a call reads from the ledger; none, and a sentence on stderr, where there is no ledger yet."""
    if missing := no_ledger(now):
        import pandas as pd

        print_lines(missing, err=True)
        return pd.DataFrame()
    found: pd.DataFrame = ledger_call(now, rows)
    return found


@app.command("list")
def show(
    now: Now = None,
    owner: Annotated[str, typer.Option(help="Only cases of this CSM.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Include alerts that closed within the last day.")] = False,
) -> None:
    """List open alerts with their case: critical ones first, missed deadlines before others, then the next deadline.

    Alerts on hold have no case and no deadline yet. `--json` has every column.
    """
    import pandas as pd

    from keepwell.playbook.alerts.cases import cases_of
    from keepwell.playbook.alerts.ledger_events import DATA_RULE, SEVERITIES, alerts_at
    from keepwell.playbook.alerts.own_rules import name_of
    from keepwell.tasks.names import book_at

    at, owners = instant(now), set[str]()
    book = book_at(run_of(at.date()).marts, at)

    def rows(ledger: Any) -> "pd.DataFrame":
        history = ledger.history(at)
        alerts = alerts_at(history, at)
        cases = {a.alert_id: case for case in cases_of(history, at) for a in case.triggers}
        on_hold = Counter(a.on_hold_for for a in alerts if a.closed_at is None)
        entries = [
            {
                "alert": a.alert_id[:8], "account": a.account_id, **named(book, a.account_id), "rule": name_of(a.rule),
                "severity": a.severity, "state": a.state, "owner": a.owner, "opened": a.opened_at,
                **_next_step(cases.get(a.alert_id)),
                "detail": a.detail + (f" ({on_hold[a.alert_id]} on hold)" if a.rule == DATA_RULE else ""),
            }
            for a in alerts
            if (every or a.closed_at is None) and owner in ("", a.owner)
        ]  # fmt: skip
        owners.update(a.owner for a in alerts if a.closed_at is None)
        entries.sort(
            key=lambda row: (
                SEVERITIES.index(row["severity"]), row["missed"] == "", row["due"] == "", str(row["due"]),
                -(row["arr"] or 0.0), row["alert"],
            )
        )  # fmt: skip
        return pd.DataFrame(entries, columns=COLUMNS)

    table = ledger_list(at, rows)
    nothing = none_of(owner, owners, "no open alert") if owner and owners else "no open alerts"
    show_table(table, nothing, [_for_people(row) for row in table.to_dict("records")])


def named(book: "pd.DataFrame", account: str) -> dict[str, Any]:
    """Name and ARR of an account; None where the newest scores have it not."""
    known = book.loc[account] if account in book.index else None
    return {"name": None if known is None else known["name"], "arr": None if known is None else known["arr"]}


def who(row: dict[str, Any]) -> dict[str, Any]:
    """The account of a row as people read it: its name over its id, and the ARR."""
    both = [row["name"], row["account"]] if isinstance(row["name"], str) else [row["account"]]
    return {"account": both, "ARR": f"{row['arr']:,.0f}" if row["arr"] == row["arr"] and row["arr"] is not None else ""}


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    """An alert in a few columns."""
    due = f"{row['next']} by {row['due']:%m-%d %H:%M}" if row["due"] else row["state"]
    return {
        "case": row["case"] or row["alert"], **who(row), "severity": row["severity"],
        "next": [due, *(f"missed: {step}" for step in row["missed"].split(", ") if step)],
        "what": [row["detail"], row["owner"]],
    }  # fmt: skip


def _next_step(case: "Case | None") -> dict[str, Any]:
    """The case of an alert, its next step and deadline, and the steps that were missed."""
    waiting = case.open_deadlines if case and case.live else []
    return {
        "case": case.case_id[:8] if case else "",
        "next": waiting[0].step if waiting else "", "due": waiting[0].due if waiting else "",
        "missed": ", ".join(dict.fromkeys(d.step for d in case.deadlines if d.missed)) if case else "",
    }  # fmt: skip


def _step(name: str, help_text: str) -> None:
    """Register the command of one step."""

    def command(alert: Alert, by: By, now: Now = None, note: Note = "") -> None:
        from keepwell.tasks.ledger.alert_responses import respond

        at = instant(now)
        steps = ledger_call(
            at, lambda ledger: respond(ledger, alert, name.replace("-", "_"), at, by, note), create=False
        )
        print_lines(f"recorded: {', '.join(steps)}" if steps else "already recorded: nothing changed")

    app.command(name, help=help_text)(command)


for _name, _help_text in STEPS.items():
    _step(_name, _help_text)


@app.command()
def snooze(
    alert: Alert, by: By, reason: Reason,
    until: Annotated[datetime, typer.Option("--until", formats=MINUTES, callback=planned, help="When it ends, UTC.")],
    now: Now = None,
) -> None:  # fmt: skip
    """Snooze a case, with a reason; its deadlines pause. Any of its alerts names it."""
    from keepwell.tasks.ledger.alert_responses import snooze

    at = instant(now)
    settings = run_of(at.date()).settings.alerts
    _changed(ledger_call(at, lambda ledger: snooze(ledger, alert, until, at, by, reason, settings), create=False))


def _decision(name: str, kind: str, help_text: str) -> None:
    """Register the command of one decision about a data alert."""

    def command(data_alert: Alert, by: By, reason: Reason, now: Now = None) -> None:
        from keepwell.flows.sweep import decide_on_hold
        from keepwell.tasks.errors import ConfigError

        at = instant(now)
        if missing := no_ledger(at):
            raise ConfigError(missing)
        show_totals({"held": decide_on_hold(run_of(at.date()), data_alert, kind, at, by, reason), kind: "yes"}, None)

    app.command(name, help=help_text)(command)


_decision("release", "released", "The change is real: alerts on hold open now, and their deadlines start now.")
_decision("discard", "discarded", "The data was wrong: alerts on hold close, and this change opens no more of them.")


@app.command()
def close(alert: Alert, by: By, reason: Reason, now: Now = None) -> None:
    """Close a case, or one alert of it, by hand. If its cause remains, a new alert opens after the cool-down."""
    from keepwell.tasks.ledger.alert_responses import close

    at = instant(now)
    _changed(ledger_call(at, lambda ledger: close(ledger, alert, at, by, reason), create=False))


def _changed(case: "Case") -> None:
    """Print the case; with --json, all of its columns."""
    from keepwell.playbook.alerts.cases import case_row

    row = case_row(case)
    if Options.json:
        show_totals(row, None)
        return
    asleep = case.snoozed_until
    show_totals(
        {"case": case.case_id[:8], "account": case.account_id, "state": case.state, "triggers": row["triggers"]}
        | ({"snoozed until": f"{asleep:%Y-%m-%d %H:%M}"} if asleep else {})
        | ({"reason": row["reason"]} if row["reason"] else {}),
        None,
    )
