"""Draws the prompts of one of the host's own jobs. Pure but for the attributes of the job that it is given.

A job is the host's processing object: ``all_prompts``, ``all_negative_prompts`` and ``all_seeds`` have an entry for
each image, and so have ``all_hr_prompts`` and ``all_hr_negative_prompts`` where there is a hires pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from forge_extension.notes import OURS, infotext_pairs
from orchestrator_app.studio.odds import NO_ODDS, Odds
from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.json_text import mended
from orchestrator_core.prompt import MAX_SEED, Enhancement, PromptDraft
from orchestrator_core.request import ImageNotes, notes_for
from orchestrator_core.run import new_run_id
from orchestrator_core.spec import problems_of
from orchestrator_core.stages import follow_story, generate_prompt, llm_enhance
from orchestrator_core.template import Wildcards

if TYPE_CHECKING:
    from orchestrator_core.profiles.source import ProfileSource

_MOST_COMMENTS = 5
# The script's elements, in their order.
ELEMENTS = (
    "enabled", "dialect", "method", "missing", "prompt_seed", "profiles", "genre", "story", "story_action", "enhance",
)  # fmt: skip


class ScriptOptions(BaseModel):
    """What the script's elements say; an API call may name these instead, in one object, and all of ``story`` and
    ``enhance`` with them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(False, description="Resolve wildcards and variants in the prompts.")
    dialect: generate_prompt.Dialect = "dynamicprompts"
    method: generate_prompt.Method = "random"
    missing: generate_prompt.Missing = "keep"
    prompt_seed: int = Field(-1, ge=-1, le=MAX_SEED, description="The seed of the first prompt. -1: each image's own.")
    profiles: str = ""
    genre: str = ""
    story: follow_story.Options = follow_story.Options()
    enhance: llm_enhance.Options | None = Field(None, description="Off where it is none.")

    @field_validator("profiles", mode="before")
    @classmethod
    def _names(cls, given: Any) -> Any:
        return ", ".join(map(str, given)) if isinstance(given, list | tuple) else given

    @field_validator("story", mode="before")
    @classmethod
    def _by_its_name(cls, given: Any) -> Any:
        return {"story": given} if isinstance(given, str) else given

    @field_validator("enhance", mode="before")
    @classmethod
    def _by_a_switch(cls, given: Any) -> Any:
        return ({} if given else None) if isinstance(given, bool) else given


def read_options(arguments: Sequence[Any]) -> ScriptOptions:
    """From the values of the elements, or from one object with names. Raises ConfigError."""
    if arguments and isinstance(arguments[0], Mapping):
        values: dict[str, Any] = {"enabled": True, **arguments[0]}
    else:
        given = zip(ELEMENTS, arguments, strict=False)
        values = {name: value for name, value in given if value is not None and value != ""}
        story = {"story": values.pop("story", ""), "action": values.pop("story_action", "continue")}
        values["story"] = story if story["story"] else {}
    try:
        return ScriptOptions.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"The script Orchestrator cannot use its arguments: {problems_of(error)}.") from None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for a job, an entry for each image. ``prompt`` and ``negative`` are what the job had before.

    ``hires`` are the drafts of the hires pass, where there is one; ``odds`` are what all were drawn by.
    """

    drafts: tuple[PromptDraft, ...]
    notes: tuple[ImageNotes, ...]
    hires: tuple[PromptDraft, ...] = ()
    prompt: Any = ""
    negative: Any = ""
    odds: Odds = NO_ODDS


class Writing(Protocol):
    """What becomes of the draws, in their order; ``writing.py`` has it. Raises OrchestratorError."""

    @property
    def profiles(self) -> ProfileSource | None: ...

    @property
    def odds(self) -> Odds: ...

    def written(self, draft: PromptDraft, place: int, count: int) -> PromptDraft: ...


@dataclass(frozen=True, slots=True)
class Plainly:
    """Nothing more: what is drawn is the prompt."""

    profiles: ProfileSource | None = None
    odds: Odds = NO_ODDS

    def written(self, draft: PromptDraft, place: int, count: int) -> PromptDraft:
        return draft


_PLAINLY = Plainly()


def draw_job(job: Any, options: ScriptOptions, wildcards: Wildcards, writing: Writing = _PLAINLY) -> Drawn:
    """Puts the drawn prompts into the job. Raises OrchestratorError, and has then changed nothing."""
    count = len(job.all_prompts)
    draws = [_draft(job, place, options, wildcards, writing) for place in range(count)]
    drafts = tuple(writing.written(draft, place, count) for place, draft in enumerate(draws))
    hires = _hires(job, options, wildcards, drafts, writing)
    notes = tuple(_notes(draft, seed) for draft, seed in zip(drafts, job.all_seeds, strict=False))
    drawn = Drawn(drafts, notes, hires, job.prompt, job.negative_prompt, writing.odds)
    job.all_prompts = [draft.positive.strip() for draft in drafts]
    job.all_negative_prompts = [draft.negative_prompt.strip() for draft in drafts]
    job.main_prompt, job.main_negative_prompt = job.all_prompts[0], job.all_negative_prompts[0]
    if hires:
        job.all_hr_prompts = [draft.positive.strip() for draft in hires]
        job.all_hr_negative_prompts = [draft.negative_prompt.strip() for draft in hires]
    job.extra_generation_params.update(_pairs(drawn))
    return drawn


def _draft(job: Any, place: int, options: ScriptOptions, wildcards: Wildcards, writing: Writing) -> PromptDraft:
    prompt, negative = job.all_prompts[place], job.all_negative_prompts[place]
    return _draw(prompt, negative, _seed(job, place, options), options, wildcards, writing.profiles, writing.odds)


def _seed(job: Any, place: int, options: ScriptOptions) -> int:
    seed = int(job.all_seeds[place]) if options.prompt_seed < 0 else options.prompt_seed + place
    return seed & MAX_SEED


def _draw(
    template: str,
    negative: str,
    seed: int,
    options: ScriptOptions,
    wildcards: Wildcards,
    profiles: ProfileSource | None = None,
    odds: Odds = NO_ODDS,
) -> PromptDraft:
    # half a character cannot be written into an image, nor into the host's params.txt
    template, negative = mended([template, negative])
    method = options.method if template.strip() else "random"  # nothing has no combinations
    wanted = generate_prompt.Options(
        template=template,
        negative_template=negative,
        dialect=options.dialect,
        method=method,
        seed=seed,
        missing=options.missing,
        profiles=options.profiles,
        genre=options.genre,
    )
    return odds.noted(generate_prompt.generate(wanted, wildcards, odds.weights, None, profiles, odds.number))


def _hires(
    job: Any,
    options: ScriptOptions,
    wildcards: Wildcards,
    drafts: Sequence[PromptDraft],
    writing: Writing,
) -> tuple[PromptDraft, ...]:
    """Those of the hires pass: the image's own, or the same choices for as much of the same template as it has.

    A prompt of its own is no further scene of a story, and no language model is asked for it.
    """
    prompts, negatives = getattr(job, "all_hr_prompts", None), getattr(job, "all_hr_negative_prompts", None)
    if not prompts or not negatives:
        return ()
    found = []
    for draft, prompt, negative in zip(drafts, prompts, negatives, strict=False):
        same = _is_template_of(draft, prompt, negative)
        own = (prompt, negative, draft.seed, options, wildcards, writing.profiles, writing.odds)
        found.append(draft if same else _draw(*own))
    return tuple(found)


def _is_template_of(draft: PromptDraft, prompt: str, negative: str) -> bool:
    return (prompt, negative) == (draft.source.template, draft.source.negative)


def _notes(draft: PromptDraft, image_seed: int) -> ImageNotes:
    notes = notes_for(new_run_id(), draft)
    if draft.source.template == draft.positive.strip() and draft.source.negative == draft.negative_prompt.strip():
        # nothing was drawn
        return replace(notes, template="", negative_template="", prompt_seed=None, method="random", missing="keep")
    return replace(notes, prompt_seed=draft.seed if draft.seed != image_seed else None)


def _pairs(drawn: Drawn) -> dict[str, Callable[..., str | None]]:
    """Pairs of the infotext, which differ from image to image."""
    found = [infotext_pairs(notes) for notes in drawn.notes]
    return {name: _of_image(name, found) for name in ("Template", "Negative Template", OURS)}


def _of_image(name: str, pairs: Sequence[Mapping[str, str]]) -> Callable[..., str | None]:
    """What the host calls to write a pair."""

    def value(p: Any, index: int, all_prompts: Sequence[str], use_main_prompt: bool = False, **_: Any) -> str | None:
        place = 0 if use_main_prompt else _place(p, index, all_prompts)
        return pairs[place].get(name) if place < len(pairs) else None

    return value


def _place(job: Any, index: int, prompts: Sequence[str]) -> int:
    """The host's ``index`` counts from the beginning of the lists that it gives: they are those of the batch under
    way, or of the whole job."""
    is_whole = len(prompts) >= len(job.all_prompts)
    return index if is_whole else index + int(job.iteration) * int(job.batch_size)


def correct_hires_pairs(job: Any, drawn: Drawn) -> None:
    """The host writes the hires prompts of the first batch under the images of all. To be called for each batch."""
    if not drawn.hires:
        return
    positives = [draft.positive.strip() for draft in drawn.hires]
    negatives = [draft.negative_prompt.strip() for draft in drawn.hires]
    job.extra_generation_params["Hires prompt"] = _if_other(positives, "prompt_text")
    job.extra_generation_params["Hires negative prompt"] = _if_other(negatives, "negative_prompt")


def _if_other(texts: Sequence[str], base: str) -> Callable[..., str | None]:
    def value(p: Any, index: int, all_prompts: Sequence[str], **more: Any) -> str | None:
        place = 0 if more.get("use_main_prompt") else _place(p, index, all_prompts)
        text = texts[place] if place < len(texts) else None
        return None if text == more.get(base) else text

    return value


def draw_nested(job: Any, options: ScriptOptions, wildcards: Wildcards, outer: Drawn, place: int) -> None:
    """For a job that a script makes of another: with that one's choices for its ``place``-th image.

    A prompt that was drawn for the outer job is final, its template stands for it, and another text is drawn by the
    same seed, without profiles: who looks at a part of the image says what is in it.
    """
    draft = outer.drafts[min(place, len(outer.drafts) - 1)]
    final = {found.positive.strip() for found in outer.drafts}
    plain = options.model_copy(update={"profiles": "", "genre": ""})
    for number, prompt in enumerate(job.all_prompts):
        if prompt not in final:
            negative = job.all_negative_prompts[number]
            same = _is_template_of(draft, prompt, negative)
            new = draft if same else _draw(prompt, negative, draft.seed, plain, wildcards, None, outer.odds)
            job.all_prompts[number] = new.positive.strip()
            job.all_negative_prompts[number] = new.negative_prompt.strip()
    job.main_prompt, job.main_negative_prompt = job.all_prompts[0], job.all_negative_prompts[0]


def comments(drawn: Drawn) -> list[str]:
    """What a person should know of the draws, each thing once."""
    notes = [str(note) for draft in drawn.drafts for note in draft.diagnostics]
    kept = [f"not enhanced: {said.detail}" for draft in drawn.drafts if (said := draft.enhanced) and not _is_new(said)]
    found = list(dict.fromkeys([*kept, *notes]))
    more = [f"… and {len(found) - _MOST_COMMENTS} more."] if len(found) > _MOST_COMMENTS else []
    return found[:_MOST_COMMENTS] + more


def _is_new(said: Enhancement) -> bool:
    return said.status in ("enhanced", "cached")
