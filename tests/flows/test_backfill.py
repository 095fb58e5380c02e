"""What the schedule asks for in a range of days, and which of it did not happen (OUT-3)."""

from datetime import date, datetime
from pathlib import Path

import pytest

from keepwell.flows.configuration.settings import ScheduleSettings
from keepwell.flows.daily_alerts import DayResult, together
from keepwell.flows.schedule import BY_DATE, missed_runs, planned_runs, still_missed
from keepwell.tasks.marts.publish import Stamp, record_run
from tests.support.running import keepwell

PLAN = ScheduleSettings().plan()


def test_a_range_holds_what_the_schedule_asks_for_in_its_order() -> None:
    """Both ends included; a week of the month speaks as of its first day (OUT-3, MON-1)."""
    found = planned_runs(PLAN, date(2026, 5, 31), date(2026, 6, 8), ["daily", "weekly", "monthly"])

    assert [(f"{p.at:%m-%d %H}", p.flow) for p in found if p.flow != "daily_alerts"] == [
        ("06-01 06", "monthly_week_1"),
        ("06-01 06", "weekly_review"),
        ("06-08 06", "monthly_week_2"),
        ("06-08 06", "weekly_review"),
    ]
    assert [p.as_of.day for p in found if p.flow == "daily_alerts"] == [31, 1, 2, 3, 4, 5, 6, 7, 8]
    assert [p.at for p in found] == sorted(p.at for p in found)


def test_a_day_tells_what_the_days_opened_that_it_made_up() -> None:
    """Two alerts of Saturday are no secret on Monday; what lives is what lives then (ALR-3)."""
    days = [date(2026, 6, n) for n in (6, 7, 8)]
    made = [DayResult(str(day), opened, 1, 20, 111, opened > 1) for day, opened in zip(days, (2, 0, 0), strict=True)]
    found = together(made, days)

    assert (found.as_of, found.opened, found.closed, found.live, found.digest) == ("2026-06-08", 2, 3, 20, True)
    assert found.days == ("2026-06-06", "2026-06-07", "2026-06-08")


def test_a_range_that_ends_before_it_begins_is_a_mistake() -> None:
    """And not a range in which the schedule asks for nothing (OUT-3, TRU-3)."""
    ran = keepwell("backfill", "--from", "2026-05-24", "--to", "2026-05-01")

    assert (ran.code, "2026-05-01 is before --from 2026-05-24" in ran.err) == (2, True)


def test_a_week_is_asked_for_once_however_often_the_schedule_looks() -> None:
    """A monthly schedule that looks every day finds the week done (MON-5)."""
    often = ScheduleSettings(monthly="0 6 * * *").plan()
    found = planned_runs(often, date(2026, 6, 1), date(2026, 6, 30), ["monthly"])

    assert [(p.flow, p.as_of.day) for p in found] == [(f"monthly_week_{n}", 1 + 7 * (n - 1)) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize(("cron", "days"), [("0 5 * * *", 3), ("0 5 * * 1", 1), ("*/30 5 * * *", 6), ("0 0 1 1 *", 0)])
def test_planned_times_lie_from_the_first_instant_on_before_the_last(cron: str, days: int) -> None:
    """As Prefect plans them, Monday to Wednesday (OUT-3)."""
    first, last = datetime(2026, 6, 1), datetime(2026, 6, 4)

    plan = ScheduleSettings(daily=cron).plan()

    assert len(plan.times("daily", first, last)) == days
    assert all(first <= at < last for at in plan.times("daily", first, last))


def test_a_run_is_missed_from_its_lateness_on_until_it_is_on_record(tmp_path: Path) -> None:
    """And none before the first of its flow: whoever begins on a Wednesday has missed no Monday (OUT-3)."""
    since = datetime(2026, 5, 28)

    def on_record(flow: str, day: date) -> None:
        row = {"flow": flow, "status": "done", "rows": 1, "snapshot_id": "s", "seconds": 1.0}
        record_run(tmp_path, day, row, Stamp("run", "code", "s"))

    def missed(now: str, names: tuple[str, ...] = BY_DATE) -> list[str]:
        return [str(run) for run in missed_runs(PLAN, tmp_path, since, datetime.fromisoformat(now), names)]

    before = missed("2026-06-03T12:00")
    on_record("daily_alerts", date(2026, 5, 31))
    on_record("monthly_week_4", date(2026, 5, 22))
    early, late = missed("2026-06-01T06:59"), missed("2026-06-01T08:00")
    on_record("crm_sync", date(2026, 5, 31))
    listed, unused = missed("2026-06-01T09:30"), missed("2026-06-01T09:30", ("daily", "monthly"))
    on_record("daily_alerts", date(2026, 6, 1))
    after = missed("2026-06-01T08:00")

    assert before == []
    assert early == []
    assert late == ["daily_alerts of 2026-06-01", "monthly_week_1 of 2026-06-01"]
    assert listed == [*late, "crm_sync of 2026-06-01"]
    assert unused == late
    assert after == ["monthly_week_1 of 2026-06-01"]
    assert still_missed(tmp_path, late) == {late[0]: False, late[1]: True}
