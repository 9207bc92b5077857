"""The run of an image that somebody marks: as it was recorded, or as the image itself tells."""

from __future__ import annotations

from pathlib import Path

from orchestrator_core.base_models import base_model_in
from orchestrator_core.errors import ConfigError, NoDatabase
from orchestrator_core.formats.image_metadata import read_image
from orchestrator_core.prompt import PromptDraft
from orchestrator_core.request import GeneratedImage, GenerationRequest, ImageNotes
from orchestrator_core.run import Run
from orchestrator_core.stages.generate_prompt import kept, options_of
from orchestrator_core.weights.retrying import with_retried

from .drawing_odds import snapshot_for
from .services import Services


def run_of(path: Path, services: Services) -> tuple[Run, str]:
    """The run, stored now if it was not, and the family of the model. Raises OrchestratorError."""
    from .learn_store import open_store

    recorded = _recorded(path)
    if recorded is not None:
        return recorded
    found = read_image(path)
    if found.notes is None or found.request is None or not found.notes.run_id:
        raise ConfigError(
            f"{path.name} does not say what it was drawn from, so a mark of it could teach nothing. Save images with "
            "Save Image With Origin."
        )
    family = base_model_in(found.request.checkpoint).family
    draft = _draft(found.notes, found.request, services, family)
    run = Run(found.notes.run_id, draft, (GeneratedImage(path, found.request, found.notes.run_id),))
    with open_store() as store:
        store.save_run(run)
    return run, family


def _recorded(path: Path) -> tuple[Run, str] | None:
    from orchestrator_core.store import file_sha256

    from .learn_store import open_store

    try:
        with open_store(create=False) as store:
            sha256 = file_sha256(path)
            image = store.image_by_sha256(sha256) if sha256 else None
            if image is None:
                return None
            return store.load_run(image.run_id), base_model_in(image.image.request.checkpoint).family
    except NoDatabase:
        return None


def _draft(notes: ImageNotes, request: GenerationRequest, services: Services, family: str) -> PromptDraft:
    """As it was drawn: the same template, seed and odds give the same choices."""
    source = notes.source
    options = options_of(source, request.seed if notes.prompt_seed is None else notes.prompt_seed)
    found = snapshot_for(services.odds, options, source.odds, family)
    texts, drawn_from = (request.positive, request.negative), (services.wildcards, services.profiles)
    draft = kept(options, *texts, *drawn_from, found.weights, found.number)
    return with_retried(draft, notes.retried) if notes.retried else draft
