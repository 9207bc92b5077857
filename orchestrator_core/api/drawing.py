"""``prompts:draw`` and ``loras:select``: what the first stages would do, without a job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from orchestrator_core.api.image_models import LoraShown
from orchestrator_core.api.models import Line, Shown, Text, fields_of
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.base_models import base_model_in, base_model_named
from orchestrator_core.formats.run_json import run_to_json
from orchestrator_core.profiles.source import used_by
from orchestrator_core.prompt import MAX_SEED, Component, Origin, PromptDraft, PromptSource
from orchestrator_core.run import Run, new_run_id
from orchestrator_core.stages import generate_prompt, select_loras

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.loras.composing import Chosen

MOST_DRAWN = 20
_LONGEST = 200_000  # characters of templates that are drawn at once: some seconds


class DrawAsked(generate_prompt.Options):
    """The options of generatePrompt, and how many: of this seed and the ones after it, or of this index and those."""

    model_config = ConfigDict(strict=True)

    count: int = Field(1, ge=1, le=MOST_DRAWN)
    checkpoint: Line = Field("", description="What will render: learned odds are of a family of models.")
    learned: bool = Field(True, description="By the learned odds, where learning is on.")
    with_runs: bool = Field(False, description="With each prompt as a run, to be given to a job as it is drawn.")


class ChoiceShown(Shown):
    """A decision of the draw. ``key`` is what a learned weight attaches to."""

    key: str
    file: str
    line: int
    weight: float
    probability: float
    options: int


class ComponentShown(Shown):
    """A piece of the prompt, and where it came from; the pieces joined are the prompt."""

    text: str
    origin: str
    strength: float
    span: tuple[int, int] | None
    choices: list[ChoiceShown]


class DiagnosticShown(Shown):
    kind: str
    message: str
    start: int
    end: int
    where: str


class PromptShown(Shown):
    positive: str
    negative: str
    seed: int
    odds: int = Field(description="The number of the learned odds that it was drawn by; 0: by none.")
    components: list[ComponentShown]
    negative_components: list[ComponentShown]
    diagnostics: list[DiagnosticShown]
    run: dict[str, Any] | None


class Drawn(Shown):
    prompts: list[PromptShown]


class SelectAsked(select_loras.Options):
    """A prompt, what will render it, and the options of selectLoras."""

    model_config = ConfigDict(strict=True)

    prompt: Text = ""
    negative: Text = ""
    seed: int = Field(0, ge=0, le=MAX_SEED)
    checkpoint: Line = Field("", description="The file of the model that will render, by whose name LoRAs must fit.")
    base_model: Line = Field("", description="What it is, as SDXL, where its name does not say it.")
    profiles: Line = Field("", description="Names of profiles, between commas, whose LoRAs count.")
    genre: Line = ""


class Because(Shown):
    name: str
    strength_model: float
    strength_clip: float
    why: list[str]


class Selected(Shown):
    positive: str = Field(description="With trigger words.")
    negative: str
    loras: list[LoraShown] = Field(description="Those of the prompt from now on.")
    chosen: list[Because]
    problems: list[str]
    report: str = Field(description="All of it in lines for a person.")


def draw(call: Call) -> Drawn:
    asked = call.body
    _check_length(asked)
    own = set(DrawAsked.model_fields) - set(generate_prompt.Options.model_fields)
    options = generate_prompt.Options(**asked.model_dump(exclude=own))
    context = _learned(call, asked) if asked.learned else call.place.context()
    return Drawn(prompts=[_drawn(options.nth(number), context, asked.with_runs) for number in range(asked.count)])


def _check_length(asked: DrawAsked) -> None:
    """Raises Refusal for what would keep a thread for long."""
    length = asked.count * (len(asked.template) + len(asked.negative_template))
    if length > _LONGEST:
        told = f"That is {length:,} characters of templates, and {_LONGEST:,} are the most at once."
        raise Refusal(422, "too_long", told, "template")


def _learned(call: Call, asked: DrawAsked | SelectAsked) -> StageContext:
    """The place's context with the odds of now."""
    context = call.place.context()
    if call.place.ledger is None:
        return context
    from orchestrator_core.weights.overlay import overlay

    family = base_model_in(asked.checkpoint).family
    found = overlay(call.place.ledger, asked.profiles, asked.genre, family, weights=context.weights)
    return replace(context, weights=found.weights, odds=found.number)


def _drawn(options: generate_prompt.Options, context: StageContext, with_run: bool) -> PromptShown:
    draft = generate_prompt.generate(
        options, context.wildcards, context.weights, context.variables, context.profiles, context.odds
    )
    return PromptShown(
        positive=draft.positive,
        negative=draft.negative_prompt,
        seed=draft.seed,
        odds=draft.source.odds,
        components=_components(draft.components),
        negative_components=_components(draft.negative),
        diagnostics=[DiagnosticShown.model_validate(fields_of(one)) for one in draft.diagnostics],
        run=run_to_json(Run(new_run_id(), draft)) if with_run else None,
    )


def _components(components: Iterable[Component]) -> list[ComponentShown]:
    return [
        ComponentShown(
            text=one.text,
            origin=one.origin.value,
            strength=one.strength,
            span=one.span,
            choices=[ChoiceShown.model_validate(fields_of(choice, "siblings")) for choice in one.choices],
        )
        for one in components
    ]


def select(call: Call) -> Selected:
    asked = call.body
    context = _learned(call, asked)
    if context.loras is None:
        raise Refusal(501, "no_loras", "There is no LoRA library here to choose from: name a LoRA folder.")
    own = set(SelectAsked.model_fields) - set(select_loras.Options.model_fields)
    options = select_loras.Options(**asked.model_dump(exclude=own))
    draft = _draft(asked)
    checkpoint = base_model_named(asked.base_model) if asked.base_model else base_model_in(asked.checkpoint)
    profile = used_by(draft, context.profiles)
    index = context.loras.index()
    found = select_loras.select(draft, index, checkpoint, options, context.weights, context.meanings, profile)
    return Selected(
        positive=found.draft.positive,
        negative=found.draft.negative_prompt,
        loras=[LoraShown.model_validate(fields_of(lora)) for lora in found.draft.loras],
        chosen=[_because(use) for use in found.chosen],
        problems=list(found.problems),
        report=found.report,
    )


def _draft(asked: SelectAsked) -> PromptDraft:
    words, negative = ((Component(text, Origin.user),) if text else () for text in (asked.prompt, asked.negative))
    return PromptDraft(
        words, negative, seed=asked.seed, source=PromptSource(profiles=asked.profiles, genre=asked.genre)
    )


def _because(use: Chosen) -> Because:
    strength, reasons = use.strength, use.candidate.reasons
    return Because(
        name=use.record.name,
        strength_model=strength.model,
        strength_clip=strength.clip,
        why=[reason.sentence for reason in reasons],
    )
