"""Changes of a story's state: what can be one, and what the state is after them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.errors import StoryError
from orchestrator_core.memory.change import OPS, Change, change_from, checked
from orchestrator_core.memory.notes import Notes, read_notes
from orchestrator_core.memory.state import Person, SceneState, folded

TEXTS = st.text(max_size=30)
CHANGES = st.sampled_from([(field, op) for field, ops in OPS.items() for op in ops]).flatmap(
    lambda both: st.builds(Change, st.just(both[1]), st.just(both[0]), TEXTS, TEXTS)
)


def test_the_state_is_the_fold_of_the_changes() -> None:
    changes = (
        Change("set", "who", value="Mira, Tom"),
        Change("set", "outfit", "mira", "red cloak"),
        Change("add", "fact", "Mira", "fears water"),
        Change("add", "fact", "Mira", "Fears water"),
        Change("remove", "who", value="MIRA"),
        Change("set", "where", value="tavern"),
        Change("add", "fact", value="the king is dead"),
        Change("set", "when", value="night"),
        Change("clear", "when"),
    )
    state = folded(changes)
    assert state == SceneState(
        ("Tom",),
        "tavern",
        people=(Person("Mira", "red cloak", ("fears water",)), Person("Tom")),
        facts=("the king is dead",),
    )
    back = folded([Change("add", "who", value="Mira"), Change("remove", "fact", "Mira", "fears water")], state)
    assert back.who == ("Tom", "Mira")
    assert back.person("mira") == Person("Mira", "red cloak")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change("set", "weather", value="rain"), "no 'weather'"),  # type: ignore[arg-type]
        (Change("remove", "where", value="x"), "cannot be 'remove'"),
        (Change("set", "outfit", value="red cloak"), "say whose"),
        (Change("set", "where", "Mira", "x"), "not of Mira"),
        (Change("set", "mood", value=" \n "), "What should mood be"),
        (Change("add", "who", value="Mira, Tom"), "one by one"),
        (Change("set", "where", value="x" * 301), "301 characters"),
        (Change("set", "who", value=f"Tom, {'x' * 101}"), "longer than 100"),
        (Change("set", "where", value="x", source="cat"), "not by 'cat'"),  # type: ignore[arg-type]
    ],
)
def test_a_change_that_means_nothing_says_what_would(change: Change, message: str) -> None:
    with pytest.raises(StoryError, match=message):
        checked(change)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "set",
        {"op": "set", "field": "where", "value": 5},
        {"op": "set", "field": "where", "value": "x", "story": "other"},
        {"op": ["set"], "field": "where", "value": "x"},
        {"op": "set", "field": "where"},
    ],
)
def test_json_that_is_no_change_is_refused(given: Any) -> None:
    with pytest.raises(StoryError):
        change_from(given, "llm")


SYNTAX = ("<lora:evil:2>", "(big:1.9)", "__wild__", "a BREAK b", "x AND y", "embedding:bad", "{a|b}", "$x", "\\(")


@pytest.mark.parametrize("value", [*SYNTAX, "\u202eabc", "a\u200bb"])
def test_a_model_s_words_are_only_words(value: str) -> None:
    with pytest.raises(StoryError, match="more than words"):
        change_from({"op": "add", "field": "fact", "subject": "Mira", "value": value}, "llm")
    assert checked(Change("add", "fact", "Mira", value)).value  # a person's own are theirs


@given(st.lists(CHANGES, max_size=12))
def test_what_is_checked_folds_and_is_noted_without_loss(changes: list[Change]) -> None:
    good = []
    for change in changes:
        try:
            good.append(checked(change))
        except StoryError:
            continue
    state = folded(good)
    assert len({name.casefold() for name in state.who}) == len(state.who)
    assert folded(good[len(good) // 2 :], folded(good[: len(good) // 2])) == state
    assert read_notes(Notes(tuple(good)).text(), 0).changes == tuple(good)


@pytest.mark.parametrize("text", ["{", "[]", '{"changes": [{}]}', '{"changes": 5}'])
def test_notes_that_nobody_wrote_are_refused(text: str) -> None:
    with pytest.raises(StoryError, match="cannot be read"):
        read_notes(text, 1)
