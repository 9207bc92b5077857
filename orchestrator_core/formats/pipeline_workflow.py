"""A pipeline as a workflow for ComfyUI's canvas: each stage is its node, and one run of it is one run of the pipeline.

What a canvas cannot do (conditions, what to do on errors, batches) is told, a sentence each. It is kept in the nodes,
as a property, so that ``pipeline_reader`` gives back the same pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_core.errors import PipelineError
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.extra_networks import extract_loras
from orchestrator_core.formats.pipeline_builder import Builder
from orchestrator_core.formats.pipeline_nodes import DRAW, LARGEST, MARK, usual_options
from orchestrator_core.formats.sharing_nodes import OUR_NODES, WILDCARD_PROMPT
from orchestrator_core.formats.sharing_run import LORA_TAGS, set_control
from orchestrator_core.spec import PipelineSpec, StageSpec, pipeline_to_json

KEPT = "The workflow keeps what the canvas cannot do, and gives it back when it is saved as a pipeline."
_MUTED, _BYPASSED = 2, 4


@dataclass(frozen=True, slots=True)
class Exported:
    """``told``: what the canvas does not do, and what a person has to choose there, a sentence each."""

    workflow: dict[str, Any]
    told: tuple[str, ...]


def workflow_of(pipeline: PipelineSpec, object_info: Mapping[str, Any] | None = None, checkpoint: str = "") -> Exported:
    """The workflow of a pipeline, whose options have been checked.

    ``checkpoint``: what is loaded where the pipeline names none. ``object_info``: a server's answer; without it, what
    we know of the nodes is used.

    Raises PipelineError for one that begins with a prompt that it is given: a canvas has none to give.
    """
    _begins_with_a_prompt(pipeline)
    builder = Builder(pipeline, checkpoint)
    for stage in pipeline.ordered:
        builder.add(stage)
    builder.finish()
    told = [*_told_of(pipeline), *(line for stage in pipeline.ordered for line in _told_of_stage(stage))]
    told += builder.told
    if any(_is_kept(stage) for stage in pipeline.stages) or pipeline.batch:
        told.append(KEPT)
    definitions = {**OUR_NODES, **(object_info or {})}
    workflow = workflow_from_graph(
        builder.graph, definitions, note=_note(pipeline, told), extra={"pipeline": _head(pipeline)}
    )
    for node in workflow["nodes"]:
        _finish(node, builder)
    return Exported(workflow, tuple(told))


def _begins_with_a_prompt(pipeline: PipelineSpec) -> None:
    drawn: set[str] = set()
    for stage in pipeline.ordered:
        needs = pipeline.needs[stage.id]
        if (stage.type == DRAW and stage.enabled) or (needs and needs[0] in drawn):
            drawn.add(stage.id)
        elif stage.type != DRAW:
            raise PipelineError(
                f"Stage {stage.id!r} ({stage.type}) begins with a prompt that it is given, and a workflow has none to "
                "give: put a stage of the type generatePrompt before it."
            )


def _finish(node: dict[str, Any], builder: Builder) -> None:
    """What a node has on the canvas beside its values."""
    key = str(node["id"])
    if key in builder.marks:
        node["properties"][MARK] = builder.marks[key]
    if key in builder.bypassed:
        node["mode"] = _BYPASSED
    if key in builder.muted:
        node["mode"] = _MUTED
    if node["type"] == WILDCARD_PROMPT:
        is_by_chance = "seed" not in builder.marks[key]["spec"].get("options", {})
        set_control(node, "randomize" if is_by_chance else "fixed")


def _head(pipeline: PipelineSpec) -> dict[str, Any]:
    """All of it but its stages."""
    return {name: value for name, value in pipeline_to_json(pipeline).items() if name != "stages"}


def _note(pipeline: PipelineSpec, told: list[str]) -> str:
    lines = [f"# {pipeline.name or 'A pipeline'}", pipeline.description, *(f"- {line}" for line in told)]
    return "\n\n".join(line for line in lines if line)


def _told_of(pipeline: PipelineSpec) -> list[str]:
    told = []
    if pipeline.batch:
        varied = ", ".join(axis.vary for group in pipeline.batch for axis in group)
        told.append(f"The batch (it varies {varied}) is one item here: run it as often as you like, and change that.")
    order = [stage.id for stage in pipeline.ordered]
    for before, stage in zip(["", *order], order, strict=False):
        needs = pipeline.needs[stage]
        if len(needs) > 1:
            told.append(f"Stage {stage!r} has the prompt and the images of {needs[0]!r} alone, not of all it needs.")
        elif before and needs != (before,):
            told.append(f"Stage {stage!r} does not go on from the one before it: the workflow branches there.")
    return told


def _told_of_stage(stage: StageSpec) -> list[str]:
    told = []
    if stage.when:
        told.append(f"Stage {stage.id!r} is done only when this is so: {stage.when}. The canvas does it always.")
    if stage.on_error != "fail":
        told.append(f"Stage {stage.id!r} has on_error: {stage.on_error}. On the canvas an error stops the run.")
    for name, value in stage.options.items():
        if name not in usual_options(stage.type) and value:
            told.append(f"Stage {stage.id!r}: its option {name!r} has no place on the canvas.")
    seed = stage.options.get("seed")
    if isinstance(seed, int) and seed > LARGEST:
        told.append(f"Stage {stage.id!r}: its seed {seed} is larger than a browser can count, and is rounded there.")
    if stage.type == DRAW and extract_loras(str(stage.options.get("template", "")))[1]:
        told.append(LORA_TAGS)
    return told


def _is_kept(stage: StageSpec) -> bool:
    has_more = any(value and name not in usual_options(stage.type) for name, value in stage.options.items())
    return bool(stage.when) or stage.on_error != "fail" or has_more
