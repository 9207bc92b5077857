"""``/gallery/outside``: places are shown without secrets, and pictures are posted to them and nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_core.outside.places import Places
from orchestrator_core.store import Store
from orchestrator_core.webhooks.signing import new_secret
from tests.core.api.api_place import Asker
from tests.core.api.gallery_place import gallery_asking
from tests.core.outside.elsewhere import elsewhere

SECRET = new_secret()


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asker]:
    with gallery_asking(tmp_path) as asked:
        yield asked


def awaited(ask: Asker, body: object) -> Any:
    pending = ask("POST", "/gallery/outside/wall", body).pending
    assert pending is not None, "no thread of the server waits"
    until = time.monotonic() + 30
    while (answer := pending.poll()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_places_are_shown_without_what_is_secret(ask: Asker, tmp_path: Path) -> None:
    assert ask.told("GET", "/gallery/outside") == {"places": []}
    with Store.open(tmp_path / "store.sqlite3") as store:
        Places(store).add("Wall", "https://example.org/in?token=hunter2", SECRET)
    answer = ask("GET", "/gallery/outside")
    assert answer.body == b'{"places":[{"name":"Wall","url":"https://example.org/in?\xe2\x80\xa6"}]}'


@pytest.mark.network
def test_pictures_are_posted_and_what_fails_is_told_by_image(ask: Asker, tmp_path: Path) -> None:
    with elsewhere(SECRET) as place, Store.open(tmp_path / "store.sqlite3") as store:
        Places(store).add("Wall", place.url, SECRET)
        (tmp_path / "runs" / "1.png").unlink()
        told = awaited(ask, {"images": [1, 2, 99]})
        assert (told["posted"], told["before"]) == ([1], [])
        assert [one["image"] for one in told["failed"]] == [2, 99]
        assert awaited(ask, {"images": [1]}) == {"posted": [], "before": [1], "failed": []}
        assert awaited(ask, {"images": [1], "again": True})["posted"] == [1]


@pytest.mark.parametrize(
    ("name", "body", "refused"),
    [
        ("nowhere", {"images": [1]}, (404, "no_such_place")),
        ("http:", {"images": [1]}, (404, "no_such_place")),
        ("wall", {"images": []}, (422, "invalid")),
        ("wall", {"images": [0]}, (422, "invalid")),
        ("wall", {"images": ["../a"]}, (422, "invalid")),
        ("wall", {"images": [1], "url": "http://127.0.0.1/"}, (422, "invalid")),
    ],
)
def test_what_cannot_be_posted_is_refused(ask: Asker, name: str, body: object, refused: tuple[int, str]) -> None:
    assert ask.code("POST", f"/gallery/outside/{name}", body) == refused
