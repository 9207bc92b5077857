"""An option of a stage as an input of a node: default, limits and tooltip are the model's."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from orchestrator_core.stages.generate_prompt import Options

from .host import io
from .widgets import BY_SEED

_REQUIRED = ("template",)
_LARGEST_INDEX = 2**53  # a browser counts no further
_STEP = 0.05  # of a number with a fraction
_SEVERAL_LINES = ("template", "negative_template", "include", "exclude", "never_together", "profiles", "outfit")


def option_input(name: str, options: type[BaseModel] = Options) -> io.Input:
    info, common = options.model_fields[name], common_of(name, options)
    if get_origin(info.annotation) is Literal:
        return io.Combo.Input(name, options=list(get_args(info.annotation)), default=info.default, **common)
    if name == "seed":
        return io.Int.Input(name, default=0, min=0, max=_limit(info, "le"), control_after_generate=True, **common)
    if name == "index":
        common["tooltip"] = str(info.description).replace("Empty", "-1")
        return io.Int.Input(name, default=BY_SEED, min=BY_SEED, max=_LARGEST_INDEX, **common)
    if info.annotation in (int, float, bool):
        return _plain_input(name, info, common)
    return io.String.Input(name, multiline=name in _SEVERAL_LINES, dynamic_prompts=False, default="", **common)


def common_of(name: str, options: type[BaseModel] = Options) -> dict[str, Any]:
    """What the inputs of all kinds have."""
    return {"tooltip": options.model_fields[name].description, "optional": name not in _REQUIRED}


def _plain_input(name: str, info: Any, common: dict[str, Any]) -> io.Input:
    if info.annotation is bool:
        return io.Boolean.Input(name, default=info.default, **common)
    limits = {"default": info.default, "min": _limit(info, "ge"), "max": _limit(info, "le")}
    if info.annotation is int:
        return io.Int.Input(name, **limits, **common)
    return io.Float.Input(name, **limits, step=_STEP, **common)


def _limit(info: Any, name: str) -> Any:
    return next((getattr(item, name) for item in info.metadata if hasattr(item, name)), None)
