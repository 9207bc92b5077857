"""A template in a file, with what belongs to it: the format of the bundled examples, in YAML or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator_core.errors import FormatError
from orchestrator_core.spec import problems_of


class TemplateFile(BaseModel):
    """``settings`` are options of the dispatch stage; what it does not set is for the renderer to decide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=100)
    description: str = ""
    template: str
    negative: str = ""
    dialect: Literal["dynamicprompts", "impact"] = "dynamicprompts"
    settings: dict[str, Any] = Field(default_factory=dict)


def is_template_file(data: Any) -> bool:
    """Is this parsed file one template, rather than a list of prompts or a pipeline?"""
    return isinstance(data, dict) and "template" in data and data.keys() <= TemplateFile.model_fields.keys()


def template_file_from(data: Any, path: Path) -> TemplateFile:
    """Raises FormatError, which names what is wrong."""
    try:
        found = TemplateFile.model_validate(data)
    except ValidationError as error:
        raise FormatError(f"{path} is no template file: {problems_of(error)}.") from None
    check_settings(found.settings, str(path))
    return found


def check_settings(settings: dict[str, Any], where: str) -> None:
    """Raises FormatError for a setting that dispatch does not have, or a value that it cannot have."""
    from orchestrator_core.stages.dispatch import Options

    try:
        Options.model_validate(settings)
    except ValidationError as error:
        raise FormatError(f"{where}: settings: {problems_of(error)}.") from None
