"""The CRM says what Keepwell knows: both clients against servers on loopback that keep state and fail (MON-6)."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pandas as pd
import pytest
import requests
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from keepwell.flows.embedded_server import free_port
from keepwell.playbook.alerts.ledger_events import BOOK, LedgerEvent, event_of
from keepwell.playbook.alerts.lifecycle import new_events
from keepwell.playbook.alerts.rules import Condition, Observations
from keepwell.playbook.alerts.runs import Runs
from keepwell.playbook.crm.diff import CrmEvent, CrmRecord, OutboxEntry, Wanted, difference, fold_outbox
from keepwell.playbook.crm.settings import COMPLETED, OPEN, CrmSettings
from keepwell.playbook.crm.wanted import wanted_tasks
from keepwell.playbook.interventions.records import WorkEvent, work_event
from keepwell.playbook.settings import AlertSettings, OwnerSettings
from keepwell.tasks.delivery.crm.client import connected
from keepwell.tasks.delivery.crm.salesforce import SalesforceCrm, salesforce
from keepwell.tasks.errors import ConfigError
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.marts.publish import Stamp, publish
from tests.support.crm_server import TOKEN, CrmServer, Failure, HubSpotServer, SalesforceServer, certificate_in, served
from tests.support.running import Ran, keepwell

MONDAY = datetime(2026, 6, 1)
DAY = timedelta(days=1)
TABLES = "".join(f'[tables.{name}]\nsql = "{name}.sql"\n' for name in ("accounts", "contracts", "usage"))
NOTE = "<script>alert('1')</script> & \"he's\" \\ off\nsecond line\x07 ü"
KEPT = "<script>alert('1')</script> & \"he's\" \\ off\nsecond line  ü"
SCORES = {
    "A-1": {"health": 41.04, "band": "critical", "tier": "immediate", "churn_risk": 0.6712},
    "A-2": {"health": 88.0, "band": "healthy", "tier": "automated", "churn_risk": 0.02},
    "O'Hare": {"health": None, "band": "unknown", "tier": None, "churn_risk": None},
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, CrmServer]]:
    """One of each, Salesforce's over TLS as its client insists; the certificate is trusted by the environment."""
    certificate = certificate_in(tmp_path_factory.mktemp("tls"))
    os.environ["REQUESTS_CA_BUNDLE"] = str(certificate)
    with served(HubSpotServer()) as hubspot, served(SalesforceServer(), certificate) as sales:
        yield {"hubspot": hubspot, "salesforce": sales}
    del os.environ["REQUESTS_CA_BUNDLE"]


@dataclass
class Place:
    """A company with scores and a ledger, and its CRM."""

    crm: CrmServer
    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def where(self) -> tuple[object, ...]:
        return "--config", self.folder / "pipeline.toml", "--out", self.out

    def configure(self, **more: object) -> None:
        about = {"kind": self.crm.kind, "url": self.crm.url, "token": "${CRM_TOKEN}", "backoff_seconds": 0.01,
                 "timeout_seconds": 5, "tries": 3, **more}  # fmt: skip
        lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in about.items())
        (self.folder / "pipeline.toml").write_text(f'[source]\nurl = "."\n{TABLES}\n[crm]\n{lines}\n')

    def publish(self, day: date, scores: dict[str, dict[str, Any]] = SCORES) -> None:
        rows = [
            {"account_id": account, "summary": f"Health of {account}", "next_action": "call",
             "action_due": date(2026, 6, 8), **about}
            for account, about in scores.items()
        ]  # fmt: skip
        publish(self.out / "marts", day, {"health_scores": pd.DataFrame(rows)}, Stamp("r", "c", "s"))

    def ledger(self) -> Ledger:
        return Ledger.open(f"sqlite:///{self.out / 'ledger.db'}")

    def outbox(self) -> list[CrmEvent]:
        ledger = self.ledger()
        try:
            return ledger.crm(f"{self.crm.kind} {urlparse(self.crm.url).netloc}")
        finally:
            ledger.close()

    @property
    def lines(self) -> int:
        """Lines of the outbox, old ones too."""
        ledger = self.ledger()
        with ledger._database.engine.connect() as connection:
            count: int = connection.exec_driver_sql("SELECT count(*) FROM ledger_crm").scalar_one()
        ledger.close()
        return count

    def record(self, alerts: Sequence[LedgerEvent] = (), work: Sequence[WorkEvent] = ()) -> None:
        ledger = self.ledger()
        ledger.record("daily_alerts", MONDAY, list(alerts))
        ledger.record_work(list(work))
        ledger.close()

    def run(self, command: str, day: str = "2026-06-02", *, token: str = TOKEN) -> Ran:
        return keepwell("--json", *self.where, "crm", command, "--as-of", day, CRM_TOKEN=token)

    def sync(self, day: str = "2026-06-02") -> dict[str, Any]:
        ran = self.run("sync", day)
        assert ran.code == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found

    def diff(self, day: str = "2026-06-02") -> dict[str, Any]:
        ran = self.run("diff", day)
        assert ran.code == 0, ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found


@pytest.fixture(params=["hubspot", "salesforce"])
def place(request: pytest.FixtureRequest, servers: dict[str, CrmServer], tmp_path: Path) -> Place:
    """Three accounts with a company each, an alert on A-1, and what people did about it."""
    return begun(servers[request.param], tmp_path)


def begun(crm: CrmServer, folder: Path) -> Place:
    crm.reset()
    folder.mkdir(exist_ok=True)
    found = Place(crm, folder)
    found.configure()
    found.publish(MONDAY.date())
    for account in SCORES:
        crm.company(account)
    found.record(opened("A-1"), WORK)
    return found


def opened(*accounts: str) -> list[LedgerEvent]:
    seen = Observations([Condition(a, "health_low", holds=True, detail="health 41.0, below 50") for a in accounts])
    return new_events([], seen, MONDAY, dict.fromkeys(accounts, "ann"), AlertSettings(), OwnerSettings(), Runs())


def work(event: str, subject: str | None, at: datetime, **payload: object) -> WorkEvent:
    return work_event(event, "A-1", subject, at, at, "ann", payload)


STARTED = work("started", None, MONDAY + 0.5 * DAY, kind="training", cause="low_adoption")
PLANNED = work("planned", None, MONDAY + 0.5 * DAY, metric="active_days_28d", target=12, rising=True, due="2026-07-01")
WORK = [
    work("called", None, MONDAY + 0.4 * DAY, outcome="reached", note=NOTE),
    work("follow_up", None, MONDAY + 0.4 * DAY, due="2026-06-05", note="send the slides"),
    STARTED,
    PLANNED,
]
"""One task each, beside the alert's."""


# What is written ------------------------------------------------------------------------------------------------------


def test_the_dry_run_says_what_the_sync_then_does(place: Place) -> None:
    """Three accounts and five tasks; the dry run writes nothing, the second sync neither (MON-6)."""
    outbox = place.diff()
    untouched = (place.crm.writes, place.outbox())
    first = place.sync()
    writes, lines = place.crm.writes, place.lines
    second = place.sync()

    acts = [step["act"] for step in outbox["steps"]]
    assert (acts.count("change"), acts.count("create"), untouched) == (3, 5, (0, []))
    assert (first["changed"], first["created"], first["waiting"]) == (3, 5, 0)
    assert (second["changed"], second["created"], place.crm.writes) == (0, 0, writes)
    assert place.lines == lines == 16
    assert place.diff() == {"steps": [], "same": 8, "said": []}


def test_an_account_says_its_scores_and_keeps_what_is_not_ours(place: Place) -> None:
    """Our properties alone are written; what is not known is empty, not nought (MON-6)."""
    place.sync()
    first = next(iter(place.crm.companies.values()))

    assert float(place.crm.says("A-1", "health")) == 41
    assert float(place.crm.says("A-1", "risk")) == 0.671
    assert place.crm.says("A-1", "summary") == "Health of A-1"
    assert place.crm.says("O'Hare", "health") is None
    assert (first["name"], first["phone"]) == ("A-1 Ltd", "0123")


def test_each_thing_that_people_do_is_one_task_of_the_company(place: Place) -> None:
    """Alert, call, follow-up, intervention, target: subject, due day, open or completed (MON-3, MON-6)."""
    place.sync()
    company = next(iter(place.crm.companies))
    found = {key: place.crm.task(key) for key in ("alert", "call", "follow_up", "intervention", "plan")}
    done = {key for key, task in found.items() if task["status"] == place.crm.completed}

    assert len(place.crm.tasks) == 5
    assert all(task["companies"] == {company} for task in found.values())
    assert found["alert"]["subject"] == "Alert: health 41.0, below 50"
    assert found["plan"]["subject"] == "Success plan: active days 28d at least 12"
    assert found["follow_up"]["due"][:10] == "2026-06-05"
    assert done == {"call"}


def test_what_ends_is_completed_and_who_leaves_says_nothing_any_more(place: Place) -> None:
    """The same tasks change, none is made anew; an account out of the book loses its scores there (MON-6)."""
    place.sync()
    (alert,) = [e for e in opened("A-1") if e.kind == "opened"]
    closed = replace(alert, event_id="c", kind="closed", as_of=MONDAY + DAY, at=MONDAY + DAY, payload={"reason": "won"})
    ended = [
        work("ended", STARTED.subject, MONDAY + 2 * DAY, result="worked"),
        work("called", None, MONDAY + 2 * DAY, outcome="resolved"),
        work("progressed", PLANNED.subject, MONDAY + 2 * DAY, value=14, status="met"),
    ]
    place.record([closed], ended)
    place.publish(date(2026, 6, 4), {"A-1": {**SCORES["A-1"], "health": 64.26}})
    result = place.sync("2026-06-04")

    assert (result["completed"], result["created"], result["changed"]) == (4, 1, 3)
    assert all(task["status"] == place.crm.completed for task in map(place.crm.task, ("alert", "intervention", "plan")))
    assert float(place.crm.says("A-1", "health")) == 64.3
    assert place.crm.says("A-2", "health") is None
    assert place.sync("2026-06-04")["changed"] == 0


def test_a_target_that_the_published_values_settled_is_completed(place: Place) -> None:
    """As the newest mart success_plans up to the date has it; a later one does not count (MON-3, MON-6)."""
    place.sync()
    for day, status in ((3, "missed"), (9, "met")):
        plans = pd.DataFrame([{"plan_id": PLANNED.subject, "account_id": "A-1", "status": status}])
        publish(place.out / "marts", date(2026, 6, day), {"success_plans": plans}, Stamp("r", "c", "s"))
    result = place.sync("2026-06-08")

    assert result["completed"] == 1
    assert "missed" in place.crm.task("plan")["body"]


def test_what_people_wrote_is_text_there_and_reads_back_the_same(place: Place) -> None:
    """Quotes, markup and control characters break no query, run nowhere, and differ in no later run (MON-6)."""
    place.sync()
    body = place.crm.task("call")["body"]

    if place.crm.kind == "hubspot":
        assert body.startswith("&lt;script&gt;alert('1')&lt;/script&gt; &amp;")
        assert "<br>second line" in body
    else:
        assert body == f"{KEPT}\nBy ann"
    assert place.diff()["steps"] == []


def test_pages_and_batches_are_followed_to_their_end(place: Place) -> None:
    """Two rows a page there, two records a request here (MON-6)."""
    place.configure(batch=2)
    place.crm.page = 1

    assert place.sync()["waiting"] == 0
    assert place.diff()["same"] == 8


# What is not as it should be there ------------------------------------------------------------------------------------


def test_an_account_that_is_not_there_is_said_and_not_made(place: Place) -> None:
    """With its id; its tasks wait (MON-6)."""
    gone = next(iter(place.crm.companies))
    del place.crm.companies[gone]
    result = place.run("sync")

    assert result.code == 0
    assert "unknown  account:A-1: no company in the CRM has this id. Keepwell does not create companies." in result.err
    assert (len(place.crm.companies), len(place.crm.tasks)) == (2, 0)
    assert json.loads(result.out)["waiting"] == 6


def test_two_companies_of_one_account_are_said_and_neither_is_touched(place: Place) -> None:
    """Both ids are named; the other accounts are written (MON-6)."""
    ids = [next(iter(place.crm.companies)), place.crm.company("A-1")]
    before = [dict(place.crm.companies[i]) for i in ids]
    result = place.run("sync")

    assert (
        f"duplicate  account:A-1: 2 companies in the CRM have this id: {', '.join(ids)}. Nothing is written."
        in result.err
    )
    assert [place.crm.companies[i] for i in ids] == before
    assert (float(place.crm.says("A-2", "health")), len(place.crm.tasks)) == (88, 0)


@pytest.mark.parametrize("place", ["salesforce"], indirect=True)
def test_two_tasks_of_one_id_are_said_and_neither_is_touched(place: Place) -> None:
    """As somebody makes them by cloning one where the field is not unique; HubSpot's is (MON-6)."""
    place.sync()
    first = place.crm.task("alert")["id"]
    place.crm.tasks["77"] = dict(place.crm.tasks[first])
    place.crm.links["77"] = set(place.crm.links[first])
    place.crm.tasks[first]["Subject"] = "mine"
    outbox = place.run("sync")

    assert f"2 tasks in the CRM have this id: {', '.join(sorted((first, '77')))}. Keep one." in outbox.err
    assert place.crm.tasks[first]["Subject"] == "mine"


def test_an_id_in_other_letters_is_another_account(place: Place) -> None:
    """HubSpot and Salesforce do not tell a-1 from A-1; Keepwell does (MON-6)."""
    other = place.crm.company("a-1")
    place.sync()

    assert place.crm.own["health"] not in place.crm.companies[other]
    assert float(place.crm.says("A-1", "health")) == 41


def test_a_task_that_was_deleted_there_stays_away_unless_it_is_wanted_back(place: Place) -> None:
    """Said each time; crm.recreate_deleted makes it again, once (MON-6)."""
    place.sync()
    gone = place.crm.task("alert")["id"]
    del place.crm.tasks[gone]
    outbox = place.run("sync")
    place.configure(recreate_deleted=True)
    again = place.sync()

    assert f"task {gone} was deleted in the CRM. To recreate it, set crm.recreate_deleted." in outbox.err
    assert json.loads(outbox.out)["created"] == 0
    assert (again["created"], place.sync()["created"], len(place.crm.tasks)) == (1, 0, 5)


def test_what_somebody_changed_of_ours_is_shown_and_set_back(place: Place) -> None:
    """The dry run names accounts that differ from the last sync; fields that are not ours stay as they are (MON-6)."""
    place.sync()
    first = next(iter(place.crm.companies.values()))
    first |= {place.crm.own["band"]: "lovely", place.crm.own["health"]: "good", "phone": "0999"}
    (step,) = place.diff()["steps"]
    plain = keepwell(*place.where, "crm", "diff", "--as-of", "2026-06-02", CRM_TOKEN=TOKEN)
    place.sync()

    assert (step["before"], step["after"]) == (
        {"health": "good", "band": "lovely"},
        {"health": "41", "band": "critical"},
    )
    assert step["changed_there"] == ["health", "band"]
    assert "band 'lovely' -> 'critical' (changed in the CRM)" in plain.out
    assert (first[place.crm.own["band"]], first["phone"]) == ("critical", "0999")


def test_a_task_that_somebody_completed_there_stays_completed(place: Place) -> None:
    """And is said, for here it is open still (MON-6)."""
    place.sync()
    task = place.crm.tasks[place.crm.task("alert")["id"]]
    task[place.crm.task_names["status"]] = place.crm.completed
    outbox = place.run("sync")

    assert "completed there" in outbox.err
    assert task[place.crm.task_names["status"]] == place.crm.completed
    assert json.loads(outbox.out)["waiting"] == 0


def test_a_record_that_is_refused_keeps_no_other_back(place: Place) -> None:
    """Its reason is in the outbox, and the next run tries it again (MON-6)."""
    place.publish(MONDAY.date(), {**SCORES, "A-2": {**SCORES["A-2"], "next_action": "poison"}})
    outbox = place.run("sync")
    why = [e.error for e in place.outbox() if e.kind == "failed"]

    assert outbox.code == 0
    assert "this value is refused" in outbox.err
    assert (json.loads(outbox.out)["differing"], json.loads(outbox.out)["waiting"]) == (1, 1)
    assert len(why) == 1
    assert "this value is refused" in str(why[0])
    assert float(place.crm.says("A-1", "health")) == 41
    place.publish(MONDAY.date())
    assert place.sync()["waiting"] == 0


# The wire -------------------------------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for_as_long_as_it_asks(place: Place) -> None:
    """429 with Retry-After: one second later the same request succeeds (MON-6)."""
    place.crm.failures.append(Failure("", 429, retry_after=1))
    assert place.sync()["waiting"] == 0

    first, second, *_ = place.crm.asked
    assert first[1:] == second[1:]
    assert second[0] - first[0] >= 1


def test_a_rate_limit_without_end_leaves_the_rest_for_the_next_run(place: Place) -> None:
    """Not waited for longer than the settings allow; exit 1 and a count; the next run writes it all, once (MON-6)."""
    place.configure(max_wait_seconds=0)
    limit = Failure("batch/upsert" if place.crm.kind == "hubspot" else "sobjects/Task/K", 429, 99, retry_after=3600)
    place.crm.failures.append(limit)
    outbox = place.run("sync")

    assert outbox.code == 1
    assert "answered 429" in outbox.err
    assert "3 written, 5 waiting in the outbox" in outbox.err
    assert 99 - limit.times == 3
    assert [e.kind for e in place.outbox()].count("failed") == 5
    place.crm.failures.clear()
    assert (place.sync()["created"], len(place.crm.tasks)) == (5, 5)


@pytest.mark.parametrize("code", [500, 503, 0])
def test_a_crm_that_fails_now_and_then_is_synced_all_the_same(place: Place, code: int) -> None:
    """Every third request fails, or ends without an answer: tried again, nothing is twice (MON-6)."""
    writes = ("update", "upsert", "create") if place.crm.kind == "hubspot" else ("composite",)
    place.crm.failures += [Failure(path, code) for path in ("", *writes)]

    assert place.sync()["waiting"] == 0
    assert all(f.times == 0 for f in place.crm.failures)
    assert len(place.crm.tasks) == 5


def test_a_crm_that_is_down_leaves_everything_in_the_outbox(place: Place) -> None:
    """Exit 1; no message repeats the token (MON-6, TRU-5)."""
    place.crm.failures.append(Failure("", 503, 99))
    outbox = place.run("sync")

    assert outbox.code == 1
    assert "answered 503" in outbox.err
    assert "0 written, 8 waiting in the outbox for the next `crm sync`" in outbox.err
    assert TOKEN not in outbox.err
    assert [e.kind for e in place.outbox()] == ["wanted"] * 8


@pytest.mark.parametrize("hang", [0, 0.4])
def test_an_answer_that_is_lost_makes_nothing_twice(place: Place, hang: float) -> None:
    """The request was carried out, the answer never came, or too late: sent again by our id (MON-6)."""
    place.configure(timeout_seconds=0.3)
    writes = ("update", "upsert", "create") if place.crm.kind == "hubspot" else ("composite/sobjects", "sobjects/Task")
    place.crm.failures += [Failure(path, 0, after=True, hang=hang) for path in writes]

    assert place.sync()["waiting"] == 0
    assert len(place.crm.tasks) == 5
    assert place.diff()["steps"] == []


def test_a_run_that_never_hears_of_its_success_finds_it_the_next_time(place: Place) -> None:
    """Every answer to the writing of tasks is lost: the next run reads them, and writes none (MON-6)."""
    path = "batch/upsert" if place.crm.kind == "hubspot" else "sobjects/Task/K"
    place.crm.failures.append(Failure(path, 0, 99, after=True))
    assert place.run("sync").code == 1
    place.crm.failures.clear()
    again = place.sync()

    assert (again["created"], again["waiting"], len(place.crm.tasks)) == (0, 0, 5)
    assert {len(place.crm.links[i]) for i in place.crm.tasks} == {1}


@pytest.mark.slow
def test_wherever_a_run_is_cut_off_the_next_one_ends_it(place: Place) -> None:
    """No answer to the n-th request, which was carried out, for every n of a whole sync: nothing is twice (MON-6)."""
    place.sync()
    whole, tasks = len(place.crm.asked), {key: set(ids) for key, ids in place.crm.links.items()}
    for cut in range(whole):
        again = begun(place.crm, place.folder / str(cut))
        again.configure(tries=1)
        again.crm.failures.append(Failure("", 0, after=True, skip=cut))
        first = again.run("sync")
        again.configure()

        assert (first.code, again.sync()["waiting"]) == (1, 0), cut
        assert len(again.crm.tasks) == len(again.crm.links) == len(tasks), cut
        assert again.diff()["steps"] == [], cut


def test_a_request_that_is_carried_out_twice_is_carried_out_once(place: Place) -> None:
    """As a proxy may do it (MON-6)."""
    writes = ("update", "upsert", "create") if place.crm.kind == "hubspot" else ("composite",)
    place.crm.failures += [Failure(path, times=9, twice=True) for path in writes]

    assert place.sync()["created"] == 5
    assert len(place.crm.tasks) == 5


def test_a_place_where_nobody_answers_is_said(place: Place) -> None:
    """A wrong address, or no way there: exit 1, and doctor calls it critical (MON-6, ACT-2)."""
    place.configure(url=f"{place.crm.url.rsplit(':', 1)[0]}:{free_port()}", tries=1)
    outbox = place.run("sync")
    seen = keepwell(*place.where, "doctor", CRM_TOKEN=TOKEN)

    assert outbox.code == 1
    assert "did not answer" in outbox.err
    assert "8 waiting in the outbox" in outbox.err
    assert any(line.startswith("critical  crm: ") and "did not answer" in line for line in seen.out.splitlines())


def test_a_token_that_is_not_known_is_said_at_once(place: Place) -> None:
    """401 is tried once, and the message does not repeat the token (MON-6, TRU-5)."""
    outbox = place.run("sync", token="another-token")  # noqa: S106 opens nothing

    assert outbox.code == 1
    assert "answered 401" in outbox.err
    assert "another-token" not in outbox.err
    assert len(place.crm.asked) == 1


# Before anything is sent ----------------------------------------------------------------------------------------------


def test_a_property_that_is_missing_there_is_named_by_sync_and_doctor(place: Place) -> None:
    """Before anything is written; exit 2 (MON-6)."""
    del place.crm.fields["company"][place.crm.own["tier"]]
    outbox = place.run("sync")
    seen = keepwell(*place.where, "doctor", CRM_TOKEN=TOKEN)

    assert outbox.code == 2
    assert place.crm.own["tier"] in outbox.err
    assert place.crm.writes == 0
    (line,) = [line for line in seen.out.splitlines() if " crm: " in line]
    assert line.startswith("critical")
    assert place.crm.own["tier"] in line


def test_the_id_of_a_task_must_be_unique_there(place: Place) -> None:
    """Without it a request that is sent twice could make two (MON-6)."""
    place.configure(id_property="Subject" if place.crm.kind == "salesforce" else "hs_task_subject")
    outbox = place.run("sync")

    assert outbox.code == 2
    assert "create it" in outbox.err
    assert place.crm.writes == 0


def test_doctor_finds_a_crm_that_is_well(place: Place) -> None:
    """It answers and has every property (MON-6, ACT-2)."""
    outbox = keepwell(*place.where, "doctor", CRM_TOKEN=TOKEN)

    assert f"crm: {place.crm.kind} answers and has every property" in outbox.out
    assert place.crm.writes == 0


def test_what_stood_earlier_is_not_written_over_what_stood_later(place: Place) -> None:
    """As a run older than the ledger's newest changes no live alert (ALR-3, MON-6)."""
    place.publish(date(2026, 6, 3), {**SCORES, "A-1": {**SCORES["A-1"], "health": 70}})
    place.sync("2026-06-03")
    outbox = place.run("sync", "2026-06-02")

    assert outbox.code == 0
    assert "was synced as of 2026-06-03" in outbox.err
    assert float(place.crm.says("A-1", "health")) == 70


def test_a_secret_in_the_file_is_refused_without_being_repeated(place: Place) -> None:
    """Secrets only from the environment (MON-6, TRU-5)."""
    place.configure(token="pat-na1-secret")  # noqa: S106 opens nothing
    outbox = place.run("diff")

    assert outbox.code == 2
    assert "`crm.token` is a secret. Write ${NAME}" in outbox.err
    assert "pat-na1-secret" not in outbox.err + outbox.out


def test_without_a_crm_nothing_is_sent(tmp_path: Path) -> None:
    """The default: the ledger itself is the CRM (MON-6)."""
    (tmp_path / "pipeline.toml").write_text(f'[source]\nurl = "."\n{TABLES}')
    place = ("--config", tmp_path / "pipeline.toml", "--out", tmp_path / "out")
    ran = [keepwell(*place, "crm", command, "--as-of", "2026-06-02") for command in ("diff", "sync")]

    assert [one.code for one in ran] == [0, 0]
    assert all("crm.kind is ledger: nothing to sync." in one.err for one in ran)
    assert not (tmp_path / "out").exists()


def test_salesforce_gives_a_token_for_the_apps_key_and_secret(servers: dict[str, CrmServer]) -> None:
    """The client-credentials flow of a connected app, as a scheduled run needs it (MON-6)."""
    server = servers["salesforce"]
    server.reset()
    about = {"url": "https://keepwell.my.salesforce.com", "client_id": "key", "client_secret": "hidden"}
    settings = CrmSettings.model_validate({"kind": "salesforce", **about})

    class Here(HTTPAdapter):
        def send(self, request, *args, **kwargs):
            request.url = request.url.replace(settings.url, server.url)
            return super().send(request, *args, **kwargs)

    session = requests.Session()
    session.mount(settings.url, Here())

    assert SalesforceCrm(settings, salesforce(settings, session)).lacking() == []
    assert server.asked[0][2] == "/services/oauth2/token"


# The difference alone -------------------------------------------------------------------------------------------------

STATUSES = st.sampled_from([OPEN, COMPLETED])
KEYS = ("alert:1", "alert:2", "call:3")
CONTENTS = st.fixed_dictionaries({"subject": st.sampled_from("ab"), "status": STATUSES})
THERE = st.dictionaries(st.sampled_from(KEYS), CONTENTS)


@given(wanted=THERE, there=THERE, delivered=st.sets(st.sampled_from(KEYS)), again=st.booleans())
@effort(max_examples=300, deadline=None)
def test_after_its_steps_there_is_no_difference(wanted, there, delivered, again) -> None:
    """Whatever was there: nothing is left to write, and what was completed there still is (MON-6)."""
    wants = [Wanted(key, "A", values) for key, values in wanted.items()]
    outbox = {w.key: OutboxEntry(w, w, "9") for w in wants if w.key in delivered}
    settings = CrmSettings(recreate_deleted=again)
    company = [CrmRecord("1", "A", {})]

    def tasks(values: dict[str, dict[str, str]]) -> list[CrmRecord]:
        return [CrmRecord(f"t-{key}", key, content, ("1",)) for key, content in values.items()]

    found = difference(wants, company, tasks(there), outbox, settings)
    after = {key: dict(content) for key, content in there.items()}
    for step in found.steps:
        names = step.before or step.wanted.values
        after.setdefault(step.wanted.key, {}).update({name: step.wanted.values[name] for name in names})
    kept = {key for key, content in there.items() if content["status"] == COMPLETED}

    assert difference(wants, company, tasks(after), outbox, settings).steps == []
    assert all(after[key]["status"] == COMPLETED for key in kept)
    assert again or not {s.wanted.key for s in found.steps if s.act == "create"} & delivered


def test_what_is_finished_long_since_is_synced_only_where_the_crm_has_it_open() -> None:
    """Years of calls do not flood a CRM on its first day; what is open there is completed however late (MON-6)."""
    later = MONDAY + 60 * DAY
    ended = work("ended", STARTED.subject, MONDAY + DAY, result="worked")

    def keys(outbox: dict[str, OutboxEntry], graded: dict[str, str]) -> dict[str, str]:
        wanted = wanted_tasks([], [*WORK, ended], outbox, later, 30, graded)
        return {w.key.split(":")[0]: w.values["status"] for w in wanted}

    before = {w.key: OutboxEntry(w, w, "9") for w in wanted_tasks([], WORK, {}, MONDAY + DAY, 30, {})}

    assert keys({}, {}) == {"follow_up": OPEN, "plan": OPEN}
    assert keys({}, {str(PLANNED.subject): "missed"}) == {"follow_up": OPEN, "plan": COMPLETED}
    assert keys(before, {}) == {"follow_up": OPEN, "plan": OPEN, "intervention": COMPLETED}


def test_an_alert_that_notifies_nobody_is_not_synced_to_the_crm() -> None:
    """An alert that a data alert holds, until it is released, and the data alert itself (SRC-5, MON-6)."""
    data, alert = opened(BOOK, "A-1")
    held = replace(alert, payload={**alert.payload, "held_by": "d"})
    about = {"reason": "real", "digest_id": None, "due": alert.payload["due"]}
    released = event_of(held, "released", MONDAY + DAY, "ann", about)

    def keys(*history: LedgerEvent) -> list[str]:
        return [w.key for w in wanted_tasks(history, [], {}, MONDAY + 2 * DAY, 30, {})]

    assert keys(data, held) == []
    assert keys(held, released) == keys(alert) == [f"alert:{alert.alert_id}"]


def test_a_follow_up_is_kept_when_the_customer_is_spoken_to_after_it() -> None:
    """By a call that reached, or the step of an alert; not by a call that reached nobody (MON-3, MON-6)."""

    def state(history: Sequence[LedgerEvent], *more: WorkEvent) -> str:
        found = wanted_tasks(history, [*WORK, *more], {}, MONDAY + 9 * DAY, 30, {})
        return next(w.values["status"] for w in found if w.key.startswith("follow_up:"))

    (alert,) = [e for e in opened("A-1") if e.kind == "opened"]
    spoken = event_of(alert, "done", MONDAY + 2 * DAY, "ann", {"step": "contact"})

    assert state([]) == state([], work("called", None, MONDAY + DAY, outcome="no_answer", reached=False)) == OPEN
    assert state([], work("called", None, MONDAY + DAY, outcome="reached")) == state([alert, spoken]) == COMPLETED


def test_the_outbox_knows_what_was_delivered_last() -> None:
    """Wanted, delivered, wanted otherwise, failed: what is there is what was delivered (MON-6)."""
    one, two = Wanted("account:A", "A", {"band": "at_risk"}), Wanted("account:A", "A", {"band": "critical"})
    wanted = [CrmEvent("hubspot", w.key, "wanted", "A", w.hash, MONDAY, payload=w.values) for w in (one, two)]
    done = CrmEvent("hubspot", one.key, "delivered", "A", one.hash, MONDAY, crm_id="7", payload=one.values)
    failed = CrmEvent("hubspot", one.key, "failed", "A", two.hash, MONDAY, error="503")

    whole = fold_outbox([wanted[0], done, wanted[1], failed])["account:A"]
    assert (whole.wanted, whole.delivered, whole.crm_id, whole.error) == (two, one, "7", "503")
    assert fold_outbox([done, wanted[1], failed]) == {"account:A": whole}


def test_a_client_that_is_not_installed_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the client's own name: Keepwell is on no package index, where a stranger could take its name (MON-6)."""
    monkeypatch.delitem(sys.modules, "keepwell.tasks.delivery.crm.hubspot", raising=False)
    monkeypatch.setitem(sys.modules, "hubspot", None)

    with pytest.raises(ConfigError, match=r'client of hubspot is not installed\. Run: pip install "hubspot-api-client'):
        connected(CrmSettings(kind="hubspot", token=TOKEN))
