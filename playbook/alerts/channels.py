"""What a message is, to which channels it goes, and what it shows beside the events (ALR-4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from keepwell.playbook.alerts.account_card import AccountCard, named
from keepwell.playbook.alerts.ledger_events import BOOK
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.values.dates import spoken_minute
from keepwell.values.setting_types import Count, Minutes, Section, Tries

Kind = Literal["opened", "digest", "breached", "action", "check_in"]
CSM, FINANCE = "csm", "finance"
STEP_WORDS: Mapping[str, str] = {
    "ack": "acknowledge", "assess": "assess", "plan": "record a plan", "contact": "contact the customer",
    "follow_up": "follow up", "review": "review",
}  # fmt: skip
HELP = "Where they cannot act, give the account to somebody else."


class Channel(Section):
    """A channel, and which messages go there."""

    url: str = Field(description="Apprise URL, for example mailtos://... or slack://...; ${NAME} from the environment")
    roles: tuple[str, ...] = Field(
        ("csm", "manager", "director", "executive", "finance", "data owner", "ml owner"),
        description="roles notified here",
    )
    kinds: tuple[Kind, ...] = Field(
        ("opened", "digest", "breached", "action"), description="kinds of messages sent here"
    )
    severities: tuple[Literal["critical", "warning"], ...] = Field(
        ("critical", "warning"), description="severities of opened alerts sent here"
    )


class MessageSettings(Section):
    """Where messages go: without a channel, to files in the output folder."""

    channels: Mapping[str, Channel] = Field({}, description="channels, by name")
    link: str = Field(
        "", description="address of an account's page, in each message: {account} and {case} are filled in; empty: none"
    )
    digest_lines: Count = Field(50, description="accounts that one digest lists; the mart `cases` holds all")
    retry_minutes: Minutes = Field(15, description="minutes to the second try; each later wait is twice as long")
    tries: Tries = Field(8, description="tries before a message is given up, which `keepwell sweep` reports")


@dataclass(frozen=True)
class Message:
    """One message on one channel. `key` is its identity, by which a duplicate is recognized.

    `about`: ids of the alerts and actions that it announces, joined by spaces.
    """

    key: str
    channel: str
    title: str
    body: str
    at: datetime
    about: str = ""


@dataclass(frozen=True)
class Notice:
    """A message before it goes to channels. `identity` follows from what it is about."""

    identity: str
    kind: Kind
    roles: frozenset[str]
    severity: str
    title: str
    body: str
    at: datetime
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Background:
    """What messages show beside the events: accounts and cases by id, people by role, links and hours.

    `cases`: the case of each alert, by the alert's id.
    """

    accounts: Mapping[str, AccountCard] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)
    owners: OwnerSettings = field(default_factory=OwnerSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    settings: MessageSettings = field(default_factory=MessageSettings)

    def name(self, account: str) -> str:
        """The account as a title names it."""
        return named(account, self.accounts.get(account)) if account != BOOK else "the portfolio"

    def people(self, role: str) -> str:
        """Who has a role, by name; the role where nobody is named."""
        return ", ".join(self.owners.roles.get(role, ())) or role

    def due(self, at: datetime | str, owner: str) -> str:
        """A deadline in the time of the owner's team."""
        instant = datetime.fromisoformat(at) if isinstance(at, str) else at
        return spoken_minute(instant, self.alerts.hours_of(owner).timezone)

    def day(self, at: str, owner: str) -> date:
        """The day of a deadline in the time of the owner's team."""
        zone = ZoneInfo(self.alerts.hours_of(owner).timezone)
        return datetime.fromisoformat(at).replace(tzinfo=UTC).astimezone(zone).date()

    def reviewers(self, recipients: Iterable[str]) -> str:
        """Who reviews beside the owner, by name or role."""
        return ", ".join(self.people(role) for role in recipients if role != CSM)

    def place(self, account: str, case_id: str) -> str:
        """Where to look: the link, and the case."""
        link = self.settings.link.replace("{account}", account).replace("{case}", case_id)
        return " · ".join(part for part in (f"Case {case_id[:8]}" if case_id else "", link) if part)
