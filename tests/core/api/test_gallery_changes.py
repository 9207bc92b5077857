"""What changed, by long poll and by SSE."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator_core.api import gallery_changes
from orchestrator_core.api.gallery_changes import GalleryEvents, LongPoll
from orchestrator_core.api.place import MOST_POLLS
from orchestrator_core.errors import StoreLocked
from orchestrator_core.store import Store
from orchestrator_core.store.marks import ImageMarks, StoredMarks
from tests.core.api.api_place import Asker
from tests.core.api.gallery_place import gallery_asking, ids


@pytest.fixture
def ask(gallery_made: Path, tmp_path: Path) -> Iterator[Asker]:
    with gallery_asking(tmp_path, gallery_made) as asker:
        yield asker


def events_in(piece: bytes | None) -> list[tuple[int, list[int]]]:
    """The number of each event, and the images that it tells of."""
    assert piece is not None
    found = []
    for block in piece.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines.get("event") == "changes":
            found.append((int(lines["id"]), ids(json.loads(lines["data"]))))
    return found


def test_changes_are_told_at_once_each_image_as_it_is_now(ask: Asker):
    now = ask.told("GET", "/gallery/changes")
    assert now["images"] == []
    for rating in (1, 2, 3):
        ask.told("PUT", "/gallery/images/2/marks", {"rating": rating})
    found = ask.told("GET", f"/gallery/changes?since={now['revision']}&wait=25")
    assert [(image["id"], image["rating"]) for image in found["images"]] == [(2, 3)]
    assert found["revision"] == now["revision"] + 3
    assert ask.told("GET", f"/gallery/changes?since={found['revision']}") == found | {"images": []}


def test_many_changes_come_a_part_at_a_time(ask: Asker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gallery_changes, "AT_ONCE", 4)
    since, found, more = 0, list[int](), True
    while more:
        part = ask.told("GET", f"/gallery/changes?since={since}")
        found, since, more = found + ids(part), part["revision"], part["more"]
    assert sorted(found) == list(range(1, 11))


def test_who_waits_is_told_when_something_changes(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    waiting = ask("GET", f"/gallery/changes?since={now}&wait=25").pending
    assert waiting is not None
    assert waiting.poll() is None
    ask.told("PUT", "/gallery/images/2/marks", {"favourite": True})
    answer = waiting.poll()
    assert answer is not None
    assert (answer.content_type, ids(json.loads(answer.body))) == ("application/json", [2])


def test_when_as_many_wait_as_may_the_next_is_answered_at_once(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    path = f"/gallery/changes?since={now}&wait=25"
    waiting = [ask("GET", path) for _ in range(MOST_POLLS)]
    assert all(one.pending is not None for one in waiting)
    assert ask.told("GET", path) == {"images": [], "revision": now, "more": False}
    ask.told("PUT", "/gallery/images/2/marks", {"rating": 3})
    assert ids(ask.told("GET", path)) == [2], "what there is to tell is told"
    waiting.pop()  # no server has it any more
    assert ask("GET", f"/gallery/changes?since={now + 1}&wait=25").pending is not None


def test_who_waited_long_enough_is_told_that_nothing_changed(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    clock = iter([0.0, 5.0, 10.0])
    waiting = LongPoll(ask.api.place.open_store, now, 10.0, lambda: next(clock))
    assert waiting.poll() is None
    answer = waiting.poll()
    assert answer is not None
    assert json.loads(answer.body) == {"images": [], "revision": now, "more": False}


def test_a_locked_database_is_waited_for_and_told_at_the_end() -> None:
    @contextmanager
    def locked() -> Iterator[Store]:
        raise StoreLocked("Another program keeps it locked.")
        yield

    clock = iter([0.0, 5.0, 10.0])
    waiting = LongPoll(locked, 3, 10.0, lambda: next(clock))
    assert waiting.poll() is None
    answer = waiting.poll()
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (503, "store_locked")


def test_a_revision_of_another_database_is_told_at_once(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    told = ask.told("GET", "/gallery/changes?since=999999999&wait=25")
    assert told == {"images": [], "revision": now, "more": False}


@pytest.mark.parametrize("query", ["since=-1", "since=abc", "since=99999999999999999999", "wait=26", "wait=1.5"])
def test_what_cannot_be_waited_for_is_refused(ask: Asker, query: str):
    assert ask.code("GET", f"/gallery/changes?{query}") == (422, "invalid")


def test_events_go_on_after_the_last_one_that_was_heard(ask: Asker):
    stream = ask("GET", "/gallery/events").stream
    assert stream is not None
    ((now, images),) = events_in(stream.poll())  # where we are
    assert images == []
    assert stream.poll() == b""
    ask.told("POST", "/gallery/marks", {"images": [3, 1], "fields": {"rating": 5}})
    assert events_in(stream.poll()) == [(now + 2, [3, 1])]
    again = ask("GET", "/gallery/events?since=0", last_event_id=str(now + 1)).stream
    assert again is not None
    assert events_in(again.poll()) == [(now + 2, [1])]
    again.close()
    assert again.poll() is None


def test_many_events_come_without_a_pause(ask: Asker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gallery_changes, "AT_ONCE", 6)
    stream = GalleryEvents(ask.api.place.open_store, 0)
    assert (len(events_in(stream.poll())[0][1]), stream.pause_s) == (6, 0.0)
    assert (len(events_in(stream.poll())[0][1]), stream.pause_s) == (4, gallery_changes.PAUSE_S)


def test_a_mark_of_the_hosts_own_pages_is_told_too(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    run_id = ask.told("GET", "/gallery/images/2")["run_id"]
    with ask.api.place.open_store() as store:
        ImageMarks(store).put(run_id, "1.png", StoredMarks(stars=4))
    told = ask.told("GET", f"/gallery/changes?since={now}")["images"]
    assert [(image["id"], image["rating"]) for image in told] == [(2, 4)]


def test_events_that_begin_where_nothing_happened_since_tell_nothing(ask: Asker):
    now = ask.told("GET", "/gallery/changes")["revision"]
    stream = GalleryEvents(ask.api.place.open_store, now)
    assert events_in(stream.poll()) == []


@pytest.mark.parametrize("header", ["abc", "-1", "9" * 30, "1.5"])
def test_a_last_event_that_is_none_is_refused(ask: Asker, header: str):
    assert ask.code("GET", "/gallery/events", last_event_id=header) == (400, "bad_event_id")


def test_a_head_of_a_stream_ends_it(ask: Asker):
    assert ask("HEAD", "/gallery/events").stream is None
