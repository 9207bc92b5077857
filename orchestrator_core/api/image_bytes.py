"""Pictures of the gallery as bytes: files, whole or in part, and thumbnails. A path never comes from who asks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from orchestrator_core.api.files import file_answer, image_type
from orchestrator_core.api.gallery_place import image_named, opened
from orchestrator_core.api.models import Query
from orchestrator_core.api.place import ApiPlace, OpenStore
from orchestrator_core.api.refusing import Refusal, refusal_of
from orchestrator_core.api.routing import Call, Route
from orchestrator_core.api.wire import Answer, Head
from orchestrator_core.errors import GalleryError, OrchestratorError

if TYPE_CHECKING:
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.gallery.thumbnails import Thumbnails

WEBP = "image/webp"
WAIT_S = 10.0  # for a thumbnail that is made
_PAUSE_S = 0.05
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
_ASK_EACH_TIME, _FOR_EVER = "private, no-cache", "private, max-age=31536000, immutable"


class ThumbnailWanted(Query):
    v: str = Field("", max_length=100, description="The image's key: then it may be kept for ever.")


def file(call: Call) -> Answer:
    """Its bytes, with the type that they have, whatever the file is called."""
    with opened(call) as gallery:
        image = image_named(gallery, call.names["image"])
        path = _path_of(gallery, image)
    try:
        kind = image_type(path)
        if not kind:
            raise Refusal(404, "no_image_file", f"{image.name[:200]} is no image.")
        return file_answer(call.head, path, kind, image.key, {**_SAFE, "Cache-Control": _ASK_EACH_TIME})
    except (OSError, ValueError):
        raise _no_file(image) from None


def _path_of(gallery: Gallery, image: GalleryImage) -> Path:
    try:
        return gallery.file_of(image.id)
    except GalleryError:
        raise _no_file(image) from None


def _no_file(image: GalleryImage) -> Refusal:
    return Refusal(404, "no_file", f"The file of {image.name[:200]} is not there any more.")


def thumbnail(call: Call) -> Answer:
    """What is not made yet is made now, before others; whoever asks waits for it a while."""
    thumbnails = call.place.thumbnails
    if thumbnails is None:
        raise Refusal(501, "no_thumbnails", "No thumbnails are made here.")
    with opened(call) as gallery:
        image = image_named(gallery, call.names["image"])
        if image.broken:
            raise _no_thumbnail(image.broken)
        headers = {**_SAFE, "Cache-Control": _FOR_EVER if call.query.v == image.key else _ASK_EACH_TIME}
        wanted = _Wanted(call.head, image.key, headers, call.place, thumbnails)
        made = wanted.poll_once()
        if made is not None:
            return made
        path = _path_of(gallery, image)
    thumbnails.ask(image.key, path)
    return Answer(200, pending=wanted)


class _Wanted:
    """A thumbnail that is being made."""

    def __init__(
        self, head: Head, key: str, headers: Mapping[str, str], place: ApiPlace, thumbnails: Thumbnails
    ) -> None:
        self.pause_s = _PAUSE_S
        self._head, self._key, self._headers = head, key, headers
        self._open_store, self._thumbnails = place.open_store, thumbnails
        self._until = time.monotonic() + WAIT_S

    def poll_once(self) -> Answer | None:
        """Raises Refusal."""
        try:
            found = self._thumbnails.found(self._key)
            if found is not None:
                return file_answer(self._head, found, WEBP, f"{self._key}-{self._thumbnails.side}", self._headers)
        except OSError:  # somebody empties the folder
            return None
        except GalleryError as error:
            raise _no_thumbnail(str(error)) from None
        return None

    def poll(self) -> Answer | None:
        try:
            is_waited_for = self._thumbnails.is_asked(self._key)  # first: what is made meanwhile is found then
            found = self.poll_once()
            if found is None and (not is_waited_for or time.monotonic() > self._until):
                raise self._refusal()
        except Exception as error:  # noqa: BLE001 - the port says that this raises nothing
            return refusal_of(error).answer
        return found

    def _refusal(self) -> Refusal:
        from orchestrator_core.gallery.service import Gallery
        from orchestrator_core.gallery.thumbnails import NoDecoder

        with self._open_store() as store:
            found = Gallery(store).images([self._key])
        if found and found[0].broken:
            return _no_thumbnail(found[0].broken)
        reason = self._thumbnails.why_not(self._key)
        if isinstance(reason, NoDecoder):  # asking again does not help
            return _no_thumbnail(str(reason))
        told = str(reason or "The thumbnail is not made yet; ask again in a second.")
        return Refusal(503, "not_yet", told, headers={"Retry-After": "5" if reason else "1"})


def _no_thumbnail(why: str) -> Refusal:
    return Refusal(404, "no_thumbnail", f"It has no thumbnail: {why}")


def thumbnails_for(open_store: OpenStore, folder: Path | None = None) -> Thumbnails:
    """Those of a place: a picture that cannot be shown is broken from then on. ``close`` them with the place."""
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.gallery.thumbnails import Thumbnails

    def failed(key: str, why: str) -> None:
        with suppress(OrchestratorError), open_store() as store:  # a store that is locked hears of it the next time
            Gallery(store).set_broken(key, why)

    return Thumbnails(folder, failed=failed)


_IMAGE = "/gallery/images/{image}"
IMAGE_BYTES: tuple[Route, ...] = (
    Route("GET", f"{_IMAGE}/file", file, None, "Its bytes; a part of them by Range", content_type="image/png"),
    Route(
        "GET",
        f"{_IMAGE}/thumbnail",
        thumbnail,
        None,
        "A WebP of 384 pixels at most, made where there is none",
        query=ThumbnailWanted,
        content_type=WEBP,
    ),
)
