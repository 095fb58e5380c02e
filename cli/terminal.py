"""The one way to the terminal: whatever a name holds, a terminal shows it and obeys none of it (TRU-4).

Two walls. `print_lines` prints one line per sentence, so that a line feed in a name begins no line of its own.
`guarded` puts both streams of the process behind `visible`: what libraries, logs and usage errors print passes there
too.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

import typer

from keepwell.tasks.masking import masked
from keepwell.values.texts import one_line, visible

_BEHIND: list[TextIO] = []
"""The stream of stdout behind the walls, the innermost last."""
NUMBER = re.compile(r"[-+\d,.%]*")
NARROW = 20
"""Characters up to which a column of a table is not folded."""


def print_lines(*lines: str, err: bool = False) -> None:
    """Each on a line of its own, on stdout or stderr."""
    for line in lines:
        typer.echo(one_line(line), err=err)


def print_table(rows: Sequence[Mapping[str, object]], styles: Mapping[str, str]) -> None:
    """Rows under their names, folded to the width of the terminal (80 where there is none); numbers to the right.

    A cell that is a list is shown line by line. `styles`: words, and how a terminal shows a cell that is one.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Each cell passes the walls by itself; only what the table adds, the colors of a terminal, goes around them.
    stream = _BEHIND[-1] if _BEHIND else sys.stdout
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in rows[0]:
        texts = [text for row in rows for text in _lines(row[name], stream)]
        width, number = max(map(len, texts)), all(NUMBER.fullmatch(text) for text in texts)
        table.add_column(name, justify="right" if number else "left", no_wrap=width <= NARROW, overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(_lines(cell, stream)), styles.get(str(cell), "")) for cell in row.values()))
    Console(file=stream, highlight=False).print(table)


def _lines(cell: object, stream: TextIO) -> list[str]:
    """What a stream shows of a cell: the lines of a list, else one; in its encoding."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    plain = f"{cell:,.10g}" if isinstance(cell, float) else cell
    texts = [one_line(masked(str(text))) for text in (plain if isinstance(plain, list) else [plain])]
    return [text.encode(encoding, "backslashreplace").decode(encoding) for text in texts]


def print_json(value: Any) -> None:
    """A result for a program: JSON escapes what a terminal would obey."""
    typer.echo(json.dumps(value, default=str, indent=1))


class Guarded:
    """A text stream that writes every control character out. It is no terminal: libraries send it no colors."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text as it can be shown: in the stream's encoding too."""
        printable = visible(text)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(printable.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """Never."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Within it nothing reaches the terminal but through `visible`; a table's cells pass it one by one."""
    _BEHIND.append(sys.stdout)
    try:
        with redirect_stdout(Guarded(sys.stdout)), redirect_stderr(Guarded(sys.stderr)):
            yield
    finally:
        _BEHIND.pop()
