"""What to render and what came back: the one request type that holds everything a generator needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from orchestrator_core.prompt import RETRIED, Component, LoraUse, Origin, PromptDraft, PromptSource, render

_ADDING = (Origin.profile, Origin.memory, Origin.llm, Origin.trigger_words)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """Everything that is relevant to one rendering; two equal requests give the same images.

    Names are ComfyUI's (``euler``, ``karras``); a generator for another host translates them.
    """

    positive: str
    negative: str = ""
    loras: tuple[LoraUse, ...] = ()
    checkpoint: str = ""  # "" = whatever the host has loaded, or its first
    sampler: str = "euler"
    scheduler: str = "normal"
    steps: int = 20
    cfg: float = 7.0
    denoise: float = 1.0  # 0–1
    width: int = 512  # pixels
    height: int = 512
    seed: int = 0  # 0 … MAX_SEED
    batch_size: int = 1
    vae: str = ""  # "" = the checkpoint's own
    clip_skip: int = 1  # 1 = last layer, as in A1111; ComfyUI's CLIPSetLastLayer is its negative
    extra: Mapping[str, Any] = field(default_factory=dict)  # what only one generator or graph understands; JSON values

    def replacing(self, **changes: Any) -> GenerationRequest:
        """A new request with these fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A finished image file. ``seed`` of the n-th image of a batch is in its own request."""

    path: Path
    request: GenerationRequest
    run_id: str


@dataclass(frozen=True, slots=True)
class ImageNotes:
    """What an image's metadata says beside the request: enough to draw and render it again."""

    run_id: str
    template: str = ""
    negative_template: str = ""
    dialect: str = "dynamicprompts"
    prompt_seed: int | None = None  # the seed of the draw, where it is not the image's
    rerolls: tuple[tuple[str, int], ...] = ()  # these as in PromptSource
    method: str = "random"
    index: int | None = None
    missing: str = "keep"
    profiles: str = ""
    genre: str = ""
    odds: int = 0
    added: tuple[tuple[str, str], ...] = ()  # (Origin, text) of what neither the template nor a person wrote
    enhanced: str = ""  # the status of an Enhancement; its reasons, which may name machines, are not for images
    llm: str = ""  # the language model that was asked
    natural: str = ""  # its second text, in sentences
    retried: str = ""  # what was changed in the words because an earlier image lacked something

    @property
    def source(self) -> PromptSource:
        """How the prompt was drawn, but for its seed."""
        templates = (self.template, self.negative_template, self.dialect)
        chosen = (self.profiles, self.genre, self.odds)
        return PromptSource(*templates, self.rerolls, self.method, self.index, self.missing, *chosen)


def notes_for(run_id: str, draft: PromptDraft) -> ImageNotes:
    """What an image keeps of the draft that it was made from."""
    source = draft.source
    return ImageNotes(
        run_id,
        source.template,
        source.negative,
        source.dialect,
        draft.seed,
        source.rerolls,
        source.method,
        source.index,
        source.missing,
        source.profiles,
        source.genre,
        source.odds,
        _added(draft.components),
        *_enhancement(draft),
        next((told.message for told in draft.diagnostics if told.kind == RETRIED), ""),
    )


def _added(components: Iterable[Component]) -> tuple[tuple[str, str], ...]:
    groups = groupby(components, lambda component: component.origin)
    texts = ((origin.value, render(group).strip(" ,\n")) for origin, group in groups if origin in _ADDING)
    return tuple((origin, text) for origin, text in texts if text)


def _enhancement(draft: PromptDraft) -> tuple[str, str, str]:
    said = draft.enhanced
    return (said.status, said.model, said.natural) if said else ("", "", "")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rendering is: ``step`` of ``steps`` of what ``what`` names."""

    what: str
    step: int = 0
    steps: int = 0
    preview: bytes = b""  # the picture so far, as an encoded JPEG, PNG or WebP; empty where there is none


@dataclass(frozen=True, slots=True)
class Choices:
    """What a generator offers, in ComfyUI's names (``euler``, ``karras``); empty where it does not say."""

    checkpoints: tuple[str, ...] = ()
    vaes: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    loras: tuple[str, ...] | None = None  # None: it does not say


OnProgress = Callable[[Progress], None]


class Generator(Protocol):
    """Renders requests: ComfyUI or Forge over HTTP, Forge in process, a diffusers pipeline, a fake."""

    def generate(
        self, request: GenerationRequest, notes: ImageNotes, on_progress: OnProgress
    ) -> tuple[GeneratedImage, ...]:
        """Blocks until the images are there. Raises GeneratorError, with the images that were finished."""
        ...
