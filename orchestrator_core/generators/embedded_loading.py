"""Opens a pipeline of diffusers from a folder, or from what the hub's cache has of a model.

Nothing is downloaded unless that is allowed, and no code of a model's own is run: weights are read from safetensors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator_core.errors import GeneratorUnreachable
from orchestrator_core.generators.pixel_codec import patch_of, pixel_codec

PACKAGES = "diffusers peft transformers torch"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, MemoryError)
_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pipeline is: a folder, or an id of the hub as ``owner/name``. ``device`` "": a card, if any."""

    source: str
    device: str = ""
    may_download: bool = False

    @property
    def folder(self) -> Path | None:
        """None: it is an id of the hub."""
        folder = Path(self.source).expanduser()
        return None if not folder.exists() and _HUB_ID.fullmatch(self.source) else folder

    @property
    def name(self) -> str:
        """What a request calls it."""
        folder = self.folder
        return self.source if folder is None else folder.resolve().name


def is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def check(place: Place, is_installed: Callable[[str], bool] = is_installed) -> None:
    """Raises GeneratorUnreachable where it plainly cannot be opened; nothing heavy is imported."""
    if (folder := place.folder) is not None:
        _index_of(folder)
    if missing := [name for name in PACKAGES.split() if not is_installed(name)]:
        raise GeneratorUnreachable(
            f"To render with {place.source} in this process, {' and '.join(missing)} must be installed: "
            f"pip install {PACKAGES}"
        )


def open_pipeline(place: Place) -> Any:
    """A pipeline on its device, ready to be called. Raises GeneratorUnreachable."""
    check(place)
    import torch

    device = place.device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float32 if device == "cpu" else torch.float16
    try:
        with _quiet():
            pipeline = _loaded(place, dtype).to(device)
    except _FAILURES as error:
        raise _refusal(place, error) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _loaded(place: Place, dtype: Any) -> Any:
    from diffusers import DiffusionPipeline
    from diffusers.utils import deprecation_utils

    # The argument has another name since 0.40 or so, and the old one warns.
    type_argument = "dtype" if hasattr(deprecation_utils, "_resolve_dtype") else "torch_dtype"
    where = place.folder
    parts = {} if where is None else _codec(where)
    return DiffusionPipeline.from_pretrained(
        place.source if where is None else str(where),
        local_files_only=not place.may_download,
        use_safetensors=True,
        **{type_argument: dtype},
        **parts,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and remarks with which two libraries tell of their loading."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    libraries = (of_diffusers, of_transformers)
    said = [(each.get_verbosity(), each.is_progress_bar_enabled()) for each in libraries]
    for each in libraries:
        each.set_verbosity_error()
        each.disable_progress_bar()
    try:
        yield
    finally:
        for each, (verbosity, has_bar) in zip(libraries, said, strict=True):
            each.set_verbosity(verbosity)
            if has_bar:
                each.enable_progress_bar()


def _codec(folder: Path) -> dict[str, Any]:
    """A stand-in for the VAE that a pipeline of pixels has not."""
    if _index_of(folder).get("vae") != [None, None]:
        return {}
    config = _read(folder / "unet" / "config.json")
    channels = config.get("in_channels")
    if not isinstance(channels, int) or not patch_of(channels):
        raise ValueError(f"it has no VAE, and its {channels} channels are no blocks of pixels")
    return {"vae": pixel_codec(channels)}


def _index_of(folder: Path) -> dict[str, Any]:
    """Raises GeneratorUnreachable: there is no folder, or no pipeline in it."""
    if not folder.exists():
        raise GeneratorUnreachable(f"There is no folder {folder}. Name one that holds a pipeline of diffusers.")
    if folder.is_file():
        raise GeneratorUnreachable(
            f"{folder} is a file; what is needed is a folder in the form of diffusers. From a checkpoint, "
            'StableDiffusionPipeline.from_single_file("…").save_pretrained("FOLDER") makes one.'
        )
    if not (folder / _INDEX).is_file():
        raise GeneratorUnreachable(f"{folder} is no pipeline of diffusers: it has no {_INDEX}.")
    try:
        return _read(folder / _INDEX)
    except (OSError, ValueError) as error:
        raise GeneratorUnreachable(f"{folder / _INDEX} cannot be read: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _refusal(place: Place, error: Exception) -> GeneratorUnreachable:
    said = " ".join(str(error).split())[:300]
    if place.folder is None and not place.may_download:
        return GeneratorUnreachable(
            f"There is no folder {place.source}, and the model of this name is not on this disk. To have it, run: "
            f"hf download {place.source}   ({said})"
        )
    return GeneratorUnreachable(f"{place.source}: this pipeline cannot be opened: {said}")
