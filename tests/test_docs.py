"""Pages that people read: every link leads somewhere, and every command, target and settings key exists."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from keepwell.cli.main import app
from keepwell.cli.reference import PAGE as COMMANDS_PAGE
from keepwell.cli.reference import commands_page
from keepwell.flows.clock import Host
from keepwell.flows.configuration.settings import Settings
from keepwell.flows.reference.pages import settings_keys
from keepwell.tasks.marts.schemas.all import MARTS
from tests.support.running import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "mlflow/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
HISTORY = "CHANGELOG.md"
"""What was true when it was written: its links are checked, its names are not."""
CURRENT = [name for name in PAGES if name != HISTORY and not name.startswith("docs/decisions/")]
LONGEST_README = 150
FENCE = re.compile(r"^[ >]*```(\w*)\n(.*?)^[ >]*```", re.DOTALL | re.MULTILINE)


def test_readme_is_short() -> None:
    """Under 150 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) < LONGEST_README


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    """Relative links and anchors alike; addresses on the web are not asked."""
    page = ROOT / name
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in set(anchors(path))):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("name", CURRENT)
def test_every_command_exists_with_its_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`keepwell ...` in a block or in backticks; a whole line of a block parses, arguments and values too."""
    monkeypatch.setattr(Host, "clock", staticmethod(lambda: datetime(2150, 1, 1)))
    wrong = []
    for text, whole in commands((ROOT / name).read_text()):
        try:
            parse(text, whole=whole)
        except ValueError as error:
            wrong.append(f"{text}: {error}")

    assert wrong == []


def test_the_page_of_commands_is_up_to_date() -> None:
    """`make docs` has been run after the last change of a command, an option or its help."""
    assert COMMANDS_PAGE.read_text() == commands_page(), "run `make docs`"


@pytest.mark.parametrize("name", CURRENT)
def test_every_make_target_exists(name: str) -> None:
    """`make x` in backticks or at the beginning of a line of a block."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / name).read_text()
    named = re.findall(r"`make ([a-z-]+)`", text)
    named += [
        target for _, block in FENCE.findall(text) for target in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)
    ]

    assert set(named) - targets == set()


@pytest.mark.parametrize("name", CURRENT)
def test_every_module_that_is_run_exists(name: str) -> None:
    """`python -m a.b` names a module of this repository."""
    modules = re.findall(r"python -m ([\w.]+)", (ROOT / name).read_text())

    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []


@pytest.mark.parametrize("name", [name for name in CURRENT if name != "docs/architecture.md"])
def test_every_settings_key_exists(name: str) -> None:
    """`section.key` and `[section]` in backticks, and every key of a block of TOML."""
    text = (ROOT / name).read_text()
    prose = FENCE.sub("", text)
    named = {key for key in re.findall(r"`\[?([a-z_]+(?:\.[a-z_]+)+)\]?`", prose) if key.split(".")[0] in SECTIONS}
    named = {key for key in named if key.rsplit(".", 1)[1] not in FILES}
    for language, block in FENCE.findall(text):
        if language == "toml":
            named |= set(keys(tomllib.loads(block)))

    assert {key for key in named if not exists(key)} == set()


def test_the_tests_find_what_is_wrong() -> None:
    """A misspelt command, option, argument and key are each refused, and right ones pass."""
    parse("keepwell --config c.toml monthly --as-of 2026-06-01", whole=True)
    parse("keepwell alerts ack|assess", whole=False)
    for text in (
        "keepwell montly",
        "keepwell monthly --asof 2026-06-01",
        "keepwell alerts take",
        "keepwell alerts ack",
    ):
        with pytest.raises(ValueError, match=r".+"):
            parse(text, whole=True)
    assert exists("schedule.daily")
    assert exists("alerts.teams.emea.hours")
    assert not exists("schedule.dayly")
    assert list(anchors(ROOT / "docs" / "architecture.md"))


def anchors(page: Path) -> Iterator[str]:
    """The names that GitHub gives the headings of a page."""
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", ""))
        yield re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")


def commands(text: str) -> Iterator[tuple[str, bool]]:
    """Every command named on a page, and whether it stands there as a whole."""
    for _, block in FENCE.findall(text):
        for line in re.findall(r"^\s*(?:\$ |[A-Z_]+=\S+ )*(keepwell .*?)\s*(?:  #.*)?$", block, re.MULTILINE):
            yield line.removesuffix("\\"), not line.endswith(("...", "\\"))
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)):
        if code.startswith("keepwell "):
            yield code, False


def parse(text: str, *, whole: bool) -> None:
    """Raises ValueError where a command or an option does not exist or, in a whole one, an argument is missing."""
    if not whole:
        text = re.sub(r"(\S+)\|\S*", r"\1", text)
    here: Any = get_command(app)
    arguments = shlex.split(text)[1:]
    while True:
        options = {name for option in here.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        if not hasattr(here, "commands"):
            break
        own = take_options(here, arguments)
        refuse(own, options)
        arguments = arguments[len(own) :]
        if not arguments or arguments[0] in {"COMMAND", "..."}:
            return
        if arguments[0] not in here.commands:
            raise ValueError(f"no command {arguments[0]}")
        here, arguments = here.commands[arguments[0]], arguments[1:]
    refuse(arguments, options)
    if whole:
        try:
            here.make_context(here.name, list(arguments))
        except Exception as error:
            raise ValueError(f"does not parse: {error}") from error


def take_options(command: Any, arguments: list[str]) -> list[str]:
    """The arguments before the first word that is no option and no option's value."""
    flags = {name for option in command.params if getattr(option, "is_flag", False) for name in option.opts}
    end = 0
    while end < len(arguments) and arguments[end].startswith("-"):
        end += 1 if arguments[end] in flags or "=" in arguments[end] else 2
    return arguments[:end]


def refuse(arguments: list[str], options: set[str]) -> None:
    """Raises ValueError for the first option that is not among these."""
    for argument in arguments:
        if re.match(r"--[a-z]", argument) and argument.split("=")[0] not in options:
            raise ValueError(f"no option {argument}")


SECTIONS = set(Settings.model_fields)
FILES = {"md", "toml", "db", "py", "parquet", "sh", "html"}
KNOWN = [
    re.compile(re.escape(part).replace("NAME", ".+") + r"(\..+)?" * (part == key))
    for key in settings_keys()
    for part in accumulate(key.split("."), "{}.{}".format)
]


def exists(key: str) -> bool:
    """A key of pipeline.toml, a section of it, or a column of a mart."""
    table, _, column = key.partition(".")
    if table in MARTS and column in MARTS[table].columns:
        return True
    return any(one.fullmatch(key) for one in KNOWN)


def keys(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a table of TOML."""
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
