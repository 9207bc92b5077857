"""Tagger: a WD14-style tagger, an ONNX model with ``selected_tags.csv`` beside it, where onnxruntime is installed.

    tagger = Tagger("models/wd-vit-tagger-v3")
    for seen in tagger.tags(images): print(seen.above())

The model is kept between calls and let go by ``release``. It runs on the processor, or on a graphics card where
onnxruntime has a provider for it; that memory is onnxruntime's own, and no host's manager knows of it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator_core.errors import Cancelled, ScorerError
from orchestrator_core.llm.port import IsCancelled, never
from orchestrator_core.vision.hub_model import weights_digest
from orchestrator_core.vision.judging import VERSION, fulfilment_of
from orchestrator_core.vision.port import Fulfilment, Wanted
from orchestrator_core.vision.readable import COUNT
from orchestrator_core.vision.tag_names import TagName, TagReading, Vocabulary, read_vocabulary
from orchestrator_core.vision.vlm import Verdict

if TYPE_CHECKING:
    from orchestrator_core.vision.port import Pixels

GENERAL, CHARACTER = 0.35, 0.85  # the thresholds that the WD14 taggers are used with
_SIDE, _BATCH = 448, 8
# TensorRT is left out: it compiles for minutes at its first use.
_PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider")
_OTHER, _NO_TAG = "other", 'the tagger has no tag for "{words}"'


class Tag(NamedTuple):
    name: TagName
    probability: float


@dataclass(frozen=True, slots=True)
class Seen:
    """All tags of one image with their probabilities, in the vocabulary's order."""

    tags: tuple[Tag, ...]

    def above(self, general: float = GENERAL, character: float = CHARACTER) -> tuple[Tag, ...]:
        """Those that the image has, the surest first; ratings are no content."""
        least = {"general": general, "character": character, _OTHER: general}
        found = [tag for tag in self.tags if tag.probability >= least.get(tag.name.category, 2.0)]
        return tuple(sorted(found, key=lambda tag: -tag.probability))

    def probability(self, name: TagName) -> float:
        return self.tags[name.index].probability


class _Opened(NamedTuple):
    session: Any
    vocabulary: Vocabulary
    height: int
    width: int
    channels_first: bool
    digest: str  # of the files that it was opened from, whatever is in their place now


class Tagger:
    """``folder``: with ``model.onnx`` (or one other .onnx file) and ``selected_tags.csv``. Nothing is loaded yet."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._opened: _Opened | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Raises ScorerError where the model is not there."""
        opened = self._opened
        digest = opened.digest if opened else self._digest()
        return f"tagger:{self.folder.resolve().name}:{digest}:float32"

    def _digest(self) -> str:
        """Of the weights and of what their numbers are called."""
        return weights_digest(self._file, [each.name for each in self.vocabulary.names])

    @property
    def vocabulary(self) -> Vocabulary:
        """Raises ScorerError."""
        opened = self._opened
        return opened.vocabulary if opened else read_vocabulary(self.folder / "selected_tags.csv")

    def tags(self, images: Sequence[Pixels], is_cancelled: IsCancelled = never) -> list[Seen]:
        """All probabilities for each image. Raises ScorerError, Cancelled."""
        with self._lock:
            opened = self._opened = self._opened or self._open()
            found: list[Seen] = []
            for start in range(0, len(images), _BATCH):
                if is_cancelled():
                    raise Cancelled("Tagging was stopped.")
                found += _tagged(opened, images[start : start + _BATCH], self.folder.name)
        return found

    def release(self) -> None:
        """Let go of the model; the next call opens it again."""
        with self._lock:
            self._opened = None

    @property
    def _file(self) -> Path:
        files = sorted(self.folder.glob("*.onnx")) if self.folder.is_dir() else []
        named = [file for file in files if file.name == "model.onnx"] or files
        if len(named) != 1:
            several = f"there are {len(named)} .onnx files in it; name one of them model.onnx" if named else ""
            told = several or "no tagger is there. Name a folder with model.onnx and selected_tags.csv"
            raise ScorerError(f"{self.folder}: {told}.")
        return named[0]

    def _open(self) -> _Opened:
        file, vocabulary, digest = self._file, self.vocabulary, self._digest()
        try:
            import onnxruntime
        except ImportError as error:
            raise ScorerError("A tagger needs onnxruntime, which is not installed: pip install onnxruntime.") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        there = onnxruntime.get_available_providers()
        providers = [*(name for name in _PROVIDERS if name in there), "CPUExecutionProvider"]
        try:
            session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # onnxruntime's own errors have no common base that it documents
            raise ScorerError(f"{file}: this tagger cannot be loaded: {' '.join(str(error).split())[:300]}") from error
        return _checked(session, vocabulary, file, digest)


def _checked(session: Any, vocabulary: Vocabulary, file: Path, digest: str) -> _Opened:
    """A tagger takes images and gives a number for each tag. Raises ScorerError for a model of another kind."""
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    if len(inputs) > 1 or len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise ScorerError(f"{file}: this is no tagger: it takes {[*map(str, shape)]}, and not images of three colours.")
    width = session.get_outputs()[0].shape[-1]
    if isinstance(width, int) and width != len(vocabulary.names):
        told = f"selected_tags.csv has {len(vocabulary.names)} tags, and the model gives {width}"
        raise ScorerError(f"{file}: {told}: the two are not of one model.")
    channels_first = shape[3] != 3
    sides = shape[2:4] if channels_first else shape[1:3]
    height, wide = (side if isinstance(side, int) and side > 0 else _SIDE for side in sides)
    return _Opened(session, vocabulary, height, wide, channels_first, digest)


def _tagged(opened: _Opened, images: Sequence[Pixels], name: str) -> list[Seen]:
    import numpy as np

    (given,) = opened.session.get_inputs()[:1]
    values = np.stack([_prepared(opened, image) for image in images])
    if opened.channels_first:
        values = values.transpose(0, 3, 1, 2)
    try:
        (rows, *_) = opened.session.run(None, {given.name: np.ascontiguousarray(values)})
    except Exception as error:  # as above
        raise ScorerError(f"{name}: the tagger failed: {' '.join(str(error).split())[:300]}") from error
    names = opened.vocabulary.names
    if rows.shape != (len(images), len(names)) or not np.isfinite(rows).all() or rows.min() < 0 or rows.max() > 1:
        raise ScorerError(f"{name}: what this model gives are not {len(names)} probabilities for each image.")
    return [Seen(tuple(map(Tag, names, map(float, row)))) for row in rows]


def _prepared(opened: _Opened, image: Pixels) -> Any:
    """As the WD14 taggers were trained: the whole image on a white square, blue before red, 0 to 255."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(image)
    side = max(picture.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    small = square.resize((opened.width, opened.height), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.float32)[:, :, ::-1]


class TaggerScorer:
    """A ``Scorer`` by a tagger: every text costs the same one look at the image."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger

    @property
    def identity(self) -> str:
        return f"{self.tagger.identity}:{VERSION}"

    def score(
        self, images: Sequence[Pixels], wanted: Sequence[Wanted], is_cancelled: IsCancelled = never
    ) -> list[list[Fulfilment]]:
        """A text is measured where tags mean all of its words. Raises ScorerError, Cancelled."""
        vocabulary = self.tagger.vocabulary
        wished = [_texts(each) for each in wanted]
        read = {text: vocabulary.read(text) for texts in wished for text in texts}
        asked = [_different(texts, read) for texts in wished]
        rows = []
        for seen in self.tagger.tags(images, is_cancelled):
            verdicts = {text: _verdict(reading.tags, reading.unknown, seen) for text, reading in read.items()}
            rows.append([fulfilment_of(each, texts, verdicts) for each, texts in zip(wanted, asked, strict=True)])
        return rows

    def release(self) -> None:
        """Let go of the tagger."""
        self.tagger.release()


def _texts(wanted: Wanted) -> tuple[str, ...]:
    is_beyond = wanted.measure == "unmeasurable" and wanted.reason != COUNT  # there are tags for counts, as 2girls
    if wanted.measure == "unscored" or is_beyond:
        return ()
    return tuple(dict.fromkeys((wanted.text, *wanted.alternatives)))


def _different(texts: Sequence[str], read: Mapping[str, TagReading]) -> tuple[str, ...]:
    """Without those that mean the same tags as the first: they cannot exclude it."""
    own = read[texts[0]] if texts else None
    return tuple(text for at, text in enumerate(texts) if not at or not read[text].tags or read[text] != own)


def _verdict(tags: Sequence[TagName], unknown: Sequence[str], seen: Seen) -> Verdict:
    """Of several tags the least probable decides: all of them were asked for."""
    if unknown or not tags:
        return Verdict(None, has_odds=True, reason=_NO_TAG.format(words=" ".join(unknown)))
    return Verdict(min(seen.probability(tag) for tag in tags), has_odds=True)
