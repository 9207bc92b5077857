"""What is offered while somebody types a template."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import TemplateError
from orchestrator_core.template import Template
from orchestrator_core.template.completion import Completion, Known, complete
from tests.core.template.engine import NONE, wildcards_in

FILES = {
    "colors/warm.txt": "crimson\n3::amber gold\n0::grey",
    "colors/cold.txt": "teal\nice blue",
    "animals.yaml": "cats: [tabby]\nbirds: [owl, wren]",
    "men's hats.txt": "fedora",
}


@pytest.fixture
def known(tmp_path: Path) -> Known:
    embeddings = ["EasyNegative.safetensors", "styles\\ink.pt", "bad hands.pt", "face.v1.2.bin"]
    return Known(wildcards_in(tmp_path, FILES), embeddings, ["ink/fine.safetensors"])


def at(marked: str, known: Known, **options: object) -> list[Completion]:
    """What is offered at the ‸ of a text."""
    before, _, after = marked.partition("‸")
    return complete(before + after, len(before), known, **options)  # type: ignore[arg-type]


def labels(marked: str, known: Known, **options: object) -> list[str]:
    return [item.label for item in at(marked, known, **options)]


def accepted(marked: str, known: Known, label: str) -> str:
    """The text after that item was taken."""
    item = next(item for item in at(marked, known) if item.label == label)
    text = marked.replace("‸", "", 1)
    return text[: item.start] + item.insert + text[item.end :]


def test_names_are_offered_by_any_part_of_them(known: Known):
    assert labels("a __wa‸", known) == ["colors/warm"]
    assert labels("a __co‸", known) == ["colors/cold", "colors/warm"]
    assert labels("a __hat‸", known) == ["men's hats"]


def test_a_name_says_how_many_values_it_has_and_where(known: Known):
    (item,) = at("a __wa‸", known)
    assert (item.kind, item.detail) == ("wildcard", "3 values · colors/warm.txt")
    (item,) = at("__cats‸", known)[:1]
    assert item.detail == "1 value · animals.yaml"


def test_two_underscores_offer_all_names(known: Known):
    assert labels("a __‸", known) == ["birds", "cats", "colors/cold", "colors/warm", "men's hats"]
    assert labels("__‸", known, limit=2) == ["birds", "cats"]


def test_a_folder_can_be_drawn_from_as_a_whole(known: Known):
    found = at("__colors/‸", known)
    assert [item.label for item in found] == ["colors/*", "colors/cold", "colors/warm"]
    assert found[0].detail == "5 values · 2 wildcards"
    assert Template(accepted("__colors/‸", known, "colors/*")).draw(known.wildcards, 1).positive in (
        "crimson", "amber gold", "teal", "ice blue",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("a __wa‸ fox", "a __colors/warm__ fox"),
        ("a __wa‸__ fox", "a __colors/warm__ fox"),
        ("a __wa‸rm__ fox", "a __colors/warm__ fox"),
        ("a __‸, __colors/cold__", "a __colors/warm__, __colors/cold__"),
        ("a __2$$ and $$wa‸", "a __2$$ and $$colors/warm__"),
        ("{2$$__wa‸}", "{2$$__colors/warm__}"),
        ("{a|__wa‸|b}", "{a|__colors/warm__|b}"),
        ("__~wa‸", "__~colors/warm__"),
        ("__cats____wa‸", "__cats____colors/warm__"),
        ("${x=!__wa‸", "${x=!__colors/warm__"),
        ("first line __\n__wa‸", "first line __\n__colors/warm__"),
    ],
)
def test_the_whole_reference_is_replaced(known: Known, typed: str, becomes: str):
    assert accepted(typed, known, "colors/warm") == becomes


@pytest.mark.parametrize(
    "typed",
    [
        "‸", "a fox‸", "__colors/warm__‸", "__colors/warm__ wa‸", "snake__wa‸", "\\__wa‸", "__ wa‸",
        "__nothing like it‸", "__../wa‸", "__wa\n‸", "____‸", "$‸", "embedding‸", "an embedding: Ea‸",
        "__colors/warm#zzz‸",
    ],
)  # fmt: skip
def test_nothing_is_offered_where_nothing_is_named(known: Known, typed: str):
    assert at(typed, known) == []


def test_values_are_found_behind_a_hash(known: Known):
    found = at("a __colors/warm#gold‸ fox", known)
    assert [(item.kind, item.label, item.detail) for item in found] == [
        ("value", "amber gold", "1 of 1.333 · colors/warm.txt:2")
    ]
    assert accepted("a __colors/warm#gold‸ fox", known, "amber gold") == "a amber gold fox"
    assert [item.detail for item in at("__colors/warm#‸", known)] == [
        "1 of 4 · colors/warm.txt:1",
        "1 of 1.333 · colors/warm.txt:2",
        "never drawn · colors/warm.txt:3",
    ]


def test_a_whole_name_offers_its_values_too(known: Known):
    assert labels("__colors/warm‸__", known) == ["colors/warm", "crimson", "amber gold", "grey"]
    assert accepted("a __colors/warm‸__ fox", known, "crimson") == "a crimson fox"


def test_a_templates_own_variables_are_offered(known: Known):
    assert labels("${pet=!cat} ${size?=big} a ${‸}", known) == ["pet", "size"]
    assert accepted("${pet=!cat} a ${p‸}", known, "pet") == "${pet=!cat} a ${pet}"
    assert accepted("${pet=!cat} a ${p‸", known, "pet") == "${pet=!cat} a ${pet}"
    assert at("${pet=!cat} a ${p‸", known, dialect="impact") == []


def test_embeddings_are_offered_without_their_suffix(known: Known):
    assert labels("blurry, embedding:‸", known) == ["EasyNegative", "face.v1.2", "styles/ink"]
    assert accepted("(embedding:ea‸:1.2)", known, "EasyNegative") == "(embedding:EasyNegative:1.2)"
    assert accepted("embedding:ink‸", known, "styles/ink") == "embedding:styles/ink"


def test_loras_are_offered(known: Known):
    assert accepted("a fox <lora:fi‸", known, "ink/fine") == "a fox <lora:ink/fine:1>"


def test_a_dialect_that_is_none_is_refused(known: Known):
    with pytest.raises(TemplateError, match="no dialect 'x'"):
        complete("__", 2, known, "x")


@given(st.text(alphabet="_ab/${}<lora:embedding#\n|\\* ", max_size=40), st.integers(-5, 50))
def test_any_text_is_answered(text: str, cursor: int):
    for item in complete(text, cursor, Known(NONE, ["a.pt"], ["b.pt"])):
        assert 0 <= item.start <= cursor <= item.end <= len(text)


def test_what_is_taken_is_what_a_draw_finds(known: Known):
    for name in known.wildcards.names():
        for length in range(1, len(name) + 1):
            marked = f"a __{name[:length]}‸"
            if "'" in marked or length < 2:
                continue
            template = Template(accepted(marked, known, name))
            assert template.draw(known.wildcards, 0).components[1].choices[0].siblings == name, marked


def test_only_the_files_that_are_shown_are_read(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {f"f{number:04}.txt": "a\nb" for number in range(200)})
    assert len(complete("__f", 3, Known(wildcards), limit=10)) == 10
    assert len(wildcards._files) == 10


def test_five_thousand_files_are_searched_at_once(tmp_path: Path):
    known = Known(wildcards_in(tmp_path, {f"folder{n % 50}/list {n:04}.txt": "a\nb" for n in range(5_000)}))
    took = []
    for typed in ("__l", "__list 49", "__folder7", "__"):
        complete(typed, len(typed), known)  # reads the files that are shown
        began = time.perf_counter()
        assert complete(typed, len(typed), known)
        took.append(time.perf_counter() - began)
    assert sorted(took)[1] < 0.05  # 2 ms on an idle machine
