"""The settings of pipeline.toml and the environment, validated and frozen."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from keepwell.features.facts.canonical import TABLES
from keepwell.features.measures.all import FEATURES
from keepwell.features.measures.registry import COMPONENTS
from keepwell.features.settings import BookSettings, HealthSettings, LabelSettings
from keepwell.flows.configuration.reading import ENVIRONMENT, from_environment, toml_of, unset_variables, validated
from keepwell.flows.configuration.secrets_given import SECRET_KEYS, conceal_secrets, in_clear, strict
from keepwell.flows.schedule import FLOWS, Plan, checked
from keepwell.models.settings.all import ModelSettings
from keepwell.models.settings.promotion import PromotionSettings
from keepwell.playbook.actions import Playbook
from keepwell.playbook.alerts.channels import MessageSettings
from keepwell.playbook.alerts.ledger_events import DEFAULT_COMPANY
from keepwell.playbook.crm.settings import CrmSettings
from keepwell.playbook.settings import (
    ActionSettings,
    AlertSettings,
    EscalationSettings,
    NeedSettings,
    OutreachSettings,
    OwnerSettings,
    ReviewSettings,
    TierSettings,
    WeeklySettings,
    WorkSettings,
)
from keepwell.playbook.working_hours import known_zone
from keepwell.tasks.errors import ConfigError, nearest
from keepwell.tasks.masking import masked
from keepwell.tasks.settings import (
    CatalogueSettings,
    CheckSettings,
    PublishSettings,
    RetrySettings,
    SourceSettings,
    TableSettings,
)
from keepwell.values.setting_types import Minutes, Number, Seconds, Section

REQUIRED_TABLES = tuple(name for name, table in TABLES.items() if not table.optional)


class LedgerSettings(Section):
    """Location of the append-only ledger."""

    url: str = Field(
        "", description="SQLAlchemy URL; empty: SQLite in the output folder. ${NAME} is read from the environment"
    )


class TrackingSettings(Section):
    """Location of MLflow's runs and models."""

    uri: str = Field(
        "",
        description="MLflow tracking URI; empty: SQLite in the output folder. ${NAME} is read from the environment",
    )
    artifacts: str = Field(
        "", description="folder or URI of the artifacts where `uri` is a database; empty: in the output folder"
    )


Cron = Annotated[str, AfterValidator(checked)]


class ScheduleSettings(Section):
    """Schedules as cron in the team's time zone; a run is for the local date of its scheduled time."""

    timezone: Annotated[str, AfterValidator(lambda name: known_zone(name) if name else name)] = Field(
        "",
        description="IANA time zone of the schedules; empty: that of `alerts.hours`. A schedule of minutes alone "
        "(`*/15 * * * *`) runs in UTC, so that daylight saving does not interrupt it",
    )
    daily: Cron = Field("0 5 * * *", description="cron of daily_alerts; deadlines of its alerts start then")
    sweep: Cron = Field("*/15 * * * *", description="cron of sweep: event alerts, deadlines, messages")
    monthly: Cron = Field(
        "0 6 1,8,15,22 * *", description="cron of monthly_scoring: the first day of each week of the month"
    )
    weekly: Cron = Field("30 6 * * 1", description="cron of weekly_review: Mondays, after daily_alerts")
    crm: Cron = Field("30 7 * * *", description="cron of crm_sync, after daily_alerts and weekly_review")
    quarterly: Cron = Field("0 7 2 1,4,7,10 *", description="cron of quarterly_retraining")
    late_minutes: Minutes = Field(
        120, description="minutes after its scheduled time from which an unrecorded run counts as missed"
    )
    unstarted_minutes: Minutes = Field(
        5, description="minutes after its scheduled time from which `serve` warns that a run has not started"
    )
    clock_slack_days: Annotated[Number, Field(ge=1, le=3_660)] = Field(
        1,
        description="days by which a time given to a command may lie ahead of the machine's clock; at least 1, as the "
        "day of a team far east of Greenwich starts before the day in UTC",
    )  # fmt: skip
    plan_ahead_days: Annotated[Number, Field(ge=1, le=3_660)] = Field(
        1100, description="the same for `--until` and `--due`, which lie in the future"
    )
    report_seconds: Seconds = Field(10, description="seconds between two checks of `serve` for runs to report")

    def plan(self, zone: str = "UTC") -> Plan:
        """The schedule in its own time zone; `zone`: the team's, where it has none."""
        crons = {name: getattr(self, name) for name in FLOWS}
        return Plan(crons, ZoneInfo(self.timezone or zone), timedelta(minutes=self.late_minutes))


def _canonical(name: str) -> str:
    if name not in TABLES:
        raise ValueError(f"no such canonical table{nearest(name, TABLES)}")
    return name


Table = Annotated[str, AfterValidator(_canonical)]


class Settings(Section):
    """All settings of pipeline.toml, validated."""

    company: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = Field(
        DEFAULT_COMPANY, description="whose work this is, where several companies share a ledger; part of every id"
    )
    source: SourceSettings
    tables: Mapping[Table, TableSettings]
    money: BookSettings = BookSettings()
    health: HealthSettings = HealthSettings()
    labels: LabelSettings = LabelSettings()
    models: ModelSettings = ModelSettings()
    tiers: TierSettings = TierSettings()
    owners: OwnerSettings = OwnerSettings()
    alerts: AlertSettings = AlertSettings()
    messages: MessageSettings = MessageSettings()
    actions: ActionSettings = ActionSettings()
    outreach: OutreachSettings = OutreachSettings()
    reviews: ReviewSettings = ReviewSettings()
    escalations: EscalationSettings = EscalationSettings()
    work: WorkSettings = WorkSettings()
    weekly: WeeklySettings = WeeklySettings()
    crm: CrmSettings = CrmSettings()
    checks: CheckSettings = CheckSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    publish: PublishSettings = PublishSettings()
    ledger: LedgerSettings = LedgerSettings()
    tracking: TrackingSettings = TrackingSettings()
    retries: RetrySettings = RetrySettings()
    promotion: PromotionSettings = PromotionSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    playbook: str = Field("", description="playbook file relative to pipeline.toml; empty: the shipped playbook")
    base: Path = Field(Path(), exclude=True, description="folder of pipeline.toml")

    @property
    def mappings(self) -> dict[str, Path]:
        """The mapping file of each table, in the order of the canonical tables."""
        return {name: self.base / self.tables[name].sql for name in TABLES if name in self.tables}

    @property
    def playbook_path(self) -> Path:
        """Path of the active playbook."""
        shipped = Path(__file__).parents[2] / "playbook" / "playbook.toml"
        return self.base / self.playbook if self.playbook else shipped

    @property
    def plan(self) -> Plan:
        """The schedule in the team's zone."""
        return self.schedule.plan(self.alerts.hours.timezone)

    @property
    def uses_crm(self) -> bool:
        """Whether there is a CRM beside the ledger."""
        return self.crm.kind != "ledger"

    def wait_days(self, outcome: str) -> int:
        """Days until an outcome is known: its horizon, and the grace where contracts alone tell it."""
        return self.labels.horizon_days(outcome) + self.money.grace_days(outcome, self.tables)

    def fingerprint(self) -> str:
        """A hash of all settings that a result depends on: where the data came from is in the snapshot, not here."""
        places = {"company", "source", "ledger", "messages", "crm", "tracking", "retries", "promotion", "schedule"}
        about = self.model_dump(mode="json", exclude={*places, "tables", "playbook"})
        about["playbook"] = self.playbook_path.read_text(encoding="utf-8-sig")
        about["told"] = f"{self.schedule.daily} {self.plan.zone}"  # the clocks of alerts run from then
        about["tables"] = {n: t.model_dump(mode="json", exclude={"sql"}) for n, t in self.tables.items()}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def load_settings(path: Path) -> Settings:
    """The settings of a pipeline.toml; ConfigError names the key, the place and what would be right, line by line."""
    settings, said = read_settings(path)
    if said or settings is None:
        raise ConfigError("\n".join(said))
    return settings


def read_settings(path: Path) -> tuple[Settings | None, list[str]]:
    """What a pipeline.toml says without its mistakes, and a sentence for each; None where no source can be made out."""
    raw = toml_of(path, "Name the configuration with --config, or write one: see docs/reference/settings.md.")
    said = [
        *(
            f"{path} takes ${{{name}}} from the environment, where it is not set. Set {name}."
            for name in unset_variables(raw)
        ),
        *_secrets_written(raw, str(path)),
        *(in_clear(raw, str(path)) if strict() else ()),
        *_tables_missing(raw, str(path)),
    ]
    given = {"tables": {}, **from_environment(raw), "base": path.parent.resolve()}
    conceal_secrets(given)
    settings, wrong = validated(Settings, given, str(path))
    said += wrong
    if settings is not None:
        said += [f"{path}: {what}" for what in _unknown_names(settings)]
    said = [masked(one) for one in said]
    if settings is None:
        return None, said
    return _from_here(settings) if str(raw["source"]["url"]).startswith("${") else settings, said


def playbook_of(settings: Settings) -> Playbook:
    """The active playbook; ConfigError names what is wrong in its file."""
    playbook, said = read_playbook(settings)
    if said or playbook is None:
        raise ConfigError("\n".join(said))
    return playbook


def read_playbook(settings: Settings) -> tuple[Playbook | None, list[str]]:
    """The active playbook without its mistakes, and a sentence for each; None if no playbook is left."""
    path = settings.playbook_path
    given = toml_of(path, "Correct `playbook`, or leave it out.", "the playbook")
    return validated(Playbook, given, str(path))


def _from_here(settings: Settings) -> Settings:
    """A folder that the environment names is relative to where the command runs, not to pipeline.toml."""
    url = settings.source.url
    if "://" in url:
        return settings
    source = settings.source.model_copy(update={"url": str(Path(url).absolute())})
    return settings.model_copy(update={"source": source})


def _secrets_written(raw: Mapping[str, Any], file: str) -> list[str]:
    """The secrets of the CRM that the file itself holds; they are not repeated."""
    given = raw["crm"] if isinstance(raw.get("crm"), Mapping) else {}
    return [
        f"{file}: `crm.{name}` is a secret. Write ${{NAME}}, and set NAME in the environment."
        for name in SECRET_KEYS
        if given.get(name) and not ENVIRONMENT.fullmatch(str(given[name]))
    ]


def _tables_missing(raw: Mapping[str, Any], file: str) -> list[str]:
    """The tables that every company needs and that the file does not name."""
    named = raw["tables"] if isinstance(raw.get("tables"), Mapping) else {}
    missing = [f"tables.{name}" for name in REQUIRED_TABLES if name not in named]
    are = "is" if len(missing) == 1 else "are"
    needed = f"every company needs {', '.join(REQUIRED_TABLES)}"
    return [f"{file}: {', '.join(missing)} {are} missing; {needed}"] if missing else []


def _unknown_names(settings: Settings) -> list[str]:
    """Names of features and components that there are not, in sections that do not know them."""
    published = [name for name, feature in FEATURES.items() if feature.published]
    needs = {f"outreach.needs.{team}": getattr(settings.outreach.needs, team) for team in NeedSettings.model_fields}
    return [
        *(
            f"`models.inputs.excluded_features`: no feature {name!r}{nearest(name, published)}"
            for name in settings.models.inputs.excluded_features
            if name not in published
        ),
        *(
            f"`{key}`: no component {name!r}{nearest(name, COMPONENTS)}"
            for key, names in needs.items()
            for name in names
            if name not in COMPONENTS
        ),
    ]
