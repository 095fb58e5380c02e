"""Tones of texts, each computed once: a file beside the snapshots keeps them by a hash of the text, never the text."""

import hashlib
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema([("text", pa.binary(16)), ("tone", pa.float64())])


class Tones:
    """Texts in, tones out; what is new is computed and kept. A new version of a library starts a new file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"tones-{version('textblob')}-{version('py3langid')}.parquet"
        self._known: dict[bytes, float | None] = {}
        self._loaded, self._new = False, 0

    def of(self, texts: Sequence[str | None]) -> list[float | None]:
        """The tone of each text, -1..1; None for no text and for other languages than English."""
        from features.text import tone  # the lexicon takes a second to load, and many companies give no text

        self._load()
        tones: list[float | None] = []
        for text in texts:
            if text is None:
                tones.append(None)
                continue
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in self._known:
                self._known[key] = tone(text)
                self._new += 1
            tones.append(self._known[key])
        return tones

    def save(self) -> None:
        """Write what is known, whole; nothing where nothing is new."""
        if not self._new:
            return
        keys = sorted(self._known)
        table = pa.table(
            [pa.array(keys, pa.binary(16)), pa.array([self._known[k] for k in keys], pa.float64())], schema=SCHEMA
        )
        aside = self._path.with_suffix(f".{os.getpid()}.new")
        pq.write_table(table, aside, compression="zstd")
        os.replace(aside, self._path)

    def _load(self) -> None:
        if not self._loaded and self._path.exists():
            table = pq.read_table(self._path)
            self._known = dict(zip(table["text"].to_pylist(), table["tone"].to_pylist(), strict=True))
        self._loaded = True
