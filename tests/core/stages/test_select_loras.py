from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator_core.base_models import BaseModel
from orchestrator_core.context import StageContext
from orchestrator_core.errors import FormatError, PipelineError
from orchestrator_core.loras.ranking import LoraIndex
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.prompt import Component, LoraUse, Origin, PromptDraft, render
from orchestrator_core.run import Run
from orchestrator_core.stages.select_loras import Options, Selection, select, stage
from orchestrator_core.template import Wildcards
from tests.core.loras.selection_library import libraries, lora, prompts

PONY = BaseModel("SDXL", "Pony")
GHIBLI = lora("styles/ghibli", "ghibli style", sub_family="Pony", category="style")
MIKU = lora("miku", "hatsune miku, twintails", "miku racing suit, helmet", category="character", sub_family="Pony")
OTHERS = [lora(f"other{number}", f"thing{number}", tags=(f"tag{number}",)) for number in range(9)]
LIBRARY = LoraIndex([GHIBLI, MIKU, *OTHERS])


def draft(text: str, **fields: object) -> PromptDraft:
    return PromptDraft((Component(text),), **fields)


def chosen(selection: Selection) -> list[str]:
    return [use.record.name for use in selection.chosen]


def test_the_lora_whose_trigger_is_in_the_prompt_is_used_and_says_why() -> None:
    found = select(draft("a fox in ghibli style"), LIBRARY, PONY)
    assert found.draft.loras == (LoraUse("styles/ghibli", 0.8, 0.8, GHIBLI.sha256),)
    assert [reason.kind for reason in found.chosen[0].candidate.reasons] == ["trigger", "base model"]
    assert "styles/ghibli at 0.8: trigger 'ghibli style' is in the prompt; both are Pony" in found.report


def test_a_prompt_that_nothing_fits_stays_as_it_is() -> None:
    before = draft("a fox, 1girl, masterpiece, best quality")
    found = select(before, LIBRARY, PONY)
    assert found.draft == before
    assert "No LoRA" in found.report


def test_where_none_is_allowed_the_report_says_so_and_not_that_none_fits() -> None:
    found = select(draft("a fox in ghibli style"), LIBRARY, PONY, Options(max_loras=0))
    assert found.report.splitlines()[0] == "No LoRA: max_loras is 0, so none is allowed."
    assert "nearly: styles/ghibli" in found.report


def test_only_the_group_that_matched_is_inserted_and_only_what_is_not_there() -> None:
    found = select(draft("hatsune miku in the snow"), LIBRARY, PONY)
    assert found.draft.positive == "hatsune miku in the snow, twintails"
    racing = select(draft("Miku in a racing suit, helmets"), LIBRARY, PONY)
    assert racing.draft.positive == "Miku in a racing suit, helmets, miku racing suit"


@pytest.mark.parametrize(
    ("insert", "text"),
    [("none", "hatsune miku"), ("all", "hatsune miku, twintails, miku racing suit, helmet")],
)
def test_all_groups_or_none_can_be_inserted(insert: str, text: str) -> None:
    options = Options.model_validate({"insert_trigger_words": insert})
    assert select(draft("hatsune miku"), LIBRARY, PONY, options).draft.positive == text


def test_inserted_words_say_their_origin_and_the_lora_that_is_credited() -> None:
    component = select(draft("hatsune miku"), LIBRARY, PONY).draft.components[-1]
    assert component.origin is Origin.trigger_words
    assert component.choices[0].key == f"lora:{MIKU.sha256}"


@pytest.mark.parametrize(
    ("text", "ends"), [("", "thing1"), ("a fox", "a fox, thing1"), ("fox,", "fox, thing1"), ("fox, ", "fox, thing1")]
)
def test_words_are_joined_as_a_person_would(text: str, ends: str) -> None:
    assert select(draft(text), LIBRARY, PONY, Options(include="other1")).draft.positive == ends


def test_a_lora_of_another_base_model_is_refused_with_the_reason() -> None:
    found = select(draft("ghibli style"), LIBRARY, BaseModel("SD 1.5", ""))
    assert chosen(found) == []
    assert [(one.record.name, one.reason.kind) for one in found.refused] == [("styles/ghibli", "incompatible")]
    assert "not used: styles/ghibli: the LoRA is for Pony" in found.report


def test_of_two_that_fit_equally_the_one_for_this_checkpoint_is_used() -> None:
    both = [lora("a", "kimono", sub_family="Illustrious"), lora("b", "kimono", sub_family="Pony")]
    assert chosen(select(draft("a kimono"), both, PONY)) == ["b"]


@pytest.mark.parametrize("state", ["incomplete", "truncated", "unreadable", "missing", "offline"])
def test_a_file_that_cannot_be_used_is_not(state: str) -> None:
    found = select(draft("a kimono"), [lora("a", "kimono", state=state)], PONY)
    assert chosen(found) == []
    assert found.refused[0].reason.kind == "file"


def test_what_a_person_excludes_is_not_used() -> None:
    assert chosen(select(draft("ghibli style"), LIBRARY, PONY, Options(exclude="styles/*"))) == []
    assert chosen(select(draft("ghibli style"), LIBRARY, PONY, Options(exclude="GHIBLI.safetensors"))) == []
    assert chosen(select(draft("a kimono"), [lora("a", "kimono", excluded=True)], PONY)) == []


def test_what_a_person_pins_is_used_first_and_at_their_strength() -> None:
    found = select(draft("ghibli style"), LIBRARY, PONY, Options(include="other3:0.35, other4"))
    assert [(use.name, use.strength_model) for use in found.draft.loras] == [
        ("other3", 0.35),
        ("other4", 0.72),
        ("styles/ghibli", 0.72),
    ]


def test_a_pin_overrules_the_exclusion_in_the_library_but_not_the_base_model() -> None:
    own = [lora("a", excluded=True), lora("b", base_model="Flux.1")]
    found = select(draft("x"), own, PONY, Options(include="a, b"))
    assert chosen(found) == ["a"]
    assert found.refused[0].reason.kind == "incompatible"


def test_a_name_that_is_not_there_is_told_with_its_cure_and_the_rest_goes_on() -> None:
    found = select(draft("ghibli style"), LIBRARY, PONY, Options(include="othre1\nother2", never_together="a"))
    assert chosen(found) == ["other2", "styles/ghibli"]
    assert "There is no LoRA 'othre1'. Did you mean 'other1'?" in found.problems
    assert any("is no pair" in problem for problem in found.problems)


def test_a_name_that_means_two_files_asks_for_the_folder() -> None:
    found = select(draft("x"), [lora("a/one"), lora("b/one")], PONY, Options(include="one"))
    assert "name its folder" in found.problems[0]


@pytest.mark.parametrize(
    "before",
    [
        draft("ghibli style <lora:ghibli:0.5>"),
        draft("ghibli style", loras=(LoraUse("styles/ghibli.safetensors", 0.5, 0.5),)),
    ],
)
def test_a_lora_that_is_in_the_prompt_counts_and_is_not_doubled(before: PromptDraft) -> None:
    assert select(before, LIBRARY, PONY).draft == before
    other = select(before.replacing(components=(*before.components, Component(", thing1"))), LIBRARY, PONY)
    assert chosen(other) == ["other1"]
    assert chosen(select(before, LIBRARY, PONY, Options(include="other2, other3", total_strength=0.6))) == [
        "other2",
        "other3",
    ]


def test_an_unknown_lora_in_the_prompt_counts_too() -> None:
    before = draft("ghibli style <lora:gone:1><lora:lost:0.5><lora:x:0>")
    assert chosen(select(before, LIBRARY, PONY)) == []


def test_accelerators_are_used_by_explicit_choice_only() -> None:
    fast = [lora("lightning", "lightning", category="accelerator"), *OTHERS]
    assert select(draft("lightning"), fast, PONY).refused[0].reason.kind == "accelerator"
    assert chosen(select(draft("lightning"), fast, PONY, Options(allow_accelerators=True))) == ["lightning"]
    assert chosen(select(draft("a fox"), fast, PONY, Options(include="lightning"))) == ["lightning"]


def test_both_halves_of_a_wan_pair_are_used() -> None:
    halves = [lora(f"dance_{half}_noise", "moonwalk", base_model="Wan 14B") for half in ("high", "low")]
    found = select(draft("a moonwalk"), halves, BaseModel("Wan 14B", ""))
    assert {use.name for use in found.draft.loras} == {"dance_high_noise", "dance_low_noise"}
    assert len(found.chosen) == 1


def test_pairs_that_do_not_go_together_are_kept_apart() -> None:
    options = Options(never_together="miku + styles/*")
    found = select(draft("hatsune miku, ghibli style"), LIBRARY, PONY, options)
    assert len(found.chosen) == 1
    assert found.nearly[0].reason.kind == "conflict"


def test_a_query_narrows_the_choice_and_a_wrong_one_is_an_error() -> None:
    both = draft("hatsune miku, ghibli style")
    assert chosen(select(both, LIBRARY, PONY, Options(query="category:style"))) == ["styles/ghibli"]
    with pytest.raises(FormatError, match="character 1"):
        select(both, LIBRARY, PONY, Options(query="sort:colour"))


def test_learned_weights_change_the_choice() -> None:
    both = [lora("a", "kimono"), lora("b", "kimono")]
    weights = {f"lora:{both[1].sha256}": 1.5, "colors#red": 0.0}
    found = select(draft("a kimono"), both, BaseModel("SDXL", ""), Options(variety=0), weights)
    assert chosen(found) == ["b"]
    assert "earlier images speak for it (×1.50)" in found.report
    none = select(draft("a kimono"), both, weights=dict.fromkeys((f"lora:{one.sha256}" for one in both), 0.0))
    assert chosen(none) == []


def test_near_ties_are_drawn_by_the_seed_and_name_one_another() -> None:
    near = [lora(name, f"kimono {name}x", tags=("kimono",)) for name in ("a", "b")]
    both = [select(draft("a kimono", seed=seed), near, options=Options(max_loras=1)) for seed in range(30)]
    assert {name for found in both for name in chosen(found)} == {"a", "b"}
    (choice,) = both[0].draft.components[-1].choices
    assert set(choice.siblings) == {f"lora:{record.sha256}" for record in near}
    assert choice.options == 2
    assert choice.probability == pytest.approx(0.5)


def test_a_lora_whose_description_mentions_a_word_leaves_it_to_the_one_that_is_for_it() -> None:
    castle = lora("castle", "old castle", description="Goes well with watercolor.")
    paint = lora("paint", training_tags=(("watercolor", 9),))
    index = LoraIndex([castle, paint, *OTHERS])
    found = select(draft("an old castle, watercolor"), index, BaseModel("SDXL"), Options(minimum_evidence=0.4))
    assert chosen(found) == ["castle", "paint"]


def test_a_compound_answers_the_word_that_it_was_found_by() -> None:
    both = [lora("city", "city", tags=("harbor",)), lora("cityscape", "cityscape, harbor")]
    found = select(draft("a city by the harbor"), both, BaseModel("SDXL"))
    (one,) = (one for one in (*found.chosen, *found.nearly) if one.record.name == "cityscape")
    assert set(one.candidate.words) == {"city", "harbor"}
    assert one.candidate.shown["city"] == "city"


def test_a_compound_alone_chooses_nothing() -> None:
    found = select(draft("a city at night"), [lora("a", "cityscape"), *OTHERS], BaseModel("SDXL"))
    assert found.chosen == ()
    assert "too little evidence" in found.report


def test_two_figures_may_be_two_characters() -> None:
    two = [lora("rin", "kagamine rin", category="character"), lora("miku", "hatsune miku", category="character")]
    assert len(select(draft("kagamine rin, hatsune miku"), two).chosen) == 1
    assert len(select(draft("2girls, kagamine rin, hatsune miku"), two).chosen) == 2


@given(libraries(), prompts, st.integers(0, 2**64 - 1), st.floats(0, 3), st.integers(0, 5))
def test_any_selection_keeps_the_budgets_and_all_text(
    library: list[LoraRecord], prompt: str, seed: int, total: float, most: int
) -> None:
    before = draft(prompt, seed=seed, loras=(LoraUse("lora0", 0.3, 0.3),))
    options = Options(total_strength=total, max_loras=most, variety=0.5)
    found = select(before, library, BaseModel("SDXL", ""), options)
    added = found.draft.loras[1:]
    assert found.draft.components[: len(before.components)] == before.components
    assert found.draft.positive == render(found.draft.components)
    assert found.draft.loras[:1] == before.loras
    assert len(added) <= max(0, most - 1)
    assert sum(abs(use.strength_model) for use in added) <= max(0.0, total - 0.3) + 1e-9
    names = [use.name for use in found.draft.loras]
    assert len(set(names)) == len(names)
    assert select(before, LoraIndex(reversed(library)), BaseModel("SDXL", ""), options) == found


def test_a_stage_selects_and_without_a_library_says_what_to_do() -> None:
    context = StageContext(Wildcards([]), loras=LIBRARY, checkpoint=PONY)
    run = stage(Run("r", draft("ghibli style")), context, Options())
    assert [use.name for use in run.draft.loras] == ["styles/ghibli"]
    with pytest.raises(PipelineError, match="LoRA folder"):
        stage(run, replace(context, loras=None), Options())


@pytest.mark.parametrize("wrong", [{"max_loras": -1}, {"variety": 2}, {"insert_trigger_words": "some"}, {"colour": 1}])
def test_options_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(wrong)
