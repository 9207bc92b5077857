"""The widgets of LLM Model and LLM Enhance. Their order is part of the format, so new ones go to the end."""

from __future__ import annotations

from typing import Any, get_args

from orchestrator_core.enhancing.options import Options
from orchestrator_core.llm.settings import LlmSettings
from orchestrator_core.prompt import MAX_SEED

from .host import io
from .llm_own import BACKEND, NODE_FIELDS
from .option_inputs import option_input
from .sockets import DraftSocket, LlmSocket
from .widgets import BY_SEED

_URL_HINT = (
    "The server's address, mostly ending in /v1. Empty: the one in your settings, else Ollama's on this machine."
)


def model_inputs() -> list[io.Input]:
    clip = io.Clip.Input("clip", optional=True, tooltip="For host: the text encoder that is to write.")
    return [*(_setting(name) for name in NODE_FIELDS), clip]


def _setting(name: str) -> io.Input:
    info = LlmSettings.model_fields[name]
    common: dict[str, Any] = {"tooltip": _URL_HINT if name == "url" else info.description, "optional": True}
    if name == "backend":
        return io.Combo.Input(name, options=list(get_args(info.annotation)), default=BACKEND, **common)
    if info.annotation is float:
        limits = {"min": 0.0 if name == "max_memory_gb" else 0.5, "max": 3600.0, "step": 0.5}
        limits["max"] = 60.0 if name == "connect_s" else limits["max"]
        return io.Float.Input(name, default=info.default, **limits, **common)
    return io.String.Input(name, dynamic_prompts=False, default="", **common)


def enhance_inputs() -> list[io.Input]:
    return [
        DraftSocket.Input("draft", optional=True, tooltip="The drawn prompt, from a Wildcard Prompt."),
        io.String.Input("text", optional=True, force_input=True, tooltip="The prompt, in place of the draft's."),
        LlmSocket.Input("llm", optional=True, tooltip="The language model. Without one: rules, which need none."),
        io.Model.Input("model", optional=True, tooltip="What will render: auto takes the style of its family."),
        io.Clip.Input("clip", optional=True, tooltip="The text encoder, whose tokens are counted exactly."),
        *(_option(name) for name in Options.model_fields),
    ]


def _option(name: str) -> io.Input:
    info = Options.model_fields[name]
    if name == "seed":  # not drawn anew after each run, as ComfyUI does with what is called so
        told = str(info.description).replace("Empty", "-1")
        return io.Int.Input(
            name,
            default=BY_SEED,
            min=BY_SEED,
            max=MAX_SEED,
            control_after_generate=False,
            optional=True,
            tooltip=told,
        )
    if name == "instruction":
        return io.String.Input(
            name, multiline=True, dynamic_prompts=False, default="", optional=True, tooltip=info.description
        )
    return option_input(name, Options)
