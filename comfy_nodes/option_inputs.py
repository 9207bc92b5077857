"""An option of ``generatePrompt`` as an input of a node: default, limits and tooltip are the model's."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from orchestrator_core.stages.generate_prompt import Options

from .host import io
from .widgets import BY_SEED

_REQUIRED = ("template",)
_LARGEST_INDEX = 2**53  # a browser counts no further


def option_input(name: str) -> io.Input:
    info = Options.model_fields[name]
    common: dict[str, Any] = {"tooltip": info.description, "optional": name not in _REQUIRED}
    if get_origin(info.annotation) is Literal:
        return io.Combo.Input(name, options=list(get_args(info.annotation)), default=info.default, **common)
    if name == "seed":
        largest = next(item.le for item in info.metadata if hasattr(item, "le"))
        return io.Int.Input(name, default=0, min=0, max=largest, control_after_generate=True, **common)
    if name == "index":
        common["tooltip"] = str(info.description).replace("Empty", "-1")
        return io.Int.Input(name, default=BY_SEED, min=BY_SEED, max=_LARGEST_INDEX, **common)
    multiline = "template" in name
    return io.String.Input(name, multiline=multiline, dynamic_prompts=False, default="", **common)
