"""Settings of the CRM, and the words in which an account and a task are told there (MON-6)."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlparse

from pydantic import Field, model_validator

from keepwell.values.setting_types import Count, DaysOrZero, Seconds, SecondsOrZero, Section, Tries, WholeSecondsOrZero

AccountField = Literal["health", "band", "tier", "risk", "summary", "next_action", "action_due"]
NUMERIC_FIELDS = frozenset({"health", "risk"})
DATE_FIELDS = frozenset({"action_due", "due"})
OPEN, COMPLETED = "open", "completed"
IDENTIFIER = r"^([A-Za-z][A-Za-z0-9_]*)?$"
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
NAMES: Mapping[str, Mapping[str, str]] = {
    "ledger": {},
    "hubspot": {
        "health": "keepwell_health", "band": "keepwell_band", "tier": "keepwell_tier", "risk": "keepwell_risk",
        "summary": "keepwell_summary", "next_action": "keepwell_next_action", "action_due": "keepwell_action_due",
    },
    "salesforce": {
        "health": "Keepwell_Health__c", "band": "Keepwell_Band__c", "tier": "Keepwell_Tier__c",
        "risk": "Keepwell_Risk__c", "summary": "Keepwell_Summary__c", "next_action": "Keepwell_Next_Action__c",
        "action_due": "Keepwell_Action_Due__c",
    },
}  # fmt: skip
"""What each CRM calls the account's properties where the settings do not say otherwise."""


class CrmSettings(Section):
    """The CRM that is told; `ledger` sends nothing: the ledger itself is the CRM."""

    kind: Literal["ledger", "hubspot", "salesforce"] = Field("ledger", description="which CRM is told")
    url: str = Field(
        "",
        description="Salesforce: https://COMPANY.my.salesforce.com; HubSpot: empty. ${NAME} from the environment",
    )
    token: str = Field(
        "", repr=False,
        description="HubSpot: a private app's token; Salesforce: an access token. Only as ${NAME} from the environment",
    )  # fmt: skip
    client_id: str = Field("", description="Salesforce instead of a token: the connected app's consumer key")
    client_secret: str = Field("", repr=False, description="its secret, only as ${NAME} from the environment")
    account_property: str = Field(
        "", pattern=IDENTIFIER,
        description="property of a company there that holds our account_id; empty: keepwell_account_id, "
        "Salesforce Keepwell_Account_Id__c",
    )  # fmt: skip
    id_property: str = Field(
        "", pattern=IDENTIFIER,
        description="unique property of a task there that holds our id; empty: keepwell_id, Salesforce Keepwell_Id__c",
    )  # fmt: skip
    properties: Mapping[AccountField, Name] = Field(
        {}, description="names of a company's properties there, by what they hold; those left out have Keepwell's names"
    )
    statuses: Mapping[Literal["open", "completed"], str] = Field(
        {}, description="names of a task's status there; empty: as HubSpot and Salesforce ship"
    )
    recreate_deleted: bool = Field(False, description="whether a task that was deleted there is made again")
    finished_days: DaysOrZero = Field(30, description="days in which what is finished is still told for the first time")
    batch: Annotated[Count, Field(le=100)] = Field(100, description="records of one request; both CRMs take 100")
    tries: Tries = Field(5, description="tries of one request before the rest is left for the next run")
    backoff_seconds: SecondsOrZero = Field(
        1, description="the first retry comes at once, the next after twice these seconds, then 4, 8 times"
    )
    max_wait_seconds: WholeSecondsOrZero = Field(60, description="longest wait before a try, whatever Retry-After says")
    timeout_seconds: Seconds = Field(30, description="seconds in which a request must be answered")

    @model_validator(mode="after")
    def _can_be_addressed(self) -> "CrmSettings":
        names = list(self.names.values())
        twice = sorted({name for name in names if names.count(name) > 1})
        wrong = []
        if self.kind == "hubspot" and not self.token:
            wrong.append("crm.kind is hubspot, which needs crm.token, for example ${HUBSPOT_TOKEN}")
        if self.kind == "salesforce" and not (self.url and (self.token or (self.client_id and self.client_secret))):
            wrong.append("crm.kind is salesforce, which needs crm.url, and crm.token or client_id and client_secret")
        if twice:
            wrong.append(f"crm.properties: {', '.join(twice)} would hold two things; give each one of its own")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def place(self) -> str:
        """Which CRM: a sandbox has an outbox of its own."""
        return f"{self.kind} {urlparse(self.url).netloc.rpartition('@')[2]}".strip()

    @property
    def names(self) -> dict[str, str]:
        """What the CRM calls each of the account's properties."""
        return {**NAMES[self.kind], **{str(k): v for k, v in self.properties.items()}} if self.kind != "ledger" else {}

    @property
    def account_name(self) -> str:
        """The property of a company there that holds our account_id."""
        own = {"salesforce": "Keepwell_Account_Id__c"}.get(self.kind, "keepwell_account_id")
        return self.account_property or own

    @property
    def id_name(self) -> str:
        """The property of a task there that holds our id."""
        return self.id_property or {"salesforce": "Keepwell_Id__c"}.get(self.kind, "keepwell_id")

    @property
    def status_names(self) -> dict[str, str]:
        """What the CRM calls an open and a completed task."""
        shipped = {OPEN: "NOT_STARTED", COMPLETED: "COMPLETED"}
        if self.kind == "salesforce":
            shipped = {OPEN: "Not Started", COMPLETED: "Completed"}
        return {**shipped, **{str(k): v for k, v in self.statuses.items()}}
