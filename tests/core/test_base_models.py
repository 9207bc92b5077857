"""Base models: names to families, checkpoints to families, and what fits what."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_core.base_models import (
    FAMILIES,
    SUB_FAMILIES,
    BaseModel,
    base_model_in,
    base_model_named,
    compatible,
    family_of_checkpoint,
)
from orchestrator_core.base_models.compatibility import contradict
from tests.core.loras.lora_files import write_lora

NAMED = {
    # Civitai
    "SD 1.4": "SD 1.5", "SD 1.5": "SD 1.5", "SD 1.5 LCM": "SD 1.5", "SD 1.5 Hyper": "SD 1.5",
    "SD 2.0": "SD 2.x", "SD 2.1 768": "SD 2.x", "SD 2.1 Unclip": "SD 2.x",
    "SDXL 0.9": "SDXL", "SDXL 1.0": "SDXL", "SDXL 1.0 LCM": "SDXL", "SDXL Lightning": "SDXL", "SDXL Turbo": "SDXL",
    "SD 3": "SD 3", "SD 3.5": "SD 3.5", "SD 3.5 Medium": "SD 3.5 Medium", "SD 3.5 Large Turbo": "SD 3.5 Large",
    "Flux.1 S": "Flux.1", "Flux.1 D": "Flux.1", "Flux.1 Krea": "Flux.1", "Flux.1 Kontext": "Flux.1",
    "Flux.2 D": "Flux.2", "Flux.2 Klein 9B-base": "Flux.2 Klein 9B", "Flux.2 Klein 4B": "Flux.2 Klein 4B",
    "Pony V7": "AuraFlow", "AuraFlow": "AuraFlow", "Chroma": "Chroma", "HiDream": "HiDream", "Kolors": "Kolors",
    "Hunyuan 1": "Hunyuan DiT", "Hunyuan Video": "HunyuanVideo", "LTXV": "LTX", "LTXV2": "LTX 2", "Lumina": "Lumina",
    "PixArt a": "PixArt", "Mochi": "Mochi", "CogVideoX": "CogVideoX", "Stable Cascade": "Stable Cascade",
    "Qwen": "Qwen-Image", "ZImageTurbo": "Z-Image", "ZImageBase": "Z-Image", "Anima": "Anima",
    "Wan Video": "Wan", "Wan Video 1.3B t2v": "Wan 1.3B", "Wan Video 14B i2v 720p": "Wan 14B",
    "Wan Video 2.2 TI2V-5B": "Wan 5B", "Wan Video 2.2 T2V-A14B": "Wan 14B",
    # A1111 and what people type into its form
    "SD1": "SD 1.5", "SD2": "SD 2.x", "SDXL": "SDXL", "Flux": "Flux.1", "1.5": "SD 1.5", "sd15": "SD 1.5", "xl": "SDXL",
    # ModelSpec
    "stable-diffusion-v1/lora": "SD 1.5", "stable-diffusion-v2-768-v/lora": "SD 2.x",
    "stable-diffusion-xl-v1-base/lora": "SDXL", "stable-diffusion-3-medium/lora": "SD 3",
    "flux-1-dev/lora": "Flux.1", "flux-1-schnell/lora": "Flux.1", "chroma/lora": "Chroma", "lumina-2/lora": "Lumina",
    "hunyuan-image-2.1/lora": "Hunyuan Image", "anima-preview/lora": "Anima", "flux-2-dev/lora": "Flux.2",
    # kohya
    "sd_v1": "SD 1.5", "sd_v2": "SD 2.x", "sdxl_base_v0-9": "SDXL", "flux1": "Flux.1", "lumina2": "Lumina",
    "sd3_m": "SD 3", "sd3.5_large": "SD 3.5 Large", "hunyuan_video": "HunyuanVideo", "qwen_image": "Qwen-Image",
}  # fmt: skip


@pytest.mark.parametrize("label", NAMED)
def test_every_writers_label_names_its_family(label: str):
    assert base_model_named(label) == BaseModel(NAMED[label])
    assert base_model_named(label.upper()).family == NAMED[label]


@pytest.mark.parametrize("label", ["", "Unknown", "Other", "Nano Banana", "Veo 3", "none", "???"])
def test_a_label_that_names_no_family_is_nothing(label: str):
    assert base_model_named(label) == BaseModel()


@pytest.mark.parametrize("sub_family", SUB_FAMILIES)
def test_a_sub_family_is_one_of_sdxl(sub_family: str):
    assert base_model_named(sub_family) == BaseModel("SDXL", sub_family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_named_by_its_own_name(family: str):
    assert base_model_named(family).family == family


@pytest.mark.parametrize(
    ("name", "family", "sub_family"),
    [
        ("ponyDiffusionV6XL_v6StartWithThisOne.safetensors", "SDXL", "Pony"),
        ("autismmixSDXL_autismmixPony.safetensors", "SDXL", "Pony"),
        ("Illustrious-XL-v0.1.safetensors", "SDXL", "Illustrious"),
        ("models/waiNSFWIllustrious_v120.safetensors", "SDXL", "Illustrious"),
        ("noobaiXLNAIXL_vPred10Version.safetensors", "SDXL", "NoobAI"),
        ("sd_xl_base_1.0.safetensors", "SDXL", ""),
        ("juggernautXL_v9.safetensors", "SDXL", ""),
        ("my-xl-mix.ckpt", "SDXL", ""),
        ("animagine-xl-3.1.safetensors", "SDXL", ""),
        ("v1-5-pruned-emaonly.safetensors", "SD 1.5", ""),
        ("animefull-final-pruned.ckpt", "SD 1.5", ""),
        ("flux1-dev-fp8.safetensors", "Flux.1", ""),
        ("C:\\models\\chroma-unlocked-v50.safetensors", "Chroma", ""),
        ("wan2.2_t2v_high_noise_14B_fp8.safetensors", "Wan 14B", ""),
        ("swan_lake.safetensors", "", ""),
        ("animation_style.safetensors", "", ""),
        ("pixlr.safetensors", "", ""),
        ("dreamshaper_8.safetensors", "", ""),
    ],
)
def test_the_name_of_a_file_tells_what_it_speaks_of_and_no_more(name: str, family: str, sub_family: str):
    assert base_model_in(name) == BaseModel(family, sub_family)


@given(st.text())
def test_any_text_is_a_label_or_none(text: str):
    assert base_model_named(text).family in ("", *FAMILIES)
    assert base_model_in(text).family in ("", *FAMILIES)


SDXL, PONY, ILLUSTRIOUS = BaseModel("SDXL"), BaseModel("SDXL", "Pony"), BaseModel("SDXL", "Illustrious")


@pytest.mark.parametrize(
    ("checkpoint", "lora", "verdict"),
    [
        (SDXL, SDXL, "yes"),
        (PONY, PONY, "yes"),
        (PONY, SDXL, "warn"),
        (SDXL, PONY, "warn"),
        (ILLUSTRIOUS, BaseModel("SDXL", "NoobAI"), "warn"),
        (SDXL, BaseModel("SD 1.5"), "no"),
        (BaseModel("SD 1.5"), BaseModel("SD 2.x"), "no"),
        (BaseModel("SD 3"), BaseModel("SD 3.5 Large"), "no"),
        (BaseModel("Flux.1"), BaseModel("Flux.2"), "no"),
        (BaseModel("Flux.1"), BaseModel("Chroma"), "warn"),
        (BaseModel("Wan 14B"), BaseModel("Wan"), "warn"),
        (BaseModel("Wan 14B"), BaseModel("Wan 1.3B"), "no"),
        (BaseModel("Flux.2 Klein 9B"), BaseModel("Flux.2 Klein 4B"), "no"),
        (BaseModel("Flux.2 Klein 9B"), BaseModel("Flux.2 Klein"), "warn"),
        (SDXL, BaseModel(), "warn"),
        (BaseModel(), SDXL, "warn"),
    ],
)
def test_what_fits_what(checkpoint: BaseModel, lora: BaseModel, verdict: str):
    found = compatible(checkpoint, lora)
    assert found.verdict == verdict
    assert not lora.family or str(lora) in found.reason


@given(st.sampled_from(FAMILIES), st.sampled_from(FAMILIES))
def test_compatibility_is_the_same_in_both_directions(first: str, second: str):
    one, other = BaseModel(first), BaseModel(second)
    assert compatible(one, other).verdict == compatible(other, one).verdict
    assert (compatible(one, other).verdict == "yes") == (first == second)
    assert not contradict(one, one)


CHECKPOINTS = {
    "SD 1.5": {
        "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight": [8, 768],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
    },
    "SD 2.x": {
        "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight": [8, 1024],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 1024],
    },
    "SDXL": {
        "conditioner.embedders.1.model.ln_final.weight": [1280],
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight": [8, 2048],
        "model.diffusion_model.label_emb.0.0.weight": [8],
    },
    "Flux.1": {
        **{f"double_blocks.{number}.img_attn.qkv.weight": [9, 3] for number in range(19)},
        **{f"single_blocks.{number}.linear1.weight": [9, 3] for number in range(38)},
    },
    "Chroma": {"distilled_guidance_layer.in_proj.weight": [1], "double_blocks.0.img_attn.qkv.weight": [9, 3]},
    "Flux.2": {"double_blocks.0.img_attn.qkv.weight": [9, 3], "double_stream_modulation_img.lin.weight": [1]},
    "SD 3": {f"model.diffusion_model.joint_blocks.{number}.x_block.attn.qkv.weight": [3, 3] for number in range(24)},
    "Z-Image": {"layers.0.adaLN_modulation.0.weight": [3], "noise_refiner.0.attention.qkv.weight": [9, 3]},
}


@pytest.mark.parametrize("family", CHECKPOINTS)
def test_the_family_of_a_checkpoint_is_told_from_its_tensors(tmp_path: Path, family: str):
    path = write_lora(tmp_path / "anything_v3.safetensors", CHECKPOINTS[family])
    assert family_of_checkpoint(str(path)).family == family


def test_the_sub_family_of_a_checkpoint_is_told_from_its_name(tmp_path: Path):
    path = write_lora(tmp_path / "ponyRealism_v22.safetensors", CHECKPOINTS["SDXL"])
    assert family_of_checkpoint(str(path)) == PONY


def test_tensors_win_over_a_name_that_says_otherwise(tmp_path: Path):
    path = write_lora(tmp_path / "pony_sd15_mix.safetensors", CHECKPOINTS["SD 1.5"])
    assert family_of_checkpoint(str(path)) == BaseModel("SD 1.5")


def test_a_checkpoint_that_cannot_be_looked_into_is_known_by_its_name(tmp_path: Path):
    (tmp_path / "flux1-dev-Q4.gguf").write_bytes(b"GGUF" + bytes(100))
    assert family_of_checkpoint(str(tmp_path / "flux1-dev-Q4.gguf")) == BaseModel("Flux.1")
    assert family_of_checkpoint(str(tmp_path / "absent_xl.safetensors")) == SDXL
