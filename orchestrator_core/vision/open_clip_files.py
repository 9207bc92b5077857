"""Finds an open_clip model's configuration and weights on this disk; downloads only where that is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator_core.errors import ScorerError

CONFIG = "open_clip_config.json"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
NO_OPEN_CLIP = "needs the package open_clip: pip install open-clip-torch. Models of transformers go without it"


@dataclass(frozen=True, slots=True)
class Files:
    """``folder``: where a tokenizer of its own may lie; None where the model is one of the built-in names."""

    name: str
    model: Mapping[str, Any]
    weights: Path
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None


def files_of(model: str, weights: str = "", allow_download: bool = False) -> Files:
    """``model``: a folder, also with ``local-dir:`` before it; ``owner/name`` of the hub; a built-in name as ViT-B-32.

    ``weights`` is needed for a built-in name: a file, or the name of a training as ``laion2b_s34b_b79k``.

    Raises ScorerError.
    """
    model = model.strip().removeprefix("local-dir:")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _of_folder(folder, folder.resolve().name)
    name = model.removeprefix("hf-hub:")
    if not weights and name.count("/") == 1 and not name.startswith(("/", ".")):
        return _of_folder(_of_hub(name, allow_download), name.partition("/")[2])
    return _of_name(model, weights.strip(), allow_download)


def _of_folder(folder: Path, name: str) -> Files:
    path = folder / CONFIG
    try:
        told = json.loads(path.read_bytes())
        model, preprocess = told["model_cfg"], told.get("preprocess_cfg") or {}
        if not isinstance(model, dict) or not isinstance(preprocess, dict):
            raise TypeError("model_cfg is no object")
    except FileNotFoundError as error:
        raise ScorerError(f"{folder}: there is no {CONFIG}, which tells what kind of model it is.") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ScorerError(f"{path}: it cannot be read: {error!r}") from error
    found = [folder / each for each in _WEIGHTS if (folder / each).is_file()]
    found += sorted(each for each in folder.iterdir() if each.suffix in _SUFFIXES)
    if not found:
        raise ScorerError(f"{folder}: the weights are missing. Put {_WEIGHTS[0]} beside {CONFIG}.")
    return Files(name, model, found[0], preprocess, folder)


def _of_hub(name: str, allow_download: bool) -> Path:
    try:
        from huggingface_hub import hf_hub_download

        places = [hf_hub_download(name, each, local_files_only=not allow_download) for each in (CONFIG, _WEIGHTS[0])]
    except Exception as error:
        how = "it could not be downloaded" if allow_download else "it is not in the local cache"
        said = " ".join(str(error).split())[:200]
        raise ScorerError(f"{name}: {how}. Give a folder that holds {CONFIG} and {_WEIGHTS[0]}. ({said})") from error
    return Path(places[0]).parent


def _of_name(name: str, weights: str, allow_download: bool) -> Files:
    try:
        import open_clip
    except ImportError as error:
        raise ScorerError(f"{name}: this is no folder, and a built-in name {NO_OPEN_CLIP}.") from error
    config = open_clip.get_model_config(name)
    if not config:
        raise ScorerError(f"{name}: this is neither a folder nor a model that open_clip knows.")
    if Path(weights).expanduser().is_file():
        return Files(name, config, Path(weights).expanduser(), _usual(name, ""))
    told = open_clip.get_pretrained_cfg(name, weights) if weights else None
    if not told:
        raise ScorerError(
            f"{name}: its weights are missing: {weights or 'none are named'}. Give the path of their file."
        )
    hub = str(told.get("hf_hub") or "").rstrip("/")
    if hub.count("/") != 1:
        raise ScorerError(f"{name}: the weights {weights} are not on the hub. Give the path of their file.")
    place = _of_hub(hub, allow_download)
    return Files(f"{name}-{weights}", config, place / _WEIGHTS[0], _usual(name, weights), place)


def _usual(name: str, weights: str) -> Mapping[str, Any]:
    """Mean and deviation that a built-in name was trained with."""
    import open_clip

    told = open_clip.get_pretrained_cfg(name, weights) if weights else None
    if told is None and "siglip" in name.lower():
        return {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    return {key: told[key] for key in ("mean", "std") if told and told.get(key)}
