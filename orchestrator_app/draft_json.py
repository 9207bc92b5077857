"""A draft as JSON: what ``orchestrator prompt --json`` prints. docs/cli.md describes each field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator_core.prompt import Choice, Component, PromptDraft

SCHEMA_VERSION = 1


def draft_as_json(draft: PromptDraft) -> dict[str, Any]:
    """Everything that is known of a draft. Both texts are their components joined."""
    source = draft.source
    return {
        "schema_version": SCHEMA_VERSION,
        "positive": draft.positive,
        "negative": draft.negative_prompt,
        "seed": draft.seed,
        "template": source.template,
        "negative_template": source.negative,
        "dialect": source.dialect,
        "profiles": source.profiles,
        "genre": source.genre,
        "components": _components(draft.components),
        "negative_components": _components(draft.negative),
        "background": [_fields(told) for told in draft.background],
        "enhanced": None if draft.enhanced is None else _fields(draft.enhanced),
        "story": None if draft.story is None else _fields(draft.story),
        "loras": [_fields(lora) for lora in draft.loras],
        "variables": dict(draft.variables),
        "diagnostics": [_fields(diagnostic) for diagnostic in draft.diagnostics],
    }


def _components(components: Iterable[Component]) -> list[dict[str, Any]]:
    return [
        {
            "text": component.text,
            "origin": component.origin.value,
            "span": None if component.span is None else list(component.span),
            "strength": component.strength,
            "choices": [_choice(choice) for choice in component.choices],
        }
        for component in components
    ]


def _choice(choice: Choice) -> dict[str, Any]:
    siblings = choice.siblings
    return _fields(choice) | {"siblings": list(siblings) if isinstance(siblings, tuple) else siblings}


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
