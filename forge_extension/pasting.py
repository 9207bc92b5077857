"""What pasting an image's infotext puts into the host's page: the template again, where it still gives the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from forge_extension.drawing import ELEMENTS
from forge_extension.notes import OURS
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.infotext_pairs import split_infotext
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import ImageNotes
from orchestrator_core.stages import generate_prompt

if TYPE_CHECKING:
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.template import Wildcards

# The parameters that the script's elements are filled from, in their order.
FIELDS = tuple(f"{OURS} {name.replace('_', ' ')}" for name in ELEMENTS)
_NOTHING_MORE = ("", "continue", False)  # no story, and no enhancing: what it gave stands in the prompt


def restore(
    infotext: str,
    parameters: dict[str, Any],
    wildcards: Callable[[], Wildcards],
    profiles: ProfileSource | None = None,
) -> None:
    """Changes the parameters that the host has read.

    The template takes the prompt's place only if it gives the very prompt today, by the seed that was noted; else the
    prompt stays, and the script is switched off, so that what is pasted gives the image in either case.
    """
    info = parse_infotext(infotext)
    if not info.notes.run_id and not info.notes.template:
        return
    parameters[FIELDS[0]] = False
    options = _options(info.notes, info.request.seed)
    if options is None or not _gives(options, infotext, wildcards, profiles):
        return
    parameters["Prompt"], parameters["Negative prompt"] = options.template, options.negative_template
    if "Styles array" in parameters:  # the template has their words
        parameters["Styles array"] = []
    prompt_seed = -1 if info.notes.prompt_seed in (None, info.request.seed) else info.notes.prompt_seed
    drawn = (True, options.dialect, options.method, options.missing, prompt_seed, options.profiles, options.genre)
    parameters |= dict(zip(FIELDS, (*drawn, *_NOTHING_MORE), strict=True))


def _options(notes: ImageNotes, image_seed: int) -> generate_prompt.Options | None:
    """How the prompt was drawn, as far as the script has elements for it; None where it was not."""
    if not notes.template and not notes.negative_template:
        return None
    seed = image_seed if notes.prompt_seed is None else notes.prompt_seed
    try:
        return generate_prompt.Options(
            template=notes.template,
            negative_template=notes.negative_template,
            dialect=cast(Any, notes.dialect),
            method=cast(Any, notes.method),
            missing=cast(Any, notes.missing),
            profiles=notes.profiles,
            genre=notes.genre,
            seed=seed & MAX_SEED,
        )
    except ValidationError:
        return None


def _gives(
    options: generate_prompt.Options,
    infotext: str,
    wildcards: Callable[[], Wildcards],
    profiles: ProfileSource | None,
) -> bool:
    positive, negative, _ = split_infotext(infotext)
    try:
        draft = generate_prompt.generate(options, wildcards(), profiles=profiles)
    except OrchestratorError:
        return False
    return _same(draft.positive, positive) and _same(draft.negative_prompt, negative)


def _same(text: str, other: str) -> bool:
    return text.split() == other.split()  # the host joins the lines of a prompt anew
