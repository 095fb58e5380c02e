"""Messages of alerts: what is said to whom, and how it gets out of the outbox (ALR-4)."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from keepwell.flows.embedded_server import free_port
from keepwell.playbook.alerts.clocks import breaches
from keepwell.playbook.alerts.ledger_events import LedgerEvent
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.messages import Channel, Message, MessageSettings, messages
from keepwell.playbook.alerts.rules import Condition, Observations
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.tasks.delivery.notify import channels_of, deliver
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger

MONDAY = datetime(2026, 3, 2)
HOUR = timedelta(hours=1)
OWNERS = OwnerSettings(roles={"manager": ("Mia",)})
NAMES = {"a0": "Acme"}


def opened(count: int) -> list[LedgerEvent]:
    """So many alerts opened on Monday at midnight; more than ten of a small book are a storm."""
    seen = Observations([Condition(f"a{n}", "health_low", holds=True, detail="health 41.0") for n in range(count)])
    book = {f"a{n}": "ann" for n in range(count)}
    return new_events([], seen, MONDAY, book, AlertSettings(), OwnerSettings(), Runs())


def said(new: list[LedgerEvent], history: list[LedgerEvent], **channels: Channel) -> list[Message]:
    alerts = {e.alert_id: e.payload for e in history if e.kind == "opened"}
    return messages(new, alerts, NAMES, channels or {"all": Channel(url="")}, OWNERS)


def test_an_opening_says_what_for_whom_and_by_when() -> None:
    """Account by name, cause, owner, the first deadline, and the command that answers (ALR-4)."""
    (message,) = said(opened(1), [])

    assert message.title == "Acme (a0): health 41.0"
    assert "Critical, owner ann. Acknowledge by March 2, 02:00 UTC: keepwell alerts ack " in message.body
    assert message.body.endswith(f"Message {message.key}.")


def test_a_storm_is_one_message() -> None:
    """With the count of each rule and the first twenty (ALR-3, ALR-4)."""
    (message,) = said(opened(30), [])

    assert message.title == "30 alerts opened at once: 30 health low"
    assert message.body.count("health 41.0") == 20
    assert "and 10 more" in message.body


def test_breaches_of_one_sweep_are_one_message_for_the_role_that_must_know() -> None:
    """The manager by name; nothing goes to a channel of other roles (ALR-2, ALR-4)."""
    history = opened(3)
    late = breaches(history, MONDAY + 2 * HOUR)
    sent = said(late, history, managers=Channel(url="", roles=("manager",)), csms=Channel(url="", roles=("csm",)))

    assert [(m.channel, m.title) for m in sent] == [("managers", "3 missed deadlines, escalated to Mia")]
    assert "ann: Acme (a0), ack was due March 2, 02:00 UTC (health 41.0)" in sent[0].body


def test_missed_steps_stand_by_owner_and_by_when_they_were_due() -> None:
    """Who reads only the first lines has somebody's oldest, and not what a hash put first (ALR-4)."""
    seen = Observations([Condition(f"a{n}", "health_low", holds=True, detail="health 41.0") for n in range(8)])
    owners = {f"a{n}": ("zoe", "ann")[n % 2] for n in range(8)}
    history = new_events([], seen, MONDAY, owners, AlertSettings(), OwnerSettings(), Runs())
    late = breaches(history, MONDAY + 25 * HOUR)
    (message,) = (one for one in said(late, history) if one.title.startswith("16 "))
    lines = [line for line in message.body.splitlines() if " was due " in line]

    assert message.title == "16 missed deadlines of 8 alerts, escalated to executive"
    assert [line.split(":")[0] for line in lines] == ["ann"] * 4 + ["zoe"] * 4
    assert all(line.count("plan was due") == line.count("review was due") == 1 for line in lines)


def test_a_channel_takes_what_it_is_for() -> None:
    """By kind and severity; each message has a key of its own on each channel, the same in every run (ALR-4)."""
    new = opened(1)
    quiet = Channel(url="", severities=("warning",))
    late = Channel(url="", kinds=("breached",))
    sent = said(new, [], one=Channel(url=""), two=Channel(url=""), quiet=quiet, late=late)

    assert [m.channel for m in sent] == ["one", "two"]
    assert len({m.key for m in sent}) == 2
    assert said(new, [], one=Channel(url=""), two=Channel(url="")) == sent


# Out of the outbox ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one message on the channel `web`."""
    found = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    found.record("sweep", MONDAY, [], [Message("k1", "web", "Acme: health 41.0", "for ann", MONDAY)])
    yield found
    found.close()


class Web:
    """A real HTTP server on loopback; `answers` are the codes of the next posts, 0 for one that never answers."""

    def __init__(self, *answers: int) -> None:
        self.got: list[bytes] = []
        left = list(answers)
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.got.append(self.rfile.read(int(self.headers["Content-Length"])))
                code = left.pop(0) if left else 200
                if not code:
                    time.sleep(2)
                self.send_response(code or 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def settings(self) -> MessageSettings:
        url = f"json://127.0.0.1:{self.server.server_port}/?cto=1&rto=1"
        return MessageSettings(channels={"web": Channel(url=url)}, tries=3)


@pytest.fixture
def web() -> Iterator[Any]:
    servers: list[Web] = []

    def make(*answers: int) -> Web:
        servers.append(Web(*answers))
        return servers[-1]

    yield make
    for one in servers:
        one.server.shutdown()
        one.server.server_close()


def test_a_message_is_posted_once(ledger: Ledger, tmp_path: Path, web) -> None:
    """A second sweep finds nothing waiting (ALR-4)."""
    there = web()
    first, second = (deliver(ledger, there.settings(), tmp_path, MONDAY + n * HOUR) for n in range(2))

    assert (first.sent, first.failed, second.sent, second.failed) == (1, 0, 0, 0)
    assert len(there.got) == 1
    assert b"Acme: health 41.0" in there.got[0]


@pytest.mark.slow
@pytest.mark.parametrize("answer", [500, 0], ids=["it fails", "it never answers"])
def test_what_fails_waits_longer_each_time_and_is_given_up_at_last(
    ledger: Ledger, tmp_path: Path, web, answer: int
) -> None:
    """After 15 minutes, then 30 more; three tries here, and the reason of each is kept (ALR-4)."""
    there = web(answer, answer, answer)
    minutes = (0, 10, 15, 40, 45, 400)
    found = [deliver(ledger, there.settings(), tmp_path, MONDAY + timedelta(minutes=m)) for m in minutes]

    assert len(there.got) == 3
    assert [(d.sent, d.failed, d.given_up) for d in found] == [(0, 1, 0)] * 4 + [(0, 0, 1)] * 2


def test_a_service_that_comes_back_gets_the_message(ledger: Ledger, tmp_path: Path, web) -> None:
    """Nothing is lost by an outage (ALR-4)."""
    there = web(503)
    found = [deliver(ledger, there.settings(), tmp_path, MONDAY + n * HOUR) for n in range(3)]

    assert [d.sent for d in found] == [0, 1, 0]


def test_a_kill_between_sending_and_writing_sends_it_again_with_the_same_key(
    ledger: Ledger, tmp_path: Path, web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the receiver can tell by the key (ALR-4)."""
    there = web()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "tried", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliver(ledger, there.settings(), tmp_path, MONDAY)
    deliver(ledger, there.settings(), tmp_path, MONDAY)

    assert len(there.got) == 2
    assert there.got[0] == there.got[1]


class Inbox:
    """What a real SMTP server took; the first `refusals` letters are refused."""

    def __init__(self, refusals: int) -> None:
        self.letters: list[Any] = []
        self.refusals = refusals

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        if self.refusals:
            self.refusals -= 1
            return "451 try again later"
        self.letters.append(message_from_bytes(envelope.content))
        return "250 taken"


def test_a_letter_reaches_an_smtp_server_that_refused_it_at_first(ledger: Ledger, tmp_path: Path) -> None:
    """By e-mail, over a real server on loopback (ALR-4)."""
    inbox = Inbox(refusals=1)
    post = Controller(inbox, hostname="127.0.0.1", port=free_port())
    post.start()
    try:
        url = f"mailto://127.0.0.1:{post.port}?from=keepwell@example.org&to=ann@example.org&mode=insecure"
        settings = MessageSettings(channels={"web": Channel(url=url)})
        found = [deliver(ledger, settings, tmp_path, MONDAY + n * HOUR) for n in range(2)]
    finally:
        post.stop()

    assert [d.sent for d in found] == [0, 1]
    (letter,) = inbox.letters
    assert letter["Subject"] == "Acme: health 41.0"
    assert "ann@example.org" in letter["To"]


def test_without_a_channel_a_message_is_a_file(tmp_path: Path) -> None:
    """The embedded sink: one file per message, written once (ALR-4)."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.record("sweep", MONDAY, [], said(opened(1), [], files=Channel(url="")))
    found = [deliver(ledger, MessageSettings(), tmp_path, MONDAY + n * HOUR) for n in range(2)]
    ledger.close()
    (file,) = (tmp_path / "messages").iterdir()

    assert [d.sent for d in found] == [1, 0]
    assert file.read_text().startswith("Acme (a0): health 41.0\n\nCritical, owner ann.")


def test_a_url_that_no_service_reads_is_refused_without_its_secrets() -> None:
    """By the channel's name; a token stays out of the message (ALR-4)."""
    with pytest.raises(
        ConfigError, match=r"messages\.channels\.chat\.url: .*`slakc://`; did you mean `slack`"
    ) as refused:
        channels_of(MessageSettings(channels={"chat": Channel(url="slakc://token-a/token-b")}))

    assert "token" not in str(refused.value)
