"""ComfyUI's CLIP_VISION as the image side of an encoder: a tower that is often loaded for IP-Adapter anyway.

The text side must be of the same CLIP. Where its file holds the image side's last matrix as well, the two are compared;
of others only the length of the vectors is.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.transformers_loading import is_out_of_memory
from orchestrator_core.vision.encoders import Encoder

if TYPE_CHECKING:
    from orchestrator_core.vision.encoders import Vectors
    from orchestrator_core.vision.port import Pixels

_FAILURES = (AttributeError, TypeError, ValueError, KeyError, RuntimeError, MemoryError)
_LEAST_COSINE = 0.9


class ClipVision(NamedTuple):
    """What the CLIP_VISION socket carries, and the name of the file that it came from."""

    model: Any
    name: str = ""


class ClipVisionEncoder:
    """An ``Encoder``. ``text``: an encoder of the same CLIP. ComfyUI manages the memory of its own."""

    def __init__(self, vision: ClipVision, text: Encoder, *, batch: int = 32) -> None:
        (self._vision, self._name), self._text, self._batch = vision, text, batch
        self._is_checked = False

    @property
    def identity(self) -> str:
        told = self._name or type(getattr(self._vision, "model", self._vision)).__name__
        return f"clip_vision:{told}:{getattr(self._vision, 'dtype', '')}+{self._text.identity}".replace("torch.", "")

    @property
    def scale(self) -> float:
        return self._text.scale

    @property
    def bias(self) -> float | None:
        return self._text.bias

    def image_vectors(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> Vectors:
        """Raises ScorerError where the two are not of one CLIP; Cancelled."""
        import numpy as np

        if not self._is_checked and len(images):
            self._check(images[0])
        rows = []
        for start in range(0, len(images), self._batch):
            if is_cancelled():
                raise Cancelled("Scoring was stopped.")
            rows.append(self._encoded(images[start : start + self._batch]))
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Vectors:
        return self._text.text_vectors(texts, is_cancelled)

    def rest(self) -> None:
        self._text.rest()

    def release(self) -> None:
        """Of the text side; the other one is the host's."""
        self._text.release()

    def _check(self, image: Pixels) -> None:
        """One image by both. The text side's own image tower is let go again."""
        import numpy as np

        ours, theirs = self._encoded([image])[0], self._text.image_vectors([image])[0]
        self._text.release()
        if ours.shape != theirs.shape or not float(np.dot(ours, theirs)) >= _LEAST_COSINE:
            raise ScorerError(
                f"{self._name or 'The CLIP vision model'} and the model of its texts are not of the same CLIP: their "
                f"vectors have {ours.shape[0]} and {theirs.shape[0]} numbers, and say other things of one image."
            )
        self._is_checked = True

    def _encoded(self, images: Sequence[Pixels]) -> Vectors:
        import numpy as np
        import torch

        groups = _by_size(images)
        try:
            vectors = torch.cat([self._embeds(_tensor([images[place] for place in same])) for same in groups])
        except _FAILURES as error:
            said = "there is too little memory" if is_out_of_memory(error) else str(error)
            raise ScorerError(f"The CLIP vision model failed: {said}") from error
        order = np.argsort(np.concatenate(groups))
        unit = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()[order]
        return np.asarray(unit, np.float32)

    def _embeds(self, batch: Any) -> Any:
        encode = self._vision.encode_image
        whole = {"crop": False} if "crop" in inspect.signature(encode).parameters else {}
        found = encode(batch, **whole)
        return found.image_embeds if hasattr(found, "image_embeds") else found["image_embeds"]


def _by_size(images: Sequence[Pixels]) -> list[list[int]]:
    """The places of those of one size together: a tensor holds no others."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(images):
        groups.setdefault(image.shape, []).append(place)
    return list(groups.values())


def _tensor(images: Sequence[Pixels]) -> Any:
    """As ComfyUI has images: (batch, height, width, 3), floats in 0 … 1."""
    import numpy as np
    import torch

    return torch.from_numpy(np.stack(images).astype(np.float32) / 255)
