"""The one way to the terminal: whatever a name holds, a terminal shows it and obeys none of it (TRU-4).

Two walls. `print_lines` prints one line per sentence, so that a line feed in a name begins no line of its own.
`guarded` puts both streams of the process behind `visible`: what libraries, logs and usage errors print passes there
too.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

import typer

from keepwell.values.texts import one_line, visible


def print_lines(*lines: str, err: bool = False) -> None:
    """Each on a line of its own, on stdout or stderr."""
    for line in lines:
        typer.echo(one_line(line), err=err)


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
    """Within it nothing reaches the terminal but through `visible`."""
    with redirect_stdout(Guarded(sys.stdout)), redirect_stderr(Guarded(sys.stderr)):
        yield
