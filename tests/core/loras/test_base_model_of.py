"""The family of a LoRA from its tensors alone, in every trainer's layout; and from all that is said of it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator_core.loras.header import read_header
from orchestrator_core.loras.metadata import read_lora
from tests.core.loras.lora_files import (
    DORA,
    KOHYA,
    LOHA,
    LOKR,
    OLD_DIFFUSERS,
    PEFT,
    SD,
    XL,
    XL_DIFFUSERS,
    fact,
    files_of,
    read,
    tensors,
    text_encoder,
    unet,
    write_lora,
)

Shapes = dict[str, list[int]]


def blocks(pattern: str, count: int, parts: Sequence[str]) -> list[str]:
    return [pattern.format(number) + part for number in range(count) for part in parts]


FLUX_DOUBLE = ("img_attn_proj", "img_attn_qkv", "img_mlp_0", "txt_attn_qkv")
ATTN = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.add_k_proj", "attn.add_q_proj")
WAN = ("self_attn.q", "self_attn.k", "cross_attn.k", "cross_attn.v", "ffn.0", "ffn.2")


def flux_kohya(suffixes: Sequence[str] = KOHYA) -> Shapes:
    double = blocks("lora_unet_double_blocks_{}_", 19, FLUX_DOUBLE)
    return tensors(double + blocks("lora_unet_single_blocks_{}_", 38, ("linear1", "linear2")), suffixes, 3072)


def flux_diffusers(suffixes: Sequence[str] = PEFT) -> Shapes:
    double = blocks("transformer.transformer_blocks.{}.", 19, ATTN)
    single = blocks("transformer.single_transformer_blocks.{}.", 38, ("attn.to_q", "proj_mlp"))
    return tensors(double + single, suffixes, 3072)


def hunyuan(dot: str) -> Shapes:
    double = blocks("transformer.double_blocks.{}.", 20, ("img_attn_qkv", "img_mlp.fc1", "txt_attn_qkv"))
    single = blocks("transformer.single_blocks.{}.", 40, ("linear1", "linear2"))
    return tensors([name.replace(".", dot) for name in double + single], PEFT, 3072)


def flux2(double: int, single: int, width: int) -> Shapes:
    names = blocks("diffusion_model.double_blocks.{}.", double, ("img_attn.qkv", "img_attn.proj"))
    return tensors(names + blocks("diffusion_model.single_blocks.{}.", single, ("linear1",)), PEFT, width)


LAYOUTS: dict[str, tuple[str, Shapes]] = {
    "SD 1.5 of kohya": ("SD 1.5", tensors(text_encoder("lora_te", 12) + unet(SD), KOHYA, 768)),
    "SD 1.5 without text encoder": ("SD 1.5", tensors(unet(SD), KOHYA, 768)),
    "SD 1.5 of the text encoder alone": ("SD 1.5", tensors(text_encoder("lora_te", 12), KOHYA, 768)),
    "SD 1.5 as LoHa": ("SD 1.5", tensors(unet(SD), LOHA)),
    "SD 1.5 as LoKr": ("SD 1.5", tensors(unet(SD), LOKR)),
    "SD 1.5 as DoRA": ("SD 1.5", tensors(unet(SD), DORA, 768)),
    "SD 1.5 of diffusers": ("SD 1.5", tensors([n.replace("_transf", ".transf") for n in unet(SD, "unet.")], PEFT, 768)),
    "SD 2.x by its width": ("SD 2.x", tensors(unet(SD), KOHYA, 1024)),
    "SD 2.x, half of its text encoder alone": ("SD 2.x", tensors(text_encoder("lora_te", 12), KOHYA, 1024)),
    "SD 1.5, its text encoder alone": ("SD 1.5", tensors(text_encoder("lora_te", 12), KOHYA, 768)),
    "SD 2.x by its text encoder": ("SD 2.x", tensors(text_encoder("lora_te", 23) + unet(SD), LOKR)),
    "SDXL of kohya": (
        "SDXL",
        tensors(text_encoder("lora_te1", 12) + text_encoder("lora_te2", 32) + unet(XL), KOHYA, 2048),
    ),
    "SDXL without text encoder": ("SDXL", tensors(unet(XL), KOHYA, 2048)),
    "SDXL as LoKr": ("SDXL", tensors(unet(XL), LOKR)),
    "SDXL with diffusers' names": ("SDXL", tensors(unet(XL_DIFFUSERS), KOHYA, 2048)),
    "SDXL of diffusers": ("SDXL", tensors(unet(XL_DIFFUSERS, "unet."), OLD_DIFFUSERS, 2048)),
    "SDXL of PEFT": ("SDXL", tensors(unet(XL_DIFFUSERS, "base_model.model."), PEFT, 2048)),
    "SDXL, one block (B-LoRA)": ("SDXL", tensors(unet([("up_blocks_0_attentions_0", 10)], "unet."), PEFT, 2048)),
    "Flux.1 of kohya": ("Flux.1", flux_kohya()),
    "Flux.1 as LoKr": ("Flux.1", flux_kohya(LOKR)),
    "Flux.1 with its text encoder": ("Flux.1", {**tensors(text_encoder("lora_te1", 12), KOHYA, 768), **flux_kohya()}),
    "Flux.1 of ai-toolkit": ("Flux.1", flux_diffusers()),
    "Flux.1 as DoRA": ("Flux.1", flux_diffusers((*PEFT, ".lora_magnitude_vector"))),
    "Flux.1, single blocks alone": (
        "Flux.1",
        tensors(blocks("transformer.single_transformer_blocks.{}.", 38, ("attn.to_q",)), PEFT, 3072),
    ),
    "HunyuanVideo": ("HunyuanVideo", hunyuan(".")),
    "HunyuanVideo of musubi-tuner": ("HunyuanVideo", hunyuan("_")),
    "Flux.2": ("Flux.2", flux2(8, 48, 6144)),
    "Flux.2 Klein 9B": ("Flux.2 Klein 9B", flux2(8, 24, 4096)),
    "Wan 1.3B": ("Wan 1.3B", tensors(blocks("diffusion_model.blocks.{}.", 30, WAN), PEFT, 1536)),
    "Wan 5B": ("Wan 5B", tensors(blocks("diffusion_model.blocks.{}.", 30, WAN), PEFT, 3072)),
    "Wan 14B": ("Wan 14B", tensors(blocks("diffusion_model.blocks.{}.", 40, WAN), PEFT, 5120)),
    "Wan 14B of musubi-tuner": (
        "Wan 14B",
        tensors([n.replace(".", "_") for n in blocks("lora_unet_blocks.{}.", 40, WAN)], KOHYA, 5120),
    ),
    "Wan 14B as LoKr": ("Wan 14B", tensors(blocks("lora_unet_blocks_{}_cross_attn_k", 40, ("",)), LOKR)),
    "Qwen-Image": (
        "Qwen-Image",
        tensors(blocks("transformer_blocks.{}.", 60, (*ATTN, "img_mlp.net.2", "txt_mlp.net.2")), PEFT, 3072),
    ),
    "Z-Image": (
        "Z-Image",
        tensors(blocks("diffusion_model.layers.{}.", 30, ("attention.to_q", "feed_forward.w1")), PEFT, 3840),
    ),
    "Lumina": (
        "Lumina",
        tensors(blocks("lora_unet_layers_{}_", 26, ("attention_qkv", "feed_forward_w1")), KOHYA, 2304),
    ),
    "SD 3": (
        "SD 3",
        tensors(
            [f"lora_unet_joint_blocks_{i}_{s}_block_attn_qkv" for i in range(24) for s in ("x", "context")]
            + text_encoder("lora_te2", 32),
            KOHYA,
            1536,
        ),
    ),
    "SD 3 of diffusers": ("SD 3", tensors(blocks("transformer.transformer_blocks.{}.", 24, ATTN), PEFT, 1536)),
    "LTX": ("LTX", tensors(blocks("transformer.transformer_blocks.{}.", 28, ("attn1.to_q", "ff.net.2")), PEFT, 2048)),
    "Anima": (
        "Anima",
        tensors(
            [
                *blocks("lora_unet_blocks_{}_", 28, ("cross_attn_q_proj", "mlp_layer1")),
                "lora_unet_llm_adapter_blocks_0_cross_attn_q_proj",
            ],
            KOHYA,
            2048,
        ),
    ),
    "HiDream": (
        "HiDream",
        tensors(blocks("transformer.double_stream_blocks.{}.block.", 16, ("attn1.to_q",)), PEFT, 2560),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_the_family_is_told_from_the_tensors_of_every_layout(tmp_path: Path, layout: str, order: str):
    family, shapes = LAYOUTS[layout]
    names = list(shapes)
    if order == "shuffled":  # a few writers do not sort
        random.Random(layout).shuffle(names)
    path = write_lora(tmp_path / "foo.safetensors", {name: shapes[name] for name in names})
    assert read_header(str(path)).base_model.family == family


def test_tensors_of_no_known_layout_have_no_family(tmp_path: Path):
    path = write_lora(tmp_path / "foo.safetensors", {"emb_params": [4, 8], "string_to_param.*": [2]})
    assert read_header(str(path)).base_model.family == ""


KOHYA_VERSIONS = {
    "SD 1.5": "sd_v1",
    "SD 2.x": "sd_v2",
    "SDXL": "sdxl_base_v1-0",
    "Flux.1": "flux1",
    "Lumina": "lumina2",
}


def test_two_hundred_files_as_people_have_them_get_their_family(tmp_path: Path):
    """Layouts with and without a trainer's metadata and sidecars, drawn by a seed."""
    draw = random.Random(4)
    wrong = []
    for number in range(200):
        layout = draw.choice(list(LAYOUTS))
        family, shapes = LAYOUTS[layout]
        metadata = None
        if family in KOHYA_VERSIONS and draw.random() < 0.6:
            table = {f"tag {draw.random()}": draw.randint(1, 90) for _ in range(draw.choice((5,) * 9 + (5000,)))}
            metadata = {"ss_base_model_version": KOHYA_VERSIONS[family], "ss_tag_frequency": json.dumps({"1_a": table})}
        path = write_lora(tmp_path / f"{number}.safetensors", shapes, metadata)
        found = read_header(str(path))
        if (found.state, found.base_model.family) != ("complete", family):
            wrong.append((layout, found.state, found.base_model))
    assert wrong == []


CIVITAI = {"baseModel": "Illustrious", "modelId": 1}


STATEMENTS = (  # from the least trusted to the most: what says it, and the family that is then believed
    ("tensors", "SD 1.5"),
    ("ss_base_model_version", "SD 2.x"),
    ("modelspec.architecture", "SDXL"),
    (".json", "Flux.1"),
    (".civitai.info", "Chroma"),
)


@pytest.mark.parametrize("count", range(1, 6))
def test_civitai_comes_before_other_sidecars_these_before_the_header_and_this_before_the_tensors(tmp_path, count):
    said = dict(STATEMENTS[:count])
    metadata = {"ss_base_model_version": "sd_v2", "modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}
    sidecars = {".json": {"sd version": "Flux"}, ".civitai.info": {"baseModel": "Chroma", "modelId": 1}}
    record = read(
        tmp_path,
        {suffix: content for suffix, content in sidecars.items() if suffix in said},
        {key: value for key, value in metadata.items() if key in said} or None,
    )
    assert record.base_model == STATEMENTS[count - 1][1]


def test_all_that_was_said_stays_as_facts(tmp_path: Path):
    record = read(tmp_path, {".civitai.info": CIVITAI}, {"ss_base_model_version": "sdxl_base_v1-0"})
    assert fact(record, "base_model", ".civitai.info") == "Illustrious"
    assert fact(record, "base_model", "kohya") == "sdxl_base_v1-0"
    assert fact(record, "base_model", "tensors") == "SD 1.5"
    assert "conflict" in record.missing


@pytest.mark.parametrize(
    ("metadata", "sub_family"),
    [
        ({"ss_sd_model_name": "ponyDiffusionV6XL_v6StartWithThisOne.safetensors"}, "Pony"),
        ({"ss_sd_model_name": "Illustrious-XL-v0.1.safetensors"}, "Illustrious"),
        ({"ss_sd_model_name": "noobaiXLNAIXL_vPred10Version.safetensors"}, "NoobAI"),
        ({"modelspec.title": "my pony style"}, "Pony"),
        ({"ss_tag_frequency": json.dumps({"1_a": {"score_9": 5, "1girl": 3}})}, "Pony"),
        ({"ss_tag_frequency": json.dumps({"1_a": {"newest": 5, "absurdres": 3}})}, "Illustrious"),
        ({"ss_tag_frequency": json.dumps({"1_a": {"absurdres": 5, "1girl": 3}})}, ""),
        ({"ss_sd_model_name": "sd_xl_base_1.0.safetensors"}, ""),
    ],
)
def test_the_sub_family_is_told_from_the_checkpoint_the_title_or_the_tags(tmp_path: Path, metadata, sub_family):
    record = read(tmp_path, metadata={"ss_base_model_version": "sdxl_base_v1-0", **metadata})
    assert (record.base_model, record.sub_family) == ("SDXL", sub_family)


def test_only_sdxl_has_sub_families(tmp_path: Path):
    record = read(tmp_path, metadata={"ss_base_model_version": "sd_v1", "ss_sd_model_name": "pony.safetensors"})
    assert (record.base_model, record.sub_family) == ("SD 1.5", "")


def test_tensors_add_the_size_that_a_label_leaves_open(tmp_path: Path):
    path = write_lora(tmp_path / "other" / "foo.safetensors", LAYOUTS["Wan 14B"][1])
    (path.parent / "foo.civitai.info").write_text('{"baseModel": "Wan Video", "modelId": 1}')
    record = read_lora(files_of(path))
    assert record.base_model == "Wan 14B"
    assert "conflict" not in record.missing


def test_a_family_that_is_newer_than_this_pack_is_known_by_its_name(tmp_path: Path):
    path = write_lora(tmp_path / "foo.safetensors", {"mystery.lora_A.weight": [1]})
    (tmp_path / "foo.civitai.info").write_text('{"baseModel": "Krypton 7", "modelId": 1}')
    assert read_lora(files_of(path)).base_model == "Krypton 7"
