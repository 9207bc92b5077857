"""AestheticScorer: what people might rate an image, by a small head on its vector. For information, never learned from.

The files are those of LAION: the linear head of ``aesthetic-predictor`` (``weight``, ``bias``) and the layers of
``improved-aesthetic-predictor`` (``layers.N.weight``), as .safetensors or as .pth, of which nothing is executed. A head
fits one kind of encoder alone, mostly CLIP ViT-L/14: the width of its vectors is checked, which tells most mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_core.errors import ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.hub_model import weights_digest
from orchestrator_core.vision.port import Whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_core.vision.port import ImageEncoder, Pixels

    Floats = NDArray[np.float32]

_MOST_BYTES = 256 * 1024 * 1024
_LAYER = re.compile(r"(?:.*\.)?(\d+)\.weight")
_KINDS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True, slots=True)
class AestheticHead:
    """``layers``: weights (out, in) and biases (out,), applied one after the other; ``has_relu``: with one between."""

    name: str
    layers: tuple[tuple[Floats, Floats], ...]
    has_relu: bool = False

    @property
    def width(self) -> int:
        """Of the vectors that it takes."""
        return int(self.layers[0][0].shape[1])

    def values(self, vectors: Floats) -> list[float]:
        """A rating for each image's vector (images, width), mostly from 1 to 10. The vectors are normalised here.

        Raises ScorerError for vectors of another width, and where a rating is no number.
        """
        import numpy as np

        if vectors.ndim != 2 or vectors.shape[1] != self.width:
            told = f"it takes vectors of {self.width} numbers, and this encoder gives {vectors.shape[-1]}"
            raise ScorerError(f"{self.name}: {told}: choose the encoder that the head was trained with.")
        value = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        for at, (weight, bias) in enumerate(self.layers):
            value = value @ weight.T + bias
            if self.has_relu and at < len(self.layers) - 1:
                value = np.maximum(value, 0)
        if not np.isfinite(value).all():
            raise ScorerError(f"{self.name}: a rating is no number: the head or the encoder is damaged.")
        return [float(each) for each in value[:, 0]]


class AestheticScorer:
    """A ``WholeScorer``: what people might rate an image, by a head on an encoder's vectors."""

    def __init__(self, encoder: ImageEncoder, head: AestheticHead) -> None:
        self._encoder, self._head = encoder, head

    @property
    def identity(self) -> str:
        return f"{self._encoder.identity}:aesthetic-{self._head.name}"

    def score_whole(
        self, images: Sequence[Pixels], draft_text: str = "", is_cancelled: IsCancelled = never
    ) -> list[tuple[Whole, ...]]:
        """The prompt does not matter. Raises ScorerError, Cancelled."""
        if not images:
            return []
        values = self._head.values(self._encoder.image_vectors(images, is_cancelled))
        return [(Whole("aesthetic", each, self._head.name),) for each in values]


def read_head(path: str | Path) -> AestheticHead:
    """Raises ScorerError for what is not there, damaged, or no such head."""
    path = Path(path)
    if path.suffix.lower() not in _KINDS or not path.is_file():
        raise ScorerError(f"{path}: no aesthetic head is there. Name a file: {', '.join(_KINDS)}.")
    if path.stat().st_size > _MOST_BYTES:
        raise ScorerError(f"{path}: this is no aesthetic head, which is never larger than {_MOST_BYTES:,} bytes.")
    try:
        tensors = _read(path)
    except Exception as error:  # loaders raise whatever they like, safetensors an error of its own
        said = " ".join(str(error).split())[:200]
        raise ScorerError(f"{path}: this aesthetic head cannot be read: {said}") from error
    numbers, layers = _layers(tensors)
    _check(layers, path)
    has_relu = len(numbers) > 1 and numbers[1] - numbers[0] > 2  # linear, ReLU, dropout; without ReLU it is 2
    return AestheticHead(f"{path.stem} {weights_digest(path)}", layers, has_relu)


def _read(path: Path) -> Mapping[str, Any]:
    import torch

    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        found = load_file(path)
    else:
        found = torch.load(path, map_location="cpu", weights_only=True)
    inner = found.get("state_dict", found)
    return {name: value.float().numpy() for name, value in inner.items() if isinstance(value, torch.Tensor)}


def _layers(tensors: Mapping[str, Any]) -> tuple[list[int], tuple[tuple[Any, Any], ...]]:
    """The linear layers in their order, with their numbers among all layers."""
    import numpy as np

    numbered = {int(match[1]): name for name in tensors if (match := _LAYER.fullmatch(name))}
    if not numbered and "weight" in tensors:
        numbered = {0: "weight"}
    found = []
    for _, name in sorted(numbered.items()):
        weight = tensors[name]
        bias = tensors.get(name[: -len("weight")] + "bias", np.zeros(weight.shape[:1], np.float32))
        found.append((weight, bias))
    return sorted(numbered), tuple(found)


def _check(layers: Sequence[tuple[Any, Any]], path: Path) -> None:
    import numpy as np

    is_chain = bool(layers) and all(weight.ndim == 2 and bias.shape == weight.shape[:1] for weight, bias in layers)
    widths = [weight.shape for weight, _ in layers] if is_chain else []
    fits = all(after[1] == before[0] for before, after in pairwise(widths))
    if not is_chain or not fits or widths[-1][0] != 1:
        raise ScorerError(f"{path}: this is no aesthetic head: its layers do not lead from a vector to one number.")
    if not all(np.isfinite(each).all() for layer in layers for each in layer):
        raise ScorerError(f"{path}: some of its weights are no numbers; the file is damaged.")
