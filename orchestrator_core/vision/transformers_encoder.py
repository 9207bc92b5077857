"""CLIP and SigLIP of transformers as a ``TowerSource``, from a folder or the cache. Forge Neo has no open_clip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from orchestrator_core.errors import ScorerError
from orchestrator_core.llm.transformers_loading import dtype_argument, is_out_of_memory
from orchestrator_core.vision.encoders import Head, trained_scale
from orchestrator_core.vision.hub_model import check_whole, folder_of, weights_digest
from orchestrator_core.vision.image_input import image_input_of

KINDS = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "SiglipModel"}
_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, MemoryError)


class TransformersSource:
    """A ``TowerSource``. ``model``: a folder as transformers saves one, or ``owner/name`` in the local cache."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._told: tuple[float, float | None] | None = None  # scale and bias

    @cached_property
    def identity(self) -> str:
        return f"transformers:{self._folder.resolve().name}:{weights_digest(self._folder)}"

    def head(self) -> Head:
        if self._told is None:
            self._loaded()
        scale, bias = self._told or (1.0, None)
        side = int(self._config["vision_config"].get("image_size") or 224)
        return Head(scale, bias, image_input_of(self._folder, side), self._most_tokens)

    def image_tower(self) -> Any:
        return _tower(self._loaded(), is_image=True)

    def text_tower(self) -> Any:
        return _tower(self._loaded(), is_image=False)

    def tokens(self, texts: Sequence[str]) -> Any:
        padded = self._tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=self._most_tokens, return_tensors="pt"
        )
        return padded.input_ids

    def length(self, text: str) -> int:
        return len(self._tokenizer(text).input_ids) + (1 if self._kind != "CLIPModel" else 0)

    @cached_property
    def _folder(self) -> Path:
        return folder_of(self._model)

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        try:
            told = json.loads((self._folder / "config.json").read_bytes())
            if told.get("model_type") not in KINDS:
                known = ", ".join(KINDS)
                kind = told.get("model_type")
                raise ScorerError(f"{self._folder.name} is of the kind {kind!r}; this scorer needs one of {known}.")
            return {"text_config": {}, "vision_config": {}, **told}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise ScorerError(f"{self._folder}: its config.json cannot be read: {error}") from error

    @property
    def _kind(self) -> str:
        return KINDS[self._config["model_type"]]

    @property
    def _most_tokens(self) -> int:
        usual = 77 if self._kind == "CLIPModel" else 64
        return int(self._config["text_config"].get("max_position_embeddings") or usual)

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        except _FAILURES as error:
            raise ScorerError(f"{self._folder.name}: its tokenizer cannot be read: {error}") from error

    def _loaded(self) -> Any:
        """The whole model, which is read from the disk's own memory; what of it is not kept costs nothing."""
        name, kind = self._folder.name, self._kind
        try:
            import torch
            import transformers

            with torch.inference_mode(False):
                dtypes = dtype_argument(transformers.__version__, torch.float32)
                where: dict[str, Any] = {"local_files_only": True, "output_loading_info": True, **dtypes}
                model, told = getattr(transformers, kind).from_pretrained(self._folder, **where)
            check_whole(told)
        except _FAILURES as error:
            said = "there is too little memory" if is_out_of_memory(error) else " ".join(str(error).split())[:300]
            raise ScorerError(f"{name}: this model cannot be loaded: {said}") from error
        self._told = trained_scale(name, model.logit_scale, getattr(model, "logit_bias", None))
        return model.requires_grad_(False)


def _tower(model: Any, is_image: bool) -> Any:
    """One half of the model as a module. ``get_…_features`` gives vectors, or since 5 an object with them."""
    import torch

    drop = ("text_model", "text_projection") if is_image else ("vision_model", "visual_projection")
    for name in drop:
        if hasattr(model, name):
            delattr(model, name)

    class Tower(torch.nn.Module):  # type: ignore[misc]  # the name is what the hosts log
        def __init__(self) -> None:
            super().__init__()
            self.inner = model
            self.device: Any = None

        def forward(self, values: Any) -> Any:
            found = model.get_image_features(values) if is_image else model.get_text_features(values)
            return found if isinstance(found, torch.Tensor) else found.pooler_output

    return Tower()
