"""The house keeps its walls: imports go one way, help is cheap, nothing shadows a library."""

import ast
import resource
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from keepwell.flows.reference.architecture import PACKAGES, rooms
from keepwell.flows.reference.licenses import installed, license_of
from keepwell.flows.reference.pages import DOCS, PAGES
from tests.support.running import ROOT, keepwell_process

PURE = ("features", "models", "playbook", "expectations", "values")
LONGEST_FILE, LARGEST_FOLDER = 350, 20


def files() -> dict[str, Path]:
    """Every module of the package by its dotted name, without `keepwell.`; a folder's `__init__` by the folder's."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in paths}


FILES = files()


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it; of ours those of modules, without `keepwell.`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("keepwell.") in FILES else node.module for name in whole]
        else:
            continue
        yield from (name.removeprefix("keepwell.") for name in names)


IMPORTS = {name: {other for other in imported(path) if other in FILES} - {name} for name, path in FILES.items()}


def room_of(module: str) -> str:
    """The room in which a module is: its folder, or itself where it lies beside the folders."""
    parts = module.split(".")
    return parts[0] if parts[0] in {"cli", "expectations", "values"} else ".".join(parts[:2])


def circle(of: Mapping[str, set[str]]) -> None:
    """CycleError where there is one."""
    TopologicalSorter(of).prepare()


def test_a_room_imports_only_those_that_it_may() -> None:
    """`rooms.toml` has every room, every wall is needed, and no import crosses one (HOUSE)."""
    allowed = {room.name: set(room.may_import) for room in rooms()}
    used: dict[str, set[str]] = {room_of(name): set() for name in FILES if name not in PACKAGES or "." in room_of(name)}
    for name, others in IMPORTS.items():
        used.setdefault(room_of(name), set()).update({room_of(other) for other in others} - {room_of(name)})
    used = {name: others for name, others in used.items() if name not in PACKAGES or others or name in allowed}

    assert {name: others - allowed.get(name, set()) for name, others in used.items() if others - allowed[name]} == {}
    assert {name: others - used.get(name, set()) for name, others in allowed.items() if others - used[name]} == {}
    assert used.keys() == allowed.keys()


def test_there_is_no_circle_of_files_or_of_rooms() -> None:
    """Whoever reads one file reads on downwards (HOUSE)."""
    circle(IMPORTS)
    circle({room.name: set(room.may_import) for room in rooms()})


def test_imports_name_the_package() -> None:
    """`tasks` and `models` alone would be whatever package of that name an environment has."""
    bare = {name: {o for o in imported_as_written(path) if o.split(".")[0] in PACKAGES} for name, path in FILES.items()}

    assert {name: others for name, others in bare.items() if others} == {}
    assert {link.name for link in (ROOT / "keepwell").iterdir() if link.is_symlink()} == PACKAGES.keys()


def imported_as_written(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("package", PURE)
def test_the_pure_rooms_know_no_framework(package: str) -> None:
    """Neither Prefect nor MLflow nor Great Expectations (ARCHITECTURE)."""
    for path in (ROOT / package).rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & {"prefect", "mlflow", "great_expectations"}, path


def test_only_the_checks_import_great_expectations() -> None:
    """Its import costs seconds: one door (SRC-3)."""
    users = {room_of(name) for name, path in FILES.items() if "great_expectations" in set(imported(path))}

    assert users == {"tasks.checks"}


def test_no_file_and_no_folder_is_too_long_to_be_read() -> None:
    """At most 350 lines outside the tests, at most 20 modules in a folder."""
    folders = {path.parent for path in FILES.values()} | {p.parent for p in (ROOT / "tests").rglob("*.py")}
    long = {name: n for name, path in FILES.items() if (n := len(path.read_text().splitlines())) > LONGEST_FILE}
    wide = {
        str(f): n for f in folders if (n := len([p for p in f.glob("*.py") if p.stem != "__init__"])) > LARGEST_FOLDER
    }

    assert long == {}
    assert wide == {}


def test_the_folder_mlflow_never_shadows_the_package() -> None:
    """No __init__.py and no module there (ARCHITECTURE)."""
    assert (ROOT / "mlflow").is_dir()
    assert not list((ROOT / "mlflow").rglob("__init__.py"))


def test_help_costs_less_than_half_a_second_of_cpu() -> None:
    """`keepwell --help` loads no heavy library; the cheapest of three, so that a busy machine does not matter."""

    def cpu() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "keepwell.cli.main", "--help"], check=True, capture_output=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cpu() for _ in range(3)) < 0.5


def test_wrong_usage_ends_with_two() -> None:
    """A date that is none, a command that is none: exit 2 (CONTRACT)."""
    assert keepwell_process("monthly", "--as-of", "yesterday").code == 2
    assert keepwell_process("nonsense").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if name != "reference/licenses.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    """`make docs` has been run after the last change of settings, tables or features (FEA-2)."""
    assert (DOCS / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_package_that_comes_along_is_listed_with_its_license() -> None:
    """By what is installed here; another Python or system needs fewer packages, so more may be listed."""
    listed = (DOCS / "reference" / "licenses.md").read_text().splitlines()
    missing = [line for name, one in installed().items() if (line := f"| {name} | {license_of(one)} |") not in listed]

    assert missing == [], "run `make docs`"
    assert {"prefect", "psycopg", "hubspot-api-client", "zeep"} <= installed().keys()
    assert not {"pytest", "ruff"} & installed().keys()


def test_no_license_asks_for_what_ours_does_not_give() -> None:
    """Apache-2.0 may be handed on with all of them: none is known only under the GPL or AGPL, and none is unknown."""
    licenses = {name: license_of(one) for name, one in installed().items()}
    copyleft = {name for name, text in licenses.items() if "GPL" in text or "General Public" in text}

    assert copyleft == {"psycopg", "psycopg-binary", "text-unidecode"}
    assert licenses["psycopg"] == "LGPL-3.0-only"
    assert "Artistic License" in licenses["text-unidecode"]
    assert [name for name, text in licenses.items() if text == "unknown"] == []


def test_the_license_is_apache_2_and_the_package_says_so() -> None:
    """The whole text lies beside the code (section 0)."""
    text = (ROOT / "LICENSE").read_text()

    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
