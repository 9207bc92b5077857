"""A form's fields as gradio elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

import gradio as gr

from orchestrator_app.studio.compat import kw, plain
from orchestrator_app.studio.forms import FormField, Model, element_id, fields_of, read, shown

# How an option looks where its kind says too little.
_LOOKS: Mapping[str, dict[str, Any]] = {
    "template": {
        "lines": 4,
        "max_lines": 12,
        "placeholder": "a __colors/warm__ {fox|owl} in {the snow|__places/city__}",
    },
    "negative_template": {"lines": 2, "max_lines": 8, "placeholder": "What should not be in the picture"},
    "width": {"step": 8},
    "height": {"step": 8},
    "cfg": {"step": 0.5},
    "denoise": {"step": 0.05},
    "never_together": {"placeholder": "one + other"},
    "query": {"placeholder": "base:pony -tag:nsfw"},
    "temperature": {"step": 0.1},
    "instruction": {"lines": 2, "placeholder": "more fog, an old film look"},
    "keep": {"placeholder": "red cape, old tavern"},
    "forbidden": {"placeholder": "blurry, text"},
    "who": {"placeholder": "Mira, Tom"},
    "where": {"placeholder": "old tavern"},
    "when": {"placeholder": "night"},
    "mood": {"placeholder": "tense"},
    "outfit": {"lines": 2, "placeholder": "Mira: red cloak, boots"},
}
_SLIDERS = 30  # values of a range that a slider is good for
FROM_TARGET = ("checkpoint", "vae", "sampler", "scheduler")  # options whose choices the target knows
FROM_LIBRARY = ("profiles", "genre", "story")  # those whose choices are names of what is kept here
OWN = "(the target's own)"  # what stands for an empty one: gradio 5 shows nothing for a choice whose value is ""
NONE = "(none)"


def element(stage: str, field: FormField, **options: Any) -> Any:
    """The element in which this option is set; its ``elem_id`` says which one it is."""
    limits = f" ({field.limits})" if field.limits else ""
    common = {
        "label": field.label,
        "info": plain(f"{field.description}{limits}"),
        "value": shown(field, field.default),
        "elem_id": element_id(stage, field.name),
        "elem_classes": ["orchestrator-field"],
        "interactive": True,
        **_LOOKS.get(field.name, {}),
        **options,
    }
    if field.name in FROM_TARGET:
        return _from_target(field, common)
    if field.name in FROM_LIBRARY:
        return _from_library(field, common)
    return _MAKERS[field.kind](field, common)


def _from_target(field: FormField, common: dict[str, Any]) -> Any:
    common["value"] = common["value"] or OWN
    return kw(gr.Dropdown, **common, choices=[common["value"]], allow_custom_value=True)


def _from_library(field: FormField, common: dict[str, Any]) -> Any:
    """A list to choose from, where a name that is not in it can be written too; of profiles several."""
    if field.name == "profiles":
        common["value"] = []
        return kw(gr.Dropdown, **common, choices=[], multiselect=True, allow_custom_value=True)
    common["value"] = common["value"] or NONE
    return kw(gr.Dropdown, **common, choices=[common["value"]], allow_custom_value=True)


def _choice(field: FormField, common: dict[str, Any]) -> Any:
    return kw(gr.Dropdown, **common, choices=list(field.choices))


def _number(field: FormField, common: dict[str, Any]) -> Any:
    whole = field.kind == "whole"
    step = common.pop("step", None)
    if field.optional:  # gradio 6 makes 0 of a number that is empty
        return _text(field, common)
    if field.low is not None and field.high is not None:
        step_ = step or (1 if whole else 0.01)
        if (field.high - field.low) / step_ <= _SLIDERS:
            return kw(gr.Slider, **common, minimum=field.low, maximum=field.high, step=step_)
    # Without minimum and maximum: gradio's own complaint of them does not say which field it is about.
    return kw(gr.Number, **common, precision=0 if whole else None, step=step or 1)


def _text(field: FormField, common: dict[str, Any]) -> Any:
    return kw(gr.Textbox, **{"lines": 1, **common})


def _lines(field: FormField, common: dict[str, Any]) -> Any:
    return kw(gr.Textbox, **{"lines": 3, **common})


def _switch(field: FormField, common: dict[str, Any]) -> Any:
    return kw(gr.Checkbox, **common)


_MAKERS: Mapping[str, Callable[[FormField, dict[str, Any]], Any]] = {
    "text": _text,
    "big": _text,
    "json": _text,
    "lines": _lines,
    "choice": _choice,
    "whole": _number,
    "number": _number,
    "switch": _switch,
}


class StageForm(Generic[Model]):
    """The elements of one stage's options, placed where ``add`` is called, and the options that they hold."""

    def __init__(self, stage: str, model: type[Model]) -> None:
        self.stage, self.model = stage, model
        self.fields = fields_of(model)
        self.elements: dict[str, Any] = {}

    def add(self, *names: str, **options: Any) -> None:
        """Elements for these options."""
        for name in names:
            self.elements[name] = element(self.stage, self.fields[name], **options)

    def add_rest(self) -> None:
        """Elements for all options that have none yet: a new option is on the page without being asked for."""
        self.add(*(name for name in self.fields if name not in self.elements))

    @property
    def inputs(self) -> list[Any]:
        return list(self.elements.values())

    def options(self, values: Sequence[Any]) -> Model:
        """The checked options from what the elements hold, in the order of ``inputs``. Raises ConfigError."""
        given = {name: _given(value) for name, value in zip(self.elements, values, strict=True)}
        return read(self.model, given, self.fields)


def _given(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value in (OWN, NONE) else value
