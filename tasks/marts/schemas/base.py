"""The schema of a mart: its key, its columns with type and meaning."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

TEXT, NUMBER, WHOLE, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
DAY, INSTANT, TEXTS = pa.date32(), pa.timestamp("us", tz="UTC"), pa.list_(pa.string())


@dataclass(frozen=True)
class Mart:
    """One published table: a row per `grain`, ordered by `key`, columns with type and meaning.

    `own_stamps`: its rows come from several runs, and each row has its own.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: Mapping[str, tuple[pa.DataType, str]]
    own_stamps: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of a file, with the two stamps that every mart carries."""
        return pa.schema([(n, t) for n, (t, _) in {**self.columns, **STAMPS}.items()])


STAMPS: Mapping[str, tuple[pa.DataType, str]] = {
    "run_id": (TEXT, "hash of as_of, settings, code version, snapshot and published results used"),
    "code_version": (TEXT, "package version and a hash of the modules that compute"),
}
ACCOUNT = {"account_id": (TEXT, "account id")}
