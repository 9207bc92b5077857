"""Every option of every stage, and where a person sets it in each host: found by looking, not by a list.

In ComfyUI the graph is the pipeline: what ``generatePrompt`` takes are the widgets of Wildcard Prompt, and what
``dispatch`` takes are inputs of ComfyUI's own nodes. Which ones is seen by changing an option and comparing the graphs.
In Forge it is the element of the tab that carries the option's id.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from comfy_nodes.widgets import WIDGETS
from orchestrator_app.studio.environment import Settings
from orchestrator_app.studio.forms import element_id, fields_of
from orchestrator_core.formats.comfy_graph import text_to_image_graph
from orchestrator_core.formats.comfy_links import Graph
from orchestrator_core.pipeline import STAGES
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.stages import dispatch

ROOT = Path(__file__).resolve().parent.parent
ANY_INPUT = "any input of any node"


@dataclass(frozen=True, slots=True)
class Option:
    stage: str
    name: str
    description: str
    info: FieldInfo

    def another(self) -> Any:
        """A value that is not the default."""
        annotation, default = self.info.annotation, self.info.get_default(call_default_factory=True)
        if get_origin(annotation) in (Union, UnionType):
            annotation = get_args(annotation)[0]
        if get_origin(annotation) is Literal:
            return next(choice for choice in get_args(annotation) if choice != default)
        if annotation not in (int, float):
            return "another.safetensors"
        highest = next((item.le for item in self.info.metadata if hasattr(item, "le")), None)
        value = (default or 0) + 1
        return value if highest is None or value <= highest else default / 2


def options() -> Iterator[Option]:
    """All options of all stages, in the order of the pipeline."""
    for stage, parts in STAGES.items():
        for name, info in parts.options.model_fields.items():
            yield Option(stage, name, info.description or "", info)


def places_in_comfyui(option: Option, widgets: Container[str]) -> str:
    """Where the option is set; "" where it is nowhere. ``widgets`` are those of Wildcard Prompt."""
    if option.stage == "generatePrompt":
        return f"Wildcard Prompt: {option.name}" if option.name in widgets else ""
    if option.stage in _NODES:
        kind, title = _NODES[option.stage]
        return f"{title}: {option.name}" if option.name in _inputs_of(kind) else ""
    if option.name == "extra":  # {"inputs": {"node.input": value}}: on a canvas every input is there to be set
        return ANY_INPUT
    before = _inputs(text_to_image_graph(dispatch.request_for(_DRAFT, dispatch.Options())))
    changed = dispatch.Options.model_validate({option.name: option.another()})
    after = _inputs(text_to_image_graph(dispatch.request_for(_DRAFT, changed)))
    return ", ".join(sorted(place for place, value in after.items() if before.get(place) != value))


_NODES = {  # of the stages that have a node of their own
    "selectLoras": ("OrchestratorLoRASelector", "LoRA Selector"),
    "followStory": ("OrchestratorStoryMemory", "Story Memory"),
    "llmEnhance": ("OrchestratorLLMEnhance", "LLM Enhance"),
    "scoreImages": ("OrchestratorCLIPScorer", "CLIP Scorer"),
}


def _inputs_of(kind: str) -> Container[str]:
    """What ComfyUI's page names in the node; that the node has the same, tests/hosts/test_comfyui_*.py see."""
    texts = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))
    return dict(texts[kind]["inputs"])


def _inputs(graph: Graph) -> Mapping[str, Any]:
    return {
        f"{node['class_type']}: {name}": value
        for node in graph.values()
        for name, value in node["inputs"].items()
        if not isinstance(value, list)  # a link to another node
    }


_SETTING = "score_"
_DRAFT = PromptDraft((Component("a fox"),), seed=7)


def id_in_forge(option: Option) -> str:
    """Of its element in the tab. How images are scored is a setting, which runs of Forge's own pages follow too."""
    if option.stage == "scoreImages":
        return element_id("settings", _SETTING + option.name)
    return element_id(option.stage, option.name)


def place_in_forge(option: Option) -> str:
    """What the option is called in the tab, where the element with its id is."""
    if option.stage == "scoreImages":
        return f"Config: {fields_of(Settings)[_SETTING + option.name].label}"
    return f"Generate: {fields_of(STAGES[option.stage].options)[option.name].label}"


def page() -> str:
    """docs/parity.md."""
    lines = [HEAD]
    for option in options():
        said = option.description.replace("|", "\\|")
        comfy, forge = places_in_comfyui(option, WIDGETS), place_in_forge(option)
        lines.append(f"| {option.stage} | `{option.name}` | {said} | {comfy} | {forge} |")
    return "\n".join(lines) + "\n"


HEAD = """# Every option in both hosts

Made from the `Options` of the stages by `ORCHESTRATOR_WRITE_DOCS=1 pytest tests/test_parity.py`; the test fails where a
host lacks an option. In ComfyUI the graph is the pipeline: what `dispatch` takes is set in ComfyUI's own nodes; which
ones is found by changing the option and comparing the graphs. In Forge, and in the standalone studio, each option is an
element of the Generate page; how images are scored is set on the page Config.

| stage | option | what it does | ComfyUI | Forge |
| --- | --- | --- | --- | --- |"""
