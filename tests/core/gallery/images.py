"""Real image files of six programs, small, for the tests of the gallery and its benchmark."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from PIL import Image

from orchestrator_core.formats.image_metadata import with_metadata

LONG_AGO = 1_700_000_000.0  # no file of a test is still being written


@cache
def picture(kind: str = "PNG", size: tuple[int, int] = (8, 8), colour: int = 0) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (colour * 7 % 256, colour // 37 % 256, colour % 256)).save(data, kind)
    return data.getvalue()


def a1111(prompt: str, seed: int = 1, model: str = "dream") -> dict[str, str]:
    line = f"Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: 8x8, Model: {model}, Version: v1.10.1"
    return {"parameters": f"{prompt}\nNegative prompt: blurry\n{line}"}


def forge(prompt: str, seed: int = 1) -> dict[str, str]:
    return {"parameters": a1111(f"{prompt} <lora:ink:0.7>", seed)["parameters"].replace("v1.10.1", "f2.0.1v1.10.1")}


def comfyui(prompt: str, seed: int = 1) -> dict[str, str]:
    sampling = {"seed": seed, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0]}
    graph = {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15/real.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": prompt}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "blurry"}},
        "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 8, "height": 8, "batch_size": 1}},
        "5": {"class_type": "KSampler", "inputs": links | sampling},
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "a"}},
    }
    return {"prompt": json.dumps(graph)}


def swarmui(prompt: str, seed: int = 1) -> dict[str, str]:
    values = {"prompt": prompt, "negativeprompt": "blurry", "model": "swarm", "seed": seed, "steps": 20, "cfgscale": 7}
    return {"parameters": json.dumps({"sui_image_params": values, "sui_extra_data": {"original_prompt": prompt}})}


def fooocus(prompt: str, seed: int = 1) -> dict[str, str]:
    values = {"prompt": prompt, "negative_prompt": "blurry", "base_model": "juggernaut", "seed": seed, "steps": 30}
    values |= {"guidance_scale": 4, "metadata_scheme": "fooocus"}
    return {"parameters": json.dumps(values), "fooocus_scheme": "fooocus"}


def invokeai(prompt: str, seed: int = 1) -> dict[str, str]:
    values = {"positive_prompt": prompt, "negative_prompt": "blurry", "seed": seed, "model": {"name": "invoke"}}
    return {"invokeai_metadata": json.dumps(values)}


def novelai(prompt: str, seed: int = 1) -> dict[str, str]:
    comment = {"prompt": prompt, "uc": "blurry", "seed": seed, "steps": 28, "scale": 5}
    return {"Software": "NovelAI", "Description": prompt, "Comment": json.dumps(comment)}


TOOLS: Mapping[str, Callable[[str, int], dict[str, str]]] = {
    "A1111": a1111,
    "Forge": forge,
    "ComfyUI": comfyui,
    "SwarmUI": swarmui,
    "Fooocus": fooocus,
    "InvokeAI": invokeai,
    "NovelAI": novelai,
}


def write(path: Path, texts: Mapping[str, str], kind: str = "PNG", colour: int = 0) -> Path:
    """A file with these texts, as old as no file is that somebody still writes."""
    return put(path, with_metadata(picture(kind, colour=colour), texts))


def put(path: Path, data: bytes, at: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path
