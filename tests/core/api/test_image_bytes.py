"""Pictures of the gallery as bytes: whole, in part, not again, and small."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from orchestrator_core.api import image_bytes
from orchestrator_core.api.files import file_answer, opened_part
from orchestrator_core.api.refusing import Refusal
from orchestrator_core.api.wire import Answer, Head, Part
from tests.core.api.shown_gallery import Shown, sent, showing
from tests.core.gallery.samples import avif

FILE, THUMBNAIL = "/gallery/images/1/file", "/gallery/images/1/thumbnail"
TEN = b"0123456789"


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    with showing(tmp_path, "fox.png") as found:
        yield found


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts") / "ten"
    path.write_bytes(TEN)
    return path


def asked(path: Path, **headers: str) -> Answer:
    head = Head("GET", "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return file_answer(head, path, "image/png", "k", {})


# files


@given(header=st.from_regex("bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True))
def test_a_part_is_what_the_header_asks_for(ten: Path, header: str):
    first, _, last = header.removeprefix("bytes=").partition("-")
    if (not first and not last) or (first and last and int(last) < int(first)):
        assert asked(ten, range=header).status == 200  # it says nothing
        return
    expected = TEN[int(first) : int(last) + 1 if last else None] if first else TEN[max(10 - int(last), 0) :]
    if not expected:
        with pytest.raises(Refusal) as caught:
            asked(ten, range=header)
        assert (caught.value.status, caught.value.headers["Content-Range"]) == (416, "bytes */10")
        return
    answer = asked(ten, range=header)
    start = TEN.index(expected)
    assert (answer.status, sent(answer)) == (206, expected)
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/10"


@given(
    header=st.text(max_size=30) | st.sampled_from(["bytes=0-1,3-4", "lines=0-1", "bytes=a-", "bytes=--1", "bytes = -"])
)
def test_what_is_no_range_or_several_is_answered_with_the_whole(ten: Path, header: str):
    assert sent(asked(ten, range=header)) == TEN


def test_a_part_of_what_is_another_content_by_now_is_all_of_it(ten: Path):
    assert asked(ten, range="bytes=0-1", if_range='"k"').status == 206
    for other in ('"j"', "Sat, 28 Nov 2026 12:00:00 GMT", 'W/"k"'):
        assert asked(ten, range="bytes=0-1", if_range=other).status == 200


def test_a_file_that_became_shorter_is_not_sent_as_what_was_announced(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(TEN[:4])
    with pytest.raises(OSError, match="shorter"):
        opened_part(Answer(206, file=path, part=Part(2, 3)))


def test_a_picture_is_sent_by_number_and_by_content_and_not_twice(shown: Shown):
    data, key = (shown.pictures / "fox.png").read_bytes(), shown.key()
    for name in ("1", key):
        answer = shown.ask("GET", f"/gallery/images/{name}/file")
        assert (answer.status, answer.content_type, sent(answer)) == (200, "image/png", data)
    assert answer.headers["ETag"] == f'"{key}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for known in (f'"{key}"', f'"x", W/"{key}"', "*"):
        again = shown.ask("GET", FILE, if_none_match=known)
        assert (again.status, again.body, again.file) == (304, b"", None)
    assert shown.ask("GET", FILE, if_none_match='"x"').status == 200
    head = shown.ask("HEAD", FILE, range="bytes=5-")
    assert (head.status, head.file, head.headers["Content-Length"]) == (206, None, str(len(data) - 5))


def test_no_name_leads_to_what_is_no_picture_of_the_gallery(shown: Shown, tmp_path: Path):
    for name in ("2", "0", "..%2Ffox.png", "fox.png", "9" * 40, "a" * 64, "\N{ARABIC-INDIC DIGIT ONE}"):
        assert shown.ask.code("GET", f"/gallery/images/{name}/file") == (404, "no_such_image")
    secret = tmp_path / "secret.png"
    secret.write_bytes((shown.pictures / "fox.png").read_bytes())
    (shown.pictures / "fox.png").unlink()
    (shown.pictures / "fox.png").symlink_to(secret)
    assert shown.ask.code("GET", FILE) == (404, "no_file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_place_of_a_picture_holds_nobody_up(shown: Shown):
    (shown.pictures / "fox.png").unlink()
    os.mkfifo(shown.pictures / "fox.png")
    assert shown.ask.code("GET", FILE) == (404, "no_file")
    assert shown.awaited("GET", THUMBNAIL).status == 404


# thumbnails


def test_a_thumbnail_is_made_when_it_is_first_asked_for(shown: Shown):
    assert shown.ask("GET", THUMBNAIL).pending is not None, "no thread waits for it"
    answer = shown.awaited("GET", THUMBNAIL)
    assert (answer.status, answer.content_type) == (200, "image/webp")
    with Image.open(io.BytesIO(sent(answer))) as picture:
        assert picture.size == (384, 256)
    assert shown.ask("GET", THUMBNAIL).pending is None
    known = shown.ask("GET", THUMBNAIL, if_none_match=answer.headers["ETag"])
    assert (known.status, known.file) == (304, None)


def test_a_thumbnail_may_be_kept_for_ever_only_by_its_content(shown: Shown):
    shown.awaited("GET", THUMBNAIL)
    by_content = shown.ask("GET", f"{THUMBNAIL}?v={shown.key()}").headers["Cache-Control"]
    assert by_content == "private, max-age=31536000, immutable"
    for query in ("", "?v=", "?v=x"):
        assert shown.ask("GET", THUMBNAIL + query).headers["Cache-Control"] == "private, no-cache"


def test_a_head_of_a_thumbnail_has_no_body(shown: Shown):
    answer = shown.awaited("HEAD", THUMBNAIL)
    assert (answer.status, answer.file) == (200, None)


def test_a_picture_that_cannot_be_decoded_is_broken_from_then_on(shown: Shown):
    whole = (shown.pictures / "fox.png").read_bytes()
    (shown.pictures / "half.png").write_bytes(whole[:60] + b"?" * 20 + whole[80:])
    shown.index()
    for path in ("/gallery/images/2/thumbnail", "/gallery/images/2/thumbnail?v=x"):
        answer = shown.awaited("GET", path)
        told = json.loads(answer.body)["error"]
        assert (answer.status, told["code"]) == (404, "no_thumbnail")
        assert "decoded" in told["message"]
    assert shown.ask.told("GET", "/gallery/images/2")["broken"]


def test_whoever_waits_too_long_is_told_to_ask_again(shown: Shown, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_bytes, "WAIT_S", 0.0)
    busy, go_on = threading.Event(), threading.Event()

    def wait(*_: object) -> Path:
        busy.set()
        go_on.wait(30)
        raise OSError

    shown.thumbnails.make = wait  # type: ignore[method-assign]
    answer = shown.awaited("GET", THUMBNAIL)
    assert busy.wait(30)
    go_on.set()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


def test_whoever_asks_for_what_this_python_cannot_decode_is_told_so(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown.pictures / "a.avif").write_bytes(avif(b""))
    shown.index()
    monkeypatch.setattr("orchestrator_core.gallery.thumbnails._known_kinds", lambda: ["PNG"])
    answer = shown.awaited("GET", "/gallery/images/2/thumbnail")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "no_thumbnail")
    assert "reads no AVIF" in json.loads(answer.body)["error"]["message"]
    assert not shown.ask.told("GET", "/gallery/images/2")["broken"]


def test_whoever_asks_while_nothing_can_be_kept_is_told_why(shown: Shown) -> None:
    shown.thumbnails.folder.write_text("no folder", encoding="utf-8")
    answer = shown.awaited("GET", THUMBNAIL)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "cannot be kept" in json.loads(answer.body)["error"]["message"]
    shown.thumbnails.folder.unlink()
    assert shown.awaited("GET", THUMBNAIL).status == 200


def test_a_place_without_thumbnails_says_so(tmp_path: Path):
    with showing(tmp_path, "fox.png", thumbnails=None) as shown:
        assert shown.ask.code("GET", THUMBNAIL) == (501, "no_thumbnails")
