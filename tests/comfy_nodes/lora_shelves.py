"""A shelf of small LoRAs, and models that remember what was put into them, for the tests of the LoRA nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from comfy_nodes.lora_shelf import LoraShelf
from orchestrator_core.watching import Timing
from tests.core.loras.library_files import write_lora

CALM = Timing(quiet=3600, reconcile=3600, polling=(3600,))  # the test says when to look


class Told(list[tuple[str, Mapping[str, Any]]]):
    """The messages to the browser windows."""

    def __call__(self, event: str, data: Mapping[str, Any]) -> None:
        self.append((event, data))


def shelf_of(folder: Path, tell: Told | None = None, **triggers: str) -> LoraShelf:
    """LoRAs by name, with their trigger words. "__" in a name is a folder's end."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in triggers.items():
        write_lora(folder / f"{name.replace('__', '/')}.safetensors", words)
    return LoraShelf(lambda: [str(folder)], tell=Told() if tell is None else tell, timing=CALM)


class FakeModel:
    """What a ModelPatcher is to the loading: a thing with patches and a mark of their state."""

    def __init__(self, patches: tuple[Any, ...] = ()) -> None:
        self.patches = patches
        self.mark: object = object()


class FakePatching:
    """Loads any file as its text; a file that says "bad" cannot be loaded, one that says "other" fits no model."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.patched_count = 0

    def load(self, path: str, /) -> Any:
        text = Path(path).read_text()
        self.loaded.append(Path(path).name)
        if "bad" in text:
            raise ValueError("not a LoRA\nand more lines")
        return text

    def size(self, weights: Any, /) -> int:
        return len(weights)

    def patched(self, model: Any, clip: Any, weights: Any, strengths: tuple[float, float], /) -> tuple[Any, Any]:
        self.patched_count += 1
        added = () if weights == "other" else ((weights, strengths),)
        return tuple(None if each is None else FakeModel((*each.patches, *added)) for each in (model, clip))  # type: ignore[return-value]

    def mark(self, patched: Any, /) -> object:
        return None if patched is None else patched.mark

    def count(self, patched: Any, /) -> int:
        return 0 if patched is None else len(patched.patches)

    def patches(self, patched: Any, /) -> Any:
        return None if patched is None else (patched.patches, patched.mark)

    def again(self, plain: Any, patches: Any, /) -> Any:
        if plain is None:
            return None
        new = FakeModel(patches[0])
        new.mark = patches[1]
        return new
