"""Posting pictures: each until it was taken or refused, none twice, none that has changed, nothing that is private."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import OutsideError
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.model import GalleryImage
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.outside.form import File, form
from orchestrator_core.outside.places import Opened, Places
from orchestrator_core.outside.posting import MOST_AT_ONCE, Failed, Pace, Posted, Poster
from orchestrator_core.outside.record import record_of
from orchestrator_core.store import Store
from orchestrator_core.webhooks.sending import Posting
from orchestrator_core.webhooks.signing import new_secret
from tests.core.gallery.images import put, write
from tests.core.gallery.test_finding import a_run
from tests.core.outside.elsewhere import Elsewhere, elsewhere, read

SECRET = new_secret()
pytestmark = pytest.mark.network


@pytest.fixture
def gallery(sqlite_store: Store, tmp_path: Path) -> Gallery:
    """Images 1 to 4, each of a run; 1 has a score of 0.25."""
    sqlite_store.save_runs([a_run(tmp_path, number, score=None if number else 0.25) for number in range(4)])
    return Gallery(sqlite_store)


@pytest.fixture
def place(gallery: Gallery) -> Iterator[Elsewhere]:
    with elsewhere(SECRET) as opened:
        Places(gallery.store).add("wall", opened.url, SECRET)
        yield opened


def poster(gallery: Gallery, slept: list[float] | None = None, **pace: Any) -> Poster:
    return Poster(gallery, Pace(sleep=(slept if slept is not None else []).append, **pace))


def test_a_picture_arrives_as_it_is_with_what_made_it(gallery: Gallery, place: Elsewhere) -> None:
    Marking(gallery).mark(1, {"favourite": True, "rating": 4})
    seen: list[tuple[int, int]] = []
    assert Poster(gallery).post("WALL", [1], report=lambda done, of, _: seen.append((done, of))) == Posted((1,))
    [came], image = place.came, gallery.image(1)
    assert (came.image, came.filename, came.kind) == (Path(image.path).read_bytes(), "0.png", "image/png")
    made = came.record["made"]
    assert made.startswith("2026-11-05T")
    assert came.record == {
        "schema_version": 1,
        "sha256": image.key,
        "name": "0.png",
        "size": Path(image.path).stat().st_size,
        "type": "image/png",
        "made": made,
        "width": 8,
        "height": 8,
        "prompt": "a crimson fox in the snow",
        "negative": "blurry",
        "template": "a __colors/warm__ fox in the snow",
        "seed": "0",
        "model": "Dream",
        "loras": [{"name": "Ink", "strength": 1.0}],
        "settings": came.record["settings"],
        "profiles": ["mara", "night"],
        "story": "",
        "run_id": image.run_id,
        "tool": image.tool,
        "score": 0.25,
        "scores": {"fulfilment": 0.25},
        "marks": {"favourite": True, "reject": False, "rating": 4},
    }
    assert set(came.record["settings"]) <= {"sampler", "scheduler", "steps", "cfg", "denoise", "clip_skip"}
    assert str(Path(image.path).parent) not in str(came.record)
    assert seen == [(0, 1), (1, 1)]


def test_what_was_posted_is_passed_over_until_it_is_asked_for_again(gallery: Gallery, place: Elsewhere) -> None:
    assert Poster(gallery).post("wall", [2, 1, 2]) == Posted((2, 1))
    assert Poster(gallery).post("wall", [1, 3, 2]) == Posted((3,), (1, 2))
    assert len(place.came) == 3
    assert Poster(gallery).post("wall", [1], again=True) == Posted((1,))
    assert len({came.message for came in place.came}) == 4
    Places(gallery.store).add("other", place.url, SECRET)
    assert Poster(gallery).post("other", [1]).before == ()


def test_a_place_that_has_the_picture_already_is_believed(gallery: Gallery, place: Elsewhere) -> None:
    place.kept[gallery.image(1).key] = b""
    assert Poster(gallery).post("wall", [1]) == Posted((1,))
    assert Poster(gallery).post("wall", [1]).before == (1,)


def test_no_images_are_no_error_and_too_many_are(gallery: Gallery, place: Elsewhere) -> None:
    assert Poster(gallery).post("wall", []) == Posted()
    with pytest.raises(OutsideError, match="At most 1,000"):
        Poster(gallery).post("wall", range(MOST_AT_ONCE + 1))
    with pytest.raises(OutsideError, match="no place 'nowhere'"):
        Poster(gallery).post("nowhere", [1])
    assert not place.asked


def test_what_vanished_or_changed_is_told_and_the_rest_goes_on(
    gallery: Gallery, place: Elsewhere, tmp_path: Path
) -> None:
    (tmp_path / "0.png").unlink()
    put(tmp_path / "1.png", b"\x89PNG of something else")
    done = Poster(gallery).post("wall", [1, 2, 77, 3])
    assert done.posted == (3,)
    assert [(one.image, one.name) for one in done.failed] == [(1, "0.png"), (2, "1.png"), (77, "")]
    told = [one.message for one in done.failed]
    assert "not there" in told[0]
    assert "has changed since the gallery read it" in told[1]
    assert "no image 77" in told[2]
    assert len(place.came) == 1


def test_a_link_in_place_of_the_file_is_not_followed(gallery: Gallery, place: Elsewhere, tmp_path: Path) -> None:
    secret = put(tmp_path / "secret", (tmp_path / "0.png").read_bytes())
    (tmp_path / "0.png").unlink()
    (tmp_path / "0.png").symlink_to(secret)
    assert [one.image for one in Poster(gallery).post("wall", [1]).failed] == [1]
    assert not place.asked


def test_what_is_refused_for_itself_alone_keeps_no_other_back(gallery: Gallery, place: Elsewhere) -> None:
    place.replies += [(413, ""), (422, "")]
    assert Poster(gallery).post("wall", [1, 2, 3]) == Posted(
        (3,), (), (Failed(1, "0.png", "It answered 413."), Failed(2, "1.png", "It answered 422."))
    )
    assert Poster(gallery).post("wall", [1, 2, 3]) == Posted((1, 2), (3,))


def test_a_wrong_secret_is_tried_once_and_told_of_all(gallery: Gallery, place: Elsewhere) -> None:
    place.secret = new_secret()
    done = Poster(gallery).post("wall", [1, 2, 3])
    assert [one.message for one in done.failed] == [
        "It answered 401.",
        *["It was not sent, as the one before it was not taken: It answered 401."] * 2,
    ]
    assert len(place.asked) == 1


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "/elsewhere"])
def test_a_redirect_is_not_followed(gallery: Gallery, place: Elsewhere, where: str) -> None:
    place.replies.append((307, where))
    done = Poster(gallery).post("wall", [1, 2])
    assert "as what has moved" in done.failed[0].message
    assert (len(done.failed), len(place.asked)) == (2, 1)


def test_a_place_that_asks_to_wait_is_waited_for_and_all_tries_have_one_id(gallery: Gallery, place: Elsewhere) -> None:
    slept: list[float] = []
    place.replies += [(429, "7"), (503, "")]
    assert poster(gallery, slept).post("wall", [1]) == Posted((1,))
    assert slept == [7.0, 10.0]
    assert len(set(place.asked)) == 1


def test_a_place_that_asks_for_too_long_is_left_alone(gallery: Gallery, place: Elsewhere) -> None:
    slept: list[float] = []
    place.replies.append((429, "3600"))
    done = poster(gallery, slept).post("wall", [1, 2])
    assert done.failed[0].message == "It answered 429. It is to be tried again in 3,600 s."
    assert (slept, len(place.asked), len(done.failed)) == ([], 1, 2)


def test_after_its_time_is_over_no_other_picture_is_begun(gallery: Gallery, place: Elsewhere) -> None:
    now = iter([0.0, 1.0, 1.0, 70.0])
    done = poster(gallery, total_s=60, clock=lambda: next(now)).post("wall", [1, 2])
    assert done.posted == (1,)
    assert "Post again" in done.failed[0].message


def test_nobody_there_is_told_once_tried(gallery: Gallery) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    Places(gallery.store).add("wall", f"http://127.0.0.1:{port}/")
    done = poster(gallery, waits_s=(0.0,)).post("wall", [1, 2])
    assert [one.image for one in done.failed] == [1, 2]
    assert "nothing listens there" in done.failed[1].message


def impatient(opened: Opened, _: float) -> Posting:
    return Posting(opened.to, opened.by, silence_s=0.2, total_s=0.4)


def test_a_place_that_never_answers_is_given_up(gallery: Gallery, place: Elsewhere) -> None:
    over = threading.Event()

    def silent(_: BaseHTTPRequestHandler) -> None:
        over.wait(20)

    place.replies.append(silent)
    done = poster(gallery, waits_s=(), posting=impatient).post("wall", [1])
    over.set()
    assert "took too long" in done.failed[0].message


def test_an_answer_without_end_is_not_read(gallery: Gallery, place: Elsewhere) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        with suppress(OSError):
            for _ in range(1 << 14):
                handler.wfile.write(bytes(1 << 16))
                sent.append(1)

    place.replies.append(endless)
    assert Poster(gallery).post("wall", [1]) == Posted((1,))
    assert len(sent) < 1000


def test_a_name_that_leads_elsewhere_a_moment_later_leads_nowhere(gallery: Gallery, place: Elsewhere) -> None:
    addresses = iter(["127.0.0.1", "169.254.169.254"])

    def posting(opened: Opened, _: float) -> Posting:
        def resolve(_host: str, port: int, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(addresses), port))]

        return Posting(opened.to, opened.by, resolve=resolve)

    Places(gallery.store).add("rebinding", f"http://rebinding.test:{place.port}/", SECRET)
    done = poster(gallery, posting=posting).post("rebinding", [1, 2, 3])
    assert done.posted == (1,)
    assert "169.254.169.254, where nothing may be posted" in done.failed[0].message
    assert "169.254.169.254" in done.failed[1].message


def test_a_name_in_any_letters_arrives_as_it_is(gallery: Gallery, place: Elsewhere, tmp_path: Path) -> None:
    name = 'мыш "ネズミ" é.png'
    write(tmp_path / "in" / name, {"parameters": "a mouse"}, colour=9)
    gallery.add_root(tmp_path / "in")
    gallery.index()
    [image] = gallery.page("name:ネズミ").images
    assert Poster(gallery).post("wall", [image.id]).posted == (image.id,)
    assert place.came[0].filename == name.replace('"', "%22")
    assert place.came[0].record["name"] == name


def test_a_place_that_was_removed_meanwhile_is_no_error(gallery: Gallery, place: Elsewhere) -> None:
    def removing(opened: Opened, _: float) -> Posting:
        Places(gallery.store).remove("wall")
        return opened.posting()

    assert poster(gallery, posting=removing).post("wall", [1]) == Posted((1,))
    with pytest.raises(OutsideError, match="no place"):
        Poster(gallery).post("wall", [1])


def test_who_is_stopped_in_the_middle_goes_on_there(gallery: Gallery, place: Elsewhere) -> None:
    begun: list[Opened] = []

    def stopped(opened: Opened, _: float) -> Posting:
        begun.append(opened)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return opened.posting()

    with pytest.raises(KeyboardInterrupt):
        poster(gallery, posting=stopped).post("wall", [1, 2, 3])
    assert Poster(gallery).post("wall", [1, 2, 3]) == Posted((2, 3), (1,))


def test_what_is_too_large_is_not_read_to_its_end(gallery: Gallery, place: Elsewhere, tmp_path: Path) -> None:
    with (tmp_path / "0.png").open("r+b") as file:
        file.truncate(1 << 40)
    [failed] = poster(gallery, most_bytes=1 << 20).post("wall", [1]).failed
    assert failed.message == "0.png is larger than 1 MiB, so it is not posted."
    assert not place.asked


def test_two_at_once_post_no_picture_twice_into_a_place_that_looks(gallery: Gallery, place: Elsewhere) -> None:
    done: list[Posted] = []
    threads = [threading.Thread(target=lambda: done.append(Poster(gallery).post("wall", [1, 2, 3]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(sorted((*one.posted, *one.before)) == [1, 2, 3] for one in done)
    assert len(place.kept) == 3


# what is sent, without a server


@given(st.text(), st.binary(), st.text())
def test_a_form_says_what_was_put_into_it(name: str, data: bytes, prompt: str) -> None:
    content_type, body = form({"prompt": prompt}, File(name, "image/png", data))
    came = read(content_type, body)
    assert came.image == data
    assert came.record == {"prompt": prompt.encode("utf-8", "replace").decode()}
    assert "\n" not in came.filename


@pytest.mark.parametrize("name", ['x"; name="record', "a\r\nContent-Type: text/html", "nul\0.png", "\udcff.png"])
def test_a_name_cannot_say_anything_else(name: str) -> None:
    content_type, body = form({"a": 1}, File(name, "image/png", b"\r\n--data"))
    came = read(content_type, body)
    assert (came.record, came.image, came.kind) == ({"a": 1}, b"\r\n--data", "image/png")


def test_a_record_has_no_folders_and_no_numbers_that_json_lacks() -> None:
    image = GalleryImage(1, "0" * 64, 1, "C:\\me\\a.png", "/mine/me/a.png", model="/mine/me/models/Dream", score=0.5)
    image = replace(image, settings={"loras": [["me/Ink", float("nan")], []], "vae": "/mine/me/v.pt", "steps": 20})
    record = record_of(image, 3, "image/png", [("a", float("inf")), ("b", 0.5)])
    assert "me" not in {part for text in map(str, record.values()) for part in text.split("/")}
    assert record["loras"] == [{"name": "Ink", "strength": None}]
    assert (record["settings"], record["scores"], record["made"]) == ({"steps": 20}, {"b": 0.5}, None)
