"""Where this pack keeps what it learns: one data folder for each user, shared by both hosts and the standalone app.

Reading a setting makes nothing on disk; the store makes the folder when it is first opened for writing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from orchestrator_core.errors import ConfigError

DATABASE_NAME = "orchestrator.sqlite3"


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The per-user data folder, which need not exist yet. ``ORCHESTRATOR_HOME`` overrides it.

    Raises ConfigError where ``ORCHESTRATOR_HOME`` begins with a ``~`` that cannot be resolved.
    """
    home = environ.get("ORCHESTRATOR_HOME", "").strip()
    if home:
        return _expanded(home)
    # Imported here because every command imports this module, and few ask for the folder.
    import platformdirs

    return Path(platformdirs.user_data_dir("orchestrator", appauthor=False))


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """Where the store lives: ``ORCHESTRATOR_DATABASE_URL``, or the SQLite file in the data folder."""
    given = environ.get("ORCHESTRATOR_DATABASE_URL", "").strip()
    if given:
        return given
    return "sqlite:///" + quote(str(data_folder(environ) / DATABASE_NAME), safe="/\\:")


def _expanded(folder: str) -> Path:
    try:
        # Absolute, or two hosts started in different folders would each get their own data.
        return Path(folder).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(
            f"ORCHESTRATOR_HOME is {folder!r}, whose '~' names no home folder here. Set it to a full path."
        ) from error
