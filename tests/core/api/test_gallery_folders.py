"""Folders by the API, which are looked at in the background; and marks as JSON lines."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from orchestrator_core.api.gallery_exchange import Lines
from orchestrator_core.api.place import OfferedFolder
from orchestrator_core.api.wire import Answer
from orchestrator_core.errors import StoreLocked
from orchestrator_core.gallery.keeper import GalleryKeeper
from orchestrator_core.store import Store, gallery_images
from orchestrator_core.store.gallery_tables import images
from tests.core.api.api_place import Asker, asking
from tests.core.api.gallery_place import gallery_asking, ids
from tests.core.gallery.images import a1111, write


def until(is_so: Callable[[], Any]) -> Any:
    """Within half a minute."""
    end = time.monotonic() + 30
    while not (found := is_so()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


@pytest.fixture
def output(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / "output" / f"{number}.png", a1111(f"an owl {number}"), colour=100 + number)
    return tmp_path / "output"


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[GalleryKeeper]:
    made = GalleryKeeper(lambda: Store.open(tmp_path / "store.sqlite3"))
    yield made
    made.close()


@pytest.fixture
def ask(tmp_path: Path, output: Path, keeper: GalleryKeeper) -> Iterator[Asker]:
    offers = (OfferedFolder("output", output), OfferedFolder("gone", tmp_path / "gone"))
    with asking(tmp_path, keeper=keeper, offered=lambda: offers) as asker:
        yield asker


def is_done(ask: Asker) -> Any:
    told = ask.told("GET", "/gallery/folders")
    return None if told["indexing"]["running"] else told


def test_a_folder_that_the_host_offers_is_added_and_read(ask: Asker, output: Path):
    assert until(lambda: is_done(ask))["offered"] == [{"name": "output", "path": str(output)}]
    told = ask.told("POST", "/gallery/folders", {"offered": "output"})
    assert (told["folders"][0]["path"], told["offered"]) == (str(output), [])
    until(lambda: ask.told("GET", "/gallery/count")["total"] == 3)
    done = until(lambda: is_done(ask))
    assert done["folders"] == [{"path": str(output), "images": 3}]
    assert (done["indexing"]["done"], done["indexing"]["total"], done["indexing"]["read"]) == (3, 3, 3)
    assert done["indexing"]["message"] == "3 images read, 0 of them broken, 0 gone."
    write(output / "later.png", a1111("a heron"), colour=200)
    until(lambda: ask.told("GET", "/gallery/count?q=heron")["total"] == 1)


def test_a_folder_is_added_twice_without_harm_and_another_not_at_all(ask: Asker, output: Path):
    for _ in range(2):
        assert len(ask.told("POST", "/gallery/folders", {"offered": "output"})["folders"]) == 1
    assert ask.code("POST", "/gallery/folders", {"offered": "gone"}) == (409, "folder")
    for name in (str(output), "../output", "Output", "\0", "/"):
        assert ask.code("POST", "/gallery/folders", {"offered": name}) == (404, "no_such_folder")
    assert ask.code("POST", "/gallery/folders", {"path": str(output)}) == (422, "invalid")


def test_nothing_is_looked_at_before_somebody_asks(ask: Asker, keeper: GalleryKeeper):
    ask.told("GET", "/images")
    assert keeper.progress() == type(keeper.progress())()
    ask.told("GET", "/gallery/count")
    until(lambda: keeper.progress().message and not keeper.progress().running)


def test_a_folder_that_another_program_added_is_looked_at_when_somebody_asks(ask: Asker, tmp_path: Path, output: Path):
    from orchestrator_core.gallery.service import Gallery

    until(lambda: is_done(ask))
    with Store.open(tmp_path / "store.sqlite3") as store:
        Gallery(store).add_root(output)
    ask.told("POST", "/gallery/index", {})
    until(lambda: ask.told("GET", "/gallery/count")["total"] == 3)


def test_a_place_that_looks_at_no_folders_says_so(tmp_path: Path):
    with asking(tmp_path) as ask:
        assert ask.code("POST", "/gallery/index") == (501, "no_indexing")
        assert ask.code("POST", "/gallery/folders", {"offered": "output"}) == (501, "no_indexing")
        assert not ask.told("GET", "/gallery/folders")["indexing"]["running"]


def test_what_goes_wrong_in_the_background_is_told(tmp_path: Path):
    keeper = GalleryKeeper(lambda: Store.open(tmp_path / "store.sqlite3"))
    (tmp_path / "folder").mkdir()
    with asking(tmp_path, keeper=keeper, offered=lambda: [OfferedFolder("a", tmp_path / "folder")]) as ask:
        ask.told("POST", "/gallery/folders", {"offered": "a"})
        (tmp_path / "folder").rmdir()
        until(lambda: is_done(ask))
        ask.told("POST", "/gallery/index", {})
        until(lambda: "is not there" in ask.told("GET", "/gallery/folders")["indexing"]["message"])
        keeper.close()


# marks as JSON lines


def line(sha256: str, **fields: Any) -> str:
    return json.dumps({"schema_version": 1, "sha256": sha256, **fields})


def imported(ask: Asker, body: bytes | str, kind: str = "application/x-ndjson") -> Any:
    raw = body if isinstance(body, bytes) else body.encode()
    answer = ask.raw("POST", "/gallery/import", raw, content_type=kind)
    return (
        json.loads(answer.body) if answer.status == 200 else (answer.status, json.loads(answer.body)["error"]["code"])
    )


def all_of(answer: Answer) -> bytes:
    """What a server would send of it."""
    pieces = list[bytes]()
    assert answer.stream is not None
    while (piece := answer.stream.poll()) is not None:
        pieces.append(piece)
    return b"".join(pieces)


def test_of_50_000_marks_that_go_out_few_are_in_memory(tmp_path: Path):
    with asking(tmp_path) as ask:
        with ask.api.place.open_store() as store, store.writing() as connection:
            gallery_images.ensure_all(connection, {f"{n:064x}": f"{n}.png" for n in range(50_000)})
            connection.execute(update(images).values(rating=3))
        stream, count = ask("GET", "/gallery/export").stream, 0
        assert stream is not None
        tracemalloc.start()
        try:
            while (piece := stream.poll()) is not None:
                count += piece.count(b"\n")
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert count == 50_000
        assert most < 3 * 2**20, "all lines have some 6 MiB"


def test_an_export_that_breaks_off_is_not_taken_for_all_of_it(tmp_path: Path):
    @contextmanager
    def locked() -> Iterator[Store]:
        raise StoreLocked("Another program keeps it locked.")
        yield

    with pytest.raises(StoreLocked):
        Lines(locked).poll()


def test_marks_go_out_and_come_in_by_content(gallery_made: Path, tmp_path: Path):
    with gallery_asking(tmp_path, gallery_made) as ask:
        keys = [image["key"] for image in ask.told("GET", "/gallery/images?limit=2")["images"]]
        lines = [line(keys[0], rating=4), "", line(keys[1].upper(), favourite=True), line("f" * 64, reject=True)]
        told = imported(ask, "\r\n".join(lines))
        assert told == {"read": 3, "changed": 3, "waiting": 1, "refused": 0, "problems": []}
        answer = ask("GET", "/gallery/export")
        assert answer.content_type == "application/x-ndjson"
        assert "attachment" in answer.headers["Content-Disposition"]
        lines_out = all_of(answer)
        out = [json.loads(one) for one in lines_out.decode().splitlines()]
        assert [one["sha256"] for one in out] == [keys[0], keys[1], "f" * 64]
        assert imported(ask, lines_out) == told | {"changed": 0}
        assert len(ids(ask.told("GET", "/gallery/images?q=rating>=4"))) == 1


def test_bad_lines_are_told_and_the_others_taken(tmp_path: Path):
    bad = [
        '{"sha256": "' + "a" * 30,
        "[]",
        line("x"),
        line("b" * 64, stars=3),
        line("b" * 64, rating=9),
        "\0",
        "{" * 50,
    ]
    with asking(tmp_path) as ask:
        told = imported(
            ask,
            "\ufeff"
            + "\n".join(
                [
                    *bad,
                    line("c" * 64, rating=3, name="\u2028 a\0b"),
                    "\udfff".encode("utf-8", "surrogatepass").decode("latin-1"),
                ]
            ),
        )
        assert (told["read"], told["refused"]) == (1, 8)
        assert told["problems"][0].startswith("Line 1: ")
        many = imported(ask, "x\n" * 200)
        assert (many["refused"], len(many["problems"])) == (200, 100)
        assert imported(ask, b"\xff\xfe\x00")["refused"] == 1
        assert imported(ask, b"") == {"read": 0, "changed": 0, "waiting": 0, "refused": 0, "problems": []}


def test_of_an_image_that_comes_twice_the_later_line_holds(tmp_path: Path):
    said = ({"rating": 3, "favourite": True}, {"rating": 4}, {"reject": True, "favourite": False})
    with asking(tmp_path) as ask:
        told = imported(ask, "\n".join(line("a" * 64, **fields) for fields in said))
        assert (told["read"], told["changed"], told["waiting"]) == (3, 1, 1)
        (out,) = all_of(ask("GET", "/gallery/export")).splitlines()
        assert json.loads(out) | {"name": ""} == json.loads(line("a" * 64, name="", reject=True, rating=4))
        told = imported(ask, "\n".join([line("a" * 64, favourite=True), line("b" * 64, reject=True)] * 2_000))
        assert (told["read"], told["changed"]) == (4_000, 2), "in two transactions, and not in thousands"
        assert json.loads(all_of(ask("GET", "/gallery/export")).splitlines()[0])["favourite"]


def test_more_lines_than_marks_can_fill_are_refused_before_any_is_read(tmp_path: Path):
    with asking(tmp_path) as ask:
        assert imported(ask, b"x\n" * 250_001) == (422, "too_many_lines")
        deep = imported(ask, b"[" * 99_999 + b"\n" + b"9" * 99_999 + b"\n" + b'{"a":' * 9_000)
        assert (deep["read"], deep["refused"]) == (0, 3)


def test_what_is_no_text_or_too_large_is_not_read(tmp_path: Path):
    with asking(tmp_path) as ask:
        assert imported(ask, "{}", "application/x-www-form-urlencoded") == (415, "not_taken")
        answer = ask.raw("POST", "/gallery/import", b"", content_length=str(17 << 20))
        assert (answer.status, json.loads(answer.body)["error"]["code"]) == (413, "too_large")
