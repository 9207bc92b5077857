"""``gallery/outside``: the places elsewhere that a person named, and posting pictures to them."""

from __future__ import annotations

import threading

from pydantic import Field

from orchestrator_core.api.gallery_models import ImageIds
from orchestrator_core.api.models import Asked, Shown
from orchestrator_core.api.place import OpenStore
from orchestrator_core.api.refusing import Refusal, model_answer, refusal_of
from orchestrator_core.api.routing import Call, Route
from orchestrator_core.api.wire import Answer
from orchestrator_core.errors import OutsideError

TOTAL_S, MOST_WAIT_S = 50.0, 10.0  # somebody waits in front of a page
_WAITS_S = (1.0, 5.0)


class PlaceShown(Shown):
    name: str
    url: str = Field(description="Without its query, which may be a secret.")


class PlaceList(Shown):
    """By name. Places are added by the command line alone: orchestrator gallery outside add NAME URL."""

    places: list[PlaceShown]


class PostAsked(Asked):
    images: ImageIds
    again: bool = Field(False, description="Also those that were posted there before.")


class FailedShown(Shown):
    image: int
    message: str


class PostedShown(Shown):
    """What fails, or is not begun within fifty seconds, can be posted again: what is there is passed over."""

    posted: list[int] = Field(description="Taken by the place, or there already, as it says.")
    before: list[int] = Field(description="Passed over: they were posted there before.")
    failed: list[FailedShown]


def listed(call: Call) -> PlaceList:
    from orchestrator_core.outside.places import Places

    with call.place.open_store() as store:
        places = Places(store).all()
    return PlaceList(places=[PlaceShown(name=place.name, url=place.url) for place in places])


def post(call: Call) -> Answer:
    """In a thread of its own, so that a slow place holds up no other call."""
    from orchestrator_core.outside.places import Places

    name = call.names["place"]
    with call.place.open_store() as store:
        try:
            Places(store).open(name)
        except OutsideError as error:
            raise Refusal(404, "no_such_place", str(error)) from None
    posting = _Posting(call.place.open_store, name, call.body)
    posting.start()
    return Answer(200, pending=posting)


class _Posting(threading.Thread):
    """Goes on where nobody waits for it any more; what was taken is known from then on."""

    pause_s = 0.1

    def __init__(self, open_store: OpenStore, name: str, asked: PostAsked) -> None:
        super().__init__(name="posting", daemon=True)
        self._open_store, self._name, self._asked = open_store, name, asked
        self._answer: Answer | None = None

    def run(self) -> None:
        try:
            self._answer = model_answer(self._posted())
        except Exception as error:  # noqa: BLE001 - who waits is told of each
            self._answer = refusal_of(error).answer

    def poll(self) -> Answer | None:
        return self._answer

    def _posted(self) -> PostedShown:
        from orchestrator_core.gallery.service import Gallery
        from orchestrator_core.outside.posting import Pace, Poster

        pace = Pace(waits_s=_WAITS_S, most_wait_s=MOST_WAIT_S, total_s=TOTAL_S)
        with self._open_store() as store:
            done = Poster(Gallery(store), pace).post(self._name, self._asked.images, again=self._asked.again)
        failed = [FailedShown(image=one.image, message=one.message) for one in done.failed]
        return PostedShown(posted=list(done.posted), before=list(done.before), failed=failed)


OUTSIDE: tuple[Route, ...] = (
    Route("GET", "/gallery/outside", listed, PlaceList, "Galleries elsewhere that pictures can be posted to"),
    Route("POST", "/gallery/outside/{place}", post, PostedShown, "Post pictures to one", body=PostAsked),
)
