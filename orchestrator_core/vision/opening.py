"""From settings to a scorer: which kind, which model, in what dtype. Nothing is loaded before its first image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator_core.errors import ScorerError
from orchestrator_core.llm.residence import Residence
from orchestrator_core.llm.settings import LlmSettings
from orchestrator_core.vision.bank import Bank
from orchestrator_core.vision.clip_vision_encoder import ClipVision, ClipVisionEncoder
from orchestrator_core.vision.contrastive import ContrastiveScorer
from orchestrator_core.vision.encoders import Encoder, TowerEncoder, TowerSource
from orchestrator_core.vision.open_clip_encoder import OpenClipSource
from orchestrator_core.vision.open_clip_files import CONFIG, files_of
from orchestrator_core.vision.port import Scorer
from orchestrator_core.vision.transformers_encoder import TransformersSource
from orchestrator_core.vision.vector_cache import VectorCache
from orchestrator_core.vision.vlm_opening import NO_ACCESS, Access, vision_language_model

if TYPE_CHECKING:
    from orchestrator_core.vision.observing import Observer
    from orchestrator_core.vision.vlm import VisionLanguageModel

_MOST_FILES = 200  # of a model's folder
Backend = Literal["auto", "open_clip", "transformers", "blip", "vqa", "tagger"]


class ScorerSettings(BaseModel):
    """What can be set about a scorer."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    backend: Backend = Field(
        "auto",
        description="What looks at the images: open_clip or transformers (CLIP, SigLIP), blip (image-text matching), "
        "vqa (asks a vision-language model), tagger (WD14 and others). auto: as the model's folder says.",
    )
    model: str = Field(
        "",
        description="A folder, owner/name of the hub if it is cached here, or a name of open_clip as ViT-B-32.",
    )
    weights: str = Field(
        "", description="For a name of open_clip: a file of weights, or the name of a training as laion2b_s34b_b79k."
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="In what it computes. A shorter one is only taken if it gives the same scores."
    )
    fit: Literal["squash", "pad"] = Field(
        "squash",
        description="How images of another shape come into the model: squashed, or with borders.",
    )
    batch: int = Field(32, ge=1, le=512, description="The most images that are looked at together.")
    url: str = Field(
        "",
        description="For vqa: the address of a server whose model sees images, mostly ending in /v1, and model is the "
        "name that it has there. Empty: the model is a folder, and runs in this process.",
    )
    measures_counts: bool = Field(
        False, description="The model was trained to count and to bind. Usual CLIP models cannot, whatever they say."
    )
    allow_download: bool = Field(False, description="Download the model from the hub if it is not there.")


def open_scorer(
    settings: ScorerSettings,
    *,
    residence: Residence | None = None,
    cache: VectorCache | None = None,
    bank: Bank | None = None,
    clip_vision: ClipVision | None = None,
    vocabulary: str = "",
    access: Access = NO_ACCESS,
) -> Scorer:
    """``clip_vision``: ComfyUI's, which then sees the images, and the settings' model reads the texts.

    ``vocabulary``: a folder with CLIP's ``vocab.json`` and ``merges.txt``, for where open_clip is not installed.

    Raises ScorerError where no model is named, or it is not there; ConfigError for an address that is none.
    """
    backend = backend_of(settings)
    if backend in ("open_clip", "transformers"):
        encoder: Encoder = open_encoder(settings, residence, vocabulary)
        if clip_vision is not None:
            encoder = ClipVisionEncoder(clip_vision, encoder, batch=settings.batch)
        return ContrastiveScorer(encoder, cache=cache, bank=bank, measures_counts=settings.measures_counts)
    return _judge(backend, settings, residence, access)


def open_observer(settings: ScorerSettings, residence: Residence | None = None, access: Access = NO_ACCESS) -> Observer:
    """A tagger, or a model that writes captions. Nothing is loaded yet. Raises ScorerError, ConfigError."""
    from orchestrator_core.vision.captioning import BlipCaptioner, VlmCaptioner
    from orchestrator_core.vision.observing import CaptionObserver, TagObserver
    from orchestrator_core.vision.tagger import Tagger

    backend = backend_of(settings)
    if backend == "tagger":
        return TagObserver(Tagger(settings.model))
    if backend == "blip":
        return CaptionObserver(BlipCaptioner(settings.model, residence=residence))
    if backend == "vqa":
        return CaptionObserver(VlmCaptioner(_language_model(settings, residence, access)))
    raise ScorerError(
        f"{settings.model}: this model compares images with texts, and cannot say itself what is in one. Name a "
        "tagger, or a model that writes captions."
    )


def open_encoder(settings: ScorerSettings, residence: Residence | None = None, vocabulary: str = "") -> TowerEncoder:
    """Raises ScorerError."""
    source: TowerSource
    if backend_of(settings) == "open_clip":
        source = OpenClipSource(files_of(settings.model, settings.weights, settings.allow_download), vocabulary)
    else:
        source = TransformersSource(settings.model)
    return TowerEncoder(source, residence=residence, dtype=settings.dtype, fit=settings.fit, batch=settings.batch)


def backend_of(settings: ScorerSettings) -> Backend:
    """Which kind of scorer the settings mean. Raises ScorerError."""
    if settings.url.strip() and settings.backend in ("auto", "vqa"):
        return "vqa"
    if not settings.model.strip():
        raise ScorerError("No model is named that could look at images: give the folder of a CLIP or SigLIP model.")
    if settings.backend != "auto":
        return settings.backend
    folder = Path(settings.model.strip().removeprefix("local-dir:")).expanduser()
    if (folder / CONFIG).is_file() or not folder.is_dir():
        return "open_clip"
    if any(folder.glob("*.onnx")):
        return "tagger"
    kind = _kind_of(folder)
    return "blip" if kind == "blip" else "transformers" if kind in ("clip", "siglip", "siglip2") else "vqa"


def files_told(model: str) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of the files of a model's folder: other ones where another model was put in its place."""
    place = Path(model.strip().removeprefix("local-dir:")).expanduser()
    files = [place] if place.is_file() else sorted(place.glob("*"))[:_MOST_FILES] if place.is_dir() else []
    stats = [(file.name, file.stat()) for file in files]
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in stats)


def _kind_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_bytes()).get("model_type"))
    except FileNotFoundError as error:
        raise ScorerError(f"{folder}: there is neither {CONFIG} nor config.json to tell what model it is.") from error
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ScorerError(f"{folder}: its config.json cannot be read: {error}") from error


def _judge(backend: Backend, settings: ScorerSettings, residence: Residence | None, access: Access) -> Scorer:
    from orchestrator_core.vision.itm import BlipJudge
    from orchestrator_core.vision.judging import JudgeScorer
    from orchestrator_core.vision.tagger import Tagger, TaggerScorer
    from orchestrator_core.vision.vqa import VqaJudge

    if backend == "blip":
        return JudgeScorer(BlipJudge(settings.model, residence=residence))
    if backend == "vqa":
        return JudgeScorer(VqaJudge(_language_model(settings, residence, access)))
    return TaggerScorer(Tagger(settings.model))


def _language_model(settings: ScorerSettings, residence: Residence | None, access: Access) -> VisionLanguageModel:
    return vision_language_model(asked_of(settings, access), key=access.key, residence=residence)


def asked_of(settings: ScorerSettings, access: Access) -> LlmSettings:
    """The settings of the vision-language model that a scorer's settings name."""
    kind: Literal["openai", "transformers"] = "openai" if settings.url.strip() else "transformers"
    name, url = settings.model, settings.url
    return LlmSettings(backend=kind, url=url, model=name, folder=name, allowed_hosts=access.hosts)
