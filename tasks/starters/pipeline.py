"""The `pipeline.toml` of proposed mappings: a section per table, and what a person still has to decide (SRC-11)."""

from collections.abc import Mapping, Sequence

from keepwell.tasks.connections.drivers import scheme_of
from keepwell.tasks.starters.decisions import TODO
from keepwell.tasks.starters.proposal import Proposal
from keepwell.tasks.starters.recognition import System

READ_AS_FILES = ("", "file", "duckdb", "sqlite")
"""Sources that are read where they lie."""
SQL = "sql"
"""The folder of the mappings, beside pipeline.toml."""


def pipeline_toml(
    url: str, mappings: Mapping[str, Proposal], systems: Sequence[System], currencies: Sequence[str]
) -> str:
    """The text of pipeline.toml. `currencies`: those of the contracts, the most frequent first; none where unknown."""
    sections = [_source(url), _money(currencies), *(_table(one, url) for one in mappings.values())]
    sections += [text for system in systems if system.tables and (text := system.starter.pipeline.strip())]
    return "\n\n".join(sections) + "\n"


def _source(url: str) -> str:
    said = "" if url else f" # {TODO}: the folder of the files, or the URL of the warehouse; secrets as ${{NAME}}"
    return f"""# Written by `keepwell init`. Lines with {TODO} leave you something to decide; `keepwell
# doctor` lists them.
# Every setting: docs/reference/settings.md

[source]
url = {_text(url or "data")}{said}"""


def _money(currencies: Sequence[str]) -> str:
    own, *others = currencies or ("USD",)
    lines = ["[money]", f"reporting_currency = {_text(own)}"]
    if not currencies:
        lines[1] += f" # {TODO}: the currency of all reports; others need a rate in fx_rates"
    if others:
        lines.append(f"# {TODO}: one constant rate per other currency of the contracts, {own} per unit; 0 is refused.")
        lines.append(f"# fx_rates = {{ {', '.join(f'{code} = 0' for code in others)} }}")
    return "\n".join(lines)


def _table(proposal: Proposal, url: str) -> str:
    lines = [f"[tables.{proposal.table}]", f"sql = {_text(f'{SQL}/{proposal.table}.sql')}"]
    if proposal.by:
        lines.append(f"system = {_text(' and '.join(dict.fromkeys(one.system for one in proposal.by)))}")
        days = [one.expected_every_days for one in proposal.by if one.expected_every_days]
        lines += [f"expected_every_days = {max(days):g}"] if days else []
    if proposal.table == "usage" and scheme_of(url) not in READ_AS_FILES:
        lines.append(
            '# watermark = "day" # reads the newest days instead of all: own-warehouse.md, A database that grows'
        )
    return "\n".join([*lines, *(_of_accounts(proposal) if proposal.table == "accounts" else ())])


def _of_accounts(proposal: Proposal) -> list[str]:
    """Which of today's values are taken for unchanged; none of them where rows are dated."""
    if not proposal.by or "valid_from" in proposal.columns:
        return []
    said = dict.fromkeys(name for one in proposal.by for name in one.fixed_since_signup)
    fixed = [name for name in said if name in proposal.columns]
    lines = ["# Decision: the source knows today's values alone; these are taken for unchanged since signup."]
    lines.append(f"fixed_since_signup = [{', '.join(map(_text, fixed))}]")
    if "segment" in proposal.columns and "segment" not in fixed:
        lines.append(
            f"# {TODO}: does an account's segment ever change? If not, add it to this list: undated it stays empty."
        )
    return lines


def _text(value: str) -> str:
    """A text of TOML."""
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
