"""Messages leave the outbox: by apprise, or as files where no channel is named (ALR-4).

A message is delivered at least once: a kill between sending and writing so down sends it again, with the same key.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from playbook.messages import Channel, Message, MessageSettings
from tasks.errors import ConfigError
from tasks.ledger import Ledger, Waiting
from tasks.publish import write_whole

FILES: Mapping[str, Channel] = {"files": Channel(url="")}
"""The channel where none is named: files in the output folder."""


@dataclass(frozen=True)
class Delivered:
    """How many messages went out, how many will be tried again, and how many were given up."""

    sent: int
    failed: int
    given_up: int


def channels_of(settings: MessageSettings) -> Mapping[str, Channel]:
    """The channels in force; ConfigError for a URL that no service of apprise reads."""
    for name, channel in settings.channels.items():
        import apprise

        if not apprise.Apprise().add(channel.url):
            kind = channel.url.partition(":")[0]
            raise ConfigError(f"messages.channels.{name}.url ({kind}://...) is no Apprise URL. Correct it.")
    return settings.channels or FILES


def deliver(ledger: Ledger, settings: MessageSettings, out: Path, now: datetime) -> Delivered:
    """Try every message that is due: once at first, then after `retry_minutes`, each time twice as long."""
    channels, waiting = channels_of(settings), ledger.waiting()
    alive = [w for w in waiting if w.tries < settings.tries]
    due = [w for w in alive if _due(w, settings) <= now]
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


def _due(waiting: Waiting, settings: MessageSettings) -> datetime:
    if waiting.tried_at is None:
        return waiting.message.at
    return waiting.tried_at + timedelta(minutes=settings.retry_minutes) * 2 ** (waiting.tries - 1)


def _sent(message: Message, channel: Channel | None, out: Path) -> str | None:
    """None where the message is out; else why not."""
    if channel is None:
        return f"there is no channel {message.channel} any more"
    if not channel.url:
        name = f"{message.at:%Y-%m-%dT%H%M}-{message.key}.txt"
        write_whole(out / "messages" / name, f"{message.title}\n\n{message.body}\n")
        return None
    import apprise

    service = apprise.Apprise()
    service.add(channel.url)
    with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]
        went = service.notify(title=message.title, body=message.body)
        return None if went else (said.getvalue().strip().splitlines() or ["the service refused it"])[-1]
