"""Texts as an open_clip model's tokens: by its own tokenizer of transformers, or by CLIP's byte pairs.

CLIP's vocabulary comes with open_clip. Where that is not installed, any folder with ``vocab.json`` and ``merges.txt``
of CLIP will do: the model's own, or one of a host, which have it for Stable Diffusion's text encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator_core.errors import LanguageModelError, ScorerError
from orchestrator_core.llm.transformers_source import source_of

_FAILURES = (TypeError, ValueError, KeyError, AttributeError, RuntimeError, OSError, ImportError)


class Tokens(Protocol):
    def __call__(self, texts: Sequence[str]) -> Any:
        """A tensor (texts, context length)."""

    def length(self, text: str) -> int:
        """How many tokens it has, with those at its ends."""


def tokens_of(text: Mapping[str, Any], folder: Path | None, vocabulary: str = "") -> Tokens:
    """``text``: the model's text_cfg; ``folder``: its own; ``vocabulary``: a folder with CLIP's. Raises ScorerError."""
    length = int(text.get("context_length", 77))
    if name := text.get("hf_tokenizer_name"):
        return _Hub(name, folder, length, text.get("tokenizer_kwargs") or {})
    try:
        import open_clip
    except ImportError:
        return _Plain(_place(folder, vocabulary), length)
    return _Bpe(open_clip.tokenize, length)


def _place(folder: Path | None, vocabulary: str) -> Path:
    for place in (folder, Path(vocabulary) if vocabulary else None):
        if place is not None and ((place / "vocab.json").is_file() or (place / "tokenizer.json").is_file()):
            return place
    raise ScorerError(
        f"{folder or 'This model'}: CLIP's vocabulary is not there. Put vocab.json and merges.txt of CLIP beside the "
        "weights, or install open_clip, which brings it: pip install open-clip-torch."
    )


class _Bpe:
    """open_clip's own."""

    def __init__(self, tokenize: Any, length: int) -> None:
        self._tokenize, self._length = tokenize, length

    def __call__(self, texts: Sequence[str]) -> Any:
        return self._tokenize(list(texts), context_length=self._length)

    def length(self, text: str) -> int:
        return int((self._tokenize([text], context_length=len(text.encode("utf-8", "replace")) + 2) != 0).sum())


class _Plain:
    """The same by transformers."""

    def __init__(self, place: Path, length: int) -> None:
        self._length = length
        try:
            from transformers import CLIPTokenizer

            self._inner = CLIPTokenizer.from_pretrained(str(place), local_files_only=True)
        except _FAILURES as error:
            raise ScorerError(f"{place}: CLIP's vocabulary cannot be read: {error}") from error

    def __call__(self, texts: Sequence[str]) -> Any:
        sizes = {"max_length": self._length, "padding": "max_length", "truncation": True}
        return self._inner(list(texts), return_tensors="pt", **sizes).input_ids

    def length(self, text: str) -> int:
        return len(self._inner(text).input_ids)


class _Hub:
    """A tokenizer of transformers, from the model's own folder or the local cache."""

    def __init__(self, name: str, folder: Path | None, length: int, options: Mapping[str, Any]) -> None:
        try:
            import open_clip

            place = folder if folder is not None and any(folder.glob("tokenizer*")) else source_of(name).folder
            self._inner = open_clip.tokenizer.HFTokenizer(str(place), context_length=length, **options)
        except (LanguageModelError, *_FAILURES) as error:
            raise ScorerError(f"{name}: the tokenizer of this model cannot be read: {error}") from error

    def __call__(self, texts: Sequence[str]) -> Any:
        return self._inner(list(texts))

    def length(self, text: str) -> int:
        return len(self._inner.tokenizer(text).input_ids)
