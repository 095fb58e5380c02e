"""One run of one date: its settings, its places, its stamp."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path

from keepwell.flows.configuration.settings import Settings, playbook_of
from keepwell.tasks.connections.drivers import dialect_of
from keepwell.tasks.earlier_scores import Stored, digest
from keepwell.tasks.errors import Unreachable
from keepwell.tasks.ledger.store import Ledger
from keepwell.tasks.marts.publish import Stamp
from keepwell.tasks.registry.tracking import Tracking
from keepwell.tasks.scoring.score import ScoreSettings
from keepwell.tasks.sources.mapping import without_layout
from keepwell.tasks.sources.snapshot import Snapshot
from keepwell.tasks.version import code_version


@dataclass(frozen=True)
class Run:
    """Settings, output folder and date; a batch run for date D is computed as of D 00:00 UTC.

    `tracking_down`: the error once MLflow could not be reached; caught-up days share it.
    """

    settings: Settings
    out: Path
    as_of: date
    tracking_down: list[Unreachable] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        """A playbook that cannot be used is refused before anything is read."""
        _ = self.scoring

    @property
    def instant(self) -> datetime:
        """as_of as an instant in UTC, without a zone as the engines keep it."""
        return datetime.combine(self.as_of, time(0))

    @property
    def marts(self) -> Path:
        return self.out / "marts"

    @property
    def snapshots(self) -> Path:
        return self.out / "snapshots"

    @property
    def ledger_url(self) -> str:
        """The ledger: SQLite in the output folder unless the settings name another."""
        return self.settings.ledger.url or f"sqlite:///{(self.out / 'ledger.db').resolve()}"

    def open_ledger(self) -> Ledger:
        """The company's ledger; close it. ConfigError if it cannot be used, Unreachable if it does not answer."""
        return Ledger.open(self.ledger_url, self.settings.retries, self.settings.company)

    @property
    def tracking(self) -> Tracking:
        """MLflow: SQLite and a folder of artifacts in the output folder unless the settings name others."""
        named, out = self.settings.tracking, self.out.resolve()
        uri, artifacts = named.uri or f"sqlite:///{out / 'mlflow.db'}", named.artifacts or str(out / "mlartifacts")
        return Tracking(uri, artifacts, self.settings.retries, self.tracking_down)

    @cached_property
    def scoring(self) -> ScoreSettings:
        """What a score depends on; ConfigError for a playbook with a mistake."""
        s = self.settings
        return ScoreSettings(
            s.money, s.health, s.tiers, s.owners, playbook_of(s), s.alerts, s.actions, s.outreach, s.company
        )

    @property
    def fixed(self) -> frozenset[str]:
        """Account columns declared fixed since signup."""
        return frozenset(self.settings.tables["accounts"].fixed_since_signup)

    @property
    def mapping_id(self) -> str:
        """A hash of what makes the book of the source: the mapping of contracts, and the currencies."""
        mapping, money = self.settings.mappings["contracts"], self.settings.money
        text = mapping.read_bytes().decode("utf-8-sig", "replace") if mapping.is_file() else ""
        return digest(
            (
                without_layout(text, dialect_of(self.settings.source.url)),
                money.reporting_currency,
                *map(str, sorted(money.fx_rates.items())),
            )
        )

    def stamp(self, snapshot: Snapshot | None, stored: Stored | None, others: Sequence[str] = ()) -> Stamp:
        """A hash of as_of, settings, code, snapshot and inputs; the same in every flow."""
        snapshot_id = snapshot.id if snapshot else ""
        used = (*(stored.used if stored else ()), *others)
        run_id = digest((str(self.as_of), self.settings.fingerprint(), code_version(), snapshot_id, *used))
        return Stamp(run_id, code_version(), snapshot_id, self.settings.publish.decimals, self.mapping_id)
