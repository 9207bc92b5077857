"""What a CLIP Scorer does with its inputs and outputs; apart from the node, since ComfyUI's start should not wait for
what this imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import Cancelled, ConfigError, OrchestratorError
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.stages.score_images import value_of
from orchestrator_core.vision.extra_settings import ExtraSettings
from orchestrator_core.vision.extras import opened, reference_style
from orchestrator_core.vision.looking import NO_EXTRAS, Extras, look
from orchestrator_core.vision.observing import Observer
from orchestrator_core.vision.pictures import pixels_of

from . import host_language, host_vision
from .checkpoint_family import loader_file
from .drafts import draft_of
from .host import io
from .score_batches import digest_of, taken
from .score_models import ChosenScorer
from .score_part import ScoreServices
from .score_telling import json_of, report_of, ui_of
from .score_types import Scored, ScoredImage

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Scorer

NOT_MEASURED = -1.0  # of a list of numbers, which holds no None


def scored(services: ScoreServices, values: Mapping[str, Any], hidden: Any) -> io.NodeOutput:
    """Raises ConfigError, ScorerError; ends as ComfyUI ends where somebody interrupts it."""
    found = _scored(services, values, hidden)
    images, order = values["images"], found.order
    parted = [[n for n in order if found.passes(n) is passes] for passes in (True, False)]
    batches = [taken(images, numbers) for numbers in (order[:1], order, *parted)]
    outputs = [host_vision.blocked() if batch is None else batch for batch in batches]
    numbers = [NOT_MEASURED if value is None else value for value in found.values]
    return io.NodeOutput(found, *outputs, numbers, report_of(found), json_of(found), found.draft, ui=ui_of(found))


def _scored(services: ScoreServices, values: Mapping[str, Any], hidden: Any) -> Scored:
    draft = draft_of(values.get("draft"), values.get("text"))
    scorer = _scorer(values, hidden)
    pixels = pixels_of(values["images"])
    extras = extras_of(services, values, draft, scorer)
    try:
        looks = look(pixels, draft, scorer, services.wildcards, extras, services.is_interrupted)
    except Cancelled:
        host_language.end_if_interrupted()
        raise
    images = tuple(
        ScoredImage(digest_of(each), of.fulfilments, value_of(of.fulfilments), of.whole, of.observation)
        for each, of in zip(pixels, looks.images, strict=True)
    )
    until, learns = float(values.get("until", 0.5)), bool(values.get("learn", True))
    return Scored(draft, scorer.identity, until, images, looks.problems, learns)


def extras_of(services: ScoreServices, values: Mapping[str, Any], draft: PromptDraft, scorer: Scorer) -> Extras:
    """What the node's widgets and sockets ask beside fulfilment. Never raises: what cannot be had is told."""
    names = ("style", "styles", "references", "aesthetic", "whole")
    given = {name: values[name] for name in names if values.get(name) not in (None, "", False)}
    pictures, compare = values.get("reference_images"), values.get("compare")
    if not given and pictures is None and compare is None:
        return NO_EXTRAS
    problems: list[str] = []
    if "aesthetic" in given:
        given["aesthetic"] = opened(lambda: services.scorers.file(given["aesthetic"]), problems) or ""
    found = services.scorers.extras().extras(ExtraSettings.model_validate(given), draft, scorer, services.pictures)
    if pictures is not None:
        style = opened(lambda: reference_style("reference images", pictures, scorer), problems)
        found = replace(found, references=style or found.references)
    if compare is not None:
        found = replace(found, observer=opened(lambda: _observer(compare), problems))
    return replace(found, problems=(*found.problems, *problems))


def _observer(compare: Scorer) -> Observer:
    if not isinstance(compare, ChosenScorer):
        raise ConfigError("What is connected to compare is no Scorer Model of this pack.")
    return compare.observer()


def _scorer(values: Mapping[str, Any], hidden: Any) -> Scorer:
    scorer: Scorer | None = values.get("scorer")
    if scorer is None:
        raise ConfigError("CLIP Scorer has nothing to look at images with: connect a Scorer Model.")
    clip_vision = values.get("clip_vision")
    if clip_vision is None:
        return scorer.opened() if isinstance(scorer, ChosenScorer) else scorer
    if not isinstance(scorer, ChosenScorer):
        raise ConfigError("This scorer looks at images itself: disconnect clip_vision.")
    return scorer.seeing_with(
        clip_vision, loader_file(hidden.prompt, str(hidden.unique_id), "clip_vision", ("clip_name",))
    )


def model_fingerprint(services: ScoreServices, values: Mapping[str, Any]) -> str:
    try:
        return services.scorers.fingerprint(values)
    except (OrchestratorError, OSError, ValueError):
        return ""  # the run says what is wrong


def model_of(services: ScoreServices, values: Mapping[str, Any]) -> Scorer:
    """Raises ConfigError."""
    return services.scorers.get(values)
