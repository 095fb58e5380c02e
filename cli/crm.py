"""`keepwell crm`: what a sync would change in the CRM, and the sync."""

from collections.abc import Iterable, Sequence

import typer

from keepwell.cli.dates import AsOf
from keepwell.cli.options import Options, run_of, show_totals
from keepwell.cli.terminal import print_json, print_lines

app = typer.Typer(help="Compare the CRM with Keepwell, and sync it.", no_args_is_help=True)

Line = tuple[str, str, str]


@app.command()
def diff(as_of: AsOf) -> None:
    """Show what a sync would create, change and complete in the CRM; writes nothing."""
    from keepwell.flows.crm_sync import crm_diff, steps_as_data, steps_in_words

    found = crm_diff(run_of(as_of.date()))
    lines = steps_in_words(found)
    if Options.json:
        data = {"steps": steps_as_data(found), "same": len(found.same), "said": list(found.said)}
        print_json(data)
        return
    _print_lines(lines)
    print_lines(f"{len(lines)} to write, {len(found.same)} up to date, {len(found.said)} to look at")
    _print_lines(found.said, err=True)


@app.command()
def sync(as_of: AsOf) -> None:
    """Sync the CRM with scores, alerts and work as of the date. Running it again changes nothing."""
    run = run_of(as_of.date())
    if Options.prefect:
        from keepwell.cli.under_prefect import run_under_prefect

        result = run_under_prefect("crm_sync", Options.config, Options.out, debug=Options.debug, as_of=run.as_of)
    else:
        from keepwell.flows.crm_sync import crm_sync

        result = crm_sync(run)
    show_totals(result.totals, None)
    _print_lines(result.said, err=True)


def _print_lines(lines: Iterable[Line] | Sequence[Line], *, err: bool = False) -> None:
    for kind, key, sentence in lines:
        print_lines(f"{kind:>15}  {key}: {sentence}", err=err)
