"""The JSON Schema of a pipeline's file, for editors: with the options of each type of stage as it checks them."""

from __future__ import annotations

from typing import Any

from orchestrator_core.pipeline.registry import STAGES
from orchestrator_core.spec import PipelineSpec

SCHEMA_ID = "https://raw.githubusercontent.com/sd-orchestrator/sd-orchestrator/main/docs/pipeline.schema.json"


def json_schema() -> dict[str, Any]:
    """As docs/pipeline.schema.json has it. A list of stages by itself is a pipeline too."""
    whole = PipelineSpec.model_json_schema(by_alias=True)
    definitions = whole.pop("$defs")
    stage = definitions["StageSpec"]
    stage["properties"]["type"] |= {"examples": list(STAGES)}
    stage["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"properties": {"options": {"$ref": f"#/$defs/{name}"}}},
        }
        for name in STAGES
    ]
    batch = whole["properties"]["batch"]
    batch["items"] = {"anyOf": [batch["items"], {"$ref": "#/$defs/Axis"}]}  # one alone need not be a list
    for name, kind in STAGES.items():
        options = kind.options.model_json_schema(ref_template=f"#/$defs/{name}/$defs/{{model}}")
        definitions[name] = options
    whole["properties"]["$schema"] = {"type": "string"}
    bare = {"type": "array", "items": {"$ref": "#/$defs/StageSpec"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Pipeline",
        "anyOf": [_as_any_pydantic(whole), bare],
        "$defs": _as_any_pydantic(definitions),
    }


def options_schema(name: str) -> dict[str, Any]:
    """Of one stage's options, by itself. Names that pydantic makes of the fields' are left out: they say no more."""
    schema: dict[str, Any] = _as_any_pydantic(STAGES[name].options.model_json_schema())
    for field, told in schema["properties"].items():
        if STAGES[name].options.model_fields[field].title is None:
            told.pop("title", None)
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def _as_any_pydantic(value: Any) -> Any:
    """Newer ones say that a dict may hold anything, which is so where nothing is said."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "additionalProperties" or item is not True}
        return {key: _as_any_pydantic(item) for key, item in kept.items()}
    return [_as_any_pydantic(item) for item in value] if isinstance(value, list) else value
