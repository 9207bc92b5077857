from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator_core.lore.activation import Activation, Scan, Settings, TimedEffects, activated
from orchestrator_core.lore.book import Book, CharacterFilter, Entry, KeyKind, Logic, Rules

RECURSIVE = Settings(recursive=True)


def words(text: str) -> int:
    return len(text.split())


def entry(uid: str, *keys: str, **more: object) -> Entry:
    content = str(more.pop("content", f"about {uid}"))
    return Entry(uid, keys, content, **more)  # type: ignore[arg-type]


def told(entries: list[Entry], *texts: str, **more: object) -> list[str]:
    return uids(activated(Book("world", tuple(entries)), texts, Scan(**more)))  # type: ignore[arg-type]


def uids(activation: Activation) -> list[str]:
    return [one.entry.uid for one in activation.entries]


def dropped(activation: Activation) -> dict[str, str]:
    return {one.entry.uid: one.reason for one in activation.dropped}


def test_an_entry_is_told_with_its_reason_when_a_text_has_one_of_its_keys():
    found = activated(Book("world", (entry("d", "wyrm", "dragon"),)), ["A Dragonfly."], Scan())
    assert [(one.entry.uid, one.reason, one.detail, one.text) for one in found.entries] == [
        ("d", "key", "dragon", "about d")
    ]


def test_what_is_off_or_has_no_key_or_only_empty_ones_is_not_told():
    assert told([entry("off", "fox", enabled=False), entry("none"), entry("empty", "", "  ")], "a fox") == []


def test_a_constant_entry_is_told_without_a_key():
    assert told([entry("c", constant=True)]) == ["c"]


@pytest.mark.parametrize(
    ("logic", "text", "is_told"),
    [
        (Logic.and_any, "fox snow", True),
        (Logic.and_any, "fox", False),
        (Logic.and_all, "fox snow ice", True),
        (Logic.and_all, "fox snow", False),
        (Logic.not_any, "fox", True),
        (Logic.not_any, "fox ice", False),
        (Logic.not_all, "fox ice", True),
        (Logic.not_all, "fox ice snow", False),
        (Logic.not_any, "ice", False),
    ],
)
def test_secondary_keys_decide_by_their_logic(logic: Logic, text: str, is_told: bool):
    assert bool(told([entry("e", "fox", secondary_keys=("snow", "ice", ""), logic=logic)], text)) == is_told


def test_secondary_keys_count_only_where_the_entry_is_selective():
    assert told([entry("e", "fox", secondary_keys=("snow",), selective=False)], "fox") == ["e"]


def test_only_the_newest_texts_are_looked_through():
    texts = ["one", "two", "three"]
    entries = [entry(name, name) for name in texts]
    assert told(entries, *texts) == ["two", "one"]
    assert told([replace(one, scan_depth=3) for one in entries], *texts) == ["three", "two", "one"]
    assert told([replace(one, scan_depth=1) for one in entries], *texts) == ["one"]
    assert told([replace(one, scan_depth=0) for one in entries], *texts) == []


def test_a_depth_of_nothing_still_looks_through_injections_and_recursion():
    entries = [entry("a", "fox", content="a den"), entry("b", "den", scan_depth=0)]
    assert told(entries, "fox", settings=RECURSIVE) == ["b", "a"]
    assert told(entries, injected=("den",)) == ["b"]


@pytest.mark.parametrize(
    ("key", "text", "options", "is_told"),
    [
        ("cat", "concatenate", {}, True),
        ("cat", "concatenate", {"whole_words": True}, False),
        ("cat", "(cat), dog", {"whole_words": True}, True),
        ("cat", "concat cat", {"whole_words": True}, True),
        ("cat_", "cat_a", {"whole_words": True}, False),
        ("Cat", "cat", {}, True),
        ("Cat", "cat", {"case_sensitive": True}, False),
        ("red cat", "ared cats", {"whole_words": True}, True),
        ("C++", "written in C++ today", {"whole_words": True}, True),
        ("/c[au]t\\b/", "a cut", {}, True),
        ("/Cat/", "cat", {}, False),
        ("/Cat/i", "cat", {}, True),
        ("/cat", "a /cat", {}, True),
        ("/a/b/", "a/b/", {}, False),
        ("/a/b/", "x/a/b/", {}, True),
        ("/c(at/", "c(at", {}, False),
        ("/cat/", "cat", {"key_kind": KeyKind.text}, False),
        ("c.t", "cut", {"key_kind": KeyKind.patterns}, True),
        ("{{char}}", "here is Mira", {}, True),
    ],
)
def test_how_a_key_is_found(key: str, text: str, options: dict, is_told: bool):
    assert bool(told([entry("e", key, **options)], text, names=("Mira",))) == is_told


def test_a_key_that_is_no_expression_is_a_problem_that_is_told_and_costs_no_other_entry():
    found = activated(Book("w", (entry("bad", "/c(at/"), entry("good", "fox"))), ["c(at fox"])
    assert uids(found) == ["good"]
    assert "/c(at/" in found.problems[0]


def test_recursion_finds_by_what_is_told_and_only_where_it_is_on():
    entries = [entry("a", "fox", content="the den"), entry("b", "den", content="a lake"), entry("c", "lake")]
    assert told(entries, "fox") == ["a"]
    assert told(entries, "fox", settings=RECURSIVE) == ["c", "b", "a"]
    assert told(entries, "fox", settings=Settings(recursive=True, max_steps=2)) == ["b", "a"]


def test_a_book_may_refuse_recursion():
    books = [Book("a", (entry("a", "fox", content="den"),)), Book("b", (entry("b", "den"),), recursive=False)]
    assert uids(activated(books, ["fox"], Scan(settings=RECURSIVE))) == ["a"]


def test_entries_may_keep_out_of_recursion_on_both_sides():
    first = entry("a", "fox", content="den")
    assert told([first, entry("b", "den", exclude_recursion=True)], "fox", settings=RECURSIVE) == ["a"]
    assert told([replace(first, prevent_recursion=True), entry("b", "den")], "fox", settings=RECURSIVE) == ["a"]


def test_entries_that_wait_for_recursion_come_level_by_level():
    entries = [
        entry("a", "fox", content="den"),
        entry("b", "den", "fox", delay_until_recursion=1, content="lake"),
        entry("c", "fox", delay_until_recursion=2),
    ]
    assert told(entries, "fox") == ["a"]
    found = activated(Book("w", tuple(entries)), ["fox"], Scan(settings=RECURSIVE))
    assert sorted(uids(found)) == ["a", "b", "c"]
    steps = activated(Book("w", tuple(entries)), ["fox"], Scan(settings=Settings(recursive=True, max_steps=2)))
    assert sorted(uids(steps)) == ["a", "b"]


def test_more_texts_are_looked_through_until_enough_is_found():
    texts = ["one", "two", "three", "four"]
    entries = [entry(name, name) for name in texts]
    assert told(entries, *texts, settings=Settings(depth=1, min_activations=3)) == ["three", "two", "one"]
    limited = Settings(depth=1, min_activations=3, max_depth=1)
    assert told(entries, *texts, settings=limited) == ["two", "one"]


def test_one_of_a_group_is_told_by_preference_then_order_then_chance():
    entries = [entry(name, "fox", group="weather") for name in "abc"]
    drawn = {tuple(told(entries, "fox", seed=seed)) for seed in range(40)}
    assert drawn == {("a",), ("b",), ("c",)}
    preferred = [replace(entries[0], group_override=True), replace(entries[1], group_override=True, order=200)]
    assert told([*preferred, entries[2]], "fox") == ["b"]
    assert {
        tuple(told([replace(entries[0], group_weight=0), *entries[1:]], "fox", seed=seed)) for seed in range(40)
    } == {
        ("b",),
        ("c",),
    }


def test_a_group_takes_no_second_in_a_later_pass():
    entries = [entry("a", "fox", content="den", group="g"), entry("b", "den", group="g, h")]
    found = activated(Book("w", tuple(entries)), ["fox"], Scan(settings=RECURSIVE))
    assert uids(found) == ["a"]
    assert dropped(found) == {"b": "group"}


def test_the_entry_with_most_keys_wins_where_the_group_counts_them():
    entries = [
        entry("one", "fox", "snow", group="g", use_group_scoring=True),
        entry("two", "fox", "ice", group="g", use_group_scoring=True),
    ]
    for seed in range(10):
        assert told(entries, "fox in ice", seed=seed) == ["two"]


def test_probability_follows_from_seed_entry_and_turn():
    entries = [entry(str(number), "fox", probability=50) for number in range(200)]
    once = told(entries, "fox", seed=1, turn=3)
    assert once == told(entries, "fox", seed=1, turn=3)
    assert once != told(entries, "fox", seed=1, turn=4)
    assert 60 < len(once) < 140
    assert told([entry("never", "fox", probability=0)], "fox") == []
    assert told([entry("free", "fox", probability=0, use_probability=False)], "fox") == ["free"]


def test_a_failed_roll_is_not_asked_again_in_the_same_scan():
    entries = [entry("a", "fox", content="fox"), entry("b", "fox", probability=0, content="den"), entry("c", "den")]
    found = activated(Book("w", tuple(entries)), ["fox"], Scan(settings=RECURSIVE))
    assert (uids(found), dropped(found)) == (["a"], {"b": "probability"})


def test_the_first_entry_that_does_not_fit_ends_it_by_sillytaverns_rules():
    entries = [
        entry("a", "fox", order=3, content="one two"),
        entry("b", "fox", order=2, content="one two three"),
        entry("c", "fox", order=1, content="one"),
    ]
    found = activated(Book("w", tuple(entries)), ["fox"], Scan(budget=5, count_tokens=words))
    assert (uids(found), dropped(found), found.tokens) == (["a"], {"b": "budget", "c": "budget"}, 2)


def test_the_lowest_priority_leaves_by_the_rules_of_cards():
    entries = (
        entry("a", "fox", priority=1, content="one two", order=1),
        entry("b", "fox", priority=3, content="one two three", order=2),
        entry("c", "fox", priority=2, content="one", order=3),
    )
    book = Book("w", entries, rules=Rules.card)
    found = activated(book, ["fox"], Scan(budget=4, count_tokens=words))
    assert (uids(found), dropped(found)) == (["b", "c"], {"a": "priority"})
    assert uids(activated(replace(book, token_budget=3), ["fox"], Scan(count_tokens=words))) == ["b"]


def test_higher_order_is_told_later_and_positions_keep_together():
    entries = [
        entry("late", "fox", order=9),
        entry("early", "fox", order=1),
        entry("behind", "fox", order=0, position="after"),
        entry("deep", "fox", position="at_depth", depth=8),
        entry("near", "fox", position="at_depth", depth=1),
    ]
    assert told(entries, "fox") == ["early", "late", "behind", "deep", "near"]


def test_an_entry_stays_while_it_is_sticky_and_then_cools_down():
    book = Book("w", (entry("e", "fox", sticky=2, cooldown=2),))
    timed, seen = TimedEffects(), []
    for turn in range(8):
        found = activated(book, ["fox" if turn in (1, 4, 6) else "-"], Scan(turn=turn, timed=timed))
        timed = TimedEffects.from_json(found.timed.to_json())
        seen.append([one.reason for one in found.entries])
    assert seen == [[], ["key"], ["sticky"], [], [], [], ["key"], ["sticky"]]


def test_the_same_turn_again_starts_as_before():
    book = Book("w", (entry("e", "fox", sticky=3),))
    first = activated(book, ["fox"], Scan(turn=4))
    assert uids(activated(book, ["-"], Scan(turn=4, timed=first.timed))) == []
    assert uids(activated(book, ["-"], Scan(turn=5, timed=first.timed))) == ["e"]


def test_an_entry_waits_for_its_turn():
    assert told([entry("e", "fox", delay=3)], "fox", turn=2) == []
    assert told([entry("e", "fox", delay=3)], "fox", turn=3) == ["e"]


def test_entries_are_for_characters_and_model_families():
    only = entry("e", "fox", characters=CharacterFilter(names=("Mira",)))
    assert told([only], "fox", names=("Mira", "Tam")) == ["e"]
    assert told([only], "fox", names=("Tam",)) == []
    assert told([replace(only, characters=CharacterFilter(names=("Mira",), excludes=True))], "fox", names=("Tam",))
    tagged = replace(only, characters=CharacterFilter(tags=("elf",)))
    assert told([tagged], "fox", character_tags=("elf",)) == ["e"]
    assert told([tagged], "fox", character_tags=("orc",)) == []
    pony = entry("p", "fox", families=("pony",))
    assert told([pony], "fox", family="Pony") == ["p"]
    assert told([pony], "fox", family="flux") == []


@pytest.mark.parametrize(
    ("head", "turn", "text", "is_told"),
    [
        ("@@activate", 0, "-", True),
        ("@@dont_activate", 0, "fox", False),
        ("@@dont_activate\n@@activate", 0, "-", True),
        ("@@activate_only_after 3", 2, "fox", False),
        ("@@activate_only_after 3", 3, "fox", True),
        ("@@activate_only_every 2", 3, "fox", False),
        ("@@activate_only_every 2", 4, "fox", True),
        ("@@unknown 1\n@@@activate_only_after 3", 2, "fox", False),
        ("@@activate_only_after x\n@@@dont_activate", 2, "fox", False),
        ("@@depth 2\n@@@dont_activate", 2, "fox", True),
        ("@@additional_keys snow, ice", 0, "fox", False),
        ("@@additional_keys snow, ice", 0, "fox ice", True),
        ("@@exclude_keys snow", 0, "fox snow", False),
        ("@@scan_depth 0", 0, "fox", False),
    ],
)
def test_decorators_change_how_an_entry_of_a_card_is_found(head: str, turn: int, text: str, is_told: bool):
    book = Book("w", (entry("e", "fox", content=f"{head}\n\nthe text"),), rules=Rules.card)
    found = activated(book, [text], Scan(turn=turn))
    assert [one.text for one in found.entries] == (["the text"] if is_told else [])


def test_sillytavern_knows_two_decorators_and_takes_the_others_off():
    found = activated(Book("w", (entry("e", "fox", content="@@activate_only_after 9\ntext"),)), ["fox"])
    assert [one.text for one in found.entries] == ["text"]


@pytest.mark.parametrize(("name", "later"), [("keep", ["e"]), ("dont", [])])
def test_decorators_remember_that_an_entry_was_told(name: str, later: list[str]):
    content = f"@@{name}_activate_after_match\ntext"
    book = Book("w", (entry("e", "fox", content=content),), rules=Rules.card)
    first = activated(book, ["fox"], Scan(turn=1))
    assert uids(first) == ["e"]
    assert uids(activated(book, ["fox" if name == "dont" else "-"], Scan(turn=2, timed=first.timed))) == later
    assert uids(activated(book, ["fox"], Scan(turn=1, timed=first.timed))) == ["e"]


def test_a_pattern_of_a_strict_card_lets_constant_and_secondary_keys_mean_nothing():
    one = entry("e", "f.x", constant=True, secondary_keys=("snow",), key_kind=KeyKind.patterns)
    book = Book("w", (one,), rules=Rules.card)
    assert uids(activated(book, ["-"])) == []
    assert uids(activated(book, ["fox"])) == ["e"]


def test_macros_are_replaced_and_words_to_be_found_by_are_not_told():
    content = "{{char}} and <user>, {{// note}}{{hidden_key:den}}{{reverse:ab}} {{roll:d6}} {{pick:a,b\\,c}} {{other}}"
    entries = (entry("e", "fox", content=content, order=1), entry("d", "den", order=2))
    scan = Scan(names=("Mira",), user="Tam", settings=RECURSIVE, seed=5)
    found = activated(Book("w", entries), ["fox"], scan)
    assert uids(found) == ["e", "d"]
    start, roll, pick, other = found.entries[0].text.rsplit(" ", 3)
    assert (start, other) == ("Mira and Tam, ba", "{{other}}")
    assert int(roll) in range(1, 7)
    assert pick in ("a", "b,c")


def test_two_books_of_one_name_do_not_share_what_stays():
    books = [Book("w", (entry("0", "fox", sticky=5),)), Book("w", (entry("0", "hen", sticky=5),))]
    first = activated(books, ["fox"], Scan(turn=1))
    assert len(activated(books, ["-"], Scan(turn=2, timed=first.timed)).entries) == 1


def test_in_a_large_book_each_key_is_found_that_is_there():
    text = "Tam rows the ferry through the lighthouse's shadow, ÄNDERUNG!"
    pieces = {text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1)}
    there = [piece for piece in sorted(pieces) if piece.strip()][::7]
    keys = [*there, *(f"{piece}q" for piece in there)]
    entries = [entry(str(at), key, case_sensitive=at % 2 == 0) for at, key in enumerate(keys)]
    assert {int(uid) for uid in told(entries, text)} == set(range(len(there)))
