"""A template in a file, with what belongs to it: the format of the bundled examples, in YAML or JSON.

Checked by hand: pydantic would take longer to load than a prompt takes to draw. The settings are checked by the stage
that uses them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from orchestrator_core.errors import FormatError

DIALECTS = ("dynamicprompts", "impact")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """``settings`` are options of the dispatch stage; what they leave out is for the renderer to decide."""

    template: str
    negative: str = ""
    name: str = ""
    description: str = ""
    dialect: str = "dynamicprompts"
    profiles: str = ""
    genre: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


KEYS = tuple(item.name for item in fields(TemplateFile))


def is_template_file(data: Any) -> bool:
    """Is this parsed file one template, rather than a list of prompts or a pipeline?"""
    return isinstance(data, dict) and "template" in data and not data.keys() & {"positive", "prompt", "runs", "prompts"}


def template_file_from(data: dict[Any, Any], where: str) -> TemplateFile:
    """Raises FormatError, which names what is wrong."""
    for key, value in data.items():
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, 1)
            known = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(KEYS)}."
            raise FormatError(f"{where}: a template file has no {key!r}; {known}")
        wanted = dict if key == "settings" else str
        if not isinstance(value, wanted):
            raise FormatError(f"{where}: {key!r} should be {'a mapping' if wanted is dict else 'a text'}.")
    if data.get("dialect", DIALECTS[0]) not in DIALECTS:
        raise FormatError(f"{where}: there is no dialect {data['dialect']!r}; use one of {', '.join(DIALECTS)}.")
    return TemplateFile(**data)
