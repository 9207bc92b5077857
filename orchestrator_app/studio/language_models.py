"""The language model that the settings name, and the key of its server, which is in a file of its own.

The settings are shown on a page, and in Forge also answered to whoever asks its API; a key must be in neither.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_app.studio.environment import Settings
from orchestrator_core.config import data_folder
from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.llm.server import KEY_VARIABLE
from orchestrator_core.llm.settings import LanguageModels, LlmSettings, server_of

if TYPE_CHECKING:
    from orchestrator_core.llm.residence import Residence

_PREFIX = "llm_"
_NAMED = 6  # models that an answer names


class KeyFile:
    """A key in a file that only its owner may read. The environment's key goes before it."""

    def __init__(self, path: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.path, self._environ = path, environ

    def load(self) -> str:
        """ "" where there is none."""
        if from_outside := self._environ.get(KEY_VARIABLE, "").strip():
            return from_outside
        try:
            return self.path.read_text("utf-8").strip()
        except (OSError, ValueError):
            return ""

    def save(self, key: str) -> None:
        """ "" forgets it. Raises ConfigError."""
        try:
            if not key.strip():
                self.path.unlink(missing_ok=True)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)  # what is made anew has these rights from the first moment
            with os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(key.strip() + "\n")
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or error}.") from None

    @property
    def said(self) -> str:
        """Whether there is a key, and where; never the key."""
        if self._environ.get(KEY_VARIABLE, "").strip():
            return f"A key is in {KEY_VARIABLE}, and is the one that is used."
        return f"A key is kept in {self.path}." if self.load() else "There is no key; most servers at home need none."


def own_key() -> KeyFile:
    """The key of this person, for every place that the studio runs in."""
    return KeyFile(data_folder() / "language_model_key")


def llm_settings(settings: Settings) -> LlmSettings:
    """Those of the settings that are about the language model."""
    named = {name.removeprefix(_PREFIX): value for name, value in settings if name.startswith(_PREFIX)}
    return LlmSettings.model_validate(named)


class StudioModels:
    """The language model that is set now, kept while its settings are the same: it holds weights, or who is down."""

    def __init__(self, key: KeyFile, residence: Callable[[], Residence] | None = None) -> None:
        self.key, self._residence = key, residence
        self._lock = threading.Lock()
        self._key, self._models = "", LanguageModels()
        self._of: LlmSettings | None = None

    def get(self, settings: Settings) -> LanguageModel | None:
        """None where the rules write, which need no model. Raises ConfigError."""
        wanted = llm_settings(settings)
        if wanted.backend == "rules":
            return None
        with self._lock:
            key = self.key.load()
            if (self._of, self._key) != (wanted, key):  # the one before goes, and with it its weights
                residence = self._residence() if self._residence and wanted.backend == "transformers" else None
                self._models = LanguageModels(key=key, residence=residence)
                self._of, self._key = wanted, key
            return self._models.get(wanted)

    def tested(self, settings: Settings, key: str = "") -> str:
        """What a person is told who asks whether the model is there. Raises OrchestratorError where it is not."""
        wanted = llm_settings(settings)
        if wanted.backend == "rules":
            return "The rules are always there: a table of words, for which no model is asked."
        if wanted.backend == "transformers":
            return _folder_tested(wanted.folder)
        from orchestrator_core.llm.listing import list_models

        server = server_of(wanted, key=key or self.key.load())
        names = list_models(server)
        more = f" and {len(names) - _NAMED:,} more" if names[_NAMED:] else ""
        if wanted.model and names and wanted.model not in names:
            raise ConfigError(f"{server.url} answers, but has no model {wanted.model!r}: {', '.join(names[:_NAMED])}.")
        return f"{server.url} answers. Its models: {', '.join(names[:_NAMED]) or 'it names none'}{more}."


def _folder_tested(folder: str) -> str:
    from orchestrator_core.llm.transformers_source import source_of

    if not folder.strip():
        raise ConfigError("No model is named: write its folder, or its .gguf file, into LLM folder.")
    return f"{source_of(folder).identity.partition('@')[0]} is there. It is loaded when a prompt is first enhanced."
