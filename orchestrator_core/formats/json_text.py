"""JSON from a file or a stranger, read so that nothing it holds can do worse than raise FormatError."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError

MAX_BYTES = 64 * 1024 * 1024
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # may stand for half a character


def read_json(data: bytes | str, where: str) -> Any:
    """The value in ``data`` (UTF-8, with or without a byte order mark, UTF-16 or UTF-32).

    Half a character (``"\\ud800"``), which no page and no database takes, becomes a question mark.

    Raises:
        FormatError: it is not JSON, is nested too deeply or is larger than 64 MiB; ``where`` names it in the message.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"{where} is {len(data):,} bytes; more than {MAX_BYTES:,} are not read as JSON.")
    try:
        value = json.loads(data.removeprefix("\ufeff") if isinstance(data, str) else data)
        return mended(value) if _HALF.search(data if isinstance(data, str) else data.decode("latin-1")) else value
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply to be JSON that a program wrote.") from None
    except ValueError as error:  # JSONDecodeError, and UnicodeDecodeError for bytes
        raise FormatError(f"{where} is not valid JSON: {error}.") from None


def mended(value: Any) -> Any:
    """The value with a question mark for each half of a character in its texts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return value


def read_json_file(path: Path) -> Any:
    """The value in a JSON file. Raises FormatError, also for a file that cannot be read."""
    return read_json(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """A file's bytes, 64 MiB at most. Raises FormatError."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device would be waited for without end
            raise FormatError(f"{path} is no file that could be read.")
        if found.st_size > MAX_BYTES:
            raise FormatError(f"{path} is {found.st_size:,} bytes; more than {MAX_BYTES:,} are not read.")
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror or error}.") from None
