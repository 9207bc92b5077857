"""A LoRA test as a workflow: LoRA × strength × seed beside a row without any, with the settings of the open graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from orchestrator_core.base_models import base_model_in
from orchestrator_core.errors import FormatError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.request import GenerationRequest
from orchestrator_core.run import new_run_id
from orchestrator_core.template import Wildcards

from .lora_answers import ID, LoraAnswers
from .lora_cards import file_of

if TYPE_CHECKING:
    from orchestrator_core.loras.testing import TestPlan

_PROMPT = "a portrait of a woman, {trigger}"
_SEEDS = "1"
_TAKEN = ("sampler", "scheduler", "steps", "cfg", "width", "height", "vae", "clip_skip")  # from the open graph
_TEXT = 20_000  # characters
_NAMED = 3  # LoRAs in a test's title

NodeInfo = Callable[[Iterable[str]], dict[str, Any]]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    graph: dict[str, Any] | None = None  # the open one, as it would be queued


class _Test(_Asked):
    ids: list[Annotated[str, StringConstraints(pattern=ID)]] = Field(max_length=200)
    strengths: str = Field(max_length=1_000)
    seeds: str = Field(max_length=1_000)
    prompt: str = Field(max_length=_TEXT)
    negative: str = Field("", max_length=_TEXT)
    only_count: bool = False


@dataclass(frozen=True, slots=True)
class LoraTesting:
    """``path_of`` finds a file as the host does, by the name that it lists; ``node_info`` describes its nodes."""

    loras: LoraAnswers
    wildcards: Wildcards
    path_of: Callable[[str], str | None]
    node_info: NodeInfo = lambda kinds: {}

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a test begins with: the prompt and the model of the open graph, as far as it says."""
        from orchestrator_core.loras.testing import STRENGTHS
        from orchestrator_core.loras.testing_graph import MOST_CELLS
        from orchestrator_core.loras.trigger_mark import MARK

        request = _request_of(_Asked.model_validate(body).graph)
        positive = request.positive.strip().rstrip(",")
        return {
            "prompt": positive if MARK in positive else f"{positive}, {MARK}" if positive else _PROMPT,
            "negative": request.negative.strip(),
            "checkpoint": request.checkpoint,
            "strengths": ", ".join(f"{strength:g}" for strength in STRENGTHS),
            "seeds": _SEEDS,
            "most": MOST_CELLS,
        }

    def test(self, body: dict[str, Any]) -> dict[str, Any]:
        """How many images it would be, and what cannot be tested; the workflow, unless only that was asked.

        Raises OrchestratorError, with a sentence for a person.
        """
        from orchestrator_core.loras.testing_graph import MOST_CELLS

        asked = _Test.model_validate(body)
        plan = self._plan(asked)
        return {
            "images": plan.count,
            "loras": len(plan.loras),
            "strengths": len(plan.strengths),
            "seeds": len(plan.seeds),
            "most": MOST_CELLS,
            "refused": [{"name": one.name, "reason": one.reason} for one in plan.refused],
            "workflow": None if asked.only_count else self._workflow(plan),
        }

    def _plan(self, asked: _Test) -> TestPlan:
        from orchestrator_core.loras.testing import draw_prompts, plan_test
        from orchestrator_core.loras.testing_numbers import numbers_in, seeds_in

        records = [self.loras.record(one) for one in asked.ids]
        settings = _settings_of(asked.graph)
        return plan_test(
            records,
            numbers_in(asked.strengths, "Strengths"),
            draw_prompts([asked.prompt], self.wildcards, asked.negative),
            seeds_in(asked.seeds),
            settings,
            base_model_in(settings.checkpoint),
            self._names(records),
        )

    def _names(self, records: Sequence[LoraRecord]) -> Mapping[str, str]:
        """What the host calls them. Of two files of one name it knows the one in the first folder."""
        files = {record.path: file_of(record) for record in records}
        return {path: file for path, file in files.items() if _is_same(self.path_of(file), path)}

    def _workflow(self, plan: TestPlan) -> dict[str, Any]:
        from orchestrator_core.loras.testing import label_of
        from orchestrator_core.loras.testing_graph import SAVE_WITH_ORIGIN, graph_of_test, workflow_of_test

        kinds = {node["class_type"] for node in graph_of_test(plan, SAVE_WITH_ORIGIN).values()}
        names = [label_of(record).rpartition("/")[2] for record in plan.loras]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return workflow_of_test(plan, self.node_info(kinds), new_run_id(), f"{', '.join(names[:_NAMED])}{more}")


def _is_same(found: str | None, path: str) -> bool:
    try:
        return found is not None and Path(found).samefile(path)
    except OSError:
        return False


def _settings_of(graph: Mapping[str, Any] | None) -> GenerationRequest:
    """Those of the open graph, if it has a checkpoint's loader: other models want settings that a test has not."""
    request = _request_of(graph)
    if not request.checkpoint:
        return GenerationRequest("")
    return GenerationRequest("", checkpoint=request.checkpoint, **{name: getattr(request, name) for name in _TAKEN})


def _request_of(graph: Mapping[str, Any] | None) -> GenerationRequest:
    """What the open graph renders; nothing where that cannot be read."""
    from orchestrator_core.formats.comfy_graph_reader import request_from_graph

    request = GenerationRequest("")
    with suppress(FormatError):
        request = request_from_graph(graph)
    files = _checkpoints(graph or {})
    file = request.checkpoint if request.checkpoint in files else next(iter(files), "")
    return request.replacing(checkpoint=file)


def _checkpoints(graph: Mapping[str, Any]) -> list[str]:
    """The files of its checkpoint loaders; a UNET alone is none."""
    inputs = (node.get("inputs") for node in graph.values() if isinstance(node, dict))
    files = (each.get("ckpt_name") for each in inputs if isinstance(each, dict))
    return [file for file in files if isinstance(file, str) and file]
