"""The host's own settings: its page "Settings" shows them, its config.json keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from modules import shared

_SECTION = ("orchestrator", "Orchestrator")


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the page's fields. ``choices``: a radio; ``lines`` > 1: a text of several lines."""

    key: str
    default: Any
    label: str
    info: str
    choices: Sequence[str] = ()
    lines: int = 1


def add(settings: Sequence[Setting]) -> None:
    for setting in settings:
        component, arguments = _component(setting)
        info = shared.OptionInfo(setting.default, setting.label, component, arguments, section=_SECTION)
        shared.opts.add_option(setting.key, info.info(setting.info))


def _component(setting: Setting) -> tuple[Any, dict[str, Any] | None]:
    if setting.choices:
        return gr.Radio, {"choices": list(setting.choices)}
    if isinstance(setting.default, bool):
        return gr.Checkbox, None
    return gr.Textbox, {"lines": setting.lines} if setting.lines > 1 else None


def read(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these keys; without a page (``--nowebui``) the settings are not added, and yet in config.json."""
    return {key: shared.opts.data.get(key, default) for key, default in defaults.items()}


def write(values: Mapping[str, Any]) -> str:
    """Sets and saves them; why it could not, or "". Keys that were never added are kept as they are written."""
    try:
        for key, value in values.items():
            if key in shared.opts.data_labels:
                setattr(shared.opts, key, value)
            else:
                shared.opts.data[key] = value
        shared.opts.save(shared.config_filename)
    except (AssertionError, RuntimeError) as error:  # --freeze-settings and its relatives
        return str(error) or "changing settings is disabled"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def where() -> str:
    return f"Forge's settings ({shared.config_filename})"
