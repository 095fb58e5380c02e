"""Sentiment of texts, computed once per text: a file beside the snapshots stores it by a hash, never the text."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema([("text", pa.binary(16)), ("tone", pa.float64())])
DIGEST = b"sha256"
CODE = ("text.py", "customer_words.py")
LIBRARIES = ("textblob", "py3langid", "selectolax", "quotequail")

log = logging.getLogger("keepwell")


class SentimentCache:
    """Sentiment of texts, computed once and stored. Other code or libraries start a new file.

    The file holds a digest of its rows; one that does not agree with it is not used, and written anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"tones-{_computed_by()}.parquet"
        self._known: dict[bytes, float | None] = {}
        self._loaded, self._new = False, 0

    def of(self, texts: Sequence[str | None]) -> list[float | None]:
        """Sentiment of each text, -1..1; None for an empty text and for a language other than English."""
        from keepwell.features.facts.text import (
            text_sentiment,  # loads its lexicon for a second: many companies give no text
        )

        self._load()
        sentiments: list[float | None] = []
        for text in texts:
            if text is None:
                sentiments.append(None)
                continue
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in self._known:
                self._known[key] = text_sentiment(text)
                self._new += 1
            sentiments.append(self._known[key])
        return sentiments

    def save(self, work: Path) -> None:
        """Write what is known, whole, by way of a folder beside the file; nothing where nothing is new."""
        if not self._new:
            return
        keys = sorted(self._known)
        sentiments = [self._known[key] for key in keys]
        schema = SCHEMA.with_metadata({DIGEST: _digest(keys, sentiments)})
        table = pa.table([pa.array(keys, pa.binary(16)), pa.array(sentiments, pa.float64())], schema=schema)
        aside = work / self._path.name
        pq.write_table(table, aside, compression="zstd")
        os.replace(aside, self._path)

    def _load(self) -> None:
        if not self._loaded and self._path.exists():
            known = _read(self._path)
            if known is None:
                log.warning("%s was changed or truncated: the sentiments of all texts are computed again.", self._path)
            self._known = known or {}
        self._loaded = True


@cache
def _computed_by() -> str:
    """The code and the libraries that make a sentiment of a text: another version of one gives another name."""
    code = [(files("keepwell.features.facts") / name).read_bytes() for name in CODE]
    return hashlib.sha256(b"".join(code) + repr([version(name) for name in LIBRARIES]).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[bytes, float | None] | None:
    """The stored sentiments; None where they are not those that were written."""
    try:
        table = pq.read_table(path)
        keys, sentiments = table["text"].to_pylist(), table["tone"].to_pylist()
    except (pa.ArrowException, KeyError, OSError):
        return None
    intact = (table.schema.metadata or {}).get(DIGEST) == _digest(keys, sentiments)
    return dict(zip(keys, sentiments, strict=True)) if intact else None


def _digest(keys: Sequence[bytes], sentiments: Sequence[float | None]) -> bytes:
    return hashlib.sha256(b"".join(keys) + json.dumps(sentiments).encode()).hexdigest().encode()
