"""LoraRecord: what is known of one LoRA file, and where each value was read.

Values come from many writers that contradict one another, so a record holds the ones that are believed, and ``facts``
all that were read. A record is plain data: the index makes it, ranking and the hosts read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

State = Literal["complete", "incomplete", "truncated", "unreadable", "missing", "offline"]
Category = Literal["character", "style", "concept", "clothing", "pose", "accelerator", "other"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that was read, believed or not. ``value`` is as it is compared and shown: text."""

    field: str  # a field of LoraRecord, as "base_model"; "problem" is a sentence about a file that could not be used
    value: str
    source: str  # "user", "civitai", the sidecar's suffix as ".civitai.info", "modelspec", "kohya", "addnet", "tensors"
    # … "header" for problems and autov3; guesses are from "name", "folder", "tags" (of files), "user tags", …
    # "civitai tags", "training tags" and "trained on"
    confidence: float  # 0 … 1; the highest is believed


@dataclass(frozen=True, slots=True)
class ExamplePrompt:
    """A prompt that an image of this LoRA was made with, and the strength that the LoRA had in it."""

    text: str
    strength: float | None = None  # of its own <lora:…> tag, where there is one


@dataclass(frozen=True, slots=True)
class LoraRecord:
    """One LoRA file. Empty text, an empty tuple and None mean "not known"."""

    name: str  # path below its folder, "/" between parts, without extension: what a <lora:…> tag or a node names
    path: str  # absolute, as the person sees it: links are not resolved
    root: str = ""  # the LoRA folder that it is in
    size: int = 0  # bytes
    mtime_ns: int = 0
    state: State = "complete"

    sha256: str = ""  # of the whole file, 64 lower-case hex digits; filled in the background, as the two below
    tensor_sha256: str = ""  # of what follows the header: survives an edit of the metadata
    autov1: str = ""  # 8 hex digits
    autov3: str = ""  # 12 hex digits, of the hash that is written inside of the file

    title: str = ""
    base_model: str = ""  # a family of base_models.py: "SD 1.5", "SDXL", "Flux.1", …
    sub_family: str = ""  # "Pony", "Illustrious", "NoobAI", for those of SDXL
    category: Category | None = None
    trigger_words: tuple[str, ...] = ()  # each a group to be inserted as it is: "ghibli style", or "foo, red hat"
    tags: tuple[str, ...] = ()  # a person's, and Civitai's
    training_tags: tuple[tuple[str, int], ...] = ()  # the most frequent, with their counts
    description: str = ""  # plain text: HTML is taken out when it is read
    notes: str = ""
    negative: str = ""  # what its author puts into the negative prompt
    examples: tuple[ExamplePrompt, ...] = ()
    preferred_strength: float | None = None
    preferred_clip_strength: float | None = None
    strength_range: tuple[float, float] | None = None
    model_id: str = ""  # Civitai's, the same for all versions of one model
    version_id: str = ""
    nsfw: bool = False
    preview: str = ""  # absolute path of an image, or "embedded"
    rank: int | None = None
    trained_on: str = ""  # the checkpoint that it was trained on, as its trainer wrote it

    favourite: bool = False
    excluded: bool = False  # the person never wants it chosen
    missing: tuple[str, ...] = ()  # kinds of loras/missing.py: "trigger_words", "base_model", "preview", "conflict", …
    facts: tuple[Fact, ...] = ()

    def replacing(self, **changes: Any) -> LoraRecord:
        """A new record with these fields changed."""
        return replace(self, **changes)
