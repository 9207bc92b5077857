"""Draws the prompts of one of the host's own jobs. Pure but for the attributes of the job that it is given.

A job is the host's processing object: ``all_prompts``, ``all_negative_prompts`` and ``all_seeds`` have an entry for
each image, and so have ``all_hr_prompts`` and ``all_hr_negative_prompts`` where there is a hires pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from forge_extension.notes import OURS, infotext_pairs
from orchestrator_core.errors import ConfigError
from orchestrator_core.formats.json_text import mended
from orchestrator_core.prompt import MAX_SEED, PromptDraft
from orchestrator_core.request import ImageNotes, notes_for
from orchestrator_core.run import new_run_id
from orchestrator_core.spec import problems_of
from orchestrator_core.stages import generate_prompt
from orchestrator_core.template import Wildcards

_MOST_COMMENTS = 5


class ScriptOptions(BaseModel):
    """The script's elements, in their order; an API call may name them instead, in one object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(False, description="Resolve wildcards and variants in the prompts.")
    dialect: generate_prompt.Dialect = "dynamicprompts"
    method: generate_prompt.Method = "random"
    missing: generate_prompt.Missing = "keep"
    prompt_seed: int = Field(-1, ge=-1, le=MAX_SEED, description="The seed of the first prompt. -1: each image's own.")


def read_options(arguments: Sequence[Any]) -> ScriptOptions:
    """From the values of the elements, or from one object with names. Raises ConfigError."""
    if arguments and isinstance(arguments[0], Mapping):
        values: dict[str, Any] = {"enabled": True, **arguments[0]}
    else:
        given = zip(ScriptOptions.model_fields, arguments, strict=False)
        values = {name: value for name, value in given if value is not None and value != ""}
    try:
        return ScriptOptions.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"The script Orchestrator cannot use its arguments: {problems_of(error)}.") from None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for a job, an entry for each image. ``prompt`` and ``negative`` are what the job had before.

    ``hires`` are the drafts of the hires pass, where there is one.
    """

    drafts: tuple[PromptDraft, ...]
    notes: tuple[ImageNotes, ...]
    hires: tuple[PromptDraft, ...] = ()
    prompt: Any = ""
    negative: Any = ""


def draw_job(job: Any, options: ScriptOptions, wildcards: Wildcards) -> Drawn:
    """Puts the drawn prompts into the job. Raises TemplateError, and has then changed nothing."""
    drafts = tuple(_draft(job, place, options, wildcards) for place in range(len(job.all_prompts)))
    hires = _hires(job, options, wildcards, drafts)
    notes = tuple(_notes(draft, seed) for draft, seed in zip(drafts, job.all_seeds, strict=False))
    drawn = Drawn(drafts, notes, hires, job.prompt, job.negative_prompt)
    job.all_prompts = [draft.positive.strip() for draft in drafts]
    job.all_negative_prompts = [draft.negative_prompt.strip() for draft in drafts]
    job.main_prompt, job.main_negative_prompt = job.all_prompts[0], job.all_negative_prompts[0]
    if hires:
        job.all_hr_prompts = [draft.positive.strip() for draft in hires]
        job.all_hr_negative_prompts = [draft.negative_prompt.strip() for draft in hires]
    job.extra_generation_params.update(_pairs(drawn))
    return drawn


def _draft(job: Any, place: int, options: ScriptOptions, wildcards: Wildcards) -> PromptDraft:
    return _draw(
        job.all_prompts[place], job.all_negative_prompts[place], _seed(job, place, options), options, wildcards
    )


def _seed(job: Any, place: int, options: ScriptOptions) -> int:
    seed = int(job.all_seeds[place]) if options.prompt_seed < 0 else options.prompt_seed + place
    return seed & MAX_SEED


def _draw(template: str, negative: str, seed: int, options: ScriptOptions, wildcards: Wildcards) -> PromptDraft:
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
    )
    return generate_prompt.generate(wanted, wildcards)


def _hires(
    job: Any, options: ScriptOptions, wildcards: Wildcards, drafts: Sequence[PromptDraft]
) -> tuple[PromptDraft, ...]:
    """Those of the hires pass: the same choices, for as much of the same template as it has."""
    prompts, negatives = getattr(job, "all_hr_prompts", None), getattr(job, "all_hr_negative_prompts", None)
    if not prompts or not negatives:
        return ()
    found = []
    for draft, prompt, negative in zip(drafts, prompts, negatives, strict=False):
        same = (prompt, negative) == (draft.source.template, draft.source.negative)
        found.append(draft if same else _draw(prompt, negative, draft.seed, options, wildcards))
    return tuple(found)


def _notes(draft: PromptDraft, image_seed: int) -> ImageNotes:
    notes = notes_for(new_run_id(), draft)
    if draft.source.template == draft.positive.strip() and draft.source.negative == draft.negative_prompt.strip():
        return ImageNotes(notes.run_id, dialect=notes.dialect)  # nothing was drawn
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

    A prompt that was drawn for the outer job is final; the template, or another text, is drawn by the same seed.
    """
    draft = outer.drafts[min(place, len(outer.drafts) - 1)]
    final = {found.positive.strip() for found in outer.drafts}
    for number, prompt in enumerate(job.all_prompts):
        if prompt not in final:
            new = _draw(prompt, job.all_negative_prompts[number], draft.seed, options, wildcards)
            job.all_prompts[number] = new.positive.strip()
            job.all_negative_prompts[number] = new.negative_prompt.strip()
    job.main_prompt, job.main_negative_prompt = job.all_prompts[0], job.all_negative_prompts[0]


def comments(drawn: Drawn) -> list[str]:
    """What a person should know of the draws, each thing once."""
    found = list(dict.fromkeys(str(note) for draft in drawn.drafts for note in draft.diagnostics))
    more = [f"… and {len(found) - _MOST_COMMENTS} more."] if len(found) > _MOST_COMMENTS else []
    return found[:_MOST_COMMENTS] + more
