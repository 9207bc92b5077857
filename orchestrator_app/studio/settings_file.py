"""Settings as a JSON file, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from orchestrator_app.studio.environment import Settings
from orchestrator_core.errors import ConfigError
from orchestrator_core.spec import problems_of

NEWEST = 1


class SettingsFile:
    """A ``SettingsKeeper``. A file that is not there means the defaults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)

    def load(self) -> Settings:
        """Raises ConfigError for a file that cannot be read as settings."""
        try:
            data = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror or error}.") from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{self.path} is not valid JSON: {error}. Correct it, or delete it.") from None
        version = data.get("schema_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > NEWEST:
            raise ConfigError(f"{self.path} was written by a newer version of this pack (schema {version}).")
        try:
            return Settings.model_validate(data)
        except ValidationError as error:
            raise ConfigError(f"{self.path} holds what is no setting: {problems_of(error)}.") from None

    def save(self, settings: Settings) -> None:
        """Raises ConfigError where the file cannot be written; what was there is then still there."""
        text = settings.model_dump_json(indent=2) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".settings-", suffix=".json")
            temporary = Path(name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                temporary.replace(self.path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}.") from None
