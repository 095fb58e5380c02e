"""`keepwell doctor`: all problems of the configuration and its connections at once (ACT-2)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from keepwell.features.facts.canonical import TABLES
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.flows.configuration.reading import toml_of, unset_variables
from keepwell.flows.configuration.secrets_given import in_clear, strict, too_short
from keepwell.flows.configuration.settings import Settings, read_playbook, read_settings
from keepwell.flows.on_demand.doctor_schedule import schedule_findings
from keepwell.flows.run import Run
from keepwell.playbook.actions import Playbook
from keepwell.playbook.doctor import Diagnosis, Severity, channel_findings, playbook_findings, role_findings
from keepwell.tasks.checks.run import active_suites
from keepwell.tasks.delivery.notify import FILES
from keepwell.tasks.doctor.connectivity import (
    artifacts_reached,
    channels_reached,
    crm_reached,
    ledger_reached,
    output_reached,
    prefect_reached,
    reached,
    tracking_reached,
)
from keepwell.tasks.doctor.mapping_findings import source_findings
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.scoring.score import unknown_factors
from keepwell.tasks.settings import RetrySettings
from keepwell.tasks.starters.decisions import open_decisions

COLUMN_EXISTS = "column_exists"
ANY_DAY = date(2000, 1, 1)
"""The paths of a run are the same for every date."""


def doctor(config: Path, out: Path) -> list[Diagnosis]:
    """All findings: critical first, then warnings, then ok."""
    try:
        settings, said = read_settings(config)
    except ConfigError as error:
        settings, said = None, str(error).splitlines()
    found = [
        *_critical("settings", said),
        *_secrets(config),
        *_undecided(config),
        *reached("out", lambda: output_reached(out)),
        *prefect_reached(settings.retries if settings else RetrySettings()),
    ]
    if settings is not None:
        found += [*_of_playbook(settings), *_hold_out(settings), *_fixed(settings), *_of_places(settings, out)]
        found += schedule_findings(settings, config, datetime.now().astimezone().utcoffset() or timedelta(0))
    once: dict[object, Diagnosis] = {}
    for one in found:  # one folder often serves several purposes
        once.setdefault(one.message if one.severity == "critical" else one, one)
    order = ("critical", "warning", "ok")
    return sorted(once.values(), key=lambda one: order.index(one.severity))


def _secrets(config: Path) -> list[Diagnosis]:
    """Secrets in clear text in the file, unless already refused, and secrets too short to mask."""
    try:
        raw = toml_of(config, "")  # its errors are reported with the settings
    except ConfigError:
        return []
    said = [*(() if strict() else in_clear(raw, str(config))), *too_short(raw)]
    return [Diagnosis("warning", "secrets", one) for one in said]


def _critical(subject: str, said: Iterable[str]) -> list[Diagnosis]:
    return [Diagnosis("critical", subject, one) for one in said]


def _of_playbook(settings: Settings) -> list[Diagnosis]:
    """Findings of playbook, roles and channels."""
    channels = channel_findings(settings.messages.channels or FILES, settings.alerts)
    try:
        playbook, said = read_playbook(settings)
    except ConfigError as error:
        playbook, said = None, str(error).splitlines()
    if playbook is None:
        return [*_critical("playbook", said), *channels]
    features = {name: f.component for name, f in FEATURES.items() if f.published}
    for action in playbook.action:  # a misspelled name counts as a factor, or its action would be reported twice
        features |= {name: None for name in action.features if name not in FEATURES}
        features |= {name: name for name in action.components if name not in COMPONENTS}
    found = [
        *_critical("playbook", [*said, *unknown_factors(playbook)]),
        *playbook_findings(playbook, features, settings.tiers),
    ]
    well = [] if found else [Diagnosis("ok", "playbook", f"{len(playbook.action)} actions cover every factor")]
    return [
        *found,
        *well,
        *_kinds(settings, playbook),
        *role_findings(settings.alerts, playbook, settings.owners),
        *channels,
    ]


def _kinds(settings: Settings, playbook: Playbook) -> list[Diagnosis]:
    """Kinds of intervention of actions that nobody can record: they would never get an effect."""
    known = ", ".join(settings.work.kinds)
    return [
        Diagnosis(
            "warning", "playbook", f"action {a.name!r} has kind = {a.kind!r}, which is not in work.kinds: {known}."
        )
        for a in playbook.action
        if a.kind and a.kind not in settings.work.kinds
    ]


def _hold_out(settings: Settings) -> list[Diagnosis]:
    """Whether the setting of the hold-out and its data agree."""
    drawn = settings.outreach.hold_out_share > 0
    asked, given = settings.models.subjects.hold_out, drawn or "hold_outs" in settings.tables
    if asked == given:
        return []
    draws = "outreach.hold_out_share assigns at random" if drawn else "there is a table hold_outs"
    neither = "is on, but there is neither a table hold_outs nor outreach.hold_out_share"
    message = neither if asked else f"is off, but {draws}"
    instead = "week 4 compares with similar accounts instead of a randomized hold-out."
    return [Diagnosis("warning", "hold_out", f"models.subjects.hold_out {message}: {instead}")]


def _fixed(settings: Settings) -> list[Diagnosis]:
    """Columns declared fixed since signup that are not columns of accounts: they would have no effect."""
    columns = {c.name for c in TABLES["accounts"].columns}
    return [
        Diagnosis(
            "warning",
            "tables",
            f"tables.{name}.fixed_since_signup names {column!r}, which is not a column of accounts.",
        )
        for name, table in settings.tables.items()
        for column in table.fixed_since_signup
        if name != "accounts" or column not in columns
    ]


def _undecided(config: Path) -> list[Diagnosis]:
    """Decisions that pipeline.toml leaves open; those of mappings are found with the mappings."""
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    return [
        Diagnosis("warning", "settings", f"{config.name} line {line} leaves to decide: {what}")
        for line, what in open_decisions(text)
    ]


def _of_places(settings: Settings, out: Path) -> list[Diagnosis]:
    """Source, ledger, MLflow, CRM and channels; sections with missing environment variables are skipped."""
    once = settings.retries.model_copy(update={"attempts": 1})  # a check, not a run
    settings = settings.model_copy(
        update={"playbook": "", "retries": once}
    )  # an invalid playbook must not stop the other checks
    run = Run(settings, out, ANY_DAY)
    source, required = settings.source, _required(settings)
    found = source_findings(
        source.url, settings.base, settings.mappings, required, once, source.csv, known=_given(source)
    )
    if _given(settings.ledger):
        found += reached("ledger", lambda: ledger_reached(run.ledger_url, once))
    if _given(settings.tracking):
        found += reached("tracking", lambda: tracking_reached(run.tracking))
        found += reached("artifacts", lambda: artifacts_reached(run.tracking))
    if _given(settings.crm):
        found += reached("crm", lambda: crm_reached(settings.crm))
    named = settings.messages.channels
    channels = {name: channel for name, channel in named.items() if _given(channel)}
    if channels or not named:
        messages = settings.messages.model_copy(update={"channels": channels})
        found += reached("messages", lambda: channels_reached(messages))
    return found


def _given(section: BaseModel) -> bool:
    """Whether all environment variables of a section are set."""
    return not unset_variables(section.model_dump())


def _required(settings: Settings) -> dict[str, Severity]:
    """Severity of a missing required column, by table."""
    severities = {
        name: {e.severity for e in suite.expectations if e.rule == COLUMN_EXISTS}
        for name, suite in active_suites(settings.checks.overrides).items()
    }
    known: tuple[Severity, ...] = ("critical", "warning")
    return {name: severity for name, held in severities.items() for severity in known if severity in held}
