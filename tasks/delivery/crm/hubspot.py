"""HubSpot, through its own client: companies, tasks and their associations (CRM API v3).

Companies are found by search, which lags behind, and then read by id, which does not. Tasks are made or changed by
`upsert` on their unique property, so that a request whose answer was lost can be sent again.
"""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import urllib3
from hubspot import HubSpot
from hubspot.crm.associations import OpenApiException as AssociationsError
from hubspot.crm.companies import OpenApiException as CompaniesError
from hubspot.crm.objects.tasks import OpenApiException as TasksError
from hubspot.crm.properties import OpenApiException as PropertiesError

from keepwell.playbook.crm.diff import CrmRecord, Step, number_there
from keepwell.playbook.crm.settings import COMPLETED, DATE_FIELDS, NUMERIC_FIELDS, OPEN, CrmSettings
from keepwell.tasks.delivery.crm.base import CrmFailed, in_halves
from keepwell.tasks.delivery.crm.http import retries

ERRORS = (AssociationsError, CompaniesError, PropertiesError, TasksError, urllib3.exceptions.HTTPError)
TASK = {"subject": "hs_task_subject", "body": "hs_task_body", "due": "hs_timestamp", "status": "hs_task_status"}
REFUSED_AS_A_WHOLE = 400


class HubSpotCrm:
    """The CRM of one HubSpot account."""

    def __init__(self, settings: CrmSettings) -> None:
        self._settings = settings
        named = {"host": settings.url} if settings.url else {}
        self._crm = HubSpot(access_token=settings.token, retry=retries(settings), **named).crm

    def lacking(self) -> list[str]:
        """The properties that must be there and are not, or are not unique."""
        named, own = self._settings, {}
        for kind in ("companies", "tasks"):
            answer = self._asked(self._crm.properties.core_api.get_all, kind)
            own[kind] = {one.name: one for one in answer.results}
        lacking = [n for n in (named.account_name, *named.names.values()) if n not in own["companies"]]
        said = [f"companies have no property {name}; create it." for name in lacking]
        ours = own["tasks"].get(named.id_name)
        if ours is None or not ours.has_unique_value:
            said.append(f"tasks have no property {named.id_name} with unique values; create it.")
        return said

    def companies(self, accounts: Sequence[str]) -> list[CrmRecord]:
        """Found by search, page by page, then read by id."""
        name, wanted, after, found = self._settings.account_name, set(accounts), None, []
        while True:
            # HubSpot compares texts in lower case, and wants those of IN so.
            values = sorted({account.lower() for account in accounts})
            rule = {"propertyName": name, "operator": "IN", "values": values}
            body = {"filterGroups": [{"filters": [rule]}], "properties": [name], "limit": 100}
            answer = self._asked(self._crm.companies.search_api.do_search, body | ({"after": after} if after else {}))
            found += [CrmRecord(one.id, one.properties.get(name) or "", {}) for one in answer.results]
            after = answer.paging.next.after if answer.paging and answer.paging.next else None
            if after is None:
                return self.reread([record for record in found if record.key in wanted])

    def reread(self, companies: Sequence[CrmRecord]) -> list[CrmRecord]:
        """Read by id: what was written a moment ago is there."""
        named, size, found = self._settings, self._settings.batch, []
        for start in range(0, len(companies), size):
            ids = [{"id": record.crm_id} for record in companies[start : start + size]]
            body = {"inputs": ids, "properties": [named.account_name, *named.names.values()]}
            found += self._asked(self._crm.companies.batch_api.read, body).results
        return [CrmRecord(one.id, one.properties.get(named.account_name) or "", self._account(one)) for one in found]

    def tasks(self, keys: Sequence[str]) -> list[CrmRecord]:
        """Read by our id, with their companies; ids that HubSpot does not know are no error."""
        name = self._settings.id_name
        body = {"idProperty": name, "inputs": [{"id": key} for key in keys], "properties": [name, *TASK.values()]}
        found = self._asked(self._crm.objects.tasks.batch_api.read, body).results
        of = self._companies_of([one.id for one in found])
        return [CrmRecord(one.id, one.properties[name], self._task(one), of.get(one.id, ())) for one in found]

    def write_accounts(self, steps: Sequence[Step]) -> list[str]:
        """One request; a record that HubSpot refuses does not keep the others back."""
        return in_halves(steps, lambda some: self._sent(self._crm.companies.batch_api.update, [
            {"id": step.company, "properties": {self._settings.names[n]: step.wanted.values[n] for n in step.before}}
            for step in some
        ], len(some)))  # fmt: skip

    def write_tasks(self, steps: Sequence[Step]) -> list[str]:
        """The tasks, then their companies; both may be sent twice."""
        refused = in_halves(steps, lambda some: self._sent(self._crm.objects.tasks.batch_api.upsert, [
            {"idProperty": self._settings.id_name, "id": step.wanted.key, "properties": self._written(step)}
            for step in some
        ], len(some)))  # fmt: skip
        made = {record.key: record for record in self.tasks([step.wanted.key for step in steps])}
        pairs = [
            {"from": {"id": made[step.wanted.key].crm_id}, "to": {"id": step.company}, "type": "task_to_company"}
            for step in steps
            if step.wanted.key in made and step.company not in made[step.wanted.key].companies
        ]
        if pairs:
            self._asked(self._crm.associations.batch_api.create, "tasks", "companies", {"inputs": pairs})
        return refused

    def _companies_of(self, tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
        if not tasks:
            return {}
        body = {"inputs": [{"id": one} for one in tasks]}
        answer = self._asked(self._crm.associations.batch_api.read, "tasks", "companies", body)
        return {one._from.id: tuple(sorted(str(to.id) for to in one.to)) for one in answer.results}  # noqa: SLF001 its name

    def _sent(self, call: Callable[..., Any], inputs: list[Any], count: int) -> list[str] | None:
        """Refusals of single records; None if it refused several as a whole."""
        try:
            answer = self._asked(call, {"inputs": inputs})
        except RefusedError as refusal:
            return [str(refusal)] if count == 1 else None
        return [str(error.message) for error in getattr(answer, "errors", None) or ()]

    def _asked(self, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            return call(*arguments, _request_timeout=self._settings.timeout_seconds)
        except ERRORS as error:
            code = getattr(error, "status", None)
            kind = RefusedError if code == REFUSED_AS_A_WHOLE else CrmFailed
            raise kind(f"HubSpot {f'answered {code}' if code else 'did not answer'}: {_said(error)}") from error

    def _account(self, one: Any) -> dict[str, str]:
        return {n: _plain(n, one.properties.get(there)) for n, there in self._settings.names.items()}

    def _task(self, one: Any) -> dict[str, str]:
        """Whatever is not completed is open: a person may have begun it, or put it off."""
        found = {name: _plain(name, one.properties.get(there)) for name, there in TASK.items()}
        done = found["status"] == self._settings.status_names[COMPLETED]
        return {**found, "status": COMPLETED if done else OPEN}

    def _written(self, step: Step) -> dict[str, str]:
        names = [name for name in (step.before or step.wanted.values) if name in TASK]
        values = {name: step.wanted.values[name] for name in names}
        values |= {"status": self._settings.status_names[values["status"]]} if "status" in values else {}
        # A task's body is HTML there; what people wrote stays text.
        values |= {"body": html.escape(values["body"], quote=False).replace("\n", "<br>")} if "body" in values else {}
        values |= {"due": f"{values['due']}T00:00:00Z"} if "due" in values else {}
        kind = {} if step.crm_id else {"hs_task_type": "TODO"}
        return {**{TASK[name]: value for name, value in values.items()}, **kind}


class RefusedError(CrmFailed):
    """HubSpot refused the whole request because of one invalid record."""


def _plain(name: str, given: str | None) -> str:
    """A value as `playbook.crm.diff` writes it."""
    if not given:
        return ""
    if name in NUMERIC_FIELDS:
        return number_there(given)
    if name in DATE_FIELDS:
        return given[:10]
    return html.unescape(given.replace("<br>", "\n")) if name == "body" else given


def _said(error: Exception) -> str:
    """HubSpot's own message, if it gives one; nothing of the request."""
    try:
        answer: Mapping[str, Any] = json.loads(getattr(error, "body", None) or "{}")
    except ValueError:
        answer = {}
    return str(answer.get("message") or getattr(error, "reason", None) or type(error).__name__)
