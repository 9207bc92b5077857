"""What a server's ``/object_info`` says of a node class, as far as the canvas format depends on it.

The canvas stores widget values by position, so the order of the inputs, and which of them are widgets, is the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.core_nodes import CORE_NODES

_WIDGET_TYPES = {"INT": 0, "FLOAT": 0.0, "STRING": "", "BOOLEAN": False, "COMBO": ""}  # with what an empty one holds
_UPLOADS = ("image_upload", "animated_image_upload", "video_upload")
CONTROLS = ("fixed", "increment", "decrement", "randomize", "increment-wrap")


@dataclass(frozen=True, slots=True)
class InputDefinition:
    """``extra``: the value of the second widget that the canvas puts behind this one ("fixed", "image"), if it does."""

    name: str
    type: str
    is_widget: bool
    default: Any = None
    extra: str = ""
    dynamic_prompts: bool = False
    multiline: bool = False


@dataclass(frozen=True, slots=True)
class NodeDefinition:
    class_type: str
    title: str
    inputs: tuple[InputDefinition, ...]
    outputs: tuple[tuple[str, str], ...]  # (name, type)
    module: str = ""

    @property
    def widgets(self) -> tuple[InputDefinition, ...]:
        return tuple(item for item in self.inputs if item.is_widget)


def node_definition(class_type: str, object_info: Mapping[str, Any] | None) -> NodeDefinition | None:
    """The definition of a class in a server's answer, or among our own core nodes; None if it is in neither."""
    info = (object_info or {}).get(class_type) or CORE_NODES.get(class_type)
    if not isinstance(info, Mapping):
        return None
    try:
        return _parse(class_type, info)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError):
        raise FormatError(f"The description of node class {class_type} in /object_info is not understood.") from None


def node_definitions(classes: Iterable[str], object_info: Mapping[str, Any] | None) -> dict[str, NodeDefinition]:
    """The definitions of all these classes. Raises FormatError that names the unknown ones."""
    found = {name: node_definition(name, object_info) for name in sorted(set(classes))}
    if missing := [name for name, definition in found.items() if definition is None]:
        raise FormatError(
            f"The canvas format needs the definition of {', '.join(missing)}: give the /object_info of a ComfyUI "
            "that has these nodes."
        )
    return {name: definition for name, definition in found.items() if definition}


def _parse(class_type: str, info: Mapping[str, Any]) -> NodeDefinition:
    groups = info.get("input") or {}
    order = info.get("input_order") or {}
    inputs = []
    for group in ("required", "optional"):
        specs = groups.get(group) or {}
        names = [name for name in order.get(group) or specs if name in specs]
        inputs += [_parse_input(name, specs[name]) for name in names]
    outputs = info.get("output") or []
    names = info.get("output_name") or outputs
    pairs = tuple((str(name), _type(kind)) for name, kind in zip(names, outputs, strict=False))
    title = info.get("display_name") or class_type
    return NodeDefinition(class_type, title, tuple(inputs), pairs, str(info.get("python_module", "")))


def _type(kind: Any) -> str:
    return "COMBO" if isinstance(kind, list) else str(kind)


def _parse_input(name: str, spec: Any) -> InputDefinition:
    kind, options = spec[0], dict(spec[1]) if len(spec) > 1 and isinstance(spec[1], Mapping) else {}
    type_name = _type(kind)
    widget_type = str(options.get("widgetType", type_name))
    is_widget = widget_type in _WIDGET_TYPES and not options.get("forceInput")
    choices = kind if isinstance(kind, list) else options.get("options") or []
    default = options.get("default", choices[0] if choices else _WIDGET_TYPES.get(widget_type))
    return InputDefinition(
        name=name,
        type=type_name,
        is_widget=is_widget,
        default=default,
        extra=_extra_widget(name, widget_type, options),
        dynamic_prompts=bool(options.get("dynamicPrompts")),
        multiline=bool(options.get("multiline")),
    )


def _extra_widget(name: str, kind: str, options: Mapping[str, Any]) -> str:
    control = options.get("control_after_generate", name in ("seed", "noise_seed") and kind == "INT")
    if control and kind in ("INT", "COMBO"):
        return "fixed"
    return "image" if any(options.get(upload) for upload in _UPLOADS) else ""
