"""Choosing LoRAs for drawn prompts on the command line: the stage in each pipeline, and what it thought of each."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from orchestrator_app.asked_stages import given_options, with_stage
from orchestrator_app.commands.arguments import lora_flag
from orchestrator_app.console import problem, remark
from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.extra_networks import lora_tag
from orchestrator_core.loras.naming import LOOK_UP

if TYPE_CHECKING:
    from orchestrator_app.planning import Planned
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.context import StageContext
    from orchestrator_core.loras.ranking import LoraSource
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.prompt import PromptDraft
    from orchestrator_core.spec import PipelineSpec, StageSpec
    from orchestrator_core.stages.select_loras import Selection

SELECT, RENDER = "selectLoras", "dispatch"
FLAGS = "lora_"  # what the names of the arguments begin with, before the option's own
_IN_FULL = 10  # prompts whose reasons are printed


@dataclass(frozen=True, slots=True)
class Selecting:
    """What was asked for. ``options`` None: nothing, but a pipeline file may have the stage by itself."""

    options: Mapping[str, Any] | None = None
    base_model: str | None = None  # as a person said it; None: the checkpoint's

    def added_to(self, pipeline: PipelineSpec) -> PipelineSpec:
        """The pipeline with the stage before its rendering; one that it has takes the options that were given."""
        if self.options is None:
            return pipeline
        return with_stage(pipeline, SELECT, "loras", self.options, before=RENDER)

    def checkpoint_of(self, name: str) -> BaseModel:
        """Raises ConfigError for a base model that nobody knows."""
        from orchestrator_app.lora_library import base_model_for

        return base_model_for(self.base_model, name)


def selecting_of(arguments: Namespace) -> Selecting:
    """Raises ConfigError for an option of the selection without --select-loras."""
    options = given_options(arguments, FLAGS)
    if arguments.select_loras:
        return Selecting(options | ({"semantic": True} if arguments.embedder else {}), arguments.base_model)
    if options:
        raise ConfigError(f"{lora_flag(next(iter(options)))} is for choosing LoRAs: add --select-loras.")
    return Selecting(None, arguments.base_model)


@dataclass(frozen=True, slots=True)
class Library:
    """What a StageContext has of LoRAs; nothing, where none are to be chosen."""

    loras: LoraSource | None = None
    meanings: SemanticPhrases | None = None


@contextmanager
def lora_source(arguments: Namespace, wanted: bool) -> Iterator[Library]:
    """The library, where LoRAs are to be chosen. Raises ConfigError where there is no folder, or no text encoder."""
    if not wanted:
        if arguments.embedder:
            raise ConfigError("--embedder is for choosing LoRAs: add --select-loras.")
        yield Library()
        return
    from orchestrator_app.lora_library import learned_meanings, open_library
    from orchestrator_core.loras.source import LibrarySource

    with open_library(arguments.loras) as (library, store):
        source = LibrarySource(library)
        if not len(source.index()):
            remark(f"There is no LoRA in {', '.join(library.roots)}.")
        yield Library(source, learned_meanings(arguments.embedder, source.index(), store))


def has_stage(pipeline: PipelineSpec | None) -> bool:
    return pipeline is not None and any(stage.enabled and stage.type == SELECT for stage in pipeline.stages)


def select_for(draft: PromptDraft, stage: StageSpec, context: StageContext) -> Selection:
    """What the stage decides, with its reasons, which it does not leave in the run. The same for the same draft."""
    from orchestrator_core.errors import PipelineError
    from orchestrator_core.pipeline import options_of
    from orchestrator_core.profiles.source import used_by
    from orchestrator_core.stages.select_loras import Options, select

    options = options_of(stage)
    assert isinstance(options, Options)
    if context.loras is None:
        raise PipelineError("There is no LoRA library to choose from.")
    profile = used_by(draft, context.profiles)
    index = context.loras.index()
    return select(draft, index, context.checkpoint, options, context.weights, context.meanings, profile)


def in_a_terminal(text: str) -> str:
    """With the command in place of what a page has."""
    return text.replace(LOOK_UP, "Look it up: orchestrator loras list")


@dataclass(slots=True)
class Reporter:
    """Says why LoRAs were chosen; problems with the options once, and once that the base model is not known."""

    told: set[str] = field(default_factory=set)

    def report(self, number: int, of: int, selection: Selection, checkpoint: BaseModel) -> None:
        for text in selection.problems:
            self._once(in_a_terminal(text))
        if not checkpoint.family:
            self._once(
                "the checkpoint's base model is not known, so LoRAs for any may be chosen. Say --base-model NAME."
            )
        for line in report_lines(number, replace(selection, problems=()), short=of > _IN_FULL):
            remark(line)

    def _once(self, text: str) -> None:
        if text not in self.told:
            self.told.add(text)
            problem("warning", text)


def report_selections(planned: Sequence[Planned]) -> None:
    """Of every prompt, which LoRAs were chosen for it, and why."""
    reporter = Reporter()
    for prompt in planned:
        for selection in prompt.selections:
            reporter.report(prompt.number, len(planned), selection, prompt.checkpoint)


def report_lines(number: int, selection: Selection, *, short: bool = False) -> list[str]:
    """``[1] styles/ink at 0.8: trigger 'ink style' is in the prompt``, and indented those that were not chosen."""
    lines = selection.report.splitlines()
    if short:
        lines = [", ".join(f"{use.record.name} at {use.strength.model:g}" for use in selection.chosen) or "no LoRA"]
    mark = f"[{number}] "
    return [(mark if at == 0 else " " * len(mark)) + line for at, line in enumerate(lines)]


def with_tags(draft: PromptDraft) -> str:
    """The positive prompt with a tag for each of the draft's LoRAs, as A1111 and Forge read it: by the file's name."""
    tags = "".join(lora_tag(replace(lora, name=lora.name.rpartition("/")[2])) for lora in draft.loras)
    return f"{draft.positive} {tags}" if tags else draft.positive
