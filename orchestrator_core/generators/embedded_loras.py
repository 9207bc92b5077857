"""LoRAs in a pipeline of diffusers: found in folders by name, loaded once, each with the strengths of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator_core.errors import RenderFailed
from orchestrator_core.formats.comfy_graph import model_file
from orchestrator_core.generators.near_names import find_name
from orchestrator_core.prompt import LoraUse

_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, MemoryError)


def lora_files(folders: Iterable[Path]) -> dict[str, Path]:
    """By the name below its folder; of two of the same name, the first folder's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.safetensors")):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    return found


def find_loras(uses: Sequence[LoraUse], files: Mapping[str, Path]) -> tuple[dict[Path, LoraUse], list[str]]:
    """(the file of each, a line for each that is not there). What is used twice counts with both strengths."""
    found: dict[Path, LoraUse] = {}
    problems = []
    for use in uses:
        name, problem = find_name(model_file(use.name), list(files))
        if problem:
            problems.append(f"LoRA: {problem}")
            continue
        before = found.get(path := files[name])
        model, clip = (before.strength_model, before.strength_clip) if before else (0.0, 0.0)
        found[path] = LoraUse(use.name, model + use.strength_model, clip + use.strength_clip)
    return found, problems


class Adapters:
    """Those that are in one pipeline now. What a request does not use is taken out again."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._names: dict[tuple[Path, int], str] = {}  # by path and time of the file
        self._count = 0

    def use(self, wanted: Mapping[Path, LoraUse]) -> None:
        """Exactly these. Raises RenderFailed for a file that is no LoRA of this model."""
        keys = {(path, path.stat().st_mtime_ns): use for path, use in wanted.items()}
        for key in [key for key in self._names if key not in keys]:
            self._pipeline.delete_adapters(self._names.pop(key))
        for path, time in keys:
            if (path, time) not in self._names:
                self._names[path, time] = self._load(path)
        if keys:
            weights = [self._strengths(use) for use in keys.values()]
            self._pipeline.set_adapters([self._names[key] for key in keys], weights)

    def _load(self, path: Path) -> str:
        self._count += 1
        name = f"lora_{self._count}"
        try:
            with _quietly():
                self._pipeline.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
        except _FAILURES as error:
            said = " ".join(str(error).split())[:300]
            raise RenderFailed(f"{path} is no LoRA that fits this model: {said}") from error
        if not any(name in names for names in self._pipeline.get_list_adapters().values()):
            raise RenderFailed(f"{path} is no LoRA that fits this model: none of its weights has a place there.")
        return name

    def _strengths(self, use: LoraUse) -> dict[str, float]:
        parts = self._pipeline.get_list_adapters()
        return {part: use.strength_clip if "text" in part else use.strength_model for part in parts}


@contextmanager
def _quietly() -> Iterator[None]:
    """diffusers asks everybody to report a LoRA that changes the UNet alone, as most do."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
