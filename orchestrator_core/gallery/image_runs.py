"""The run that an image is of: as the store has it, or drawn again by what the image's file says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator_core.base_models import base_model_in
from orchestrator_core.errors import FormatError, GalleryError, StoreError
from orchestrator_core.gallery.reading import read_facts
from orchestrator_core.prompt import Component, LoraUse, PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run
from orchestrator_core.stages.generate_prompt import kept, options_of
from orchestrator_core.weights.overlay import Overlay, overlay
from orchestrator_core.weights.retrying import with_retried

if TYPE_CHECKING:
    from orchestrator_core.context import StageContext
    from orchestrator_core.formats.image_metadata import ImageMetadata
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.prompt import PromptSource
    from orchestrator_core.weights.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a prompt is drawn again with; asked when it is needed, as a look at all wildcards takes a while."""

    context: Callable[[], StageContext]
    ledger: Ledger | None = None

    def odds(self, source: PromptSource, checkpoint: str) -> Overlay:
        """Those that it was drawn by."""
        if not source.odds or self.ledger is None:
            return Overlay()
        family = base_model_in(checkpoint).family
        return overlay(self.ledger, source.profiles, source.genre, family, number=source.odds)


@dataclass(frozen=True, slots=True)
class ImageRun:
    """A run with one image, ``shown``, and its scores. ``is_stored``: the store has it, and not the file alone."""

    run: Run
    is_stored: bool

    @property
    def shown(self) -> GeneratedImage:
        return self.run.images[0]


def stored_run(gallery: Gallery, image: GalleryImage) -> Run | None:
    """The run in the store, with this image and its scores alone; None where there is none."""
    if not image.run_id:
        return None
    try:
        run = gallery.store.load_run(image.run_id)
    except StoreError:  # it was deleted; the image stays
        return None
    mine = tuple(one for one in run.images if one.path.name == image.run_image)[-1:]
    scores = tuple(score for score in run.scores if score.image == image.run_image)
    return run.replacing(images=mine, scores=scores) if mine else None


def run_of_image(gallery: Gallery, image: GalleryImage, drawing: Drawing) -> ImageRun:
    """Raises GalleryError where neither the store nor the image says of a prompt."""
    run = stored_run(gallery, image)
    if run is not None:
        return ImageRun(run, is_stored=True)
    try:
        path = gallery.file_of(image.id)
    except GalleryError:
        return ImageRun(_of_row(image), is_stored=False)
    try:
        found = run_of_file(path, drawing)
    except FormatError as error:
        raise GalleryError(f"{image.name[:200]} says nothing that it could be made again from: {error}") from None
    return ImageRun(found, is_stored=False)


def run_of_file(path: Path, drawing: Drawing) -> Run:
    """With this image alone, by what the file says. Raises FormatError where that is nothing of a prompt."""
    try:
        facts = read_facts(path)
    except FileNotFoundError:
        raise FormatError("its file is gone.") from None
    metadata = facts.metadata
    if metadata is None or metadata.request is None:
        raise FormatError(facts.broken or "it has no prompt in it.")
    notes = metadata.notes
    run_id = notes.run_id if notes and notes.run_id else facts.sha256[:32]
    draft = drawn_again(metadata, drawing)
    return Run(run_id, draft, (GeneratedImage(path, metadata.request, run_id),))


def drawn_again(metadata: ImageMetadata, drawing: Drawing) -> PromptDraft:
    """With the origins that a draw by its notes explains; all the rest is free text."""
    request, notes = metadata.request, metadata.notes
    assert request is not None
    if notes is None or not notes.template:
        return _plain(request)
    try:
        options = options_of(notes.source, request.seed if notes.prompt_seed is None else notes.prompt_seed)
    except ValidationError:  # of a program that knows other dialects
        return _plain(request)
    context, odds = drawing.context(), drawing.odds(notes.source, request.checkpoint)
    draft = kept(
        *(options, request.positive, request.negative, context.wildcards, context.profiles),
        odds.weights,
        odds.number,
    )
    draft = draft.replacing(loras=request.loras, diagnostics=())
    return with_retried(draft, notes.retried) if notes.retried else draft


def _plain(request: GenerationRequest) -> PromptDraft:
    words, opposite = Component(request.positive), Component(request.negative)
    return PromptDraft((words,), (opposite,), request.loras, request.seed)


def _of_row(image: GalleryImage) -> Run:
    """As far as the gallery remembers it: the file itself is gone."""
    if not image.prompt:
        raise GalleryError(f"{image.name[:200]} is not there any more, and nothing is known of its prompt.")
    known = {name: value for name, value in image.settings.items() if name in _KEPT and value is not None}
    loras = tuple(LoraUse(str(name), float(strength or 1.0)) for name, strength in image.settings.get("loras", ()))
    request = GenerationRequest(image.prompt, image.negative, loras, image.model, seed=_seed(image.seed), **known)
    request = request.replacing(width=image.width or 512, height=image.height or 512)
    run_id = image.run_id or image.key[:32]
    return Run(run_id, _plain(request), (GeneratedImage(Path(image.path or image.name), request, run_id),))


_KEPT = ("sampler", "scheduler", "steps", "cfg", "denoise", "clip_skip", "vae")


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
