"""The plan of a LoRA test: what it counts, what each image is asked with, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.base_models import BaseModel
from orchestrator_core.errors import ConfigError
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.testing import Cell, TestPlan, draw_prompts, plan_test
from orchestrator_core.prompt import LoraUse, Origin, render
from orchestrator_core.request import GenerationRequest
from orchestrator_core.template import Wildcards

NONE = Wildcards([])
INK = LoraRecord("styles/ink", "/l/ink", base_model="SDXL", trigger_words=("ink wash",), size=10, mtime_ns=1)
FOX = LoraRecord("fox", "/l/fox", base_model="SDXL", sub_family="Pony", trigger_words=("foxy", "red fox lady"), size=9)
BARE = LoraRecord("bare", "/l/bare", size=8)


def plan(*records: LoraRecord, prompt: str = "a hill, {trigger}, snow", **changes: object) -> TestPlan:
    values = {"strengths": (0.5, 1.0), "prompts": draw_prompts([prompt], NONE), "seeds": (1, 2), **changes}
    return plan_test(records or (INK, FOX), **values)  # type: ignore[arg-type]


def prompts_of(found: TestPlan) -> list[str]:
    return list(dict.fromkeys(cell.request.positive for cell in found.cells()))


def test_the_count_is_known_before_anything_runs_and_told_in_a_sentence():
    found = plan()
    assert found.sentence == "2 LoRAs × 2 strengths × 1 prompt × 2 seeds + 2 baselines = 10 images"
    assert found.count == len(list(found.cells())) == 10


def test_the_baseline_comes_first_and_then_lora_by_lora_strength_by_strength():
    order = [(cell.lora, cell.strength, cell.seed) for cell in plan().cells()]
    rows = [(None, 0.0), (0, 0.5), (0, 1.0), (1, 0.5), (1, 1.0)]
    assert order == [(*row, seed) for row in rows for seed in (0, 1)]


def test_each_lora_brings_its_own_trigger_words_and_the_baseline_none():
    found = plan(INK, FOX, BARE)
    assert prompts_of(found) == ["a hill, snow", "a hill, ink wash, snow", "a hill, foxy, snow"]
    assert [use for cell in found.cells() if cell.lora is None for use in cell.request.loras] == []
    strong = next(cell for cell in found.cells() if cell.lora == 0 and cell.strength == 1)
    assert strong.request.loras == (LoraUse("styles/ink", 1.0, 1.0),)


def test_without_a_mark_the_trigger_words_go_to_the_end():
    assert prompts_of(plan(prompt="a hill")) == ["a hill", "a hill, ink wash", "a hill, foxy"]


def test_of_several_groups_the_one_that_the_prompt_speaks_of_is_used_and_never_twice():
    assert prompts_of(plan(FOX, prompt="a red fox, {trigger}"))[1] == "a red fox, red fox lady"
    assert prompts_of(plan(INK, prompt="ink wash of a hill, {trigger}")) == ["ink wash of a hill"]


@pytest.mark.parametrize(
    ("prompt", "bare"),
    [
        ("{trigger}, a hill", "a hill"),
        ("a hill, {trigger}", "a hill"),
        ("a {trigger} hill", "a hill"),
        ("a hill {trigger}, snow", "a hill, snow"),
        ("a hill in {trigger}", "a hill in"),
        ("{trigger}", ""),
        ("a hill, {trigger}, {trigger}", "a hill"),
    ],
)
def test_a_mark_without_words_leaves_no_comma_behind(prompt: str, bare: str):
    assert prompts_of(plan(prompt=prompt))[0] == bare


def test_the_mark_goes_through_a_draw_and_its_words_are_known_as_trigger_words():
    found = plan(INK, prompt="a {hill|hill} with {trigger} in {snow|snow}")
    cell = next(cell for cell in found.cells() if cell.lora == 0)
    assert cell.draft.positive == render(cell.draft.components) == "a hill with ink wash in snow"
    assert [part.text for part in cell.draft.components if part.origin is Origin.trigger_words] == ["ink wash"]
    assert [part.text for part in cell.draft.components if part.choices] == ["hill", "ink wash", "snow"]
    assert cell.draft.source.template == "a {hill|hill} with {trigger} in {snow|snow}"


def test_a_lora_of_another_base_model_is_refused_with_the_reason_and_the_rest_goes_on():
    found = plan(INK, LoraRecord("flux", "/f", base_model="Flux.1"), checkpoint=BaseModel("SDXL"))
    assert [record.name for record in found.loras] == ["styles/ink"]
    assert [(one.name, one.reason) for one in found.refused] == [
        ("flux", "the LoRA is for Flux.1, the checkpoint is SDXL")
    ]


def test_a_lora_that_the_host_has_not_or_whose_file_is_cut_is_refused_and_others_have_the_hosts_names():
    cut = INK.replacing(name="cut", path="/l/cut", state="truncated")
    found = plan(INK, FOX, cut, names={"/l/ink": "styles\\ink.safetensors", "/l/cut": "cut"})
    assert [record.name for record in found.loras] == ["styles\\ink.safetensors"]
    assert {one.name: one.reason for one in found.refused} == {
        "fox": "the host does not have it",
        "cut": "its file is cut short",
    }


def test_a_lora_whose_name_is_no_text_is_refused_by_a_name_that_can_be_written_and_the_rest_goes_on():
    odd = INK.replacing(name="caf\udce9", path="/l/caf\udce9")
    found = plan(INK, odd, odd.replacing(path="/l/b", name="b\udce9", state="truncated"))
    assert [record.name for record in found.loras] == ["styles/ink"]
    assert [one.name for one in found.refused] == ["caf\\udce9", "b\\udce9"]
    assert "not UTF-8" in found.refused[0].reason


def test_an_excluded_lora_can_still_be_tested_by_its_name():
    assert [record.name for record in plan(INK.replacing(excluded=True)).loras] == ["styles/ink"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strengths": ()}, "No strength is given"),
        ({"strengths": (float("nan"),)}, "nan is no strength"),
        ({"strengths": (99.0,)}, "99 is no strength"),
        ({"seeds": ()}, "No seed is given"),
        ({"seeds": (-1,)}, "-1 is no seed"),
        ({"prompts": ()}, "There is no prompt"),
        ({"seeds": tuple(range(5000))}, "a test has at most 10,000"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(changes: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        plan(**changes)


def test_with_no_lora_left_it_says_why():
    with pytest.raises(ConfigError, match=r"No LoRA is left to test \(fox: the LoRA is for Pony"):
        plan(FOX, checkpoint=BaseModel("SD 1.5"))


def test_what_is_given_twice_is_rendered_once():
    found = plan(INK, INK, strengths=(1, 1.0), seeds=(3, 3))
    assert found.count == 2


def keys(found: TestPlan) -> list[str]:
    return [cell.key for cell in found.cells()]


def test_a_cells_name_depends_on_what_it_asks_for_and_not_on_its_place():
    first = keys(plan())
    assert len(set(first)) == 10
    assert set(keys(plan(FOX, INK, seeds=(2, 1), strengths=(1.0, 0.5, 0.7)))) > set(first)


def test_another_file_of_the_same_name_is_another_cell_but_a_hash_that_is_known_later_is_not():
    first = keys(plan(INK))
    assert keys(plan(INK.replacing(sha256="ab" * 32))) == first
    assert keys(plan(INK.replacing(mtime_ns=2)))[:2] == first[:2]
    assert not set(keys(plan(INK.replacing(mtime_ns=2)))[2:]) & set(first)
    assert not set(keys(plan(INK, settings=GenerationRequest("", steps=9)))) & set(first)


def test_a_whole_number_and_the_same_with_a_point_are_one_cell():
    found = [keys(plan(settings=GenerationRequest("", cfg=cfg, denoise=1))) for cfg in (6, 6.0)]
    assert found[0] == found[1]


WORDS = st.lists(st.sampled_from(["a hill", "{trigger}", "snow", "(soft:1.2)", "é", "{a|b}"]), max_size=6)


@given(WORDS, st.sampled_from([", ", " ", ","]), st.integers(0, 99))
def test_no_mark_is_ever_left_and_a_draft_is_its_components(words: list[str], between: str, seed: int):
    if not "".join(words).strip():
        return
    prompts = draw_prompts([between.join(words)], NONE, seed=seed)
    for cell in plan_test([INK, BARE], (1.0,), prompts or draw_prompts(["x"], NONE), (1,)).cells():
        assert isinstance(cell, Cell)
        assert "trigger" not in cell.request.positive
        assert "\uf0a7" not in cell.request.positive
        assert cell.draft.positive.strip() == cell.request.positive


def test_the_nth_prompt_is_drawn_with_the_nth_seed():
    one = draw_prompts(["{a|b|c|d|e|f|g|h}"] * 3, NONE, seed=5)
    assert [draft.seed for draft in one] == [5, 6, 7]
    assert draw_prompts(["{a|b|c|d|e|f|g|h}"], NONE, seed=7)[0].positive == one[2].positive
