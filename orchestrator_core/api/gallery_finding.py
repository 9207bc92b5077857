"""``gallery/images``, ``count``, ``facets``, ``searches``: what is found, and all that is known of one image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator_core.api.gallery_models import (
    CardPage,
    Counted,
    FacetsShown,
    NameCounted,
    NamesShown,
    SearchList,
    SearchShown,
    Whole,
    card_of,
    whole_of,
)
from orchestrator_core.api.gallery_place import image_named, opened
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.routing import Call
from orchestrator_core.errors import FormatError, GalleryError
from orchestrator_core.gallery.query import parse_query


def listed(call: Call) -> CardPage:
    """The revision is read first: what changes meanwhile is told again rather than missed."""
    asked = call.query
    if asked.offset and asked.after:
        raise Refusal(422, "cursor", "after and offset are two ways to go on; give one of them.", "after")
    with refusing_queries():
        parse_query(asked.q)
    with opened(call) as gallery, refusing_queries("after", "cursor"):
        revision = gallery.revision()
        page = gallery.page(asked.q, asked.limit, asked.after, asked.offset)
    return CardPage(images=[card_of(image) for image in page.images], next=page.after or None, revision=revision)


def count(call: Call) -> Counted:
    with opened(call) as gallery, refusing_queries():
        revision = gallery.revision()
        return Counted(total=gallery.count(call.query.q), revision=revision)


def facets(call: Call) -> FacetsShown:
    with opened(call) as gallery, refusing_queries():
        found = gallery.facets(call.query.q, call.query.most)
    names = {
        kind: [NameCounted(name=name, count=number) for name, number in counted]
        for kind, counted in found.names.items()
    }
    return FacetsShown(total=found.total, names=names, marks=dict(found.marks))


def names(call: Call) -> NamesShown:
    asked = call.query
    with opened(call) as gallery:
        found = gallery.names(asked.kind, asked.part, asked.most)
    return NamesShown(names=[NameCounted(name=name, count=number) for name, number in found])


def one(call: Call) -> Whole:
    with opened(call) as gallery:
        image = image_named(gallery, call.names["image"])
        return whole_of(image, gallery.terms(image.id))


def searches(call: Call) -> SearchList:
    with opened(call) as gallery:
        return SearchList(searches=[SearchShown(name=one.name, query=one.query) for one in gallery.searches()])


def save_search(call: Call) -> SearchList:
    """In place of one with that name, whatever its case."""
    with refusing_queries("query"):
        parse_query(call.body.query)
    with opened(call) as gallery, refusing_queries("name", "name"):
        gallery.save_search(call.names["search"], call.body.query)
    return searches(call)


def delete_search(call: Call) -> SearchList:
    with opened(call) as gallery:
        try:
            gallery.delete_search(call.names["search"])
        except GalleryError as error:
            raise Refusal(404, "no_such_search", str(error)) from None
    return searches(call)


@contextmanager
def refusing_queries(where: str = "q", code: str = "query") -> Iterator[None]:
    """What a query box shows beside itself."""
    try:
        yield
    except FormatError as error:
        raise Refusal(422, code, str(error), where) from None
