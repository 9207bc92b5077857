"""Forms from models: what a page asks for each option of a stage, and the checked options from what it was told.

Nothing here knows gradio. Every option of every stage is in the form that is made from its ``Options``, so none can be
forgotten; ``element_id`` is where on the page it is.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from orchestrator_core.errors import ConfigError

Kind = Literal["text", "choice", "whole", "big", "number", "switch", "json", "lines"]
_EXACT = 2**53  # a browser's numbers are floats: beyond this one number stands for several
_WORDS = {
    "cfg": "CFG", "vae": "VAE", "clip": "CLIP", "url": "address", "comfy": "ComfyUI", "forge": "Forge", "lora": "LoRA",
    "loras": "LoRAs", "civitai": "Civitai", "llm": "LLM", "s": "(seconds)", "gb": "(GB)",
}  # fmt: skip
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FormField:
    """One option. ``low`` and ``high`` are None where there is no limit; ``optional``: it may be left empty."""

    name: str
    label: str
    description: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    optional: bool = False

    @property
    def limits(self) -> str:
        """``1 – 1,000``; "" where there are none that a person could meet."""
        if self.low is None or self.high is None or self.kind == "big":
            return ""
        return f"{self.low:,g} – {self.high:,g}"


def element_id(stage: str, option: str) -> str:
    """The element of an option: ``orchestrator_dispatch_steps`` for ("dispatch", "steps")."""
    return f"orchestrator_{_snake(stage)}_{option}"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def fields_of(model: type[BaseModel]) -> dict[str, FormField]:
    """A field for each option of a model, by name."""
    return {name: _field(name, info) for name, info in model.model_fields.items()}


def _field(name: str, info: FieldInfo) -> FormField:
    kind, choices, optional = _kind(info.annotation)
    low, high = _limit(info, "ge"), _limit(info, "le")
    if kind == "whole" and high is not None and high > _EXACT:
        kind = "big"
    default = info.get_default(call_default_factory=True)
    return FormField(
        name, info.title or _title(name), info.description or "", kind, default, choices, low, high, optional
    )


def _title(name: str) -> str:
    """``clip_skip`` → ``CLIP skip``."""
    label = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return label[:1].upper() + label[1:]


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...], bool]:
    """(kind, choices, whether it may be left empty) of a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        kind, choices, _ = _kind(next(argument for argument in arguments if argument is not type(None)))
        return kind, choices, True
    if origin is Literal:
        return "choice", tuple(str(argument) for argument in arguments), False
    if origin is tuple:
        return "lines", (), False
    if origin is dict:
        return "json", (), False
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number"}
    return kinds.get(annotation, "text"), (), False


def _limit(info: FieldInfo, name: str) -> float | None:
    return next((getattr(item, name) for item in info.metadata if hasattr(item, name)), None)


def shown(field: FormField, value: Any) -> Any:
    """A value of the model as its element takes it."""
    if field.kind == "json":
        return json.dumps(value, ensure_ascii=False) if value else ""
    if field.kind == "big":
        return "" if value is None else str(value)
    if field.kind == "lines":
        return "\n".join(value)
    return value


def read(model: type[Model], values: Mapping[str, Any], fields: Mapping[str, FormField]) -> Model:
    """The model from what a page's elements hold. Raises ConfigError, which names each option that is wrong."""
    try:
        given = {name: _given(fields[name], value) for name, value in values.items()}
        return model.model_validate(given)
    except ValidationError as error:
        problems = [f"{_label(problem['loc'], fields)}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("; ".join(problems) + ".") from None


def _label(place: tuple[int | str, ...], fields: Mapping[str, FormField]) -> str:
    first = str(place[0]) if place else ""
    return fields[first].label if first in fields else ".".join(map(str, place)) or "The whole"


def _given(field: FormField, value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else value
    if field.kind in ("whole", "number", "big") and text in (None, ""):
        if field.optional:
            return None
        raise ConfigError(f"{field.label} is empty; it needs a number{_between(field)}.")
    if field.kind in ("whole", "big"):
        return _whole(field, text)
    if field.kind == "json":
        return _json(field, text or "")
    if field.kind == "lines":
        return tuple(line.strip() for line in (text or "").splitlines() if line.strip())
    return "" if value is None else value


def _whole(field: FormField, value: Any) -> int:
    try:
        if isinstance(value, float) and value != int(value):
            raise ValueError
        return int(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{field.label} is {value!r}; it needs a whole number{_between(field)}.") from None


def _between(field: FormField) -> str:
    return f" from {field.low:,.0f} to {field.high:,.0f}" if field.low is not None and field.high is not None else ""


def _json(field: FormField, text: str) -> Any:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{field.label} is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ConfigError(f'{field.label} should be a JSON object, as {{"name": 1}}.')
    return value
