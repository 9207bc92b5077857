from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.loras.query import KEYS, SORTS, parse_query
from tests.core.loras.selection_library import libraries, lora

LIBRARY = [
    lora("styles/ink", "ink wash", sub_family="Pony", tags=("style", "nsfw"), preferred_strength=0.6, size=10**8),
    lora("styles/oil", tags=("style", "oil painting"), favourite=True, missing=("preview",), rank=32, nsfw=True),
    lora("stylesheet", sub_family="Illustrious", category="character", mtime_ns=5, description="An ink, not washed."),
    lora("old/wave", base_model="SD 1.5", state="truncated", autov1="1a2b3c4d", mtime_ns=9, size=10**9),
]


def found(query: str) -> list[str]:
    return [record.name.rpartition("/")[2] for record in parse_query(query).apply(LIBRARY)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["ink", "oil", "stylesheet", "wave"]),
        ("base:pony", ["ink"]),
        ("base:sdxl", ["ink", "oil", "stylesheet"]),
        ("base:pony|illustrious", ["ink", "stylesheet"]),
        ('base:"SD 1.5"', ["wave"]),
        ("tag:style -tag:nsfw", ["oil"]),
        ("missing:preview favourite:yes", ["oil"]),
        ("favorite:no nsfw:no", ["ink", "stylesheet", "wave"]),
        ("folder:styles", ["ink", "oil"]),
        ('"ink wash"', ["ink"]),
        ("ink", ["ink", "stylesheet"]),
        ("INK -wash", []),
        ("ash", []),
        ("name:sheet", ["stylesheet"]),
        ("trigger:wash", ["ink"]),
        ("category:character", ["stylesheet"]),
        ("state:truncated", ["wave"]),
        ("strength:<0.7", ["ink"]),
        ("rank:>=32", ["oil"]),
        ("size:>200mb", ["wave"]),
        ("hash:0x1A2B", ["wave"]),
        ("sort:-name", ["stylesheet", "oil", "ink", "wave"]),
        ("sort:newest tag:style|character", ["ink", "oil"]),
    ],
)
def test_a_query_finds(query: str, names: list[str]) -> None:
    assert found(query) == names


@pytest.mark.parametrize(
    ("query", "place", "told"),
    [
        ("ink bse:pony", 5, "Use one of: base"),
        ('tag:style "ink', 11, "closed"),
        ("tag:", 1, "has no value"),
        ("nsfw:maybe", 1, "yes or no"),
        ("a  rank:big", 4, "rank:>=32"),
        ("sort:colour", 1, "name, title"),
        ("state:fine", 1, "complete"),
        ("ink -", 5, "no word"),
    ],
)
def test_a_query_that_cannot_be_read_says_what_where_and_what_to_do(query: str, place: int, told: str) -> None:
    with pytest.raises(FormatError, match=f"character {place}:") as raised:
        parse_query(query)
    assert told in str(raised.value)


def test_a_text_with_a_colon_can_be_looked_for_in_quotes() -> None:
    assert parse_query('"re:zero"').matches(lora("a", title="Re: Zero"))


@given(st.text())
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        parse_query(text)
    except FormatError as error:
        assert "character" in str(error)


@given(libraries(), st.sampled_from(sorted(SORTS)))
def test_sorting_loses_nothing(library: list, by: str) -> None:
    assert sorted(r.name for r in parse_query(f"sort:{by}").apply(library)) == sorted(r.name for r in library)


@given(libraries(), st.sampled_from(["tag:red", "base:sdxl", "category:style", "ink", "strength:>0.5"]))
def test_a_query_and_its_opposite_share_the_library(library: list, query: str) -> None:
    both = parse_query(query).apply(library), parse_query(f"-{query}").apply(library)
    assert len(both[0]) + len(both[1]) == len(library)


def test_each_key_says_how_it_is_used() -> None:
    assert all(key.example for key in KEYS.values())
