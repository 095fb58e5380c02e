"""`keepwell init`: from a source to a first configuration."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from keepwell.cli.options import Options
from keepwell.cli.terminal import print_json, print_lines


def init(
    url: Annotated[
        str, typer.Option(help="A folder of CSV or parquet files, or a database: postgresql://..., duckdb://FILE.")
    ] = "",
    systems: Annotated[
        str,
        typer.Option(
            "--from", help="The systems whose tables they are, by comma: stripe,hubspot,... Default: all that fit."
        ),
    ] = "",
    to: Annotated[Path, typer.Option(help="Folder for pipeline.toml and its mappings.")] = Path(),
) -> None:
    """Write a first pipeline.toml and commented mappings for the tables of a source; overwrites nothing."""
    from keepwell.flows.on_demand.init import init

    started = init(to, url, [name.strip() for name in systems.split(",") if name.strip()])
    if Options.json:
        print_json(asdict(started))
        return
    for title, tables in started.found.items():
        print_lines(f"{title:>18}  {', '.join(tables)}")
    for path in started.written:
        print_lines(f"{'written':>18}  {path}")
    for line in started.open:
        print_lines(f"{'to decide':>18}  {line}")
    if started.unused:
        print_lines(f"{'not used':>18}  {', '.join(started.unused)}")
    if started.variable:
        print_lines(f"The password is not in the file: set {started.variable} in the environment.")
    print_lines(f"Now read the mappings, then run: keepwell --config {to / 'pipeline.toml'} doctor")
