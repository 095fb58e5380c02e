"""One run of one date: its settings, its places, its stamp."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from flows.settings import Settings
from playbook.actions import load_playbook
from tasks.publish import Stamp
from tasks.score import ScoreSettings
from tasks.staging import Snapshot
from tasks.store import Stored, digest
from tasks.version import code_version


@dataclass(frozen=True)
class Run:
    """Settings, output folder and date; a batch run for date D speaks as of D 00:00 UTC."""

    settings: Settings
    out: Path
    as_of: date

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

    @property
    def scoring(self) -> ScoreSettings:
        s = self.settings
        return ScoreSettings(s.money, s.health, s.tiers, s.owners, load_playbook(s.playbook_path))

    @property
    def fixed(self) -> frozenset[str]:
        """Account columns declared fixed since signup."""
        return frozenset(self.settings.tables["accounts"].fixed_since_signup)

    def stamp(self, snapshot: Snapshot | None, stored: Stored | None) -> Stamp:
        """The same whichever flow computes the date: a hash of as_of, settings, code, snapshot and stored results."""
        snapshot_id = snapshot.id if snapshot else ""
        used = stored.used if stored else ()
        run_id = digest((str(self.as_of), self.settings.fingerprint(), code_version(), snapshot_id, *used))
        return Stamp(run_id, code_version(), snapshot_id, self.settings.publish.decimals)


def planned(text: str | None) -> datetime | None:
    """An instant given as text, in UTC without a zone; None for none."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def as_json(value: object) -> str:
    """A result as JSON, dates as ISO text."""
    return json.dumps(value, indent=1, default=str, ensure_ascii=False)
