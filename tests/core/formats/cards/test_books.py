from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_core.errors import FormatError
from orchestrator_core.formats.cards.books import FORMATS, book_of_entries, converted, format_of, read_book, write_book
from orchestrator_core.formats.cards.fields import put_at
from orchestrator_core.lore.activation import activated
from orchestrator_core.lore.book import Book, CharacterFilter, Entry, KeyKind, Logic, Rules

DATA = Path(__file__).resolve().parents[3] / "data" / "cards"
FILES = ("world_info", "lorebook_v3", "novelai", "agnai", "risu")


def data_of(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_each_format_is_known_and_written_back_as_it_was(name: str):
    data = data_of(name)
    book = read_book(data, name, "its file")
    assert book.format == format_of(data) == name
    assert write_book(book) == data
    assert list(write_book(book)) == list(data)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_entry_changes_its_own_words_alone(name: str):
    data = data_of(name)
    book = read_book(data, name)
    first = replace(book.entries[0], content="New words.", keys=("fox", "hen"), order=3)
    again = write_book(replace(book, entries=(first, *book.entries[1:])))
    assert read_book(again, name).entries == (first, *book.entries[1:])
    changed = {place.rpartition(".")[2] for place in _differences(data, again)}
    assert changed <= {"content", "text", "entry", "keys", "key", "keywords", "order", "insertion_order", "weight"} | {
        "budgetPriority",
        "insertorder",
    }


def _differences(one: Any, other: Any, place: str = "") -> set[str]:
    """The places of the values that are not the same in both; a list of texts is one value."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        return {found for key in keys for found in _differences(one.get(key), other.get(key), f"{place}.{key}")}
    if isinstance(one, list) and len(one) == len(other) and any(isinstance(item, dict) for item in one):
        return {found for pair in zip(one, other, strict=True) for found in _differences(*pair, place)}
    return set() if one == other else {place}


@pytest.mark.parametrize("name", FILES)
def test_entries_can_be_added_and_taken_away(name: str):
    book = read_book(data_of(name), name)
    new = replace(FORMATS[name].defaults, uid="99", keys=("fox",), content="A fox.", order=5)
    again = read_book(write_book(replace(book, entries=(*book.entries[1:], new))), name)
    assert [one.content for one in again.entries] == [*(one.content for one in book.entries[1:]), "A fox."]


def test_world_info_says_all_that_sillytavern_knows():
    first, second = read_book(data_of("world_info"), "w").entries
    assert (first.keys, first.secondary_keys, first.sticky, first.prevent_recursion) == (
        ("harbour", "/quays?/i"),
        ("night",),
        2,
        True,
    )
    assert first.characters == CharacterFilter(names=("Mira",))
    assert (second.constant, second.logic, second.position) == (True, Logic.not_any, "at_depth")
    assert (second.delay_until_recursion, second.exclude_recursion) == (1, True)
    assert (second.probability, second.use_probability) == (50, False)  # the number was saved as text


def test_what_has_sillytaverns_extensions_has_keys_as_sillytavern_reads_them():
    data = json.loads((DATA / "v3_sillytavern.json").read_text(encoding="utf-8"))["data"]["character_book"]
    book = read_book(data, "card")
    (entry,) = book.entries
    assert (book.rules, entry.key_kind) == (Rules.sillytavern, KeyKind.slashes)  # though use_regex is true
    assert (entry.group, entry.probability, entry.logic, entry.position) == ("weather", 80, Logic.and_all, "at_depth")
    free = replace(entry, probability=100, secondary_keys=())
    assert len(activated(replace(book, entries=(free,)), ["written in C++"]).entries) == 1


def test_a_strict_lorebook_has_patterns_where_it_says_so():
    book = read_book(data_of("lorebook_v3"), "book")
    assert book.rules is Rules.card
    assert [entry.key_kind for entry in book.entries] == [KeyKind.patterns, KeyKind.text]


def test_the_spelling_of_the_other_format_is_read_and_the_own_is_written():
    card = {"entries": [{"keys": ["fox"], "extensions": {"excludeRecursion": True, "probability": 10}}]}
    book = read_book(card, "card")
    assert book.entries[0].exclude_recursion
    changed = write_book(replace(book, entries=(replace(book.entries[0], exclude_recursion=False, sticky=2),)))
    assert changed["entries"][0]["extensions"] == {"excludeRecursion": False, "probability": 10, "sticky": 2}
    world = read_book({"entries": {"0": {"key": ["fox"], "exclude_recursion": True}}}, "world")
    assert world.entries[0].exclude_recursion
    fresh = write_book(Book("w", (Entry("0", ("fox",), exclude_recursion=True),)))
    assert fresh["entries"]["0"]["excludeRecursion"] is True


def test_risu_says_always_active_in_two_ways_and_folders_are_no_lore():
    tide, ships, folder = read_book(data_of("risu"), "r").entries
    assert (tide.keys, tide.secondary_keys, tide.probability) == (("tide", "flood"), ("moon",), 90)
    assert (ships.constant, ships.key_kind, ships.keys) == (True, KeyKind.patterns, ("/sh(ip|oal)/i",))
    assert not folder.enabled


def test_a_book_may_be_converted_to_another_format():
    world = read_book(data_of("world_info"), "w", "Harbour")
    card = converted(world, "character_book")
    assert card.rules is Rules.sillytavern
    back = converted(card, "world_info")
    assert [replace(one, uid="") for one in back.entries] == [replace(one, uid="") for one in world.entries]


@pytest.mark.parametrize("name", ["character_book", "lorebook_v3", "world_info", "novelai"])
def test_keys_mean_the_same_after_a_conversion(name: str):
    world = Book("w", (Entry("0", ("C++", "/fo[xg]/"), "A.", enabled=True, constant=False, order=7),))
    book = converted(world, name)
    assert book.entries[0].key_kind is KeyKind.slashes
    for text in ("in C++", "a fog"):
        assert len(activated(book, [text]).entries) == 1
    assert book.entries[0].order == 7


def test_entries_that_people_write_by_hand_need_no_more_than_keys_and_content():
    book = book_of_entries([{"keys": "fox, vixen", "content": "A fox.", "tags": ["red fox"]}], "The profile", "Mira")
    (entry,) = book.entries
    assert (entry.keys, entry.tags, entry.enabled) == (("fox", "vixen"), ("red fox",), True)
    assert [told.book for told in activated(book, ["a vixen"]).entries] == ["Mira"]


def test_ids_that_repeat_are_told_apart():
    data = {"entries": [{"keys": ["a"], "id": 1}, {"keys": ["b"], "id": 1}, {"keys": ["c"]}]}
    book = read_book(data, "b")
    assert len({entry.uid for entry in book.entries}) == 3
    assert write_book(book) == data


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"entries": 3},
        {"spec": "lorebook_v3"},
        {"type": "risu"},
        {"spec": "lorebook_v3", "data": 1},
    ],
)
def test_what_is_no_lorebook_is_refused(data: Any):
    with pytest.raises(FormatError, match="my file is no lorebook"):
        read_book(data, "my file")


@pytest.mark.parametrize(
    "data",
    [
        {"entries": {"7": 3}},
        {"entries": [{"keys": []}, "text"]},
        {"type": "risu", "data": [1]},
    ],
)
def test_an_entry_that_is_no_object_is_named(data: Any):
    with pytest.raises(FormatError, match=r"entry [017] of the lorebook is .+ should be an object"):
        read_book(data, "my file")


def test_a_lorebook_without_its_list_is_refused():
    with pytest.raises(FormatError, match=r"data\.entries are no list"):
        read_book({"spec": "lorebook_v3", "data": {}}, "my file")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2000),
    st.floats(allow_nan=False),
    st.sampled_from(("", "a, b", "7", "1e999", "before_char", "folder", "/x/i")),
    st.lists(st.sampled_from(("fox", "", 1, None, True)), max_size=3),
    st.dictionaries(st.sampled_from(("position", "tags", "names", "orchestrator")), st.integers(0, 9), max_size=2),
)
SCALARS: dict[str, st.SearchStrategy] = {
    "keys": st.lists(st.sampled_from(("fox", "snow white")), min_size=1, max_size=3).map(tuple),
    "secondary_keys": st.just(("ice",)),
    "content": st.text(max_size=8),
    "enabled": st.booleans(),
    "constant": st.booleans(),
    "order": st.integers(-5, 500),
    "position": st.sampled_from(("before", "after")),
    "probability": st.integers(0, 100),
    "sticky": st.integers(0, 4),
    "scan_depth": st.none() | st.integers(0, 9),
    "case_sensitive": st.none() | st.booleans(),
    "delay_until_recursion": st.integers(0, 3),
    "logic": st.sampled_from(Logic),
    "characters": st.builds(CharacterFilter, st.just(("Mira",)), st.just(("elf",)), st.booleans()),
    "tags": st.just(("red fox",)),
    "group": st.sampled_from(("", "g, h")),
}


@st.composite
def raw_entries(draw: st.DrawFn, name: str) -> dict[str, Any]:
    places = [place for field in FORMATS[name].entry_fields for place in _places(field.name, name)]
    raw: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(("unknown", "id", "mode", "useRegex")), VALUES, max_size=2)
    )
    for place in draw(st.lists(st.sampled_from(places), max_size=6)):
        put_at(raw, place, draw(VALUES))
    return raw


def _places(field: str, name: str) -> list[tuple[str, ...]]:
    names = {"keys": ("keys", "key", "keywords"), "order": ("order", "insertion_order", "insertorder", "weight")}
    plain = [(one,) for one in (*names.get(field, ()), field, "use_regex", "position", "alwaysActive", "disable")]
    return [*plain, ("extensions", field), ("extensions", "position"), ("extensions", "orchestrator", "tags")]


@pytest.mark.parametrize("name", list(FORMATS))
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_in_the_entries_comes_back(name: str, data: st.DataObject):
    known = FORMATS[name]
    raws = data.draw(st.lists(raw_entries(name), max_size=3))
    raw = json.loads(json.dumps({**known.new_book, "unknown": data.draw(VALUES)}))
    if name == "world_info":
        put_at(raw, known.entries, {str(at): one for at, one in enumerate(raws)})
    else:
        put_at(raw, known.entries, raws)
    if format_of(raw) != name:
        return  # its entries look like those of another program
    before = json.dumps(raw)
    book = read_book(raw, name, "a name")
    assert json.dumps(write_book(book)) == before
    if not book.entries:
        return
    able = {field.name for field in known.entry_fields} & SCALARS.keys()
    change = data.draw(st.sampled_from(sorted(able)))
    changed = replace(book.entries[-1], **{change: data.draw(SCALARS[change])})
    again = read_book(write_book(replace(book, entries=(*book.entries[:-1], changed))), name, "a name")
    if again.rules is book.rules and name != "risu":
        assert getattr(again.entries[-1], change) == getattr(changed, change)
    assert again.entries[:-1] == book.entries[:-1]
    assert json.dumps(raw) == before, "what was read is not changed by writing"


def test_each_field_of_an_entry_has_a_place_in_sillytaverns_files_or_in_cards():
    written = {field.name for name in ("world_info", "character_book") for field in FORMATS[name].entry_fields}
    assert {field.name for field in fields(Entry)} - written == {"uid", "raw"}
