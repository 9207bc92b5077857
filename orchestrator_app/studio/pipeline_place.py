"""What the stages of a pipeline may touch in the studio: only what one of them needs is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from orchestrator_app.studio.choosing import Choosing, Wanted
from orchestrator_app.studio.environment import Meanings, Target
from orchestrator_app.studio.remembering import StudioAnswers
from orchestrator_core.cancelling import Cancellation
from orchestrator_core.context import StageContext
from orchestrator_core.errors import ConfigError, OrchestratorError
from orchestrator_core.request import GeneratedImage, GenerationRequest, Generator, ImageNotes, OnProgress
from orchestrator_core.spec import PipelineSpec

if TYPE_CHECKING:
    from orchestrator_app.studio.environment import StoppableGenerator
    from orchestrator_app.studio.live import LiveEnvironment
    from orchestrator_core.loras.ranking import LoraIndex
    from orchestrator_core.loras.record import LoraRecord
    from orchestrator_core.loras.semantic import SemanticPhrases
    from orchestrator_core.memory.source import StorySource

_NO_ENCODER = "No text encoder is loaded here that could compare meanings"
Place = Callable[[PipelineSpec], StageContext]  # for one item, with the odds that are learned by then


def place_for(
    live: LiveEnvironment,
    pipeline: PipelineSpec,
    target: Target,
    cancellation: Cancellation | None = None,
    *,
    dry: bool = False,
) -> Place:
    """``dry``: for a plan, which asks no model and no host. Raises OrchestratorError."""
    environment, settings = live.environment, live.settings
    kinds = {stage.type for stage in pipeline.stages if stage.enabled}
    model = environment.models.get(settings) if environment.models and "llmEnhance" in kinds else None
    loras = _loras(live, target, pipeline) if "selectLoras" in kinds else None
    context = StageContext(
        live.wildcards,
        generator=None if dry or "dispatch" not in kinds else _generator(target, loras),
        cancellation=cancellation or Cancellation(),
        loras=loras,
        checkpoint=target.base_model(checkpoint_of(pipeline)),
        llm=model,
        profiles=environment.profiles,
        answers=None if dry or model is None else StudioAnswers(environment.store).of(settings),
        stories=_stories(live, dry=dry) if "followStory" in kinds else None,
        books=environment.books,
    )
    if not dry and "selectLoras" in kinds and environment.meanings is not None:
        each_time = MeaningsEachTime(environment.meanings)
        context = replace(context, meanings=cast("SemanticPhrases", each_time))  # all that is asked of those
    if not dry and "scoreImages" in kinds:
        context = _seeing(live, context)

    def place(item: PipelineSpec) -> StageContext:
        return _with_odds(live, context, item, target)

    return place


def checkpoint_of(pipeline: PipelineSpec) -> str:
    rendering = next((stage for stage in pipeline.ordered if stage.enabled and stage.type == "dispatch"), None)
    return str(rendering.options.get("checkpoint", "")) if rendering else ""


def _with_odds(live: LiveEnvironment, context: StageContext, pipeline: PipelineSpec, target: Target) -> StageContext:
    drawn = next((stage for stage in pipeline.stages if stage.type == "generatePrompt"), None)
    if drawn is None:
        return context
    who = str(drawn.options.get("profiles", "")), str(drawn.options.get("genre", ""))
    odds = live.odds(*who, target, checkpoint_of(pipeline))
    return replace(context, weights=odds.weights, odds=odds.number) if odds.number else context


def _stories(live: LiveEnvironment, *, dry: bool) -> StorySource | None:
    from orchestrator_core.memory.source import Rehearsal

    stories = live.environment.stories
    return Rehearsal(stories) if dry and stories is not None else stories


def _seeing(live: LiveEnvironment, context: StageContext) -> StageContext:
    """With what looks at images, where one is set; a stage may say ``when: has_scorer``."""
    scoring = live.environment.scoring
    if scoring is None:
        return context
    try:
        seen = scoring.looking(live.settings)
    except OrchestratorError:
        return context
    return replace(context, scorer=seen.scorer, extras=seen.extras, learner=seen.learner)


class MeaningsEachTime:
    """What phrases mean to the text encoder that is loaded when that is asked: it is held no longer than for that.

    A pipeline may go on for hours, and others want the encoder too, or another checkpoint.
    """

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self._records: tuple[LoraRecord, ...] = ()
        self.problem = ""

    def follow(self, records: Iterable[LoraRecord]) -> None:
        self._records = tuple(records)

    def learn(self, seconds: float | None = None) -> int:
        with self._meanings() as phrases:
            self.problem = _NO_ENCODER if phrases is None else ""
            if phrases is None:
                return 0
            phrases.follow(self._records)
            return phrases.learn(seconds)

    def near(self, text: str) -> Mapping[Any, Any]:
        with self._meanings() as phrases:
            if phrases is None:
                return {}
            phrases.follow(self._records)
            found = phrases.near(text)
            self.problem = phrases.problem
            return found


# LoRAs, of those that the target has, under the names that it knows them by


@dataclass(frozen=True, slots=True)
class TargetSource:
    """A ``LoraSource``. ``names``: what the target calls a LoRA of the library, by its name there."""

    choosing: Choosing
    names: Mapping[str, str]

    def index(self) -> LoraIndex:
        return self.choosing.index


def _loras(live: LiveEnvironment, target: Target, pipeline: PipelineSpec) -> TargetSource | None:
    """None where there is no library; a stage may say ``when: has_loras``."""
    try:
        choosing = live.choosing(Wanted(is_on=True), target, checkpoint_of(pipeline))
        if choosing is None:
            return None
        records = live.loras.source.records()
    except ConfigError:
        return None
    named = {records[path].name: name for path, name in choosing.names.items() if path in records}
    return TargetSource(choosing, named)


def _generator(target: Target, loras: TargetSource | None) -> Generator:
    generator = target.generator()
    return generator if loras is None else NamedThere(generator, loras.names)


@dataclass(frozen=True, slots=True)
class NamedThere:
    """A generator that is told LoRAs by the names that it knows them by; the prompt keeps the library's."""

    generator: StoppableGenerator
    names: Mapping[str, str]

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        return self.generator.generate(self._named(request), notes, on_progress)

    def adopted(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """What it has finished of this already; none where it cannot say so."""
        find = getattr(self.generator, "adopted", None)
        found: tuple[GeneratedImage, ...] = () if find is None else find(self._named(request), notes, on_progress)
        return found

    def _named(self, request: GenerationRequest) -> GenerationRequest:
        loras = tuple(replace(lora, name=self.names.get(lora.name, lora.name)) for lora in request.loras)
        return request.replacing(loras=loras)

    def cancel(self) -> None:
        self.generator.cancel()
