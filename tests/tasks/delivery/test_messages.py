"""Messages of alerts: what is said to whom, and how it gets out of the outbox (ALR-4)."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from keepwell.flows.embedded_server import free_port
from keepwell.playbook.alerts.account_card import AccountCard
from keepwell.playbook.alerts.cases import by_case
from keepwell.playbook.alerts.channels import Background, Channel, Message, MessageSettings
from keepwell.playbook.alerts.clocks import breaches
from keepwell.playbook.alerts.ledger_events import LedgerEvent, fold
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.messages import messages
from keepwell.playbook.alerts.rules import Condition, Observations, Occurrence
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.playbook.working_hours import WorkingHours
from keepwell.tasks.delivery.notify import channels_of, deliver
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger

MONDAY = datetime(2026, 3, 2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = WorkingHours(timezone="Europe/Berlin")
OWNERS = OwnerSettings(roles={"manager": ("Mia",)})
ACME = AccountCard(
    name="Acme", csm="ann", today=MONDAY.date(), arr=120_000, currency="USD", health=41.0, band="critical", risk=0.63,
    renewal_on=date(2026, 9, 20), reasons=("Usage down 62% since mid-February",), action="Call the sponsor",
    action_owner="ann", action_due=MONDAY.date(),
)  # fmt: skip


def opened(count: int, csm: str = "ann", history: Sequence[LedgerEvent] = (), **settings: Any) -> list[LedgerEvent]:
    """So many alerts opened on Monday at midnight; more than ten of a small book are a storm."""
    seen = Observations([Condition(f"a{n}", "health_low", holds=True, detail="health 41.0") for n in range(count)])
    book = {f"a{n}": csm for n in range(count)}
    return new_events(history, seen, MONDAY, book, AlertSettings(**settings), OwnerSettings(), Runs())


def said(
    new: Sequence[LedgerEvent], history: Sequence[LedgerEvent] = (), *, card: AccountCard = ACME, **channels: Channel
) -> list[Message]:
    every = [*history, *new]
    opening = {e.alert_id: e.payload for e in every if e.kind == "opened"}
    cases = {a.alert_id: case for case, own in by_case(fold(every, MONDAY + 99 * DAY).values()).items() for a in own}
    settings = MessageSettings(link="https://desk.example/accounts/{account}")
    background = Background({"a0": card}, cases, OWNERS, AlertSettings(hours=BERLIN), settings)
    return messages(new, opening, background, channels or {"all": Channel(url="")})


def test_an_opening_can_be_acted_on_as_it_stands() -> None:
    """Account, revenue, health and risk, why, what to do by when, where to look; no shell command (ALR-7, ALR-4)."""
    (message,) = said(opened(1))
    lines = message.body.splitlines()

    assert message.title == "Acme (a0): health 41.0"
    assert lines[0] == "Severity: critical. For ann (owner), director."
    assert lines[1] == "ARR $120k, health 41.0 of 100 (critical), churn risk 63%, renews September 20."
    assert lines[2:5] == [
        "Why: Usage down 62% since mid-February.", "What happened: health 41.0.",
        "Next: Call the sponsor (ann), by March 2.",
    ]  # fmt: skip
    assert lines[5].startswith("Deadlines: acknowledge by March 2, 03:00 CET; assess by March 2, 05:00 CET; ")
    assert lines[6] == "Director: review the plan with ann by March 3, 01:00 CET."
    assert lines[7].startswith("Case ")
    assert lines[7].endswith(" · https://desk.example/accounts/a0")
    assert "keepwell" not in message.body
    assert message.body.endswith(f"Message {message.key}.")
    assert message.about == opened(1)[0].alert_id


def test_what_opens_a_case_together_is_one_message() -> None:
    """An event and a condition of one account: the event first, everybody of both rules (ALR-7)."""
    seen = Observations(
        [Condition("a0", "health_low", holds=True, detail="health 41.0")],
        [Occurrence("a0", "payment_failure", "I7", MONDAY, MONDAY, resolved=False)],
    )
    new = new_events([], seen, MONDAY, {"a0": "ann"}, AlertSettings(), OwnerSettings(), Runs())
    (message,) = said(new)

    assert message.title == "Acme (a0): payment failure: I7, and 1 more"
    assert message.body.startswith("Severity: critical. For ann (owner), finance, director.")
    assert "What happened: payment failure: I7; health 41.0." in message.body
    assert "\nFirst: find out with finance what failed, and ask the customer for another way to pay.\n" in message.body
    assert "\nFinance: tell ann today what failed or is disputed, and what would settle it.\n" in message.body
    assert set(message.about.split()) == {e.alert_id for e in new}


def test_the_next_action_is_due_with_the_contact_at_the_latest() -> None:
    """A call by Friday beside "contact the customer by Wednesday" would be two answers (ALR-7)."""
    (message,) = said(opened(1), card=replace(ACME, action_due=MONDAY.date() + 9 * DAY))

    assert "Next: Call the sponsor (ann), by March 4." in message.body
    assert "contact the customer by March 4, 01:00 CET" in message.body


def test_a_missed_deadline_shows_the_same_day_for_the_action_as_the_case_did() -> None:
    """The manager reads what the CSM has read (ALR-7)."""
    history, later = opened(1), replace(ACME, action_due=MONDAY.date() + 9 * DAY)
    late = breaches(history, MONDAY + 2 * HOUR, AlertSettings())

    (message,) = said(late, history, card=later)
    assert "Next: Call the sponsor (ann), by March 4." in message.body


def test_a_case_without_an_action_says_what_to_do_and_an_unknown_account_shows_no_score() -> None:
    """Deadlines alone are no answer to "what do I do now?" (ALR-7)."""
    (message,) = said(opened(1), card=replace(ACME, action=None))
    assert "\nFirst: find out what happened, and contact the customer.\n" in message.body

    (message,) = said(opened(1), card=AccountCard(name="Acme"))
    assert "nknown" not in message.body
    assert message.body.splitlines()[1] == "What happened: health 41.0."


def test_the_review_of_an_event_by_the_csm_alone_is_the_assessment() -> None:
    """One deadline for what one step answers: a review that no message announced cannot be missed (ALR-2)."""
    seen = Observations([], [Occurrence("a0", "urgent_ticket", "T1", MONDAY, MONDAY, resolved=False)])
    rules = AlertSettings(ticket_review_hours=2)
    (new,) = new_events([], seen, MONDAY, {"a0": "ann"}, rules, OwnerSettings(), Runs())
    (message,) = said([new])

    assert new.payload["due"]["review"] < new.payload["due"]["assess"]
    assert "assess by March 2, 03:00 CET" in message.body
    late = breaches([new], MONDAY + 3 * HOUR, rules)
    assert "review of the event (due March 2, 03:00 CET)" in said(late, [new])[0].body


def test_a_storm_is_a_digest_for_each_recipient_with_their_own() -> None:
    """Four hundred alerts of forty CSMs: each finds all of theirs, the urgent first, by name (ALR-3, ALR-7)."""
    conditions = [Condition(f"a{n}", ("health_low", "health_drop")[n % 2], True, f"detail {n}") for n in range(400)]
    book = {f"a{n}": f"csm {n % 40}" for n in range(400)}
    new = new_events([], Observations(conditions), MONDAY, book, AlertSettings(), OwnerSettings(), Runs())
    sent = said(new)
    of_csms = [m for m in sent if m.title.startswith("csm ")]
    of_director = [m for m in sent if m.title.startswith("director: ")]

    assert len(of_csms) == 40
    for message in of_csms:
        number = int(message.title.removeprefix("csm ").partition(":")[0])
        named = [line for line in message.body.splitlines() if line.startswith("- ")]
        assert sorted(int(line.split("detail ")[1].split(".")[0]) for line in named) == list(range(number, 400, 40))
    assert [m.title for m in of_director] == ["director: 200 accounts need attention, 200 with a critical alert"]
    asked = "Your part: review each plan by March 3, 01:00 CET. Critical alerts first, "
    assert of_director[0].body.startswith(asked)
    assert all(m.body.startswith("Acknowledge each new case by March 2, 03:00 CET. ") for m in of_csms)
    assert "and 150 more" in of_director[0].body


def test_an_event_is_never_hidden_in_a_storm() -> None:
    """Twenty conditions of a small book are a digest; the urgent ticket of that run is a message of its own (ALR-7)."""
    conditions = [Condition(f"a{n}", "health_low", holds=True, detail="health 41.0") for n in range(1, 21)]
    ticket = Occurrence("a0", "urgent_ticket", "T1", MONDAY, MONDAY, resolved=False)
    book = {f"a{n}": "ann" for n in range(21)}
    new = new_events([], Observations(conditions, [ticket]), MONDAY, book, AlertSettings(), OwnerSettings(), Runs())
    titles = [m.title for m in said(new)]

    assert titles[0] == "Acme (a0): urgent ticket: T1"
    assert sorted(titles[1:]) == [
        "ann: 20 accounts need attention, 20 with a critical alert",
        "director: 20 accounts need attention, 20 with a critical alert",
    ]


def test_news_of_an_open_case_is_a_line_of_the_next_digest() -> None:
    """No message and no deadlines of its own; the director, who hears of it for the first time, gets a line (ALR-7)."""
    seen = Observations([Condition("a0", "no_usage", holds=True, detail="no usage for 14 days")])
    first = new_events([], seen, MONDAY, {"a0": "ann"}, AlertSettings(), OwnerSettings(), Runs())
    seen = Observations([Condition("a0", "health_low", holds=True, detail="health 41.0")])
    runs = Runs(MONDAY, MONDAY)
    new = new_events(first, seen, MONDAY + DAY, {"a0": "ann"}, AlertSettings(), OwnerSettings(), runs)
    sent = said(new, first)

    assert sorted(m.title for m in sent) == [
        "ann: 1 account needs attention, 1 with a critical alert",
        "director: 1 account needs attention, 1 with a critical alert",
    ]
    assert all("- Acme (a0) (open case): health 41.0. ARR $120k" in m.body for m in sent)
    assert [m.body.startswith("News of open cases, whose deadlines stand. ") for m in sent] == [
        m.title.startswith("ann") for m in sent
    ]


def test_breaches_of_one_sweep_are_one_message_for_the_role_that_must_know() -> None:
    """The manager by name; nothing goes to a channel of other roles (ALR-2, ALR-4)."""
    history = opened(3)
    late = breaches(history, MONDAY + 2 * HOUR, AlertSettings())
    sent = said(late, history, managers=Channel(url="", roles=("manager",)), csms=Channel(url="", roles=("csm",)))

    assert [(m.channel, m.title) for m in sent] == [("managers", "3 missed deadlines, escalated to Mia")]
    assert (
        "- Acme (a0) (owner ann), opened for: health 41.0. Missed: acknowledge (due March 2, 03:00 CET). Now: ARR $120k"
        in sent[0].body
    )


def test_missed_steps_stand_by_owner_and_by_when_they_were_due() -> None:
    """Who reads only the first lines has somebody's oldest, and not what a hash put first (ALR-4)."""
    seen = Observations([Condition(f"a{n}", "health_low", holds=True, detail="health 41.0") for n in range(8)])
    owners = {f"a{n}": ("zoe", "ann")[n % 2] for n in range(8)}
    history = new_events([], seen, MONDAY, owners, AlertSettings(), OwnerSettings(), Runs())
    late = breaches(history, MONDAY + 25 * HOUR, AlertSettings())
    (message,) = (one for one in said(late, history) if one.title.startswith("16 "))
    lines = [line for line in message.body.splitlines() if line.startswith("- ")]

    assert message.title == "16 missed deadlines on 8 accounts, escalated to executive"
    assert [line.split("owner ")[1][:3] for line in lines] == ["ann"] * 4 + ["zoe"] * 4
    assert all(line.count("record a plan (due") == line.count("review by director (due") == 1 for line in lines)


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
    assert file.read_text().startswith("Acme (a0): health 41.0\n\nSeverity: critical. For ann (owner), director.\n")


def test_a_url_that_no_service_reads_is_refused_without_its_secrets() -> None:
    """By the channel's name; a token stays out of the message (ALR-4)."""
    with pytest.raises(
        ConfigError, match=r"messages\.channels\.chat\.url: .*`slakc://`; did you mean `slack`"
    ) as refused:
        channels_of(MessageSettings(channels={"chat": Channel(url="slakc://token-a/token-b")}))

    assert "token" not in str(refused.value)
