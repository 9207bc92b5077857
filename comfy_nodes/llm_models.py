"""Models: the language models of this process, each made once.

A server's model is kept: it knows what the server refuses, and that it is down. One in this process is not: the node
that gave it has it, and ComfyUI has what a node gave, as long as a graph with the node is in use. So its weights go
when the checkpoint's would, by the same rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from orchestrator_core.enhancing.rules import RulesModel
from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.clip_model import ClipModel, can_write
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.llm.settings import LlmSettings, language_model

from .llm_own import Own, usable_folder

if TYPE_CHECKING:
    from orchestrator_core.llm.residence import Residence

_RULES = RulesModel()  # has no state


class Models:
    """``own`` asks for the person's settings, ``folders`` for where ComfyUI's models are, ``residence`` for the
    memory manager."""

    def __init__(
        self,
        own: Callable[[], Own],
        folders: Callable[[], list[Path]] = list,
        residence: Callable[[], Residence | None] = lambda: None,
    ) -> None:
        self._own, self._folders, self._residence = own, folders, residence
        self._servers: dict[tuple[LlmSettings, str | None], LanguageModel] = {}
        self._in_process: WeakValueDictionary[LlmSettings, LanguageModel] = WeakValueDictionary()
        self._numbers: dict[tuple[Own, str], int] = {}
        self._lock = threading.Lock()

    def get(self, values: Mapping[str, Any], clip: Any = None, clip_file: str = "") -> LanguageModel | None:
        """The model that a node's widgets name; None for "off". Nothing is loaded or connected yet.

        Raises ConfigError, ValidationError.
        """
        own = self._own()
        settings = self._local(own.settings(values))
        if settings.backend == "host":
            return _of_clip(clip, clip_file)
        if settings.backend in ("rules", "off"):
            return _RULES if settings.backend == "rules" else None
        with self._lock:
            if settings.backend == "openai":
                return self._server(settings, own.key)
            if (model := self._in_process.get(settings)) is None:
                model = self._in_process[settings] = _made(settings, residence=self._residence())
            return model

    def fingerprint(self, values: Mapping[str, Any]) -> str:
        """What else than its widgets a node's model depends on. ComfyUI writes it into images: so it is a number."""
        own = self._own()
        identity = ""
        if values.get("backend") == "transformers":
            identity = _made(self._local(own.settings(values))).identity
        with self._lock:
            return str(self._numbers.setdefault((own, identity), len(self._numbers)))

    def _local(self, settings: LlmSettings) -> LlmSettings:
        if settings.backend != "transformers":
            return settings
        return settings.model_copy(update={"folder": usable_folder(settings.folder, self._folders())})

    def _server(self, settings: LlmSettings, key: str | None) -> LanguageModel:
        if (settings, key) not in self._servers:
            self._servers[settings, key] = _made(settings, key=key)
        return self._servers[settings, key]


def _made(settings: LlmSettings, **passed: Any) -> LanguageModel:
    model = language_model(settings, **passed)
    assert model is not None  # which only "off" is
    return model


def _of_clip(clip: Any, file: str) -> LanguageModel:
    if clip is None:
        raise ConfigError('The backend "host" writes with a text encoder: connect one to clip.')
    if not can_write(clip):
        raise ConfigError(
            "The text encoder that is connected cannot write. Those of Qwen-Image, Z-Image and LTX-2 can, in a ComfyUI "
            'that has the node TextGenerate; with others choose the backend "openai", "transformers" or "rules".'
        )
    return ClipModel(clip, file)
