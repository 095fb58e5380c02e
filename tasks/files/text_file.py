"""A text file that a person wrote: settings, playbook, mapping. An error says what it is instead (TRU-3)."""

from pathlib import Path

from keepwell.tasks.errors import ConfigError
from keepwell.values.texts import storable


def text_in(path: Path, remedy: str, what: str = "") -> str:
    """The text of a file in UTF-8, without the mark that some editors put first; ConfigError where there is none.

    A pipe is not opened: whoever reads it waits for a writer.
    """
    named = f"{what} {path}".strip()
    if not path.exists():
        raise ConfigError(f"{named} does not exist. {remedy}")
    if path.is_dir():
        raise ConfigError(f"{named} is a folder. {remedy}")
    if not path.is_file():
        raise ConfigError(f"{named} is not a file, but a device or a pipe. {remedy}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{named} cannot be read: {error.strerror}. {remedy}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{named} is not UTF-8 text. Save it as UTF-8.") from error
    if not storable(text):
        raise ConfigError(f"{named} contains a NUL character. Save it as UTF-8.")
    return text
