"""``gallery/images``, ``count``, ``facets``: what is found, and one image with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator_core.api.gallery_models import CardPage, Counted, Whole, card_of, whole_of
from orchestrator_core.api.gallery_place import image_named, opened
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import FormatError


def listed(call: Call) -> CardPage:
    """The revision is read first: what changes meanwhile is told again rather than missed."""
    asked = call.query
    if asked.offset and asked.after:
        raise Refusal(422, "invalid", "offset: with after it says nothing; give one of them.", "offset")
    with opened(call) as gallery, refusing_queries():
        revision = gallery.revision()
        page = gallery.page(asked.q, asked.limit, asked.after, asked.offset)
    return CardPage(images=[card_of(image) for image in page.images], next=page.after or None, revision=revision)


def count(call: Call) -> Counted:
    with opened(call) as gallery, refusing_queries():
        revision = gallery.revision()
        return Counted(total=gallery.count(call.query.q), revision=revision)


def one(call: Call) -> Whole:
    with opened(call) as gallery:
        image = image_named(gallery, call.names["image"])
        return whole_of(image, gallery.terms(image.id))


@contextmanager
def refusing_queries() -> Iterator[None]:
    """What a query box shows beside itself."""
    try:
        yield
    except FormatError as error:
        raise Refusal(422, "query", str(error), "q") from None
