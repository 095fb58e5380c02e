"""When a scheduled flow is due: cron in UTC, as Prefect reads it."""

from datetime import datetime, timedelta
from itertools import takewhile

from cronsim import CronSim, CronSimError

MINUTE = timedelta(minutes=1)


def first_planned(cron: str, since: datetime) -> datetime:
    """The first planned time at an instant or after it."""
    return next(CronSim(cron, since - MINUTE))


def planned(cron: str, since: datetime, until: datetime) -> list[datetime]:
    """Every planned time from an instant on, before another."""
    return list(takewhile(lambda at: at < until, CronSim(cron, since - MINUTE)))


def checked(cron: str) -> str:
    """The expression; ValueError where it is none."""
    try:
        CronSim(cron, datetime(2000, 1, 1))  # noqa: DTZ001 any instant will do
    except CronSimError as error:
        raise ValueError(f"is no cron expression ({error}); write five fields, such as `0 5 * * *`") from error
    return cron
