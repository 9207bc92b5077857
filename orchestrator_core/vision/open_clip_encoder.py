"""open_clip's models as a ``TowerSource``: a folder, a built-in name with a file of weights, or one of the hub's.

A folder holds ``open_clip_config.json`` and ``open_clip_model.safetensors``, as open_clip's ``local-dir:`` wants them.
Usual models run in plain torch (``plain_clip.py``), others by open_clip where it is installed.

Towers are made on the meta device and given the file's own memory: open_clip's way fills them with random numbers
first, and takes two seconds for ViT-B-32 where this takes a third of one.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.clip_tokens import Tokens, tokens_of
from orchestrator_core.vision.encoders import Head, trained_scale
from orchestrator_core.vision.hub_model import weights_digest
from orchestrator_core.vision.image_input import CLIP_MEAN, CLIP_STD, ImageInput, checked_input
from orchestrator_core.vision.open_clip_files import CONFIG, NO_OPEN_CLIP, Files
from orchestrator_core.vision.plain_clip import image_tower, is_plain, text_tower
from orchestrator_core.vision.weights_file import WeightsFile, fill

_FAILURES = (TypeError, ValueError, KeyError, AttributeError, RuntimeError, OSError, ImportError, AssertionError)


class OpenClipSource:
    """A ``TowerSource``. ``vocabulary``: a folder with CLIP's, for where open_clip is not installed."""

    def __init__(self, files: Files, vocabulary: str = "") -> None:
        self._files, self._vocabulary = files, vocabulary

    @cached_property
    def identity(self) -> str:
        told = [self._files.model, self._files.preprocess]
        return f"open_clip:{self._files.name}:{weights_digest(self._files.weights, told)}"

    def head(self) -> Head:
        file = self._file
        keys = set(file.keys())
        if "logit_scale" not in keys:
            raise ScorerError(f"{self._files.name}: {file.path.name} has no logit_scale: it is no model of open_clip.")
        bias = file.tensor("logit_bias") if "logit_bias" in keys else None
        numbers = trained_scale(self._files.name, file.tensor("logit_scale"), bias)
        try:
            return Head(*numbers, self._image_input(), int(self._text_cfg.get("context_length", 77)))
        except (TypeError, ValueError, AttributeError) as error:
            raise ScorerError(f"{self._files.name}: its configuration makes no model: {error!r}") from error

    def image_tower(self) -> Any:
        if is_plain(self._files.model):
            return self._filled(lambda device: self._plain(image_tower, device), "visual.")
        return self._filled(lambda device: self._model(device).visual, "visual.")

    def text_tower(self) -> Any:
        if is_plain(self._files.model):
            return self._filled(lambda device: self._plain(text_tower, device), "")

        def made(device: str) -> Any:
            model = self._model(device)
            if hasattr(model, "text"):
                return model.text
            del model.visual
            return model

        is_apart = any(key.startswith("text.") for key in self._file.keys())  # noqa: SIM118  a file, not a dict
        return _text_tower(self._filled(made, "text." if is_apart else ""))

    def _filled(self, made: Callable[[str], Any], prefix: str) -> Any:
        weights = _Part(self._file, prefix, frozenset(self._file.keys()))
        for device in ("meta", "cpu"):
            tower = made(device)
            fill(tower, weights, self._files.name)
            if _rebuild_masks(tower):
                break  # else it has numbers that are in no file, which only its own making gives
        return tower

    def tokens(self, texts: Sequence[str]) -> Any:
        return self._tokenizer(texts)

    def length(self, text: str) -> int:
        return self._tokenizer.length(text)

    @cached_property
    def _file(self) -> WeightsFile:
        return WeightsFile(self._files.weights)

    @property
    def _text_cfg(self) -> Mapping[str, Any]:
        return self._files.model.get("text_cfg") or {}

    def _image_input(self) -> ImageInput:
        told = self._files.preprocess
        size = (self._files.model.get("vision_cfg") or {}).get("image_size", 224)
        height, width = size if isinstance(size, list | tuple) else (size, size)
        mean, std = (
            tuple(map(float, told.get(name) or usual)) for name, usual in (("mean", CLIP_MEAN), ("std", CLIP_STD))
        )
        place = (self._files.folder or self._files.weights.parent) / CONFIG
        return checked_input(place, int(height), int(width), mean, std)

    def _plain(self, make: Callable[[Mapping[str, Any]], Any], device: str) -> Any:
        import torch

        try:
            with torch.device(device):
                return make(self._files.model)
        except _FAILURES as error:
            raise ScorerError(f"{self._files.name}: its configuration makes no model: {error!r}") from error

    def _model(self, device: str) -> Any:
        """The empty model of open_clip. Raises ScorerError."""
        try:
            import open_clip
            import torch

            config = _without_downloads(self._files.model)
            is_custom = config.pop("custom_text", False) or config["text_cfg"].get("hf_model_name")
            kind = open_clip.CustomTextCLIP if is_custom else open_clip.CLIP
            known = inspect.signature(kind.__init__).parameters
            for key in [key for key in config if key.startswith("init_") and key not in known]:
                del config[key]  # the weights tell, and open_clip 2 does not know it
            with torch.device(device):
                return kind(**config)
        except ImportError as error:
            raise ScorerError(f"{self._files.name}: this model {NO_OPEN_CLIP}.") from error
        except _FAILURES as error:
            told = f"{self._files.name}: its configuration is not one that this open_clip knows: {error!r}"
            raise ScorerError(told) from error

    @cached_property
    def _tokenizer(self) -> Tokens:
        return tokens_of(self._text_cfg, self._files.folder, self._vocabulary)


class _Part(Mapping[str, Any]):
    """A part of a file's weights, by the names that a module of its own has for them."""

    def __init__(self, file: WeightsFile, prefix: str, keys: frozenset[str]) -> None:
        self._file, self._prefix, self._keys = file, prefix, keys

    def __getitem__(self, key: str) -> Any:
        return self._file.tensor(self._name(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return self._name(str(key)) in self._keys

    def _name(self, key: str) -> str:
        """Older files of models with a text tower of their own have its weights beside those of the image."""
        return f"{self._prefix}{key}" if f"{self._prefix}{key}" in self._keys else key


def _without_downloads(model: Mapping[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(dict(model))
    config.setdefault("text_cfg", {})
    if "timm_model_name" in config.get("vision_cfg", {}):
        config["vision_cfg"]["timm_model_pretrained"] = False
    if "hf_model_name" in config["text_cfg"]:
        config["text_cfg"]["hf_model_pretrained"] = False
    return config


def _rebuild_masks(tower: Any) -> bool:
    """Make the causal masks, which are in no file, and say whether nothing else is left on the meta device."""
    import torch

    for module in tower.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            if name == "attn_mask" and buffer.is_meta:
                module.register_buffer(name, torch.full(buffer.shape, -math.inf).triu_(1), persistent=False)
    return not any(each.is_meta for each in (*tower.buffers(), *tower.parameters()))


def _text_tower(inner: Any) -> Any:
    import torch

    class TextTower(torch.nn.Module):  # type: ignore[misc]  # the name is what the hosts log
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, tokens: Any) -> Any:
            return inner.encode_text(tokens) if hasattr(inner, "encode_text") else inner(tokens)

    return TextTower()
