"""Posting pictures of the gallery to a place elsewhere: one after the other, each until it was taken or refused.

What was posted is kept in the store picture by picture, so that whoever is stopped, or fails in the middle, only has to
ask for the same again. A picture is read once, and it is those bytes that are compared with its SHA-256 and sent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_core.errors import GalleryError, OutsideError
from orchestrator_core.formats.media_types import media_type
from orchestrator_core.gallery.indexing import Report
from orchestrator_core.outside.form import File, form
from orchestrator_core.outside.places import Opened, Places
from orchestrator_core.outside.record import last_part, record_of
from orchestrator_core.run import new_run_id
from orchestrator_core.webhooks.sending import Outcome, Posting

if TYPE_CHECKING:
    from orchestrator_core.gallery.model import GalleryImage
    from orchestrator_core.gallery.service import Gallery

MOST_BYTES = 128 << 20  # of a picture
MOST_AT_ONCE = 1000  # pictures
CONFLICT = 409  # it has that picture already
_HOPELESS = frozenset({0, 401, 403, 404, 405, 410, 429, 503})  # for one picture, hence for those after it
_SHORTEST_S = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to insist, and with how much; tests have their own. ``total_s``: what is not begun by then is not."""

    waits_s: tuple[float, ...] = (2.0, 10.0)  # before the second try, the third
    most_wait_s: float = 120.0  # that a place may ask for
    total_s: float = 24 * 3600.0
    most_bytes: int = MOST_BYTES
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    posting: Callable[[Opened, float], Posting] = Opened.posting


@dataclass(frozen=True, slots=True)
class Failed:
    """``message``: why, for a person."""

    image: int
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Posted:
    """Numbers of images. ``posted``: taken now, or there already, as the place says; ``before``: posted earlier."""

    posted: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    failed: tuple[Failed, ...] = ()


class Poster:
    """Threads may share one."""

    def __init__(self, gallery: Gallery, pace: Pace | None = None) -> None:
        self.gallery, self.store, self.pace = gallery, gallery.store, pace or Pace()

    def post(
        self, place: str, image_ids: Sequence[int], again: bool = False, report: Report = lambda *_: None
    ) -> Posted:
        """Those that were posted before are passed over, unless ``again``.

        Raises OutsideError for no such place, or too many images. What becomes of each image is in what is returned.
        """
        ids = list(dict.fromkeys(image_ids))
        if len(ids) > MOST_AT_ONCE:
            raise OutsideError(f"At most {MOST_AT_ONCE:,} images are posted at once, and not {len(ids):,}.")
        opened = Places(self.store).open(place)
        there = set() if again else self._there(opened, ids)
        round_ = _Round(self, opened, self.pace.clock() + self.pace.total_s)
        for done, image_id in enumerate(ids):
            report(done, len(ids), "")
            if image_id in there:
                round_.before.append(image_id)
            else:
                round_.post(image_id)
        report(len(ids), len(ids), "")
        return Posted(tuple(round_.posted), tuple(round_.before), tuple(round_.failed))

    def _there(self, opened: Opened, ids: Sequence[int]) -> set[int]:
        from orchestrator_core.store import outside

        keys = {image.id: image.key for image in self.gallery.images(ids)}
        with self.store.reading() as connection:
            known = outside.there(connection, opened.name, list(keys.values()))
        return {image_id for image_id, key in keys.items() if key in known}


class _Round:
    """What becomes of the images that were asked for at once."""

    def __init__(self, poster: Poster, opened: Opened, until: float) -> None:
        self.gallery, self.store, self.pace, self.opened, self.until = (
            *(poster.gallery, poster.store, poster.pace),
            *(opened, until),
        )
        self.posted: list[int] = []
        self.before: list[int] = []
        self.failed: list[Failed] = []
        self._hopeless = ""  # why none is sent any more

    def post(self, image_id: int) -> None:
        from orchestrator_core.store import outside

        found = self.gallery.images([image_id])
        image = found[0] if found else None
        try:
            if image is None:
                raise OutsideError(f"There is no image {image_id} in the gallery.")
            outcome = self._sent(image)
        except (OutsideError, GalleryError) as error:
            self.failed.append(Failed(image_id, image.name if image else "", str(error)))
            return
        with self.store.writing() as connection:
            outside.remember(connection, self.opened.name, image.key, outcome.status)
        self.posted.append(image_id)

    def _sent(self, image: GalleryImage) -> Outcome:
        """Raises OutsideError with the reason, GalleryError."""
        if self._hopeless:
            raise OutsideError(f"It was not sent, as the one before it was not taken: {self._hopeless}")
        if self.pace.clock() >= self.until:
            raise OutsideError("It was not sent yet, as this took long. Post again: what is there is passed over.")
        content_type, body = self._form(image)
        outcome = self._tried(content_type, body)
        if outcome.is_delivered or outcome.status == CONFLICT:
            return outcome
        if outcome.status in _HOPELESS or 300 <= outcome.status < 400:
            self._hopeless = outcome.error
        raise OutsideError(outcome.error)

    def _form(self, image: GalleryImage) -> tuple[str, bytes]:
        from orchestrator_core.store import outside

        path = self.gallery.file_of(image.id)
        data = _content(path, image, self.pace.most_bytes)
        with self.store.reading() as connection:
            scores = outside.scores_of(connection, image.run_id, image.run_image) if image.run_id else []
        kind = media_type(data) or "application/octet-stream"
        return form(record_of(image, len(data), kind, scores), File(last_part(image.name), kind, data))

    def _tried(self, content_type: str, body: bytes) -> Outcome:
        """What the last try came to. All tries have one id, and each is signed anew: its time is part of that."""
        message = f"msg_{new_run_id()}"
        for wait_s in (*self.pace.waits_s, -1.0):
            headers = self.opened.headers(message, body, content_type)
            left_s = max(self.until - self.pace.clock(), _SHORTEST_S)
            outcome = self.pace.posting(self.opened, left_s).send(body, headers)
            if outcome.is_delivered or outcome.status == CONFLICT or not outcome.may_help or wait_s < 0:
                break
            wait_s = max(wait_s, outcome.retry_after_s)
            if wait_s > self.pace.most_wait_s or self.pace.clock() + wait_s >= self.until:
                return replace(outcome, error=f"{outcome.error} It is to be tried again in {wait_s:,.0f} s.")
            self.pace.sleep(wait_s)
        return outcome


def _content(path: Path, image: GalleryImage, most: int) -> bytes:
    """Raises OutsideError for what is not what the gallery knows."""
    name = last_part(image.name)
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise OutsideError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if len(data) > most:
        raise OutsideError(f"{name} is larger than {most >> 20} MiB, so it is not posted.")
    if hashlib.sha256(data).hexdigest() != image.key:
        raise OutsideError(f"{name} has changed since the gallery read it. Look again: orchestrator gallery index")
    return data
