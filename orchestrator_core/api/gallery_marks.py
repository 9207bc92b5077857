"""``gallery/…/marks`` and ``undo``: what people say of images. Learning hears it, as from every other place.

Who says by ``If-Match`` (or ``seen``) which revision he had seen is refused, with both values, where the same field was
set to something else since; then nothing is changed. Different fields never stand in each other's way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, model_validator

from orchestrator_core.api.gallery_models import LARGEST, Card, ImageIds, card_of
from orchestrator_core.api.gallery_place import drawing_of, image_named, name_of, no_such_image, opened
from orchestrator_core.api.models import Asked, ErrorShown, ErrorTold, Shown
from orchestrator_core.api.refusing import Refusal, model_answer
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import Answer
from orchestrator_core.errors import GalleryError, StaleMarks
from orchestrator_core.weights.marking import MOST_STARS

if TYPE_CHECKING:
    from orchestrator_core.gallery.marking import Marking
    from orchestrator_core.gallery.model import Marked
    from orchestrator_core.gallery.service import Gallery

_SEEN = re.compile(r'(?:W/)?"(\d{1,15})"|(\d{1,15})')
_BOTH: dict[str, Any] = {
    "properties": {"favourite": {"const": True}, "reject": {"const": True}},
    "required": ["favourite", "reject"],
}


class FieldsAsked(Asked):
    """Any of them; what is not named stays as it is, but for the favourite, which is not rejected, and the reverse."""

    model_config = ConfigDict(json_schema_extra={"not": _BOTH, "minProperties": 1})

    favourite: bool = False
    reject: bool = False
    rating: int = Field(0, ge=0, le=MOST_STARS, description="0: none.")

    @model_validator(mode="after")
    def _can_be(self) -> FieldsAsked:
        if self.favourite and self.reject:
            raise ValueError("an image cannot be a favourite and rejected at once")
        if not self.model_fields_set:
            raise ValueError("say which mark: favourite, reject or rating")
        return self

    def given(self) -> dict[str, Any]:
        return self.model_dump(include=self.model_fields_set)


class BulkAsked(Asked):
    """The same for several images: all of them or, where one is stale or not there, none."""

    images: ImageIds
    fields: FieldsAsked
    seen: int | None = Field(None, ge=0, le=LARGEST, description="The revision that you have seen; null: no check.")


class UndoAsked(Asked):
    step: int | None = Field(None, ge=1, le=LARGEST, description="As marking told it; null: the last one of anybody.")


class MarkedShown(Shown):
    """``step``: what undo takes; 0 where all was so already. ``taught``: values that learned from it."""

    images: list[Card]
    step: int
    taught: int
    revision: int = Field(description="Of the gallery, after this. Changes of others may lie before it.")


class BothValues(Shown):
    now: int | bool
    yours: int | bool


class StaleShown(ErrorShown):
    """Somebody else set the same field to something else meanwhile, and nothing was changed."""

    stale: dict[str, dict[str, BothValues]] = Field(description="By an image's number, then by field.")
    revision: int = Field(description="Of now: what to send with If-Match, to have it nevertheless.")


def mark(call: Call) -> MarkedShown | Answer:
    seen = _seen(call.head.headers.get("if-match", ""))
    with opened(call) as gallery:
        name = name_of(call.names["image"])
        image_id = name if isinstance(name, int) else image_named(gallery, call.names["image"]).id
        try:
            return _marked(
                call, gallery, lambda marking: marking.mark(image_id, call.body.given(), _known(gallery, seen))
            )
        except GalleryError:
            raise no_such_image(call.names["image"]) from None


def mark_all(call: Call) -> MarkedShown | Answer:
    asked = call.body
    with opened(call) as gallery:
        seen = _known(gallery, asked.seen)
        try:
            return _marked(call, gallery, lambda marking: marking.mark_all(asked.images, asked.fields.given(), seen))
        except GalleryError as error:
            raise Refusal(404, "no_such_image", str(error), "images") from None


def undo(call: Call) -> MarkedShown | Answer:
    with opened(call) as gallery:
        try:
            return _marked(call, gallery, lambda marking: marking.undo(call.body.step))
        except GalleryError as error:
            raise Refusal(409, "nothing_to_undo", str(error), "step") from None


def marking_of(call: Call, gallery: Gallery) -> Marking:
    """Teaches also by what an image's file tells, where its run is not stored."""
    from orchestrator_core.gallery.image_runs import run_of_file
    from orchestrator_core.gallery.marking import Marking

    return Marking(gallery, partial(run_of_file, drawing=drawing_of(call)))


def _marked(call: Call, gallery: Gallery, say: Callable[[Marking], Marked]) -> MarkedShown | Answer:
    """Raises GalleryError for what is not there."""
    try:
        done = say(marking_of(call, gallery))
    except StaleMarks as error:
        return _stale(error)
    if done.step:
        call.place.changed("marks")
    cards = [card_of(image) for image in done.images]
    revision = max(image.revision for image in done.images) if done.step else gallery.revision()
    return MarkedShown(images=cards, step=done.step, taught=done.taught, revision=revision)


def _stale(error: StaleMarks) -> Answer:
    stale = {
        str(image): {
            field: BothValues(now=_value(field, now), yours=_value(field, yours)) for field, (now, yours) in of.items()
        }
        for image, of in error.stale.items()
    }
    told = ErrorTold(code="stale_marks", message=str(error), where="If-Match")
    return model_answer(StaleShown(error=told, stale=stale, revision=error.revision), 412)


def _value(field: str, value: int) -> int | bool:
    return value if field == "rating" else bool(value)


def _seen(header: str) -> int | None:
    """Raises Refusal for what is neither a revision nor ``*``, which any image is."""
    text = header.strip()
    if text in ("", "*"):
        return None
    found = _SEEN.fullmatch(text)
    if found is None:
        told = 'If-Match is the revision of the image that you have seen, as "123", or *.'
        raise Refusal(400, "bad_revision", told, "If-Match")
    return int(found[1] or found[2])


def _known(gallery: Gallery, seen: int | None) -> int | None:
    """A revision that has not been yet is of another database: of this one nothing was seen."""
    return 0 if seen is not None and seen > gallery.revision() else seen
