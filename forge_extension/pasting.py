"""What pasting an image's infotext puts into the host's page: the template again, where it still gives the image."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from forge_extension.notes import OURS
from orchestrator_core.errors import OrchestratorError
from orchestrator_core.formats.infotext import parse_infotext
from orchestrator_core.formats.infotext_pairs import read_pairs, split_infotext
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.request import ImageNotes
from orchestrator_core.stages import generate_prompt

if TYPE_CHECKING:
    from orchestrator_core.template import Wildcards

# The parameters that the script's elements are filled from, in their order.
FIELDS = tuple(f"{OURS} {name}" for name in ("enabled", "dialect", "method", "missing", "prompt seed"))


def restore(infotext: str, parameters: dict[str, Any], wildcards: Callable[[], Wildcards]) -> None:
    """Changes the parameters that the host has read.

    The template takes the prompt's place only if it gives the very prompt today, by the seed that was noted; else the
    prompt stays, and the script is switched off, so that what is pasted gives the image in either case.
    """
    info = parse_infotext(infotext)
    if not info.notes.run_id and not info.notes.template:
        return
    parameters[FIELDS[0]] = False
    options = _options(info.notes, info.request.seed, infotext)
    if options is None or not _gives(options, infotext, wildcards):
        return
    parameters["Prompt"], parameters["Negative prompt"] = options.template, options.negative_template
    if "Styles array" in parameters:  # the template has their words
        parameters["Styles array"] = []
    prompt_seed = -1 if info.notes.prompt_seed in (None, info.request.seed) else info.notes.prompt_seed
    parameters |= dict(zip(FIELDS, (True, options.dialect, options.method, "keep", prompt_seed), strict=True))


class _Ours(BaseModel):
    method: generate_prompt.Method = "random"


def _options(notes: ImageNotes, image_seed: int, infotext: str) -> generate_prompt.Options | None:
    """How the prompt was drawn; None where it was not."""
    if not notes.template and not notes.negative_template:
        return None
    _, _, line = split_infotext(infotext)
    text = dict(read_pairs(line)).get(OURS, "{}")
    try:
        method = _Ours.model_validate(json.loads(text)).method
        seed = image_seed if notes.prompt_seed is None else notes.prompt_seed
        return generate_prompt.Options(
            template=notes.template,
            negative_template=notes.negative_template,
            dialect=cast(Any, notes.dialect),
            method=method,
            seed=seed & MAX_SEED,
        )
    except (ValueError, ValidationError, RecursionError):
        return None


def _gives(options: generate_prompt.Options, infotext: str, wildcards: Callable[[], Wildcards]) -> bool:
    positive, negative, _ = split_infotext(infotext)
    try:
        draft = generate_prompt.generate(options, wildcards())
    except OrchestratorError:
        return False
    return _same(draft.positive, positive) and _same(draft.negative_prompt, negative)


def _same(text: str, other: str) -> bool:
    return text.split() == other.split()  # the host joins the lines of a prompt anew
