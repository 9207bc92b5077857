"""A library of LoRAs as people have them, but small: headers of the real layout and size, sidecars, hardly any weights.

A third are of SD 1.5, half of SDXL and its families, the rest of Flux and Wan; a tenth has no metadata, most have a
trainer's with its tag counts; two thirds have a sidecar of one tool or another, 60 % a preview. Each tensor holds one
value but for the end, which is random: 80 to 400 kB a file, 2.7 GB for 10,000.
"""

from __future__ import annotations

import json
import random
import struct
from itertools import product
from pathlib import Path
from typing import Any

ATTENTION = ("attn1_to_k", "attn1_to_out_0", "attn1_to_q", "attn1_to_v", "attn2_to_k", "attn2_to_out_0", "attn2_to_q")
BLOCK = (*ATTENTION, "attn2_to_v", "ff_net_0_proj", "ff_net_2")
TEXT = ("mlp_fc1", "mlp_fc2", "self_attn_k_proj", "self_attn_out_proj", "self_attn_q_proj", "self_attn_v_proj")
STREAMS = ("img_attn_proj", "img_attn_qkv", "img_mlp_0", "img_mlp_2", "img_mod_lin")
JOINT = ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.add_q_proj", "attn.add_k_proj")
WAN = (*(f"{kind}_attn.{part}" for kind in ("self", "cross") for part in "qkvo"), "ffn.0", "ffn.2")
# base model, layout, share, ss_base_model_version, ModelSpec architecture, the checkpoint it was trained on
KINDS = (
    ("SD 1.5", "sd15", 0.33, "sd_v1", "stable-diffusion-v1/lora", "animefull-final-pruned.ckpt"),
    ("Pony", "xl_text", 0.15, "sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora", "ponyDiffusionV6XL.safetensors"),
    ("Illustrious", "xl_text", 0.26, "sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora", "Illustrious-XL-v1.0"),
    ("SDXL 1.0", "xl", 0.09, "sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora", "sd_xl_base_1.0.safetensors"),
    ("Flux.1 D", "flux", 0.08, "flux1", "flux-1-dev/lora", "flux1-dev.safetensors"),
    ("Flux.1 D", "diffusers", 0.05, "", "", ""),
    ("Wan Video 14B t2v", "wan", 0.04, "", "", ""),
)
WORDS = (  # noqa: SIM905 - 70 quoted words would fill the page
    "1girl solo long_hair blue_eyes smile school_uniform highres outdoors sky cloud cityscape neon rain armor sword "
    "dragon castle forest river mountain portrait cinematic lighting film_grain bokeh watercolor oil_painting sketch "
    "lineart cel_shading pixel_art chibi cyberpunk steampunk gothic victorian ukiyo-e noir retro vaporwave isometric "
    "lowpoly clay knitted origami mosaic graffiti comic manga mecha robot cat fox wolf horse owl dress kimono hoodie "
    "hat glasses earrings gloves boots standing sitting running dancing fighting reading sleeping"
).split()
SYLLABLES = "ka ri mo shi te na ra yu ki sa lo ve ma do el tha mir zor qui ben fey".split()  # noqa: SIM905 - as above
PREVIEWS = (".preview.png", ".png", ".webp", ".preview.jpeg")


def make_library(folder: Path, count: int, seed: int = 1) -> None:
    """Write ``count`` LoRAs with what lies beside them into 180 folders."""
    chance = random.Random(seed)
    layouts = {name: _header(keys) for name, keys in _keys().items()}
    places = [folder / kind / _name(chance) for kind in ("characters", "styles", "clothing") for _ in range(60)]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    shares = [kind[2] for kind in KINDS]
    for number in range(count):
        kind = chance.choices(KINDS, shares)[0]
        trigger = _name(chance).lower() + chance.choice(["", "_xl", "_v2", " style"])
        path = chance.choice(places) / f"{trigger.replace(' ', '_')}_{number:05}"
        header, end = layouts[kind[1]]
        _write(path, _metadata(chance, kind, trigger), header, chance.randbytes(end))
        _write_siblings(path, chance, kind[0], trigger, number)


def _keys() -> dict[str, list[str]]:
    def blocks(prefix: str, depth: int) -> list[str]:
        inner = [f"{prefix}_transformer_blocks_{at}_{part}" for at in range(depth) for part in BLOCK]
        return [f"{prefix}_proj_in", f"{prefix}_proj_out", *inner]

    def text(prefix: str, layers: int) -> list[str]:
        return [f"{prefix}_text_model_encoder_layers_{at}_{part}" for at, part in product(range(layers), TEXT)]

    sd15 = [*text("lora_te", 12), *blocks("lora_unet_mid_block_attentions_0", 1)]
    for at, place in [*product(range(3), range(2))]:
        sd15 += blocks(f"lora_unet_down_blocks_{at}_attentions_{place}", 1)
    for at, place in product((1, 2, 3), range(3)):
        sd15 += blocks(f"lora_unet_up_blocks_{at}_attentions_{place}", 1)
    xl = blocks("lora_unet_middle_block_1", 10)
    for at, depth in ((4, 2), (5, 2), (7, 10), (8, 10)):
        xl += blocks(f"lora_unet_input_blocks_{at}_1", depth)
    for at, depth in ((0, 10), (1, 10), (2, 10), (3, 2), (4, 2), (5, 2)):
        xl += blocks(f"lora_unet_output_blocks_{at}_1", depth)
    streams = [*STREAMS, *(part.replace("img", "txt") for part in STREAMS)]
    flux = [f"lora_unet_double_blocks_{at}_{part}" for at, part in product(range(19), streams)]
    single = ("linear1", "linear2", "modulation_lin")
    flux += [f"lora_unet_single_blocks_{at}_{part}" for at, part in product(range(38), single)]
    diffusers = [f"transformer.transformer_blocks.{at}.{part}" for at, part in product(range(19), JOINT)]
    parts = ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp", "proj_out")
    diffusers += [f"transformer.single_transformer_blocks.{at}.{part}" for at, part in product(range(38), parts)]
    wan = [f"diffusion_model.blocks.{at}.{part}" for at, part in product(range(40), WAN)]
    kohya = {"sd15": sd15, "xl": xl, "xl_text": [*text("lora_te1", 12), *text("lora_te2", 32), *xl], "flux": flux}
    ends = (".alpha", ".lora_down.weight", ".lora_up.weight")
    return {
        **{name: [key + end for key in keys for end in ends] for name, keys in kohya.items()},
        "diffusers": [f"{key}.{end}.weight" for key in diffusers for end in ("lora_A", "lora_B")],
        "wan": [f"{key}.{end}.weight" for key in wan for end in ("lora_A", "lora_B")],
    }


def _header(keys: list[str]) -> tuple[str, int]:
    """The tensors' part of a header, and the bytes that they need."""
    tensors: dict[str, Any] = {}
    end = 0
    for key in sorted(keys):
        shape = [1, 768 if key.startswith("lora_te_") else 1] if "self_attn_q" in key and "down" in key else [1, 1]
        size = 2 * shape[0] * shape[1]
        tensors[key] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    return json.dumps(tensors, separators=(",", ":"))[1:], end


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))).capitalize()


def _metadata(chance: random.Random, kind: tuple[Any, ...], trigger: str) -> dict[str, str]:
    draw = chance.random()
    if not kind[3] or draw >= 0.78:
        return {"format": "pt"} if draw < 0.88 else {}
    tags = {trigger: chance.randint(20, 200)}
    size = 200_000 if chance.random() < 0.1 else min(120_000, int(chance.lognormvariate(1.9, 1.0) * 1000))
    while size > 0:
        tag = f"{' '.join(chance.sample(WORDS, chance.randint(1, 3)))} {chance.randint(1, 9999)}".replace("_", " ")
        tags[tag] = chance.randint(1, 120)
        size -= len(tag) + 8
    metadata = {
        "ss_output_name": trigger,
        "ss_network_module": "networks.lora",
        "ss_network_dim": "32",
        "ss_network_alpha": "16.0",
        "ss_base_model_version": kind[3],
        "ss_v2": "False",
        "ss_sd_model_name": kind[5],
        "ss_resolution": "(1024, 1024)",
        "ss_tag_frequency": json.dumps({f"10_{trigger}": tags}),
        "ss_dataset_dirs": json.dumps({f"10_{trigger}": {"n_repeats": 10, "img_count": 40}}),
        "sshs_model_hash": chance.randbytes(32).hex(),
    }
    if draw < 0.5:
        metadata |= {"modelspec.architecture": kind[4], "modelspec.title": trigger, "modelspec.resolution": "1024x1024"}
    return metadata


def _write(path: Path, metadata: dict[str, str], tensors: str, content: bytes) -> None:
    start = f'{{"__metadata__":{json.dumps(metadata)},' if metadata else "{"
    header = (start + tensors).encode()
    header += b" " * (-len(header) % 8)
    path.with_name(path.name + ".safetensors").write_bytes(struct.pack("<Q", len(header)) + header + content)


def _write_siblings(path: Path, chance: random.Random, base: str, trigger: str, number: int) -> None:
    civitai = _civitai(chance, base, trigger, number)
    words, tags = civitai["trainedWords"], civitai["model"]["tags"]
    a1111 = {"description": "", "sd version": "SDXL", "activation text": ", ".join(words), "preferred weight": 0.8}
    manager = {"file_name": path.name, "base_model": base, "civitai": civitai, "usage_tips": '{"strength":0.8}'}
    matrix = {"ModelName": trigger, "BaseModel": base, "TrainedWords": words, "Tags": tags, "ModelType": "LORA"}
    swarm = {"modelspec.title": trigger, "modelspec.trigger_phrase": trigger, "modelspec.tags": ", ".join(tags)}
    draw = chance.random()
    sidecars = {
        ".civitai.info": (0.00, 0.40, civitai),
        ".json": (0.30, 0.55, a1111),
        ".metadata.json": (0.50, 0.65, {**manager, "tags": tags, "notes": ""}),
        ".cm-info.json": (0.65, 0.70, matrix),
        ".swarm.json": (0.70, 0.75, swarm),
    }
    for suffix, (low, high, content) in sidecars.items():
        if low <= draw < high:
            path.with_name(path.name + suffix).write_text(json.dumps(content, indent=1))
    if chance.random() < 0.6:
        preview = path.with_name(path.name + chance.choice(PREVIEWS))
        preview.write_bytes(b"\x89PNG\r\n\x1a\n" + chance.randbytes(chance.randint(500, 8000)))


def _civitai(chance: random.Random, base: str, trigger: str, number: int) -> dict[str, Any]:
    def image() -> dict[str, Any]:
        prompt = f"<lora:{trigger}:0.8> {trigger}, " + ", ".join(chance.choices(WORDS, k=30))
        meta = {"prompt": prompt, "negativePrompt": "worst quality", "seed": chance.getrandbits(31), "steps": 28}
        return {"url": "https://image.example/" + chance.randbytes(16).hex(), "nsfwLevel": 1, "meta": meta}

    digests = {"SHA256": chance.randbytes(32).hex().upper(), "AutoV3": chance.randbytes(6).hex().upper()}
    return {
        "id": 100_000 + number,
        "modelId": 50_000 + number,
        "name": "v1.0",
        "baseModel": base,
        "trainedWords": [trigger, *chance.sample(WORDS, chance.randint(0, 3))],
        "description": f"<p>{' '.join(chance.choices(WORDS, k=40))}</p>",
        "model": {
            "name": trigger,
            "type": "LORA",
            "nsfw": False,
            "description": f"<p>{' '.join(chance.choices(WORDS, k=120))}</p>",
            "tags": chance.sample(WORDS, chance.randint(3, 9)),
        },
        "files": [{"name": f"{trigger}.safetensors", "primary": True, "hashes": digests}],
        "images": [image() for _ in range(chance.randint(2, 9))],
    }
