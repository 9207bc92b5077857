"""The OpenAPI 3.1 description of the routes, made from their models: docs/openapi.json is this."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

import orchestrator_core
from orchestrator_core.api.models import ErrorShown
from orchestrator_core.api.refusing import json_bytes
from orchestrator_core.api.routes import ROUTES
from orchestrator_core.api.routing import JSON, NO_CONTENT, Route
from orchestrator_core.api.saved_pipelines import NAME
from orchestrator_core.api.wire import PREFIX

REF = "#/components/schemas/{model}"
_ERRORS = {
    "400": "The request cannot be read.",
    "401": "A token is needed, or is wrong.",
    "403": "Not under this name, not from this page, or not without a token.",
    "404": "There is no such thing.",
    "405": "The path has not this method.",
    "406": "It is not answered in such a type.",
    "409": "It is in no state for this.",
    "413": "The body is too large.",
    "415": "The body is no JSON.",
    "422": "What is asked cannot be; the error says where.",
    "500": "A fault of this program or its machine; the log says more.",
    "501": "This place has not what that takes.",
    "503": "The database or a stream is busy; ask again after Retry-After seconds.",
}
_ERRORS_OF_SOME = {"412": "It was changed meanwhile."}
_WITH_BODY = ("413", "415")
_NAMES = {
    "job": "Its number or id.",
    "image": "Its id, as a list of images has it.",
    "profile": "Its key or its name.",
    "pipeline": "Its name.",
    "search": "Its name.",
    "grid": "Its id, as the list of grids has it.",
    "place": "Its name.",
}
_HEADERS = {
    "If-Match": {
        "description": "The revision of the image that you have seen. Without it the marks hold in any case.",
        "schema": {"type": "string", "pattern": r'^("[0-9]{1,15}"|[*])$'},
    }
}
_IDEMPOTENT = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, nothing is added, and the same jobs are answered with 200.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def document() -> dict[str, Any]:
    """The whole description, as JSON values."""
    schemas, references = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = PREFIX + route.path.replace("*}", "}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Orchestrator",
            "version": orchestrator_core.__version__,
            "summary": "Jobs, prompts, LoRAs, images and pipelines for ComfyUI and Stable Diffusion WebUI Forge.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "This server"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


@cache
def document_bytes() -> bytes:
    return json_bytes(document())


Mode = Literal["validation", "serialization"]
References = dict[tuple[type[BaseModel], Mode], Any]


def _schemas() -> tuple[dict[str, Any], References]:
    bodies: set[type[BaseModel]] = {route.body for route in ROUTES if route.body is not None}
    answers: set[type[BaseModel]] = {ErrorShown} | {route.answer for route in ROUTES if route.answer is not None}
    answers |= {model for route in ROUTES for model in route.refusals.values()}
    inputs = [(model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)]
    outputs = [(model, "serialization") for model in sorted(answers, key=lambda model: model.__name__)]
    references, whole = models_json_schema([*inputs, *outputs], ref_template=REF)  # type: ignore[list-item]
    schemas: dict[str, Any] = tidied(whole["$defs"])
    schemas["JobsAsked"] = {
        "description": schemas["JobsAsked"]["description"],
        "anyOf": [{"$ref": REF.format(model="JobAsked")}, {**schemas["JobsAsked"], "description": "Several jobs."}],
    }
    batch = schemas["PipelineSpec"]["properties"]["batch"]
    batch["items"] = {"anyOf": [batch["items"], {"$ref": REF.format(model="Axis")}]}  # one alone need not be a list
    return dict(sorted(schemas.items())), {key: tidied(value) for key, value in references.items()}  # type: ignore[misc]


def _operation(route: Route, references: References) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.path.strip("/").partition("/")[0].partition(":")[0]],
        "summary": route.summary,
        "responses": {**_answers(route, references), **_refusals(route, references)},
    }
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.body is not None:
        schema = references[route.body, "validation"]
        operation["requestBody"] = {
            "required": not _may_be_empty(route.body),
            "content": {JSON: {"schema": schema}},
        }
    elif route.takes_kinds:
        operation["requestBody"] = {"content": {kind: {"schema": {"type": "string"}} for kind in route.takes_kinds}}
    return operation


def _may_be_empty(body: type[BaseModel]) -> bool:
    try:
        body.model_validate({})
    except ValidationError:
        return False
    return True


def _operation_id(route: Route) -> str:
    words = [word for word in re.split(r"[/:.{}*]+", route.path) if word]
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\*?\}", route.path):
        schema = {"type": "string", "minLength": 1, "maxLength": 300}
        if name == "pipeline":
            schema = {"type": "string", "pattern": f"^{NAME}$"}
        yield {"name": name, "in": "path", "required": True, "description": _NAMES[name], "schema": schema}
    if route.query is not None:
        schema = tidied(route.query.model_json_schema())
        for name, field in schema.get("properties", {}).items():
            told = field.pop("description", "")
            yield {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                **({"description": told} if told else {}),
                "schema": _without_null(field),
            }
    for name in route.headers:
        yield {"name": name, "in": "header", "required": False, **_HEADERS[name]}
    if route.creates and route.method == "POST":
        yield _IDEMPOTENT


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """In a query what is not given is left out."""
    given = [kind for kind in field.get("anyOf", ()) if kind.get("type") != "null"]
    rest = {name: value for name, value in field.items() if name not in ("anyOf", "title", "default")}
    default = {} if field.get("default") is None else {"default": field["default"]}
    return {**rest, **(given[0] if len(given) == 1 else {}), **default}


def _answers(route: Route, references: References) -> dict[str, Any]:
    if route.content_type == NO_CONTENT:
        return {"204": {"description": route.summary}}
    if route.answer is None:
        kinds = ("image/png", "image/jpeg", "image/webp", "image/gif") if "image" in route.content_type else ()
        content: dict[str, Any] = {kind: {} for kind in kinds or (route.content_type,)}
    else:
        content = {JSON: {"schema": references[route.answer, "serialization"]}}
    found = {"200": {"description": route.summary, "content": content}}
    if route.creates:
        location = {"Location": {"description": "Where it is, if it is one.", "schema": {"type": "string"}}}
        found["201"] = {"description": "It is new.", "content": content, "headers": location}
    return found


def _refusals(route: Route, references: References) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": REF.format(model="ErrorShown")}}}
    names: Sequence[str] = [name for name in _ERRORS if route.has_body or name not in _WITH_BODY]
    found = {name: {"description": _ERRORS[name], "content": content} for name in names}
    for name, model in route.refusals.items():
        own = {JSON: {"schema": references[model, "serialization"]}}
        found[name] = {"description": _ERRORS_OF_SOME[name], "content": own}
    return dict(sorted(found.items()))


def tidied(value: Any) -> Any:
    """The same whichever pydantic made it: titles say nothing, and newer ones say that a dict may hold anything."""
    if isinstance(value, list):
        return [tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: item for name, item in value.items() if not (name == "additionalProperties" and item is True)}
    if isinstance(kept.get("title"), str) and ("type" in kept or "anyOf" in kept or "$ref" in kept or len(kept) == 1):
        del kept["title"]
    return {name: tidied(item) for name, item in kept.items()}
