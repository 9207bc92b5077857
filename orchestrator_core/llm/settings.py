"""LlmSettings: which language model is asked; and the model that they name.

    models = LanguageModels(others={"rules": RulesModel()})
    model = models.get(LlmSettings(backend="openai", model="qwen3:8b"))

A key is never among the settings, which travel in workflows and images: it comes from ORCHESTRATOR_LLM_KEY, or is given
by the host. ``allowed_hosts`` is a person's permission: a host fills it from the person's own settings, and from
nothing that came with a workflow.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.openai import OpenAIModel
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.llm.reach import HOSTS_VARIABLE, hosts_in
from orchestrator_core.llm.residence import Residence
from orchestrator_core.llm.server import KEY_VARIABLE, Server
from orchestrator_core.llm.transformers_model import TransformersModel
from orchestrator_core.llm.wire import Patience

DEFAULT_URL = "http://127.0.0.1:11434/v1"  # Ollama's
Backend = Literal["rules", "openai", "transformers", "host", "off"]


class LlmSettings(BaseModel):
    """What can be set about the language model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Backend = Field(
        "rules",
        description="rules: no model, the words come from a table; openai: a server as Ollama, LM Studio or llama.cpp; "
        "transformers: a model in this process; host: the text model that the host has loaded; off: none.",
    )
    url: str = Field(DEFAULT_URL, description="The server's address, mostly ending in /v1.")
    model: str = Field("", description="The model's name as the server knows it; empty: the first that it has.")
    folder: str = Field(
        "", description="For transformers: a folder with a model, a .gguf file, or the name of one in the local cache."
    )
    connect_s: float = Field(3.0, gt=0, le=60, description="Seconds to wait for the server's connection.")
    first_token_s: float = Field(30.0, gt=0, le=3600, description="Seconds to wait for the first word.")
    total_s: float = Field(120.0, gt=0, le=3600, description="Seconds that a whole answer may take.")
    keep_alive: str = Field(
        "", description="How long the model is kept after a batch: 0, or for Ollama also 5m; empty: as is usual."
    )
    max_memory_gb: float = Field(0.0, ge=0, description="For transformers: refuse a model that needs more; 0: any.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Hosts outside of this machine and its network that prompts may be sent to."
    )


def server_of(settings: LlmSettings, *, key: str | None = None, environ: Mapping[str, str] = os.environ) -> Server:
    """The server that the settings name. ``key`` None: that of the environment. Raises ConfigError."""
    key = environ.get(KEY_VARIABLE, "") if key is None else key
    allowed = {*settings.allowed_hosts, *hosts_in(environ.get(HOSTS_VARIABLE, ""))}
    patience = Patience(settings.connect_s, settings.first_token_s, total=settings.total_s)
    return Server(settings.url, key=key, allowed=allowed, patience=patience)


def language_model(
    settings: LlmSettings,
    *,
    key: str | None = None,
    residence: Residence | None = None,
    others: Mapping[str, LanguageModel] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LanguageModel | None:
    """The model that the settings name; None for "off". Nothing is loaded or connected yet.

    ``residence``: the memory manager for a model in this process; None: plain torch. ``others``: the models of the
    backends that are not made here, as "rules" and, where there is one, "host".

    Raises ConfigError for an address that is none, and for a backend that is not there.
    """
    if settings.backend == "off":
        return None
    if settings.backend == "openai":
        return OpenAIModel(
            server_of(settings, key=key, environ=environ), settings.model, keep_alive=settings.keep_alive
        )
    if settings.backend == "transformers":
        return TransformersModel(
            settings.folder,
            residence=residence,
            most_memory=int(settings.max_memory_gb * 1024**3),
            total_s=settings.total_s,
            keep=settings.keep_alive.strip() != "0",
        )
    if (model := (others or {}).get(settings.backend)) is None:
        raise ConfigError(f"There is no language model {settings.backend!r} here. Choose another backend.")
    return model


class LanguageModels:
    """The language models of one host, each made once: a model knows what its server refuses, and holds its weights.

    Arguments as for ``language_model``.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        residence: Residence | None = None,
        others: Mapping[str, LanguageModel] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._key, self._residence, self._others, self._environ = key, residence, others, environ
        self._made: dict[LlmSettings, LanguageModel | None] = {}
        self._lock = threading.Lock()

    def get(self, settings: LlmSettings) -> LanguageModel | None:
        """Raises ConfigError."""
        with self._lock:
            if settings not in self._made:
                self._made[settings] = language_model(
                    settings,
                    key=self._key,
                    residence=self._residence,
                    others=self._others,
                    environ=self._environ,
                )
            return self._made[settings]
