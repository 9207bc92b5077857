"""The run that an image file is of: from the store, or drawn again by what the image says of itself."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import FormatError, NoDatabase
from orchestrator_core.prompt import Component, PromptDraft
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.formats.image_metadata import ImageMetadata
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.template import Wildcards


def run_of(path: Path, wildcards: Wildcards, profiles: ProfileSource | None = None) -> Run:
    """With this image alone. Raises FormatError where the file is no image, or says nothing of a prompt; StoreError."""
    from orchestrator_core.formats.image_metadata import read_image

    metadata = read_image(path)
    if metadata.request is None:
        raise FormatError(f"{path}: this image says nothing of a prompt.")
    stored = _stored(path)
    if stored is not None:
        return stored.replacing(images=(GeneratedImage(path, metadata.request, stored.id),), scores=())
    run_id = metadata.notes.run_id if metadata.notes and metadata.notes.run_id else _digest(path)[:32]
    draft = _drawn_again(metadata, wildcards, profiles)
    return Run(run_id, draft, (GeneratedImage(path, metadata.request, run_id),))


def _stored(path: Path) -> Run | None:
    from orchestrator_core.store import Store

    with suppress(NoDatabase), Store.open(create=False) as store:
        image = store.image_by_sha256(_digest(path))
        return None if image is None else store.load_run(image.run_id)
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _drawn_again(metadata: ImageMetadata, wildcards: Wildcards, profiles: ProfileSource | None) -> PromptDraft:
    """With the origins that a draw by its notes explains; all the rest is free text."""
    from pydantic import ValidationError

    from orchestrator_core.stages.generate_prompt import kept, options_of
    from orchestrator_core.weights.retrying import with_retried

    request, notes = metadata.request, metadata.notes
    assert request is not None
    plain = PromptDraft((Component(request.positive),), (Component(request.negative),), request.loras, request.seed)
    if notes is None or not notes.template:
        return plain
    source = notes.source
    try:
        options = options_of(source, request.seed if notes.prompt_seed is None else notes.prompt_seed)
    except ValidationError:  # of a program that knows other dialects
        return plain
    weights, number = _odds(source.profiles, source.genre, request.checkpoint, source.odds)
    draft = kept(options, request.positive, request.negative, wildcards, profiles, weights, number)
    draft = draft.replacing(loras=request.loras, diagnostics=())
    return with_retried(draft, notes.retried) if notes.retried else draft


def _odds(profiles: str, genre: str, checkpoint: str, number: int) -> tuple[dict[str, float], int]:
    if not number:
        return {}, 0
    from orchestrator_app.learning import open_ledger
    from orchestrator_core.base_models import base_model_in
    from orchestrator_core.weights.overlay import overlay

    found = overlay(open_ledger(), profiles, genre, base_model_in(checkpoint).family, number=number)
    return dict(found.weights), found.number
