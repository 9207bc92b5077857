"""What Civitai, A1111, ModelSpec, trainers and people call a base model → one family, and for SDXL its sub-family.

A *family* is what shares tensors: a LoRA of one never loads into another. A *sub-family* (Pony, Illustrious, NoobAI)
shares them and still draws differently, so a LoRA of one loads into another and works less well.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class BaseModel(NamedTuple):
    """A family and its sub-family; empty text where it is not known, or where the family has none."""

    family: str = ""
    sub_family: str = ""

    def __str__(self) -> str:
        return self.sub_family or self.family or "unknown"


UNKNOWN = BaseModel()
SUB_FAMILIES = ("Pony", "Illustrious", "NoobAI")

# A label is compared without case and separators, and the first pattern that is found in it decides: so what is
# special stands before what is general ("flux2" before "flux").
_LABELS: tuple[tuple[str, BaseModel], ...] = (
    (r"pony(?:diffusion)?v?7|auraflow", BaseModel("AuraFlow")),
    (r"pony", BaseModel("SDXL", "Pony")),
    (r"noob", BaseModel("SDXL", "NoobAI")),
    (r"illustrious|ilxl|^il(?:v\d+)?$", BaseModel("SDXL", "Illustrious")),
    (r"flux2(?:dev)?klein(?:base)?9b|klein(?:base)?9b", BaseModel("Flux.2 Klein 9B")),
    (r"flux2(?:dev)?klein(?:base)?4b|klein(?:base)?4b", BaseModel("Flux.2 Klein 4B")),
    (r"klein", BaseModel("Flux.2 Klein")),
    (r"flux(?:v|dev)?2", BaseModel("Flux.2")),
    (r"chroma(?!t)", BaseModel("Chroma")),
    (r"flux", BaseModel("Flux.1")),
    (r"wan.*?(?:ti2v|5b)", BaseModel("Wan 5B")),
    (r"wan.*?13b", BaseModel("Wan 1.3B")),
    (r"wan.*?14b", BaseModel("Wan 14B")),
    (r"^wan|wanvideo|wan2[12]|wanx", BaseModel("Wan")),
    (r"qwen", BaseModel("Qwen-Image")),
    (r"zimage", BaseModel("Z-Image")),
    (r"hunyuanimage", BaseModel("Hunyuan Image")),
    (r"hunyuanvideo|hyvid", BaseModel("HunyuanVideo")),
    (r"hunyuan|hydit", BaseModel("Hunyuan DiT")),
    (r"ltxv?2|ltxvideo2", BaseModel("LTX 2")),
    (r"ltx", BaseModel("LTX")),
    (r"lumina", BaseModel("Lumina")),
    (r"anima(?!g|t|l)", BaseModel("Anima")),
    (r"cosmos", BaseModel("Cosmos")),
    (r"hidream", BaseModel("HiDream")),
    (r"kolors", BaseModel("Kolors")),
    (r"pixart", BaseModel("PixArt")),
    (r"cogvideo", BaseModel("CogVideoX")),
    (r"mochi", BaseModel("Mochi")),
    (r"cascade", BaseModel("Stable Cascade")),
    (r"^svd|stablevideo", BaseModel("SVD")),
    (r"(?:sd|stablediffusion)(?:v)?35large", BaseModel("SD 3.5 Large")),
    (r"(?:sd|stablediffusion)(?:v)?35medium", BaseModel("SD 3.5 Medium")),
    (r"(?:sd|stablediffusion)(?:v)?35", BaseModel("SD 3.5")),
    (r"(?:sd|stablediffusion)(?:v)?3", BaseModel("SD 3")),
    (r"sdxl|stablediffusionxl|^xl", BaseModel("SDXL")),
    (r"(?:sd|stablediffusion)(?:v)?2|^2[01](?:768)?$", BaseModel("SD 2.x")),
    (r"(?:sd|stablediffusion)(?:v)?1|^1[45]$|animefull|nai(?:full|leak)|^v15", BaseModel("SD 1.5")),
)
FAMILIES = tuple(sorted({base.family for _, base in _LABELS}))

_COMPILED = tuple((re.compile(pattern), base) for pattern, base in _LABELS)
# Most names of files speak of none, and one search tells that sooner than forty.
_ANY = re.compile("|".join(pattern for pattern, _ in _LABELS))
_SEPARATORS = re.compile(r"[\W_]+")
# In a file's name "xl" is a word of its own, or capitals at the end of one: "juggernautXL_v9", "my-xl-mix".
_XL = re.compile(r"XL(?![a-z])|(?<![a-z])xl(?![a-z])|sdxl", re.ASCII)
_SD15 = re.compile(r"(?<![a-z0-9])v?1[-_. ]?5(?=[-_. ]?(?:pruned|ema|inpaint|base|fp16))", re.IGNORECASE)
_EXTENSION = re.compile(r"\.(safetensors|ckpt|pt|pth|bin|gguf|sft)$", re.IGNORECASE)
_CAPITALS = re.compile(r"([a-z])([A-Z])")


@lru_cache(maxsize=4096)
def base_model_named(label: str) -> BaseModel:
    """The base model that a label stands for: "Pony", "SD 1.5", "sdxl_base_v1-0", "flux-1-dev/lora".

    Nothing for a label that names none, as "Unknown" or "Other".
    """
    return _named(label)


def _named(label: str) -> BaseModel:
    key = _SEPARATORS.sub("", label.lower())
    if key in ("", "unknown", "other") or not _ANY.search(key):
        return BaseModel()
    return next((base for pattern, base in _COMPILED if pattern.search(key)), BaseModel())


@lru_cache(maxsize=4096)
def base_model_in(name: str) -> BaseModel:
    """The base model that the name of a file or a title speaks of: "ponyDiffusionV6XL.safetensors", "my-xl-mix".

    A name is free text, so this is a guess: tensors and Civitai know better.
    """
    stem = _EXTENSION.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])
    found = _named(stem)
    if found.family and _stands_alone(found, stem):
        return found
    if _XL.search(stem):
        return BaseModel("SDXL")
    return BaseModel("SD 1.5") if _SD15.search(stem) else BaseModel()


def _stands_alone(found: BaseModel, stem: str) -> bool:
    """False where a short name is only a part of another word: "swan" is no Wan, "coltx" no LTX."""
    name = found.family.split()[0]
    if name not in ("Wan", "LTX", "Anima", "Mochi", "SD"):
        return True
    words = _CAPITALS.sub(r"\1 \2", stem).lower()
    return re.search(rf"(?<![a-z]){name.lower()}|stable|animefull|nai", words) is not None
