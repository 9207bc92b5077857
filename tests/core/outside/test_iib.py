"""Marks as infinite-image-browsing's tags and back: nothing is toggled away, and what was said here stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.errors import OutsideError
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.outside.iib import Iib
from orchestrator_core.outside.iib_marks import AT_ONCE, Pulled, Pushed, pull, push
from orchestrator_core.store import Store
from tests.core.gallery.images import forge, picture, put, write
from tests.core.outside.elsewhere import elsewhere
from tests.core.outside.iib_server import IibServer, iib_serving

pytestmark = pytest.mark.network


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(1, 5):
        write(tmp_path / "pictures" / f"{number} é.png", forge("a fox", number), colour=number)
    return tmp_path / "pictures"


@pytest.fixture
def marking(sqlite_store: Store, pictures: Path) -> Marking:
    gallery = Gallery(sqlite_store)
    gallery.add_root(pictures)
    gallery.index()
    return Marking(gallery)


@pytest.fixture
def server(pictures: Path) -> Iterator[IibServer]:
    with iib_serving(pictures) as serving:
        yield serving


def mark(marking: Marking, number: int, **fields: object) -> None:
    marking.mark(named(marking, number), fields)


def named(marking: Marking, number: int) -> int:
    [image] = marking.gallery.page(f'name:"{number} é"').images
    return image.id


def tags(server: IibServer, pictures: Path) -> list[set[str]]:
    return [server.named(pictures / f"{number} é.png") for number in range(1, 5)]


def test_favourites_and_stars_become_tags_and_the_same_again_changes_nothing(
    marking: Marking, server: IibServer, pictures: Path
) -> None:
    mark(marking, 1, favourite=True)
    mark(marking, 2, favourite=True, rating=4)
    mark(marking, 3, rating=1)
    mark(marking, 4, reject=True)
    for pushed in (Pushed(3), Pushed(0, 3)):
        assert push(marking.gallery, Iib(server.url)) == pushed
        assert tags(server, pictures) == [{"like"}, {"like", "★★★★"}, {"★"}, set()]
    assert server.asked.count("update_image_data") == 1, "it had no pictures at first"
    assert push(marking.gallery, Iib(server.url), "rating:1") == Pushed(0, 1)


def test_a_picture_has_the_stars_of_its_rating_alone_and_other_tags_stay(
    marking: Marking, server: IibServer, pictures: Path
) -> None:
    server.give(pictures / "1 é.png", "★★", "★★★★★", "like", "mine")
    server.give(pictures / "2 é.png", "★★", "like", "mine")
    mark(marking, 1, rating=3)
    assert push(marking.gallery, Iib(server.url)) == Pushed(1)
    assert tags(server, pictures)[:2] == [{"★★★", "like", "mine"}, {"★★", "like", "mine"}]
    assert push(marking.gallery, Iib(server.url), mirror=True) == Pushed(2, 2)
    assert tags(server, pictures)[:2] == [{"★★★", "mine"}, {"mine"}]


def test_what_cannot_be_tagged_is_told_and_the_rest_is_tagged(
    marking: Marking, server: IibServer, pictures: Path, tmp_path: Path
) -> None:
    """Not there, in a folder that it does not scan, of a name that is no text."""
    server.update_image_data(None)
    put(tmp_path / "other" / "5.png", picture(colour=5))
    marking.gallery.add_root(tmp_path / "other")
    put(Path(os.fsdecode(os.fsencode(pictures) + b"/\xff.png")), picture(colour=6))
    marking.gallery.index()
    marking.mark_all([image.id for image in marking.gallery.page().images], {"favourite": True})
    (pictures / "2 é.png").unlink()
    del server.images[str(pictures / "2 é.png")]
    done = push(marking.gallery, Iib(server.url))
    assert tags(server, pictures) == [{"like"}, set(), {"like"}, {"like"}]
    told = {os.fsencode(path).rpartition(b"/")[2]: why for path, why in done.failed}
    assert (done.changed, set(told)) == (3, {"2 é.png".encode(), b"5.png", b"\xff.png"})
    assert "not there" in told["2 é.png".encode()]
    assert "not within the scan path" in told[b"5.png"]
    assert "not text" in told[b"\xff.png"]


def test_tags_become_marks_where_nothing_was_said_here(marking: Marking, server: IibServer, pictures: Path) -> None:
    server.give(pictures / "1 é.png", "like", "★★", "★★★★", "fox")
    server.give(pictures / "2 é.png", "★★")
    server.give(pictures / "3 é.png", "like", "★")
    server.give(pictures.parent / "elsewhere.png", "like")
    mark(marking, 2, rating=5)
    mark(marking, 3, favourite=True)
    mark(marking, 3, favourite=False)
    mark(marking, 4, rating=2)
    done = pull(marking, Iib(server.url))
    assert (done.changed, done.same) == (2, 0)
    assert sorted(done.kept) == [
        ("2 é.png", "it has 2 stars there, and 5 here"),
        ("3 é.png", "it is liked there, and here you said that it is no favourite"),
    ]
    marks = [marking.gallery.image(named(marking, number)).marks for number in range(1, 5)]
    assert [(one.favourite, one.stars) for one in marks] == [(True, 4), (False, 5), (False, 1), (False, 2)]
    assert pull(marking, Iib(server.url)) == Pulled(0, 1, 0, done.kept)
    assert pull(marking, Iib(server.url), over=True).changed == 2
    assert marking.gallery.image(named(marking, 2)).rating == 2
    assert pull(marking, Iib(server.url), over=True).changed == 0


def test_a_rejected_picture_that_is_liked_there_stays_rejected(
    marking: Marking, server: IibServer, pictures: Path
) -> None:
    server.give(pictures / "1 é.png", "like")
    mark(marking, 1, reject=True)
    assert len(pull(marking, Iib(server.url)).kept) == 1
    assert marking.gallery.image(named(marking, 1)).reject


def test_more_pictures_than_one_call_takes(marking: Marking, server: IibServer, pictures: Path) -> None:
    for number in range(AT_ONCE):
        put(pictures / f"n{number}.png", picture(colour=100 + number))
        server.give(pictures / f"n{number}.png", "★★★")
    marking.gallery.index()
    seen: list[int] = []
    done = pull(marking, Iib(server.url), report=lambda now, of, _: seen.append(now))
    assert (done.changed, seen) == (AT_ONCE, [AT_ONCE, AT_ONCE + 4])
    assert push(marking.gallery, Iib(server.url)) == Pushed(0, AT_ONCE)


def test_its_secret_key_goes_as_its_own_page_sends_it(marking: Marking, pictures: Path) -> None:
    mark(marking, 1, favourite=True)
    with iib_serving(pictures, secret="hunter2") as server:
        assert push(marking.gallery, Iib(server.url, "hunter2")).changed == 1
        for wrong in ("", "hunter3"):
            with pytest.raises(OutsideError, match="secret key is wrong") as refused:
                push(marking.gallery, Iib(server.url, wrong))
            assert "hunter" not in str(refused.value)


def test_one_that_may_only_be_read_is_told_before_anything_is_tried(marking: Marking, server: IibServer) -> None:
    server.is_readonly = True
    with pytest.raises(OutsideError, match="may only be read"):
        push(marking.gallery, Iib(server.url))
    assert server.asked == ["global_setting"]


def test_another_server_is_told_from_it(marking: Marking, server: IibServer) -> None:
    with pytest.raises(OutsideError, match="Is that the address of infinite-image-browsing, with /infinite"):
        push(marking.gallery, Iib(f"{server.url}/iib"))
    with elsewhere() as other, pytest.raises(OutsideError, match="answered 501"):
        push(marking.gallery, Iib(f"http://127.0.0.1:{other.port}"))
    with pytest.raises(OutsideError, match="does not answer"):
        push(marking.gallery, Iib("http://127.0.0.1:1"))


@pytest.mark.parametrize("url", ["{}", "{}/", "{}/infinite_image_browsing", "{}/infinite_image_browsing/"])
def test_its_address_may_be_written_in_any_way(marking: Marking, server: IibServer, url: str) -> None:
    assert push(marking.gallery, Iib(url.format(server.url))) == Pushed()


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ("global_setting", []),
        ("global_setting", "x" * 100),
        ("add_custom_tag", {"id": True}),
        ("add_custom_tag", None),
        ("get_image_tags", []),
        ("get_image_tags", None),
    ],
)
def test_answers_that_mean_nothing_are_told(marking: Marking, server: IibServer, route: str, told: object) -> None:
    setattr(server, route, lambda _: told)
    mark(marking, 1, favourite=True)
    with pytest.raises(OutsideError):
        push(marking.gallery, Iib(server.url))


def test_tags_that_mean_nothing_are_none(marking: Marking, server: IibServer, pictures: Path) -> None:
    path = str(pictures / "1 é.png")
    answers: list[object] = [
        None,
        "like",
        [None, 3, {}, {"name": None}, {"name": ["like"]}, {"name": "★" * 6}],
        {"a": 1},
    ]
    for answer in answers:
        server.get_image_tags = lambda _, told=answer: {path: told, "/etc/passwd": [{"name": "like"}]}  # type: ignore[method-assign, misc]
        assert pull(marking, Iib(server.url)) == Pulled()
