"""Salesforce, through simple-salesforce: accounts and tasks (REST API, sObject collections).

Tasks are made or changed by their external id, accounts by their own id, so that a request can be sent twice.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlparse

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError
from simple_salesforce.format import format_soql

from keepwell.playbook.crm.diff import CrmRecord, Step, number_there
from keepwell.playbook.crm.settings import COMPLETED, NUMERIC_FIELDS, OPEN, CrmSettings
from keepwell.tasks.delivery.crm.base import CrmFailed
from keepwell.tasks.delivery.crm.http import retries

TASK = {"subject": "Subject", "body": "Description", "due": "ActivityDate", "status": "Status"}
HOST = ".salesforce.com"


class Patient(HTTPAdapter):  # type: ignore[misc]
    """An adapter that retries and times out: simple-salesforce sets no timeout of its own."""

    def __init__(self, settings: CrmSettings) -> None:
        self._seconds = settings.timeout_seconds
        super().__init__(max_retries=retries(settings))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send with the time-out of the settings where none is given."""
        kwargs["timeout"] = kwargs.get("timeout") or self._seconds
        return super().send(request, *args, **kwargs)


def salesforce(settings: CrmSettings, session: requests.Session | None = None) -> Salesforce:
    """A client with the token, or one that fetches its own by the connected app's key and secret."""
    session = session or requests.Session()
    session.mount("https://", Patient(settings))
    if settings.token:
        return Salesforce(instance_url=settings.url, session_id=settings.token, session=session)
    domain = str(urlparse(settings.url).hostname).removesuffix(HOST)
    key, secret = settings.client_id, settings.client_secret
    try:
        return Salesforce(consumer_key=key, consumer_secret=secret, domain=domain, session=session)
    except (SalesforceError, requests.RequestException) as error:
        raise CrmFailed(f"Salesforce gives no token: {_said(error)}") from error


class SalesforceCrm:
    """The CRM of one Salesforce organization."""

    def __init__(self, settings: CrmSettings, client: Salesforce) -> None:
        self._settings, self._client = settings, client

    def lacking(self) -> list[str]:
        """The fields that must be there and are not, or are no external id."""
        named, own = self._settings, {}
        for kind in ("Account", "Task"):
            answer = self._asked(getattr(self._client, kind).describe)
            own[kind] = {one["name"]: one for one in answer["fields"]}
        lacking = [n for n in (named.account_name, *named.names.values()) if n not in own["Account"]]
        said = [f"Account has no field {name}; create it." for name in lacking]
        if not own["Task"].get(named.id_name, {}).get("externalId"):
            said.append(f"Task has no field {named.id_name} that is an external id; create it.")
        return said

    def companies(self, accounts: Sequence[str]) -> list[CrmRecord]:
        """By our account id; Salesforce ignores case, we do not."""
        wanted = set(accounts)
        return [record for record in self._accounts(self._settings.account_name, accounts) if record.key in wanted]

    def reread(self, companies: Sequence[CrmRecord]) -> list[CrmRecord]:
        """By their ids there."""
        return self._accounts("Id", [record.crm_id for record in companies])

    def tasks(self, keys: Sequence[str]) -> list[CrmRecord]:
        """By our id; `IsClosed` marks completed tasks, whatever the organization calls that status."""
        name = self._settings.id_name
        fields = ", ".join(("Id", name, "WhatId", "IsClosed", *TASK.values()))
        rows = self._queried(f"SELECT {fields} FROM Task WHERE {name} IN {{values}}", keys)
        return [
            CrmRecord(row["Id"], row[name], self._task(row), (row["WhatId"],) if row["WhatId"] else ())
            for row in rows
            if row[name] in set(keys)
        ]

    def write_accounts(self, steps: Sequence[Step]) -> list[str]:
        """One request, each record on its own."""
        records = [
            {"attributes": {"type": "Account"}, "Id": step.company, **self._values(step.wanted.values, step.before)}
            for step in steps
        ]
        return self._sent("composite/sobjects", records)

    def write_tasks(self, steps: Sequence[Step]) -> list[str]:
        """Made or changed by our id, with the account, each record on its own."""
        name = self._settings.id_name
        records = [
            {"attributes": {"type": "Task"}, name: step.wanted.key, "WhatId": step.company, **self._written(step)}
            for step in steps
        ]
        return self._sent(f"composite/sobjects/Task/{name}", records)

    def _accounts(self, by: str, values: Sequence[str]) -> list[CrmRecord]:
        named = self._settings
        fields = ", ".join(dict.fromkeys(("Id", named.account_name, *named.names.values())))
        rows = self._queried(f"SELECT {fields} FROM Account WHERE {by} IN {{values}}", values)
        return [
            CrmRecord(
                row["Id"], row[named.account_name] or "",
                {name: _plain(name, row[there]) for name, there in named.names.items()},
            )
            for row in rows
        ]  # fmt: skip

    def _queried(self, query: str, values: Sequence[str]) -> list[Mapping[str, Any]]:
        if not values:
            return []
        answer = self._asked(self._client.query_all, format_soql(query, values=list(values)))
        return list(answer["records"])

    def _sent(self, path: str, records: list[dict[str, Any]]) -> list[str]:
        body = {"allOrNone": False, "records": records}
        answers = self._asked(self._client.restful, path, method="PATCH", json=body)
        return [f"{error['statusCode']}: {error['message']}" for one in answers for error in one["errors"]]

    def _asked(self, call: Callable[..., Any], *arguments: object, **named: object) -> Any:
        try:
            return call(*arguments, **named)
        except (SalesforceError, requests.RequestException) as error:
            code = getattr(error, "status", None)
            raise CrmFailed(f"Salesforce {f'answered {code}' if code else 'did not answer'}: {_said(error)}") from error

    def _values(self, values: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
        """An account's values as Salesforce wants them: numbers as numbers, what is not known as null."""
        found: dict[str, Any] = {n: values[n] or None for n in names}
        found |= {n: float(found[n]) for n in NUMERIC_FIELDS & found.keys() if found[n] is not None}
        return {self._settings.names[name]: value for name, value in found.items()}

    def _task(self, row: Mapping[str, Any]) -> dict[str, str]:
        found = {name: _plain(name, row[there]) for name, there in TASK.items()}
        return {**found, "status": COMPLETED if row["IsClosed"] else OPEN}

    def _written(self, step: Step) -> dict[str, Any]:
        names = [name for name in (step.before or step.wanted.values) if name in TASK]
        values: dict[str, Any] = {name: step.wanted.values[name] or None for name in names}
        if "status" in values:
            values["status"] = self._settings.status_names[values["status"]]
        return {TASK[name]: value for name, value in values.items()}


def _plain(name: str, given: object) -> str:
    """A value as `playbook.crm.diff` writes it."""
    if given is None:
        return ""
    return number_there(given) if name in NUMERIC_FIELDS else str(given).replace("\r\n", "\n")


def _said(error: Exception) -> str:
    """Salesforce's own message, if it gives one; nothing of the request."""
    content = getattr(error, "content", None)
    first = content[0] if isinstance(content, list) and content else {}
    if isinstance(first, Mapping) and first:
        return f"{first.get('errorCode')}, {first.get('message')}"
    return error.message if isinstance(error, SalesforceAuthenticationFailed) else type(error).__name__
