"""Enhancing on the command line: the stage in each pipeline, the language model, and what came of it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator_app.asked_stages import given_options, given_values, with_stage
from orchestrator_app.console import problem, remark
from orchestrator_core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from orchestrator_app.planning import Planned
    from orchestrator_core.base_models import BaseModel
    from orchestrator_core.enhancing.caching import AnswerCache
    from orchestrator_core.llm.port import LanguageModel
    from orchestrator_core.prompt import PromptDraft
    from orchestrator_core.spec import PipelineSpec

ENHANCE = "llmEnhance"
_AFTER = ("generatePrompt", "followStory")  # the stages that it comes behind
_IN_FULL = 10  # prompts of which each is spoken of
FLAGS, MODEL_FLAGS = "enhance_", "llm_"  # what the names of the arguments begin with, before the option's own


@dataclass(frozen=True, slots=True)
class Enhancing:
    """What was asked for. ``options`` None: nothing, but a pipeline file may have the stage by itself."""

    options: Mapping[str, Any] | None = None
    model: Mapping[str, Any] = field(default_factory=dict)  # of LlmSettings

    def added_to(self, pipeline: PipelineSpec) -> PipelineSpec:
        """The pipeline with the stage behind its drawing and story; one that it has takes the options given."""
        if self.options is None:
            return pipeline
        return with_stage(pipeline, ENHANCE, "enhance", self.options, behind=_AFTER)


def enhancing_of(arguments: Namespace) -> Enhancing:
    """Raises ConfigError for an option of the enhancing without --enhance."""
    options, model = given_options(arguments, FLAGS), given_values(arguments, MODEL_FLAGS)
    if "backend" not in model:  # who names a server or a folder means that it is asked
        backend = "transformers" if "folder" in model else "openai"
        model |= {"backend": backend} if {"url", "model", "folder"} & model.keys() else {}
    if arguments.enhance:
        return Enhancing(options, model)
    if options:
        flag = f"--enhance-{next(iter(options)).replace('_', '-')}"
        raise ConfigError(f"{flag} is for enhancing prompts: add --enhance.")
    return Enhancing(None, model)


def model_for(enhancing: Enhancing) -> LanguageModel | None:
    """The language model that was named; None where the rules write. Raises ConfigError for one that cannot be."""
    from pydantic import ValidationError

    from orchestrator_core.llm.settings import LlmSettings, language_model
    from orchestrator_core.spec import problems_of

    try:
        settings = LlmSettings.model_validate(enhancing.model)
    except ValidationError as error:
        raise ConfigError(f"The language model's settings: {problems_of(error)}") from None
    return None if settings.backend == "rules" else language_model(settings)


def answers_for(model: LanguageModel | None) -> AnswerCache | None:
    """The store's answers; None where the rules write, which need no memory, or the store cannot be opened."""
    if model is None:
        return None
    from orchestrator_core.store import Store
    from orchestrator_core.store.answers import OpenedAnswers

    try:
        Store.open().close()  # what is in its way is said once, before anything is asked
        return OpenedAnswers(Store.open)
    except StoreError as error:
        problem("warning", f"what the language model answers is not remembered: {error}")
        return None


def has_stage(pipeline: PipelineSpec | None) -> bool:
    return pipeline is not None and any(stage.enabled and stage.type == ENHANCE for stage in pipeline.stages)


def asked_model(enhancing: Enhancing, pipeline: PipelineSpec | None) -> tuple[LanguageModel | None, AnswerCache | None]:
    """The language model and the memory of its answers, where prompts are to be enhanced; says whom it asks."""
    if enhancing.options is None and not has_stage(pipeline):
        return None, None
    model = model_for(enhancing)
    if model is not None:
        remark(f"Prompts are enhanced by {model.identity}, which may take a while.")
    return model, answers_for(model)


@dataclass(slots=True)
class Enhancer:
    """Enhances one draft after the other, for a command that has no pipeline. Without options it changes nothing."""

    enhancing: Enhancing
    checkpoint: BaseModel
    model: LanguageModel | None = None
    answers: AnswerCache | None = None

    def enhance(self, number: int, draft: PromptDraft) -> PromptDraft:
        if self.enhancing.options is None:
            return draft
        from orchestrator_core.context import StageContext
        from orchestrator_core.pipeline import new_run, run_pipeline
        from orchestrator_core.spec import PipelineSpec
        from orchestrator_core.template import Wildcards

        context = StageContext(Wildcards([]), checkpoint=self.checkpoint, llm=self.model, answers=self.answers)
        pipeline = self.enhancing.added_to(PipelineSpec(stages=()))
        done = run_pipeline(pipeline, context, new_run().replacing(draft=draft)).run.draft
        report(number, done)
        return done


def enhancer_of(arguments: Namespace) -> Enhancer:
    """Raises ConfigError for what does not go together."""
    from orchestrator_app.lora_library import base_model_for
    from orchestrator_core.base_models.names import UNKNOWN

    enhancing = enhancing_of(arguments)
    if enhancing.options is None:
        return Enhancer(enhancing, UNKNOWN)
    model = model_for(enhancing)
    checkpoint = base_model_for(arguments.base_model, arguments.checkpoint or "")
    return Enhancer(enhancing, checkpoint, model, answers_for(model))


def report_enhanced(planned: Sequence[Planned]) -> None:
    """Of many prompts only those that were not enhanced are spoken of."""
    for prompt in planned:
        report(prompt.number, prompt.run.draft, short=len(planned) > _IN_FULL)


def report(number: int, draft: PromptDraft, *, short: bool = False) -> None:
    """Says what came of asking: a prompt that was kept as it was is a warning."""
    said = draft.enhanced
    if said is None:
        return
    if said.status in ("kept", "unchanged"):
        problem("warning", f"prompt {number} was not enhanced: {said.detail}")
    elif not short:
        again = " as before" if said.status == "cached" else ""
        remark(f"[{number}] enhanced by {said.model}{again}" + (f"; {said.detail}" if said.detail else ""))
