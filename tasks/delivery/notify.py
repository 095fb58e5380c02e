"""Delivery of messages from the outbox: by Apprise, or as files without a channel (ALR-4).

A message is delivered at least once: after a kill between sending and recording, it is sent again with the same key.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

from keepwell.playbook.alerts.channels import Channel, Message, MessageSettings
from keepwell.playbook.next_actions.life import AUTOMATION
from keepwell.tasks.connections.drivers import scheme_of
from keepwell.tasks.errors import ConfigError, close_to
from keepwell.tasks.ledger.store import Ledger, Waiting
from keepwell.tasks.marts.publish import write_whole

FILES: Mapping[str, Channel] = {"files": Channel(url="")}
"""The default channel: files in the output folder."""

CHECK_INS: Mapping[str, Channel] = {"check-ins": Channel(url="", roles=(AUTOMATION,), kinds=("check_in",))}
"""Where lists for the e-mail tool go if no channel takes them: files as well."""

SERVICES = "https://appriseit.com/services/"


@dataclass(frozen=True)
class Delivered:
    """Numbers of messages sent, to be tried again, and given up."""

    sent: int
    failed: int
    given_up: int


def channels_of(settings: MessageSettings) -> Mapping[str, Channel]:
    """The active channels; ConfigError names every URL that no service of Apprise reads."""
    refused = {name: why for name, channel in settings.channels.items() if (why := _refused(channel.url))}
    if refused:
        raise ConfigError("\n".join(f"messages.channels.{name}.url: {why}" for name, why in refused.items()))
    taken = any(AUTOMATION in channel.roles for channel in settings.channels.values())
    return {**(settings.channels or FILES), **({} if taken else CHECK_INS)}


def _refused(url: str) -> str | None:
    """Why Apprise cannot send to a URL, which is not repeated: it holds secrets."""
    apprise, scheme = _apprise(), scheme_of(url).lower()
    if apprise.Apprise().add(url):
        return None
    if not scheme:
        return "it is not a URL. Write one that Apprise supports, for example mailtos://... or slack://..."
    every = apprise.Apprise().details(show_requirements=True, show_disabled=True)["schemas"]
    services = {p: one for one in every for p in (*(one["protocols"] or ()), *(one["secure_protocols"] or ()))}
    if scheme not in services:
        close = close_to(scheme, services)
        meant = f"; did you mean `{close}`?" if close else "."
        known = f"It supports mailtos, slack, msteams, jsons and others: {SERVICES}"
        return f"Apprise has no service `{scheme}://`{meant} {known}"
    needs = services[scheme]["requirements"]
    if not services[scheme]["enabled"]:
        packages = " ".join(f'"{package.replace(" ", "")}"' for package in needs["packages_required"])
        remedy = f"Run: pip install {packages}" if packages else str(needs["details"])
        return f"a package that Apprise needs for `{scheme}://` is not installed. {remedy}"
    return f"Apprise's service `{scheme}://` cannot read it. For the format see {services[scheme]['setup_url']}."


def holds_a_token(url: str) -> bool:
    """Whether a channel's URL has parts that Apprise masks; an unreadable URL may be a bare token."""
    service = _apprise().Apprise.instantiate(url, suppress_exceptions=True)
    return service is None or service.url(privacy=True) != service.url(privacy=False)


def deliver(ledger: Ledger, settings: MessageSettings, out: Path, now: datetime) -> Delivered:
    """Try every message that is due; retries after `retry_minutes`, each wait twice as long."""
    channels, waiting = channels_of(settings), ledger.waiting()
    alive = [w for w in waiting if w.tries < settings.tries]
    due = [w for w in alive if _due(w, settings, now) <= now]
    errors = []
    for one in due:
        errors.append(_sent(one.message, channels.get(one.message.channel), out))
        ledger.tried(one.message.key, now, errors[-1])
    given_up = (
        len(waiting)
        - len(alive)
        + sum(error is not None and one.tries + 1 >= settings.tries for error, one in zip(errors, due, strict=True))
    )
    sent = sum(error is None for error in errors)
    return Delivered(sent, len(waiting) - sent - given_up, given_up)


def _due(waiting: Waiting, settings: MessageSettings, now: datetime) -> datetime:
    if waiting.tried_at is None or waiting.tried_at > now:
        return waiting.message.at  # a try of a later instant was that of a wrong clock
    return waiting.tried_at + timedelta(minutes=settings.retry_minutes) * 2 ** (waiting.tries - 1)


def _sent(message: Message, channel: Channel | None, out: Path) -> str | None:
    """None if the message was sent; else the error."""
    if channel is None:
        return f"the channel {message.channel} no longer exists"
    if not channel.url:
        name = f"{message.at:%Y-%m-%dT%H%M}-{message.key}.txt"
        write_whole(out / "messages" / name, f"{message.title}\n\n{message.body}\n")
        return None
    apprise = _apprise()
    service = apprise.Apprise()
    service.add(channel.url)
    with apprise.LogCapture(level=logging.WARNING) as said:
        went = service.notify(title=message.title, body=message.body)
        return None if went else (said.getvalue().strip().splitlines() or ["the service refused it"])[-1]


def _apprise() -> ModuleType:
    """The library. Its log repeats URLs with their tokens: it reaches whoever captures it, and no terminal."""
    import apprise

    log = logging.getLogger("apprise")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return apprise
