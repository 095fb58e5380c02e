"""The house keeps its walls: imports go one way, help is cheap, nothing shadows a library."""

import ast
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.licenses import installed, license_of
from flows.pages import DOCS, PAGES
from tests.running import ROOT, keepwell_process

ALLOWED = {
    "flows": {"flows", "tasks", "features", "models", "playbook", "expectations", "sample", "values"},
    "tasks": {"tasks", "features", "models", "playbook", "expectations", "values"},
    "features": {"features", "values"},
    "models": {"models", "values"},
    "playbook": {"playbook", "values"},
    "expectations": {"expectations", "features", "values"},
    "sample": {"sample", "features", "values"},
    "values": {"values"},
}
PURE = ("features", "models", "playbook", "expectations", "values")


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_one_way(package: str) -> None:
    """Flows -> tasks -> {features, playbook, expectations}; the pure packages know neither Prefect nor MLflow."""
    ours = set(ALLOWED)
    for path in (ROOT / package).rglob("*.py"):
        names = imported(path)
        assert names & ours <= ALLOWED[package], path
        if package in PURE:
            assert not names & {"prefect", "mlflow", "great_expectations"}, path


def test_only_the_checks_import_great_expectations() -> None:
    """Its import costs seconds: one door (SRC-3)."""
    users = {
        p.name for package in ALLOWED for p in (ROOT / package).rglob("*.py") if "great_expectations" in imported(p)
    }

    assert users
    assert all(name.startswith("checks") for name in users)


def test_the_folder_mlflow_never_shadows_the_package() -> None:
    """No __init__.py and no module there (ARCHITECTURE)."""
    assert (ROOT / "mlflow").is_dir()
    assert not list((ROOT / "mlflow").rglob("__init__.py"))


def test_help_costs_less_than_half_a_second_of_cpu() -> None:
    """`keepwell --help` loads no heavy library; the cheapest of three, so that a busy machine does not matter."""

    def cpu() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "flows.cli", "--help"], check=True, capture_output=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cpu() for _ in range(3)) < 0.5


def test_wrong_usage_ends_with_two() -> None:
    """A date that is none, a command that is none: exit 2 (CONTRACT)."""
    assert keepwell_process("monthly", "--as-of", "yesterday").code == 2
    assert keepwell_process("nonsense").code == 2


@pytest.mark.parametrize("name", [name for name in PAGES if name != "licenses.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    """`make docs` has been run after the last change of settings, tables or features (FEA-2)."""
    assert (DOCS / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_package_that_comes_along_is_listed_with_its_license() -> None:
    """By what is installed here; another Python or system needs fewer packages, so more may be listed."""
    listed = (DOCS / "licenses.md").read_text().splitlines()
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
