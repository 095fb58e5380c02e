"""A company with another mechanism than the sample's, written before the features that it grades (FEA-1).

Accounts fall within a week instead of over months and some come back as fast; they wander little. A few heavy users
stand for all use: a sixth of the people of the sample's accounts, each of them there on most days. Nobody writes
tickets.
"""

from keepwell.sample.settings import SEGMENTS, CompanySettings, HealthSettings, company_with
from keepwell.sample.signal_settings import UsageSettings


def jumping_company() -> CompanySettings:
    """The company whose accounts jump."""
    return company_with("off", confounder=False).model_copy(
        update={
            "segments": tuple(segment.model_copy(update={"tickets": 0.0}) for segment in SEGMENTS),
            "health": HealthSettings(wander=0.2, slide_weeks=(1, 1), recovery_weeks=(1, 3)),
            "usage": UsageSettings(users_per_seat=0.15, activity=(5.0, 2.0)),
        }
    )
