"""HubSpot and Salesforce on loopback: real HTTP servers that keep state, speak the documented API, and fail on request.

Only what Keepwell sends is answered; whatever the documents forbid of it is refused here too.
"""

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "a-token-of-tests"  # noqa: S105 opens nothing but what is below
STAMP = "2026-06-01T00:00:00Z"


@dataclass
class Failure:
    """The next `times` requests to a path fail: with a code, or (0) without an answer, after `hang` seconds.

    `skip`: requests that are let through before. `after`: the request was carried out, only its answer is lost.
    `twice`: carried out twice, and answered well.
    """

    path: str
    code: int = 503
    times: int = 1
    retry_after: int | None = None
    after: bool = False
    twice: bool = False
    hang: float = 0
    skip: int = 0


@dataclass
class CrmServer:
    """State and switches; `page`: rows of one page of an answer. Deleted records are gone for every reader."""

    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 100
    url: str = ""
    ids: Iterator[int] = field(default_factory=lambda: count(1001))

    kind: ClassVar[str]
    own: ClassVar[Mapping[str, str]]
    task_names: ClassVar[Mapping[str, str]]
    account_name: ClassVar[str]
    id_name: ClassVar[str]

    def reset(self) -> None:
        """An empty CRM with Keepwell's properties."""
        for state in (self.companies, self.tasks, self.links, self.failures, self.asked):
            state.clear()
        self.page = 100
        company = dict.fromkeys((self.account_name, "name", "phone", *self.own.values()), "text")
        company |= {self.own["health"]: "number", self.own["risk"]: "number", self.own["action_due"]: "date"}
        task = dict.fromkeys((self.id_name, *self.task_names.values()), "text")
        self.fields = {"company": company, "task": task}

    def company(self, account: str, **more: Any) -> str:
        """A company that somebody made there; its id."""
        identity = str(next(self.ids))
        self.companies[identity] = {self.account_name: account, "name": f"{account} Ltd", "phone": "0123", **more}
        return identity

    def says(self, account: str, name: str) -> Any:
        """What the one company of an account says of one of our values."""
        (company,) = [c for c in self.companies.values() if c[self.account_name] == account]
        return company.get(self.own[name])

    def task(self, key: str) -> dict[str, Any]:
        """The one task whose id of ours begins so; its values by our names, with `id` and `companies`."""
        (found,) = [(i, t) for i, t in self.tasks.items() if t[self.id_name].startswith(key)]
        values = {name: found[1].get(there) for name, there in self.task_names.items()}
        return {**values, "id": found[0], "companies": self.links.get(found[0], set())}

    @property
    def writes(self) -> int:
        """Requests that change something, whether they were answered or not."""
        return sum(self.is_write(method, path) for _, method, path in self.asked)

    def is_write(self, method: str, path: str) -> bool:
        raise NotImplementedError

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        raise NotImplementedError


class HubSpotServer(CrmServer):
    """CRM API v3: properties, search and batches of companies, batches of tasks by a unique property, associations."""

    kind = "hubspot"
    own: ClassVar = {
        name: f"keepwell_{name}"
        for name in ("health", "band", "tier", "risk", "summary", "next_action", "action_due")
    }  # fmt: skip
    task_names: ClassVar = {"subject": "hs_task_subject", "body": "hs_task_body", "due": "hs_timestamp",
                  "status": "hs_task_status", "type": "hs_task_type"}  # fmt: skip
    account_name, id_name = "keepwell_account_id", "keepwell_id"
    completed = "COMPLETED"

    def is_write(self, method: str, path: str) -> bool:
        return path.endswith(("/update", "/upsert", "/create"))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: PLR0911 one a resource
        parts = path.removeprefix("/crm/v3/").split("/")
        if method == "GET" and parts[0] == "properties":
            return 200, {"results": self._properties(parts[1])}
        if len(body.get("inputs", ())) > 100:
            return refused("too many inputs")
        match parts:
            case ["objects", "companies", "search"]:
                return self._search(body)
            case ["objects", "companies", "batch", "read"]:
                known = [one["id"] for one in body["inputs"] if one["id"] in self.companies]
                return batch([self._object(i, self.companies[i], body["properties"]) for i in known])
            case ["objects", "companies", "batch", "update"]:
                return self._update(body["inputs"])
            case ["objects", "tasks", "batch", "read"]:
                return self._read_tasks(body)
            case ["objects", "tasks", "batch", "upsert"]:
                return self._upsert(body["inputs"])
            case ["associations", "tasks", "companies", "batch", "read"]:
                linked = [one["id"] for one in body["inputs"] if self.links.get(one["id"])]
                to = {i: [{"id": c, "type": "task_to_company"} for c in sorted(self.links[i])] for i in linked}
                return batch([{"from": {"id": i}, "to": to[i]} for i in linked], len(body["inputs"]) - len(linked))
            case ["associations", "tasks", "companies", "batch", "create"]:
                for one in body["inputs"]:
                    self.links.setdefault(one["from"]["id"], set()).add(one["to"]["id"])
                return batch(body["inputs"], code=201)
        return 404, {"message": f"no {method} {path}", "category": "OBJECT_NOT_FOUND"}

    def _properties(self, kind: str) -> list[dict[str, Any]]:
        names = self.fields["company" if kind == "companies" else "task"]
        about = {"label": "x", "type": "string", "fieldType": "text", "description": "", "groupName": "keepwell",
                 "options": []}  # fmt: skip
        return [{**about, "name": name, "hasUniqueValue": name == self.id_name} for name in names]

    def _search(self, body: Any) -> tuple[int, Any]:
        (rule,) = body["filterGroups"][0]["filters"]
        if rule["operator"] != "IN" or len(rule["values"]) > 100 or rule["values"] != [*map(str.lower, rule["values"])]:
            return refused("IN takes 100 values in lower case")
        found = [i for i, c in self.companies.items() if str(c.get(rule["propertyName"], "")).lower() in rule["values"]]
        start = int(body.get("after", 0))
        end = start + min(body["limit"], self.page)
        page = {"paging": {"next": {"after": str(end)}}} if end < len(found) else {}
        shown = [self._object(i, self.companies[i], body["properties"]) for i in found[start:end]]
        return 200, {"total": len(found), "results": shown, **page}

    def _update(self, inputs: list[Any]) -> tuple[int, Any]:
        if wrong := self._wrong([one["properties"] for one in inputs], self.fields["company"]):
            return refused(wrong)
        for one in inputs:
            self.companies[one["id"]] |= {n: value or None for n, value in one["properties"].items()}
        return batch([self._object(one["id"], self.companies[one["id"]], []) for one in inputs])

    def _read_tasks(self, body: Any) -> tuple[int, Any]:
        if body["idProperty"] != self.id_name:
            return refused("idProperty has no unique values")
        by = {task[self.id_name]: i for i, task in self.tasks.items()}
        found = [by[one["id"]] for one in body["inputs"] if one["id"] in by]
        shown = [self._object(i, self.tasks[i], body["properties"]) for i in found]
        return batch(shown, len(body["inputs"]) - len(found))

    def _upsert(self, inputs: list[Any]) -> tuple[int, Any]:
        if wrong := self._wrong([one["properties"] for one in inputs], self.fields["task"]):
            return refused(wrong)
        by = {task[self.id_name]: i for i, task in self.tasks.items()}
        results = []
        for one in inputs:
            if one["idProperty"] != self.id_name or (one["id"] not in by and "hs_timestamp" not in one["properties"]):
                return refused("hs_timestamp is required")
            identity = by.setdefault(one["id"], str(next(self.ids)) if one["id"] not in by else by[one["id"]])
            new = identity not in self.tasks
            self.tasks.setdefault(identity, {self.id_name: one["id"]}).update(one["properties"])
            results.append({**self._object(identity, self.tasks[identity], []), "new": new})
        return batch(results)

    def _wrong(self, given: list[Any], known: Mapping[str, str]) -> str:
        """What HubSpot would refuse the whole batch for."""
        for properties in given:
            for name, value in properties.items():
                if name not in known:
                    return f'Property values were not valid: "{name}" does not exist'
                if not isinstance(value, str) or (known[name] == "number" and value and not is_number(value)):
                    return f"{value!r} was not a valid {known[name]} for {name}"
                if value == "poison":
                    return "this value is refused"
        return ""

    def _object(self, identity: str, values: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        shown = {name: values.get(name) for name in names}
        return {"id": identity, "properties": shown, "createdAt": STAMP, "updatedAt": STAMP, "archived": False}


class SalesforceServer(CrmServer):
    """REST API: describe, query (SOQL with IN), sObject collections (update, upsert by external id), OAuth token."""

    kind = "salesforce"
    own: ClassVar = {"health": "Keepwell_Health__c", "band": "Keepwell_Band__c", "tier": "Keepwell_Tier__c",
           "risk": "Keepwell_Risk__c", "summary": "Keepwell_Summary__c", "next_action": "Keepwell_Next_Action__c",
           "action_due": "Keepwell_Action_Due__c"}  # fmt: skip
    task_names: ClassVar = {"subject": "Subject", "body": "Description", "due": "ActivityDate", "status": "Status",
                  "type": "Type"}  # fmt: skip
    account_name, id_name = "Keepwell_Account_Id__c", "Keepwell_Id__c"
    completed = "Completed"

    def is_write(self, method: str, path: str) -> bool:
        return method == "PATCH"

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: PLR0911 one a resource
        place = urlparse(path)
        if place.path == "/services/oauth2/token":
            return 200, {"access_token": TOKEN, "instance_url": self.url, "token_type": "Bearer"}
        parts = place.path.removeprefix("/services/data/v59.0/").strip("/").split("/")
        match parts:
            case ["sobjects", kind, "describe"]:
                return 200, {"fields": self._described(kind)}
            case ["query"]:
                return self._query(parse_qs(place.query)["q"][0])
            case ["query", cursor]:
                return 200, self._page(*json.loads(bytes.fromhex(cursor)))
            case ["composite", "sobjects"] if len(body["records"]) <= 200:
                return 200, [self._update(record) for record in body["records"]]
            case ["composite", "sobjects", "Task", self.id_name] if len(body["records"]) <= 200:
                return 200, [self._upsert(record) for record in body["records"]]
        return 404, [{"errorCode": "NOT_FOUND", "message": f"no {method} {path}"}]

    def _described(self, kind: str) -> list[dict[str, Any]]:
        names = self.fields["company" if kind == "Account" else "task"]
        return [{"name": name, "externalId": name == self.id_name} for name in ("Id", *names)]

    def _query(self, soql: str) -> tuple[int, Any]:
        query = re.fullmatch(r"SELECT (.+) FROM (\w+) WHERE (\w+) IN \((.*)\)", soql, re.DOTALL)
        if query is None:
            return 400, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}]
        names, kind, by, given = query.groups()
        quoted = re.findall(r"'((?:[^'\\]|\\.)*)'", given)
        values = {re.sub(r"\\(.)", r"\1", one).lower() for one in quoted}
        rows = self.companies if kind == "Account" else self.tasks
        ids = [i for i, row in rows.items() if str({**row, "Id": i}.get(by) or "").lower() in values]
        return 200, self._page(kind, names.split(", "), ids)

    def _page(self, kind: str, names: list[str], ids: list[str]) -> dict[str, Any]:
        shown, rest = ids[: self.page], ids[self.page :]
        cursor = json.dumps([kind, names, rest]).encode().hex()
        more = {"nextRecordsUrl": f"/services/data/v59.0/query/{cursor}"} if rest else {}
        records = [{name: self._cell(kind, i, name) for name in names} for i in shown]
        return {"totalSize": len(ids), "done": not rest, "records": records, **more}

    def _cell(self, kind: str, identity: str, name: str) -> Any:
        row = (self.companies if kind == "Account" else self.tasks)[identity]
        derived = {"Id": identity, "IsClosed": row.get("Status") == self.completed,
                   "WhatId": next(iter(self.links.get(identity, ())), None)}  # fmt: skip
        return derived.get(name, row.get(name))

    def _update(self, record: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in record.items() if name not in ("attributes", "Id")}
        if wrong := self._wrong(values, self.fields["company"]):
            return not_done(wrong)
        self.companies[record["Id"]] |= {name: trimmed(value) for name, value in values.items()}
        return {"id": record["Id"], "success": True, "errors": []}

    def _upsert(self, record: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in record.items() if name not in ("attributes", "WhatId")}
        if wrong := self._wrong(values, self.fields["task"]):
            return not_done(wrong)
        found = [i for i, task in self.tasks.items() if task[self.id_name].lower() == record[self.id_name].lower()]
        identity = found[0] if found else str(next(self.ids))
        self.tasks.setdefault(identity, {}).update({name: trimmed(value) for name, value in values.items()})
        self.links[identity] = {record["WhatId"]}
        return {"id": identity, "success": True, "errors": [], "created": not found}

    def _wrong(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str:
        for name, value in values.items():
            if name not in known:
                return f"No such column '{name}'"
            if known[name] == "number" and not (value is None or isinstance(value, float | int)):
                return f"{name}: value not of required type: {value}"
            if value == "poison" or len(str(value)) > 32_000:
                return f"{name}: this value is refused"
        return ""


def batch(results: list[Any], missing: int = 0, code: int = 200) -> tuple[int, Any]:
    """HubSpot's answer to a batch; 207 where some of it is not there."""
    answer = {"status": "COMPLETE", "results": results, "startedAt": STAMP, "completedAt": STAMP}
    if not missing:
        return code, answer
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects", "context": {},
             "errors": [], "links": {}}  # fmt: skip
    return 207, {**answer, "numErrors": missing, "errors": [error]}


def refused(message: str) -> tuple[int, Any]:
    return 400, {"status": "error", "category": "VALIDATION_ERROR", "message": message}


def not_done(message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": "INVALID_FIELD", "message": message, "fields": []}]}


def trimmed(value: Any) -> Any:
    """Salesforce keeps no space at the ends of a text, and an empty one is null."""
    return (value.strip() or None) if isinstance(value, str) else value


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


@contextmanager
def served(server: CrmServer, certificate: Path | None = None) -> Iterator[CrmServer]:
    """The server on loopback, over TLS where a certificate is given."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server))
    listener.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
    server.url = f"http{'s' if certificate else ''}://127.0.0.1:{listener.server_port}"
    server.reset()
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    listener.shutdown()
    listener.server_close()


def handler_of(server: CrmServer) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # an answer in one packet: two would wait 40 ms for each other

        def do_GET(self) -> None:
            self.respond()

        do_POST = do_PATCH = do_GET  # noqa: N815 http.server's names

        def respond(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw and "json" in self.headers.get("Content-Type", "") else {}
            with lock:
                server.asked.append((time.monotonic(), self.command, self.path))
                failure = next((f for f in server.failures if f.times and f.path in self.path), None)
                if failure and failure.skip:
                    failure.skip, failure = failure.skip - 1, None
                if failure:
                    failure.times -= 1
                code, reply = 401, {"message": "the token is not known", "category": "INVALID_AUTHENTICATION"}
                open_to_all = self.path.endswith("/oauth2/token")
                if open_to_all or self.headers.get("Authorization") == f"Bearer {TOKEN}":
                    if not failure or failure.after or failure.twice:
                        code, reply = server.answer(self.command, self.path, body)
                    if failure and failure.twice:
                        code, reply = server.answer(self.command, self.path, body)
                elif server.kind == "salesforce":
                    reply = [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
            if failure and not failure.twice:
                code, reply = failure.code, {"message": "the server is set to fail", "category": "RATE_LIMITS"}
                if server.kind == "salesforce":
                    reply = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "the server is set to fail"}]
            if failure:
                time.sleep(failure.hang)
            if code == 0:
                self.close_connection = True
                return
            self.send(code, json.dumps(reply).encode(), failure)

        def send(self, code: int, reply: bytes, failure: Failure | None) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            if failure and failure.retry_after is not None:
                self.send_header("Retry-After", str(failure.retry_after))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def certificate_in(folder: Path) -> Path:
    """A certificate of 127.0.0.1 for a day, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file
