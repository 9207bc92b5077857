"""Encoder: images and texts as vectors of one space, in which what belongs together is near (CLIP, SigLIP).

``TowerEncoder`` runs any of them from a ``TowerSource``. It holds its two towers apart, each as a model of its own that
the host's memory manager may move away: texts are seldom new, so that the text tower goes when none is asked for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.llm.residence import PlainResidence, Residence
from orchestrator_core.llm.transformers_loading import is_out_of_memory
from orchestrator_core.vision.chunks import Chunked, chunked
from orchestrator_core.vision.image_input import ImageInput
from orchestrator_core.vision.precision import chosen_dtype
from orchestrator_core.vision.preparing import Fit, prepared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_core.vision.port import Pixels

    Vectors = NDArray[np.float32]  # (n, dimensions), of length 1

Dtype = Literal["auto", "float32", "float16", "bfloat16"]
_SPARE = 256 * 1024 * 1024  # bytes beside the weights, for what a batch computes with
_TEXTS = 64  # in a batch
_MOST_LOG_SCALE = 50.0  # CLIP's is 4.6


class Encoder(Protocol):
    """Makes vectors. ``scale`` and ``bias``: as the model was trained, logit = scale · cosine + bias."""

    @property
    def identity(self) -> str:
        """Kind, weights with 12 digits of their hash, dtype. Raises ScorerError where there are none."""

    @property
    def scale(self) -> float: ...

    @property
    def bias(self) -> float | None:
        """None where the model was not trained to say of one text alone whether it fits."""

    def image_vectors(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> Vectors:
        """Raises ScorerError, Cancelled."""

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Vectors:
        """Texts longer than the model reads are read in pieces. Raises ScorerError, Cancelled."""

    def rest(self) -> None:
        """No new texts are in sight."""

    def release(self) -> None:
        """Let go of all weights; the next use loads them again."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a model says of itself beside its towers."""

    scale: float
    bias: float | None
    image: ImageInput
    most_tokens: int


class TowerSource(Protocol):
    """Where towers come from. All raise ScorerError where weights are missing, damaged or of another architecture."""

    @property
    def identity(self) -> str:
        """Kind and weights."""

    def head(self) -> Head: ...

    def image_tower(self) -> Any:
        """A torch module, float32, on the processor: (n, 3, height, width) to (n, dimensions)."""

    def text_tower(self) -> Any:
        """A torch module: what ``tokens`` gives, to (n, dimensions)."""

    def tokens(self, texts: Sequence[str]) -> Any:
        """A tensor of integers."""

    def length(self, text: str) -> int:
        """How many tokens a text has, all told."""


class TowerEncoder:
    """An ``Encoder``. ``batch``: images at once. One caller at a time; threads may share it."""

    def __init__(
        self,
        source: TowerSource,
        *,
        residence: Residence | None = None,
        dtype: Dtype = "auto",
        fit: Fit = "squash",
        batch: int = 32,
    ) -> None:
        self._source, self._residence = source, residence or PlainResidence()
        self._wanted_dtype, self._fit, self._batch = dtype, fit, batch
        self._dtype = ""
        self._head: Head | None = None
        self._image: Any = None
        self._text: Any = None
        self._lock = threading.RLock()

    @property
    def identity(self) -> str:
        with self._lock:
            self._image_tower()
            fit = "" if self._fit == "squash" else f"-{self._fit}"
            return f"{self._source.identity}{fit}:{self._dtype}"

    @property
    def scale(self) -> float:
        return self._told().scale

    @property
    def bias(self) -> float | None:
        return self._told().bias

    def image_vectors(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> Vectors:
        with self._lock, self._resident(self._image_tower()) as (tower, device):
            place = self._told().image
            rows = []
            for start in range(0, len(images), self._batch):
                _stop_if(is_cancelled)
                pixels = prepared(images[start : start + self._batch], place, self._fit)
                rows.append(_unit(tower(pixels.to(device, _kind(tower)))))
            return _joined(rows)

    def prepared_vectors(self, pixels: Any) -> Vectors:
        """Of a tensor that is prepared already, in one batch."""
        with self._lock, self._resident(self._image_tower()) as (tower, device):
            return _joined([_unit(tower(pixels.to(device, _kind(tower))))])

    def text_vectors(self, texts: Sequence[str], is_cancelled: IsCancelled = never) -> Vectors:
        with self._lock, self._resident(self._text_tower()) as (tower, device):
            pieces = chunked(texts, self._source.length, self._told().most_tokens)
            rows = []
            for start in range(0, len(pieces.texts), _TEXTS):
                _stop_if(is_cancelled)
                tokens = self._source.tokens(pieces.texts[start : start + _TEXTS])
                rows.append(_unit(tower(tokens.to(device))))
            return _averaged(pieces, _joined(rows))

    def rest(self) -> None:
        with self._lock:
            if self._text is not None:
                self._residence.release(self._text)
                self._text = None

    def release(self) -> None:
        with self._lock:
            self.rest()
            if self._image is not None:
                self._residence.release(self._image)
                self._image = None

    def _told(self) -> Head:
        if self._head is None:
            self._head = self._source.head()
        return self._head

    def _image_tower(self) -> Any:
        if self._image is None:
            import torch

            with torch.inference_mode(False):  # weights that are made in it could not be moved outside of it
                tower = self._source.image_tower().eval()
                self._dtype = chosen_dtype(tower, self._told().image, self._wanted_dtype, self._residence.dtype())
                self._image = tower.to(getattr(torch, self._dtype))
        return self._image

    def _text_tower(self) -> Any:
        """In float32 on a processor, where texts are seldom: half of the digits would gain little."""
        if self._text is None:
            import torch

            with torch.inference_mode(False):
                self._text = self._source.text_tower().eval().to(getattr(torch, self._residence.dtype()))
        return self._text

    @contextmanager
    def _resident(self, tower: Any) -> Iterator[tuple[Any, Any]]:
        import torch

        try:
            with self._residence.resident(tower, _SPARE) as device, torch.inference_mode():
                yield tower, device
        except (RuntimeError, MemoryError, ArithmeticError, LookupError) as error:
            if not is_out_of_memory(error):
                raise ScorerError(f"{self._source.identity}: the model failed: {error}") from error
            raise ScorerError(f"{self._source.identity}: there is too little memory for it.") from error


def trained_scale(name: str, logarithm: Any, bias: Any) -> tuple[float, float | None]:
    """Scale and bias from a model's parameters. Raises ScorerError where they are no numbers."""
    numbers = [_number(each) for each in (logarithm, bias) if each is not None]
    scale = math.exp(numbers[0]) if numbers[0] < _MOST_LOG_SCALE else math.inf
    if not all(map(math.isfinite, (scale, *numbers))):
        raise ScorerError(f"{name}: its logit_scale or logit_bias is no number; the file may be damaged.")
    return scale, None if bias is None else numbers[1]


def _number(parameter: Any) -> float:
    return float(parameter.detach().float().reshape(-1)[0]) if parameter.numel() else math.nan


def _stop_if(is_cancelled: IsCancelled) -> None:
    if is_cancelled():
        raise Cancelled("Scoring was stopped.")


def _kind(tower: Any) -> Any:
    return next(iter(tower.parameters())).dtype


def _unit(vectors: Any) -> Any:
    import torch

    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def _joined(rows: Sequence[Any]) -> Vectors:
    import numpy as np

    return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


def _averaged(pieces: Chunked, vectors: Vectors) -> Vectors:
    """One vector for each text: of one in pieces their mean, by length."""
    import numpy as np

    if len(pieces.of) == pieces.count:
        return vectors
    found = np.zeros((pieces.count, vectors.shape[1]), np.float32)
    for place, length, vector in zip(pieces.of, pieces.lengths, vectors, strict=True):
        found[place] += length * vector
    found /= np.linalg.norm(found, axis=1, keepdims=True).clip(1e-12)
    return found
