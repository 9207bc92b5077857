"""How each family of image models wants to be spoken to: in tags or sentences, with which words, and how many.

The numbers are those of the families' text encoders: CLIP reads 75 tokens at a time, and hosts cut longer prompts into
pieces of 75; T5 and the language models that newer families read with take a text as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator_core.base_models.names import UNKNOWN, BaseModel

CLIP_CHUNK = 75  # tokens that CLIP reads at a time, without the begin and end that hosts add


@dataclass(frozen=True, slots=True)
class Style:
    """``tokens``: what the encoder reads at once; ``chunks``: a longer prompt is read in pieces of that many.

    ``examples`` are (prompt, additions) that show a language model what is wanted. ``pointless`` are words that mean
    nothing to the family, and only take room.
    """

    name: str
    kind: Literal["tags", "natural"]
    manner: str
    examples: tuple[tuple[str, tuple[str, ...]], ...]
    tokens: int = CLIP_CHUNK
    chunks: bool = True
    pointless: tuple[str, ...] = ()

    @property
    def separator(self) -> str:
        return " " if self.kind == "natural" else ", "


_OF_OTHER_FAMILIES = ("score_9", "score_8_up", "score_7_up", "source_anime", "masterpiece", "best quality", "4k", "8k")
_STYLES = (
    Style(
        "sd15",
        "tags",
        "comma-separated phrases of one to four words, as for Stable Diffusion 1.5: light, place, texture, camera",
        (
            ("a fox in the snow", ("soft winter light", "frost on fur", "shallow depth of field", "quiet forest edge")),
            ("old harbour at night", ("lantern glow", "wet cobblestones", "drifting mist", "long exposure")),
        ),
        pointless=("score_9", "score_8_up", "score_7_up", "source_anime"),
    ),
    Style(
        "sdxl",
        "tags",
        "comma-separated phrases of two to seven words, as for Stable Diffusion XL: concrete and visual, no 8k",
        (
            (
                "a fox in the snow",
                ("low winter sun through birch trunks", "frost on its whiskers", "shallow depth of field"),
            ),
            (
                "old harbour at night",
                ("lanterns mirrored in black water", "ropes coiled on wet stone", "thin drifting mist"),
            ),
        ),
        pointless=_OF_OTHER_FAMILIES,
    ),
    Style(
        "pony",
        "tags",
        "lowercase booru tags as on e621 and danbooru, separated by commas, one to three words each, no sentences",
        (
            ("1girl, elf, silver hair, forest", ("detailed background", "sunbeam", "wind", "depth of field")),
            ("fox, snow", ("outdoors", "winter", "falling snow", "backlighting", "detailed fur")),
        ),
        pointless=("masterpiece", "best quality", "4k", "8k"),
    ),
    Style(
        "illustrious",
        "tags",
        "lowercase danbooru tags separated by commas, one to three words each, no sentences",
        (
            ("1girl, elf, silver hair, forest", ("dappled sunlight", "wind", "light particles", "depth of field")),
            ("1boy, wizard tower, night sky", ("starry sky", "backlighting", "glowing", "scenery")),
        ),
        pointless=("score_9", "score_8_up", "score_7_up", "source_anime"),
    ),
    Style(
        "natural",
        "natural",
        "complete, plain English sentences that describe what is seen, as for Flux or Qwen-Image; no tags, no keywords",
        (
            (
                "a fox in the snow",
                (
                    "Low winter sun falls between birch trunks and lights the frost on its whiskers.",
                    "The background dissolves into pale blue shadow.",
                ),
            ),
            (
                "old harbour at night",
                (
                    "Lanterns are mirrored in the black water between the boats.",
                    "Thin mist drifts over wet stone, and the picture has the calm of a long exposure.",
                ),
            ),
        ),
        tokens=256,
        chunks=False,
        pointless=_OF_OTHER_FAMILIES,
    ),
)
STYLES: Mapping[str, Style] = {style.name: style for style in _STYLES}

_OF_FAMILY: Mapping[str, str] = {"SD 1.5": "sd15", "SD 2.x": "sd15", "SDXL": "sdxl", "Anima": "illustrious"}
_OF_SUB_FAMILY: Mapping[str, str] = {"Pony": "pony", "Illustrious": "illustrious", "NoobAI": "illustrious"}
_CLIP = ("SD 1.5", "SD 2.x", "SDXL", "Stable Cascade")
# Where not 256, what the family's own pipelines give the encoder.
_TOKENS: Mapping[str, int] = {
    "Flux.1": 512,
    "Flux.2": 512,
    "Chroma": 512,
    "Qwen-Image": 1024,
    "Z-Image": 512,
    "HiDream": 128,
    "PixArt": 300,
    "Wan": 512,
    "Hunyuan DiT": 77,
    "Anima": 512,
}


def style_for(name: str, checkpoint: BaseModel = UNKNOWN) -> Style:
    """The style of that name; ``auto``: the checkpoint's, and SDXL's where the checkpoint is not known."""
    if name == "auto":
        found = _OF_SUB_FAMILY.get(checkpoint.sub_family) or _OF_FAMILY.get(checkpoint.family)
        name = found or ("natural" if checkpoint.family else "sdxl")
    style = STYLES[name]
    if not checkpoint.family:
        return style
    # What the checkpoint reads with, whatever style was asked for.
    if checkpoint.family in _CLIP:
        return replace(style, tokens=CLIP_CHUNK, chunks=True)
    tokens = next((count for family, count in _TOKENS.items() if checkpoint.family.startswith(family)), 256)
    return replace(style, tokens=tokens, chunks=False)
