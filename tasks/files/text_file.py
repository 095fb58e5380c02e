"""Text files that people write: settings, playbook, mapping. An error names what the file is instead (TRU-3)."""

from pathlib import Path

from keepwell.tasks.errors import ConfigError
from keepwell.values.texts import storable


def text_in(path: Path, remedy: str, what: str = "") -> str:
    """The text of a UTF-8 file without a byte order mark; ConfigError if it is missing or not such a file.

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
