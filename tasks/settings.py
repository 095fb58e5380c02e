"""Settings of sources, checks and outputs."""

import codecs
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from keepwell.expectations.suites import load_suites
from keepwell.tasks.errors import close_to
from keepwell.values.setting_types import (
    Count,
    CountOrZero,
    Days,
    DaysOrZero,
    Factor,
    Positive,
    SecondsOrZero,
    Section,
    Share,
    Tries,
    WholeSeconds,
    Windows,
)


def _encoding(named: str) -> str:
    try:
        return codecs.lookup(named).name
    except LookupError:
        raise ValueError("there is no such encoding; use for example utf-8, utf-16 or windows-1252") from None


class CsvDialect(Section):
    """How a CSV file is written. What is not stated is what RFC 4180 and the file's first line say."""

    delimiter: Annotated[str, Field(max_length=1)] = Field(
        "", description="what separates values; empty: what the header has of comma, semicolon, tab and |"
    )
    quote: Annotated[str, Field(min_length=1, max_length=1)] = Field('"', description="what quotes a value")
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        "utf-8", description="encoding of a file without a byte order mark, for example windows-1252"
    )
    skip_lines: CountOrZero = Field(0, description="lines before the header")


class CsvSettings(CsvDialect):
    """CSV files of a source that is a folder."""

    files: Mapping[str, CsvDialect] = Field(
        {}, description="another dialect, by the name under which a mapping reads the file"
    )

    def of(self, name: str) -> CsvDialect:
        """The dialect of one table's files."""
        own = {key.lower(): one for key, one in self.files.items()}.get(name.lower())
        return self if own is None else self.model_copy(update=own.model_dump(exclude_unset=True))


STANDARD_CSV = CsvSettings()


class SourceSettings(Section):
    """Source of the company's data. `${NAME}` is read from the environment: keep secrets out of the file."""

    url: str = Field(description="folder of parquet or CSV files, duckdb://FILE, postgres://..., or another Ibis URL")
    csv: CsvSettings = STANDARD_CSV


class RetrySettings(Section):
    """Retries of a service (source, ledger, MLflow, Prefect) before a run fails."""

    attempts: Tries = Field(3, description="attempts before a service counts as unreachable")
    wait_seconds: SecondsOrZero = Field(2, description="seconds before the second attempt; each later wait doubles")
    connect_seconds: Annotated[WholeSeconds, Field(ge=2)] = Field(
        10, description="timeout in seconds for a connection, a lock or a first answer"
    )
    silence_seconds: Annotated[WholeSeconds, Field(ge=3)] = Field(
        30, description="seconds without a response after which an open connection counts as lost"
    )


STANDARD_RETRIES = RetrySettings()


class TableSettings(Section):
    """One canonical table of this company: its mapping and its source."""

    sql: str = Field(description="mapping file with exactly one SELECT, relative to pipeline.toml")
    system: str = Field("", description="name of the source system, for the signal catalogue")
    expected_every_days: Positive | None = Field(
        None, description="expected days between updates; empty: no freshness check"
    )
    accessibility: Literal["accessible", "needs integration"] = Field(
        "accessible", description="for the signal catalogue; an unmapped table is absent"
    )
    watermark: str | None = Field(
        None,
        description="databases only: column of the mapping that dates when a row was written or changed, for example "
        "loaded_at; a run then reads what is new. Empty: every run reads the whole table",
    )
    look_back_days: DaysOrZero = Field(
        3, description="with a watermark: days before its newest value that are read again, for rows that arrive late"
    )
    whole_read_days: Days = Field(
        7, description="with a watermark: days after which the table is read as a whole, for rows that were deleted"
    )
    fixed_since_signup: tuple[str, ...] = Field(
        (), description="accounts only: columns of undated rows that have not changed since signup and may be features"
    )


class Override(Section):
    """Another severity for one expectation, with the reason in writing."""

    severity: Literal["critical", "warning", "info"] = Field(description="severity for this company")
    reason: str = Field(min_length=10, description="reason, for a later reader")


def _rule(named: str) -> str:
    known = [f"{name}.{rule}" for name, suite in load_suites().items() for rule in sorted(suite.rules)]
    if named not in known:
        close = close_to(named, known)
        hint = f"did you mean `{close}`?" if close else "write `table.rule`, for example `usage.fresh`."
        raise ValueError(f"there is no such rule; {hint}")
    return named


class BookWatchSettings(Section):
    """How far the book may move from the one published before; `keepwell accept` publishes what moved further."""

    max_vanished_share: Share = Field(
        0.05, description="share of accounts that may vanish without notice, end or quarantine reason, 0..1"
    )
    max_accounts_move: Positive = Field(
        0.25,
        description="share by which the accounts may become fewer, or more without contracts that began since",
    )
    max_arr_move: Positive = Field(0.25, description="the same for the ARR")
    period_days: Days = Field(
        30, description="days for which these shares hold; after a longer gap they count once per period begun"
    )
    min_accounts: Count = Field(5, description="accounts that must have moved: what fewer explain is never too much")
    max_rolling_share: Share = Field(
        0.8, description="share of surviving accounts whose agreed end may look overwritten before it passes, 0..1"
    )
    min_ends: Count = Field(10, description="agreed ends, or accounts with one, needed to judge that")


class CheckSettings(Section):
    """Bounds of the data checks."""

    overrides: Mapping[Annotated[str, AfterValidator(_rule)], Override] = Field(
        {}, description="severity overrides by `table.rule`, for example `usage.fresh`"
    )
    fresh_factor: Positive = Field(
        2, description="multiple of the expected update interval after which a table is late"
    )
    stale_factor: Positive = Field(
        7, description="multiple of the expected update interval after which a table is stale"
    )
    volume_window_days: Days = Field(28, description="days whose row count is compared with earlier windows")
    volume_windows: Windows = Field(3, description="number of earlier windows")
    volume_low: Share = Field(0.5, description="share of the usual row count below which the volume is low")
    volume_high: Positive = Field(
        3.0, description="multiple of the usual row count above which the volume is suspicious"
    )
    outlier_deviations: Positive = Field(
        8.0, description="robust standard deviations beyond which a value is an outlier"
    )
    unit_factor: Factor = Field(
        20, description="multiple of what it is compared with beyond which an amount seems to be in another unit"
    )
    outlier_share: Share = Field(0.01, description="share of outliers allowed in a column, 0..1")
    entry_days: Days = Field(
        7, description="days after which what people write down themselves must be stored, or it needs a known_at"
    )
    rows_in_memory: Count = Field(
        250_000,
        description="rows of a table that may break a rule and are judged in memory; of more, a sample",
    )
    sample_keys: Count = Field(3, description="sample keys per failed expectation")
    book: BookWatchSettings = BookWatchSettings()

    @model_validator(mode="after")
    def _in_order(self) -> "CheckSettings":
        if self.fresh_factor > self.stale_factor:
            raise ValueError("fresh_factor must not exceed stale_factor: a table is late before it is stale")
        if self.volume_low >= self.volume_high:
            raise ValueError("volume_low must be below volume_high: otherwise no row count passes")
        return self


class CatalogueSettings(Section):
    """Thresholds of the signal catalogue's blind spots."""

    low_accounts_share: Share = Field(
        0.6, description="share of accounts with a signal below which the signal is biased, 0..1"
    )
    max_accounts_share: Share = Field(
        0.9, description="share of accounts with a signal from which it covers the segment, 0..1"
    )
    low_fill_rate: Share = Field(
        0.5, description="share of rows with a value below which the signal counts as sparse, 0..1"
    )
    engaged_ratio: Annotated[Factor, Field(gt=1)] = Field(
        1.5, description="ratio of usage (accounts with the signal over the others) that counts as bias"
    )
    usage_days: Days = Field(90, description="days of usage compared")
    min_accounts: Count = Field(5, description="accounts needed on each side of the comparison")


class PublishSettings(Section):
    """Format of published tables."""

    decimals: Annotated[Count, Field(ge=2, le=12)] = Field(6, description="decimal places of published numbers")
