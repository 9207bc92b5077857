"""A Run as JSON values, and back without loss: what jobs keep between two stages, and what a rerun starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator_core.errors import FormatError
from orchestrator_core.run import Run

SCHEMA_VERSION = 1


def run_to_json(run: Run) -> dict[str, Any]:
    """The run as ``json.dumps`` takes it. Raises FormatError where a request's ``extra`` holds what JSON cannot."""
    return {"schema_version": SCHEMA_VERSION, **_plain(run)}


def run_from_json(data: Any) -> Run:
    """The run of what ``run_to_json`` gave. Raises FormatError, which names the place that is wrong."""
    version = data.get("schema_version") if isinstance(data, Mapping) else None
    if not isinstance(version, int):
        raise FormatError("This is no saved run: its 'schema_version' is missing.")
    if version > SCHEMA_VERSION:
        raise FormatError(
            f"This run was saved in version {version}, and this Orchestrator knows versions up to {SCHEMA_VERSION}. "
            "Update Orchestrator."
        )
    try:
        return _runs().validate_python({name: value for name, value in data.items() if name != "schema_version"})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise FormatError(f"This is no saved run: {where}: {first['msg']}.") from None


@cache
def _runs() -> TypeAdapter[Run]:
    return TypeAdapter(Run)  # takes milliseconds to make, so not at import


def _plain(value: Any) -> Any:
    # Not dataclasses.asdict, which deep-copies: ``extra`` may be a whole graph, or a mapping that cannot be copied.
    if value is None or isinstance(value, str | int | float):
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_name(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    raise FormatError(f"A {type(value).__name__} cannot be saved as JSON: {str(value)[:80]!r}.")


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise FormatError(f"JSON has names that are texts only, not {key!r}.")
