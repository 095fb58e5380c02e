"""No secret is shown or stored: canaries in every place, right and wrong shapes, `--debug` on (TRU-5)."""

import json
import logging
import re
import sqlite3
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin
from urllib.parse import quote

import psycopg
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from keepwell.flows.configuration.settings import Settings, read_settings
from keepwell.flows.embedded_server import free_port
from keepwell.sample.write import write_company
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.masking import MASK, MaskedRecord, conceal, masked, masked_errors, masked_output
from tests.support import postgres
from tests.support.running import keepwell, keepwell_process

CANARY = "Kanarie/5+Vogel%"
"""A secret with what URLs encode."""
SHORT = "Zq"
TABLES = {name: {"sql": f"{name}.sql"} for name in ("accounts", "contracts", "usage")}
DAY = "2026-06-30"


# Where a text can stand ----------------------------------------------------------------------------------------------


def keys(model: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a model, of those inside it, and of one entry of each of its tables."""
    for name, field in model.model_fields.items():
        if name != "base":
            yield from _inside(field.annotation, (*place, name))


def _inside(kind: Any, place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield place
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from keys(kind, place)
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _inside(inner[1], (*place, "accounts" if place == ("tables",) else "ours"))
    elif origin in (Union, types.UnionType):
        for one in inner:
            yield from (p for p in _inside(one, place) if p != place)
    elif origin is not None and inner and hasattr(inner[0], "model_fields"):
        yield from keys(inner[0], (*place, "0"))


def written(folder: Path, place: tuple[str, ...], value: object) -> Path:
    """A pipeline.toml in which a key has a value, and the least else."""
    given: dict[str, Any] = {"source": {"url": "."}, "tables": json.loads(json.dumps(TABLES))}
    holder: Any = given
    if "0" in place:
        cut = place.index("0")
        inside = value
        for part in reversed(place[cut + 1 :]):
            inside = {part: inside}
        place, value = place[:cut], [inside]
    for part in place[:-1]:
        holder = holder.setdefault(part, {})
    holder[place[-1]] = value
    (folder / "pipeline.toml").write_text("\n".join(f"{key} = {toml(one)}" for key, one in given.items()))
    return folder / "pipeline.toml"


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


SHAPES: tuple[object, ...] = ("${CANARY}", "x${CANARY}", ["${CANARY}"], {"ours": "${CANARY}"}, [{"url": "${CANARY}"}])
EVERY_KEY = sorted(set(keys(Settings)))


@pytest.mark.slow
def test_a_value_from_the_environment_is_repeated_by_no_message_whatever_key_and_shape_it_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key of the settings, found by walking them, so that a new one is covered by itself (TRU-5)."""
    assert len(EVERY_KEY) > 250
    said_anything = 0
    for secret in (CANARY, SHORT):
        monkeypatch.setenv("CANARY", secret)
        for place in EVERY_KEY:
            for shape in SHAPES:
                config = written(tmp_path, place, shape)
                try:
                    _, said = read_settings(config)
                except ConfigError as error:
                    said = [str(error)]
                said_anything += bool(said)
                assert not [line for line in said if secret in line], (place, shape, said)
    assert said_anything > 1000


# What is masked ------------------------------------------------------------------------------------------------------


def test_a_concealed_value_is_masked_in_every_form_and_a_password_by_its_place(capsys: Any) -> None:
    """As URLs, JSON, Python and HTML write it, the password alone, in print, logs and tracebacks (TRU-5)."""
    forms = [CANARY, quote(CANARY, safe=""), json.dumps(CANARY), CANARY.upper()]
    with masked_output():
        conceal(f"postgresql://me:{quote(CANARY, safe='')}@host/db")
        for form in forms:
            assert masked(f"a {form} b").count(MASK) == 1
            print(form)
        record = MaskedRecord("x", logging.INFO, "", 1, "said %s", (CANARY,), None)
        assert record.getMessage() == f"said {MASK}"
        record.exc_text = f"Error: {CANARY}"
        assert record.exc_text == f"Error: {MASK}"
        with pytest.raises(RuntimeError) as refused, masked_errors():
            raise ValueError(CANARY)
        assert CANARY not in str(refused.value) + repr(refused.value.__cause__)
    assert masked("postgresql://me:x@host/db?sslpassword=y") == f"postgresql://{MASK}@host/db?sslpassword={MASK}"
    assert "anarie" not in capsys.readouterr().out.lower()


def test_a_short_value_tears_no_message_apart_and_the_doctor_says_so(tmp_path: Path) -> None:
    """A secret of one letter is masked in its place in a URL alone; `doctor` asks for a longer one (TRU-5)."""
    with masked_output():
        conceal("e")
        assert masked("there is a letter e") == "there is a letter e"
    config = written(tmp_path, ("ledger", "url"), "postgresql://me:${PW}@127.0.0.1:1/db")

    ran = keepwell("--config", config, "--out", tmp_path / "out", "doctor", PW="e")

    assert "`ledger.url` takes ${PW}" in ran.out
    assert "fewer than 6 characters" in ran.out
    assert ":e@" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("place", "value", "secret"),
    [
        (("source", "url"), "postgresql://me:hushhush@host/db", "hushhush"),
        (("ledger", "url"), "postgresql://me:hushhush@host/db", "hushhush"),
        (("tracking", "uri"), "http://me:hushhush@host", "hushhush"),
        (("messages", "channels", "ours", "url"), "slack://hushhushAA/hushhushBB/hushhushCC", "hushhush"),
        (("messages", "channels", "ours", "url"), "xoxb-hushhush", "hushhush"),
    ],
)
def test_a_secret_in_clear_is_warned_of_and_refused_where_that_is_asked(
    tmp_path: Path, place: tuple[str, ...], value: str, secret: str
) -> None:
    """`doctor` names key and remedy; KEEPWELL_STRICT=1: every command ends with 2. No value is repeated (TRU-5)."""
    config = written(tmp_path, place, value)
    options = ("--debug", "--config", config, "--out", tmp_path / "out")

    looked = keepwell(*options, "doctor")
    strict = [
        keepwell(*options, command, "--as-of", DAY, KEEPWELL_STRICT="1") for command in ("check", "daily", "weekly")
    ]

    key = ".".join(place)
    assert f"warning  secrets: {config} holds a secret in clear: `{key}`. Write ${{" in looked.out
    for ran in strict:
        assert ran.code == 2
        assert f"`{key}`" in ran.err
    assert not [ran for ran in (looked, *strict) if secret in ran.out + ran.err]
    assert keepwell(*options, "doctor", KEEPWELL_STRICT="1").code == 2


def test_what_stands_as_a_variable_is_no_secret_in_clear(tmp_path: Path) -> None:
    """No false alarm: a variable, a user without password, a channel without token (TRU-5)."""
    for place, value in (
        (("source", "url"), "postgresql://me:${CANARY}@127.0.0.1:1/db"),
        (("ledger", "url"), "postgresql://me@127.0.0.1:1/db"),
        (("messages", "channels", "ours", "url"), "json://localhost/hook"),
        (("messages", "channels", "ours", "url"), "slack://${CANARY}"),
    ):
        options = ("--config", written(tmp_path, place, value), "--out", tmp_path / "out")
        assert "in clear" not in keepwell(*options, "doctor", CANARY=quote(CANARY, safe="")).out


# A company whose every secret is a canary -----------------------------------------------------------------------------

WORDS = {
    name: f"Kanarie{number}Vogel"
    for number, name in enumerate(("SOURCE", "LEDGER", "TRACKING", "CHANNEL", "TOKEN", "CRM", "CLIENT"))
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canary")
    write_company(60, 14, 7, folder)
    return folder


def configure(company: Path, **sections: str) -> Path:
    """A pipeline.toml of the company with other places."""
    text = (company / "pipeline.toml").read_text()
    for section, lines in sections.items():
        name = section.replace("__", ".")
        text = re.sub(rf"^\[{name}\]\n.*?(?=^\[|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
        text += f"\n[{name}]\n{lines}\n"
    path = company / "canary.toml"
    path.write_text(text)
    return path


def everything_in(folder: Path) -> str:
    """All text of all files: parquet and SQLite by their content too, since they compress and split it."""
    found = []
    for path in (p for p in folder.rglob("*") if p.is_file()):
        found.append(path.name)
        found.append(path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".parquet":
            found.append(str(pq.read_table(path, partitioning=None).to_pylist()))
        if path.suffix == ".db":
            with sqlite3.connect(path) as con:
                found.append("\n".join(con.iterdump()))
    return "\n".join(found)


def assert_nowhere(text: str) -> None:
    for word in WORDS.values():
        at = text.lower().find(word.lower())
        assert at < 0, text[max(0, at - 300) : at + 100]


@pytest.mark.slow
@pytest.mark.parametrize("reachable", [pytest.param(True, marks=pytest.mark.slow), False])
def test_canaries_are_found_nowhere(company: Path, tmp_path: Path, postgres_url: str, reachable: bool) -> None:
    """stdout, stderr, marts, ledger, messages, reports, Data Docs, MLflow and artifacts, whatever answers (TRU-5)."""
    address = postgres_url.partition("@")[2].rpartition("/")[0] if reachable else f"127.0.0.1:{free_port()}"
    databases = {name: f"canary_{name}_{reachable}".lower() for name in ("source", "ledger", "mlflow")}
    if reachable:
        with psycopg.connect(postgres_url, autocommit=True) as con:
            for name in databases.values():
                con.execute(f'CREATE DATABASE "{name}"')
        postgres.load(f"postgresql://postgres@{address}/{databases['source']}", company)
    nobody = free_port()
    config = configure(
        company,
        source=f'url = "postgresql://postgres:${{SOURCE}}@{address}/{databases["source"]}"',
        ledger=f'url = "postgresql://postgres:${{LEDGER}}@{address}/{databases["ledger"]}"',
        tracking=f'uri = "postgresql://postgres:${{TRACKING}}@{address}/{databases["mlflow"]}"'
        if reachable
        else f'uri = "http://me:${{TRACKING}}@127.0.0.1:{nobody}"',
        messages__channels__one=f'url = "json://me:${{CHANNEL}}@127.0.0.1:{nobody}/${{TOKEN}}?+X-Key=${{TOKEN}}"',
        crm=f'kind = "hubspot"\nurl = "http://127.0.0.1:{nobody}"\ntoken = "${{CRM}}"\nclient_secret = "${{CLIENT}}"\n'
        "tries = 1",
        retries="attempts = 1\nconnect_seconds = 2",
    )
    out = tmp_path / "out"
    commands: list[tuple[str, ...]] = [
        ("doctor",), ("check", "--as-of", DAY), ("daily", "--as-of", DAY), ("sweep", "--now", f"{DAY}T12:00"),
        ("crm", "diff", "--as-of", DAY),
    ]  # fmt: skip
    if reachable:
        commands.append(("quarterly", "--as-of", DAY))

    for command in commands:
        # A process of its own shows what the interpreter and libraries print at its end.
        run = keepwell_process if command[0] == "sweep" else keepwell
        ran = run("--debug", "--config", config, "--out", out, *command, **WORDS)
        assert_nowhere(ran.out + ran.err)
        if reachable and command[0] in ("check", "daily", "sweep", "quarterly"):
            assert ran.code == 0, ran.err
        if not reachable:
            assert ran.code != 0
    if out.exists():
        assert_nowhere(everything_in(out))
    for name in databases.values() if reachable else ():
        assert_nowhere(dumped(f"postgresql://postgres@{address}/{name}"))


def dumped(url: str) -> str:
    """Every row of every table of a database."""
    with psycopg.connect(url) as con:
        names = con.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "\n".join(str(con.execute(f'SELECT * FROM "{name}"').fetchall()) for (name,) in names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("doctor",), pytest.param(("daily", "--as-of", DAY), marks=pytest.mark.slow)], ids=lambda one: one[0]
)
@pytest.mark.parametrize(
    ("section", "lines"),
    [
        ("messages__channels__one", 'url = "${TOKEN}"'),
        ("messages__channels__one", 'url = "${TOKEN}://x"'),
        ("source", 'url = "${SOURCE}://x"'),
        ("ledger", 'url = "${LEDGER}"'),
        ("ledger", 'url = "postgresql://me:${LEDGER}@127.0.0.1:port/db"'),
        ("tracking", 'uri = "${TRACKING}"'),
        ("tracking", 'uri = "sqlite:///x.db"\nartifacts = "sftp://me:${TRACKING}@127.0.0.1/x"'),
        ("crm", 'kind = "salesforce"\nurl = "https://127.0.0.1:1"\nclient_id = "${CRM}"\nclient_secret = "${CLIENT}"'),
        ("crm", 'kind = "${CRM}"\ntoken = "${CLIENT}"'),
    ],
)
def test_an_address_of_the_wrong_shape_is_not_repeated(
    company: Path, tmp_path: Path, section: str, lines: str, command: tuple[str, ...]
) -> None:
    """A bare token as a channel, an unknown scheme, a wrong port: named by key (TRU-5)."""
    config = configure(company, **{section: lines})
    ran = keepwell("--debug", "--config", config, "--out", tmp_path / "out", *command, **WORDS)

    assert_nowhere(ran.out + ran.err)
    assert ran.code != 0 or section in ("crm", "tracking")
    assert_nowhere(everything_in(tmp_path))
