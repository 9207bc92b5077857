"""A workflow, or an API graph, as the pipeline that does the same: our nodes and the samplers, in their order.

Nodes of others are passed over, and that is told. What is no pipeline is refused, with the reason: a prompt that goes
two ways, or two prompts in one image.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pydantic import ValidationError

from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.formats.comfy_links import DAMAGED, Graph, check_graph, is_workflow, title_of, upstream
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.pipeline_nodes import (
    DRAW,
    MARK,
    RENDER,
    TYPES,
    USUAL_IDS,
    free_id,
    options_from,
    usual_options,
)
from orchestrator_core.formats.pipeline_order import Item, in_order
from orchestrator_core.formats.pipeline_values import shown_in, told_of_others
from orchestrator_core.formats.sharing_canvas import MAX_NODES
from orchestrator_core.formats.sharing_canvas import Canvas as SharedCanvas
from orchestrator_core.formats.sharing_nodes import OUR_NODES, SAVE_IMAGE, definition_of, widget_places
from orchestrator_core.spec import MAX_STAGES, SCHEMA_VERSION, PipelineSpec, StageSpec, pipeline_from, pipeline_to_json

_ACTIVE = 0
_OPENED = frozenset({*TYPES, "VAEDecode", SAVE_IMAGE, "SaveImage", "PreviewImage"})  # looked at also where they are off
_SHOWN = 200  # characters of an option's value
_MOST_DEEP = 50  # subgraphs in one another
_NO_PROMPT = (
    "This workflow has no Wildcard Prompt, which a pipeline begins with: put one before the text encoders, or open one "
    "of Orchestrator's templates."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """``told``: what of the workflow is not in the pipeline; ``kept``: what is in it and the canvas does not show, as
    the nodes have it of the pipeline that they were made of. A sentence each."""

    pipeline: PipelineSpec
    told: tuple[str, ...]
    kept: tuple[str, ...] = ()


def pipeline_of(source: Any, object_info: Mapping[str, Any] | None = None, name: str = "") -> Imported:
    """The pipeline of a canvas workflow or an API graph; ``name`` is for one that says none itself.

    Raises FormatError for what is neither, PipelineError for what is no pipeline.
    """
    try:
        return _read(_Canvas(source, object_info), name)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, RecursionError) as error:
        raise FormatError(DAMAGED) from error


def _read(canvas: _Canvas, name: str) -> Imported:
    told: list[str] = []
    items = _items(canvas, told)
    stages: list[StageSpec] = []
    for item in in_order(items, canvas.title):
        stages.append(_stage(canvas, item, stages, told))
    told += told_of_others(canvas.graph, [item.key for item in items], canvas.active)
    pipeline = _whole(canvas.head, stages, name, told)
    return Imported(pipeline, tuple(dict.fromkeys(told)), tuple(_kept_in(pipeline)))


class _Canvas:
    """A workflow in both of its forms. ``graph`` has our nodes also where they are muted or bypassed."""

    def __init__(self, source: Any, object_info: Mapping[str, Any] | None) -> None:
        known = {**OUR_NODES, **(object_info or {})}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.head: Mapping[str, Any] = {}
        if not is_workflow(source):
            self.graph: Graph = check_graph(source)
            self.active = set(self.graph)
            return
        workflow = _without_unknown_values(SharedCanvas(source).data, known)
        self.nodes = dict(islice(_nodes(workflow, "", workflow), MAX_NODES + 1))
        if len(self.nodes) > MAX_NODES:  # said before they are followed: a few subgraphs can stand for billions
            raise FormatError(f"The canvas workflow stands for more than {MAX_NODES:,} nodes.")
        self.active = set(graph_from_workflow(workflow, known))
        for node in _all_nodes(workflow):
            if node["type"] in _OPENED:
                node["mode"] = _ACTIVE
        self.graph = graph_from_workflow(workflow, known)
        extra = (source.get("extra") or {}).get("orchestrator")
        head = extra.get("pipeline") if isinstance(extra, dict) else None
        self.head = head if isinstance(head, dict) else {}

    def title(self, key: str) -> str:
        return title_of(self.graph[key]) or self.graph[key]["class_type"]

    def mark(self, key: str) -> Mapping[str, Any]:
        """What the node says of its stage."""
        properties = self.nodes.get(key, {}).get("properties")
        mark = properties.get(MARK) if isinstance(properties, dict) else None
        return mark if isinstance(mark, dict) else {}

    def is_by_chance(self, key: str) -> bool:
        """Whether the node's seed is another one after each run."""
        node = self.nodes.get(key, {})
        place = widget_places(node, definition_of(node["type"], None)).get("seed") if node else None
        return place is not None and node["widgets_values"][place + 1 : place + 2] == ["randomize"]


def _all_nodes(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    definitions = (workflow.get("definitions") or {}).get("subgraphs") or []
    for level in (workflow, *definitions):
        yield from level["nodes"]


def _without_unknown_values(workflow: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The widgets of a class that nobody described cannot be named, and are not asked for either."""
    subgraphs = {str(each["id"]) for each in (workflow.get("definitions") or {}).get("subgraphs") or []}
    for node in _all_nodes(workflow):
        if str(node["type"]) not in subgraphs and definition_of(str(node["type"]), known) is None:
            node["widgets_values"] = []
    return workflow


def _nodes(level: Mapping[str, Any], prefix: str, workflow: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """With the ids that they have in the graph: "12:3" for node 3 inside node 12."""
    if prefix.count(":") > _MOST_DEEP:
        raise FormatError("The canvas workflow's subgraphs contain one another.")
    definitions = (workflow.get("definitions") or {}).get("subgraphs") or []
    inner = {str(each["id"]): each for each in definitions}
    for node in level["nodes"]:
        yield f"{prefix}{node['id']}", copy.deepcopy(node)
        if str(node["type"]) in inner:
            yield from _nodes(inner[str(node["type"])], f"{prefix}{node['id']}:", workflow)


def _items(canvas: _Canvas, told: list[str]) -> list[Item]:
    """What is a stage, with all stages that are before it."""
    graph = canvas.graph
    types = {key: TYPES[node["class_type"]] for key, node in graph.items() if node["class_type"] in TYPES}
    if len(types) > MAX_STAGES:
        raise PipelineError(f"This workflow has {len(types):,} nodes that are stages, and {MAX_STAGES} are the most.")
    samplers = {key for key, kind in types.items() if kind == RENDER}
    above = {key: upstream(graph, key) for key in types}
    for key in samplers:
        if first := above[key] & (samplers - {key}):
            told.append(
                f"{canvas.title(key)!r} renders on what {canvas.title(min(first))!r} rendered, and is left out."
            )
            del types[key]
    if not any(kind == DRAW for kind in types.values()):
        raise PipelineError(_NO_PROMPT)
    before = {key: frozenset(above[key] & types.keys()) for key in types}
    found = []
    for key, kind in types.items():
        position = canvas.mark(key).get("position")
        found.append(Item(key, kind, before[key], position if type(position) is int else None, key in canvas.active))
    return found


def _stage(canvas: _Canvas, item: Item, others: Sequence[StageSpec], told: list[str]) -> StageSpec:
    mark = canvas.mark(item.key)
    given = _spec_in(mark, item.type)
    ids = [other.id for other in others]
    base = given or StageSpec(id=USUAL_IDS[item.type], type=item.type)
    stage_id = free_id(base.id, ids)
    shown = shown_in(canvas.graph, item.key, item.type, canvas.title(item.key), told)
    if canvas.is_by_chance(item.key) and "seed" not in base.options:
        shown.pop("seed", None)  # none means by chance for a prompt, and the prompt's own for an image
    if item.type == RENDER and given and shown.get("checkpoint") == mark.get("checkpoint"):
        shown.pop("checkpoint", None)  # what was loaded because the pipeline names none
    needs = base.needs
    if needs is not None and any(need not in ids for need in needs):
        told.append(f"Stage {stage_id!r} needs {', '.join(needs)}, which is not before it here: it follows the others.")
        needs = None
    options = options_from(base, shown)
    return base.model_copy(update={"id": stage_id, "enabled": item.is_active, "needs": needs, "options": options})


def _spec_in(mark: Mapping[str, Any], kind: str) -> StageSpec | None:
    """What the node says that it was exported as; a node that was made of another by hand says nothing of use."""
    try:
        spec = StageSpec.model_validate(mark.get("spec"))
    except ValidationError:
        return None
    return spec if spec.type == kind else None


def _whole(head: Mapping[str, Any], stages: Sequence[StageSpec], name: str, told: list[str]) -> PipelineSpec:
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": name[:200],
        **{field: head[field] for field in ("name", "description", "batch", "layout") if field in head},
    }
    whole = PipelineSpec(stages=tuple(stages))
    data["stages"] = pipeline_to_json(whole).get("stages", [])
    try:
        return pipeline_from(data)
    except PipelineError as error:
        told.append(f"The batch that the workflow was made of does not fit it any more, and is left out: {error}")
    return pipeline_from({"name": name[:200], "stages": data["stages"]})


def _kept_in(pipeline: PipelineSpec) -> Iterator[str]:
    """What somebody who has only seen the canvas does not know of."""
    for stage in pipeline.stages:
        if stage.when:
            yield f"Stage {stage.id!r} is done only when this is so: {stage.when}."
        if stage.on_error != "fail":
            yield f"Stage {stage.id!r} has on_error: {stage.on_error}."
        if stage.needs is not None:
            yield f"Stage {stage.id!r} goes on from: {', '.join(stage.needs) or 'nothing'}."
        for name, value in stage.options.items():
            if name not in usual_options(stage.type) and value:
                yield f"Stage {stage.id!r} has {name}: {json.dumps(value, ensure_ascii=False)[:_SHOWN]}."
    for group in pipeline.batch:
        varied = " with ".join(axis.vary for axis in group)
        yield f"A batch varies {varied}: {group[0].size:,} items."
