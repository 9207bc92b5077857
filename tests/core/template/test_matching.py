"""Names that are not written just so, among many: the quick way finds what the plain way finds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.template import Template
from orchestrator_core.template.matching import Names, fold, matching, nearest, search
from tests.core.template.engine import NONE, drawn, kinds, listed, wildcards_in

parts = st.sampled_from(["a", "b", "A", "a b", "a-b", "ab", "0", "é", "a.b", "[", "*"])
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)


@given(st.sets(paths, max_size=12), paths)
def test_the_nearest_names_are_those_of_a_search_through_all(known: set[str], wanted: str):
    key = fold(wanted)
    ordered = sorted(known)
    same = [name for name in ordered if fold(name) == key][:1]
    anywhere = [name for name in ordered if fold(name).endswith("/" + key)]
    below = [name for name in ordered if fold(name).startswith(key + "/")]
    found, note = nearest(wanted, Names(known))
    assert found == (same or anywhere or below)
    assert bool(note) == (not same)


@given(st.sets(paths, max_size=12), paths)
def test_a_name_at_any_depth_is_found_at_the_root_too(known: set[str], wanted: str):
    key = fold(wanted)
    if not any(character in wanted for character in "*?["):
        ends = [name for name in sorted(known) if f"/{fold(name)}".endswith(f"/{key}")]
        inside = [name for name in sorted(known) if f"/{key}/" in f"/{fold(name)}/"]
        assert matching(f"*/{wanted}", Names(known), whole=True) == (ends or inside)
        assert matching(f"*/{wanted}", Names(known), whole=False) == inside


@given(st.sets(paths, max_size=8), st.text("ab/*?[]!-^\\{}.", max_size=12), st.booleans())
def test_any_pattern_is_a_glob_or_matches_nothing(known: set[str], pattern: str, whole: bool):
    assert set(matching(pattern, Names(known), whole)) <= known


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("colors/*", ["colors/cold/ice", "colors/warm"]),
        ("colors/**", ["colors/cold/ice", "colors/warm"]),
        ("colors/w?rm", ["colors/warm"]),
        ("colors/[vw]arm", ["colors/warm"]),
        ("colors/[!w]*", ["colors/cold/ice"]),
        ("*warm", ["colors/warm", "lukewarm"]),
        ("COLORS/W*", ["colors/warm"]),
        ("w*m", ["colors/warm"]),
        ("nothing*", []),
    ],
)
def test_globs(pattern: str, found: list[str]):
    assert matching(pattern, Names(["colors/warm", "colors/cold/ice", "lukewarm", "other"]), whole=True) == found


def test_thousands_of_names_that_do_not_exist_are_looked_for_quickly(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {f"folder{n % 7}/name{n}.txt": "x" for n in range(2000)})
    text = "".join(f"__missing{number}__" for number in range(5000))
    assert drawn(text, wildcards) == text  # two passes over all names for each of them would take minutes


def test_a_slip_is_found_among_very_many_names_by_its_beginning():
    names = Names(["colors/warm", *(f"folder{n % 97}/name{n}" for n in range(10_001))])
    assert names.similar("colors/wram") == "colors/warm"
    assert names.similar("oclors/warm") == ""
    assert names.similar("folder3/nmae3") == ""  # too many begin with "fol" to compare all of them


def test_names_without_number_do_not_fill_the_memory(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "x"})
    for number in range(25_000):
        wildcards.find(f"missing{number}")
    assert len(wildcards._found) <= 10_001


# includes


def test_a_circle_of_includes_ends_and_takes_the_rest(tmp_path: Path):
    pack = "a: [one, '%1::include b']\nb: [two, '%1::include a']\n"
    assert set(listed("__a__", wildcards_in(tmp_path, {"p.yaml": pack}))) == {"one", "two"}


def test_an_include_of_nothing_is_left_out(tmp_path: Path):
    assert listed("__a__", wildcards_in(tmp_path, {"p.yaml": "a: [one, '%1::include nothing']"})) == ["one"]


def test_includes_that_multiply_end_with_a_note(tmp_path: Path):
    levels = "abcdefghijklmno"
    pack = "".join(f"{level}:\n" + f"  - '%1::include {below}'\n" * 10 for level, below in pairwise(levels))
    wildcards = wildcards_in(tmp_path, {"p.yaml": pack + "o: [end]\n"})
    draft = Template("__a__").draw(wildcards, 1)
    assert draft.positive in ("end", "")
    assert "other-wildcard" in kinds(draft)


def test_included_options_of_a_variant_are_bounded(tmp_path: Path):
    wildcards = wildcards_in(tmp_path, {"a.txt": "v\n" * 50_000})
    text = "{" + "%1::include a|" * 200 + "x}"
    assert Template(text).draw(wildcards, 1).positive in ("v", "x")


def test_an_include_of_nothing_in_a_variant_is_said():
    assert kinds(Template("{a|%1::include nothing}").draw(NONE, 1)) == ["missing-wildcard"]


def test_a_search_begins_with_the_names_that_begin_so():
    names = Names(["swarm", "colors/warm", "warmth", "a/warmer things", "warm"])
    assert search("warm", names) == ["warm", "warmth", "colors/warm", "a/warmer things", "swarm"]
    assert search("THINGS warm", names) == ["a/warmer things"]
    assert search("warmer things", names) == ["a/warmer things"]
    assert search("", names) == ["warm", "swarm", "warmth", "colors/warm", "a/warmer things"]
