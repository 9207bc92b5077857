"""The vision-language model that settings name: the same settings as for a language model, and the same allow-list."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator_core.errors import ConfigError
from orchestrator_core.llm.residence import Residence
from orchestrator_core.llm.settings import LlmSettings, server_of
from orchestrator_core.vision.vlm import VisionLanguageModel
from orchestrator_core.vision.vlm_endpoint import EndpointVlm
from orchestrator_core.vision.vlm_transformers import TransformersVlm


@dataclass(frozen=True, slots=True)
class Access:
    """A person's own permission, never a graph's: hosts outside of this machine and its network that images may be sent
    to, and the key. ``key`` None: that of the environment.
    """

    hosts: tuple[str, ...] = ()
    key: str | None = field(default=None, repr=False)


NO_ACCESS = Access()


def vision_language_model(
    settings: LlmSettings,
    *,
    key: str | None = None,
    residence: Residence | None = None,
    environ: Mapping[str, str] = os.environ,
) -> VisionLanguageModel:
    """Nothing is loaded or connected yet. ``key`` None: that of the environment.

    Raises ConfigError for an address that is none, and for a backend that sees nothing.
    """
    if settings.backend == "openai":
        return EndpointVlm(server_of(settings, key=key, environ=environ), settings.model)
    if settings.backend == "transformers":
        return TransformersVlm(settings.folder, residence=residence)
    raise ConfigError(f"The language model {settings.backend!r} sees no images. Choose openai or transformers.")
