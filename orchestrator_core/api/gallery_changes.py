"""``gallery/changes`` and ``gallery/events``: what changed after a revision, by long poll and by SSE.

Neither keeps a thread of the server's while nothing happens: both are asked now and then. Of long polls no more wait at
once than a place has room for, whichever server is before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic import Field

from orchestrator_core.api.events import Events, event_bytes, heard_last, stream_answer
from orchestrator_core.api.gallery_models import LARGEST, Card, card_of
from orchestrator_core.api.gallery_place import opened
from orchestrator_core.api.models import Query, Shown
from orchestrator_core.api.place import OpenStore
from orchestrator_core.api.refusing import model_answer, refusal_of
from orchestrator_core.api.routing import Call
from orchestrator_core.api.wire import Answer

LONGEST_S = 25  # less than proxies wait for an answer
AT_ONCE = 200  # images of an answer
PAUSE_S = 0.25


class ChangesShown(Shown):
    """Each image once, as it is now, in the order in which they changed. Ask again from ``revision``, while there is
    ``more`` at once. One below the revision that you gave is of another database: then look at everything anew."""

    images: list[Card]
    revision: int
    more: bool


class SinceWanted(Query):
    since: int | None = Field(None, ge=0, le=LARGEST, description="The revision that is known; none: from now on.")


class ChangesWanted(SinceWanted):
    wait: int = Field(0, ge=0, le=LONGEST_S, description="Seconds to wait for a change, where there is none yet.")


def changes(call: Call) -> ChangesShown | Answer:
    """At once where there is something to tell, or as many wait as may; else when there is, or ``wait`` is over."""
    with opened(call):  # has the folders looked at
        pass
    since, wait = call.query.since, call.query.wait
    found = changes_since(call.place.open_store, since)
    if since is None or not wait or found.images or found.revision < since:
        return found
    poll = LongPoll(call.place.open_store, since, wait)
    return Answer(200, pending=poll) if call.place.polls.add(poll) else found


def events(call: Call) -> Answer:
    with opened(call):  # … and says before the stream begins that a store cannot be opened
        pass
    heard = heard_last(call)
    since = call.query.since if heard is None else heard
    return stream_answer(GalleryEvents(call.place.open_store, since))


def changes_since(open_store: OpenStore, since: int | None) -> ChangesShown:
    """None: from now on. Raises StoreError."""
    from orchestrator_core.gallery.service import Gallery

    with open_store() as store:
        gallery = Gallery(store)
        revision = gallery.revision()
        if since is None or revision <= since:
            return ChangesShown(images=[], revision=revision, more=False)
        found = gallery.changes(since, AT_ONCE)
    return ChangesShown(images=[card_of(image) for image in found.images], revision=found.revision, more=found.more)


class LongPoll:
    """A Pending answer."""

    def __init__(
        self, open_store: OpenStore, since: int, wait_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pause_s = PAUSE_S
        self._open_store, self._since, self._clock = open_store, since, clock
        self._until = clock() + wait_s

    def poll(self) -> Answer | None:
        """A database that is locked, or away, is waited for as well."""
        is_over = self._clock() >= self._until
        try:
            found = changes_since(self._open_store, self._since)
        except Exception as error:  # noqa: BLE001 - the port says that this raises nothing
            return refusal_of(error).answer if is_over else None
        if not found.images and found.revision >= self._since and not is_over:
            return None
        return model_answer(found)


class GalleryEvents(Events):
    """An EventStream that does not end."""

    pause_s = PAUSE_S

    def __init__(self, open_store: OpenStore, since: int | None) -> None:
        super().__init__("this is the gallery")
        self._open_store, self._since = open_store, since

    def _look(self) -> bytes:
        found = changes_since(self._open_store, self._since)
        self.pause_s = 0.0 if found.more else PAUSE_S
        if found.revision == self._since:
            return b""
        self._since = found.revision
        return event_bytes("changes", found.model_dump(mode="json"), found.revision)
