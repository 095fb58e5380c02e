"""The schedule in the team's time zone: its days, nights of changing clocks, one place for the times."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule

from keepwell.flows.configuration.settings import ScheduleSettings, load_settings
from keepwell.flows.on_demand.doctor_schedule import schedule_findings
from keepwell.flows.prefect_yaml import differences, prefect_yaml
from keepwell.flows.schedule import FLOWS, Plan, planned_runs
from keepwell.flows.serve_report import Report, Seen
from keepwell.sample.write import write_company
from tests.support.running import keepwell

NIGHTS = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Santiago": (date(2026, 9, 6), date(2026, 4, 5)),  # the clocks change at midnight
    "Asia/Beirut": (date(2026, 3, 29), date(2026, 10, 25)),  # the same
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),  # by half an hour
}
DAILY = ("0 0 * * *", "30 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 5 * * *", "30 23 * * *")


def plan_of(zone: str, **crons: str) -> Plan:
    return ScheduleSettings(timezone=zone, **crons).plan()


def planned_by_prefect(cron: str, zone: str, first: date, days: int) -> list[datetime]:
    """Every time for which Prefect's own schedule plans a run, asked anew each half hour as its scheduler asks."""
    schedule, start = CronSchedule(cron=cron, timezone=zone), datetime(first.year, first.month, first.day, tzinfo=UTC)

    async def every() -> set[datetime]:
        asked = [start + timedelta(minutes=30 * n + 7) for n in range(48 * days)]
        answers = [await schedule.get_dates(n=2, start=at) for at in asked]
        return {datetime.fromtimestamp(at.timestamp(), UTC).replace(tzinfo=None) for dates in answers for at in dates}

    return sorted(asyncio.run(every()))


@pytest.mark.parametrize("cron", DAILY)
@pytest.mark.parametrize("zone", NIGHTS)
def test_a_night_of_changing_clocks_makes_one_run_of_each_day(zone: str, cron: str) -> None:
    """As Prefect plans it: neither two runs of one day nor none, also where the planned hour is missing (OUT-3)."""
    plan = plan_of(zone, daily=cron)
    for night in NIGHTS[zone]:
        first, last = night - timedelta(days=1), night + timedelta(days=1)
        times = planned_by_prefect(cron, zone, first - timedelta(days=1), 5)
        days = Counter(plan.day_of("daily", at) for at in times)

        wanted = [first, night, last]
        assert [days[day] for day in wanted] == [1, 1, 1], (night, times)
        assert [p.as_of for p in planned_runs(plan, first, last, ["daily"])] == wanted


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_change_of_the_clocks_does_not_interrupt_the_sweeps(zone: str) -> None:
    """Minutes alone are read in UTC: in a zone Prefect skips the second of two equal hours (ALR-2)."""
    plan = plan_of(zone)
    for night in NIGHTS[zone]:
        times = planned_by_prefect(plan.crons["sweep"], plan.zone_of("sweep").key, night - timedelta(days=1), 3)

        gaps = {later - earlier for earlier, later in pairwise(times)}
        assert gaps == {timedelta(minutes=15)}


def test_the_day_of_a_run_is_the_local_day_of_its_planned_time() -> None:
    """Late on Monday in Los Angeles it is Tuesday in UTC, and the other way round in Tokyo (OUT-3, section 0)."""
    evening = plan_of("America/Los_Angeles", daily="0 20 * * *")
    morning = plan_of("Asia/Tokyo", daily="0 5 * * *")

    assert evening.day_of("daily", datetime(2026, 6, 2, 3)) == date(2026, 6, 1)
    assert morning.day_of("daily", datetime(2026, 6, 1, 20)) == date(2026, 6, 2)
    assert evening.day_of("daily", datetime(2026, 6, 2, 3, 12, 7)) == date(2026, 6, 1), "a run that a person started"
    assert [(p.at, p.as_of) for p in planned_runs(morning, date(2026, 6, 2), date(2026, 6, 2), ["daily"])] == [
        (datetime(2026, 6, 1, 20), date(2026, 6, 2))
    ]


def test_the_first_day_of_a_month_is_local_too() -> None:
    """Week 1 of a company in Auckland is planned while it is still May in UTC (MON-1)."""
    plan = plan_of("Pacific/Auckland")
    (week,) = planned_runs(plan, date(2026, 6, 1), date(2026, 6, 7), ["monthly"])

    assert (week.flow, week.as_of, week.at) == ("monthly_week_1", date(2026, 6, 1), datetime(2026, 5, 31, 18))


def test_the_zone_is_that_of_the_teams_hours_unless_the_schedule_names_one(tmp_path: Path) -> None:
    """A schedule of its own wins; a zone that does not exist is refused with its key (section 0)."""
    write_company(3, 1, 5, tmp_path)
    file = tmp_path / "pipeline.toml"
    shipped = file.read_text()

    def zone(more: str) -> ZoneInfo:
        file.write_text(shipped + more)
        return load_settings(file).plan.zone

    assert zone("") == ZoneInfo("UTC")
    assert zone('[alerts.hours]\ntimezone = "Europe/Berlin"\n') == ZoneInfo("Europe/Berlin")
    team = '[alerts.hours]\ntimezone = "Europe/Berlin"\n[schedule]\ntimezone = "Asia/Tokyo"\n'
    assert zone(team) == ZoneInfo("Asia/Tokyo")
    file.write_text(shipped + '[schedule]\ntimezone = "Europe/Nowhere"\n')
    ran = keepwell("--config", file, "deployments")
    assert (ran.code, "schedule.timezone" in ran.err, "Europe/Nowhere" in ran.err) == (2, True, True)


# prefect.yaml --------------------------------------------------------------------------------------------------------


def test_prefect_yaml_holds_the_times_of_the_settings(tmp_path: Path) -> None:
    """By command, with every flow once, one run of each at a time, and the folders of this company (OUT-3)."""
    write_company(3, 1, 5, tmp_path / "company")
    config, file = tmp_path / "company" / "pipeline.toml", tmp_path / "prefect.yaml"
    config.write_text(config.read_text() + '[schedule]\ntimezone = "Europe/Berlin"\ndaily = "15 4 * * *"\n')

    ran = keepwell("--config", config, "--out", tmp_path / "out", "deployments", "--to", file)

    plan = yaml.safe_load(file.read_text())["deployments"]
    schedules = {d["entrypoint"].split(":")[1]: d["schedules"] for d in plan}
    assert (ran.code, len(plan)) == (0, len(FLOWS)), ran.err
    assert schedules["daily"] == [{"cron": "15 4 * * *", "timezone": "Europe/Berlin"}]
    assert schedules["sweeping"] == [{"cron": "*/15 * * * *", "timezone": "UTC"}]
    assert {d["parameters"]["config"] for d in plan} == {str(config)}
    assert all(d["concurrency_limit"]["limit"] == 1 for d in plan)
    assert list(differences(load_settings(config).plan, file)) == []


def test_what_a_prefect_yaml_schedules_otherwise_is_named(tmp_path: Path) -> None:
    """A time, a zone, a flow that is missing, a file that is none: a sentence each (issue: one place for the times)."""
    file = tmp_path / "prefect.yaml"
    file.write_text(prefect_yaml(plan_of("Europe/Berlin", daily="0 4 * * *"), "pipeline.toml", "out"))
    text = yaml.safe_load(file.read_text())
    text["deployments"] = [d for d in text["deployments"] if d["entrypoint"] != "flows/deployments.py:crm"]
    file.write_text(yaml.safe_dump(text))

    found = list(differences(plan_of("Europe/Berlin"), file))
    assert [s.replace(str(file), "F") for s in found] == [
        "F schedules daily_alerts at `0 4 * * *` Europe/Berlin, pipeline.toml at `0 5 * * *` Europe/Berlin.",
        "F has no schedule for crm_sync; pipeline.toml has `30 7 * * *` Europe/Berlin.",
    ]
    elsewhere = list(differences(plan_of("UTC", daily="0 4 * * *"), file))
    assert "F schedules daily_alerts at `0 4 * * *` Europe/Berlin, pipeline.toml at `0 4 * * *` UTC." in [
        s.replace(str(file), "F") for s in elsewhere
    ]
    for broken in ("deployments: 3", "{", "name: x"):
        file.write_text(broken)
        assert [s.startswith(f"{file} cannot be read") for s in differences(plan_of("UTC"), file)] == [True]


# What the doctor says of it ------------------------------------------------------------------------------------------


def warned(company: Path, more: str, local: float = 0) -> list[str]:
    """What the doctor warns of about the schedule of the company with more settings."""
    file = company / "pipeline.toml"
    shipped = file.read_text()
    file.write_text(shipped + more)
    try:
        return [one.message for one in schedule_findings(load_settings(file), file, timedelta(hours=local))]
    finally:
        file.write_text(shipped)


BERLIN = '[alerts.hours]\ntimezone = "Europe/Berlin"\n'


@pytest.mark.parametrize(
    ("more", "local", "says"),
    [
        (BERLIN, 2, ""),
        ("", 0, ""),
        (BERLIN + '[schedule]\ntimezone = "UTC"\n', 0, "the schedule is in UTC, but alerts.hours is in Europe/Berlin"),
        ('[schedule]\ntimezone = "Europe/Berlin"\n', 0, "in Europe/Berlin, but all working hours are in UTC"),
        (
            BERLIN + '[alerts.teams.us]\ncsms = ["Ann"]\nhours = {opens = "08:00"}\n', 0,
            "alerts.teams.us.hours.timezone is UTC while other working hours are not",
        ),
        ("", 5.5, "this machine's clock is +5.5 h from UTC"),
        (
            '[alerts.hours]\ntimezone = "Pacific/Auckland"\n', 0,
            "`0 5 * * *` in Pacific/Auckland is 16:00 UTC of the previous day: the run would start before its day ends",
        ),
        ('[alerts.hours]\ntimezone = "America/Los_Angeles"\n', 0, ""),
    ],
)  # fmt: skip
def test_the_doctor_warns_of_time_zones_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, local: float, says: str
) -> None:
    """Left at UTC for a team elsewhere, or a day planned before it begins in UTC (CONTRACT `doctor`)."""
    write_company(3, 1, 5, tmp_path)
    monkeypatch.chdir(tmp_path)  # the project's own folder has a prefect.yaml
    found = warned(tmp_path, more, local)

    assert len(found) == bool(says), found
    assert all(says in one for one in found)


def test_the_doctor_finds_the_same_schedule_with_two_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder where it runs and beside pipeline.toml, by the command that a user types (CONTRACT `doctor`)."""
    write_company(3, 1, 5, tmp_path / "company")
    config = tmp_path / "company" / "pipeline.toml"
    config.write_text(config.read_text() + '[schedule]\ndaily = "0 4 * * *"\n')
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "company"):
        (folder / "prefect.yaml").write_text(prefect_yaml(ScheduleSettings().plan(), "pipeline.toml", "out"))

    ran = keepwell("--config", config, "--out", tmp_path / "out", "doctor")

    assert ran.code == 0, ran.err
    assert ran.out.count("schedules daily_alerts at `0 5 * * *` UTC, pipeline.toml at `0 4 * * *` UTC.") == 2
    assert keepwell("--config", config, "deployments", "--to", tmp_path / "prefect.yaml").code == 0
    again = keepwell("--config", config, "--out", tmp_path / "out", "doctor")
    assert again.out.count("pipeline.toml at `0 4 * * *` UTC.") == 1


# What `serve` reports ------------------------------------------------------------------------------------------------

NOON = datetime(2026, 6, 2, 12)


def seen(flow: str, minute: int, state: str) -> Seen:
    planned = NOON + timedelta(minutes=minute)
    return Seen(f"{flow}{minute}", flow, planned, state, state.title(), "it broke" if state == "FAILED" else "", 3.2)


def report() -> Report:
    quiet = "0 0 1 1 *"
    plan = plan_of("Europe/Berlin", daily=quiet, monthly=quiet, weekly=quiet, crm=quiet, quarterly=quiet)
    return Report(plan, NOON - timedelta(hours=2), timedelta(minutes=5))


def test_serve_reports_each_run_once_as_it_begins_and_ends() -> None:
    """In local time, with the reason of one that failed (OUT-3)."""
    logged = report()
    looks = [[seen("sweep", 0, state)] for state in ("SCHEDULED", "RUNNING", "RUNNING", "COMPLETED", "COMPLETED")]
    lines = [line for look in looks for line in logged.begun_and_ended(look)]
    failed = list(logged.begun_and_ended([seen("daily_alerts", 1, "FAILED")]))

    assert lines == [
        (True, "sweep planned for 2026-06-02 14:00 CEST: running"),
        (True, "sweep planned for 2026-06-02 14:00 CEST: completed in 3 s"),
    ]
    assert failed == [(False, "daily_alerts planned for 2026-06-02 14:01 CEST: failed. it broke")]


@pytest.mark.parametrize(
    ("runs", "why"),
    [
        ([], "the server has planned no run: is its scheduler working?"),
        ([seen("sweep", -15, "COMPLETED")], "the server has planned no run: is its scheduler working?"),
        ([seen("sweep", 0, "SCHEDULED")], "the server has planned it"),
        (
            [seen("sweep", -15, "RUNNING"), seen("sweep", 0, "SCHEDULED")],
            "the run of 2026-06-02 13:45 CEST is still going",
        ),
    ],
)
def test_serve_warns_once_when_a_due_run_has_not_begun(runs: list[Seen], why: str) -> None:
    """Five minutes after its planned time, and says what there is of it (OUT-3)."""
    logged = report()
    early = list(logged.not_begun(runs, NOON + timedelta(minutes=4)))
    late, again = (list(logged.not_begun(runs, NOON + timedelta(minutes=m))) for m in (6, 7))

    assert [line for line in early if "14:00" in line] == []
    assert late == [f"sweep was due at 2026-06-02 14:00 CEST and has not begun; {why}"]
    assert again == []


def test_serve_is_silent_where_everything_begins() -> None:
    """A run that began, however it ended, has begun (OUT-3)."""
    for state in ("RUNNING", "COMPLETED", "FAILED", "CRASHED"):
        assert list(report().not_begun([seen("sweep", 0, state)], NOON + timedelta(minutes=9))) == []
