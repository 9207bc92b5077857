"""What an LLM Model does; apart from the node, since ComfyUI's start should not wait for what this imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.llm.port import LanguageModel
from orchestrator_core.llm.settings import LlmSettings, server_of

from .checkpoint_family import loader_file
from .llm_models import Models
from .llm_own import usable_folder
from .routes import what_is_wrong

_CLIP_FILES = ("clip_name", "clip_name1", "ckpt_name")  # the widgets of loaders that give a CLIP


def problem_of(url: str, folder: str) -> str:
    """Why a node cannot be used; "" where it can."""
    try:
        usable_folder(folder, [])
        if url.strip():
            server_of(LlmSettings(url=url))
    except OrchestratorError as error:
        return str(error)
    return ""


def fingerprint(models: Models, values: Mapping[str, Any]) -> str:
    try:
        return models.fingerprint(values)
    except (OrchestratorError, ValidationError):
        return ""  # the run says what is wrong


def model_of(models: Models, values: Mapping[str, Any], clip: Any, hidden: Any) -> LanguageModel | None:
    """Raises ConfigError."""
    try:
        file = loader_file(hidden.prompt, str(hidden.unique_id), "clip", _CLIP_FILES)
        return models.get(values, clip, file)
    except ValidationError as error:
        raise ConfigError(f"LLM Model cannot be used so: {what_is_wrong(error)}") from error
