"""`keepwell model`: list, compare, promote, rollback, off, on."""

import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from keepwell.cli.dates import DAY, AsOf, believed
from keepwell.cli.options import Options, not_blank, run_of, show_table
from keepwell.cli.terminal import print_json, print_lines
from keepwell.flows.clock import Host
from keepwell.values.dates import spoken_day

if TYPE_CHECKING:
    from keepwell.flows.on_demand.champions import Compared
    from keepwell.models.grading.intervals import Estimate
    from keepwell.models.promotion.ab_test import ByAssignment

app = typer.Typer(help="Models in MLflow: compare, promote, roll back, switch off.", no_args_is_help=True)

Outcome = Annotated[
    Literal["churn", "expansion", "advocacy"], typer.Option(help="The outcome that the model predicts.")
]
Number = Annotated[str, typer.Option("--version", help="Version number. Default: the challenger.")]
Then = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=DAY, callback=believed, help="Show the state on this date. Default: now."),
]
By = Annotated[str, typer.Option(callback=not_blank, help="Your name.")]
Reason = Annotated[str, typer.Option(callback=not_blank, help="Why; goes on record.")]
Accept = Annotated[
    str, typer.Option("--accept-suspicious", help="Why a metric that looks too good can be believed (with --by).")
]


@app.command("list")
def list_models(as_of: Then = None) -> None:
    """List all versions with their role (now, or on a date) and the date of their training data."""
    from keepwell.flows.on_demand.champions import listing, none_registered, warnings

    run = run_of(as_of.date() if as_of else date.max)
    for sentence in warnings(run):
        print_lines(sentence, err=True)
    show_table(listing(run), none_registered(run, (as_of or Host.clock()).date()))


@app.command()
def compare(as_of: AsOf, outcome: Outcome = "churn", version: Number = "") -> None:
    """Compare the challenger with the champion, or with health: metrics side by side, and every gate."""
    from keepwell.flows.on_demand.champions import compare

    _print_comparison(compare(run_of(as_of.date()), outcome, version))


@app.command()
def promote(as_of: AsOf, by: By, outcome: Outcome = "churn", version: Number = "", accept: Accept = "") -> None:
    """Make the challenger the champion if every gate passes; else exit 1 with the gates that failed."""
    from keepwell.flows.on_demand.champions import promote

    print_lines(*promote(run_of(as_of.date()), outcome, by, version, f"{accept} ({by})" if accept else "").splitlines())


@app.command()
def rollback(as_of: AsOf, by: By, reason: Reason, outcome: Outcome = "churn") -> None:
    """Put the previous champion back into production."""
    from keepwell.flows.on_demand.champions import rollback

    print_lines(*rollback(run_of(as_of.date()), outcome, by, reason).splitlines())


@app.command()
def off(as_of: AsOf, by: By, reason: Reason, outcome: Outcome = "churn") -> None:
    """Switch off the models of an outcome; scores use health alone."""
    from keepwell.flows.on_demand.champions import switch

    print_lines(*switch(run_of(as_of.date()), outcome, by, reason, on=False).splitlines())


@app.command()
def on(as_of: AsOf, by: By, reason: Reason, outcome: Outcome = "churn") -> None:
    """Switch the champion of an outcome back on."""
    from keepwell.flows.on_demand.champions import switch

    print_lines(*switch(run_of(as_of.date()), outcome, by, reason, on=True).splitlines())


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite(estimate: "Estimate") -> dict[str, float | None]:
    """The metric for JSON, which has no NaN: null where it has no interval."""
    return {name: _number(value) for name, value in vars(estimate).items()}


def _print_comparison(found: "Compared") -> None:
    """Print the gates, the metrics of both sides, and the power of the comparison."""
    judgement = found.judgement
    if Options.json:
        metrics = {name: {"version": _finite(a), "rival": _finite(b)} for name, (a, b) in judgement.metrics.items()}
        gates = [{"name": g.name, "passed": g.passed, "says": g.reason} for g in judgement.gates]
        about = {"outcome": found.outcome, "version": found.version, "candidate": found.candidate, "rival": found.rival}
        arms = {"arms": _arms(found.arms)} if found.arms else {}
        print_json({**about, "gates": gates, "power": judgement.power, "figures": metrics, **arms})
        return
    print_lines(f"{found.outcome}: version {found.version} ({found.candidate}) against {found.rival}", "")
    for gate in judgement.gates:
        print_lines(f"{'passed' if gate.passed else 'FAILED':>8}  {gate.name}: {gate.reason}")
    if judgement.metrics:
        print_lines("", f"{'':>20}  {'version ' + found.version:>24}  {found.rival:>24}")
    for name, sides in judgement.metrics.items():
        columns = [
            f"{e.value:.3f}" + (f" ({e.low:.3f} to {e.high:.3f})" if math.isfinite(e.low) else "") for e in sides
        ]
        print_lines(f"{name:>20}  {columns[0]:>24}  {columns[1]:>24}")
    print_lines("", f"{judgement.power}")
    if found.arms:
        _print_arms(found.version, found.arms)


def _arms(arms: "ByAssignment") -> dict[str, Any]:
    """Both arms for JSON."""
    metrics = {
        c.name: {"version": _number(c.challenger), "others": _number(c.other), "difference": _finite(c.difference)}
        for c in arms.contrasts
    }
    about = {"began": str(arms.began), "accounts": arms.accounts, "matured": arms.matured}
    return {**about, "figures": metrics, "says": arms.notes}


def _print_arms(version: str, arms: "ByAssignment") -> None:
    """The accounts on which the version acted, those on which it did not, and the difference between them."""
    print_lines(
        "",
        f"Randomized comparison since {spoken_day(arms.began)}: accounts scored by version {version}, and the others",
        "",
    )
    print_lines(f"{'':>20}  {'version ' + version:>12}  {'others':>12}  {'difference':>26}")
    for name, (ours, theirs) in {"accounts": arms.accounts, "outcome known": arms.matured}.items():
        print_lines(f"{name:>20}  {ours:>12}  {theirs:>12}")
    for c in arms.contrasts:
        if not math.isnan(c.difference.value):
            bounds = (
                f" ({c.difference.low:+.3f} to {c.difference.high:+.3f})" if math.isfinite(c.difference.low) else ""
            )
            print_lines(f"{c.name:>20}  {c.challenger:>12.3f}  {c.other:>12.3f}  {c.difference.value:>+6.3f}{bounds}")
    print_lines("", *arms.notes)
