"""``stages``: what a pipeline is made of, with the JSON Schema of each stage's options, for who builds one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from orchestrator_core.api.models import Shown
from orchestrator_core.api.picture_models import PipelineWorkflow
from orchestrator_core.api.pipelines import pipeline_given
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.sampler_names import SAMPLERS, SCHEDULERS
from orchestrator_core.pipeline.registry import STAGES
from orchestrator_core.pipeline.schema import options_schema

if TYPE_CHECKING:
    from orchestrator_core.api.place import ApiPlace

_MOST_CHOICES = 500


class _About(NamedTuple):
    title: str
    summary: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


_ABOUT: Mapping[str, _About] = {
    "generatePrompt": _About(
        "Generate prompt", "Draws a prompt from a template, wildcards and profiles.", (), ("prompt", "seed")
    ),
    "followStory": _About(
        "Follow story", "Goes on with a story: who is there, where, and what is known of it.", ("prompt",), ("prompt",)
    ),
    "llmEnhance": _About("Enhance", "Has a language model add to the prompt, or reword it.", ("prompt",), ("prompt",)),
    "selectLoras": _About(
        "Select LoRAs", "Chooses LoRAs that fit the prompt, with their trigger words.", ("prompt",), ("loras", "prompt")
    ),
    "dispatch": _About(
        "Render", "Sends the prompt to a host and waits for its images.", ("prompt", "loras", "seed"), ("images",)
    ),
    "scoreImages": _About(
        "Score images", "Looks how far each image shows what was asked for.", ("prompt", "images"), ("scores",)
    ),
}


class StageShown(Shown):
    type: str
    title: str
    summary: str
    schema_: dict[str, Any] = Field(
        serialization_alias="schema",
        description="JSON Schema of its options. x-choices: what is there to choose from; other values may do too.",
    )
    reads: list[str] = Field(description="Of a run: prompt, seed, loras, images.")
    writes: list[str]


class StageList(Shown):
    """In the order in which they usually follow one another."""

    stages: list[StageShown]


def listed(call: Call) -> StageList:
    choices = _choices(call.place)
    return StageList(stages=[_shown(name, choices) for name in STAGES])


def _shown(name: str, choices: Mapping[str, Iterable[str]]) -> StageShown:
    about, schema = _ABOUT[name], options_schema(name)
    for option, field in schema["properties"].items():
        field.setdefault("title", option.replace("_", " ").capitalize())
        found = list(choices.get(f"{name}.{option}", ()))
        if found:
            field["x-choices"] = found
    return StageShown(
        type=name,
        title=about.title,
        summary=about.summary,
        schema_=schema,
        reads=list(about.reads),
        writes=list(about.writes),
    )


def _choices(place: ApiPlace) -> dict[str, Iterable[str]]:
    """Of options whose values are not the same everywhere; what cannot be had is left out."""
    found: dict[str, Iterable[str]] = {"dispatch.sampler": SAMPLERS, "dispatch.scheduler": SCHEDULERS}
    with suppress(OrchestratorError):
        found |= _profiles(place)
    with suppress(OrchestratorError):
        found |= _names(place)
    return found


def _profiles(place: ApiPlace) -> dict[str, Iterable[str]]:
    every = list(place.profiles.all())[:_MOST_CHOICES] if place.profiles is not None else []
    return {
        "generatePrompt.profiles": [one.name for one in every if one.kind != "genre"],
        "generatePrompt.genre": [one.name for one in every if one.kind == "genre"],
    }


def _names(place: ApiPlace) -> dict[str, Iterable[str]]:
    """As images of the gallery have them."""
    from orchestrator_core.store import gallery_groups

    with place.open_store() as store, store.reading() as connection:
        return {
            "dispatch.checkpoint": gallery_groups.names(connection, "model", _MOST_CHOICES),
            "selectLoras.include": gallery_groups.names(connection, "lora", _MOST_CHOICES),
            "followStory.story": gallery_groups.names(connection, "story", _MOST_CHOICES),
        }


def workflow(call: Call) -> PipelineWorkflow:
    """A workflow for ComfyUI's canvas; ``warnings`` says what a canvas does not do of the pipeline."""
    from orchestrator_core.gallery.workflows import workflow_of_pipeline

    found = workflow_of_pipeline(pipeline_given(call.place, call.body.pipeline))
    assert found.workflow is not None
    return PipelineWorkflow(workflow=found.workflow, warnings=list(found.told))
