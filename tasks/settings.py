"""Settings of sources, checks and outputs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from keepwell.expectations.suites import load_suites
from keepwell.tasks.errors import close_to
from keepwell.values.setting_types import (
    Count,
    Days,
    Factor,
    Positive,
    SecondsOrZero,
    Section,
    Share,
    Tries,
    WholeSeconds,
    Windows,
)


class SourceSettings(Section):
    """Where the company's data lies. `${NAME}` is taken from the environment, so that no secret is in the file."""

    url: str = Field(description="a folder of parquet/CSV, duckdb://FILE, postgres://..., or any URL that Ibis knows")


class RetrySettings(Section):
    """How long a service (source, ledger, MLflow, Prefect) may fail before a run gives it up."""

    attempts: Tries = Field(3, description="tries before a service counts as unreachable")
    wait_seconds: SecondsOrZero = Field(
        2, description="seconds before the second try; each later wait is twice as long"
    )
    connect_seconds: Annotated[WholeSeconds, Field(ge=2)] = Field(
        10, description="seconds within which a connection, a lock or the answer to a first question must come"
    )
    silence_seconds: Annotated[WholeSeconds, Field(ge=3)] = Field(
        30, description="seconds without a sign of life after which a line that stood counts as dropped"
    )


STANDARD_RETRIES = RetrySettings()


class TableSettings(Section):
    """One canonical table of this company: its mapping, and what is known of its source."""

    sql: str = Field(description="file with exactly one SELECT, relative to pipeline.toml")
    system: str = Field("", description="source system, for the signal catalogue")
    expected_every_days: Positive | None = Field(None, description="days between updates; empty: no freshness check")
    accessibility: Literal["accessible", "needs integration"] = Field(
        "accessible", description="for the signal catalogue; a table that is not mapped is absent"
    )
    fixed_since_signup: tuple[str, ...] = Field(
        (), description="accounts only: columns of undated rows that never changed since signup, and so may be features"
    )


class Override(Section):
    """Another severity for one expectation, with the reason in writing."""

    severity: Literal["critical", "warning", "info"] = Field(description="the severity that holds for this company")
    reason: str = Field(min_length=10, description="why, for whoever reads it next year")


def _rule(named: str) -> str:
    known = [f"{name}.{rule}" for name, suite in load_suites().items() for rule in sorted(suite.rules)]
    if named not in known:
        close = close_to(named, known)
        hint = f"did you mean `{close}`?" if close else "write `table.rule`, for example `usage.fresh`."
        raise ValueError(f"there is no such rule; {hint}")
    return named


class CheckSettings(Section):
    """Bounds of the data checks."""

    overrides: Mapping[Annotated[str, AfterValidator(_rule)], Override] = Field(
        {}, description="by `table.rule`, for example `usage.fresh`"
    )
    fresh_factor: Positive = Field(2, description="times the expected update interval, beyond which a table is late")
    stale_factor: Positive = Field(7, description="times the expected update interval, beyond which a table is stale")
    volume_window_days: Days = Field(28, description="days whose rows are compared with the past")
    volume_windows: Windows = Field(3, description="earlier windows that make the past")
    volume_low: Share = Field(0.5, description="share of the usual rows below which the volume is thin")
    volume_high: Positive = Field(3.0, description="times the usual rows above which the volume is suspicious")
    outlier_deviations: Positive = Field(8.0, description="robust deviations beyond which a value is an outlier")
    outlier_share: Share = Field(0.01, description="share of outliers that a column may have")
    rows_in_memory: Count = Field(
        250_000,
        description="rows of a table that are judged in memory; of a larger one only rows that may break a rule",
    )
    sample_keys: Count = Field(3, description="keys shown per failed expectation")

    @model_validator(mode="after")
    def _in_order(self) -> "CheckSettings":
        if self.fresh_factor > self.stale_factor:
            raise ValueError("fresh_factor must not be above stale_factor: a table is late before it is stale")
        if self.volume_low >= self.volume_high:
            raise ValueError("volume_low must be below volume_high: no number of rows would be right")
        return self


class CatalogueSettings(Section):
    """When the signal catalogue names a blind spot."""

    low_accounts_share: Share = Field(0.6, description="share of accounts with a signal below which it is biased")
    max_accounts_share: Share = Field(0.9, description="share of accounts with a signal that is as good as all")
    low_fill_rate: Share = Field(0.5, description="share of rows with a value below which emptiness is named")
    engaged_ratio: Annotated[Factor, Field(gt=1)] = Field(
        1.5, description="times the use of the other accounts that is a bias"
    )
    usage_days: Days = Field(90, description="days of use that are compared")
    min_accounts: Count = Field(5, description="accounts on either side that make a comparison")


class PublishSettings(Section):
    """What the published tables look like."""

    decimals: Annotated[Count, Field(ge=2, le=12)] = Field(6, description="decimal places of published numbers")
