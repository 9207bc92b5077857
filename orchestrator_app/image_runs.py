"""The run that an image file is of: from the store, or drawn again by what the image says of itself."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import FormatError, NoDatabase
from orchestrator_core.request import GeneratedImage
from orchestrator_core.run import Run

if TYPE_CHECKING:
    from orchestrator_core.profiles.source import ProfileSource
    from orchestrator_core.template import Wildcards


def run_of(path: Path, wildcards: Wildcards, profiles: ProfileSource | None = None) -> Run:
    """With this image alone. Raises FormatError where the file is no image, or says nothing of a prompt; StoreError."""
    from orchestrator_app.learning import open_ledger
    from orchestrator_core.context import StageContext
    from orchestrator_core.formats.image_metadata import read_image
    from orchestrator_core.gallery.image_runs import Drawing, drawn_again

    metadata = read_image(path)
    if metadata.request is None:
        raise FormatError(f"{path}: this image says nothing of a prompt.")
    stored = _stored(path)
    if stored is not None:
        return stored.replacing(images=(GeneratedImage(path, metadata.request, stored.id),), scores=())
    run_id = metadata.notes.run_id if metadata.notes and metadata.notes.run_id else _digest(path)[:32]
    context = StageContext(wildcards, profiles=profiles)
    draft = drawn_again(metadata, Drawing(lambda: context, open_ledger()))
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
