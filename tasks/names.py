"""The accounts that people name."""

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from keepwell.tasks.earlier_scores import dates, read
from keepwell.tasks.errors import ConfigError

SCORES = "health_scores"
MAX_NAMED = 5


def book_at(marts: Path, now: datetime) -> pd.DataFrame:
    """Name and ARR by account (index), of the newest scores up to an instant; empty where there are none."""
    days = [day for day in dates(marts, SCORES) if day <= now.date()]
    columns = ["account_id", "name", "arr"]
    book = read(marts, SCORES, days[-1], columns) if days else pd.DataFrame(columns=columns)
    return book.set_index("account_id")


class Names:
    """The accounts that people name, looked up in the scores up to an instant, the newest first; each read once."""

    def __init__(self, marts: Path, now: datetime) -> None:
        self._marts = marts
        self._days = [day for day in dates(marts, SCORES) if day <= now.date()]
        self._books: dict[date, tuple[frozenset[str], Mapping[str, Sequence[str]]]] = {}

    def account(self, named: str) -> str:
        """The id of an account: as it is, by its name in the newest score that has it, or by words of it alone.

        Words, or their beginnings, count in the newest score alone, after every whole name.
        """
        for day in reversed(self._days):
            ids, by_name = self._book(day)
            found = [named] if named in ids else by_name.get(named.lower(), [])
            if len(found) == 1:
                return found[0]
            if found:
                raise ConfigError(
                    f"{len(found)} accounts are called {named!r}: {', '.join(found)}. Give the account id."
                )
        if self._days and named.strip() and (parts := self._with_part(named)):
            if len(parts) == 1:
                return parts[0]
            some = ", ".join(parts[:MAX_NAMED]) + (", ..." if len(parts) > MAX_NAMED else "")
            raise ConfigError(
                f"{len(parts)} accounts have {named!r} in their name: {some}. Give more of it, or the id."
            )
        raise ConfigError(f"no account {named!r} in the scores up to that date{self._instead(named)}")

    def _with_part(self, named: str) -> list[str]:
        """The accounts of the newest score that have it in their name from the beginning of a word, in order."""
        _, by_name = self._book(self._days[-1])
        part = re.compile(r"\b" + re.escape(named.strip().lower()))
        return sorted({one for name, ids in by_name.items() if part.search(name) for one in ids})

    def _instead(self, named: str) -> str:
        """What was meant, as far as names of the newest score tell; what to run where there is no score."""
        if not self._days:
            return ". Run `keepwell daily` or `monthly` first."
        ids, by_name = self._book(self._days[-1])
        known: dict[str, Sequence[str]] = {**{one.lower(): [one] for one in sorted(ids)}, **by_name}
        for meant in difflib.get_close_matches(named.lower(), known, n=1):
            return f"; did you mean `{known[meant][0]}`" + ("?" if meant == known[meant][0].lower() else f", {meant}?")
        return ": give its id or its whole name, as the month's report has them."

    def _book(self, day: date) -> tuple[frozenset[str], Mapping[str, Sequence[str]]]:
        if day not in self._books:
            book = read(self._marts, SCORES, day, ["account_id", "name"])
            ids = book["account_id"].astype(str)
            named = ids.groupby(book["name"].str.lower()).agg(list).to_dict()
            self._books[day] = frozenset(ids), named
        return self._books[day]
