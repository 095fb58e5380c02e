"""The `keepwell` command. It imports nothing heavy until a command runs, so that help is instant."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from keepwell.cli.accept import accept
from keepwell.cli.account import account
from keepwell.cli.actions import app as actions
from keepwell.cli.alerts import app as alerts
from keepwell.cli.crm import app as crm
from keepwell.cli.dates import DAY, AsOf, Now, believed, instant
from keepwell.cli.init import init
from keepwell.cli.model import app as models
from keepwell.cli.options import Options, not_blank, run_of, show_table, show_totals
from keepwell.cli.override import app as overrides
from keepwell.cli.override import note
from keepwell.cli.process import collect_rarely
from keepwell.cli.review import app as reviews
from keepwell.cli.terminal import guarded, print_json, print_lines
from keepwell.cli.withdraw import withdraw
from keepwell.cli.work import app as work
from keepwell.flows.clock import Host, host_clock
from keepwell.flows.logs import log_to_stderr
from keepwell.tasks.errors import ConfigError, PrefectUnreachable
from keepwell.tasks.files.permissions import restrict_umask
from keepwell.tasks.masking import masked_output
from keepwell.values.texts import storable

app = typer.Typer(
    help="Which accounts are at risk, why, what to do next, and by when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models, name="model")
app.add_typer(alerts, name="alerts")
app.add_typer(actions, name="actions")
app.command()(account)
app.add_typer(reviews, name="review")
app.add_typer(work, name="work")
app.add_typer(overrides, name="override")
app.command()(note)
app.add_typer(crm, name="crm")
app.command()(init)
app.command()(accept)
app.command()(withdraw)


@app.callback()
def options(
    config: Annotated[Path, typer.Option(help="Configuration file.")] = Path("pipeline.toml"),
    out: Annotated[Path, typer.Option(help="Output folder: marts, reports, snapshots, ledger.")] = Path("out"),
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print tracebacks of errors.")] = False,
    prefect: Annotated[
        bool,
        typer.Option(
            "--prefect", help="Run the flow under Prefect (an ephemeral server unless PREFECT_API_URL names one)."
        ),
    ] = False,
    force: Annotated[
        str,
        typer.Option("--force", metavar="REASON", help="Accept a date ahead of the clock; the reason goes on record."),
    ] = "",
) -> None:
    """Which accounts are at risk, why, what to do next, and by when."""
    Options.config, Options.out, Options.json, Options.debug, Options.prefect = config, out, json, debug, prefect
    Host.force = not_blank(force) if force else ""
    log_to_stderr()
    restrict_umask()


@app.command()
def monthly(
    as_of: AsOf,
    week: Annotated[
        int | None, typer.Option(min=1, max=4, help="Run only this week of the month, even if it has run.")
    ] = None,
) -> None:
    """Run the weeks of a month up to a date: 1 score and report, 2 whom to call, 3 work done, 4 what the work changed.

    They are of the 1st, 8th, 15th and 22nd. A score of the date itself: `daily`.
    """
    from keepwell.flows.monthly_scoring import monthly_scoring

    run = run_of(as_of.date())
    result = _call("monthly_scoring", lambda: monthly_scoring(run, week), as_of=run.as_of, week=week)
    if result.totals:
        show_totals(result.totals, result.path)
    else:
        print_lines("nothing to do: all weeks up to this date have run")
    if not Options.json and result.newest != run.as_of:
        print_lines(
            f"Weeks speak as of their first day. The score of {run.as_of} itself: keepwell daily --as-of {run.as_of}"
        )


@app.command()
def daily(as_of: AsOf) -> None:
    """Score the day, and any missed day before it, and update alerts."""
    from keepwell.flows.daily_alerts import daily_alerts

    run = run_of(as_of.date())
    result = _call("daily_alerts", lambda: daily_alerts(run), as_of=run.as_of)
    show_totals(asdict(result), None)


@app.command()
def weekly(as_of: AsOf) -> None:
    """Weekly review: stand-up sheet, portfolio week over week, expansion pipeline, quarterly churn forecast."""
    from keepwell.flows.weekly_review import weekly_review

    run = run_of(as_of.date())
    result = _call("weekly_review", lambda: weekly_review(run), as_of=run.as_of)
    show_totals(result.totals, result.path)


@app.command()
def sweep(now: Now = None) -> None:
    """Open alerts for new events, record missed deadlines, send messages. Scheduled every 15 minutes."""
    from keepwell.flows.sweep import sweep

    at = instant(now)
    run = run_of(at.date())
    show_totals(asdict(_call("sweep", lambda: sweep(run, at), now=at)), None)


class Scheduled(StrEnum):
    """The flows that can be backfilled."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


@app.command()
def backfill(
    since: Annotated[datetime, typer.Option("--from", formats=DAY, callback=believed, help="The first day.")],
    until: Annotated[datetime, typer.Option("--to", formats=DAY, callback=believed, help="The last day.")],
    flow: Annotated[
        list[Scheduled] | None,
        typer.Option(help="Only this flow; can be repeated. Default: daily, weekly and monthly."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also rerun what has run.")] = False,
) -> None:
    """Run every scheduled run between two days that has not run, in the order of the schedule."""
    from keepwell.flows.on_demand.backfill import NAMES, backfill

    if until < since:
        raise typer.BadParameter(f"{until.date()} is before --from {since.date()}.", param_hint="--to")
    run = run_of(since.date())
    found = backfill(run, until.date(), [one.value for one in flow or ()] or NAMES, again=again)
    show_table(found.assign(as_of=found["as_of"].astype(str)), "nothing was scheduled on these days")


@app.command()
def quarterly(as_of: AsOf) -> None:
    """Train models on the past and test every candidate on later months; publishes model_performance."""
    from keepwell.flows.quarterly_retraining import quarterly_retraining, summary, verdicts

    run = run_of(as_of.date())
    result = _call("quarterly_retraining", lambda: quarterly_retraining(run), as_of=run.as_of)
    for outcome, reason in result.refused.items():
        print_lines(f"{outcome}: no model. {reason}", err=True)
    show_table(summary(result), "not enough data for any model: scores use health alone")
    for sentence in verdicts(result):
        print_lines(sentence, err=True)
    for outcome, version in result.versions.items():
        print_lines(f"{outcome}: version {version} is the challenger (keepwell model compare)", err=True)
    for outcome, reason in result.monitoring.unwatched.items():
        print_lines(f"{outcome}: the model is not monitored. {reason}", err=True)
    for sentence in result.monitoring.alerts.values():
        print_lines(sentence, err=True)
    if result.lessons.tuning:
        from keepwell.tasks.marts.weights import tuned_in_words

        print_lines(tuned_in_words(result.lessons.tuning), err=True)
        print_lines(f"weights    {result.weights}", err=True)
    if result.page:
        print_lines(f"blueprint  {result.page}", err=True)


@app.command()
def audit(as_of: AsOf) -> None:
    """Check how well past scores predicted churn, and what was retained; publishes audit and value."""
    from keepwell.flows.on_demand.audit import auditing
    from keepwell.tasks.reports.audit import as_data, as_text

    run = run_of(as_of.date())
    result = _call("auditing", lambda: auditing(run), as_of=run.as_of)
    if Options.json:
        print_json(as_data(result.found, result.path))
    else:
        print_lines(*as_text(result.found, result.path).split("\n"))


@app.command()
def check(as_of: AsOf) -> None:
    """Run the data checks alone; publishes check_results and the Data Docs."""
    from keepwell.flows.on_demand.check import checking

    found = checking(run_of(as_of.date()))
    if Options.json:
        print_json(asdict(found))
        return
    shown = {"as_of": found.as_of, "expectations": found.expectations}
    counts = {"warnings": len(found.warnings), "infos": len(found.infos), "not_judged": len(found.not_judged)}
    show_totals({**shown, **counts}, None)
    print_lines(*(f"warning: {one}" for one in found.warnings), *(f"info: {one}" for one in found.infos))


@app.command()
def doctor() -> None:
    """Check the configuration and connections; one line per finding, exit code 2 if one is critical."""
    from keepwell.flows.on_demand.doctor import doctor

    found = doctor(Options.config, Options.out)
    if Options.json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            print_lines(f"{one.severity:>8}  {one.subject}: {one.message}")
    if any(one.severity == "critical" for one in found):
        raise typer.Exit(2)


@app.command()
def sample(
    to: Annotated[Path, typer.Option(help="Folder to write into.")],
    accounts: Annotated[int, typer.Option(min=1, help="Number of accounts.")] = 200,
    months: Annotated[int, typer.Option(min=1, help="Months of history.")] = 24,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    contacts: Annotated[
        Literal["off", "policy", "random"],
        typer.Option(help="Whom CSMs contact: nobody, accounts with a low legacy score, or a random half of those."),
    ] = "policy",
    confounder: Annotated[
        bool, typer.Option("--confounder", help="CSMs act on something about churn that is in no table.")
    ] = False,
) -> None:
    """Write a sample company: canonical tables, a pipeline.toml that reads them, and the truth behind them."""
    from keepwell.sample.settings import company_with
    from keepwell.sample.write import write_company

    settings = company_with(contacts, confounder)
    show_totals(write_company(accounts, months, seed, to, settings=settings), to / "pipeline.toml")


@app.command()
def serve() -> None:
    """Run the schedules until stopped, on an embedded Prefect server unless PREFECT_API_URL is set."""
    from keepwell.flows.configuration.settings import load_settings
    from keepwell.flows.embedded_server import prefect_server
    from keepwell.flows.schedule import FLOWS

    settings = load_settings(Options.config)
    plan, when = settings.plan, settings.schedule
    with prefect_server(settings.retries) as address:
        from keepwell.flows.deployments import serve_schedules
        from keepwell.flows.serve_report import reporting

        for name, cron in plan.crons.items():
            print_lines(f"{FLOWS[name]:>20}  {cron}  {plan.zone_of(name)}")
        print_lines(f"serving on {address}")
        with reporting(plan, when.unstarted_minutes, when.report_seconds):
            serve_schedules(settings, Options.config, Options.out)


@app.command()
def deployments(
    to: Annotated[
        Path | None, typer.Option(help="Write to this file instead of printing, for example prefect.yaml.")
    ] = None,
) -> None:
    """Print the schedule of pipeline.toml as a prefect.yaml for `prefect deploy --all`."""
    from keepwell.flows.configuration.settings import load_settings
    from keepwell.flows.prefect_yaml import prefect_yaml

    text = prefect_yaml(load_settings(Options.config).plan, str(Options.config.resolve()), str(Options.out.resolve()))
    if to is None:
        print_lines(*text.removesuffix("\n").split("\n"))
    else:
        to.write_text(text, encoding="utf-8")
        print_lines(f"written: {to}. Deploy it: `prefect deploy --all --prefect-file {to}`")


def _call(flow: str, inline: Callable[[], Any], **parameters: Any) -> Any:
    """Run the flow's body inline, or under Prefect."""
    if not Options.prefect:
        return inline()
    from keepwell.cli.under_prefect import run_under_prefect

    return run_under_prefect(flow, Options.config, Options.out, debug=Options.debug, **parameters)


def _refuse_unstorable(arguments: list[str]) -> None:
    """Refuse arguments that are not text: they are stored and displayed."""
    for number, argument in enumerate(arguments, start=1):
        if not storable(argument):
            raise ConfigError(f"argument {number} ({argument!r}) is not text in UTF-8. Type it again, in UTF-8.")


@contextlib.contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    """One clear message on stderr and the CONTRACT's exit code; a traceback only with --debug."""
    try:
        yield
    except Exception as error:
        code = getattr(error, "exit_code", 1)
        text = str(error) if hasattr(error, "exit_code") else f"{type(error).__name__}: {error} (--debug shows where)"
        if Options.debug:
            traceback.print_exception(error)
        else:
            print_lines(*f"keepwell: {text}".split("\n"), err=True)
        if isinstance(error, PrefectUnreachable):
            sys.stdout.flush()
            os._exit(code)  # an ordinary exit waits minutes for Prefect's client
        raise SystemExit(code) from error


def main(clock: Callable[[], datetime] = host_clock) -> None:
    """Entry point of the `keepwell` command; `clock` decides which dates lie in the future."""
    Host.clock = staticmethod(clock)
    collect_rarely()
    with guarded(), masked_output(), _errors_as_exit_codes():
        _refuse_unstorable(sys.argv[1:])
        app(standalone_mode=True)


if __name__ == "__main__":
    main()
