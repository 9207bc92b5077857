"""Marks by the gallery's API: merged field by field, refused where they are stale, taken back, and taught from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store.learning import LearningLog
from tests.core.api.api_place import Asker
from tests.core.api.gallery_place import gallery_asking, ids


@pytest.fixture
def told() -> list[str]:
    """What the place was told of changes."""
    return []


@pytest.fixture
def ask(gallery_made: Path, tmp_path: Path, told: list[str]) -> Iterator[Asker]:
    with gallery_asking(tmp_path, gallery_made, changed=told.append) as asker:
        yield asker


def marks_of(ask: Asker, image: int) -> tuple[bool, bool, int]:
    found = ask.told("GET", f"/gallery/images/{image}")
    return found["favourite"], found["reject"], found["rating"]


def taught(ask: Asker) -> int:
    with ask.api.place.open_store() as store:
        return len(LearningLog(store).entries())


def test_a_mark_teaches_and_the_place_is_told(ask: Asker, told: list[str]):
    done = ask.told("PUT", "/gallery/images/1/marks", {"favourite": True, "rating": 4})
    assert (ids(done), done["taught"], told) == ([1], 1, ["marks"])
    assert done["revision"] == done["images"][0]["revision"] == ask.told("GET", "/gallery/count")["revision"]
    assert marks_of(ask, 1) == (True, False, 4)
    assert taught(ask) == 1


def test_a_mark_that_was_so_already_is_no_step(ask: Asker, told: list[str]):
    ask.told("PUT", "/gallery/images/1/marks", {"rating": 4})
    again = ask.told("PUT", "/gallery/images/1/marks", {"rating": 4})
    assert (again["step"], again["taught"], told) == (0, 0, ["marks"])


def test_an_image_of_another_program_teaches_by_what_its_file_tells(ask: Asker, tmp_path: Path):
    """It has no run, but it may have a template."""
    found = ask.told("GET", "/gallery/images?q=tool:a1111")["images"][0]
    assert ask.told("PUT", f"/gallery/images/{found['key']}/marks", {"reject": True})["taught"] == 0
    assert marks_of(ask, found["id"]) == (False, True, 0)


def test_different_fields_are_merged_and_the_same_is_refused_with_both_values(ask: Asker):
    seen = ask.told("GET", "/gallery/images/1")["revision"]
    ask.told("PUT", "/gallery/images/1/marks", {"rating": 3}, if_match=f'"{seen}"')
    ask.told("PUT", "/gallery/images/1/marks", {"favourite": True}, if_match=f'"{seen}"')
    answer = ask("PUT", "/gallery/images/1/marks", {"rating": 5, "reject": True}, if_match=f'"{seen}"')
    refused = json.loads(answer.body)
    assert (answer.status, refused["error"]["code"]) == (412, "stale_marks")
    both = {"favourite": {"now": True, "yours": False}, "rating": {"now": 3, "yours": 5}}
    assert refused["stale"] == {"1": both}
    assert marks_of(ask, 1) == (True, False, 3)
    ask.told("PUT", "/gallery/images/1/marks", {"rating": 5}, if_match=f'"{refused["revision"]}"')
    assert marks_of(ask, 1) == (True, False, 5)


@pytest.mark.parametrize("header", ["*", "", '"999999999999999"', 'W/"5"', "5"])
def test_any_image_and_a_revision_of_another_database_hold(ask: Asker, header: str):
    """So a mark that was kept offline over a restored backup is not lost."""
    assert ask.told("PUT", "/gallery/images/2/marks", {"rating": 2}, if_match=header)["step"]


def test_a_revision_of_another_database_is_as_none_seen(ask: Asker):
    ask.told("PUT", "/gallery/images/2/marks", {"rating": 2})
    stale = ask("PUT", "/gallery/images/2/marks", {"rating": 3}, if_match='"999999999999999"')
    assert stale.status == 412


@pytest.mark.parametrize("header", ["abc", '"abc"', '"-1"', '""', '"1", "2"', '"1', '"9999999999999999"', '"²"'])
def test_what_is_no_revision_is_refused_and_nothing_is_marked(ask: Asker, header: str):
    assert ask.code("PUT", "/gallery/images/2/marks", {"rating": 2}, if_match=header) == (400, "bad_revision")
    assert marks_of(ask, 2) == (False, False, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": 6},
        {"rating": -1},
        {"rating": True},
        {"rating": "5"},
        {"rating": 10**30},
        {"favourite": 1},
        {"favourite": None},
        {"favourite": True, "reject": True},
        {"stars": 5},
    ],
    ids=str,
)
def test_marks_that_cannot_be_are_refused(ask: Asker, body: Any):
    assert ask.code("PUT", "/gallery/images/1/marks", body) == (422, "invalid")


def test_the_body_must_be_there(ask: Asker):
    assert ask.code("PUT", "/gallery/images/1/marks") == (422, "invalid")


def test_many_are_marked_at_once_or_none(ask: Asker):
    done = ask.told("POST", "/gallery/marks", {"images": [3, 1, 3], "fields": {"rating": 2}})
    assert (ids(done), done["taught"]) == ([3, 1], 2)
    assert ask.code("POST", "/gallery/marks", {"images": [2, 99], "fields": {"rating": 2}}) == (404, "no_such_image")
    stale = ask("POST", "/gallery/marks", {"images": [2, 3], "fields": {"rating": 1}, "seen": 0})
    assert (stale.status, list(json.loads(stale.body)["stale"])) == (412, ["3"])
    assert marks_of(ask, 2) == (False, False, 0)


@pytest.mark.parametrize(
    "images",
    [[], list(range(1, 1_002)), [0], [-1], [1.5], ["1"], [True], [10**30], [None], [[1]]],
    ids=lambda images: str(images)[:20],
)
def test_images_that_cannot_be_marked_at_once_are_refused(ask: Asker, images: list[Any]):
    assert ask.code("POST", "/gallery/marks", {"images": images, "fields": {"rating": 1}}) == (422, "invalid")


def test_the_last_step_is_taken_back_and_the_one_before_it(ask: Asker):
    ask.told("PUT", "/gallery/images/1/marks", {"rating": 3})
    step = ask.told("POST", "/gallery/marks", {"images": [1, 2], "fields": {"favourite": True}})["step"]
    assert ids(ask.told("POST", "/gallery/undo", {"step": step})) == [1, 2]
    assert (marks_of(ask, 1), marks_of(ask, 2)) == ((False, False, 3), (False, False, 0))
    assert ask.code("POST", "/gallery/undo", {"step": step}) == (409, "nothing_to_undo")
    assert ids(ask.told("POST", "/gallery/undo")) == [1]
    assert ask.code("POST", "/gallery/undo", {}) == (409, "nothing_to_undo")
    assert ask.code("POST", "/gallery/undo", {"step": 2**53 - 1}) == (409, "nothing_to_undo")
    assert ask.code("POST", "/gallery/undo", {"step": 2**53}) == (422, "invalid")


def test_what_was_set_since_is_not_taken_back(ask: Asker):
    step = ask.told("PUT", "/gallery/images/1/marks", {"rating": 3})["step"]
    ask.told("PUT", "/gallery/images/1/marks", {"rating": 4})
    answer = ask("POST", "/gallery/undo", {"step": step})
    assert (answer.status, json.loads(answer.body)["stale"]) == (412, {"1": {"rating": {"now": 4, "yours": 0}}})


def test_the_file_of_a_stored_run_is_not_asked_what_the_run_says(ask: Asker):
    """So to mark a thousand images reads none of them."""
    with ask.api.place.open_store() as store:
        assert Gallery(store).image(1).template
        assert Marking(Gallery(store), _refused).mark_all([1, 2], {"rating": 1}).taught == 2


def _refused(path: Path) -> None:
    raise AssertionError(f"{path} was read")
