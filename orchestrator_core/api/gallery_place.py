"""The gallery of a place, for the handlers of ``/gallery``: opened for a call, with the folders looked at meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call

if TYPE_CHECKING:
    from orchestrator_core.gallery.image_runs import Drawing
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_NUMBER = 15  # digits


@contextmanager
def opened(call: Call) -> Iterator[Gallery]:
    """The gallery, for as long as the call needs it. The first one has the folders looked at from then on."""
    from orchestrator_core.gallery.service import Gallery

    if call.place.keeper is not None:
        call.place.keeper.ensure()
    with call.place.open_store() as store:
        yield Gallery(store)


def drawing_of(call: Call) -> Drawing:
    """What a prompt is drawn again with here."""
    from orchestrator_core.gallery.image_runs import Drawing

    return Drawing(call.place.context, call.place.ledger)


def image_named(gallery: Gallery, name: str) -> GalleryImage:
    """By number, or by the SHA-256 of the content. Raises Refusal: 404."""
    wanted = name_of(name)
    found = gallery.images([wanted]) if wanted is not None else []
    if not found:
        raise no_such_image(name)
    return found[0]


def no_such_image(name: str) -> Refusal:
    return Refusal(404, "no_such_image", f"There is no image {name[:100]!r} in the gallery.")


def name_of(text: str) -> int | str | None:
    """What ``Gallery.image`` takes; None for what no image is called."""
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    return text.lower() if _SHA256.fullmatch(text) else None
