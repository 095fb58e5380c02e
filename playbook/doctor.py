"""Problems of playbook, roles and channels, found before an alert is lost (ACT-2)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from keepwell.playbook.actions import ANYWHERE, Playbook, answers, wherever
from keepwell.playbook.alerts.channels import Channel, Kind
from keepwell.playbook.alerts.rules import rules_of
from keepwell.playbook.rule_settings import Role
from keepwell.playbook.settings import Action, AlertSettings, OwnerSettings, TierSettings
from keepwell.playbook.tiers import TIERS, tier_days

ROLES = get_args(Role)
ROLE_FROM_DATA = "csm"
Severity = Literal["critical", "warning", "ok"]


@dataclass(frozen=True)
class Diagnosis:
    """One finding: critical or a warning, with the remedy; or ok."""

    severity: Severity
    subject: str
    message: str


def playbook_findings(playbook: Playbook, features: Mapping[str, str | None], tiers: TierSettings) -> list[Diagnosis]:
    """Late, unreachable and contradictory actions, and gaps; `features`: the component of each published feature.

    An account has one leading factor at a time, so each feature alone, and no factor at all, are all the cases.
    """
    return [
        *_late(playbook, tiers), *_never_reached(playbook, features), *_contradictions(playbook, features),
        *_gaps(playbook, features),
    ]  # fmt: skip


def _late(playbook: Playbook, tiers: TierSettings) -> Iterator[Diagnosis]:
    """Critical: an action that would be due later than its tier allows."""
    for action in playbook.action:
        over = [
            name
            for name in action.tiers
            if action.within_days is not None and action.within_days > tier_days(name, tiers)
        ]
        if over:
            given = " and ".join(f"{name} has {tier_days(name, tiers)}" for name in over)
            message = f"{action.name!r} has {action.within_days} days (within_days), and tier {given}"
            yield Diagnosis(
                "critical", "playbook", f"{message}. The tier's deadline counts: give fewer days, or leave it out."
            )


def _first(playbook: Playbook, tier: str, feature: str, component: str, where: Action = ANYWHERE) -> int | None:
    """Position of the action chosen for a factor; None: only the fallback answers.

    `where`: under the conditions of this action, wherever they hold.
    """
    places = enumerate(playbook.action)
    fits = (n for n, a in places if tier in a.tiers and answers(a, feature, component) and wherever(a, where))
    return next(fits, None)


def _cases(action: Action, features: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """The factors that an action is about; that of a general one is none."""
    return [case for case in [*((f, c or "") for f, c in features.items()), ("", "")] if answers(action, *case)]


def _reached(playbook: Playbook, place: int, tier: str, features: Mapping[str, str | None]) -> bool:
    action = playbook.action[place]
    return any(_first(playbook, tier, *case, action) == place for case in _cases(action, features))


def _never_reached(playbook: Playbook, features: Mapping[str, str | None]) -> Iterator[Diagnosis]:
    """Critical: the author of the action believes that it is used."""
    for place, action in enumerate(playbook.action):
        for tier in action.tiers:
            if _reached(playbook, place, tier, features):
                continue
            found = {_first(playbook, tier, *case, action) for case in _cases(action, features)}
            before = " and ".join(repr(playbook.action[n].name) for n in sorted(n for n in found if n is not None))
            why = f"{before} comes first and covers it" if before else "no account has such a factor"
            message = f"{action.name!r} can never apply in tier {tier}: {why}. Move it up, or remove it."
            yield Diagnosis("critical", "playbook", message)


def _contradictions(playbook: Playbook, features: Mapping[str, str | None]) -> Iterator[Diagnosis]:
    """Critical: two actions name the same factor, or a broad one precedes a narrow one: only their order decides.

    A feature named in an action goes before its component named in a later one: that is how a playbook is read, and no
    contradiction. An unreachable action is reported as that.
    """
    for place, action in enumerate(playbook.action):
        clashes: dict[tuple[int, str], list[str]] = defaultdict(list)
        for tier in action.tiers:
            if _reached(playbook, place, tier, features):
                for name in (*action.features, *action.components):
                    other = _clash(playbook, place, tier, name, features.get(name) or "")
                    if other is not None:
                        clashes[other, name].append(tier)
        for (other, name), tiers in clashes.items():
            first = playbook.action[other].name
            message = f"{first!r} and {action.name!r} both answer {name} in tier {' and '.join(tiers)}"
            yield Diagnosis("critical", "playbook", f"{message}; only their order decides. Name it in one of them.")


def _clash(playbook: Playbook, place: int, tier: str, name: str, component: str) -> int | None:
    """The earlier action that covers what this one names, wherever this one applies."""
    for n, a in enumerate(playbook.action[:place]):
        if (
            tier in a.tiers
            and wherever(a, playbook.action[place])
            and (name in (*a.features, *a.components) or component in a.components)
        ):
            return n
    return None


def _gaps(playbook: Playbook, features: Mapping[str, str | None]) -> Iterator[Diagnosis]:
    """A warning per tier and component with factors that only the fallback answers.

    A tier whose fallback is automated answers every factor alike, on purpose. What belongs to no component is never
    the leading factor of a health.
    """
    for tier in TIERS:
        place = _first(playbook, tier, "", "")
        last = playbook.action[place] if place is not None else None
        if last is None or last.owner == "automation":
            continue
        open_ones: dict[str, list[str]] = defaultdict(list)
        for feature, component in features.items():
            if component and _first(playbook, tier, feature, component) is None:
                open_ones[component].append(feature)
        for component, names in open_ones.items():
            found = f"tier {tier} has no action for {', '.join(names)} ({component})"
            yield Diagnosis("warning", "playbook", f"{found}; the fallback {last.name!r} applies. Add one.")


def role_findings(settings: AlertSettings, playbook: Playbook, owners: OwnerSettings) -> list[Diagnosis]:
    """A warning for each needed role that nobody has, and for each unknown role."""
    asked: dict[str, list[str]] = defaultdict(list)
    for rule in rules_of(settings).values():
        for role in rule.recipients:
            asked[role].append(f"the alert {rule.name}")
    for role in settings.escalation:
        asked[role].append("missed deadlines")
    for action in playbook.action:
        if action.owner != "automation":
            asked[action.owner].append(f"the action {action.name!r}")
    unheld = {r: why for r, why in asked.items() if r != ROLE_FROM_DATA and not owners.roles.get(r)}
    return [
        *(
            Diagnosis(
                "warning",
                "roles",
                f"nobody has the role {role}, needed for {_listed(why)}. Add people in owners.roles.",
            )
            for role, why in sorted(unheld.items())
        ),
        *(_no_role(role, "owners.roles") for role in owners.roles if role not in ROLES),
    ]


def channel_findings(channels: Mapping[str, Channel], settings: AlertSettings) -> list[Diagnosis]:
    """A warning for each channel that never gets a message, and for each role that no channel reaches."""
    said = _said(settings)
    silent = [name for name, channel in channels.items() if not any(_carries(channel, *one) for one in said)]
    unreached = {one[2] for one in said if not any(_carries(c, "", "", one[2]) for c in channels.values())}
    lost = {one[2] for one in said if not any(_carries(c, *one) for c in channels.values())} - unreached
    return [
        *(_no_role(r, f"messages.channels.{n}.roles") for n, c in channels.items() for r in c.roles if r not in ROLES),
        *(
            _warned(f"channel {name} never gets a message: no alert matches its roles, kinds and severities.")
            for name in silent
        ),
        *(_warned(f"no channel notifies the role {role}.") for role in sorted(unreached)),
        *(_warned(f"some messages for the role {role} go out on no channel.") for role in sorted(lost)),
    ]


def _said(settings: AlertSettings) -> list[tuple[Kind, str, str]]:
    """Every message that alerts can make: its kind, severity and role."""
    openings = [(rule.severity, role) for rule in rules_of(settings).values() for role in rule.recipients]
    return [
        *(("opened", severity, role) for severity, role in openings),
        *(("digest", "critical", role) for _, role in openings),
        *(("breached", "critical", role) for role in settings.escalation),
        ("action", "critical", "manager"),
    ]


def _carries(channel: Channel, kind: str, severity: str, role: str) -> bool:
    """Whether a channel takes this message; an empty kind or severity matches any."""
    return role in channel.roles and kind in ("", *channel.kinds) and severity in ("", *channel.severities)


def _listed(why: list[str]) -> str:
    return why[0] if len(why) == 1 else f"{', '.join(why[:-1])} and {why[-1]}"


def _no_role(role: str, where: str) -> Diagnosis:
    return Diagnosis("warning", "roles", f"{where} names {role!r}, which is not a role. Roles are {', '.join(ROLES)}.")


def _warned(message: str) -> Diagnosis:
    return Diagnosis("warning", "messages", message)
