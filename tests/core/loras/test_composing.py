from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.loras.composing import Candidate, Chosen, Composition, Limits, compose
from orchestrator_core.loras.conflicts import are_pair, conflict, partner_of
from orchestrator_core.loras.record import ExamplePrompt, LoraRecord
from orchestrator_core.loras.strengths import Strength, strength_of
from tests.core.loras.selection_library import libraries, lora


def named(composition: Composition) -> list[str]:
    return [use.record.name for use in composition.chosen]


def why(composition: Composition, name: str) -> str:
    return next(one.reason.kind for one in composition.nearly if one.record.name == name)


def candidates(*records: LoraRecord, score: float = 1.0) -> list[Candidate]:
    """Each a little worse than the one before, and each for a word of its own."""
    return [Candidate(record, score - at / 100, words={f"word{at}": 1.0}) for at, record in enumerate(records)]


def test_the_best_are_taken_up_to_the_count() -> None:
    found = compose(candidates(*(lora(f"l{number}") for number in range(5))), Limits(total_strength=9))
    assert named(found) == ["l0", "l1", "l2"]
    assert why(found, "l3") == why(found, "l4") == "count"


def test_too_little_evidence_chooses_nothing() -> None:
    found = compose([Candidate(lora("a"), 0.1)], Limits())
    assert named(found) == []
    assert why(found, "a") == "too little"


def test_strengths_are_scaled_down_in_proportion() -> None:
    strong, weak = lora("a", preferred_strength=1.2), lora("b", preferred_strength=0.6)
    found = compose(candidates(strong, weak), Limits(total_strength=0.9))
    assert [use.strength.model for use in found.chosen] == [0.6, 0.3]


def test_what_would_have_no_strength_left_is_not_used() -> None:
    given_all = Chosen(Candidate(lora("there"), pinned=True), Strength(1.8, 1.8, fixed=True))
    found = compose(candidates(lora("a"), lora("b")), Limits(), [given_all])
    assert named(found) == []
    assert why(found, "a") == "strength"


def test_a_strength_that_a_person_gave_is_not_scaled() -> None:
    pin = Candidate(lora("pin"), pinned=True, given=1.5)
    found = compose([pin, *candidates(lora("a"))], Limits(total_strength=1.8))
    assert [use.strength.model for use in found.chosen] == [1.5, 0.3]


def test_one_character_for_each_figure_in_the_prompt() -> None:
    two = candidates(lora("a", category="character"), lora("b", category="character"))
    assert named(compose(two, Limits())) == ["a"]
    assert named(compose(two, Limits(characters=2))) == ["a", "b"]
    assert why(compose(two, Limits()), "b") == "category"


@pytest.mark.parametrize(("category", "called"), [("clothing", "outfit"), ("pose", "pose")])
def test_one_outfit_and_one_pose_for_each_figure_in_the_prompt(category: str, called: str) -> None:
    three = candidates(*(lora(name, category=category) for name in "abc"))
    one = compose(three, Limits())
    assert named(one) == ["a"]
    assert one.nearly[0].reason.sentence == f"there is room for 1 {called}: 'a'"
    two = compose(three, Limits(characters=2))
    assert named(two) == ["a", "b"]
    assert two.nearly[0].reason.sentence == f"there is room for 2 {called}s: 'a', 'b'"


def test_a_character_its_outfit_and_its_pose_go_together() -> None:
    all_of_one = candidates(*(lora(kind, category=kind) for kind in ("character", "clothing", "pose")))
    assert named(compose(all_of_one, Limits())) == ["character", "clothing", "pose"]


def test_an_outfit_that_a_person_wants_takes_the_room_of_others() -> None:
    pin = Candidate(lora("pin", category="clothing"), pinned=True)
    found = compose([pin, *candidates(lora("a", category="clothing"))], Limits())
    assert (named(found), why(found, "a")) == (["pin"], "category")


def test_two_styles_at_most_and_weaker_ones_beside_a_character() -> None:
    styles = [lora(f"s{number}", category="style") for number in range(3)]
    assert named(compose(candidates(*styles), Limits(total_strength=9))) == ["s0", "s1"]
    both = compose(candidates(lora("c", category="character"), styles[0]), Limits(total_strength=9))
    assert [use.strength.model for use in both.chosen] == [0.8, 0.7]


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (lora("a", model_id="7"), lora("b", model_id="7"), "versions of one model"),
        (lora("a", base_model="SD 1.5"), lora("b", base_model="SDXL"), "of SD 1.5 and of SDXL"),
        (lora("a", sha256="1"), lora("b", sha256="1"), "the same"),
        (lora("a", "ghibli style, castle"), lora("b", "Ghibli_Style, dragon"), "called by 'ghibli'"),
    ],
)
def test_what_conflicts_is_not_used_together(one: LoraRecord, other: LoraRecord, reason: str) -> None:
    assert reason in conflict(one, other)
    assert why(compose(candidates(one, other), Limits()), "b") == "conflict"


def test_a_later_part_of_a_group_and_words_of_any_picture_are_no_conflict() -> None:
    assert conflict(lora("a", "miku, red hat"), lora("b", "rin, red hat")) == ""
    assert conflict(lora("a", "1girl"), lora("b", "1girl")) == ""


def test_what_else_a_character_wears_keeps_no_clothes_away() -> None:
    alice = lora("a", "alice", "blonde hair", "blue dress")
    assert conflict(alice, lora("b", "blue dress")) == ""
    assert conflict(alice, lora("b", "wizard hat", "blue dress")) == ""
    assert "called by 'alice'" in conflict(alice, lora("b", "1girl", "alice", "armor"))


@pytest.mark.parametrize(("base", "other"), [("SD 1.5", ""), ("", ""), ("SDXL", "Kolors"), ("SDXL", "SDXL")])
def test_base_models_that_may_go_together_are_no_conflict(base: str, other: str) -> None:
    assert conflict(lora("a", base_model=base), lora("b", base_model=other)) == ""


def test_pairs_that_a_person_declared_are_kept_apart() -> None:
    limits = Limits(never_together=frozenset({frozenset({"a", "b"})}))
    assert named(compose(candidates(lora("a"), lora("b"), lora("c")), limits)) == ["a", "c"]


def test_a_second_lora_for_the_same_words_adds_half() -> None:
    same = [Candidate(lora("a"), 1.0, words={"cat": 1.0}), Candidate(lora("b"), 0.4, words={"cat": 1.0})]
    found = compose(same, Limits())
    assert named(found) == ["a"]
    assert why(found, "b") == "redundant"


def test_what_is_redundant_names_the_words_as_they_stand_in_the_prompt() -> None:
    words, shown = {"cat": 1.0, "watercolor": 2.0}, {"cat": "cats", "watercolor": "watercolor"}
    same = [Candidate(lora(name), score, words=words, shown=shown) for name, score in (("a", 1.0), ("b", 0.4))]
    (one,) = compose(same, Limits()).nearly
    assert one.reason.sentence == "'a' already answers 'cats', 'watercolor'"


def test_a_lora_that_only_mentions_a_word_leaves_it_to_one_that_is_for_it() -> None:
    both = [
        Candidate(lora("a"), 1.0, words={"cat": 1.0, "fox": 1.0}, mentioned=lambda: frozenset({"fox"})),
        Candidate(lora("fox"), 0.3, words={"fox": 1.0}),
        Candidate(lora("cat"), 0.3, words={"cat": 1.0}),
    ]
    found = compose(both, Limits())
    assert (named(found), why(found, "cat")) == (["a", "fox"], "redundant")


def test_both_halves_of_a_wan_pair_count_as_one() -> None:
    high = lora("wan/dance_high_noise", "dance", base_model="Wan 14B", model_id="7")
    low = lora("wan/dance_low_noise", "dance", base_model="Wan 14B", model_id="7")
    assert are_pair(high, low)
    assert conflict(high, low) == ""
    assert partner_of(high, lambda: [high, low]) == low
    pair = Candidate(high, 1.0, words={"dance": 1.0}, partner=low)
    found = compose([pair, *candidates(lora("a", base_model="Wan 14B"))], Limits(max_loras=2))
    assert len(found.chosen) == 2
    assert next(use for use in found.chosen if use.record == high).partner_strength == Strength(0.8, 0.8, "default")


def test_high_and_low_are_words_of_other_names_too() -> None:
    assert partner_of(lora("high_fantasy"), lambda: [lora("low_fantasy")]) is None


def test_variety_draws_among_near_ties_by_the_seed() -> None:
    near = [Candidate(lora(name), 1.0, words={"cat": 1.0}) for name in "abc"]
    drawn = {seed: named(compose(near, Limits(max_loras=1, variety=0.5, seed=seed))) for seed in range(40)}
    assert {name for names in drawn.values() for name in names} == {"a", "b", "c"}
    assert drawn == {seed: named(compose(near, Limits(max_loras=1, variety=0.5, seed=seed))) for seed in range(40)}
    assert all(named(compose(near, Limits(max_loras=1, seed=seed))) == ["a"] for seed in range(9))


def test_what_is_clearly_worse_is_never_drawn() -> None:
    two = [Candidate(lora("good"), 1.0), Candidate(lora("bad"), 0.6)]
    limits = (Limits(max_loras=1, variety=1.0, seed=seed) for seed in range(40))
    assert all(named(compose(two, limit)) == ["good"] for limit in limits)


@pytest.mark.parametrize(
    ("fields", "strength"),
    [
        ({}, (0.8, "default")),
        ({"examples": (ExamplePrompt("x", 0.5), ExamplePrompt("y", 0.7), ExamplePrompt("z"))}, (0.6, "examples")),
        ({"strength_range": (0.3, 0.6)}, (0.6, "usage tips")),
        ({"strength_range": (0.3, 0.6), "preferred_strength": 0.9}, (0.9, "preferred")),
        ({"preferred_strength": float("nan")}, (0.8, "default")),
    ],
)
def test_the_best_advice_on_strength_is_followed(fields: dict[str, object], strength: tuple[float, str]) -> None:
    found = strength_of(lora("a", **fields), 0.8)
    assert (found.model, found.source) == strength


def test_a_given_strength_beats_all_advice() -> None:
    assert strength_of(lora("a", preferred_strength=0.9), 0.8, 0.4) == Strength(0.4, 0.4, "given", fixed=True)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    return Limits(
        max_loras=draw(st.integers(0, 5)),
        total_strength=draw(st.floats(0, 4)),
        strength=draw(st.floats(-1, 1.5)),
        variety=draw(st.floats(0, 1)),
        seed=draw(st.integers(0, 2**64 - 1)),
    )


@given(libraries(), limits(), st.data())
def test_budgets_hold_nothing_is_lost_and_nothing_conflicts(
    library: list[LoraRecord], limit: Limits, data: st.DataObject
) -> None:
    scores = [data.draw(st.floats(0, 2)) for _ in library]
    asked = [Candidate(record, score) for record, score in zip(library, scores, strict=True)]
    found = compose(asked, limit)
    assert len(found.chosen) <= limit.max_loras
    assert sum(abs(use.strength.model) for use in found.chosen) <= limit.total_strength + 1e-9
    assert not any(conflict(one.record, other.record) for one, other in combinations(found.chosen, 2))
    assert sorted([*named(found), *(one.record.name for one in found.nearly)]) == [record.name for record in library]
    assert compose(asked, limit) == found == compose(asked[::-1], limit) or len(found.nearly) > 1
