"""What a name, a folder and tags suggest: categories, accelerators, the two halves of a Wan LoRA."""

from __future__ import annotations

import pytest

from orchestrator_core.loras.believing import believed_fields
from orchestrator_core.loras.findings import Findings
from orchestrator_core.loras.guesses import add_guesses, noise_half, pair


def category_of(name: str, tags: str = "", words: str = "") -> object:
    found = Findings()
    found.text("tags", tags, ".civitai.info", 0.9)
    found.text("trigger_words", words, ".civitai.info", 0.9)
    add_guesses(found, name)
    return believed_fields(found.facts, ())["category"]


@pytest.mark.parametrize(
    ("name", "tags", "category"),
    [
        ("foo", "anime, character, girl", "character"),
        ("styles/ink/foo", "", "style"),
        ("styles/foo", "clothing", "clothing"),
        ("inkStyle_v2", "", "style"),
        ("Poses/foo", "", "pose"),
        ("misc/foo", "", None),
        ("detail_slider", "", "other"),
        ("lifestyle_magazine", "", None),
    ],
)
def test_tags_come_before_folders_and_these_before_the_name(name: str, tags: str, category: object):
    assert category_of(name, tags) == category


@pytest.mark.parametrize(
    "name",
    [
        "Qwen-Image-Lightning-8steps-V1.0",
        "sdxl_lightning_4step_lora",
        "FLUX.1-Turbo-Alpha",
        "Hyper-FLUX.1-dev-8steps-lora",
        "Hyper-SD15-1step-lora",
        "lcm-lora-sdv1-5",
        "LCM_LoRA_SDXL",
        "dmd2_sdxl_4step_lora_fp16",
        "pcm_sd15_smallcfg_2step_converted",
        "Wan21_T2V_14B_lightx2v_cfg_step_distill_lora_rank32",
        "Wan21_CausVid_14B_T2V_lora_rank32",
        "styles/lcm-lora-sdv1-5",
    ],
)
def test_a_lora_that_only_saves_steps_is_known_by_its_name(name: str):
    assert category_of(name) == "accelerator"


@pytest.mark.parametrize(
    ("name", "tags", "words"),
    [
        ("purple_lightning", "", ""),
        ("hyperrealism_v2", "", ""),
        ("turbo_granny_car", "", ""),
        ("my_girl_z_image_turbo", "", ""),
        ("ZImageTurbo_ink", "", ""),
        ("lightning_magic_flux", "concept", ""),
        ("turbo_flux_racer", "vehicle", "racer"),
        ("welcome_home", "", ""),
        ("footsteps", "", ""),
    ],
)
def test_words_that_mean_something_else_make_no_accelerator(name: str, tags: str, words: str):
    assert category_of(name, tags, words) != "accelerator"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("wan22_foo_high_noise", "wan22_foo_low_noise"),
        ("Foo-HIGH-v1", "Foo-LOW-v1"),
        ("a/foo_h_HighNoise", "a/foo_h_LowNoise"),
        ("foo_HN", "foo_LN"),
    ],
)
def test_the_other_half_is_found_in_both_directions(first: str, second: str):
    names = ["foo", "other_high", "other_low", first, second]
    assert pair(first, names) == second
    assert pair(second, names) == first


@pytest.mark.parametrize("name", ["foo", "highlight_v1", "slow_flow", "high_and_low", "highway"])
def test_other_names_are_no_half(name: str):
    assert noise_half(name) is None
    assert pair(name, ["foo", "lowlight_v1"]) == ""


def test_halves_in_different_folders_are_no_pair():
    assert pair("a/foo_high", ["b/foo_low"]) == ""
