"""What the page draws is what the stage draws, each prompt with the next seed."""

from __future__ import annotations

from pathlib import Path

from orchestrator_app.studio.drawing import Slots, draw, rerolled
from orchestrator_app.studio.odds import Odds
from orchestrator_core.prompt import MAX_SEED
from orchestrator_core.stages.generate_prompt import Options, generate
from orchestrator_core.template import Wildcards

NONE = Wildcards([])
COLOURS = Options(template="a {red|green|blue|black|white} {fox|owl}", seed=5)


def test_each_prompt_has_the_next_seed_and_is_what_the_stage_draws():
    drawn = draw(COLOURS, 3, NONE)
    assert [draft.seed for draft in drawn.drafts] == [5, 6, 7]
    assert drawn.drafts[2] == generate(COLOURS.model_copy(update={"seed": 7}), NONE)


def test_the_seed_after_the_last_is_the_first():
    assert [draft.seed for draft in draw(Options(template="a", seed=MAX_SEED), 2, NONE).drafts] == [MAX_SEED, 0]


def test_turns_go_on_from_the_index():
    drawn = draw(Options(template="{a|b|c}", method="combinatorial", index=1), 2, NONE)
    assert [draft.positive for draft in drawn.drafts] == ["b", "c"]


def test_what_ends_the_draws_is_said_and_the_ones_before_are_kept():
    drawn = draw(Options(template="{a|b}", method="combinatorial", index=0), 5, NONE)
    assert [draft.positive for draft in drawn.drafts] == ["a", "b"]
    assert "There is no combination 2" in drawn.problem


def slot_of(word: str, options: Options) -> str:
    draft = generate(options, NONE)
    span = next(component.span for component in draft.components if component.text == word)
    return Slots(draft).around("positive", span)


def test_one_part_of_one_prompt_is_drawn_again_until_it_says_something_else():
    first, second = draw(COLOURS, 2, NONE).drafts
    colour = second.components[1].text
    rerolls = rerolled(COLOURS, NONE, {}, 6, slot_of(colour, COLOURS.model_copy(update={"seed": 6})))
    again = draw(COLOURS, 2, NONE, rerolls).drafts
    assert again[0] == first
    assert again[1].components[1].text != colour
    assert again[1].components[2:] == second.components[2:]


def test_a_part_that_cannot_be_anything_else_stays():
    options = Options(template="a {fox|fox}", seed=1)
    rerolls = rerolled(options, NONE, {}, 1, slot_of("fox", options))
    assert draw(options, 1, NONE, rerolls).drafts[0].positive == "a fox"


def test_a_word_of_a_wildcard_inside_a_variant_belongs_to_the_whole_slot(tmp_path: Path):
    (tmp_path / "c.txt").write_text("red\ngreen\n")
    wildcards = Wildcards(tmp_path)
    options = Options(template="a {__c__|__c__} fox", seed=3)
    draft = generate(options, wildcards)
    slots = Slots(draft)
    inner = next(component for component in draft.components if component.text in ("red", "green"))
    assert slots.around("positive", inner.span) == slots.slots[0].id
    assert slots.around("negative", inner.span) == ""
    assert slots.around("positive", None) == ""


def test_learned_odds_decide_the_draw_and_what_is_drawn_again():
    variants = Options(template="a {fox|owl}", seed=5)
    (fox,) = {choice.key for draft in draw(variants, 8, NONE).drafts for choice in draft.components[1].choices
              if choice.key.endswith("#fox")}  # fmt: skip
    odds = Odds({fox.replace("#fox", "#owl"): 0.0}, 7)
    drawn = draw(variants, 8, NONE, odds=odds)
    assert {draft.positive for draft in drawn.drafts} == {"a fox"}
    assert {draft.source.odds for draft in drawn.drafts} == {7}
    slot = Slots(drawn.drafts[0]).around("positive", drawn.drafts[0].components[1].span)
    again = rerolled(variants, NONE, {}, 5, slot, odds=odds)
    assert draw(variants, 1, NONE, again, odds=odds).drafts[0].positive == "a fox"


def test_a_prompt_without_a_choice_is_the_same_by_all_odds():
    assert draw(Options(template="a fox"), 1, NONE, odds=Odds({}, 7)).drafts[0].source.odds == 0
