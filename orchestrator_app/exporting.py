"""What is given away of a prompt: its API graph, its canvas workflow, its row of a prompt file, its template file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.comfy_binding import bind_graph, write_inputs
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_links import Graph, is_workflow
from orchestrator_core.formats.comfy_workflow import workflow_from_graph
from orchestrator_core.formats.comfy_workflow_reader import graph_from_workflow
from orchestrator_core.formats.image_notes import notes_as_json
from orchestrator_core.formats.json_text import read_json_file
from orchestrator_core.formats.prompt_file import format_prompt_file, planned_run
from orchestrator_core.formats.prompt_rows import PlannedPrompt
from orchestrator_core.prompt import PromptDraft, PromptSource
from orchestrator_core.request import GenerationRequest, notes_for
from orchestrator_core.run import Run

SETTINGS = (
    "sampler", "scheduler", "steps", "cfg", "denoise", "width", "height", "batch_size", "clip_skip", "checkpoint",
    "vae",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnGraph:
    """A graph of the person's own in place of the built-in text-to-image one; ``graph`` None: the built-in one."""

    graph: Mapping[str, Any] | None = None
    bindings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Export:
    """``problem`` says why there is no graph or no workflow."""

    graph: Graph | None = None
    workflow: dict[str, Any] | None = None
    problem: str = ""


def read_graph(path: Path) -> dict[str, Any]:
    """A person's API graph or canvas workflow. Raises FormatError."""
    data = read_json_file(path)
    if not isinstance(data, dict):
        raise FormatError(f"{path} is no graph of ComfyUI, which is a JSON object.")
    return data


def export(run: Run, request: GenerationRequest, own: OwnGraph, object_info: Mapping[str, Any] | None = None) -> Export:
    """The graph and the workflow that render a request; without ``object_info`` as far as ours and core nodes go."""
    try:
        graph = graph_for(request, own, object_info)
    except FormatError as error:
        return Export(problem=str(error))
    try:
        notes = notes_as_json(notes_for(run.id, run.draft))
        return Export(graph, workflow_from_graph(graph, object_info, note=note_for(run, request), extra=notes))
    except FormatError as error:
        return Export(graph, problem=str(error))


def graph_for(request: GenerationRequest, own: OwnGraph, object_info: Mapping[str, Any] | None = None) -> Graph:
    """Raises FormatError for a graph that the request does not fit."""
    if own.graph is not None:
        given = graph_from_workflow(own.graph, object_info) if is_workflow(own.graph) else own.graph
        return bind_graph(given, request, own.bindings).graph
    graph = text_to_image_graph(request)
    write_inputs(graph, request)
    return graph


def note_for(run: Run, request: GenerationRequest) -> str:
    """Markdown for the note beside the workflow."""
    source = run.draft.source
    lines = ["### Drawn by Orchestrator", "", f"Seed {run.draft.seed}"]
    if not request.checkpoint:
        lines += ["", "**Choose a model** in *checkpoint*, then press Run."]
    if source.template:
        lines += ["", "Template:", "", "```", source.template.strip(), "```"]
    if source.negative:
        lines += ["", "Negative template:", "", "```", source.negative.strip(), "```"]
    return "\n".join(lines)


def planned(run: Run, request: GenerationRequest) -> PlannedPrompt:
    """The run as a row of a prompt file, with the request's settings."""
    settings: dict[str, Any] = {name: value for name in SETTINGS if (value := getattr(request, name)) != ""}
    found = planned_run(run)
    if not found.template and not run.id:  # a prompt of nobody's template is still a prompt, not one itself
        found = replace(found, template=found.positive)
    if extra := {key: value for key, value in request.extra.items() if key != "batch_index"}:
        settings["extra"] = extra
    return replace(found, seed=request.seed, loras=request.loras or run.draft.loras, settings=settings)


def prompt_file(pairs: Iterable[tuple[Run, GenerationRequest]]) -> str:
    return format_prompt_file(planned(run, request) for run, request in pairs)


def template_file(draft: PromptDraft, settings: Mapping[str, Any]) -> str:
    """YAML that ``orchestrator run`` takes, as the bundled examples are; of nobody's template the prompt itself."""
    import yaml

    source = draft.source if draft.source.template else PromptSource(draft.positive, draft.negative_prompt)
    content: dict[str, Any] = {"template": source.template}
    if source.negative:
        content["negative"] = source.negative
    if source.dialect != "dynamicprompts":
        content["dialect"] = source.dialect
    if source.profiles:
        content["profiles"] = source.profiles
    if source.genre:
        content["genre"] = source.genre
    if settings:
        content["settings"] = dict(settings)
    text: str = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
    return text
