"""`keepwell review`: experts forecast blind, then see the scores; flags, grades and sign-off (REV-1..4)."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keepwell.cli.dates import DAY, Now, instant, planned
from keepwell.cli.model import Outcome
from keepwell.cli.options import Options, not_blank, run_of, show_totals
from keepwell.cli.terminal import print_json, print_lines
from keepwell.values.dates import spoken_day

if TYPE_CHECKING:
    from keepwell.flows.on_demand.review import Report, Said
    from keepwell.models.grading.review import Grade
    from keepwell.playbook.review.sprint import Sprint

app = typer.Typer(help="Expert review of a model: forecast first, then see its scores.", no_args_is_help=True)

LABELS = {
    "model_chance": "model probability", "health_chance": "health probability", "picked": "picked because",
    "model_says": "model reasons", "health_says": "health reasons",
}  # fmt: skip
"""What the terminal calls the parts of a revealed account."""

Account = Annotated[str, typer.Argument(help="The account's id.")]
By = Annotated[str, typer.Option("--by", callback=not_blank, help="Your name.")]
Review = Annotated[str, typer.Option("--review", help="Review id, or its beginning. Default: the newest.")]
Kind = Literal["seasonal", "segment", "feature", "note", "override"]
Note = Annotated[str, typer.Option("--note", help="The explanation.")]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=DAY, callback=planned, help="The day on which an override expires."),
]
Percent = Annotated[
    float, typer.Argument(metavar="PERCENT", min=0, max=100, help="Your forecast of the probability, 0 to 100.")
]


@app.command()
def start(
    by: By, outcome: Outcome = "churn", now: Now = None,
    version: Annotated[str, typer.Option(help="Version number. Default: the challenger, else the champion.")] = "",
) -> None:  # fmt: skip
    """Start a review: accounts where risk and health disagree most, and some where they agree."""
    from keepwell.flows.on_demand.review import start

    at = instant(now)
    sprint = start(run_of(at.date()), at, outcome, version, by)
    show_totals(
        {
            "review": sprint.review_id, "outcome": sprint.outcome, "version": sprint.version,
            "accounts": len(sprint.accounts), "scores_of": sprint.as_of, "outcomes_known_on": sprint.outcomes_known_on,
            "health_line": sprint.health_line,
        },
        None,
    )  # fmt: skip


@app.command("next")
def following(by: By, review: Review = "", now: Now = None) -> None:
    """Show the next account that you have not forecast: facts only, no scores."""
    from keepwell.flows.on_demand.review import question

    asked = question(run_of(instant(now).date()), by, review)
    if asked is None:
        print_lines("null" if Options.json else "you have forecast all accounts: keepwell review reveal")
        return
    about = {name: str(value) for name, value in asked.about.items()}
    asks = _asks(asked.sprint)
    if Options.json:
        found = {"account": asked.account_id, "left": asked.left, "asks": asks, "about": about, "facts": asked.facts}
        print_json(found)
        return
    print_lines(f"account {asked.account_id} ({asked.left} of {len(asked.sprint.accounts)} left). {asks}", "")
    for name, value in about.items():
        print_lines(f"{name.replace('_', ' '):>18}  {value}")
    print_lines("", *asked.facts)


@app.command()
def answer(
    account: Account, percent: Percent, by: By, review: Review = "", now: Now = None,
    flag: Annotated[Kind | None, typer.Option(help="Flag the account, with --note.")] = None,
    note: Note = "", until: Until = None,
) -> None:  # fmt: skip
    """Record your forecast. You can change it until the scores are revealed to you."""
    from keepwell.flows.on_demand.review import answer

    at = instant(now)
    flagged = _said(flag, note, None, until) if flag else None
    sprint = answer(run_of(at.date()), account, percent / 100, by, at, review, flagged)
    show_totals({"recorded": f"{account} {percent:g}%", "left": len(sprint.open_for(by))}, None)


@app.command()
def reveal(
    by: By, review: Review = "", now: Now = None,
    account: Annotated[str, typer.Argument(help="The account's id. Default: all that you have forecast.")] = "",
) -> None:  # fmt: skip
    """Show scores and reasons of accounts that you have forecast, and outcomes once known."""
    from keepwell.flows.on_demand.review import reveal

    at = instant(now)
    found = reveal(run_of(at.date()), account, by, at, review)
    rows = [_revealed(found, name) for name, who in found.sprint.answers if who == by and account in ("", name)]
    if Options.json:
        print_json(rows)
    for row in [] if Options.json else rows:
        show_totals({LABELS.get(name, name): _words(value) for name, value in row.items()}, None)
        print_lines("")


@app.command()
def flag(
    account: Account, kind: Annotated[Kind, typer.Option(help="What should be done about it.")], note: Note, by: By,
    percent: Annotated[
        float | None, typer.Option("--chance", min=0, max=100, help="For an override: the probability to use, 0-100.")
    ] = None,
    until: Until = None, review: Review = "", now: Now = None,
) -> None:  # fmt: skip
    """Flag an account that you have forecast, with an explanation."""
    from keepwell.flows.on_demand.review import flag

    at = instant(now)
    found = flag(run_of(at.date()), account, _said(kind, note, percent, until), by, at, review)
    show_totals({"flag": found.flag_id, "account": found.account_id, "kind": found.kind}, None)


@app.command()
def followed(
    flag: Annotated[str, typer.Argument(help="The flag's id, or its beginning.")], note: Note, by: By, now: Now = None
) -> None:  # fmt: skip
    """Record what was done about a flag."""
    from keepwell.flows.on_demand.review import follow

    at = instant(now)
    found = follow(run_of(at.date()), flag, note, by, at)
    show_totals({"flag": found.flag_id, "explanation": found.note, "followed": found.followed}, None)


@app.command()
def report(
    review: Review = "", now: Now = None,
    sign: Annotated[str, typer.Option(help="Sign off the review with your name.")] = "", note: Note = "",
) -> None:  # fmt: skip
    """Report the review: progress, how good the forecasts were, flags and follow-ups."""
    from keepwell.flows.on_demand.review import report

    at = instant(now)
    found = report(run_of(at.date()), at, review, sign, note)
    if Options.json:
        print_json(_as_json(found))
    else:
        print_lines(*_in_lines(found))


def _said(kind: Kind, note: str, percent: float | None, until: datetime | None) -> "Said":
    from keepwell.flows.on_demand.review import Said

    return Said(kind, note, None if percent is None else percent / 100, until.date() if until else None)


def _asks(sprint: "Sprint") -> str:
    from keepwell.tasks.learning.model_card import WHAT

    days = (sprint.horizon_end - sprint.as_of).days
    what = WHAT[sprint.outcome].format(days=days)
    return f"How likely is it, 0 to 100, that the account {what} of {spoken_day(sprint.as_of)}?"


def _revealed(found: "Report", account: str) -> dict[str, Any]:
    """The scores and reasons of one account, and its outcome once known."""
    frozen, known = found.sprint.accounts[account], found.outcomes.get(account)
    answers = {f"forecast_{who}": a.probability for (name, who), a in found.sprint.answers.items() if name == account}
    outcome = (
        f"not known before {found.sprint.outcomes_known_on}" if known is None else "yes" if known.occurred else "no"
    )
    return {
        "account": account, **answers, "model_chance": frozen["model"], "health": frozen["health"],
        "health_chance": frozen["health_chance"], "picked": frozen["why"], "model_says": frozen["model_reasons"],
        "health_says": frozen["health_reasons"], "outcome": outcome,
    }  # fmt: skip


def _words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return "; ".join(value) or "nothing unusual"
    return "unknown" if value is None else str(value)


def _as_json(found: "Report") -> dict[str, Any]:
    from keepwell.tasks.operations.reviews import flag_rows

    sprint = found.sprint
    return {
        "review": sprint.review_id, "outcome": sprint.outcome, "version": sprint.version, "scores_of": sprint.as_of,
        "accounts": len(sprint.accounts), "seen": len(sprint.seen), "signed_by": sprint.signed_by or None,
        "signed_at": sprint.signed_at, "outcomes_known_on": sprint.outcomes_known_on, "health_line": sprint.health_line,
        "figures": [_metric_row(grade) for grade in found.metrics], "flags": flag_rows(sprint),
    }  # fmt: skip


def _metric_row(grade: "Grade") -> dict[str, Any]:
    e = grade.estimate
    values = {n: v if math.isfinite(v) else None for n, v in (("value", e.value), ("low", e.low), ("high", e.high))}
    return {
        "name": grade.name,
        "statistic": grade.statistic,
        **values,
        "accounts": grade.accounts,
        "outcomes": grade.outcomes,
    }


def _in_lines(found: "Report") -> list[str]:
    sprint = found.sprint
    known = (
        "outcomes are known" if found.outcomes else f"outcomes will be known on {spoken_day(sprint.outcomes_known_on)}"
    )
    signed = (
        f"signed off by {sprint.signed_by} on {spoken_day(sprint.signed_at)}" if sprint.signed_at else "not signed off"
    )
    model = f"{sprint.outcome}, version {sprint.version}, scores of {spoken_day(sprint.as_of)}"
    lines = [
        f"review {sprint.review_id}: {model}; {signed}",
        f"{len(sprint.seen)} of {len(sprint.accounts)} accounts forecast and revealed; {known}",
        sprint.health_line, *([f"note: {sprint.signed_note}"] if sprint.signed_note else []), "",
        *_metric_lines(found.metrics),
        "The accounts were picked where the scores disagree: these metrics hold for them, not for the portfolio.",
        "Working on an account because of what was revealed may change its outcome.",
    ]  # fmt: skip
    for flag in sprint.flags.values():
        became = f"{flag.followed_by}: {flag.followed}" if flag.followed else "no follow-up yet"
        until = f", expires {spoken_day(flag.until)}" if flag.until else ""
        lines.append(
            f"flag {flag.flag_id[:8]}  {flag.account_id}  {flag.kind}{until}, {flag.by}: {flag.note} -> {became}"
        )
    return lines


def _metric_lines(grades: "Sequence[Grade]") -> list[str]:
    lines = []
    for grade in grades:
        e, sign = grade.estimate, "" if grade.statistic == "brier" else "+"
        bounds = f" ({e.low:{sign}.3f} to {e.high:{sign}.3f})" if math.isfinite(e.low) else ""
        value = f"{e.value:{sign}.3f}{bounds}" if math.isfinite(e.value) else "undefined: all in one band"
        outcomes = "" if grade.outcomes is None else f", {grade.outcomes} with the outcome"
        lines.append(f"{grade.name:>16}  {grade.statistic:<22} {value}, {grade.accounts} accounts{outcomes}")
    return [*lines, ""] if lines else lines
