"""The query box, pages, facets, saved searches."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError, GalleryError
from orchestrator_core.gallery.marking import Marking
from orchestrator_core.gallery.model import written_cursor
from orchestrator_core.gallery.query import KEYS, Term, parse_query
from orchestrator_core.gallery.service import Gallery
from orchestrator_core.prompt import Choice, Component, LoraUse, Origin, PromptDraft, PromptSource, StoryUse
from orchestrator_core.request import GeneratedImage, GenerationRequest
from orchestrator_core.run import Run, Score
from orchestrator_core.store import Store, gallery_found
from tests.core.gallery.images import picture, put

NOVEMBER = int(datetime(2026, 11, 5, 12).astimezone().timestamp() * 1000)


def a_run(
    folder: Path, number: int, colour: str = "crimson", score: float | None = None, day: int = 0, lora: str = "Ink"
) -> Run:
    run_id = f"{NOVEMBER + day * 86_400_000 + number:012x}{number:020x}"
    path = put(folder / f"{number}.png", picture(colour=number))
    prompt = f"a {colour} fox in the snow"
    request = GenerationRequest(
        prompt, "blurry", (LoraUse(f"style/{lora}.safetensors"),), "sd/Dream.safetensors", seed=number
    )
    choice = Choice(f"colors/warm#{colour}", "colors/warm", options=3)
    draft = PromptDraft(
        (Component("a "), Component(colour, Origin.wildcard, (choice,)), Component(" fox in the snow")),
        source=PromptSource("a __colors/warm__ fox in the snow", profiles="mara, night"),
        story=StoryUse("The long winter", 1, "", "", "") if number % 2 else None,
    )
    scores = () if score is None else (Score(run_id, path.name, None, "fulfilment", score),)
    return Run(run_id, draft, (GeneratedImage(path, request, run_id),), scores)


@pytest.fixture
def gallery(store: Store, tmp_path: Path) -> Gallery:
    """Six images, of six days: 0 and 3 crimson, 1 and 4 amber, 2 and 5 rust; the scores rise, and 5 has none."""
    colours = ("crimson", "amber", "rust")
    store.save_runs(a_run(tmp_path, n, colours[n % 3], None if n == 5 else n / 10, day=n) for n in range(6))
    made = Gallery(store)
    assert made.prepare() == 0
    return made


def found(gallery: Gallery, query: str) -> str:
    return "".join(image.name[0] for image in gallery.page(query).images)


QUERIES = [
    ("", "543210"),
    ("crimson", "30"),
    ("CRIMSON snow", "30"),
    ('"crimson fox"', "30"),
    ('"fox crimson"', ""),
    ("-crimson", "5421"),
    ("blurry __colors", "543210"),
    ("lora:ink", "543210"),
    ("lora:oil|ink -model:dream", ""),
    ("model:Dream", "543210"),
    ("profile:night", "543210"),
    ('story:"long winter"', "531"),
    ("tool:orchestrator", "543210"),
    ("wildcard:colors/warm=crimson", "30"),
    ("wildcard:colors/warm=crimson|colors/warm=rust", "5320"),
    ("wildcard:colors/warm", "543210"),
    ("-wildcard:colors/warm#amber", "5320"),
    ("score>0.25", "43"),
    ("score:>=0.3", "43"),
    ("score<0.2", "10"),
    ("rating<3", ""),
    ("seed:3", "3"),
    ("date:2026-11", "543210"),
    ("date:2026-11-06", "1"),
    ("date>=2026-11-09", "54"),
    ("date<2026-11-06|2026-11-05", "0"),
    ("date:2025", ""),
    ("sort:-date", "012345"),
    ("sort:score", "432105"),
    ("sort:-score", "501234"),
    ("name:3.png", "3"),
    ("format:png", ""),  # a run does not say
    ("width>=512 height:512", "543210"[:0]),
    ("broken:yes", ""),
    ("missing:yes", ""),
    ("missing:yes date:2026-11", ""),
    ("favourite:no reject:no rating:0", "543210"),
]


def test_a_query_finds(gallery: Gallery) -> None:
    """All in one test: to make the tables takes longer than to ask."""
    seen = [(query, found(gallery, query)) for query, _ in QUERIES]
    assert seen == QUERIES
    assert [gallery.count(query) for query, _ in QUERIES] == [len(names) for _, names in QUERIES]


def test_both_ways_of_finding_a_page_find_the_same(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = (
        "crimson",
        "lora:ink score>0.1",
        "wildcard:colors/warm=rust sort:score",
        "date>2026-11-06",
        "sort:-score",
    )
    few = [found(gallery, query) for query in queries]
    monkeypatch.setattr(gallery_found, "FEW", 0)
    assert [found(gallery, query) for query in queries] == few


def test_pages_have_every_image_once_though_some_are_added_meanwhile(
    gallery: Gallery, tmp_path: Path, store: Store
) -> None:
    for query in ("sort:-date", "sort:score", "sort:-score", "sort:rating", "crimson", "lora:ink", ""):
        whole = found(gallery, query)
        page = gallery.page(query, 2)
        seen = "".join(image.name[0] for image in page.images)
        if not query:
            store.save_run(a_run(tmp_path / "more", 9, day=20))
        while page.after:
            page = gallery.page(query, 2, page.after)
            seen += "".join(image.name[0] for image in page.images)
        assert seen == whole, query


def test_a_page_that_no_page_gave_is_refused(sqlite_store: Store) -> None:
    of_scores = written_cursor("score", False, [0.5, 1, 2])
    for after in ("x", "bnVsbA", "WzEsMl0", "%%%", "é", of_scores, written_cursor("date", False, ["a", 1])):
        with pytest.raises(FormatError, match="Begin with the first one"):
            Gallery(sqlite_store).page("", 2, after)


def test_facets_count_what_is_found(gallery: Gallery) -> None:
    image = gallery.page("seed:3").images[0]
    Marking(gallery).mark(image.id, {"favourite": True, "rating": 4})
    facets = gallery.facets("crimson")
    assert facets.total == 2
    assert facets.names["wildcard"] == (("colors/warm#crimson", 2),)
    assert facets.names["lora"] == (("Ink", 2),)
    assert facets.names["profile"] == (("mara", 2), ("night", 2))
    assert {name: count for name, count in facets.marks.items() if count} == {"favourite": 1, "rating4": 1}


def test_a_name_is_completed_by_what_begins_with_it_first(sqlite_store: Store, tmp_path: Path) -> None:
    named = {"inkfox": 1, "Ink wash": 2, "tinker": 4, "ink": 3, "100%_a": 1, "owl": 5}
    names = [name for name, count in named.items() for _ in range(count)]
    sqlite_store.save_runs(a_run(tmp_path, number, lora=name) for number, name in enumerate(names))
    gallery = Gallery(sqlite_store)
    assert gallery.names("lora", "INK") == [("ink", 3), ("Ink wash", 2), ("inkfox", 1), ("tinker", 4)]
    assert gallery.names("lora", "ink", 2) == [("ink", 3), ("Ink wash", 2)]
    assert gallery.names("lora", "", 1) == [("owl", 5)]
    assert gallery.names("lora", "%_") == [("100%_a", 1)]
    assert gallery.names("model", "ink") == []


def test_a_wildcards_value_is_completed_behind_either_sign(gallery: Gallery) -> None:
    for part in ("colors/warm=c", "colors/warm#c", "crim", "warm", "COLORS/W"):
        assert ("colors/warm#crimson", 2) in gallery.names("wildcard", part), part


def test_a_name_of_which_no_image_is_left_is_not_offered(gallery: Gallery) -> None:
    assert gallery.names("lora", "ink") == [("Ink", 6)]
    with gallery.store.writing() as connection:
        connection.exec_driver_sql("UPDATE gallery_images SET missing = 1")
    assert gallery.names("lora", "ink") == []


def test_a_saved_search_lasts(gallery: Gallery) -> None:
    gallery.save_search("Best  foxes", "fox score>0.3")
    gallery.save_search("best foxes", "fox rating>=4")
    assert [(one.name, one.query) for one in gallery.searches()] == [("best foxes", "fox rating>=4")]
    with pytest.raises(FormatError, match="no key"):
        gallery.save_search("bad", "foxes:3")
    gallery.delete_search("BEST foxes")
    with pytest.raises(GalleryError, match="no saved search"):
        gallery.delete_search("best foxes")


def test_no_more_searches_are_saved_than_a_page_shows(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_core.gallery.service.MOST_SEARCHES", 2)
    for name in ("one", "two", "ONE"):
        gallery.save_search(name, "fox")
    with pytest.raises(FormatError, match="Delete one"):
        gallery.save_search("three", "fox")
    assert [one.name for one in gallery.searches()] == ["ONE", "two"]


def test_what_the_text_says_is_found_by_its_words_where_no_index_is(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_core.store.gallery_search.is_made", lambda _: False)
    assert found(gallery, "crimson") == "30"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ('"open', "character 1: a quote is opened"),
        ("fox lorra:ink", "character 5: there is no key 'lorra:'"),
        ("score>many", "'score:' cannot be 'many'"),
        ("date:2026-13", "'date:' cannot be '2026-13'"),
        ("favourite:perhaps", "Write yes or no"),
        ("lora>ink", "'lora:' cannot be 'ink'"),
        ("lora:", "'lora:' has no value"),
        ("sort:colour", "cannot sort by 'colour'"),
        ("-", "no word"),
        ("x" * 3000, "2,000 characters"),
        ("a " * 50, "40 terms"),
    ],
)
def test_what_cannot_be_read_is_told(query: str, told: str) -> None:
    with pytest.raises(FormatError, match=told.replace("(", r"\(")):
        parse_query(query)


def test_signs_may_stand_on_either_side_of_the_colon() -> None:
    assert parse_query("score:>0.7").terms == parse_query("score>0.7").terms == (Term("score", (0.7,), ">"),)


@given(st.text(alphabet=st.sampled_from('ab :-"|<>=%\\2026') | st.characters(), max_size=40) | st.sampled_from([*KEYS]))
def test_any_text_is_read_or_told(text: str) -> None:
    with contextlib.suppress(FormatError):
        parse_query(text)


def test_an_image_of_two_runs_is_one_and_is_taken_in_once(sqlite_store: Store, tmp_path: Path) -> None:
    for folder, number in (("one", 1), ("two", 2)):
        run = a_run(tmp_path / folder, number)
        put(run.images[0].path, picture())
        sqlite_store.save_run(run)
    gallery = Gallery(sqlite_store)
    assert (gallery.count(), gallery.prepare()) == (1, 0)
