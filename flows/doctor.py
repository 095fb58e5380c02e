"""`keepwell doctor`: what is amiss in the configuration, one line each (ACT-2)."""

from datetime import date
from pathlib import Path

from features.all import FEATURES
from features.registry import COMPONENTS
from flows.run import Run
from flows.settings import Settings, load_settings
from playbook.actions import Playbook
from playbook.alerts import RULES
from playbook.doctor import Diagnosis, channel_findings, playbook_findings, role_findings
from playbook.settings import NeedSettings
from tasks.errors import ConfigError
from tasks.notify import FILES
from tasks.reach import channels_reached, crm_reached, ledger_reached, reached, source_findings, tracking_reached

ANY_DAY = date(2000, 1, 1)
"""The places of a run are those of every date."""


def doctor(config: Path, out: Path) -> list[Diagnosis]:
    """Everything that was looked at: what is critical first, then warnings, then what is well."""
    try:
        settings = load_settings(config)
    except ConfigError as error:
        return [Diagnosis("critical", "settings", line) for line in str(error).splitlines()]
    found = [*_of_playbook(settings, out), *_needs(settings), *_hold_out(settings), *_of_places(settings, out)]
    order = ("critical", "warning", "ok")
    return sorted(found, key=lambda one: order.index(one.severity))


def _of_playbook(settings: Settings, out: Path) -> list[Diagnosis]:
    """The playbook, the roles and the channels that speak of it."""
    channels = channel_findings(settings.messages.channels or FILES, RULES)
    try:
        playbook = Run(settings, out, ANY_DAY).scoring.playbook
    except ConfigError as error:
        return [*(Diagnosis("critical", "playbook", line) for line in str(error).splitlines()), *channels]
    features = {name: f.component for name, f in FEATURES.items() if f.published}
    found = playbook_findings(playbook, features)
    well = [] if found else [Diagnosis("ok", "playbook", f"{len(playbook.action)} actions answer every cause")]
    return [*found, *well, *_kinds(settings, playbook), *role_findings(RULES, playbook, settings.owners), *channels]


def _needs(settings: Settings) -> list[Diagnosis]:
    """Components that `outreach.needs` names and that do not exist."""
    named = {team: getattr(settings.outreach.needs, team) for team in NeedSettings.model_fields}
    return [
        Diagnosis("critical", "outreach", f"outreach.needs.{team} names {c!r}; components are {', '.join(COMPONENTS)}.")
        for team, components in named.items()
        for c in components
        if c not in COMPONENTS
    ]


def _kinds(settings: Settings, playbook: Playbook) -> list[Diagnosis]:
    """Kinds of intervention that an action names and nobody can record: no effect would ever speak of it."""
    known = ", ".join(settings.work.kinds)
    return [
        Diagnosis(
            "warning", "playbook", f"action {a.name!r} has kind = {a.kind!r}, which is none of work.kinds: {known}."
        )
        for a in playbook.action
        if a.kind and a.kind not in settings.work.kinds
    ]


def _hold_out(settings: Settings) -> list[Diagnosis]:
    """Whether the switch of the hold-out and its table agree."""
    drawn = settings.outreach.hold_out_share > 0
    asked, given = settings.models.cases.hold_out, drawn or "hold_outs" in settings.tables
    if asked == given:
        return []
    lots = "outreach.hold_out_share draws lots" if drawn else "there is a table hold_outs"
    neither = "is on, and there is neither a table hold_outs nor outreach.hold_out_share"
    says = neither if asked else f"is off, and {lots}"
    instead = "week 4 holds work against comparable accounts instead of by lot."
    return [Diagnosis("warning", "hold_out", f"models.cases.hold_out {says}: {instead}")]


def _of_places(settings: Settings, out: Path) -> list[Diagnosis]:
    """Source, ledger, MLflow, CRM and channels."""
    run = Run(
        settings.model_copy(update={"playbook": ""}), out, ANY_DAY
    )  # a wrong playbook is told, and goes no further
    return [
        *source_findings(settings.source.url, settings.base, settings.mappings),
        reached("ledger", lambda: ledger_reached(run.ledger_url)),
        reached("tracking", lambda: tracking_reached(run.tracking)),
        reached("crm", lambda: crm_reached(settings.crm)),
        reached("messages", lambda: channels_reached(settings.messages)),
    ]
