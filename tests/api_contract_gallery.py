"""What every server of the API must do with the gallery; ``api_contract.py`` has these among its own."""

from __future__ import annotations

import http.client
import json
import select
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api_client import ApiServer, Reply

__all__ = [
    "test_a_change_is_told_to_whoever_waits_for_one",
    "test_folders_are_told_and_none_is_taken_from_a_client",
    "test_images_of_the_gallery_are_found_by_what_is_known_of_them",
    "test_many_marks_go_out_some_at_a_time",
    "test_marks_go_out_and_come_in_as_lines",
    "test_no_more_wait_for_a_change_than_there_is_room_for_and_the_others_are_answered_at_once",
    "test_pictures_are_posted_to_a_place_that_a_person_named_and_nowhere_else",
    "test_stale_marks_are_refused_with_both_values_and_a_step_is_taken_back",
    "test_ten_clients_mark_one_image_at_once_and_nothing_is_lost",
]


@contextmanager
def in_gallery(api: ApiServer, folder: Path, count: int = 1) -> Iterator[list[int]]:
    """Images of a run of ``crimson``, in the server's own store; their numbers."""
    from orchestrator_core.gallery.service import Gallery
    from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft, PromptSource
    from orchestrator_core.request import GeneratedImage, GenerationRequest
    from orchestrator_core.run import Run, new_run_id
    from orchestrator_core.store import Store

    if not api.database:
        pytest.skip("nobody says where this server's store is")
    choice = Choice("inline:1a2b#fox", ("fox", "owl"), options=2)
    words = (Component("<script>a "), Component("fox", Origin.template, (choice,)), Component(" of the gallery's own"))
    draft = PromptDraft(words, seed=3, source=PromptSource("<script>a {fox|owl} of the gallery's own"))
    run_id, request = new_run_id(), GenerationRequest(draft.positive, seed=3, checkpoint="dream.safetensors")
    paths = [folder / f"{run_id}-{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + path.name.encode())
    with Store.open(api.database) as store:
        store.save_run(Run(run_id, draft, tuple(GeneratedImage(path, request, run_id) for path in paths)))
        yield sorted(image.id for image in Gallery(store).page(f"run:{run_id}", 500).images)
        store.delete_run(run_id)


def put_marks(api: ApiServer, image: int, fields: dict[str, Any], seen: int | None = None) -> Reply:
    headers = {} if seen is None else {"If-Match": f'"{seen}"'}
    return api.ask("PUT", f"/gallery/images/{image}/marks", fields, headers)


def test_images_of_the_gallery_are_found_by_what_is_known_of_them(api: ApiServer, tmp_path: Path):
    with in_gallery(api, tmp_path, 3) as images:
        query = "q=gallery%27s+own+model%3Adream+seed%3A3"
        assert api.get(f"/gallery/count?{query}")["total"] >= 3
        first = api.get(f"/gallery/images?{query}&limit=2")
        then = api.get(f"/gallery/images?{query}&limit=1&offset=2")
        assert [image["id"] for image in first["images"] + then["images"]] == images[::-1]
        after = api.get(f"/gallery/images?{query}&limit=1&after={first['next']}")
        assert after["images"] == then["images"]
        whole = api.get(f"/gallery/images/{images[0]}")
        assert whole["prompt"].startswith("<script>a fox")  # as text, in JSON
        assert api.get(f"/gallery/images/{whole['key']}") == whole
        facets = api.get(f"/gallery/facets?{query}")
        assert [one["name"] for one in facets["names"]["model"]] == ["dream"]
        assert "dream" in [one["name"] for one in api.get("/gallery/names?kind=model&part=DRE")["names"]]
    wrong = api.ask("GET", "/gallery/images?q=colour%3Ared")
    assert (wrong.status, wrong.code, wrong.json["error"]["where"]) == (422, "query", "q")
    assert api.ask("GET", "/gallery/images/999999999").code == "no_such_image"
    name = "/gallery/searches/of%20the%20contract%2Ffoxes"
    assert api.ask("PUT", name, {"query": "fox rating>=4"}).status == 200
    assert {"name": "of the contract/foxes", "query": "fox rating>=4"} in api.get("/gallery/searches")["searches"]
    assert api.ask("DELETE", name).status == 200
    assert api.ask("DELETE", name).code == "no_such_search"


def test_stale_marks_are_refused_with_both_values_and_a_step_is_taken_back(api: ApiServer, tmp_path: Path):
    with in_gallery(api, tmp_path, 2) as (one, other):
        seen = api.get(f"/gallery/images/{one}")["revision"]
        done = put_marks(api, one, {"rating": 3}, seen)
        assert (done.status, done.json["taught"]) == (200, 1)
        assert put_marks(api, one, {"favourite": True}, seen).status == 200
        stale = put_marks(api, one, {"rating": 5}, seen)
        assert stale.status == 412
        assert stale.json["stale"] == {str(one): {"rating": {"now": 3, "yours": 5}}}
        assert put_marks(api, one, {"rating": 5}, stale.json["revision"]).status == 200
        assert api.ask("PUT", f"/gallery/images/{one}/marks", {"rating": 5}, {"If-Match": "abc"}).status == 400
        bulk = api.post("/gallery/marks", {"images": [one, other], "fields": {"reject": True}})
        assert [image["favourite"] for image in bulk["images"]] == [False, False]
        assert len(api.post("/gallery/undo", {"step": bulk["step"]})["images"]) == 2
        found = api.get(f"/gallery/images/{one}")
        assert (found["favourite"], found["reject"], found["rating"]) == (True, False, 5)
        assert api.ask("POST", "/gallery/undo", {"step": bulk["step"]}).code == "nothing_to_undo"
        many = api.ask("POST", "/gallery/marks", {"images": list(range(1, 1_002)), "fields": {"rating": 1}})
        assert (many.status, many.code) == (422, "invalid")


def test_ten_clients_mark_one_image_at_once_and_nothing_is_lost(api: ApiServer, tmp_path: Path):
    """Of each field the last that was taken holds, and who was refused is told what it is."""
    with in_gallery(api, tmp_path) as (image,):
        seen = api.get(f"/gallery/images/{image}")["revision"]
        replies: list[Reply] = []

        def client(number: int) -> None:
            fields = {"rating": number // 2 + 1} if number % 2 else {"favourite": True}
            replies.append(put_marks(api, image, fields, seen))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = [reply for reply in replies if reply.status == 200]
        refused = [reply for reply in replies if reply.status == 412]
        assert (len(taken), len(refused)) == (6, 4)  # five favourites, and the first of the ratings
        found = api.get(f"/gallery/images/{image}")
        assert found["favourite"]
        for reply in refused:
            assert reply.json["stale"][str(image)]["rating"]["now"] == found["rating"]
        assert found["revision"] == seen + 2


def test_a_change_is_told_to_whoever_waits_for_one(api: ApiServer, tmp_path: Path):
    with in_gallery(api, tmp_path) as (image,):
        now = api.get("/gallery/changes")["revision"]
        told: list[tuple[float, Any]] = []

        def wait() -> None:
            for _ in range(4):  # a busy machine may need longer for the mark than a server lets anybody wait
                asked = time.monotonic()
                found = api.ask("GET", f"/gallery/changes?since={now}&wait=20")
                if found.status != 200 or found.json["images"] or time.monotonic() - asked < 19:
                    break
            told.append((time.monotonic(), found))

        threads = [threading.Thread(target=wait) for _ in range(12)]  # more than a server has threads
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert not told, [(found.status, found.body) for _, found in told]
        assert put_marks(api, image, {"rating": 4}).status == 200
        for thread in threads:
            thread.join()
        for _, found in told:
            assert found.headers["content-type"].startswith("application/json")
            assert [(one["id"], one["rating"]) for one in found.json["images"]] == [(image, 4)]
        assert api.get(f"/gallery/changes?since={told[0][1].json['revision']}")["images"] == []
        reply = api.ask("HEAD", f"/gallery/changes?since={now}")
        assert (reply.status, reply.body) == (200, b"")


def test_folders_are_told_and_none_is_taken_from_a_client(api: ApiServer, tmp_path: Path):
    assert api.get("/gallery/folders")["indexing"]["running"] in (True, False)
    for body in ({"path": str(tmp_path)}, {"offered": ""}, {"offered": str(tmp_path)}, {"offered": "../../"}):
        assert api.ask("POST", "/gallery/folders", body).status in (404, 422, 501)


def test_marks_go_out_and_come_in_as_lines(api: ApiServer, tmp_path: Path):
    kind = {"Content-Type": "application/x-ndjson"}
    with in_gallery(api, tmp_path) as (image,):
        key = api.get(f"/gallery/images/{image}")["key"]
        lines = [json.dumps({"sha256": key, "rating": 2}), "half a li", ""]
        done = api.ask("POST", "/gallery/import", raw="\n".join(lines).encode(), headers=kind)
        assert (done.status, done.json["changed"], done.json["refused"]) == (200, 1, 1)
        exported = api.ask("GET", "/gallery/export")
        assert exported.headers["content-type"].startswith("application/x-ndjson")
        told = {one["sha256"]: one.get("rating") for one in map(json.loads, exported.body.splitlines())}
        assert told[key] == 2
        put_marks(api, image, {"rating": 0})
    assert api.ask("POST", "/gallery/import", {"a": 1}).code == "not_taken"


@contextmanager
def marked(api: ApiServer, count: int) -> Iterator[None]:
    """So many images of which nobody has seen more than the marks."""
    from sqlalchemy import delete, update

    from orchestrator_core.store import Store, gallery_images
    from orchestrator_core.store.gallery_tables import images

    if not api.database:
        pytest.skip("nobody says where this server's store is")
    with Store.open(api.database) as store:
        with store.writing() as connection:
            names = {f"{number:064x}": f"{number}.png" for number in range(count)}
            ids = gallery_images.ensure_all(connection, names).values()
            ours = images.c.id.between(min(ids), max(ids))
            connection.execute(update(images).where(ours).values(rating=3))
        yield
        with store.writing() as connection:
            connection.execute(delete(images).where(ours))


def test_many_marks_go_out_some_at_a_time(api: ApiServer):
    with marked(api, 10_000):
        exported = api.ask("GET", "/gallery/export")
        keys = [json.loads(line)["sha256"] for line in exported.body.splitlines()]
        assert {f"{number:064x}" for number in range(10_000)} <= set(keys)
        assert len(keys) == len(set(keys))
        assert "content-length" not in exported.headers, "nobody had all of it before the first was sent"
        assert api.ask("HEAD", "/gallery/export").body == b""


def test_no_more_wait_for_a_change_than_there_is_room_for_and_the_others_are_answered_at_once(api: ApiServer):
    from orchestrator_core.api.place import MOST_POLLS

    now = api.get("/gallery/changes")["revision"]
    path = f"{urlsplit(api.url).path}/gallery/changes?since={now}&wait=25"
    with ExitStack() as stack:
        waiting: list[http.client.HTTPConnection] = []
        while not (answered := _answered(waiting)):
            assert len(waiting) < MOST_POLLS + 4, "more wait than may, though a slow answer is not seen at once"
            waiting.append(stack.enter_context(closing(api.connect())))
            waiting[-1].request("GET", path, headers=api.login)
        found = json.loads(answered[0].getresponse().read())
        assert found == {"images": [], "revision": now, "more": False}
        assert answered[0] in waiting[-4:], "the others wait as before"
    began = time.monotonic()  # those who waited are gone
    while _waited_s(api, now) < 1:
        assert time.monotonic() - began < 20, "their places come free long before they would have waited to the end"
        time.sleep(0.1)


def _answered(waiting: list[http.client.HTTPConnection]) -> list[http.client.HTTPConnection]:
    """Those of these who have an answer, or will have one at once."""
    if not waiting:
        return []
    ready, _, _ = select.select([connection.sock for connection in waiting], [], [], 0.2)
    return [connection for connection in waiting if connection.sock in ready]


def _waited_s(api: ApiServer, now: int) -> float:
    began = time.monotonic()
    api.get(f"/gallery/changes?since={now}&wait=2")
    return time.monotonic() - began


def test_pictures_are_posted_to_a_place_that_a_person_named_and_nowhere_else(api: ApiServer, tmp_path: Path):
    from orchestrator_core.outside.places import Places
    from orchestrator_core.store import Store
    from tests.core.outside.elsewhere import elsewhere

    path = "/gallery/outside/of%20the%20contract"
    with in_gallery(api, tmp_path, 2) as images, elsewhere() as place, Store.open(api.database) as store:
        assert api.ask("POST", path, {"images": images}).code == "no_such_place"
        made, place.secret = Places(store).add("Of the contract", place.url)
        try:
            assert {"name": made.name, "url": place.url} in api.get("/gallery/outside")["places"]
            assert api.post(path, {"images": images[:1]}) == {"posted": images[:1], "before": [], "failed": []}
            told = api.post(path, {"images": [*images, 999999999]})
            assert (told["posted"], told["before"], len(told["failed"])) == (images[1:], images[:1], 1)
        finally:
            Places(store).remove(made.name)
        assert len(place.kept) == 2
