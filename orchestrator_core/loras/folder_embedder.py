"""FolderEmbedder: a text encoder from a folder of transformers, or of sentence-transformers, on the CPU.

Mean of the last hidden states over the text's tokens, as sentence-transformers does for most of its models. Nothing is
loaded from anywhere but the folder, and nothing before the first text.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from orchestrator_core.errors import ConfigError

_MOST_TOKENS = 64


class FolderEmbedder:
    """An ``Embedder``. Raises ConfigError where transformers is not installed or the folder holds no model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        if not (folder / "config.json").is_file():
            raise ConfigError(f"{folder}: no text encoder is there. Name a folder with config.json and its weights.")

    @cached_property
    def name(self) -> str:
        """The folder's name, and a hash of what is in it."""
        files = sorted((file.name, file.stat().st_size) for file in self.folder.iterdir() if file.is_file())
        config = (self.folder / "config.json").read_bytes()
        return f"{self.folder.name} {blake2b(repr((files, config)).encode(), digest_size=8).hexdigest()}"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        tokenizer, model = self._model
        import torch

        with self._lock, torch.inference_mode():
            tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=_MOST_TOKENS, return_tensors="pt")
            states = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            found: Sequence[Sequence[float]] = torch.nn.functional.normalize(means.float(), dim=1).numpy()
            return found

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        try:
            import torch  # noqa: F401 - transformers can be imported without it, and then has no models
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise ConfigError(
                f"it needs transformers and torch, and {error}: pip install transformers torch"
            ) from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            model = AutoModel.from_pretrained(self.folder, local_files_only=True).eval()
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{self.folder}: this text encoder cannot be loaded: {error}") from error
        return tokenizer, model
