"""Stacks of any pack, tags in texts, names of files, and which base model a MODEL is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from comfy_nodes.checkpoint_family import FAMILIES, checkpoint_of, loader_file
from comfy_nodes.lora_names import Stack, file_named, read_stack
from comfy_nodes.lora_uses import Files, chosen_files, given
from orchestrator_core.base_models import FAMILIES as KNOWN
from orchestrator_core.base_models import BaseModel
from orchestrator_core.loras.composing import Candidate, Chosen
from orchestrator_core.loras.record import LoraRecord
from orchestrator_core.loras.strengths import Strength
from orchestrator_core.prompt import Component, LoraUse, Origin, PromptDraft

FILES = ["styles/ink.safetensors", "fox.safetensors", "a/same.safetensors", "b/same.safetensors", "v1.2.safetensors"]


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (None, ()),
        ([], ()),
        ([("ink.safetensors", 0.8, 0.5)], (("ink.safetensors", 0.8, 0.5),)),
        ([["ink", 1, 0]], (("ink", 1.0, 0.0),)),
        ([("ink", 0.7)], (("ink", 0.7, 0.7),)),
        ([("None", 1, 1), (None, 1, 1), "None", ("", 1, 1), ("fox", -1, 2)], (("fox", -1.0, 2.0),)),
    ],
)
def test_stacks_of_other_packs_are_read(value: Any, items: Any) -> None:
    assert read_stack(value) == Stack(items)


@pytest.mark.parametrize(
    "item", [("ink",), ("ink", "strong", 1), (3, 1, 1), ("ink", float("nan"), 1), 7, ("ink", True)]
)
def test_an_item_that_is_none_is_told_and_the_others_are_used(item: Any) -> None:
    found = read_stack([item, ("fox", 1, 1)])
    assert found.items == (("fox", 1.0, 1.0),)
    (problem,) = found.problems
    assert problem.startswith("Item 1 of the LoRA stack")


@hypothesis_given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_value_can_be_handed_in(value: Any) -> None:
    found = read_stack(value)
    assert all(len(item) == 3 for item in found.items)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("styles/ink.safetensors", "styles/ink.safetensors"),
        ("styles\\ink", "styles/ink.safetensors"),
        ("INK", "styles/ink.safetensors"),
        ("v1.2", "v1.2.safetensors"),
        ("a/same", "a/same.safetensors"),
        ("same", None),
        ("other/ink", None),
        ("", None),
    ],
)
def test_a_name_may_lack_folder_and_extension(name: str, file: str | None) -> None:
    assert file_named(name, FILES) == file


def test_a_name_that_is_not_there_is_told() -> None:
    files = Files(lambda: FILES, lambda name: f"/loras/{name}")
    found, problems = files.found([("ink", 0.8, 0.8), ("same", 1, 1)])
    assert [(file.name, file.path) for file in found] == [("styles/ink.safetensors", "/loras/styles/ink.safetensors")]
    assert problems == ["There is no LoRA 'same', or more than one is called so; it is left out."]


DRAFT = PromptDraft((Component("a red fox", Origin.wildcard), Component(", <lora:ink:0.7>")), seed=3)


def test_a_tag_in_the_text_is_loaded_and_taken_out() -> None:
    found = given(DRAFT, None, Stack())
    assert found.draft.positive == "a red fox, "
    assert found.draft.components[0] == Component("a red fox", Origin.wildcard)
    assert found.items == (("ink", 0.7, 0.7),)
    assert found.draft.loras == (LoraUse("ink", 0.7, 0.7),)


def test_a_text_in_place_of_the_draft_keeps_the_origin_of_its_words() -> None:
    found = given(DRAFT, "a red fox at night", Stack())
    assert found.draft.positive == "a red fox at night"
    assert found.draft.components[0].origin is Origin.wildcard
    assert found.draft.seed == 3


def test_a_text_alone_is_the_persons() -> None:
    assert given(None, "a fox", Stack()).draft.components == (Component("a fox", Origin.user),)
    assert given(None, None, Stack()).draft == PromptDraft(())


def test_what_a_selector_before_has_loaded_is_not_loaded_again() -> None:
    before = DRAFT.replacing(loras=(LoraUse("styles/ink", 0.8, 0.8),))
    found = given(before, None, Stack((("ink.safetensors", 1.0, 1.0), ("fox.safetensors", 0.5, 0.5))))
    assert found.items == (("fox.safetensors", 0.5, 0.5),)
    assert [use.name for use in found.draft.loras] == ["styles/ink", "fox"]


HIGH, LOW = (LoraRecord(f"wan_{half}_noise", f"/l/wan_{half}_noise.safetensors", "/l") for half in ("high", "low"))


@pytest.mark.parametrize(
    ("loader", "file"),
    [
        ("wan2.2_t2v_low_noise_14B.safetensors", "wan_low_noise.safetensors"),
        ("wan2.2_t2v_high_noise_14B.safetensors", "wan_high_noise.safetensors"),
        ("wan.safetensors", "wan_high_noise.safetensors"),
    ],
)
def test_of_a_wan_pair_the_half_of_the_model_is_loaded(loader: str, file: str) -> None:
    use = Chosen(Candidate(HIGH, partner=LOW), Strength(0.8, 0.8), Strength(0.6, 0.6))
    assert [found.name for found in chosen_files([use], loader)] == [file]


@pytest.mark.parametrize(
    ("kinds", "width", "file", "base"),
    [
        (["SD15", "BASE"], 0, "dreamshaper_8.safetensors", BaseModel("SD 1.5")),
        (["SDXL", "BASE"], 0, "ponyDiffusionV6XL.safetensors", BaseModel("SDXL", "Pony")),
        (["SDXL", "BASE"], 0, "something.safetensors", BaseModel("SDXL")),
        (["SSD1B", "SDXL", "BASE"], 0, "", BaseModel("SDXL")),
        (["SD15", "BASE"], 0, "ponyDiffusionV6XL.safetensors", BaseModel("SD 1.5")),
        (["FluxSchnell", "Flux", "BASE"], 0, "flux1-schnell.safetensors", BaseModel("Flux.1")),
        (["WAN22_T2V", "WAN21_T2V", "BASE"], 3072, "wan.safetensors", BaseModel("Wan 5B")),
        (["WAN21_T2V", "BASE"], 5120, "wan2.1.safetensors", BaseModel("Wan 14B")),
        (["SomethingNew", "BASE"], 0, "qwen_image.safetensors", BaseModel("Qwen-Image")),
        (["NoneType"], 0, "", BaseModel()),
    ],
)
def test_the_base_model_of_a_model(kinds: list[str], width: int, file: str, base: BaseModel) -> None:
    assert checkpoint_of(kinds, width, file) == base


def test_all_families_are_those_of_the_core() -> None:
    assert set(FAMILIES.values()) <= set(KNOWN)


def graph(**nodes: dict[str, Any]) -> dict[str, Any]:
    return {key: {"class_type": "Any", "inputs": inputs} for key, inputs in nodes.items()}


def test_the_loader_is_found_through_other_nodes() -> None:
    found = graph(
        loader={"ckpt_name": "pony.safetensors"},
        lora={"model": ["loader", 0], "clip": ["loader", 1], "lora_name": "x"},
        reroute={"": ["lora", 0]},
        select={"model": ["reroute", 0], "draft": ["other", 2]},
    )
    assert loader_file(found, "select") == "pony.safetensors"


def test_a_model_without_a_loader_has_no_file() -> None:
    assert loader_file(graph(select={"model": ["loop", 0]}, loop={"model": ["select", 0]}), "select") == ""
    for strange in (None, [], {"select": None}, {"select": {"inputs": 3}}):
        assert loader_file(strange, "select") == ""
