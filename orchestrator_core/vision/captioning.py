"""Captioning: what a model says is in an image, to be compared with what was asked for.

captioner = BlipCaptioner("models/blip-image-captioning-base")     # or VlmCaptioner(EndpointVlm(…))
caption = captioner.caption(image)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from orchestrator_core.errors import Cancelled, LanguageModelError, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.residence import Residence
from orchestrator_core.vision.hub_model import Held
from orchestrator_core.vision.image_input import image_input_of
from orchestrator_core.vision.vlm import VisionLanguageModel

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

_QUESTION = "List what this image shows in one short sentence: subjects, clothes, colours, place, style. No comments."
_MOST_TOKENS = 80


class Captioner(Protocol):
    @property
    def identity(self) -> str:
        """Kind and weights."""

    def caption(self, image: Pixels, is_cancelled: IsCancelled = never) -> str:
        """A sentence of what is there. Raises ScorerError, Cancelled."""

    def release(self) -> None:
        """Let go of its weights, where it has any here."""


class VlmCaptioner:
    """A ``Captioner`` by a vision-language model."""

    def __init__(self, model: VisionLanguageModel) -> None:
        self._model = model

    @property
    def identity(self) -> str:
        return f"caption:{self._model.identity}"

    def caption(self, image: Pixels, is_cancelled: IsCancelled = never) -> str:
        """Raises ScorerError, Cancelled."""
        try:
            return " ".join(self._model.say(image, _QUESTION, _MOST_TOKENS, is_cancelled).split())
        except Cancelled:
            raise
        except LanguageModelError as error:
            raise ScorerError(str(error)) from error

    def release(self) -> None:
        """Let go of the model's weights."""
        self._model.release()


class BlipCaptioner:
    """A ``Captioner`` by BLIP. ``model``: a folder, or ``owner/name`` in the local cache."""

    def __init__(self, model: str, *, residence: Residence | None = None) -> None:
        kind = "BlipForConditionalGeneration"
        self._held = Held(model, kind, "AutoTokenizer", wanted=("blip",), residence=residence)

    @property
    def identity(self) -> str:
        return f"caption:{self._held.identity}"

    def caption(self, image: Pixels, is_cancelled: IsCancelled = never) -> str:
        """Raises ScorerError, Cancelled."""
        if is_cancelled():
            raise Cancelled("Captioning was stopped.")
        with self._held.resident() as (loaded, device):
            side = loaded.model.config.vision_config.image_size
            pixels = image_input_of(self._held.folder, side).tensor([image]).to(device, loaded.model.dtype)
            found = loaded.model.generate(pixel_values=pixels, max_new_tokens=_MOST_TOKENS, do_sample=False)
        return " ".join(str(loaded.reader.decode(found[0], skip_special_tokens=True)).split())

    def release(self) -> None:
        """Let go of the weights."""
        self._held.release()
