"""What every server of the API must do: the same tests run against ``orchestrator serve``, ComfyUI and Forge.

A module with a fixture ``api`` that gives an ``ApiServer`` imports them: ``from tests.api_contract import *``. They
leave the queue as it was, but for jobs that no worker takes, and do not mind what else is in the store.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import api_contract_gallery, api_contract_pictures
from tests.api_client import DRAW, RENDER, ApiServer
from tests.api_contract_gallery import *  # noqa: F403
from tests.api_contract_pictures import *  # noqa: F403

__all__ = [
    "test_a_batch_becomes_a_job_for_each_of_its_items",
    "test_a_body_beyond_the_limit_is_refused_while_it_comes",
    "test_a_chunked_body_is_read",
    "test_a_foreign_page_is_refused",
    "test_a_foreign_host_name_is_refused",
    "test_a_gigabyte_is_refused_before_it_is_sent",
    "test_a_head_has_no_body",
    "test_a_job_is_moved_held_retried_and_cancelled",
    "test_a_key_that_is_used_again_adds_nothing",
    "test_a_method_that_a_path_has_not_is_told_with_those_that_it_has",
    "test_a_picture_is_sent_whole_in_parts_and_not_twice",
    "test_a_pipeline_is_saved_read_planned_and_deleted",
    "test_a_prompt_is_drawn_with_the_origin_of_its_words",
    "test_a_session_begins_and_ends",
    "test_a_stream_that_nobody_hears_any_more_ends",
    "test_a_thumbnail_is_made_and_a_broken_picture_has_none",
    "test_bad_bodies_are_told_in_one_shape",
    "test_events_of_a_job_end_with_it",
    "test_events_go_on_after_the_last_one_that_was_heard",
    "test_images_are_listed_sent_and_marked",
    "test_only_files_that_the_store_lists_are_sent",
    "test_profiles_are_listed_and_shown",
    "test_the_description_names_every_path",
    "test_the_health_is_told",
    "test_the_page_is_sent_to_whoever_reaches_the_server",
    "test_the_queue_is_paused_and_resumed",
]
__all__ += api_contract_gallery.__all__ + api_contract_pictures.__all__
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def test_the_health_is_told(api: ApiServer):
    told = api.get("/health")
    assert told["status"] == "ok"
    assert told["place"] in ("standalone", "comfyui", "forge")


def test_the_description_names_every_path(api: ApiServer):
    from orchestrator_core.api.openapi import document

    assert api.get("/openapi.json")["paths"].keys() == document()["paths"].keys()


# jobs


def test_a_batch_becomes_a_job_for_each_of_its_items(api: ApiServer):
    batch = [{"vary": "seeds", "first": 1, "count": 3}]
    asked = {
        "pipeline": {"stages": [DRAW, RENDER], "batch": batch},
        "title": "foxes",
        "target": "http://nobody.invalid",
    }
    added = api.post("/jobs", asked, 201)
    assert added["count"] == added["new"] == 3
    whole = api.get(f"/jobs/{added['jobs'][2]['id']}")
    assert whole["pipeline"]["stages"][0]["options"]["seed"] == 3
    assert whole["title"] == "foxes 3"
    asked["pipeline"]["batch"][0]["count"] = 10_001  # type: ignore[index]
    refused = api.ask("POST", "/jobs", asked)
    assert (refused.status, refused.code) == (422, "too_many_jobs")
    assert "10,001" in refused.json["error"]["message"]


def test_a_key_that_is_used_again_adds_nothing(api: ApiServer):
    key = f"contract-{time.time_ns()}"
    asked = {"pipeline": [DRAW], "target": "http://nobody.invalid"}
    first = api.post("/jobs", asked, 201, **{"Idempotency-Key": key})
    again = api.post("/jobs", asked, 200, **{"Idempotency-Key": key})
    assert again["jobs"][0]["id"] == first["jobs"][0]["id"]
    assert again["new"] == 0
    other = api.ask("POST", "/jobs", {"pipeline": [DRAW, RENDER]}, {"Idempotency-Key": key})
    assert (other.status, other.code) == (422, "idempotency_key_reuse")
    several = api.ask("POST", "/jobs", {"jobs": [asked, asked]}, {"Idempotency-Key": key})
    assert (several.status, several.code) == (422, "idempotency_key_reuse")


def test_a_job_is_moved_held_retried_and_cancelled(api: ApiServer):
    one, other = api.add(title="one"), api.add(title="other")
    path = f"/jobs/{one['number']}"
    assert api.post(f"{path}/priority", {"priority": 7})["priority"] == 7
    api.post(f"{path}/move", {"before": other["id"]})
    api.post(f"{path}/move", {"to": "top"})
    assert api.post(f"{path}/hold", {})["state"] == "held"
    assert api.post(f"{path}/retry", None)["state"] == "waiting"
    assert api.post(f"{path}/cancel", {})["state"] == "cancelled"
    refused = api.ask("POST", f"{path}/cancel", {})
    assert (refused.status, refused.code) == (409, "job_conflict")
    assert api.post(f"{path}/requeue", {})["state"] == "waiting"
    api.post(f"{path}/cancel", {})
    again = api.post(f"{path}/rerun", {"stage": "draw", "options": {"seed": 9}})
    assert again["run_id"] != one["run_id"]
    api.post(f"{path}/cancel", {})
    rewired = {"stage": "paint", "pipeline": [DRAW, {**RENDER, "id": "paint"}]}
    assert api.post(f"{path}/rerun", rewired)["state"] == "waiting"
    assert [stage["id"] for stage in api.get(path)["pipeline"]["stages"]] == ["draw", "paint"]
    listed = api.get("/jobs?state=waiting&text=one&limit=2")
    assert one["id"] in [job["id"] for job in listed["jobs"]]
    for job in (one, other):
        api.post(f"/jobs/{job['id']}/cancel", {})
    missing = api.ask("GET", "/jobs/99999999")
    assert (missing.status, missing.code) == (404, "no_such_job")


def test_the_queue_is_paused_and_resumed(api: ApiServer):
    before = api.get("/queue")["is_paused"]
    assert api.post("/queue/pause", {"reason": "for a test"})["is_paused"]
    assert api.get("/queue")["reason"] == "for a test"
    assert not api.post("/queue/resume", {})["is_paused"]
    if before:
        api.post("/queue/pause", {})


# events


def test_events_of_a_job_end_with_it(api: ApiServer):
    job = api.add()
    events = api.events(f"/jobs/{job['id']}/events")
    assert next(events)[1]["kind"] == "added"
    api.post(f"/jobs/{job['id']}/cancel", {})
    rest = list(events)
    assert [data["kind"] for name, data in rest if name == "happened"] == ["cancelled"]
    assert (rest[-1][0], rest[-1][1]["state"]) == ("end", "cancelled")


def test_events_go_on_after_the_last_one_that_was_heard(api: ApiServer):
    job = api.add()
    api.post(f"/jobs/{job['id']}/hold", {})
    api.post(f"/jobs/{job['id']}/cancel", {})
    path = f"/jobs/{job['id']}/events"
    numbers = [data["number"] for name, data in api.events(path) if name == "happened"]
    assert len(numbers) == 3
    later = list(api.events(path, **{"Last-Event-ID": str(numbers[0])}))
    assert [data["number"] for name, data in later if name == "happened"] == numbers[1:]
    assert [data["number"] for name, data in api.events(f"{path}?after={numbers[1]}") if name == "happened"] == numbers[
        2:
    ]
    of_all = api.events(f"/events?after={numbers[0]}")
    assert next(of_all)[1]["number"] == numbers[1]
    of_all.close()


def test_a_stream_that_nobody_hears_any_more_ends(api: ApiServer):
    """Far more of them than are given at once."""
    job = api.add()
    for _ in range(50):
        events = api.events(f"/jobs/{job['id']}/events")
        assert next(events)[0] == "happened"
        events.close()
        time.sleep(0.02)
    api.post(f"/jobs/{job['id']}/cancel", {})


# prompts, images, profiles, pipelines


def test_a_prompt_is_drawn_with_the_origin_of_its_words(api: ApiServer):
    drawn = api.post("/prompts:draw", {"template": "a {fox|owl}", "seed": 4, "count": 2, "with_runs": True})["prompts"]
    assert [prompt["seed"] for prompt in drawn] == [4, 5]
    parts = drawn[0]["components"]
    assert "".join(part["text"] for part in parts) == drawn[0]["positive"] in ("a fox", "a owl")
    assert parts[-1]["choices"][0]["options"] == 2
    job = api.add(RENDER, run=drawn[0]["run"])
    api.post(f"/jobs/{job['id']}/cancel", {})


def test_images_are_listed_sent_and_marked(api: ApiServer, tmp_path: Path):
    path = tmp_path / "of the contract.png"
    path.write_bytes(PNG)
    with _stored(api, path) as run_id:
        found = api.get(f"/images?run={run_id}")["images"]
        assert [(image["name"], image["positive"]) for image in found] == [(path.name, "a fox of the contract")]
        assert api.get("/images?limit=1")["images"][0]["id"] == found[0]["id"]
        image = found[0]["id"]
        sent = api.ask("GET", f"/images/{image}/file")
        assert (sent.status, sent.headers["content-type"], sent.body) == (200, "image/png", PNG)
        marked = api.ask("PUT", f"/images/{image}/marks", {"favourite": True, "stars": 4})
        assert marked.status == 200, marked.body
        assert api.get(f"/images/{image}")["marks"] == {"favourite": True, "reject": False, "stars": 4}
        assert marked.json["observations"] == 1
        api.ask("PUT", f"/images/{image}/marks", {})
        both = api.ask("PUT", f"/images/{image}/marks", {"favourite": True, "reject": True})
        assert (both.status, both.code) == (422, "invalid")
        path.unlink()
        assert not api.get(f"/images/{image}")["is_there"]
        assert api.ask("GET", f"/images/{image}/file").code == "no_file"


def test_only_files_that_the_store_lists_are_sent(api: ApiServer, tmp_path: Path):
    for name in ("../../etc/passwd", "/etc/passwd", "x.0", "..%2F..%2Fetc%2Fpasswd.0"):
        reply = api.ask("GET", f"/images/{quote(name, safe='')}/file")
        assert reply.status == 404, reply.body
        assert "root:" not in reply.body.decode()
    secret = tmp_path / "secret.png"  # an image by its name alone
    secret.write_text("the token", "utf-8")
    with _stored(api, secret) as run_id:
        image = api.get(f"/images?run={run_id}")["images"][0]["id"]
        reply = api.ask("GET", f"/images/{image}/file")
        assert (reply.status, reply.code) == (404, "no_image_file")
    drawn = api.post("/prompts:draw", {"template": "a fox", "with_runs": True})["prompts"][0]["run"]
    request = {"positive": "", "negative": ""}
    drawn["images"] = [{"path": str(secret), "request": request, "run_id": drawn["id"]}]
    refused = api.ask("POST", "/jobs", {"pipeline": [RENDER], "run": drawn})
    assert (refused.status, refused.code) == (422, "invalid")


# the gallery's pictures, and its page


def _picture(shade: int) -> bytes:
    """A PNG of 600 × 400 pixels, made by hand: a server's tests run without Pillow too."""
    line = b"\0" + bytes((shade, 20, 10)) * 600
    pieces = [b"\x89PNG\r\n\x1a\n"]
    size = struct.pack(">IIBBBBB", 600, 400, 8, 2, 0, 0, 0)
    for name, data in ((b"IHDR", size), (b"IDAT", zlib.compress(line * 400)), (b"IEND", b"")):
        pieces += [struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(name + data))]
    return b"".join(pieces)


def _in_gallery(api: ApiServer, run_id: str) -> str:
    (image,) = api.get(f"/gallery/images?q=run:{run_id}")["images"]
    return f"/gallery/images/{image['id']}"


def test_a_picture_is_sent_whole_in_parts_and_not_twice(api: ApiServer, tmp_path: Path):
    path = tmp_path / "parts.png"
    data = _picture(1)
    path.write_bytes(data)
    with _stored(api, path) as run_id:
        file = f"{_in_gallery(api, run_id)}/file"
        whole = api.ask("GET", file)
        assert (whole.status, whole.headers["content-type"], whole.body) == (200, "image/png", data)
        assert (whole.headers["accept-ranges"], whole.headers["x-content-type-options"]) == ("bytes", "nosniff")
        for asked, part in (("0-9", data[:10]), ("100-", data[100:]), ("-7", data[-7:]), ("5-5", data[5:6])):
            sent = api.ask("GET", file, headers={"Range": f"bytes={asked}", "Accept-Encoding": "gzip"})
            assert (sent.status, sent.body, sent.headers["content-length"]) == (206, part, str(len(part))), asked
            assert sent.headers["content-range"].endswith(f"/{len(data)}")
        assert api.ask("GET", file, headers={"Range": "bytes=0-1,5-6"}).body == data
        beyond = api.ask("GET", file, headers={"Range": f"bytes={len(data)}-"})
        assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
        known = api.ask("GET", file, headers={"If-None-Match": whole.headers["etag"]})
        assert (known.status, known.body) == (304, b"")
        head = api.ask("HEAD", file)
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))
        path.unlink()
        gone = api.ask("GET", file)
        assert (gone.status, gone.code) == (404, "no_file")


def test_a_thumbnail_is_made_and_a_broken_picture_has_none(api: ApiServer, tmp_path: Path):
    path = tmp_path / "small.png"
    path.write_bytes(_picture(time.time_ns() % 256))
    with _stored(api, path) as run_id:
        image = _in_gallery(api, run_id)
        made = api.ask("GET", f"{image}/thumbnail")
        assert (made.status, made.headers["content-type"], made.body[8:12]) == (200, "image/webp", b"WEBP")
        known = api.ask("GET", f"{image}/thumbnail", headers={"If-None-Match": made.headers["etag"]})
        assert (known.status, known.body) == (304, b"")
    broken = tmp_path / "broken.png"
    broken.write_bytes(PNG + str(time.time_ns()).encode())
    with _stored(api, broken) as run_id:
        refused = api.ask("GET", f"{_in_gallery(api, run_id)}/thumbnail")
        assert (refused.status, refused.code) == (404, "no_thumbnail")


def test_the_page_is_sent_to_whoever_reaches_the_server(api: ApiServer):
    """Built or not."""
    page = api.ask("GET", "/app/?in=comfyui&theme=dark")
    assert page.status in (200, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    led = api.ask("GET", "/app?theme=dark")
    assert (led.status, led.headers["location"]) == (307, "app/?theme=dark")
    for name in ("../health", "assets/../index.html", "assets/..%2f..%2fpackage.json", "%2e%2e/package.json"):
        assert api.ask("GET", f"/app/{name}").status == 404
    if page.status == 200:
        (script,) = re.findall(r'<script[^>]* src="\./(assets/[^"]+)"', page.body.decode())
        sent = api.ask("GET", f"/app/{script}")
        assert (sent.status, sent.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert "immutable" in sent.headers["cache-control"]
        assert api.ask("GET", f"/app/{script}", headers={"If-None-Match": sent.headers["etag"]}).status == 304


def test_a_session_begins_and_ends(api: ApiServer):
    own = {"Origin": f"http://{api.host}"}
    began = api.ask("POST", "/session", headers=own)
    assert (began.status, began.body) == (204, b"")
    cookie = began.headers.get("set-cookie", "").partition(";")[0]
    assert bool(cookie) == bool(api.token)
    ended = api.ask("DELETE", "/session", headers=own | {"Cookie": cookie})
    assert (ended.status, "Max-Age=0" in ended.headers["set-cookie"]) == (204, True)


@contextmanager
def _stored(api: ApiServer, path: Path) -> Iterator[str]:
    """A run with one image, in the server's own store."""
    from orchestrator_core.prompt import Choice, Component, Origin, PromptDraft, PromptSource
    from orchestrator_core.request import GeneratedImage, GenerationRequest
    from orchestrator_core.run import Run, new_run_id
    from orchestrator_core.store import Store

    if not api.database:
        pytest.skip("nobody says where this server's store is")
    choice = Choice("inline:1a2b#fox", ("fox", "owl"), options=2)
    words = (Component("a "), Component("fox", Origin.template, (choice,)), Component(" of the contract"))
    run_id = new_run_id()
    request = GenerationRequest("a fox of the contract", seed=3, checkpoint="dream.safetensors")
    draft = PromptDraft(words, seed=3, source=PromptSource("a {fox|owl} of the contract"))
    with Store.open(api.database) as store:
        store.save_run(Run(run_id, draft, (GeneratedImage(path, request, run_id),)))
        yield run_id
        store.delete_run(run_id)


def test_profiles_are_listed_and_shown(api: ApiServer):
    listed = api.get("/profiles")["profiles"]
    assert listed
    key = listed[0]["key"]
    assert api.get(f"/profiles/{quote(key, safe='')}")["key"] == key
    assert api.get(f"/profiles/{quote(key)}")["name"] == listed[0]["name"]
    missing = api.ask("GET", "/profiles/of-nobody-at-all")
    assert (missing.status, missing.code) == (404, "no_such_profile")


def test_a_pipeline_is_saved_read_planned_and_deleted(api: ApiServer):
    name, given = "of the contract", {"pipeline": {"stages": [DRAW, RENDER], "description": "for a test"}}
    path = f"/pipelines/{quote(name)}"
    api.ask("DELETE", path)
    assert api.ask("PUT", path, given).status == 201
    assert api.ask("PUT", path, given).status == 200
    assert api.get(path)["pipeline"]["stages"][0]["options"]["seed"] == 3
    assert {"quick", name} <= {one["name"] for one in api.get("/pipelines")["pipelines"]}
    assert api.post("/pipelines:check", {"pipeline": name})["ok"]
    unknown = api.post("/pipelines:check", {"pipeline": [{"id": "a", "type": "paint"}]})
    assert not unknown["ok"]
    assert "paint" in unknown["message"]
    plan = api.post("/pipelines:plan", {"pipeline": name})
    assert [stage["state"] for stage in plan["items"][0]["stages"]] == ["done", "renders"]
    assert plan["items"][0]["stages"][1]["request"]["positive"] in ("a fox", "a owl")
    assert api.ask("DELETE", path).status == 200
    assert api.ask("GET", path).code == "no_such_pipeline"
    assert api.ask("PUT", "/pipelines/quick", given).code == "bundled"
    for bad in ("../escape", "..", "a/b", "CON", "a\nb", "-rf"):
        reply = api.ask("PUT", f"/pipelines/{quote(bad, safe='')}", given)
        assert reply.status in (404, 405, 422), (bad, reply.body)


# bad input


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"\xff\xfe\xfd", 400, "bad_json"),
        (b'{"priority": NaN}', 400, "bad_json"),
        (b'{"priority": 1e999}', 400, "bad_json"),
        (b"[" * 100_000, 400, "bad_json"),
        (b'{"pipeline": ' + b"[" * 70 + b"]" * 70 + b"}", 400, "bad_json"),
        (b'{"priority": ' + b"9" * 5_000 + b"}", 400, "bad_json"),
        (b'{"pipeline": [{"id": "a", "type": "dispatch"}], "priority": 99999999999999999999}', 422, "invalid"),
        (b'{"pipeline": [{"id": "a", "type": "dispatch"}], "colour": 1}', 422, "invalid"),
        (b'{"pipeline": [{"id": "a", "type": "paint"}]}', 422, "pipeline"),
        (b'{"pipeline": [{"id": "a", "type": "dispatch", "needs": ["a"]}]}', 422, "invalid"),
        (b'{"pipeline": {"schema_version": 99, "stages": []}}', 422, "invalid"),
        (b'{"pipeline": "of nobody"}', 422, "pipeline"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"", 422, "invalid"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_bad_bodies_are_told_in_one_shape(api: ApiServer, body: bytes, status: int, code: str):
    reply = api.ask("POST", "/jobs", raw=body)
    assert (reply.status, reply.code) == (status, code), reply.body
    assert api.get("/health")["status"] == "ok"


def test_a_gigabyte_is_refused_before_it_is_sent(api: ApiServer):
    connection = api.connect()
    connection.putrequest("POST", "/orchestrator/v1/jobs")
    for name, value in {"Content-Type": "application/json", "Content-Length": str(1 << 30), **api.login}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "too_large")
    connection.close()


def _chunked(api: ApiServer, path: str, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """What is answered while pieces are still sent, whose number nobody said."""
    host, port = api.host.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 30) as connection:
        head = {"Host": api.host, "Transfer-Encoding": "chunked", "Content-Type": "application/json", **api.login}
        lines = [f"POST /orchestrator/v1{path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        connection.sendall("\r\n".join(lines).encode() + b"\r\nConnection: close\r\n\r\n")
        try:
            for piece in pieces:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
        except OSError:  # it has closed the connection, and what it said is there to be read
            pass
        answer = b""
        try:
            while more := connection.recv(65_536):
                answer += more
        except OSError:
            pass
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer.partition(b"\r\n\r\n")[2]


def test_a_chunked_body_is_read(api: ApiServer):
    body = json.dumps({"template": "a fox"}).encode()
    status, answer = _chunked(api, "/prompts:draw", iter([body[:5], body[5:]]))
    assert status == 200
    assert b"a fox" in answer


def test_a_body_beyond_the_limit_is_refused_while_it_comes(api: ApiServer):
    status, _ = _chunked(api, "/prompts:draw", (b" " * 65_536 for _ in range(100)))
    assert status in (413, 0)  # 0: the system took the answer away with the connection
    assert api.get("/health")["status"] == "ok"


def test_a_method_that_a_path_has_not_is_told_with_those_that_it_has(api: ApiServer):
    reply = api.ask("DELETE", "/jobs")
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    if api.is_first:
        assert api.ask("OPTIONS", "/jobs").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert api.ask("GET", "/nowhere").code == "no_such_path"
    assert api.ask("GET", "/jobs", headers={"Accept": "text/html"}).code == "not_acceptable"
    form = api.ask("POST", "/jobs", raw=b"a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (form.status, form.code) == (415, "not_json")
    assert api.ask("GET", "/jobs?colour=red").code == "invalid"
    assert api.ask("GET", "/jobs/%00").code == "bad_path"


def test_a_head_has_no_body(api: ApiServer):
    for path in ("/health", "/events", "/jobs/99999999"):
        assert api.ask("HEAD", path).body == b""


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_foreign_page_is_refused(api: ApiServer, headers: dict[str, str]):
    options = [("OPTIONS", "/jobs")] if api.is_first else []
    for method, path in (("GET", "/health"), ("POST", "/queue/pause"), ("GET", "/nowhere"), *options):
        reply = api.ask(method, path, headers=headers)
        assert reply.status in ((403,) if api.is_first else (403, 500)), (method, path, reply.body)
        assert not api.is_first or "access-control-allow-origin" not in reply.headers


def test_a_foreign_host_name_is_refused(api: ApiServer):
    """As a page sends whose name was bound to this machine's address."""
    for name in ("evil.example", "evil.example:7871", "127.0.0.1.evil.example", "localhost.evil.example"):
        reply = api.ask("GET", "/health", headers={"Host": name})
        assert reply.status == 403, (name, reply.body)
