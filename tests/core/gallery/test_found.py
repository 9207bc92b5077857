"""What is found is kept until something changes that it asks for, and every way of finding finds the same."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import pytest
from sqlalchemy import event

from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.store import Store, gallery_found
from orchestrator_core.store.gallery_kept import Kept
from tests.core.gallery.images import TOOLS, a1111, write
from tests.core.gallery.test_finding import a_run, found, gallery

__all__ = ["gallery"]  # six images, of six days

QUERIES = ("crimson", "-crimson", "lora:ink score>0.1", "-lora:ink", "crimson fox -name:3.png", "rating<3 sort:score")
QUERIES += ("date>2026-11-06 -date:2026-11-08 wildcard:colors/warm", "favourite:no sort:-score", "ow", "name:png")
QUERIES += ("height:512 sort:-date", "missing:no crimson", "-missing:yes amber", "format:png", "profile:night|mara")


def test_every_way_of_finding_finds_the_same(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [found(gallery, query) for query in QUERIES]
    monkeypatch.setattr(gallery_found, "FEW", 0)  # from here on each condition holds for many
    walked = [found(gallery, query) for query in QUERIES]
    cut = ["".join(image.name[0] for image in gallery.page(query, offset=1).images) for query in QUERIES]
    assert (walked, cut) == (few, [names[1:] for names in few])
    assert [gallery.count(query) for query in QUERIES] == [len(names) for names in few]


def test_any_place_of_the_order_is_found_at_once(gallery: Gallery) -> None:
    for query in ("", "crimson", "sort:-score", "lora:ink sort:score"):
        whole = found(gallery, query)
        one_by_one = "".join(gallery.page(query, 1, offset=n).images[0].name[0] for n in range(len(whole)))
        assert (one_by_one, gallery.page(query, offset=len(whole)).images) == (whole, ())


def test_what_was_found_is_not_looked_for_again_until_it_may_be_different(gallery: Gallery, tmp_path: Path) -> None:
    asked: list[str] = []
    event.listen(gallery.store.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))

    def statements(query: str) -> int:
        asked.clear()
        gallery.count(query)
        return sum("gallery_images" in statement for statement in asked)

    for query in ("crimson", "rating:0 crimson"):
        assert (statements(query) > 0, statements(query)) == (True, 0)
    assert statements("sort:rating crimson") == 0, "another order of the same"
    Marking(gallery).mark(gallery.page("seed:3").images[0].id, {"rating": 4})
    assert [statements("crimson"), statements("rating:0 crimson") > 0] == [0, True]
    assert (gallery.count("rating:0 crimson"), found(gallery, "sort:rating crimson")) == (1, "30")
    gallery.store.save_run(a_run(tmp_path / "more", 9, "crimson", day=20))
    assert (gallery.count("crimson"), found(gallery, "crimson")) == (3, "930")


WORDS = ("crimson", "amber", "fox", "owl", "snow")
ASKED = (*WORDS, "wl", "fo")  # no index finds these


@pytest.mark.parametrize("seed", range(2))
def test_any_query_finds_what_a_plain_look_at_each_image_finds(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Whichever way is taken: of few, of many, from either end of the order, in order, or kept."""
    chance = random.Random(seed)
    prompts = [" ".join(chance.sample(WORDS, 3)) for _ in range(60)]
    for number, prompt in enumerate(prompts):
        write(
            tmp_path / "in" / f"{number}.png", TOOLS[chance.choice(("A1111", "Forge"))](prompt, number), colour=number
        )
    gallery = Gallery(sqlite_store)
    gallery.add_root(tmp_path / "in")
    gallery.index()
    for number in chance.sample(range(60), 6):
        (tmp_path / "in" / f"{number}.png").unlink()
    gallery.index()
    every = gallery.page("missing:no", 100).images
    marking = Marking(gallery)
    for image in chance.sample(every, 20):
        marking.mark(image.id, {"rating": chance.randint(1, 5)})
    every = gallery.page("missing:no", 100).images
    monkeypatch.setattr(gallery_found, "_STEPS", (0, 4, 30))
    for _ in range(20):
        words = [(chance.choice(ASKED), chance.random() < 0.3) for _ in range(chance.randint(1, 3))]
        monkeypatch.setattr(gallery_found, "_SOME", chance.choice((0, 20_000)))
        tool, sort = chance.choice(("", "", "A1111", "Forge")), chance.choice(("date", "-date", "rating", "-rating"))
        stars = chance.choice((0, 0, 2))
        query = " ".join(("-" if is_not else "") + word for word, is_not in words)
        query += f" sort:{sort}" + (f" tool:{tool}" if tool else "") + (f" rating>={stars}" if stars else "")
        wanted = [
            image
            for image in every
            if all((word in image.prompt) != is_not for word, is_not in words)
            and tool.lower() in ("", image.tool.lower())
            and image.rating >= stars
        ]
        by_rating = sort.endswith("rating")
        wanted.sort(key=lambda one: (one.rating if by_rating else 0, one.made_ms, one.id), reverse=sort[0] != "-")
        ids = [image.id for image in wanted]
        for few, is_kept in ((0, False), (0, True), (1500, False), (1500, True)):
            monkeypatch.setattr(gallery_found, "FEW", few)
            for start in range(0, len(ids) + 4, 5):
                gallery.store.found = gallery.store.found if is_kept else Kept()
                assert [image.id for image in gallery.page(query, 5, offset=start).images] == ids[start : start + 5]
            gallery.store.found = gallery.store.found if is_kept else Kept()
            assert gallery.count(query) == len(ids), query


def test_what_another_program_adds_is_seen_too(sqlite_store: Store, tmp_path: Path) -> None:
    gallery = Gallery(sqlite_store)
    assert gallery.count("crimson") == 0
    with Store.open(sqlite_store.place) as other:
        other.save_run(a_run(tmp_path, 9, "crimson"))
    assert gallery.count("crimson") == 1


def test_a_page_goes_on_behind_an_image_that_is_found_no_more(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_found, "FEW", 0)
    first = gallery.page("favourite:no lora:ink", 2)
    Marking(gallery).mark(first.images[-1].id, {"favourite": True})
    rest = gallery.page("favourite:no lora:ink", 9, first.after)
    assert "".join(image.name[0] for image in (*first.images, *rest.images)) == "543210"


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept = Kept(room=10)
    for number in range(5):
        kept.put(number, 1, array("q", range(4)))
    assert [number for number in range(5) if kept.get(number, 1) is not None] == [3, 4]
    kept.put(4, 2, array("q", range(99)))  # the last is kept, however large
    assert (kept.get(3, 1), len(kept.get(4, 2) or ()), kept.get(4, 1)) == (None, 99, None)


def test_a_moved_file_is_found_by_its_new_path_alone(store: Store, tmp_path: Path) -> None:
    gallery = Gallery(store)
    gallery.add_root(tmp_path)
    path = write(tmp_path / "ÉTÉ" / "one.png", a1111("a fox"))
    gallery.index()
    assert [gallery.count(f"name:{part}") for part in ("été", "/one", "ONE.", "n", "two")] == [1, 1, 1, 1, 0]
    path.rename(tmp_path / "two.png")
    gallery.index()
    assert [gallery.count(f"name:{part}") for part in ("été", "one.png", "two.png")] == [0, 0, 1]


def test_facets_of_all_leave_out_what_is_gone(gallery: Gallery, tmp_path: Path) -> None:
    gallery.add_root(tmp_path)
    gallery.index()
    Marking(gallery).mark(gallery.page("seed:0").images[0].id, {"favourite": True, "rating": 2})
    whole = gallery.facets()
    assert (dict(whole.names["lora"]), whole.marks["favourite"], whole.total) == ({"Ink": 6}, 1, 6)
    (tmp_path / "0.png").unlink()
    gallery.index()
    after = gallery.facets()
    assert dict(after.names["lora"]) == {"Ink": 5}
    assert dict(after.names["wildcard"])["colors/warm#crimson"] == 1
    assert (after.marks["favourite"], after.marks["rating2"], after.total) == (0, 0, 5)
