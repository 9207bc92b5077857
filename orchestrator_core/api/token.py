"""The token of the API: one line in a file of the data folder that nobody but its owner can read.

It is made only when a person asks for it, and is in no log and no address.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError

FILE = "api_token"
_SHORTEST, _LONGEST = 16, 500


def token_file() -> Path:
    return data_folder() / FILE


def read_token(path: Path | None = None) -> str:
    """ "" where none was made. Raises ConfigError for a file that others can read, or that holds no token."""
    path = path or token_file()
    try:
        mode, text = path.stat().st_mode, path.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from None
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"{path} can be read by others: chmod 600 it, or make a new token.")
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{path} holds no token: one line of {_SHORTEST} to {_LONGEST} letters and digits.")
    return text


def new_token(path: Path | None = None) -> str:
    """In place of the old one. Raises ConfigError where it cannot be written."""
    path, token = path or token_file(), secrets.token_urlsafe(32)
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)  # which is made with mode 0600
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    return token
