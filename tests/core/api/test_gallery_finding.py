"""Finding images of the gallery by the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_core.api.gallery_models import SHORT
from orchestrator_core.gallery.model import written_cursor
from orchestrator_core.gallery.service import Gallery
from tests.core.api.api_place import Asker
from tests.core.api.gallery_place import gallery_asking, ids
from tests.core.gallery.images import a1111, write

PLACES = (10**30, -(10**30), 2**63, float("inf"), float("nan"))  # that no image has


@pytest.fixture
def ask(gallery_made: Path, tmp_path: Path) -> Iterator[Asker]:
    with gallery_asking(tmp_path, gallery_made) as asker:
        yield asker


def test_pages_by_cursor_and_by_offset_are_the_same_images(ask: Asker):
    whole = ids(ask.told("GET", "/gallery/images"))
    assert len(whole) == ask.told("GET", "/gallery/count")["total"] == 10
    by_cursor, after = list[int](), ""
    while after is not None:
        page = ask.told("GET", f"/gallery/images?limit=4{f'&after={after}' * bool(after)}")
        by_cursor, after = by_cursor + ids(page), page["next"]
    by_offset = [ids(ask.told("GET", f"/gallery/images?limit=4&offset={at}")) for at in (0, 4, 8, 12, 10**12)]
    assert by_cursor == [one for part in by_offset for one in part] == whole
    assert by_offset[3:] == [[], []]


def test_a_page_behind_an_offset_goes_on_by_its_cursor(ask: Asker):
    page = ask.told("GET", "/gallery/images?limit=2&offset=3")
    assert ids(page) + ids(ask.told("GET", f"/gallery/images?after={page['next']}")) == ids(
        ask.told("GET", "/gallery/images?offset=3")
    )


def test_a_query_finds_counts_and_narrows(ask: Asker):
    found = ask.told("GET", "/gallery/images?q=crimson lora:ink tool:forge")["images"]
    assert [image["tool"] for image in found] == ["Forge"]
    assert ask.told("GET", "/gallery/count?q=crimson snow")["total"] == 3
    facets = ask.told("GET", "/gallery/facets?q=crimson&most=2")
    assert facets["total"] == 10
    assert len(facets["names"]["tool"]) == 2
    assert [one["name"].casefold() for one in facets["names"]["lora"]] == ["ink"]
    assert facets["marks"]["favourite"] == facets["marks"]["rating5"] == 0


def test_a_name_that_is_being_typed_is_completed(ask: Asker):
    (ink,) = ask.told("GET", "/gallery/names?kind=lora&part=IN")["names"]
    assert (ink["name"].casefold(), ink["count"] > 0) == ("ink", True)
    assert len(ask.told("GET", "/gallery/names?kind=tool&most=1")["names"]) == 1
    assert ask.told("GET", "/gallery/names?kind=lora&part=nobody")["names"] == []
    assert ask.code("GET", "/gallery/names?kind=colour")[0] == 422


def test_a_card_is_short_and_the_image_alone_is_whole(ask: Asker, tmp_path: Path):
    prompt = "<script>alert(1)</script> " + "owl " * 300
    path = write(tmp_path / "more" / "long.png", a1111(prompt.strip()), colour=99)
    with ask.api.place.open_store() as store:
        Gallery(store).add_root(path.parent)
        Gallery(store).index()
    (card,) = ask.told("GET", "/gallery/images?q=owl alert")["images"]
    assert card["prompt"] == prompt[:SHORT]
    for name in (card["id"], card["key"], card["key"].upper()):
        whole = ask.told("GET", f"/gallery/images/{name}")
        assert (whole["prompt"], whole["path"], whole["negative"]) == (prompt.strip(), str(path), "blurry")
    assert whole["settings"]["steps"] == 20
    assert {"kind": "tool", "name": "A1111"} in whole["terms"]


def test_loras_of_an_image_come_with_their_strengths(ask: Asker):
    (card,) = ask.told("GET", "/gallery/images?q=lora:ink tool:forge")["images"]
    assert ask.told("GET", f"/gallery/images/{card['id']}")["loras"] == [{"name": "ink", "strength": 0.7}]


@pytest.mark.parametrize("name", ["99999999", "0", "-1", "9" * 40, "a" * 64, "r0.0", "..", "²", "1" * 64])
def test_an_image_that_is_not_there_is_told(ask: Asker, name: str):
    assert ask.code("GET", f"/gallery/images/{name}") == (404, "no_such_image")


@pytest.mark.parametrize(
    ("query", "code", "where"),
    [
        ("q=colour:red", "query", "q"),
        ('q="open', "query", "q"),
        ("q=" + "a" * 2_001, "invalid", "q"),
        ("limit=0", "invalid", "limit"),
        ("limit=501", "invalid", "limit"),
        ("offset=-1", "invalid", "offset"),
        ("offset=99999999999999999999", "invalid", "offset"),
        ("after=bad", "cursor", "after"),
        ("after=WyJkYXRlIixmYWxzZSxbMSwgMl1d&q=sort:score", "cursor", "after"),
        *((f"after={written_cursor('date', False, [place, 1])}", "cursor", "after") for place in PLACES),
        ("after=W10&offset=3", "cursor", "after"),
        ("colour=red", "invalid", "colour"),
    ],
    ids=lambda text: text[:30],
)
def test_what_cannot_be_asked_is_told_with_its_field(ask: Asker, query: str, code: str, where: str):
    answer = ask("GET", f"/gallery/images?{query}")
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["where"]) == (422, code, where)


def test_a_nul_and_half_a_character_are_no_query(ask: Asker):
    assert ask.code("GET", "/gallery/images?q=a\0b") == (400, "bad_query")
    assert ask.code("GET", "/gallery/images?q=\ud800") == (422, "invalid")


def test_searches_are_kept_under_a_name_whatever_its_case(ask: Asker):
    ask.told("PUT", "/gallery/searches/Best of/foxes", {"query": "fox rating>=4"})
    ask.told("PUT", "/gallery/searches/winter", {"query": "snow"})
    told = ask.told("PUT", "/gallery/searches/best OF/foxes", {"query": "fox sort:rating"})["searches"]
    assert told == [{"name": "best OF/foxes", "query": "fox sort:rating"}, {"name": "winter", "query": "snow"}]
    assert ask.told("DELETE", "/gallery/searches/BEST of/foxes") == ask.told("GET", "/gallery/searches")
    assert ask.code("DELETE", "/gallery/searches/nothing") == (404, "no_such_search")


@pytest.mark.parametrize(
    ("name", "query", "status", "where"),
    [
        ("a" * 201, "fox", 422, "name"),
        ("a\0", "fox", 400, ""),
        ("a", "colour:red", 422, "query"),
        ("a", "a" * 2_001, 422, "query"),
    ],
    ids=["name", "nul", "query", "long"],
)
def test_a_search_that_cannot_be_kept_is_told(ask: Asker, name: str, query: str, status: int, where: str):
    answer = ask("PUT", f"/gallery/searches/{name}", {"query": query})
    assert (answer.status, json.loads(answer.body)["error"]["where"]) == (status, where)
    assert ask.told("GET", "/gallery/searches")["searches"] == []
