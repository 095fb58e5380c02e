"""Settings of the CRM, and its property names for accounts and tasks (MON-6)."""

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
"""Default names of the account's properties in each CRM."""


class CrmSettings(Section):
    """The CRM to sync; `ledger` sends nothing: the ledger itself is the CRM."""

    kind: Literal["ledger", "hubspot", "salesforce"] = Field("ledger", description="which CRM is synced")
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
        {}, description="names of a company's properties in the CRM, by what they hold; default: Keepwell's names"
    )
    statuses: Mapping[Literal["open", "completed"], str] = Field(
        {}, description="names of a task's status in the CRM; empty: the defaults of HubSpot and Salesforce"
    )
    recreate_deleted: bool = Field(False, description="whether a task that was deleted in the CRM is created again")
    finished_days: DaysOrZero = Field(30, description="days for which finished work is still sent for the first time")
    batch: Annotated[Count, Field(le=100)] = Field(100, description="records per request; both CRMs take up to 100")
    tries: Tries = Field(5, description="tries of a request before the rest waits for the next run")
    backoff_seconds: SecondsOrZero = Field(
        1, description="the first retry comes at once, the next after twice these seconds, then 4, 8 times"
    )
    max_wait_seconds: WholeSecondsOrZero = Field(
        60, description="longest wait before a try, even if Retry-After asks for more"
    )
    timeout_seconds: Seconds = Field(30, description="seconds until a request times out")

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
            wrong.append(f"crm.properties: {', '.join(twice)} would hold two values each; use distinct names")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def place(self) -> str:
        """Which CRM: a sandbox has an outbox of its own."""
        return f"{self.kind} {urlparse(self.url).netloc.rpartition('@')[2]}".strip()

    @property
    def names(self) -> dict[str, str]:
        """Names of the account's properties in the CRM."""
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
        """Names of the open and the completed status of a task in the CRM."""
        shipped = {OPEN: "NOT_STARTED", COMPLETED: "COMPLETED"}
        if self.kind == "salesforce":
            shipped = {OPEN: "Not Started", COMPLETED: "Completed"}
        return {**shipped, **{str(k): v for k, v in self.statuses.items()}}
